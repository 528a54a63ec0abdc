select
  n.nspname as path_1
, p.proname || '(' || oidvectortypes(p.proargtypes) || ')' as path_2
, p.oid
, quote_ident(p.proname) as fact_name
, pg_get_function_identity_arguments(p.oid) as fact_signature
, pg_get_functiondef(p.oid) as fact_definition
, pg_get_userbyid(p.proowner) as owner
, pg_get_function_arguments(p.oid) as arguments
, l.lanname as language
, p.prosrc as body
, p.probin as file
--14+ , pg_get_function_sqlbody(p.oid) as sql_body
, case when p.prosecdef then 'yes' end as security_definer
, (select string_agg(format_type(o, null), ', ') from unnest(p.protrftypes) o) as transforms
, (select string_agg(o, ', ' order by o) from unnest(p.proconfig) o) as settings
, case when p.proacl is not null then nullif(
    coalesce((select string_agg(i::text, ', ' order by i::text) from unnest(p.proacl) i), 'none'),
    (select string_agg(i::text, ', ' order by i::text) from unnest(acldefault('f', p.proowner)) i)) end as privileges
, (select string_agg(i::text, ', ' order by i::text) from unnest(acldefault('f', p.proowner)) i) as fact_default_privileges
, hashtextextended(row(p.proargtypes, p.proallargtypes, p.proargmodes, p.proargnames, p.provariadic, p.proargdefaults::text)::text, 0) as fact_same_arguments
--14+ , hashtextextended(p.prosqlbody::text, 0) as fact_same_sql_body
, p.protrftypes as fact_same_transforms
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
join pg_language l on l.oid = p.prolang
where p.prokind = 'p' and p.oid >= 16384
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tightrope')
