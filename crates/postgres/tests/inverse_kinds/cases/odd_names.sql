-- given create schema "Odd one"
-- given create type "Odd one"."Mood of" as enum ('It''s', 'ok, so')
-- given create domain "Odd one"."Positive" as int default 1 constraint "Over 0" check (value > 0)
-- given create type "Odd one"."Pair" as ("First one" int, "order" text)
-- given create table "Odd one"."Select" ("Id" int primary key, "user" "Odd one"."Mood of" default 'ok, so', "n" "Odd one"."Positive", "Pair" "Odd one"."Pair")
-- given create view "Odd one"."View" as select "Id", "user" as "The user" from "Odd one"."Select"
-- given create materialized view "Odd one"."Filled" as select "Id" from "Odd one"."View" with no data
-- given create index "Index on" on "Odd one"."Filled" ("Id")
-- given create function "Odd one"."Func"("A b" int, "select" "Odd one"."Mood of" default 'It''s') returns int language sql as 'select 1'
-- given create procedure "Odd one"."Proc"("A b" int) language sql as 'select 1'
-- given create aggregate "Odd one"."Agg" ("Odd one"."Mood of") (sfunc = enum_larger, stype = "Odd one"."Mood of")
-- given create operator "Odd one".=== (leftarg = int, rightarg = "Odd one"."Mood of", function = "Odd one"."Func")
-- given create function "Odd one"."Trig"() returns trigger language plpgsql as 'begin return new; end'
-- given create trigger "Fires on" before insert on "Odd one"."Select" for each row execute function "Odd one"."Trig"('It''s')
-- given create rule "No delete" as on delete to "Odd one"."Select" do instead nothing
-- given create policy "Own one" on "Odd one"."Select" using ("Id" > 0)
-- given create statistics "Odd one"."Stat" on "Id", "user" from "Odd one"."Select"
-- given create collation "Odd one"."Coll" (locale = 'C')
-- given create text search configuration "Odd one"."Words of" (copy = simple)
-- given create text search dictionary "Odd one"."Dict of" (template = simple)
-- given create operator family "Odd one"."Fam of" using btree
-- given create operator class "Odd one"."Class of" for type int using hash as operator 1 =, function 1 hashint4(int)
-- given create conversion "Odd one"."Conv" for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8
-- given create cast (text as "Odd one"."Mood of") with inout
-- given create foreign data wrapper "Wrap per"
-- given create server "Ser ver" foreign data wrapper "Wrap per"
-- given create user mapping for current_user server "Ser ver"
-- given create foreign table "Odd one"."Far off" ("A" int) server "Ser ver"
-- given create publication "Pub of" for table "Odd one"."Select"
-- given comment on trigger "Fires on" on "Odd one"."Select" is 'It''s \ x'
-- given comment on operator class "Odd one"."Class of" using hash is 'x'
-- given comment on constraint "Over 0" on domain "Odd one"."Positive" is 'x'
-- given comment on function "Odd one"."Func" is 'x'
-- given comment on cast (text as "Odd one"."Mood of") is 'x'
-- given grant select ("Id") on "Odd one"."View" to tightrope_test_reader
-- given alter default privileges in schema "Odd one" grant select on tables to tightrope_test_reader
drop publication "Pub of"
drop schema "Odd one" cascade
drop foreign data wrapper "Wrap per" cascade

-- given create schema "Odd one"
-- given create type "Odd one"."Mood of" as enum ('It''s', 'ok, so')
-- given create domain "Odd one"."Positive" as int default 1 constraint "Over 0" check (value > 0)
-- given create table "Odd one"."Select" ("Id" int primary key, "user" "Odd one"."Mood of" default 'ok, so', "n" "Odd one"."Positive")
-- given create view "Odd one"."View" as select "Id", "user" as "The user" from "Odd one"."Select"
-- given create function "Odd one"."Func"("A b" int, "select" "Odd one"."Mood of" default 'It''s') returns int language sql as 'select 1'
-- given create operator class "Odd one"."Class of" for type int using hash as operator 1 =, function 1 hashint4(int)
-- given create text search configuration "Odd one"."Words of" (copy = simple)
-- given create rule "No delete" as on delete to "Odd one"."Select" do instead nothing
-- given create policy "Own one" on "Odd one"."Select" using ("Id" > 0)
alter schema "Odd one" rename to "Even"
alter type "Even"."Mood of" rename to "Feeling"
alter type "Even"."Feeling" rename value 'It''s' to 'it is'
alter domain "Even"."Positive" rename constraint "Over 0" to "Over nought"
alter domain "Even"."Positive" rename to "Above"
alter table "Even"."Select" rename column "user" to "User"
alter table "Even"."Select" rename to "From"
alter view "Even"."View" rename to "Seen"
alter function "Even"."Func" rename to "Called"
alter operator class "Even"."Class of" using hash rename to "Other"
alter text search configuration "Even"."Words of" rename to "Other"
alter rule "No delete" on "Even"."From" rename to "Keep"
alter policy "Own one" on "Even"."From" rename to "Mine"
alter policy "Mine" on "Even"."From" using ("Id" > 5)

