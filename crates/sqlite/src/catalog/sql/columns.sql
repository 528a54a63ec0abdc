-- The columns of tables. hidden: 0 ordinary, 1 hidden in a virtual table, 2 generated, 3 generated and stored
select s.name as table_name, c.cid, c.name, c.type, c."notnull", c.pk, c.hidden
from main.sqlite_schema as s
join pragma_table_xinfo(s.name, 'main') as c
where s.type = 'table'
  and s.rootpage > 0
  and lower(substr(s.name, 1, 7)) <> 'sqlite_'
  and lower(substr(s.name, 1, 10)) <> 'tightrope_'
order by s.name, c.cid;
