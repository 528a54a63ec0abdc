-- _holds_rows: the table has rows of its own (a partitioned table has not). fact_partition_check: the bounds as a condition.
-- replica_identity: an index that is gone leaves none.
-- fact_storage_file: another one when the table was rewritten.
select
  n.nspname as path_1
, c.relname as path_2
, c.oid
, case when c.relkind = 'r' then 'yes' end as _holds_rows
, pg_get_userbyid(c.relowner) as owner
, case c.relpersistence when 'u' then 'unlogged' end as persistence
, case when c.relkind = 'p' then pg_get_partkeydef(c.oid) end as partition_key
, case when c.relispartition then pg_get_expr(c.relpartbound, c.oid) end as partition_bound
, case when c.relispartition then pg_get_partition_constraintdef(c.oid) end as fact_partition_check
, case when c.relispartition or exists (select from pg_inherits i where i.inhrelid = c.oid) then
    (select string_agg(i.inhparent::regclass::text, ', ' order by i.inhseqno) from pg_inherits i where i.inhrelid = c.oid) end as inherits
--14+ , case when c.relispartition and exists (select from pg_inherits i where i.inhrelid = c.oid and i.inhdetachpending) then 'pending' end as detach
, case when c.reloftype <> 0 then format_type(c.reloftype, null) end as row_type
, nullif(a.amname, 'heap') as access_method
, s.spcname as tablespace
, (select string_agg(o, ', ' order by o) from unnest(c.reloptions) o) as options
, case when c.reltoastrelid <> 0 then
    (select string_agg(o, ', ' order by o) from pg_class t, unnest(t.reloptions) o where t.oid = c.reltoastrelid) end as toast_options
, case when c.relrowsecurity then 'enabled' end as row_security
, case when c.relforcerowsecurity then 'yes' end as row_security_forced
, case c.relreplident when 'd' then null when 'n' then 'nothing' when 'f' then 'full' when 'i' then
    case when exists (select from pg_index x where x.indrelid = c.oid and x.indisreplident) then 'index' else 'nothing' end end as replica_identity
, case when c.relacl is not null then nullif(
    coalesce((select string_agg(i::text, ', ' order by i::text) from unnest(c.relacl) i), 'none'),
    (select string_agg(i::text, ', ' order by i::text) from unnest(acldefault('r', c.relowner)) i)) end as privileges
, (select string_agg(i::text, ', ' order by i::text) from unnest(acldefault('r', c.relowner)) i) as fact_default_privileges
, case when c.relkind = 'p' then (select hashtextextended(row(p.partstrat, p.partattrs, p.partclass, p.partcollation, p.partexprs::text)::text, 0)
    from pg_partitioned_table p where p.partrelid = c.oid) end as fact_same_partition_key
, case when c.relispartition then hashtextextended(regexp_replace(c.relpartbound::text, ':location -?[0-9]+', '', 'g'), 0) end as fact_same_partition_bound
, (select string_agg(i.inhparent::text, ', ' order by i.inhseqno) from pg_inherits i where i.inhrelid = c.oid) as fact_same_inherits
, nullif(c.reloftype, 0) as fact_same_row_type
, nullif(c.relfilenode, 0) as fact_storage_file
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join pg_am a on a.oid = c.relam
left join pg_tablespace s on s.oid = c.reltablespace
where c.relkind in ('r', 'p') and c.oid >= 16384
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tightrope')
