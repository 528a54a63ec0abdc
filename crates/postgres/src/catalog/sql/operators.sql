select
  n.nspname as path_1
, o.oprname || '(' || coalesce(format_type(nullif(o.oprleft, 0), null), 'none') || ', '
    || coalesce(format_type(nullif(o.oprright, 0), null), 'none') || ')' as path_2
, o.oid
, o.oprname as fact_name
, coalesce(format_type(nullif(o.oprleft, 0), null), 'none') as fact_left
, coalesce(format_type(nullif(o.oprright, 0), null), 'none') as fact_right
, pg_get_userbyid(o.oprowner) as owner
, format_type(nullif(o.oprresult, 0), null) as result
, nullif(o.oprcode::oid, 0)::regprocedure::text as function
, nullif(o.oprcom, 0)::regoperator::text as commutator
, nullif(o.oprnegate, 0)::regoperator::text as negator
, nullif(o.oprrest::oid, 0)::regprocedure::text as restrict
, nullif(o.oprjoin::oid, 0)::regprocedure::text as "join"
, case when o.oprcanmerge then 'yes' end as merges
, case when o.oprcanhash then 'yes' end as hashes
, nullif(o.oprresult, 0) as fact_same_result
, nullif(o.oprcode::oid, 0) as fact_same_function
, nullif(o.oprcom, 0) as fact_same_commutator
, nullif(o.oprnegate, 0) as fact_same_negator
, nullif(o.oprrest::oid, 0) as fact_same_restrict
, nullif(o.oprjoin::oid, 0) as fact_same_join
from pg_operator o
join pg_namespace n on n.oid = o.oprnamespace
where o.oid >= 16384
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tightrope')
