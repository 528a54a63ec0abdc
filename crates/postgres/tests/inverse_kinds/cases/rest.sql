create schema other
create table other.t (a int)

-- given create schema other
-- given comment on schema other is 'x'
-- given grant usage on schema other to tightrope_test_reader
-- given alter schema other owner to tightrope_test_reader
-- given create table other.t (a int)
-- given create function other.f() returns int language sql as 'select 1'
-- given create view other.v as select a, other.f() as f from other.t
-- given create type other.e as enum ('a')
drop schema other cascade

alter schema shop rename to store

-- given create schema other
-- given create view other.v as select id from shop.orders
alter schema shop rename to store
drop schema other cascade

create schema other
alter view shop.names set schema other
alter function shop.twice set schema other
alter type shop.mood set schema other
alter domain shop.positive set schema other

create extension pg_trgm

create extension pg_trgm schema shop
create index orders_trgm on shop.orders using gin (note shop.gin_trgm_ops)

-- given create extension pg_trgm with schema shop
-- given comment on extension pg_trgm is 'x'
drop extension pg_trgm

-- given create extension pg_trgm with schema shop
-- given create index orders_trgm on shop.orders using gin (note shop.gin_trgm_ops)
-- given create view shop.alike as select shop.similarity(note, 'x') as s from shop.orders
drop extension pg_trgm cascade

-- given create extension pg_trgm
alter extension pg_trgm set schema shop

-- given create extension pg_trgm version '1.3'
alter extension pg_trgm update
-- loss older version
-- differs version

drop collation shop.c

-- given comment on collation shop.c is 'x'
alter collation shop.c rename to d

alter collation shop.c set schema public

-- given create collation shop.german (provider = icu, locale = 'de', deterministic = false)
drop collation shop.german

-- given create table shop.collated (a text collate shop.c)
-- given create index collated_a on shop.collated (a)
drop collation shop.c cascade

create text search configuration shop.more (parser = default)

-- given comment on text search configuration shop.words is 'x'
drop text search configuration shop.words

alter text search configuration shop.words alter mapping for word, asciiword with english_stem, simple

alter text search configuration shop.words drop mapping for word

-- given alter text search configuration shop.words drop mapping for word
alter text search configuration shop.words add mapping for word with simple

alter text search configuration shop.words rename to other

alter text search configuration shop.words set schema public

drop text search dictionary shop.plain

alter text search dictionary shop.plain (stopwords = english)

-- given alter text search dictionary shop.plain (stopwords = english, accept = false)
alter text search dictionary shop.plain (stopwords, accept = true)

-- given alter text search dictionary shop.plain (stopwords = english, accept = false)
-- given alter text search configuration shop.words alter mapping for word with shop.plain
drop text search dictionary shop.plain cascade

alter text search dictionary shop.plain rename to bare

create text search parser shop.p (start = prsd_start, gettoken = prsd_nexttoken, end = prsd_end, lextypes = prsd_lextype)

-- given create text search parser shop.p (start = prsd_start, gettoken = prsd_nexttoken, end = prsd_end, headline = prsd_headline, lextypes = prsd_lextype)
-- given comment on text search parser shop.p is 'x'
drop text search parser shop.p

-- given create text search template shop.t (init = dsimple_init, lexize = dsimple_lexize)
drop text search template shop.t

-- given create text search template shop.t (init = dsimple_init, lexize = dsimple_lexize)
alter text search template shop.t rename to u

create publication more for table shop.customers with (publish = 'insert')

create publication everything for all tables

-- given comment on publication feed is 'x'
-- given alter publication feed set (publish = 'insert, delete')
drop publication feed

alter publication feed rename to stream

alter publication feed set (publish = '')

alter publication feed add table shop.customers

alter publication feed drop table shop.orders

-- given alter publication feed add table shop.customers
alter publication feed drop table shop.orders

-- since 15
-- given create publication exact for table shop.orders where (note <> 'x'), tables in schema public with (publish_via_partition_root = true)
drop publication exact

-- since 15
-- given create publication exact for table shop.orders (id, note) where (id > 1), shop.customers with (publish = 'insert')
alter publication exact set table shop.orders (id) where (id > 5), shop.customers

-- since 18
-- given create publication exact for table shop.orders with (publish_generated_columns = stored)
alter publication exact set (publish_generated_columns = none)

-- since 13
alter publication feed set (publish_via_partition_root = true)

alter table shop.orders rename to purchases
alter publication feed set (publish = 'insert')

drop publication feed
create publication feed for all tables

-- given create publication empty
drop publication empty

alter default privileges in schema shop grant select, insert on tables to tightrope_test_reader, public

