-- The names of tables and views, and of their columns.
select m.name, c.name
from sqlite_schema m
left join pragma_table_xinfo(m.name) c
where m.type in ('table', 'view')
union
select m.tbl_name, m.name from sqlite_schema m;
