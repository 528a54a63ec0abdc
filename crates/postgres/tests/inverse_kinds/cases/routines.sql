create function shop.extra(a int, b text, out c int, variadic d int[]) returns int language sql as 'select 1'

drop function shop.twice(int)

create or replace function shop.twice(a int) returns int language sql immutable as 'select a + a'

drop function shop.twice(int)
create function shop.twice(b int) returns int language sql immutable as 'select b * 2'

drop function shop.twice(int)
create function shop.twice(a int) returns bigint language sql immutable as 'select a * 2::bigint'

create or replace function shop.twice(a int default 7) returns int language sql immutable as 'select a * 2'

-- given create or replace function shop.twice(a int default 7) returns int language sql immutable as 'select a * 2'
drop function shop.twice(int)
create function shop.twice(a int) returns int language sql immutable as 'select a * 2'

alter function shop.twice(int) rename to doubled

alter function shop.twice(int) set schema public

alter function shop.twice(int) rename to doubled
alter function shop.doubled(int) set schema public
create or replace function public.doubled(a int) returns int language sql immutable as 'select a + a'

alter function shop.twice(int) volatile strict security definer leakproof parallel safe cost 7 set search_path = shop, public set work_mem = '9MB'

-- given alter function shop.twice(int) volatile strict security definer leakproof parallel safe cost 7 set search_path = shop, "Public" set work_mem = '9MB'
alter function shop.twice(int) immutable called on null input security invoker not leakproof parallel unsafe cost 100 reset all

-- given alter function shop.twice(int) volatile strict security definer leakproof parallel safe cost 7 set search_path = shop, "Public" set datestyle = iso, dmy
drop function shop.twice

-- given comment on function shop.twice is 'x'
-- given grant execute on function shop.twice to tightrope_test_reader
-- given revoke execute on function shop.twice from public
-- given alter function shop.twice owner to tightrope_test_reader
drop function shop.twice

-- given create function shop.many(n int) returns setof int language plpgsql rows 7 as $$ begin return query select generate_series(1, n); end $$
drop function shop.many

-- given create function shop.pairs(n int) returns table (a int, b text) language sql as $$ select 1, 'it''s' $$
drop function shop.pairs

-- given create function shop.body() returns text language sql as $_$ select '$function$' || $$x$$ $_$
drop function shop.body

-- since 14
-- given create function shop.atomic(a int) returns int language sql begin atomic select a + 1; select id::int from shop.customers; end
drop function shop.atomic

-- since 14
-- given create function shop.atomic(a int) returns bigint language sql begin atomic select id from shop.customers; end
alter table shop.customers rename to clients
create or replace function shop.atomic(a int) returns bigint language sql begin atomic select id + 1 from shop.clients; end

-- given create function shop.unsafe() returns int language sql as 'select 1'
-- given set local check_function_bodies = off
-- given create or replace function shop.unsafe() returns int language sql as 'select nothing from nowhere'
-- given set local check_function_bodies = on
drop function shop.unsafe

-- given create function shop.ranked(int) returns int8 language internal window as 'window_row_number'
-- given drop function shop.ranked
-- given create function shop.ranked() returns int8 language internal window as 'window_row_number'
drop function shop.ranked

-- given create table shop.computed (a int, b int default shop.twice(4), check (shop.twice(a) > 0))
-- given create index computed_twice on shop.computed (shop.twice(a))
-- given create policy doubled on shop.computed using (shop.twice(a) > 2)
-- given create view shop.doubled as select shop.twice(a) as a from shop.computed
-- given create trigger doubling before update on shop.computed for each row when (shop.twice(new.a) > 1) execute function shop.touch()
drop function shop.twice cascade

-- given create table shop.computed (a int, b int default shop.twice(4), check (shop.twice(a) > 0))
-- given create view shop.doubled as select shop.twice(a) as a from shop.computed
create or replace function shop.twice(a int) returns int language sql immutable as 'select a + a'

-- given create table shop.computed (a int)
-- given create index computed_twice on shop.computed (shop.twice(a))
create or replace function shop.twice(a int) returns int language sql immutable as 'select a + a'

-- given create table shop.computed (a int, b int generated always as (shop.twice(a)) stored)
-- given insert into shop.computed values (4)
drop function shop.twice cascade
-- then do $$ begin assert (select b = 8 from shop.computed); end $$

do $$ begin execute 'drop function shop.touch() cascade'; execute 'create function shop.touch(a int) returns int language sql as ''select 1'''; end $$

-- given create function shop.calls(a int) returns int language plpgsql as 'begin return shop.twice(a); end'
drop function shop.twice, shop.calls

create procedure shop.extra(a int, inout b text) language plpgsql as 'begin end'

