alter table shop.customers drop column email

alter table shop.customers drop column score

alter table shop.customers drop column id cascade

alter table shop.customers drop column name cascade

-- given insert into shop.customers values (1, 'Ann', 'a@b', '1999-01-01', 3.5), (2, 'Bob', null, null, null)
alter table shop.customers drop column email
-- then do $$ begin if (select string_agg(name || coalesce(born::text, '-'), ',' order by id) from shop.customers) <> 'Ann1999-01-01,Bob-' then raise 'rows are lost'; end if; end $$

alter table shop.customers rename column name to email2
alter table shop.customers rename column email to name
alter table shop.customers rename column email2 to email

alter table shop.customers rename to clients
alter table shop.clients rename column id to number
alter view shop.names rename to names2

alter table shop.customers rename to spare
alter table shop.orders rename to customers
alter table shop.spare rename to orders

-- given create table shop.customers2 (id int)
alter table shop.customers rename to customers3
alter table shop.customers2 rename to customers

alter table shop.customers add column extra int default 5 not null

alter table shop.customers add column extra int generated always as (id * 2) stored, add unique (extra)

alter table shop.customers alter column score type double precision

-- given drop view shop.names
alter table shop.customers alter column score type double precision
alter table shop.customers alter column name type text

-- given drop view shop.names
alter table shop.customers alter column name type text
alter table shop.customers alter column born drop default
alter table shop.customers alter column email set default 'x'

-- given insert into shop.orders (customer) values (null), (null)
drop policy own on shop.orders
alter table shop.orders alter column id type integer
alter table shop.orders alter column id set generated always

alter table shop.orders alter column id drop identity

-- given insert into shop.orders (customer) values (null), (null)
alter table shop.orders alter column id drop identity
-- then do $$ begin if (select last_value from shop.orders_id_seq) <> (select max(id) from shop.orders) then raise 'the position is lost'; end if; end $$

alter table shop.orders alter column id drop identity
create sequence shop.orders_id_seq owned by shop.orders.id
alter table shop.orders alter column id set default nextval('shop.orders_id_seq')

-- given create table shop.serials (a serial primary key, b bigserial, c int)
drop table shop.serials

-- given create table shop.serials (a serial primary key, b bigserial, c int)
-- given insert into shop.serials default values
alter table shop.serials drop column b

-- given create table shop.serials (a serial primary key, b bigserial, c int)
-- given insert into shop.serials default values
alter table shop.serials drop column a
-- then insert into shop.serials (c) values (3)

-- given create table shop.serials (a serial primary key, b bigserial, c int)
-- given insert into shop.serials default values
alter table shop.serials alter column a drop default
drop sequence shop.serials_a_seq
alter table shop.serials alter column a add generated always as identity
-- then do $$ begin if (select last_value from shop.serials_a_seq) <> 1 then raise 'the position is lost'; end if; end $$

-- given create table shop.serials (a serial primary key, b bigserial, c int)
alter sequence shop.serials_a_seq owned by none
alter sequence shop.serials_b_seq owned by shop.serials.c

-- given create table shop.serials (a serial primary key, b bigserial, c int)
alter sequence shop.serials_a_seq rename to spare
alter sequence shop.serials_b_seq rename to serials_a_seq
alter sequence shop.spare rename to serials_b_seq

-- given create table shop.made (a int, b int generated always as (a + 1) stored, c text collate "C", d text default 'x')
alter table shop.made drop column a cascade

-- given create table shop.made (a int, b int generated always as (a + 1) stored, c text collate "C", d text default 'x')
alter table shop.made alter column c type text
alter table shop.made alter column d type varchar(10) collate "C"

-- given create table shop.made (a int, b int generated always as (a + 1) stored, c text collate "C", d text default 'x')
-- given insert into shop.made (a) values (1)
-- since 13
alter table shop.made alter column b drop expression

-- given create table shop.made (a text, b text, c int)
-- given alter table shop.made alter column a set storage external, alter column a set statistics 300, alter column b set (n_distinct = 5)
-- given comment on column shop.made.a is 'A'
-- given grant select (a) on shop.made to tightrope_test_reader
alter table shop.made drop column a

