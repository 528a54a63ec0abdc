-- _configuration: tables whose rows belong to the user, not to the extension.
-- plpgsql is there from the start, and is told too: a migration may drop it.
select
  e.extname as path_1
, e.oid
, e.extversion as version
, n.nspname as schema
, to_json(e.extconfig::bigint[]) as _configuration
from pg_extension e
join pg_namespace n on n.oid = e.extnamespace
