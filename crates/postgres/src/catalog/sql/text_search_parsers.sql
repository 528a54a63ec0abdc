select
  n.nspname as path_1
, 'parser ' || p.prsname as path_2
, p.oid
, quote_ident(p.prsname) as fact_name
, concat_ws(', ', 'start ' || p.prsstart::oid::regprocedure, 'token ' || p.prstoken::oid::regprocedure
  , 'end ' || p.prsend::oid::regprocedure, 'types ' || p.prslextype::oid::regprocedure
  , 'headline ' || nullif(p.prsheadline::oid, 0)::regprocedure) as functions
, concat_ws(', ', 'start = ' || p.prsstart, 'gettoken = ' || p.prstoken, 'end = ' || p.prsend, 'lextypes = ' || p.prslextype
  , 'headline = ' || nullif(p.prsheadline::oid, 0)::regproc) as fact_definition
, row(p.prsstart::oid, p.prstoken::oid, p.prsend::oid, p.prslextype::oid, p.prsheadline::oid)::text as fact_same_functions
from pg_ts_parser p
join pg_namespace n on n.oid = p.prsnamespace
where p.oid >= 16384
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tightrope')
