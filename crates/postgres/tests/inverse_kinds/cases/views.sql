create view shop.extra with (security_barrier) as select 1 as one

drop view shop.names

alter view shop.names rename to called

alter view shop.names set schema public

create or replace view shop.names as select id, upper(name)::varchar(40) as name from shop.customers

create or replace view shop.names as select id, name, email from shop.customers

drop view shop.names
create view shop.names as select name from shop.customers

drop view shop.names
create view shop.names as select id::int, name from shop.customers

alter table shop.names rename column name to called

alter view shop.names set (security_barrier = true, check_option = local)

-- given alter view shop.names set (security_barrier = true, check_option = cascaded)
alter view shop.names reset (security_barrier)
alter view shop.names set (check_option = local)

-- given alter view shop.names set (security_barrier = true, check_option = cascaded)
drop view shop.names

-- since 15
-- given alter view shop.names set (security_invoker = true)
create or replace view shop.names as select id, lower(name)::varchar(40) as name from shop.customers

alter view shop.names alter column name set default 'x'

-- given alter view shop.names alter column name set default 'x'
alter view shop.names alter column name drop default

-- given alter view shop.names alter column name set default 'x'
drop view shop.names

-- given alter view shop.names alter column name set default 'x'
create or replace view shop.names as select id, upper(name)::varchar(40) as name from shop.customers
alter view shop.names alter column name set default 'y'

-- given comment on view shop.names is 'who'
-- given comment on column shop.names.name is 'how'
-- given grant select on shop.names to tightrope_test_reader
-- given grant update (name) on shop.names to tightrope_test_reader
-- given alter view shop.names owner to tightrope_test_reader
drop view shop.names

-- given create view shop.longer as select id, name || '!' as name from shop.names
-- given create view shop.longest as select * from shop.longer
drop view shop.names cascade

-- given create view shop.longer as select id, name || '!' as name from shop.names
create or replace view shop.names as select id, upper(name)::varchar(40) as name from shop.customers

-- given create view shop.longer as select id, name || '!' as name from shop.names
drop view shop.longer
drop view shop.names
create view shop.names as select id, name, email as mail from shop.customers
create view shop.longer as select id, mail from shop.names

-- given create view shop.doubled as select shop.twice(1) as two
drop function shop.twice cascade

-- given create view shop.counted as with recursive c (n) as (values (1) union all select n + 1 from c where n < 9) select n from c
drop view shop.counted

-- given create view shop."Odd name" as select 1 as "Select", 'a;b' as "b c"
drop view shop."Odd name"

-- given create function shop.ignore() returns trigger language plpgsql as 'begin return null; end'
-- given create trigger onto instead of insert on shop.names for each row execute function shop.ignore()
-- given create rule quiet as on delete to shop.names do instead nothing
drop view shop.names

-- given create rule quiet as on delete to shop.names do instead nothing
drop view shop.names
create view shop.names as select 1 as one

create materialized view shop.extra as select 1 as one with no data

create materialized view shop.extra as select 1 as one

drop materialized view shop.totals
-- loss filled anew

-- given refresh materialized view shop.totals with no data
drop materialized view shop.totals

-- given create unique index totals_customer on shop.totals (customer)
-- given comment on materialized view shop.totals is 'x'
-- given comment on column shop.totals.orders is 'x'
-- given grant select on shop.totals to tightrope_test_reader
-- given alter materialized view shop.totals set (fillfactor = 50)
-- given alter materialized view shop.totals alter column orders set statistics 500
drop materialized view shop.totals
-- loss filled anew

drop materialized view shop.totals
create materialized view shop.totals as select customer, sum(id) as orders from shop.orders group by customer
-- loss filled anew

alter materialized view shop.totals rename to sums

alter materialized view shop.totals set schema public

alter materialized view shop.totals rename column orders to number

alter materialized view shop.totals set (fillfactor = 50)

-- given alter materialized view shop.totals set (fillfactor = 50)
alter materialized view shop.totals reset (fillfactor)

refresh materialized view shop.totals with no data
-- loss filled anew

-- given refresh materialized view shop.totals with no data
refresh materialized view shop.totals

-- given insert into shop.customers values (1, 'a')
-- given insert into shop.orders values (1, 1)
-- given refresh materialized view shop.totals
alter table shop.orders alter column note type varchar
-- then do $$ begin assert (select orders = 1 from shop.totals); end $$

-- given create view shop.big as select * from shop.totals where orders > 9
drop materialized view shop.totals cascade
-- loss filled anew

alter schema shop rename to store
create or replace view store.names as select id, upper(name)::varchar(40) as name from store.customers

alter table shop.customers rename to clients
create or replace view shop.names as select id, upper(name)::varchar(40) as name from shop.clients

alter table shop.customers rename column name to called
drop view shop.names

-- given create view shop.others as select 1 as one
alter view shop.names rename to swapped
alter view shop.others rename to names
alter view shop.swapped rename to others
create or replace view shop.names as select 2 as one

drop view shop.names
create table shop.names (id int)

drop view shop.names
create materialized view shop.names as select id, name from shop.customers

drop materialized view shop.totals
create view shop.totals as select 1 as one
-- loss filled anew

-- given create view shop.wide as select c.*, o.note from shop.customers c join shop.orders o on o.customer = c.id
alter table shop.customers add column extra int
drop view shop.wide
create view shop.wide as select c.*, 1 as one from (select id, name, email, born, score from shop.customers) c join shop.orders o on o.customer = c.id
-- then select note from shop.wide

-- given create view shop.wide as select * from shop.customers
alter table shop.customers drop column email cascade

-- given create view shop.wide as select * from shop.customers
-- given create view shop.wider as select * from shop.wide
drop view shop.wider, shop.wide, shop.names
alter table shop.customers alter column name type text, drop column email
create view shop.wide as select * from shop.customers

do $$ begin execute 'drop view shop.names'; execute 'create view shop.names as select 1 as "it''s"'; end $$

-- given create view shop.rowed as select c as customer from shop.customers c
alter table shop.customers add column extra int

-- given create function shop.called() returns setof shop.names language sql as 'select id, name from shop.customers'
-- given create view shop.over as select * from shop.called()
drop view shop.names cascade

-- given create view shop.first as select id, name from shop.customers
-- given create materialized view shop.second as select id from shop.first
-- given create view shop.third as select id from shop.second
-- given create materialized view shop.fourth as select count(*) from shop.third
-- given create index fourth_count on shop.fourth (count)
drop view shop.first cascade
create view shop.first as select 1 as id
create materialized view shop.second as select id from shop.first
create view shop.third as select id, id as again from shop.second
-- loss filled anew

-- given create view shop.first as select id, name from shop.customers
-- given create view shop.second as select * from shop.first
create or replace view shop.first as select id, name, 1 as one from shop.customers
create or replace view shop.second as select * from shop.first

-- given create view shop.first as select id, name from shop.customers
-- given create view shop.second as select * from shop.first
alter view shop.first rename to zeroth
alter table shop.zeroth rename column name to called
comment on view shop.second is 'x'
alter view shop.second owner to tightrope_test_reader
