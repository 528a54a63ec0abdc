-- Never the value: nextval survives a rollback.
select
  n.nspname as path_1
, c.relname as path_2
, c.oid
, pg_get_userbyid(c.relowner) as owner
, format_type(s.seqtypid, null) as type
, s.seqstart as start
, s.seqincrement as increment
, s.seqmin as minimum
, s.seqmax as maximum
, nullif(s.seqcache, 1) as cache
, case when s.seqcycle then 'yes' end as cycle
, case c.relpersistence when 'u' then 'unlogged' end as persistence
, (select case d.deptype when 'i' then 'identity of ' else '' end || d.refobjid::regclass::text || '.' || quote_ident(a.attname)
   from pg_depend d join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
   where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.objsubid = 0
     and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')) as owned_by
, case when c.relacl is not null then nullif(
    coalesce((select string_agg(i::text, ', ' order by i::text) from unnest(c.relacl) i), 'none'),
    (select string_agg(i::text, ', ' order by i::text) from unnest(acldefault('s', c.relowner)) i)) end as privileges
from pg_class c
join pg_sequence s on s.seqrelid = c.oid
join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'S' and c.oid >= 16384
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tightrope')
