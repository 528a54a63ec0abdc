-- Never the value: nextval survives a rollback. One of an identity is of its column's type: what `like` copies is not, and no dump says so.
select
  n.nspname as path_1
, c.relname as path_2
, c.oid
, pg_get_userbyid(c.relowner) as owner
, (select format_type(case o.deptype when 'i' then a.atttypid else s.seqtypid end, null)
   from (select 1) one left join pg_attribute a on a.attrelid = o.refobjid and a.attnum = o.refobjsubid) as type
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
, (select string_agg(i::text, ', ' order by i::text) from unnest(acldefault('s', c.relowner)) i) as fact_default_privileges
, o.deptype::text || o.refobjid || '/' || o.refobjsubid as fact_same_owned_by
, case o.deptype when 'i' then 'yes' end as fact_identity
, (select on_.nspname from pg_class oc join pg_namespace on_ on on_.oid = oc.relnamespace where oc.oid = o.refobjid) as fact_owner_schema
, (select oc.relname from pg_class oc where oc.oid = o.refobjid) as fact_owner_table
, (select a.attname from pg_attribute a where a.attrelid = o.refobjid and a.attnum = o.refobjsubid) as fact_owner_column
from pg_class c
join pg_sequence s on s.seqrelid = c.oid
join pg_namespace n on n.oid = c.relnamespace
left join pg_depend o on o.classid = 'pg_class'::regclass and o.objid = c.oid and o.objsubid = 0
  and o.refclassid = 'pg_class'::regclass and o.deptype in ('a', 'i') and o.refobjsubid > 0
where c.relkind = 'S' and c.oid >= 16384
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tightrope')
