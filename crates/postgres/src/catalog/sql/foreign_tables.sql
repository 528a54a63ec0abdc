-- Options may hold a password: only their digest is kept.
select
  n.nspname as path_1
, c.relname as path_2
, c.oid
, pg_get_userbyid(c.relowner) as owner
, s.srvname as server
, case when c.relispartition then pg_get_expr(c.relpartbound, c.oid) end as partition_bound
, (select string_agg(i.inhparent::regclass::text, ', ' order by i.inhseqno) from pg_inherits i where i.inhrelid = c.oid) as inherits
, (select encode(sha256(convert_to(string_agg(o, ',' order by o), 'UTF8')), 'hex') from unnest(f.ftoptions) o) as options_digest
, case when c.relacl is not null then nullif(
    coalesce((select string_agg(i::text, ', ' order by i::text) from unnest(c.relacl) i), 'none'),
    (select string_agg(i::text, ', ' order by i::text) from unnest(acldefault('r', c.relowner)) i)) end as privileges
, (select string_agg(i::text, ', ' order by i::text) from unnest(acldefault('r', c.relowner)) i) as fact_default_privileges
, f.ftserver as fact_same_server
, case when c.relispartition then hashtextextended(regexp_replace(c.relpartbound::text, ':location -?[0-9]+', '', 'g'), 0) end as fact_same_partition_bound
, (select string_agg(i.inhparent::text, ', ' order by i.inhseqno) from pg_inherits i where i.inhrelid = c.oid) as fact_same_inherits
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_foreign_table f on f.ftrelid = c.oid
join pg_foreign_server s on s.oid = f.ftserver
where c.relkind = 'f' and c.oid >= 16384
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tightrope')
