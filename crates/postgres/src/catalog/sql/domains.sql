-- Their CHECK constraints are constraints.
select
  n.nspname as path_1
, t.typname as path_2
, t.oid
, pg_get_userbyid(t.typowner) as owner
, format_type(t.typbasetype, t.typtypmod) as type
, case when t.typnotnull then 'yes' end as not_null
, coalesce(pg_get_expr(t.typdefaultbin, 0), t.typdefault) as "default"
, case when t.typcollation <> b.typcollation then
    (select quote_ident(cn.nspname) || '.' || quote_ident(co.collname)
     from pg_collation co join pg_namespace cn on cn.oid = co.collnamespace where co.oid = t.typcollation) end as collation
, case when t.typacl is not null then nullif(
    coalesce((select string_agg(i::text, ', ' order by i::text) from unnest(t.typacl) i), 'none'),
    (select string_agg(i::text, ', ' order by i::text) from unnest(acldefault('T', t.typowner)) i)) end as privileges
, (select string_agg(i::text, ', ' order by i::text) from unnest(acldefault('T', t.typowner)) i) as fact_default_privileges
, t.typbasetype || '/' || t.typtypmod as fact_same_type
, hashtextextended(t.typdefaultbin::text, 0) as fact_same_default
, nullif(t.typcollation, 0) as fact_same_collation
from pg_type t
join pg_namespace n on n.oid = t.typnamespace
join pg_type b on b.oid = t.typbasetype
where t.typtype = 'd' and t.oid >= 16384
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tightrope')
