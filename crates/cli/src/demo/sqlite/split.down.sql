alter table customers add column name text;
update customers set name = first_name || ' ' || last_name;
alter table customers drop column first_name;
alter table customers drop column last_name;
