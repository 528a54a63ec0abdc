-- What the catalog has to see, and what has to bring the same catalog back.
--
-- A block is one change, tried in a transaction of its own on schema.sql; a blank line ends it. Its lines: "-- given" what
-- has to be there first, "-- since" the oldest version that knows it, then the change, then "-- back" and what takes it
-- back (without it nothing does). A line is a statement.

-- Schemas and extensions.

create schema other
-- back drop schema other

alter schema shop rename to store
-- back alter schema store rename to shop

alter schema shop owner to tightrope_test_reader
-- back alter schema shop owner to current_user

grant usage on schema shop to tightrope_test_reader
-- back revoke usage on schema shop from tightrope_test_reader

grant create on schema public to tightrope_test_reader
-- back revoke create on schema public from tightrope_test_reader

comment on schema shop is 'x'
-- back comment on schema shop is null

create extension pg_trgm
-- back drop extension pg_trgm

-- given create extension pg_trgm
alter extension pg_trgm set schema shop
-- back alter extension pg_trgm set schema public

drop extension plpgsql cascade

-- Tables.

create table shop.extra (a int)
-- back drop table shop.extra

create unlogged table shop.extra (a int)
-- back drop table shop.extra

alter table shop.child set unlogged
-- back alter table shop.child set logged

alter table shop.customers rename to clients
-- back alter table shop.clients rename to customers

alter table shop.customers set schema public
-- back alter table public.customers set schema shop

alter table shop.customers owner to tightrope_test_reader
-- back alter table shop.customers owner to current_user

alter table shop.customers set (fillfactor = 70)
-- back alter table shop.customers reset (fillfactor)

alter table shop.customers set (toast.autovacuum_enabled = false)
-- back alter table shop.customers reset (toast.autovacuum_enabled)

alter table shop.orders enable row level security
-- back alter table shop.orders disable row level security

alter table shop.orders force row level security
-- back alter table shop.orders no force row level security

alter table shop.orders replica identity full
-- back alter table shop.orders replica identity default

alter table shop.orders replica identity using index orders_pkey
-- back alter table shop.orders replica identity default

alter table shop.orders cluster on orders_note
-- back alter table shop.orders set without cluster

comment on table shop.orders is 'x'
-- back comment on table shop.orders is null

grant select on shop.orders to tightrope_test_reader
-- back revoke select on shop.orders from tightrope_test_reader

grant select on shop.orders to tightrope_test_reader with grant option
-- back revoke select on shop.orders from tightrope_test_reader

revoke delete on shop.orders from current_user
-- back grant delete on shop.orders to current_user

alter table shop.child no inherit shop.parent

alter table shop.events detach partition shop.events_1
-- back alter table shop.events attach partition shop.events_1 for values from ('2020-01-01') to ('2021-01-01')

create table shop.events_2 partition of shop.events default
-- back drop table shop.events_2

-- given create table shop.typed of shop.pair
alter table shop.typed not of
-- back alter table shop.typed of shop.pair

-- Columns.

alter table shop.customers add column extra int
-- back alter table shop.customers drop column extra

alter table shop.customers rename column email to mail
-- back alter table shop.customers rename column mail to email

alter table shop.customers alter column score type numeric(9, 2)
-- back alter table shop.customers alter column score type numeric(8, 2)

alter table shop.customers alter column email type varchar
-- back alter table shop.customers alter column email type text

alter table shop.customers alter column email set not null
-- back alter table shop.customers alter column email drop not null

alter table shop.customers alter column born drop default
-- back alter table shop.customers alter column born set default '2000-01-01'

alter table shop.customers alter column email set default 'x'
-- back alter table shop.customers alter column email drop default

alter table shop.customers alter column email set statistics 500
-- back alter table shop.customers alter column email set statistics -1

alter table shop.customers alter column email set storage external
-- back alter table shop.customers alter column email set storage extended

alter table shop.customers alter column email set (n_distinct = 5)
-- back alter table shop.customers alter column email reset (n_distinct)

-- since 14
alter table shop.customers alter column email set compression pglz
-- back alter table shop.customers alter column email set compression default

alter table shop.customers alter column email type text collate "C"
-- back alter table shop.customers alter column email type text collate "default"

alter table shop.orders alter column id set generated always
-- back alter table shop.orders alter column id set generated by default

alter table shop.orders alter column id set increment 5
-- back alter table shop.orders alter column id set increment 1

-- given alter table shop.customers add column k int not null
alter table shop.customers alter column k add generated always as identity
-- back alter table shop.customers alter column k drop identity

-- given alter table shop.customers add column double numeric generated always as (score * 2) stored
alter table shop.customers drop column double
alter table shop.customers add column double numeric generated always as (score * 3) stored
-- back alter table shop.customers drop column double
-- back alter table shop.customers add column double numeric generated always as (score * 2) stored

