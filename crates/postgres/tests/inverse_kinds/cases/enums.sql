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
