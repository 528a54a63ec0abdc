-- The indexes of tables, with the text that made them (none for those that a constraint made), and their key columns.
-- origin: c by CREATE INDEX, u by UNIQUE, pk by PRIMARY KEY; column_name: none for an expression
select s.name as table_name, i.name, i."unique", i.origin, i.partial, t.sql, x.seqno, x.name as column_name, x."desc", x.coll
from main.sqlite_schema as s
join pragma_index_list(s.name, 'main') as i
join pragma_index_xinfo(i.name, 'main') as x
left join main.sqlite_schema as t on t.type = 'index' and t.name = i.name
where s.type = 'table'
  and s.rootpage > 0
  and x.key = 1
  and lower(substr(s.name, 1, 7)) <> 'sqlite_'
  and lower(substr(s.name, 1, 10)) <> 'tightrope_'
  and lower(substr(i.name, 1, 10)) <> 'tightrope_'
order by s.name, i.name, x.seqno;
