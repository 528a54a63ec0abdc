-- Triggers, with the text that made them.
select name, tbl_name as table_name, sql
from main.sqlite_schema
where type = 'trigger'
  and lower(substr(tbl_name, 1, 10)) <> 'tightrope_'
  and lower(substr(name, 1, 10)) <> 'tightrope_'
order by name;
