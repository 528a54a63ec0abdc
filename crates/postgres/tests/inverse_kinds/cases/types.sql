create type shop.triple as (a int, b text collate "C", c numeric(4, 1)[])

drop type shop.pair

alter type shop.pair rename to duo

alter type shop.pair set schema public

alter type shop.pair add attribute c int

alter type shop.pair drop attribute b

alter type shop.pair drop attribute a

alter type shop.pair rename attribute b to z

alter type shop.pair alter attribute b type varchar(9)

alter type shop.pair alter attribute b type text collate "C"

-- given comment on type shop.pair is 'two'
-- given comment on column shop.pair.a is 'the first'
-- given grant usage on type shop.pair to tightrope_test_reader
drop type shop.pair

-- given create table shop.pairs (id int, p shop.pair)
alter type shop.pair add attribute c int

-- given create table shop.typed of shop.pair
alter type shop.pair add attribute c int cascade

-- given create function shop.first(p shop.pair) returns int language sql as 'select p.a'
alter type shop.pair add attribute c int

-- given create function shop.first(p shop.pair) returns int language sql as 'select p.a'
drop type shop.pair cascade

create type shop.span as range (subtype = numeric)

-- given create type shop.span as range (subtype = numeric)
drop type shop.span

-- given create type shop.words as range (subtype = text, collation = "C")
drop type shop.words

-- since 14
-- given create type shop.span as range (subtype = numeric, multirange_type_name = spans)
drop type shop.span

-- given create function shop.gap(a numeric, b numeric) returns float8 language sql immutable as 'select (a - b)::float8'
-- given create type shop.span as range (subtype = numeric, subtype_diff = shop.gap)
drop function shop.gap cascade

-- given create type shop.span as range (subtype = numeric)
-- given create table shop.spans (s shop.span)
alter type shop.span rename to stretch

create type shop.shell

-- given create type shop.shell
drop type shop.shell

create type shop.blob
create function shop.blob_in(cstring) returns shop.blob language internal immutable strict as 'textin'
create function shop.blob_out(shop.blob) returns cstring language internal immutable strict as 'textout'
create type shop.blob (input = shop.blob_in, output = shop.blob_out, internallength = variable)

-- given create type shop.blob
-- given create function shop.blob_in(cstring) returns shop.blob language internal immutable strict as 'textin'
-- given create function shop.blob_out(shop.blob) returns cstring language internal immutable strict as 'textout'
-- given create type shop.blob (input = shop.blob_in, output = shop.blob_out, internallength = variable, storage = extended)
drop type shop.blob cascade

create domain shop.small as int default 1 not null check (value < 9)

-- given alter domain shop.positive set default 7
-- given alter domain shop.positive set not null
-- given comment on domain shop.positive is 'x'
-- given comment on constraint positive_check on domain shop.positive is 'y'
drop domain shop.positive

alter domain shop.positive set default 7

alter domain shop.positive set not null

-- given alter domain shop.positive set default 7
alter domain shop.positive drop default

-- given alter domain shop.positive set not null
alter domain shop.positive drop not null

alter domain shop.positive drop constraint positive_check

alter domain shop.positive add constraint small check (value < 100)

alter domain shop.positive add constraint small check (value < 100) not valid

-- given alter domain shop.positive add constraint small check (value < 100) not valid
alter domain shop.positive validate constraint small

alter domain shop.positive rename constraint positive_check to other

alter domain shop.positive rename to above_zero

alter domain shop.positive set schema public

-- given create table shop.numbered (n shop.positive default 5, m shop.positive[])
drop domain shop.positive cascade
create domain shop.positive as bigint check (value > 0)

-- given create table shop.numbered (n shop.positive)
-- given insert into shop.numbered values (5)
alter table shop.numbered alter column n type int
drop domain shop.positive
create domain shop.positive as bigint check (value > 0)
alter table shop.numbered alter column n type shop.positive
-- then do $$ begin assert (select n = 5 from shop.numbered); end $$

-- given create function shop.fits(a int) returns bool language sql immutable as 'select a < 9'
-- given create domain shop.fitting as int check (shop.fits(value))
-- given create table shop.fits (f shop.fitting)
drop function shop.fits cascade

-- given create domain shop.inner as int check (value > 0)
-- given create domain shop.outer as shop.inner check (value < 9)
drop domain shop.inner cascade

