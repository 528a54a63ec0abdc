select
  a.amname as path_1
, a.oid
, case a.amtype when 'i' then 'index' when 't' then 'table' end as type
, a.amhandler::oid::regprocedure::text as handler
from pg_am a
where a.oid >= 16384
