drop table shop.orders cascade
-- loss it is filled anew

drop table shop.customers cascade

drop table shop.customers, shop.orders cascade
-- loss it is filled anew

-- given drop server elsewhere cascade
drop schema shop cascade
-- loss it is filled anew

create table shop.fresh (id serial primary key, customer bigint references shop.customers, self int references shop.fresh)
create index on shop.fresh (customer)
comment on table shop.fresh is 'x'
create view shop.fresh_view as select * from shop.fresh

create table shop.one (id int primary key, two int)
create table shop.two (id int primary key, one int references shop.one)
alter table shop.one add foreign key (two) references shop.two

-- given create table shop.one (id int primary key, two int)
-- given create table shop.two (id int primary key, one int references shop.one)
-- given alter table shop.one add foreign key (two) references shop.two
drop table shop.one, shop.two

-- given create table shop.one (id int primary key, x int, two int)
-- given create table shop.two (id int primary key, x int, one int references shop.one)
-- given alter table shop.one add foreign key (two) references shop.two
alter table shop.one drop column x
alter table shop.two drop column x

alter table shop.orders drop constraint orders_customer_fkey

alter table shop.orders drop constraint orders_customer_fkey, add constraint orders_customer_fkey foreign key (customer) references shop.customers on delete cascade deferrable initially deferred not valid

-- given alter table shop.orders add constraint short check (length(note) < 10) not valid
alter table shop.orders validate constraint short

-- given alter table shop.orders add constraint short check (length(note) < 10)
alter table shop.orders drop constraint short
alter table shop.orders add constraint short check (length(note) < 10) not valid

alter table shop.customers drop constraint customers_pkey cascade
alter table shop.customers add primary key (id, name)

alter table shop.customers drop constraint customers_pkey cascade
alter table shop.customers alter column id drop not null

alter table shop.customers rename constraint customers_pkey to pk
alter table shop.orders rename constraint orders_customer_fkey to fk

alter index shop.customers_pkey rename to orders_note2
alter index shop.orders_note rename to customers_pkey

-- given create unique index u on shop.customers (name) include (email)
alter table shop.customers add constraint u unique using index u

-- given alter table shop.customers add constraint u unique (name, email) with (fillfactor = 70)
alter table shop.customers drop constraint u

-- given alter table shop.customers add constraint ex exclude using btree (name with =) where (id > 5)
drop table shop.customers cascade

-- given create unique index u on shop.customers (name)
-- given alter table shop.customers replica identity using index u
-- given alter table shop.customers cluster on u
drop index shop.u

-- given create unique index u on shop.customers (name)
-- given alter table shop.customers replica identity using index u
-- given alter table shop.customers cluster on u
alter table shop.customers replica identity full, set without cluster

-- given create unique index u on shop.customers (name)
alter table shop.customers replica identity using index u
alter table shop.customers cluster on u

-- given create index x on shop.customers (lower(name), (id + 1)) where id > 5
-- given alter index shop.x alter column 1 set statistics 500
-- given comment on index shop.x is 'x'
drop index shop.x

-- given create index x on shop.customers (lower(name), (id + 1)) where id > 5
-- given alter index shop.x alter column 1 set statistics 500
alter index shop.x alter column 1 set statistics -1
alter index shop.x alter column 2 set statistics 100
alter index shop.x set (fillfactor = 50)

-- given alter table shop.orders disable trigger all
drop table shop.orders cascade
-- loss it is filled anew

-- given drop publication feed
alter table shop.orders set unlogged

alter table shop.orders set (fillfactor = 40, autovacuum_enabled = false)

-- given alter table shop.orders set (fillfactor = 40, autovacuum_enabled = false, toast.autovacuum_enabled = false)
alter table shop.orders reset (fillfactor), set (autovacuum_enabled = true), reset (toast.autovacuum_enabled)

-- given alter table shop.orders set (fillfactor = 40, toast.autovacuum_enabled = false)
-- given alter table shop.orders enable row level security, force row level security
-- given alter table shop.orders replica identity full
-- given grant select, insert on shop.orders to tightrope_test_reader with grant option
-- given revoke delete on shop.orders from current_user
alter table shop.orders drop column customer cascade
-- loss it is filled anew

grant all on shop.orders to public
revoke select on shop.orders from current_user
grant select (note) on shop.orders to tightrope_test_reader

-- given grant select on shop.orders to tightrope_test_reader
alter table shop.orders owner to tightrope_test_reader

