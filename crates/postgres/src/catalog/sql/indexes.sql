-- Also those behind constraints: their options and tablespace are nowhere else.
-- fact_key: the columns by which every row can be told from the others, if the index guarantees it.
select
  n.nspname as path_1
, c.relname as path_2
, c.oid
, x.indrelid as relation
, t.relname as "table"
, pg_get_indexdef(c.oid) as definition
, case when not x.indisvalid then 'no' end as valid
, case when x.indisprimary then 'yes' end as "primary"
, case when x.indisreplident then 'yes' end as replica_identity
, case when x.indisclustered then 'yes' end as clustered
, s.spcname as tablespace
, case when c.relispartition then (select i.inhparent::regclass::text from pg_inherits i where i.inhrelid = c.oid) end as partition_of
, case when 0 = any (x.indkey) then
    (select string_agg(a.attnum || ': ' || a.attstattarget, ', ' order by a.attnum) from pg_attribute a
     where a.attrelid = c.oid and a.attstattarget >= 0) end as statistics_targets
, case when x.indisunique and x.indimmediate and x.indisvalid and x.indpred is null and x.indexprs is null then
    (select case when bool_and(a.attnotnull
--18+   and not exists (select from pg_constraint k where k.conrelid = a.attrelid and k.contype = 'n' and k.conkey = array[a.attnum] and not k.convalidated)
      ) then json_agg(a.attname order by array_position(x.indkey::int2[], a.attnum)) end from pg_attribute a
     where a.attrelid = x.indrelid and a.attnum = any ((x.indkey::int2[])[0:x.indnkeyatts - 1])) end as fact_key
, hashtextextended(row(x.indrelid, c.relam, x.indkey, x.indclass, x.indcollation, x.indoption, x.indexprs::text, x.indpred::text
  , x.indisunique, x.indimmediate, c.reloptions
--15+   , x.indnullsnotdistinct
  )::text, 0) as fact_same_definition
, x.indrelid as fact_same_table
, case when c.relispartition then (select i.inhparent from pg_inherits i where i.inhrelid = c.oid) end as fact_same_partition_of
, (select k.conname from pg_constraint k where k.conindid = c.oid and k.contype in ('p', 'u', 'x')) as fact_constraint
, (select string_agg(o, ', ' order by o) from unnest(c.reloptions) o) as fact_options
from pg_index x
join pg_class c on c.oid = x.indexrelid
join pg_class t on t.oid = x.indrelid
join pg_namespace n on n.oid = c.relnamespace
left join pg_tablespace s on s.oid = c.reltablespace
where c.oid >= 16384
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tightrope')