-- given alter default privileges in schema shop grant select on tables to tightrope_test_reader with grant option
alter default privileges in schema shop revoke grant option for select on tables from tightrope_test_reader
alter default privileges in schema shop grant update on tables to tightrope_test_reader

-- given alter default privileges in schema shop grant select on tables to tightrope_test_reader with grant option
alter default privileges in schema shop revoke all on tables from tightrope_test_reader

alter default privileges revoke execute on functions from public

-- given alter default privileges revoke execute on functions from public
alter default privileges grant execute on functions to public

-- given alter default privileges revoke all on functions from public, current_user
alter default privileges grant execute on functions to tightrope_test_reader

alter default privileges for role tightrope_test_reader grant usage on types to tightrope_test_reader with grant option

alter default privileges grant usage on schemas to public

-- given alter default privileges in schema shop grant select on tables to tightrope_test_reader
drop view shop.names

do $$ begin execute format('alter database %I set search_path = shop, "Odd, one", public', current_database()); end $$

-- given do $$ begin execute format('alter database %I set search_path = shop, "Odd, ""one""", public', current_database()); end $$
do $$ begin execute format('alter database %I reset all', current_database()); end $$

-- given do $$ begin execute format('alter database %I set work_mem = %L', current_database(), '9MB'); end $$
-- given do $$ begin execute format('alter role tightrope_test_reader in database %I set application_name = %L', current_database(), 'it''s %I'); end $$
do $$ begin execute format('alter database %I set work_mem = %L', current_database(), '8MB'); end $$
do $$ begin execute format('alter role tightrope_test_reader in database %I reset all', current_database()); end $$

-- given do $$ begin execute format('alter database %I set my.own = %L', current_database(), 'x y'); end $$
do $$ begin execute format('alter database %I reset my.own', current_database()); end $$

drop schema shop cascade
-- loss filled anew
-- loss only their digest is kept
-- differs options digest

alter schema shop rename to store
create schema shop
create table shop.customers (id int)
create function shop.twice(a int) returns int language sql immutable as 'select a * 3'
create type shop.mood as enum ('other')

create schema other
alter table shop.customers set schema other
alter view shop.names set schema other
alter materialized view shop.totals set schema other
alter table shop.events set schema other
alter function shop.touch set schema other
alter aggregate shop.total (int) set schema other
alter statistics shop.both set schema other
alter text search configuration shop.words set schema other
alter collation shop.c set schema other
alter foreign table shop.far set schema other
alter sequence shop.numbers set schema other

alter function shop.twice rename to doubled
create function shop.twice(a int) returns int language sql immutable as 'select a * 3'
drop function shop.twice
drop procedure shop.tidy
create function shop.tidy(a int) returns int language sql as 'select 1'

-- since 18
alter default privileges grant select on large objects to tightrope_test_reader

-- given create publication two for table shop.customers, shop.orders
drop table shop.orders cascade
-- loss filled anew

-- given create publication two for table shop.customers, shop.orders
drop table shop.orders cascade
alter publication two set (publish = 'insert')
create table shop.orders (id int)
alter publication two add table shop.orders
-- loss filled anew

-- since 15
-- given create schema other
-- given create publication theirs for tables in schema other
drop schema other cascade

-- since 15
-- given create publication exact for table shop.orders (id, note) where (note <> 'x')
-- given alter table shop.orders replica identity full
alter table shop.orders rename column note to remark
alter table shop.orders rename to purchases

-- given alter default privileges in schema shop grant select on tables to tightrope_test_reader
alter schema shop rename to store
alter default privileges in schema store revoke select on tables from tightrope_test_reader

create schema authorization tightrope_test_reader
grant create on schema shop to tightrope_test_reader
alter function shop.twice owner to tightrope_test_reader
alter type shop.mood owner to tightrope_test_reader
alter type shop.pair owner to tightrope_test_reader
alter domain shop.positive owner to tightrope_test_reader
alter materialized view shop.totals owner to tightrope_test_reader
alter foreign table shop.far owner to tightrope_test_reader
alter aggregate shop.total (int) owner to tightrope_test_reader
alter collation shop.c owner to tightrope_test_reader
alter statistics shop.both owner to tightrope_test_reader
alter text search configuration shop.words owner to tightrope_test_reader
alter text search dictionary shop.plain owner to tightrope_test_reader
grant usage on type shop.pair to tightrope_test_reader
grant usage on foreign server elsewhere to tightrope_test_reader
grant usage on foreign data wrapper files to tightrope_test_reader
grant execute on all routines in schema shop to tightrope_test_reader
