select
  pg_get_userbyid(d.defaclrole) as path_1
, coalesce(n.nspname, 'every schema') as path_2
, case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions' when 'T' then 'types'
    when 'n' then 'schemas' when 'L' then 'large objects' end as path_3
, d.oid
, (select string_agg(i::text, ', ' order by i::text)
   from unnest(acldefault(case d.defaclobjtype when 'S' then 's' else d.defaclobjtype end, d.defaclrole)) i) as fact_hard_wired
, coalesce((select string_agg(i::text, ', ' order by i::text) from unnest(d.defaclacl) i), 'none') as privileges
from pg_default_acl d
left join pg_namespace n on n.oid = d.defaclnamespace
where n.nspname is distinct from 'tightrope'
