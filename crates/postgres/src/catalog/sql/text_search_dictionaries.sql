select
  n.nspname as path_1
, 'dictionary ' || d.dictname as path_2
, d.oid
, quote_ident(d.dictname) as fact_name
, pg_get_userbyid(d.dictowner) as owner
, quote_ident(tn.nspname) || '.' || quote_ident(t.tmplname) as template
, d.dictinitoption as options
, d.dicttemplate as fact_same_template
from pg_ts_dict d
join pg_ts_template t on t.oid = d.dicttemplate
join pg_namespace tn on tn.oid = t.tmplnamespace
join pg_namespace n on n.oid = d.dictnamespace
where d.oid >= 16384
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tightrope')
