-- What makes a copy behave otherwise though it holds the same: kind (v version, s setting, e extension, r rows, b bytes), name, value.
select 'v', '', current_setting('server_version')
union all
select 's', name, reset_val || coalesce(' ' || unit, '') from pg_settings
where name in (
  'autovacuum', 'bytea_output', 'cursor_tuple_fraction', 'DateStyle', 'default_statistics_target', 'default_transaction_isolation'
, 'effective_cache_size', 'effective_io_concurrency', 'from_collapse_limit', 'fsync', 'full_page_writes', 'hash_mem_multiplier', 'IntervalStyle', 'jit'
, 'join_collapse_limit', 'lc_monetary', 'lc_numeric', 'maintenance_work_mem', 'max_connections', 'max_locks_per_transaction'
, 'max_parallel_maintenance_workers', 'max_parallel_workers_per_gather', 'max_wal_size', 'plan_cache_mode', 'random_page_cost', 'seq_page_cost'
, 'shared_buffers', 'standard_conforming_strings', 'synchronous_commit', 'TimeZone', 'wal_level', 'work_mem')
union all
select 's', name, value
from pg_database d cross join lateral (values ('encoding', pg_encoding_to_char(d.encoding)::text), ('collation', d.datcollate::text), ('character type', d.datctype::text)) x (name, value)
where d.datname = current_database()
union all
select 'e', extname, extversion from pg_extension
union all
-- A table that was never analysed has no number of rows.
select 'r', '', case when count(*) filter (where c.reltuples < 0) = 0 then sum(c.reltuples)::bigint::text end
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'm') and n.nspname not in ('pg_catalog', 'information_schema', 'tightrope') and n.nspname !~ '^pg_(toast|temp)'
union all
select 'b', '', pg_database_size(current_database())::text