-- since 18
alter table shop.customers add column double numeric generated always as (score * 2) virtual
-- back alter table shop.customers drop column double

comment on column shop.customers.email is 'x'
-- back comment on column shop.customers.email is null

grant select (email) on shop.customers to tightrope_test_reader
-- back revoke select (email) on shop.customers from tightrope_test_reader

alter table shop.parent add column d int
-- back alter table shop.parent drop column d

alter view shop.names alter column name set default 'x'
-- back alter view shop.names alter column name drop default

comment on column shop.names.name is 'x'
-- back comment on column shop.names.name is null

-- Constraints.

alter table shop.customers add constraint c check (score > 0)
-- back alter table shop.customers drop constraint c

-- given alter table shop.customers add constraint c check (score > 0) not valid
alter table shop.customers validate constraint c
-- back alter table shop.customers drop constraint c
-- back alter table shop.customers add constraint c check (score > 0) not valid

alter table shop.customers add constraint u unique (email)
-- back alter table shop.customers drop constraint u

-- given alter table shop.customers add constraint u unique (email)
alter table shop.customers rename constraint u to v
-- back alter table shop.customers rename constraint v to u

alter table shop.orders alter constraint orders_customer_fkey deferrable initially deferred
-- back alter table shop.orders alter constraint orders_customer_fkey not deferrable

alter table shop.orders drop constraint orders_customer_fkey
alter table shop.orders add constraint orders_customer_fkey foreign key (customer) references shop.customers on delete cascade
-- back alter table shop.orders drop constraint orders_customer_fkey
-- back alter table shop.orders add constraint orders_customer_fkey foreign key (customer) references shop.customers

alter table shop.orders disable trigger all
-- back alter table shop.orders enable trigger all

alter table shop.orders drop constraint orders_pkey
-- back alter table shop.orders add constraint orders_pkey primary key (id)

alter table shop.orders add constraint apart exclude using btree (note with =)
-- back alter table shop.orders drop constraint apart

-- since 15
alter table shop.customers add constraint u unique nulls not distinct (email)
-- back alter table shop.customers drop constraint u

-- since 18
alter table shop.customers add constraint n not null email not valid
-- back alter table shop.customers drop constraint n

-- since 18
alter table shop.customers add constraint n not null email no inherit
-- back alter table shop.customers drop constraint n

-- since 18
alter table shop.customers add constraint c check (score > 0) not enforced
-- back alter table shop.customers drop constraint c

comment on constraint orders_pkey on shop.orders is 'x'
-- back comment on constraint orders_pkey on shop.orders is null

alter table shop.parent add constraint p check (a > 0)
-- back alter table shop.parent drop constraint p

-- Indexes.

create index extra on shop.orders (placed desc nulls last)
-- back drop index shop.extra

create unique index extra on shop.orders (lower(note)) include (placed) where note <> ''
-- back drop index shop.extra

alter index shop.orders_note rename to notes
-- back alter index shop.notes rename to orders_note

alter index shop.orders_note set (fillfactor = 50)
-- back alter index shop.orders_note reset (fillfactor)

comment on index shop.orders_note is 'x'
-- back comment on index shop.orders_note is null

alter index shop.orders_pkey set (fillfactor = 50)
-- back alter index shop.orders_pkey reset (fillfactor)

-- given create index lowered on shop.orders (lower(note))
alter index shop.lowered alter column 1 set statistics 500
-- back alter index shop.lowered alter column 1 set statistics -1

update pg_index set indisvalid = false where indexrelid = 'shop.orders_note'::regclass
-- back update pg_index set indisvalid = true where indexrelid = 'shop.orders_note'::regclass

-- Views.

create view shop.extra as select 1 as one
-- back drop view shop.extra

create or replace view shop.names as select id, upper(name)::varchar(40) as name from shop.customers
-- back create or replace view shop.names as select id, name from shop.customers

alter view shop.names set (security_barrier)
-- back alter view shop.names reset (security_barrier)

-- since 15
alter view shop.names set (security_invoker)
-- back alter view shop.names reset (security_invoker)

comment on view shop.names is 'x'
-- back comment on view shop.names is null

create materialized view shop.extra as select 1 as one with no data
-- back drop materialized view shop.extra

refresh materialized view shop.totals with no data
-- back refresh materialized view shop.totals

create index totals_i on shop.totals (customer)
-- back drop index shop.totals_i

comment on materialized view shop.totals is 'x'
-- back comment on materialized view shop.totals is null

-- Functions.

create function shop.extra() returns void language sql as ''
-- back drop function shop.extra()

create or replace function shop.twice(a int) returns int language sql immutable as 'select a + a'
-- back create or replace function shop.twice(a int) returns int language sql immutable as 'select a * 2'

