select
  n.nspname as path_1
, p.proname || '(' || oidvectortypes(p.proargtypes) || ')' as path_2
, p.oid
, quote_ident(p.proname) as fact_name
, pg_get_function_identity_arguments(p.oid) as fact_signature
, pg_get_userbyid(p.proowner) as owner
, pg_get_function_arguments(p.oid) as arguments
, pg_get_function_result(p.oid) as result
, case a.aggkind when 'o' then 'ordered set' when 'h' then 'hypothetical set' end as kind
, a.aggnumdirectargs as direct_arguments
, a.aggtransfn::regprocedure::text as transition
, nullif(a.aggfinalfn::oid, 0)::regprocedure::text as final
, nullif(a.aggcombinefn::oid, 0)::regprocedure::text as combine
, nullif(a.aggserialfn::oid, 0)::regprocedure::text as serial
, nullif(a.aggdeserialfn::oid, 0)::regprocedure::text as deserial
, nullif(a.aggmtransfn::oid, 0)::regprocedure::text as moving_transition
, nullif(a.aggminvtransfn::oid, 0)::regprocedure::text as moving_inverse
, nullif(a.aggmfinalfn::oid, 0)::regprocedure::text as moving_final
, a.aggfinalextra::text || a.aggfinalmodify::text || a.aggmfinalextra::text || a.aggmfinalmodify::text as final_flags
, nullif(a.aggsortop, 0)::regoperator::text as sort_operator
, format_type(a.aggtranstype, null) as state_type
, nullif(a.aggtransspace, 0) as state_space
, case when a.aggmtranstype <> 0 then format_type(a.aggmtranstype, null) end as moving_state_type
, nullif(a.aggmtransspace, 0) as moving_state_space
, a.agginitval as initial
, a.aggminitval as moving_initial
, case p.proparallel when 's' then 'safe' when 'r' then 'restricted' end as parallel
, case when p.proacl is not null then nullif(
    coalesce((select string_agg(i::text, ', ' order by i::text) from unnest(p.proacl) i), 'none'),
    (select string_agg(i::text, ', ' order by i::text) from unnest(acldefault('f', p.proowner)) i)) end as privileges
, (select string_agg(i::text, ', ' order by i::text) from unnest(acldefault('f', p.proowner)) i) as fact_default_privileges
, hashtextextended(row(p.proargtypes, p.proallargtypes, p.proargmodes, p.proargnames, p.provariadic, p.proargdefaults::text)::text, 0) as fact_same_arguments
, p.prorettype as fact_same_result
, a.aggtransfn::oid as fact_same_transition
, nullif(a.aggfinalfn::oid, 0) as fact_same_final
, nullif(a.aggcombinefn::oid, 0) as fact_same_combine
, nullif(a.aggserialfn::oid, 0) as fact_same_serial
, nullif(a.aggdeserialfn::oid, 0) as fact_same_deserial
, nullif(a.aggmtransfn::oid, 0) as fact_same_moving_transition
, nullif(a.aggminvtransfn::oid, 0) as fact_same_moving_inverse
, nullif(a.aggmfinalfn::oid, 0) as fact_same_moving_final
, nullif(a.aggsortop, 0) as fact_same_sort_operator
, a.aggtranstype as fact_same_state_type
, nullif(a.aggmtranstype, 0) as fact_same_moving_state_type
from pg_proc p
join pg_aggregate a on a.aggfnoid = p.oid
join pg_namespace n on n.oid = p.pronamespace
where p.prokind = 'a' and p.oid >= 16384
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tightrope')
