select
  n.nspname as path_1
, n.oid
, pg_get_userbyid(n.nspowner) as owner
, case when n.nspacl is not null then nullif(
    coalesce((select string_agg(i::text, ', ' order by i::text) from unnest(n.nspacl) i), 'none'),
    (select string_agg(i::text, ', ' order by i::text) from unnest(acldefault('n', n.nspowner)) i)) end as privileges
, (select string_agg(i::text, ', ' order by i::text) from unnest(acldefault('n', n.nspowner)) i) as fact_default_privileges
, current_setting('server_version_num')::int / 10000 as fact_server
from pg_namespace n
where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tightrope')