-- given create schema "Odd one"
-- given create type "Odd one"."Mood of" as enum ('It''s', 'ok, so')
-- given create table "Odd one"."Select" ("Id" int primary key, "user" "Odd one"."Mood of" default 'ok, so', "Users" "Odd one"."Mood of"[])
-- given create view "Odd one"."View" as select "Id", "user" as "The user" from "Odd one"."Select"
-- given insert into "Odd one"."Select" values (1, 'It''s', '{"ok, so"}')
alter type "Odd one"."Mood of" rename value 'It''s' to 'it is'
alter type "Odd one"."Mood of" add value 'new one' before 'ok, so'
alter view "Odd one"."View" alter column "The user" set default 'ok, so'
-- then do $$ begin assert (select s::text = '(1,It''s,"{""ok, so""}")' from "Odd one"."Select" s); end $$

create schema "Odd one"
create type "Odd one"."Mood of" as enum ('It''s', 'ok, so')
create domain "Odd one"."Positive" as int default 1 constraint "Over 0" check (value > 0)
create type "Odd one"."Pair" as ("First one" int, "order" text)
create table "Odd one"."Select" ("Id" int primary key, "user" "Odd one"."Mood of" default 'ok, so', "n" "Odd one"."Positive", "Pair" "Odd one"."Pair")
create view "Odd one"."View" as select "Id", "user" as "The user" from "Odd one"."Select"
create materialized view "Odd one"."Filled" as select "Id" from "Odd one"."View" with no data
create index "Index on" on "Odd one"."Filled" ("Id")
create function "Odd one"."Func"("A b" int, "select" "Odd one"."Mood of" default 'It''s') returns int language sql as 'select 1'
create procedure "Odd one"."Proc"("A b" int) language sql as 'select 1'
create aggregate "Odd one"."Agg" ("Odd one"."Mood of") (sfunc = enum_larger, stype = "Odd one"."Mood of")
create operator "Odd one".=== (leftarg = int, rightarg = "Odd one"."Mood of", function = "Odd one"."Func")
create function "Odd one"."Trig"() returns trigger language plpgsql as 'begin return new; end'
create trigger "Fires on" before insert on "Odd one"."Select" for each row execute function "Odd one"."Trig"('It''s')
create rule "No delete" as on delete to "Odd one"."Select" do instead nothing
create policy "Own one" on "Odd one"."Select" using ("Id" > 0)
create statistics "Odd one"."Stat" on "Id", "user" from "Odd one"."Select"
create collation "Odd one"."Coll" (locale = 'C')
create text search configuration "Odd one"."Words of" (copy = simple)
create text search dictionary "Odd one"."Dict of" (template = simple)
create operator family "Odd one"."Fam of" using btree
create operator class "Odd one"."Class of" for type int using hash as operator 1 =, function 1 hashint4(int)
create conversion "Odd one"."Conv" for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8
create cast (text as "Odd one"."Mood of") with inout
create foreign data wrapper "Wrap per"
create server "Ser ver" foreign data wrapper "Wrap per"
create user mapping for current_user server "Ser ver"
create foreign table "Odd one"."Far off" ("A" int) server "Ser ver"
create publication "Pub of" for table "Odd one"."Select"
comment on trigger "Fires on" on "Odd one"."Select" is 'It''s \ x'
comment on operator class "Odd one"."Class of" using hash is 'x'
comment on constraint "Over 0" on domain "Odd one"."Positive" is 'x'
comment on function "Odd one"."Func" is 'x'
comment on cast (text as "Odd one"."Mood of") is 'x'
grant select ("Id") on "Odd one"."View" to tightrope_test_reader
alter default privileges in schema "Odd one" grant select on tables to tightrope_test_reader
