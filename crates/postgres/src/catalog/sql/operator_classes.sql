select
  n.nspname as path_1
, o.opcname || ' using ' || a.amname as path_2
, o.oid
, pg_get_userbyid(o.opcowner) as owner
, format_type(o.opcintype, null) as type
, quote_ident(fn.nspname) || '.' || quote_ident(f.opfname) as family
, case when o.opcdefault then 'yes' end as "default"
, case when o.opckeytype <> 0 then format_type(o.opckeytype, null) end as storage
from pg_opclass o
join pg_am a on a.oid = o.opcmethod
join pg_opfamily f on f.oid = o.opcfamily
join pg_namespace fn on fn.oid = f.opfnamespace
join pg_namespace n on n.oid = o.opcnamespace
where o.oid >= 16384
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tightrope')
