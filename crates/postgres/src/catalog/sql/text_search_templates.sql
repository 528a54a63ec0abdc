select
  n.nspname as path_1
, 'template ' || t.tmplname as path_2
, t.oid
, quote_ident(t.tmplname) as fact_name
, concat_ws(', ', 'init ' || nullif(t.tmplinit::oid, 0)::regprocedure, 'lexize ' || t.tmpllexize::oid::regprocedure) as functions
, concat_ws(', ', 'init = ' || nullif(t.tmplinit::oid, 0)::regproc, 'lexize = ' || t.tmpllexize) as fact_definition
, row(t.tmplinit::oid, t.tmpllexize::oid)::text as fact_same_functions
from pg_ts_template t
join pg_namespace n on n.oid = t.tmplnamespace
where t.oid >= 16384
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tightrope')
