select
  n.nspname as path_1
, p.proname || '(' || oidvectortypes(p.proargtypes) || ')' as path_2
, p.oid
, quote_ident(p.proname) as fact_name
, pg_get_function_identity_arguments(p.oid) as fact_signature
, pg_get_functiondef(p.oid) as fact_definition
, pg_get_userbyid(p.proowner) as owner
, pg_get_function_arguments(p.oid) as arguments
, pg_get_function_result(p.oid) as result
, l.lanname as language
, p.prosrc as body
, p.probin as file
--14+ , pg_get_function_sqlbody(p.oid) as sql_body
, case p.prokind when 'w' then 'yes' end as "window"
, case p.provolatile when 'i' then 'immutable' when 's' then 'stable' end as volatility
, case when p.proisstrict then 'yes' end as strict
, case when p.prosecdef then 'yes' end as security_definer
, case when p.proleakproof then 'yes' end as leakproof
, case p.proparallel when 's' then 'safe' when 'r' then 'restricted' end as parallel
, p.procost as cost
, nullif(p.prorows, 0) as rows
, nullif(p.prosupport::oid, 0)::regprocedure::text as support
, (select string_agg(format_type(o, null), ', ') from unnest(p.protrftypes) o) as transforms
, (select string_agg(o, ', ' order by o) from unnest(p.proconfig) o) as settings
, case when p.proacl is not null then nullif(
    coalesce((select string_agg(i::text, ', ' order by i::text) from unnest(p.proacl) i), 'none'),
    (select string_agg(i::text, ', ' order by i::text) from unnest(acldefault('f', p.proowner)) i)) end as privileges
, (select string_agg(i::text, ', ' order by i::text) from unnest(acldefault('f', p.proowner)) i) as fact_default_privileges
, hashtextextended(row(p.proargtypes, p.proallargtypes, p.proargmodes, p.proargnames, p.provariadic, p.proargdefaults::text)::text, 0) as fact_same_arguments
, hashtextextended(row(p.prorettype, p.proretset, p.proallargtypes, p.proargmodes)::text, 0) as fact_same_result
--14+ , hashtextextended(p.prosqlbody::text, 0) as fact_same_sql_body
, nullif(p.prosupport::oid, 0) as fact_same_support
, p.protrftypes as fact_same_transforms
, case when exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid
    and d.refclassid = 'pg_type'::regclass and d.deptype = 'i') then 'yes' end as fact_comes_with_type
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
join pg_language l on l.oid = p.prolang
where p.prokind in ('f', 'w') and p.oid >= 16384
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tightrope')
