-- Every table with rows of its own, and what a selective copy has to know of it. Columns are in the order of the outermost table that it is a
-- part of, so that the rows of all its parts look the same; what the server computes is left out.
select
  c.oid::bigint as oid
, n.nspname::text as schema
, c.relname::text as name
, c.relpersistence = 'u' as unlogged
, pg_relation_size(c.oid) as bytes
, case when c.relpages > 0 and c.reltuples >= 0
    then (c.reltuples / c.relpages * (pg_relation_size(c.oid) / current_setting('block_size')::bigint))::bigint end as estimate
, whole.oid::bigint as whole
, (select json_agg(p.relid::oid::bigint)::text from pg_partition_ancestors(c.oid) p) as parts_of
, (with recursive up(oid, depth) as (
    select c.oid, 0
    union select i.inhparent, depth + 1 from up join pg_inherits i on i.inhrelid = up.oid)
  select json_agg(json_build_array(un.nspname, uc.relname) order by depth)::text
    from up join pg_class uc on uc.oid = up.oid join pg_namespace un on un.oid = uc.relnamespace) as names
, e.oid is not null as of_extension
, e.extcondition[array_position(e.extconfig, c.oid)] as condition
, (select json_agg(json_build_object(
      'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'base', base.name, 'modifier', base.modifier,
      'not_null', a.attnotnull or base.not_null) order by coalesce(w.attnum, a.attnum))::text
    from pg_attribute a
    left join pg_attribute w on whole.oid <> c.oid and w.attrelid = whole.oid and w.attname = a.attname
    cross join lateral (
      with recursive b(oid, modifier, depth, not_null) as (
        select a.atttypid, a.atttypmod, 0, false
        union all select t.typbasetype, t.typtypmod, depth + 1, b.not_null or t.typnotnull from b join pg_type t on t.oid = b.oid and t.typtype = 'd')
      select t.typname as name, b.modifier, b.not_null from b join pg_type t on t.oid = b.oid order by depth desc limit 1) base
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '') as columns
, (select json_agg(json_build_array(x.relname, (
      select json_agg(a.attname) from pg_attribute a where a.attrelid = c.oid and a.attnum = any (i.indkey))))::text
    from pg_index i join pg_class x on x.oid = i.indexrelid
    where i.indrelid = c.oid and i.indisunique) as uniques
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
cross join lateral (select coalesce(pg_partition_root(c.oid)::oid, c.oid) as oid) whole
left join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
left join pg_extension e on e.oid = d.refobjid
where c.relkind = 'r' and c.oid >= 16384 and c.relpersistence <> 't'
  and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  and (e.oid is null or c.oid = any (e.extconfig))
order by 2, 3
