alter table customers add column first_name text;
alter table customers add column last_name text;
update customers set
  first_name = split_part(name, ' ', 1),
  last_name = regexp_replace(name, '^.* ', '');
-- The halves alone cannot give the whole name back: it is set aside.
alter table customers rename column name to name_before;