-- given create table shop.spare (a int)
-- given alter default privileges in schema shop grant all on tables to tightrope_test_reader
drop table shop.spare

alter default privileges in schema shop grant all on tables to tightrope_test_reader
create table shop.spare (a int)
drop table shop.orders cascade
-- loss it is filled anew

create schema fresh
alter table shop.orders set schema fresh
alter table shop.customers set schema fresh

alter schema shop rename to store

alter schema shop rename to store
alter table store.customers rename to clients
create schema shop
create table shop.customers (id int)

drop table shop.events

drop table shop.events_1

alter table shop.events detach partition shop.events_1

create table shop.events_2 partition of shop.events for values from ('2021-01-01') to ('2022-01-01')

-- given create table shop.events_2 partition of shop.events default
alter table shop.events detach partition shop.events_2
drop table shop.events_1

alter table shop.events add primary key (id, day)

-- given alter table shop.events add primary key (id, day)
-- given create index events_body on shop.events (body)
-- given create table shop.refs (id bigint, day date, foreign key (id, day) references shop.events)
alter table shop.events drop column body

-- given alter table shop.events add primary key (id, day)
-- given create index events_body on shop.events (body)
-- given create table shop.refs (id bigint, day date, foreign key (id, day) references shop.events)
drop table shop.events cascade

-- given alter table shop.events add primary key (id, day)
-- given create index events_body on shop.events (body)
drop index shop.events_body

-- given alter table shop.events add foreign key (id) references shop.customers
-- given alter table shop.events add check (id > 0)
drop table shop.events

-- given alter table shop.events add foreign key (id) references shop.customers
-- given alter table shop.events add check (id > 0)
alter table shop.events drop constraint events_id_fkey
alter table shop.events drop constraint events_id_check

-- given insert into shop.events values (1, '2020-05-05', '{}')
alter table shop.events drop column id
-- then do $$ begin if (select count(*) from shop.events_1 where body is not null) <> 1 then raise 'rows are lost'; end if; end $$

-- given create table shop.e2 (body jsonb, id bigint, day date not null)
-- given alter table shop.events attach partition shop.e2 for values from ('2021-01-01') to ('2022-01-01')
-- given create index e2_id on shop.e2 (id)
-- given create index events_id on shop.events (id)
alter table shop.events drop column id

alter table shop.customers rename to customers_all
create table shop.customers (like shop.customers_all including defaults) partition by range (id)
alter table shop.customers attach partition shop.customers_all for values from (0) to (1000000)

-- given create index customers_name on shop.customers (name)
drop table shop.orders cascade
alter table shop.customers rename to customers_all
create table shop.customers (like shop.customers_all including defaults, primary key (id)) partition by range (id)
create index customers_names on shop.customers (name)
alter table shop.customers attach partition shop.customers_all for values from (0) to (1000000)
-- loss it is filled anew

-- given create table shop.sub partition of shop.events for values from ('2022-01-01') to ('2023-01-01') partition by list (id)
-- given create table shop.sub_1 partition of shop.sub for values in (1)
-- given create index events_day on shop.events (day)
alter table shop.events add column x int, drop column body

-- given create table shop.sub partition of shop.events for values from ('2022-01-01') to ('2023-01-01') partition by list (id)
-- given create table shop.sub_1 partition of shop.sub for values in (1)
-- given create index events_day on shop.events (day)
drop table shop.events

create table shop.grown () inherits (shop.parent)
alter table shop.child inherit shop.grown

alter table shop.parent rename column a to aa

alter table shop.parent add constraint pos check (a > 0)

-- given alter table shop.parent add constraint pos check (a > 0)
-- given alter table shop.child alter column b set default 7
-- given alter table shop.child add constraint own check (c > 0)
drop table shop.parent cascade

alter table shop.child add column z int
alter table shop.child drop column c

-- given create table shop.typed of shop.pair
drop table shop.typed

-- given create table shop.typed of shop.pair
alter table shop.typed not of

alter table shop.orders enable row level security
create policy other on shop.orders using (note = current_user)
drop policy own on shop.orders

-- given create view shop.deep as select n.name, o.note from shop.names n join shop.orders o on o.customer = n.id
-- given create rule deep_ins as on insert to shop.deep do instead insert into shop.orders (note) values (new.note)
-- given grant select on shop.deep to tightrope_test_reader
alter table shop.customers drop column name cascade

-- given create view shop.star as select * from shop.customers
alter table shop.customers add column x int
create or replace view shop.star as select * from shop.customers
