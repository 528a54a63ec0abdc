select
  n.nspname as path_1
, s.stxname as path_2
, s.oid
, s.stxrelid as relation
, pg_get_userbyid(s.stxowner) as owner
, pg_get_statisticsobjdef(s.oid) as definition
--13+ , nullif(s.stxstattarget, -1) as statistics_target
, hashtextextended(row(s.stxrelid, s.stxkeys, s.stxkind
--14+   , s.stxexprs::text
  )::text, 0) as fact_same_definition
from pg_statistic_ext s
join pg_namespace n on n.oid = s.stxnamespace
where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tightrope')
