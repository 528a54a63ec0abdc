select
  n.nspname as path_1
, c.relname as path_2
, p.polname as path_3
, p.oid
, c.oid as relation
, case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end as command
, case when not p.polpermissive then 'yes' end as restrictive
, (select string_agg(case r when 0 then 'public' else quote_ident(pg_get_userbyid(r)) end, ', '
     order by case r when 0 then 'public' else quote_ident(pg_get_userbyid(r)) end) from unnest(p.polroles) r) as roles
, pg_get_expr(p.polqual, p.polrelid) as "using"
, pg_get_expr(p.polwithcheck, p.polrelid) as with_check
, hashtextextended(p.polqual::text, 0) as fact_same_using
, hashtextextended(p.polwithcheck::text, 0) as fact_same_with_check
from pg_policy p
join pg_class c on c.oid = p.polrelid
join pg_namespace n on n.oid = c.relnamespace
where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tightrope')
