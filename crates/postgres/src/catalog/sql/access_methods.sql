select
  a.amname as path_1
, a.oid
, case a.amtype when 'i' then 'index' when 't' then 'table' end as type
, a.amhandler::oid::regprocedure::text as handler
, a.amhandler::oid as fact_same_handler
from pg_am a
where a.oid >= 16384
