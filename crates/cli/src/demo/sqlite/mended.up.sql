alter table customers add column first_name text;
alter table customers add column last_name text;
update customers set
  first_name = substr(name, 1, instr(name, ' ') - 1),
  last_name = substr(name, length(rtrim(name, replace(name, ' ', ''))) + 1);
-- The halves alone cannot give the whole name back: it is set aside.
alter table customers rename column name to name_before;
