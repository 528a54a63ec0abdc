-- What decides how text is ordered and compared: the database's own collation, and those that columns or people use.
select 'the database' as name, concat_ws(
    ' ',
    case d.j ->> 'datlocprovider' when 'i' then 'icu' when 'b' then 'builtin' else 'libc' end,
    coalesce(d.j ->> 'datlocale', d.j ->> 'daticulocale', d.j ->> 'datcollate'),
    d.j ->> 'daticurules') as meaning
from (select to_jsonb(d) as j from pg_catalog.pg_database d where d.datname = pg_catalog.current_database()) d
union all
select 'collation ' || (c.j ->> 'collname'), concat_ws(
    ' ',
    case c.j ->> 'collprovider' when 'i' then 'icu' when 'b' then 'builtin' else 'libc' end,
    coalesce(c.j ->> 'colllocale', c.j ->> 'colliculocale', c.j ->> 'collcollate'),
    case when (c.j ->> 'collisdeterministic') = 'false' then 'nondeterministic' end,
    c.j ->> 'collicurules',
    case when c.j ->> 'collprovider' = 'i' then pg_catalog.pg_collation_actual_version(c.oid) end)
from (select to_jsonb(c) as j, c.oid from pg_catalog.pg_collation c
      where c.oid >= 16384
         or exists (select from pg_catalog.pg_attribute a
                    where a.attcollation = c.oid and a.attnum > 0 and a.attrelid >= 16384 and c.collname <> 'default')) c
order by 1
