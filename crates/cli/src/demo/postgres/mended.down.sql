-- Who came later, or has changed names since, has only the two halves.
update customers set name_before = first_name || ' ' || last_name
  where name_before is null
     or name_before not like first_name || ' %' || last_name;
alter table customers rename column name_before to name;
alter table customers drop column first_name;
alter table customers drop column last_name;