create function shop.twice(a text) returns text language sql as 'select a'
-- back drop function shop.twice(text)

-- since 14
create function shop.extra(a int) returns int language sql begin atomic select a + 1; end
-- back drop function shop.extra(int)

alter function shop.twice(int) stable
-- back alter function shop.twice(int) immutable

alter function shop.twice(int) strict
-- back alter function shop.twice(int) called on null input

alter function shop.twice(int) security definer
-- back alter function shop.twice(int) security invoker

alter function shop.twice(int) leakproof
-- back alter function shop.twice(int) not leakproof

alter function shop.twice(int) parallel safe
-- back alter function shop.twice(int) parallel unsafe

alter function shop.twice(int) cost 7
-- back alter function shop.twice(int) cost 100

alter function shop.twice(int) set search_path = shop, public
-- back alter function shop.twice(int) reset search_path

revoke execute on function shop.twice(int) from public
-- back grant execute on function shop.twice(int) to public

alter function shop.twice(int) owner to tightrope_test_reader
-- back alter function shop.twice(int) owner to current_user

comment on function shop.twice(int) is 'x'
-- back comment on function shop.twice(int) is null

create or replace procedure shop.tidy(a int) language plpgsql as 'begin null; end'
-- back create or replace procedure shop.tidy(a int) language plpgsql as 'begin end'

alter procedure shop.tidy(int) security definer
-- back alter procedure shop.tidy(int) security invoker

drop aggregate shop.total (int)
create aggregate shop.total (int) (sfunc = int4pl, stype = int, initcond = '1')
-- back drop aggregate shop.total (int)
-- back create aggregate shop.total (int) (sfunc = int4pl, stype = int, initcond = '0')

comment on aggregate shop.total (int) is 'x'
-- back comment on aggregate shop.total (int) is null

-- Triggers, rules, policies.

drop trigger touched on shop.orders
-- back create trigger touched before update on shop.orders for each row execute function shop.touch()

alter table shop.orders disable trigger touched
-- back alter table shop.orders enable trigger touched

alter table shop.orders enable always trigger touched
-- back alter table shop.orders enable trigger touched

comment on trigger touched on shop.orders is 'x'
-- back comment on trigger touched on shop.orders is null

create constraint trigger later after insert on shop.orders deferrable initially deferred for each row execute function shop.touch()
-- back drop trigger later on shop.orders

create trigger parts after insert on shop.events for each row execute function shop.touch()
-- back drop trigger parts on shop.events

create event trigger guard on ddl_command_end when tag in ('DROP TABLE') execute function shop.watch()
-- back drop event trigger guard

-- given create event trigger guard on sql_drop execute function shop.watch()
alter event trigger guard disable
-- back alter event trigger guard enable

drop rule no_delete on shop.customers
-- back create rule no_delete as on delete to shop.customers do instead nothing

alter table shop.customers disable rule no_delete
-- back alter table shop.customers enable rule no_delete

alter policy own on shop.orders using (id > 1)
-- back alter policy own on shop.orders using (id > 0)

alter policy own on shop.orders to tightrope_test_reader
-- back alter policy own on shop.orders to public

create policy writers on shop.orders as restrictive for insert with check (id < 9)
-- back drop policy writers on shop.orders

comment on policy own on shop.orders is 'x'
-- back comment on policy own on shop.orders is null

-- Sequences and types.

alter sequence shop.numbers increment 2
-- back alter sequence shop.numbers increment 1

alter sequence shop.numbers maxvalue 99 cycle
-- back alter sequence shop.numbers no maxvalue no cycle

alter sequence shop.numbers cache 20
-- back alter sequence shop.numbers cache 1

alter sequence shop.numbers as int
-- back alter sequence shop.numbers as bigint

alter sequence shop.numbers owned by shop.customers.id
-- back alter sequence shop.numbers owned by none

grant usage on sequence shop.numbers to tightrope_test_reader
-- back revoke usage on sequence shop.numbers from tightrope_test_reader

drop type shop.mood
create type shop.mood as enum ('ok', 'sad', 'happy')
-- back drop type shop.mood
-- back create type shop.mood as enum ('sad', 'ok', 'happy')

alter type shop.mood rename value 'ok' to 'fine'
-- back alter type shop.mood rename value 'fine' to 'ok'

alter type shop.mood add value 'glad' before 'happy'
-- back drop type shop.mood
-- back create type shop.mood as enum ('sad', 'ok', 'happy')

comment on type shop.mood is 'x'
-- back comment on type shop.mood is null

alter type shop.pair add attribute c int
-- back alter type shop.pair drop attribute c

alter type shop.pair rename attribute b to z
-- back alter type shop.pair rename attribute z to b

