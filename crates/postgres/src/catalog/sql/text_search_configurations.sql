select
  n.nspname as path_1
, 'configuration ' || c.cfgname as path_2
, c.oid
, quote_ident(c.cfgname) as fact_name
, pg_get_userbyid(c.cfgowner) as owner
, quote_ident(pn.nspname) || '.' || quote_ident(p.prsname) as parser
, (select string_agg(t.alias || ': ' || m.mapdict::regdictionary::text, ', ' order by t.alias, m.mapseqno)
   from pg_ts_config_map m join ts_token_type(c.cfgparser) t on t.tokid = m.maptokentype
   where m.mapcfg = c.oid) as mappings
, (select string_agg(line, E'\n' order by line) from (
     select format('for %s with %s', t.alias, string_agg(m.mapdict::regdictionary::text, ', ' order by m.mapseqno)) as line
     from pg_ts_config_map m join ts_token_type(c.cfgparser) t on t.tokid = m.maptokentype
     where m.mapcfg = c.oid group by t.alias) l) as fact_mappings_by_token
, c.cfgparser as fact_same_parser
, (select string_agg(m.maptokentype || ' ' || m.mapdict, ', ' order by m.maptokentype, m.mapseqno)
   from pg_ts_config_map m where m.mapcfg = c.oid) as fact_same_mappings
from pg_ts_config c
join pg_ts_parser p on p.oid = c.cfgparser
join pg_namespace pn on pn.oid = p.prsnamespace
join pg_namespace n on n.oid = c.cfgnamespace
where c.oid >= 16384
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tightrope')
