-- Tables, virtual tables, their shadow tables and views, with the text that made them.
-- kind: table, virtual, shadow, view
select l.name, l.type as kind, l.wr as without_rowid, l.strict, s.sql
from pragma_table_list as l
join main.sqlite_schema as s on s.name = l.name and s.type in ('table', 'view')
where l.schema = 'main'
  and lower(substr(l.name, 1, 7)) <> 'sqlite_'
  and lower(substr(l.name, 1, 10)) <> 'tightrope_'
order by l.name;
