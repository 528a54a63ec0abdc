select
  n.nspname as path_1
, 'parser ' || p.prsname as path_2
, p.oid
, concat_ws(', ', 'start ' || p.prsstart::oid::regprocedure, 'token ' || p.prstoken::oid::regprocedure
  , 'end ' || p.prsend::oid::regprocedure, 'types ' || p.prslextype::oid::regprocedure
  , 'headline ' || nullif(p.prsheadline::oid, 0)::regprocedure) as functions
from pg_ts_parser p
join pg_namespace n on n.oid = p.prsnamespace
where p.oid >= 16384
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tightrope')
