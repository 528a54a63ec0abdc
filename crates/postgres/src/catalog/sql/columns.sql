-- Columns of tables, foreign tables, views, materialized views and composite types.
-- A column that the net has hidden is none. position is the rank among the live columns: dropped ones leave gaps in attnum that a dump does not bring back.
select
  n.nspname as path_1
, c.relname as path_2
, a.attname as path_3
, c.oid
, a.attnum as part
, c.oid as relation
, row_number() over (partition by a.attrelid order by a.attnum) as position
, format_type(a.atttypid, a.atttypmod) as type
, case when not a.attnotnull then null
--18+   when k.connoinherit then 'no inherit'
--18+   when not k.convalidated then 'not valid'
    else 'yes' end as not_null
, case when a.attgenerated = '' then pg_get_expr(d.adbin, d.adrelid) end as "default"
, case when a.attgenerated <> '' then pg_get_expr(d.adbin, d.adrelid) end as expression
, case a.attgenerated when 's' then 'stored' when 'v' then 'virtual' end as generated
, case a.attidentity when 'a' then 'always' when 'd' then 'by default' end as identity
, case when a.attcollation <> t.typcollation then
    (select quote_ident(cn.nspname) || '.' || quote_ident(co.collname)
     from pg_collation co join pg_namespace cn on cn.oid = co.collnamespace where co.oid = a.attcollation) end as collation
, case when a.attstorage <> t.typstorage then
    case a.attstorage when 'p' then 'plain' when 'm' then 'main' when 'e' then 'external' when 'x' then 'extended' end end as storage
--14+ , case a.attcompression when 'p' then 'pglz' when 'l' then 'lz4' end as compression
, nullif(a.attstattarget, -1) as statistics_target
, (select string_agg(o, ', ' order by o) from unnest(a.attoptions) o) as options
, (select encode(sha256(convert_to(string_agg(o, ',' order by o), 'UTF8')), 'hex') from unnest(a.attfdwoptions) o) as options_digest
, case when a.attinhcount > 0 then case when a.attislocal then 'inherited and own' else 'inherited' end end as inheritance
, case when a.attacl is not null then
    (select string_agg(i::text, ', ' order by i::text) from unnest(a.attacl) i) end as privileges
, case t.typstorage when 'p' then 'plain' when 'm' then 'main' when 'e' then 'external' else 'extended' end as fact_default_storage
, a.atttypid || '/' || a.atttypmod as fact_same_type
, nullif(a.attcollation, 0) as fact_same_collation
, case when a.attgenerated = '' then hashtextextended(d.adbin::text, 0) end as fact_same_default
, case when a.attgenerated <> '' then hashtextextended(d.adbin::text, 0) end as fact_same_expression
--18+ , k.conname as fact_not_null_name
from pg_attribute a
join pg_class c on c.oid = a.attrelid
join pg_namespace n on n.oid = c.relnamespace
join pg_type t on t.oid = a.atttypid
left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
--18+ left join pg_constraint k on k.conrelid = a.attrelid and k.contype = 'n' and k.conkey[1] = a.attnum
where a.attnum > 0 and not a.attisdropped and not starts_with(a.attname::text, 'tightrope_hidden_')
  and c.relkind in ('r', 'p', 'f', 'v', 'm', 'c') and c.oid >= 16384
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tightrope')
