-- _configuration: tables whose rows belong to the user, not to the extension.
-- plpgsql is there from the start, and is told too: a migration may drop it.
select
  e.extname as path_1
, e.oid
, e.extversion as version
, n.nspname as schema
, case when exists (select from pg_depend d where d.classid = 'pg_namespace'::regclass and d.objid = n.oid
    and d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid and d.deptype = 'e') then 'yes' end as fact_makes_schema
, to_json(e.extconfig::bigint[]) as _configuration
, e.extnamespace as fact_same_schema
, case when e.extconfig is not null then 'yes' end as fact_configuration
from pg_extension e
join pg_namespace n on n.oid = e.extnamespace
