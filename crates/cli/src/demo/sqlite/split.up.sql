alter table customers add column first_name text;
alter table customers add column last_name text;
update customers set
  first_name = substr(name, 1, instr(name, ' ') - 1),
  last_name = substr(name, length(rtrim(name, replace(name, ' ', ''))) + 1);
alter table customers drop column name;
