-- The foreign keys as each table with rows has them. What the server keeps for every part of a table that is referred to says nothing new.
select
  k.oid::bigint as oid
, k.conname::text as name
, k.conrelid::bigint as from_table
, k.confrelid::bigint as to_table
, tn.nspname::text as to_schema
, t.relname::text as to_name
, t.relkind = 'p' as to_parts
, (select json_agg(json_build_object(
      'column', a.attname, 'refers', r.attname, 'type', format_type(a.atttypid, a.atttypmod),
      'operator', case when to_jsonb(k) ->> 'conperiod' = 'true' and u.place = cardinality(k.conkey) then 'operator(pg_catalog.&&)'
        else format('operator(%I.%s)', o.nspname, o.oprname) end) order by u.place)::text
    from unnest(k.conkey, k.confkey, k.conpfeqop) with ordinality u(own, other, equal, place)
    join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.own
    join pg_attribute r on r.attrelid = k.confrelid and r.attnum = u.other
    join (select o.oid, o.oprname, n.nspname from pg_operator o join pg_namespace n on n.oid = o.oprnamespace) o on o.oid = u.equal) as columns
from pg_constraint k
join pg_class c on c.oid = k.conrelid and c.relkind = 'r'
join pg_class t on t.oid = k.confrelid
join pg_namespace tn on tn.oid = t.relnamespace
where k.contype = 'f' and not exists (select from pg_constraint p where p.oid = k.conparentid and p.conrelid = k.conrelid)
order by 1
