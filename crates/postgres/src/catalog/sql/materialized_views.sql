select
  n.nspname as path_1
, c.relname as path_2
, c.oid
, pg_get_userbyid(c.relowner) as owner
, pg_get_viewdef(c.oid) as definition
, case when not c.relispopulated then 'no' end as populated
, nullif(a.amname, 'heap') as access_method
, s.spcname as tablespace
, (select string_agg(o, ', ' order by o) from unnest(c.reloptions) o) as options
, case when c.relacl is not null then nullif(
    coalesce((select string_agg(i::text, ', ' order by i::text) from unnest(c.relacl) i), 'none'),
    (select string_agg(i::text, ', ' order by i::text) from unnest(acldefault('r', c.relowner)) i)) end as privileges
, (select string_agg(i::text, ', ' order by i::text) from unnest(acldefault('r', c.relowner)) i) as fact_default_privileges
, (select hashtextextended(r.ev_action::text, 0) from pg_rewrite r where r.ev_class = c.oid and r.rulename = '_RETURN') as fact_same_definition
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join pg_am a on a.oid = c.relam
left join pg_tablespace s on s.oid = c.reltablespace
where c.relkind = 'm' and c.oid >= 16384
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tightrope')