-- given create table shop.pairs (id int, p shop.pair)
-- given insert into shop.pairs values (1, (1, 'x, y')), (2, null), (3, (null, null))
alter type shop.pair drop attribute a
-- then do $$ begin assert (select string_agg(t::text, ' ' order by id) = '(1,"(,""x, y"")") (2,) (3,"(,)")' from shop.pairs t); end $$

-- given create table shop.pairs (id int, p shop.pair)
-- given insert into shop.pairs values (1, (1, 'x'))
alter type shop.pair drop attribute b
-- then do $$ begin assert (select t::text = '(1,"(1,)")' from shop.pairs t); end $$

-- given create table shop.pairs (id int, p shop.pair)
-- given insert into shop.pairs values (1, (1, 'x'))
alter type shop.pair rename attribute b to z
alter type shop.pair drop attribute a
alter type shop.pair add attribute c int
-- then do $$ begin assert (select t::text = '(1,"(,x)")' from shop.pairs t); end $$

-- given create extension citext with schema public
-- given create table shop.people (id int, name public.citext not null default 'x', note text)
-- given create index people_name on shop.people (name)
drop extension citext cascade

-- given create table shop.people (id int, name text not null default 'x', note text)
-- given insert into shop.people values (1, 'Joe')
create extension citext with schema public
alter table shop.people alter column name type public.citext
create function public.same(public.citext, public.citext) returns bool language sql as 'select $1 = $2'
-- then do $$ begin assert (select p::text = '(1,Joe,)' from shop.people p); end $$

-- given create table shop.people (name text)
create collation shop.own (locale = 'C')
alter table shop.people alter column name type text collate shop.own

-- given create table shop.pairs (id int, p shop.pair)
create type shop.box as (p shop.pair)
alter table shop.pairs add column b shop.box
alter table shop.pairs alter column p type text
-- then do $$ begin assert (select pg_typeof(p)::text = 'shop.pair' from (select p from shop.pairs union all select null) p); end $$

-- given create table shop.numbered (n shop.positive default 5)
alter domain shop.positive add constraint small check (value < 100)
alter domain shop.positive rename to above_zero
alter domain shop.above_zero set schema public
alter domain public.above_zero drop constraint positive_check

-- given create type shop.span as range (subtype = numeric)
-- given create table shop.spans (id int, s shop.span)
-- given insert into shop.spans values (1, '[1,2)')
-- given create index spans_s on shop.spans using gist (s)
drop index shop.spans_s
create function shop.gap(a numeric, b numeric) returns float8 language sql immutable as 'select (a - b)::float8'
alter table shop.spans alter column s type text
drop type shop.span
create type shop.span as range (subtype = numeric, subtype_diff = shop.gap)
alter table shop.spans alter column s type shop.span using s::shop.span
-- then do $$ begin assert (select s::text = '[1,2)' from shop.spans); end $$

alter type shop.pair rename to couple
create type shop.pair as enum ('left', 'right')

alter type shop.pair rename to swapped
alter type shop.mood rename to pair
alter type shop.swapped rename to mood

drop type shop.pair
create type shop.pair as enum ('left', 'right')

drop type shop.mood
create domain shop.mood as text

-- given create domain shop.doubled as int default shop.twice(2) check (shop.twice(value) > 0)
-- given create table shop.doubles (d shop.doubled)
-- given insert into shop.doubles values (3)
drop function shop.twice cascade

-- given create domain shop.doubled as int default shop.twice(2) check (shop.twice(value) > 0)
-- given create table shop.doubles (d shop.doubled)
drop function shop.twice cascade
create function shop.twice(a int) returns bigint language sql immutable as 'select 1::bigint'
create domain shop.doubled as bigint default shop.twice(7)

-- given create table shop.typed of shop.pair (primary key (a))
-- given insert into shop.typed values (1, 'x')
drop type shop.pair cascade

-- given create table shop.typed of shop.pair (primary key (a))
-- given insert into shop.typed values (1, 'x')
alter type shop.pair rename attribute b to z cascade
alter type shop.pair alter attribute z type varchar(9) cascade
-- then do $$ begin assert (select t::text = '(1,x)' from shop.typed t); end $$

-- given create table shop.typed of shop.pair
-- given insert into shop.typed values (1, 'x')
alter type shop.pair drop attribute a cascade

-- given create domain shop.whole as numeric check (value = trunc(value))
-- given create type shop.wholes as range (subtype = shop.whole, subtype_opclass = numeric_ops)
-- given create table shop.spans (s shop.wholes)
drop domain shop.whole cascade
