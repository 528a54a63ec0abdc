create type shop.size as enum ('s', 'm', 'l')

drop type shop.mood

drop type shop.mood
create type shop.mood as enum ('one')

alter type shop.mood rename to feeling

alter type shop.mood set schema public

alter type shop.mood rename value 'ok' to 'fine'

alter type shop.mood rename value 'ok' to 'x'
alter type shop.mood rename value 'sad' to 'ok'
alter type shop.mood rename value 'x' to 'sad'

alter type shop.mood add value 'glad'

alter type shop.mood add value 'glad' before 'ok'
alter type shop.mood rename value 'ok' to 'fine'

comment on type shop.mood is 'x'
alter type shop.mood add value 'glad'

-- given comment on type shop.mood is 'kept'
-- given grant usage on type shop.mood to tightrope_test_reader
-- given alter type shop.mood owner to tightrope_test_reader
alter type shop.mood add value 'glad'

-- given create table shop.people (id int primary key, mood shop.mood not null default 'ok', moods shop.mood[] default '{sad}')
-- given insert into shop.people values (1, 'happy', '{ok,happy}'), (2, 'sad', null)
alter type shop.mood add value 'glad'
-- then do $$ begin assert (select string_agg(p::text, ' ' order by id) = '(1,happy,"{ok,happy}") (2,sad,)' from shop.people p); end $$

-- given create table shop.people (id int primary key, mood shop.mood)
-- given insert into shop.people values (1, 'happy'), (2, 'ok')
alter type shop.mood rename value 'ok' to 'fine'
alter type shop.mood add value 'glad' after 'sad'
-- then do $$ begin assert (select string_agg(p::text, ' ' order by id) = '(1,happy) (2,ok)' from shop.people p); end $$

-- given create table shop.people (id int, mood shop.mood)
-- given create index people_mood on shop.people (mood)
-- given create view shop.moody as select id, mood from shop.people where mood > 'sad'::shop.mood
-- given create view shop.moodier as select mood from shop.moody
alter type shop.mood add value 'glad'

-- given create table shop.people (id int, mood shop.mood check (mood <> 'sad'), other shop.mood)
-- given alter table shop.people add constraint apart check (mood <> other or mood = 'ok'::shop.mood)
-- given create index people_happy on shop.people (id) where mood = 'happy'
-- given create policy moody on shop.people using (mood = 'ok')
alter type shop.mood add value 'glad'

-- given create function shop.better(a shop.mood, b shop.mood) returns shop.mood language sql immutable as 'select greatest(a, b)'
-- given create table shop.people (id int, mood shop.mood default shop.better('sad', 'ok'))
-- given create view shop.best as select shop.better(mood, 'ok') as best from shop.people
alter type shop.mood add value 'glad'

-- given create domain shop.decent as shop.mood default 'ok' check (value > 'sad')
-- given create table shop.people (id int, mood shop.decent, moods shop.decent[])
-- given insert into shop.people values (1, 'happy', '{ok}')
alter type shop.mood add value 'glad'
-- then do $$ begin assert (select p::text = '(1,happy,{ok})' from shop.people p); end $$

-- given create table shop.people (id int, mood shop.mood) partition by list (mood)
-- given create table shop.sad_people partition of shop.people for values in ('sad')
comment on type shop.mood is 'x'

-- given create table shop.people (id int, mood shop.mood) partition by range (id)
-- given create table shop.people_1 partition of shop.people for values from (1) to (10)
-- given insert into shop.people values (1, 'happy')
alter type shop.mood add value 'glad'
-- then do $$ begin assert (select p::text = '(1,happy)' from shop.people p); end $$

-- given create table shop.people (id int, mood shop.mood)
-- given create table shop.kids (age int) inherits (shop.people)
alter type shop.mood add value 'glad'

-- given create materialized view shop.moods as select mood, count(*) from (values ('ok'::shop.mood)) v (mood) group by mood
-- given create unique index moods_mood on shop.moods (mood)
alter type shop.mood add value 'glad'
-- loss filled anew

-- given create table shop.people (id int, mood shop.mood)
-- given create trigger moody before update on shop.people for each row when (new.mood = 'ok') execute function shop.touch()
-- given create rule no_sadness as on insert to shop.people where new.mood = 'sad' do instead nothing
alter type shop.mood add value 'glad'

-- given create table shop.people (id int, mood shop.mood)
alter table shop.people alter column mood type text
drop type shop.mood

-- given create table shop.people (id int, mood text)
create type shop.size as enum ('s', 'm')
alter table shop.people alter column mood type shop.size using mood::shop.size

-- given create table shop.people (id int, mood shop.mood)
drop type shop.mood cascade

-- given create type shop.outfit as (name text, mood shop.mood)
alter type shop.mood add value 'glad'

