select
  e.evtname as path_1
, e.oid
, pg_get_userbyid(e.evtowner) as owner
, e.evtevent as event
, (select string_agg(o, ', ' order by o) from unnest(e.evttags) o) as tags
, e.evtfoid::regprocedure::text as function
, case e.evtenabled when 'O' then null when 'D' then 'disabled' when 'R' then 'replica' when 'A' then 'always' end as enabled
, e.evtfoid as fact_same_function
from pg_event_trigger e
