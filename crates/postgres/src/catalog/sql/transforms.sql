select
  format_type(t.trftype, null) || ' for ' || l.lanname as path_1
, t.oid
, format_type(t.trftype, null) as fact_type
, quote_ident(l.lanname) as fact_language
, nullif(t.trffromsql::oid, 0)::regprocedure::text as from_sql
, nullif(t.trftosql::oid, 0)::regprocedure::text as to_sql
, nullif(t.trffromsql::oid, 0) as fact_same_from_sql
, nullif(t.trftosql::oid, 0) as fact_same_to_sql
from pg_transform t
join pg_language l on l.oid = t.trflang
where t.oid >= 16384