-- given create table shop.people (id int, mood shop.mood, happy bool generated always as (mood = 'happy') stored)
-- given insert into shop.people (id, mood) values (1, 'happy')
alter type shop.mood add value 'glad'
-- then do $$ begin assert (select p::text = '(1,happy,t)' from shop.people p); end $$

-- given create table shop.people (id int, mood shop.mood)
-- given insert into shop.people values (1, 'happy'), (2, 'ok')
alter type shop.mood rename value 'ok' to 'fine'
alter type shop.mood add value 'ok' before 'fine'
alter type shop.mood rename to feeling
-- then do $$ begin assert (select string_agg(p::text, ' ' order by id) = '(1,happy) (2,ok)' from shop.people p); end $$

-- given create table shop.people (id int, mood shop.mood default 'ok')
alter type shop.mood add value 'glad'
alter schema shop rename to store

-- given create table shop.people (id int, mood shop.mood) partition by list (mood)
-- given create table shop.sad_people partition of shop.people for values in ('sad')
-- given create table shop.other_people partition of shop.people default
-- given insert into shop.people values (1, 'happy'), (2, 'sad')
alter type shop.mood add value 'glad'
-- then do $$ begin assert (select string_agg(p.tableoid::regclass || p::text, ' ' order by id) = 'shop.other_people(1,happy) shop.sad_people(2,sad)' from shop.people p); end $$

-- given create table shop.moods (mood shop.mood primary key, word text)
-- given create table shop.people (id int, mood shop.mood references shop.moods on delete cascade)
-- given insert into shop.moods values ('ok', 'x')
-- given insert into shop.people values (1, 'ok')
alter type shop.mood add value 'glad'
-- then do $$ begin assert (select p::text = '(1,ok)' from shop.people p); end $$

-- given create table shop.people (id int, mood shop.mood, exclude using btree (mood with =))
alter type shop.mood add value 'glad'

-- given create type shop.outfit as (name text, mood shop.mood)
-- given create table shop.people (id int, outfit shop.outfit, outfits shop.outfit[])
-- given insert into shop.people values (1, ('hat', 'ok'), array[('coat, long', 'sad')::shop.outfit])
alter type shop.mood add value 'glad'
-- then do $$ begin assert (select (outfit).mood = 'ok' and outfits[1].name = 'coat, long' from shop.people p); end $$

-- given create domain shop.decent as shop.mood check (value > 'sad')
-- given create domain shop.happy as shop.decent default 'happy'
-- given create table shop.people (id int, mood shop.happy, other shop.decent)
-- given insert into shop.people (id, other) values (1, 'ok')
alter type shop.mood add value 'glad'
-- then do $$ begin assert (select p::text = '(1,happy,ok)' from shop.people p); end $$

-- given create type shop.moods as range (subtype = shop.mood)
-- given create table shop.people (id int, moods shop.moods)
-- given insert into shop.people values (1, '[sad,happy)')
alter type shop.mood add value 'glad'
-- then do $$ begin assert (select p::text = '(1,"[sad,happy)")' from shop.people p); end $$

-- given create cast (text as shop.mood) with inout as assignment
alter type shop.mood add value 'glad'

-- given create table shop.people (id int, mood shop.mood default 'ok')
-- given create view shop.moody as select mood from shop.people
-- given comment on view shop.moody is 'kept'
-- given grant select on shop.moody to tightrope_test_reader
alter table shop.people alter column mood drop default
alter type shop.mood rename value 'ok' to 'fine'
alter type shop.mood add value 'glad'
alter table shop.people add column other shop.mood default 'fine'
create or replace view shop.moody as select mood, other from shop.people

-- given create table shop.people (id int, mood shop.mood, unique (mood, id))
-- given create statistics shop.moody (ndistinct) on id, mood from shop.people
-- given alter table shop.people replica identity full
-- given create publication moods for table shop.people
alter type shop.mood add value 'glad'

-- given create function shop.moods() returns setof shop.mood language sql as $$ select unnest(enum_range(null::shop.mood)) $$
-- given create procedure shop.cheer(a shop.mood default 'ok') language plpgsql as 'begin end'
-- given create aggregate shop.best (shop.mood) (sfunc = enum_larger, stype = shop.mood)
alter type shop.mood add value 'glad'

-- given create table shop.people (id int, mood shop.mood)
-- given create materialized view shop.moods as select mood, count(*) from shop.people group by mood with no data
do $$ begin alter type shop.mood add value 'glad'; execute 'create index moods_mood on shop.moods (mood)'; end $$

-- given create temp table aside (mood shop.mood)
create type shop.shape as enum ('round')
create table shop.shapes (shape shop.shape default 'round', shapes shop.shape[])
create function shop.flat(shop.shape) returns bool language sql as 'select false'
