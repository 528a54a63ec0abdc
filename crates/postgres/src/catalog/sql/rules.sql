select
  n.nspname as path_1
, c.relname as path_2
, r.rulename as path_3
, r.oid
, c.oid as relation
, pg_get_ruledef(r.oid) as definition
, case r.ev_enabled when 'O' then null when 'D' then 'disabled' when 'R' then 'replica' when 'A' then 'always' end as enabled
, hashtextextended(row(r.ev_class, r.ev_type, r.is_instead, r.ev_qual::text, r.ev_action::text)::text, 0) as fact_same_definition
from pg_rewrite r
join pg_class c on c.oid = r.ev_class
join pg_namespace n on n.oid = c.relnamespace
where r.rulename <> '_RETURN' and r.oid >= 16384
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tightrope')
