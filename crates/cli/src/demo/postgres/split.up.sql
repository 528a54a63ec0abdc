alter table customers add column first_name text;
alter table customers add column last_name text;
update customers set
  first_name = split_part(name, ' ', 1),
  last_name = regexp_replace(name, '^.* ', '');
alter table customers drop column name;