-- given comment on procedure shop.tidy is 'x'
-- given revoke execute on procedure shop.tidy from public
drop procedure shop.tidy

create or replace procedure shop.tidy(a int) language plpgsql as 'begin null; end'

alter procedure shop.tidy(int) rename to clean

alter procedure shop.tidy(int) security definer set work_mem = '9MB'

-- since 14
-- given create procedure shop.gives(a int, out b int) language plpgsql as 'begin b := a; end'
drop procedure shop.gives

create aggregate shop.extra (int) (sfunc = int4pl, stype = int)

-- given comment on aggregate shop.total (int) is 'x'
-- given grant execute on function shop.total (int) to tightrope_test_reader
drop aggregate shop.total (int)

drop aggregate shop.total (int)
create aggregate shop.total (int) (sfunc = int4pl, stype = int, initcond = '1')

alter aggregate shop.total (int) rename to sum_of

alter aggregate shop.total (int) set schema public

-- given create aggregate shop.any_of (*) (sfunc = int8inc, stype = int8, initcond = '0', combinefunc = int8pl, parallel = safe)
drop aggregate shop.any_of (*)

-- given create aggregate shop.moving (float8) (sfunc = float8pl, stype = float8, msfunc = float8pl, minvfunc = float8mi, mstype = float8, minitcond = '0', sortop = <)
drop aggregate shop.moving (float8)

-- given create aggregate shop.mean (int4) (sfunc = int4_avg_accum, stype = int8[], sspace = 9, finalfunc = int8_avg, finalfunc_modify = shareable, finalfunc_extra = false, initcond = '{0,0}')
drop aggregate shop.mean (int4)

-- given create aggregate shop.share (float8 order by anyelement) (sfunc = ordered_set_transition, stype = internal, finalfunc = percentile_disc_final, finalfunc_extra)
drop aggregate shop.share (float8 order by anyelement)

-- given create view shop.summed as select shop.total(a) as a from shop.parent
drop aggregate shop.total (int) cascade

-- given create function shop.added(int, int) returns int language sql immutable as 'select $1 + $2'
-- given create aggregate shop.sum_of (int) (sfunc = shop.added, stype = int)
drop function shop.added cascade

-- given create table shop.computed (a int, b int generated always as (shop.twice(a)) stored)
-- given insert into shop.computed values (4)
create or replace function shop.twice(a int) returns int language sql immutable as 'select a * 3'
insert into shop.computed values (5)
-- then do $$ begin assert (select string_agg(b::text, ' ' order by a) = '8 10' from shop.computed); end $$

-- given create function shop.label(c shop.customers) returns text language sql as 'select c.name'
-- given create view shop.labels as select shop.label(c) from shop.customers c
drop table shop.customers cascade

-- given create function shop.label(c shop.customers) returns text language sql as 'select c.name'
-- given create view shop.labels as select shop.label(c) from shop.customers c
alter table shop.customers drop column email

-- given create function shop.label(c shop.customers) returns text language sql as 'select c.name'
alter table shop.customers rename to clients
alter function shop.label(shop.clients) rename to tag

-- given create function shop.all_of() returns setof shop.customers language sql as 'select * from shop.customers'
alter table shop.customers add column extra int

-- given create function shop.moody(a shop.mood default 'ok', b shop.pair default null) returns shop.pair language sql as 'select b'
alter type shop.mood rename to feeling
alter type shop.pair set schema public
alter function shop.moody(shop.feeling, public.pair) rename to touchy
create or replace function shop.touchy(a shop.feeling default 'sad', b public.pair default null) returns public.pair language sql as 'select null::public.pair'

-- given create function shop.one() returns int language sql as 'select 1'
-- given create function shop.two() returns int language sql as 'select shop.one() + 1'
-- given create view shop.twos as select shop.two() as two
drop function shop.one cascade
create function shop.one() returns text language sql as $$ select 'x' $$
create or replace function shop.two() returns int language sql as 'select 2'

-- given create trusted language own handler plpgsql_call_handler inline plpgsql_inline_handler validator plpgsql_validator
-- given create function shop.owned() returns int language own as 'begin return 1; end'
-- given create view shop.owneds as select shop.owned() as o
drop language own cascade

do $$ begin for i in 1..20 loop execute format('create function shop.f%s(a int default 1) returns int language sql as %L', i, 'select ' || i); end loop; end $$

-- given create function shop.f(a int, b text) returns int language sql as 'select 1'
-- given create function shop.f(a int) returns int language sql as 'select 2'
drop function shop.f(int)
alter function shop.f(int, text) rename to g
create function shop.f(a int, b text) returns int language sql as 'select 3'