create type shop.span as range (subtype = numeric)
-- back drop type shop.span

create type shop.shell
-- back drop type shop.shell

grant usage on type shop.mood to tightrope_test_reader
-- back revoke usage on type shop.mood from tightrope_test_reader

revoke usage on type shop.pair from public
-- back grant usage on type shop.pair to public

alter domain shop.positive set default 7
-- back alter domain shop.positive drop default

alter domain shop.positive set not null
-- back alter domain shop.positive drop not null

alter domain shop.positive add constraint small check (value < 100)
-- back alter domain shop.positive drop constraint small

comment on domain shop.positive is 'x'
-- back comment on domain shop.positive is null

comment on constraint positive_check on domain shop.positive is 'x'
-- back comment on constraint positive_check on domain shop.positive is null

-- The rest.

create collation shop.d (locale = 'C')
-- back drop collation shop.d

comment on collation shop.c is 'x'
-- back comment on collation shop.c is null

create operator shop.=== (leftarg = int, rightarg = int, function = int4eq)
-- back drop operator shop.=== (int, int)

-- given create operator shop.=== (leftarg = int, rightarg = int, function = int4eq)
alter operator shop.=== (int, int) set (restrict = eqsel)
-- back alter operator shop.=== (int, int) set (restrict = none)

create operator family shop.fam using btree
-- back drop operator family shop.fam using btree

create operator class shop.cls for type int using hash as operator 1 =, function 1 hashint4(int)
-- back drop operator family shop.cls using hash

create cast (text as shop.mood) with inout as assignment
-- back drop cast (text as shop.mood)

create cast (int as name) with inout
-- back drop cast (int as name)

create conversion shop.conv for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8
-- back drop conversion shop.conv

create language sql2 handler plpgsql_call_handler
-- back drop language sql2

create access method more type index handler bthandler
-- back drop access method more

alter text search configuration shop.words alter mapping for word with english_stem
-- back alter text search configuration shop.words alter mapping for word with simple

alter text search dictionary shop.plain (stopwords = english)
-- back alter text search dictionary shop.plain (stopwords)

create text search parser shop.p (start = prsd_start, gettoken = prsd_nexttoken, end = prsd_end, lextypes = prsd_lextype)
-- back drop text search parser shop.p

create text search template shop.t (lexize = dsimple_lexize)
-- back drop text search template shop.t

alter publication feed set (publish = 'insert')
-- back alter publication feed set (publish = 'insert, update, delete, truncate')

alter publication feed add table shop.customers
-- back alter publication feed drop table shop.customers

create publication everything for all tables
-- back drop publication everything

-- since 13
alter publication feed set (publish_via_partition_root = true)
-- back alter publication feed set (publish_via_partition_root = false)

-- since 15
alter publication feed set table shop.orders (id, note) where (id > 5)
-- back alter publication feed set table shop.orders

-- since 15
alter publication feed add tables in schema shop
-- back alter publication feed drop tables in schema shop

create statistics shop.more (ndistinct) on a, b from shop.parent
-- back drop statistics shop.more

-- since 14
create statistics shop.more on (a + b) from shop.parent
-- back drop statistics shop.more

-- since 13
alter statistics shop.both set statistics 500
-- back alter statistics shop.both set statistics -1

alter server elsewhere options (set host 'b')
-- back alter server elsewhere options (set host 'a')

-- given alter server elsewhere version '1'
alter server elsewhere version '2'
-- back alter server elsewhere version '1'

grant usage on foreign server elsewhere to tightrope_test_reader
-- back revoke usage on foreign server elsewhere from tightrope_test_reader

alter foreign data wrapper files options (add x '1')
-- back alter foreign data wrapper files options (drop x)

alter user mapping for current_user server elsewhere options (set password 'other')
-- back alter user mapping for current_user server elsewhere options (set password 'secret')

alter foreign table shop.far options (set tab 'u')
-- back alter foreign table shop.far options (set tab 't')

alter foreign table shop.far alter column a options (set x '2')
-- back alter foreign table shop.far alter column a options (set x '1')

alter default privileges in schema shop grant select on tables to tightrope_test_reader
-- back alter default privileges in schema shop revoke select on tables from tightrope_test_reader

alter default privileges revoke execute on functions from public
-- back alter default privileges grant execute on functions to public

do $$ begin execute format('alter database %I set work_mem = %L', current_database(), '9MB'); end $$
-- back do $$ begin execute format('alter database %I reset work_mem', current_database()); end $$

do $$ begin execute format('alter role tightrope_test_reader in database %I set work_mem = %L', current_database(), '9MB'); end $$
-- back do $$ begin execute format('alter role tightrope_test_reader in database %I reset work_mem', current_database()); end $$
