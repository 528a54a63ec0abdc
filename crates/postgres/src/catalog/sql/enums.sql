select
  n.nspname as path_1
, t.typname as path_2
, t.oid
, pg_get_userbyid(t.typowner) as owner
, (select string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid) as labels
, (select string_agg(e.oid::text, ', ' order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid) as fact_numbers
, case when t.typacl is not null then nullif(
    coalesce((select string_agg(i::text, ', ' order by i::text) from unnest(t.typacl) i), 'none'),
    (select string_agg(i::text, ', ' order by i::text) from unnest(acldefault('T', t.typowner)) i)) end as privileges
, (select string_agg(i::text, ', ' order by i::text) from unnest(acldefault('T', t.typowner)) i) as fact_default_privileges
from pg_type t
join pg_namespace n on n.oid = t.typnamespace
where t.typtype = 'e' and t.oid >= 16384
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tightrope')
