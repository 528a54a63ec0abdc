select
  format_type(c.castsource, null) || ' as ' || format_type(c.casttarget, null) as path_1
, c.oid
, format_type(c.castsource, null) as fact_source
, format_type(c.casttarget, null) as fact_target
, nullif(c.castfunc, 0)::regprocedure::text as function
, case c.castcontext when 'a' then 'assignment' when 'i' then 'implicit' end as context
, case c.castmethod when 'f' then null when 'i' then 'input and output' when 'b' then 'binary' end as method
, nullif(c.castfunc, 0) as fact_same_function
, case when exists (select from pg_depend d where d.classid = 'pg_cast'::regclass and d.objid = c.oid and d.deptype = 'i')
    then 'yes' end as fact_comes_with_type
from pg_cast c
where c.oid >= 16384