-- given create table shop.made (a text, b text, c int)
-- given alter table shop.made alter column a set storage external, alter column a set statistics 300, alter column b set (n_distinct = 5)
alter table shop.made alter column a set storage extended, alter column a set statistics -1, alter column b reset (n_distinct), alter column b set (n_distinct_inherited = 7)

-- given create table shop.made (a text, b text, c int)
-- given alter table shop.made alter column a set storage external
alter table shop.made alter column a type varchar(3)

-- given create table shop.made (a text, b text, c int)
-- given comment on column shop.made.c is 'C'
-- given grant select (c) on shop.made to tightrope_test_reader
alter table shop.made drop column c

-- given create table shop."Odd Name" ("Order" int primary key, "a ""b""" text default 'it''s', "user" int)
alter table shop."Odd Name" drop column "a ""b"""
alter table shop."Odd Name" rename column "user" to "User"

-- given create table shop.made (a int, b shop.mood default 'ok', c shop.mood[])
-- given insert into shop.made values (1, 'sad', '{ok,happy}')
alter type shop.mood add value 'glad' before 'ok'
-- then do $$ begin if (select c[2] || b::text from shop.made) <> 'happysad' then raise 'rows are lost'; end if; end $$

-- given create table shop.made (a int, b shop.mood default 'ok', c int)
-- given create index made_b on shop.made (b) where b = 'ok'
-- given alter table shop.made add check (b <> 'sad')
-- given create view shop.made_view as select * from shop.made where b = 'ok'
alter type shop.mood add value 'glad' before 'ok'

-- given create table shop.made (a int, b text, c int)
-- given insert into shop.made values (1, 'ok', 2)
alter table shop.made alter column b type shop.mood using b::shop.mood
create type shop.other as enum ('x')
alter table shop.made add column d shop.other default 'x'

-- given create table shop.made (a int, b text, c int)
create schema fresh
create type fresh.other as enum ('x')
create function fresh.f() returns fresh.other language sql as $$ select 'x'::fresh.other $$
alter table shop.made alter column b type fresh.other using b::fresh.other, alter column b set default fresh.f()
alter table shop.made set schema fresh

-- given create table shop.made (a int, b text, c int)
-- given insert into shop.made values (1, '{}', 2)
alter table shop.made alter column b type jsonb using b::jsonb, alter column c type boolean using c::boolean, alter column a type text

-- given create function shop.two() returns int language sql as 'select 2'
-- given create table shop.made (a int default shop.two(), b int)
drop function shop.two() cascade
create function shop.two() returns bigint language sql as 'select 2::bigint'
alter table shop.made alter column a set default shop.two()

-- given create function shop.two() returns int language sql immutable as 'select 2'
-- given create table shop.made (b int, a int generated always as (b + shop.two()) stored, check (b > shop.two()))
drop function shop.two() cascade

create domain shop.small as int check (value < 10)
alter table shop.parent add column x shop.small

alter table shop.parent drop column a

alter table shop.parent add column d int

alter table shop.child no inherit shop.parent

alter table shop.child drop column c

alter table shop.parent alter column a type bigint, alter column b set not null, alter column b set default 4

create table shop.fresh (like shop.orders including all)
drop table shop.orders cascade
alter table shop.fresh rename to orders
-- loss it is filled anew

create table shop.fresh as select id, note from shop.orders
drop table shop.orders cascade
alter table shop.fresh rename to orders
-- loss it is filled anew
alter table shop.orders add primary key (id)

alter table shop.orders drop column note cascade
alter table shop.orders add column note text
-- loss it is filled anew

-- given create table shop.wide (a int, b int, c int, d int)
alter table shop.wide drop column a, drop column c, add column a2 int
alter table shop.wide rename column b to c

-- given create table shop.wide (a int not null, b int not null, c int)
-- given create index wide_ab on shop.wide (a, b)
-- given alter table shop.wide add unique (a, b), add check (a > b), cluster on wide_ab
-- given create statistics shop.wide_stat on a, b from shop.wide
alter table shop.wide drop column a

-- given create table shop.rowed (a int, b int)
-- given create function shop.rows() returns setof shop.rowed language sql as 'select * from shop.rowed'
-- given create table shop.holder (x int, r shop.rowed)
-- given insert into shop.holder values (1, row(2, 3))
alter table shop.rowed add column c int
-- then do $$ begin if (select (r).b from shop.holder) <> 3 then raise 'rows are lost'; end if; end $$
