select
  n.nspname as path_1
, c.conname as path_2
, c.oid
, pg_get_userbyid(c.conowner) as owner
, pg_encoding_to_char(c.conforencoding) as source
, pg_encoding_to_char(c.contoencoding) as target
, c.conproc::oid::regprocedure::text as function
, case when c.condefault then 'yes' end as "default"
, c.conproc::oid as fact_same_function
from pg_conversion c
join pg_namespace n on n.oid = c.connamespace
where c.oid >= 16384
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tightrope')
