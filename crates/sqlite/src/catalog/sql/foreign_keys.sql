-- The tables that tables refer to.
select distinct s.name as table_name, f."table" as parent
from main.sqlite_schema as s
join pragma_foreign_key_list(s.name, 'main') as f
where s.type = 'table'
  and s.rootpage > 0
  and lower(substr(s.name, 1, 7)) <> 'sqlite_'
  and lower(substr(s.name, 1, 10)) <> 'tightrope_'
order by s.name, f."table";
