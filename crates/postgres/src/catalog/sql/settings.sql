-- What ALTER DATABASE … SET and ALTER ROLE … IN DATABASE … SET left behind.
select
  case when s.setrole = 0 then 'database' else pg_get_userbyid(s.setrole) end as path_1
, split_part(o, '=', 1) as path_2
, 0 as oid
, substr(o, strpos(o, '=') + 1) as value
from pg_db_role_setting s, unnest(s.setconfig) o
where s.setdatabase = (select oid from pg_database where datname = current_database())
