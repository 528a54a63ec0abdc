drop trigger touched on shop.orders

alter trigger touched on shop.orders rename to tickled

alter table shop.orders disable trigger touched

-- given alter table shop.orders enable replica trigger touched
-- given comment on trigger touched on shop.orders is 'x'
drop trigger touched on shop.orders

-- given alter table shop.orders enable always trigger touched
alter table shop.orders disable trigger user

drop trigger touched on shop.orders
create trigger touched after update of note, placed on shop.orders for each row when (old.note is distinct from new.note) execute function shop.touch('a', 'b')

-- given create trigger noted after update of note, placed on shop.orders for each row when (old.note is distinct from new.note) execute function shop.touch('a', 'it''s')
drop trigger noted on shop.orders

-- given create trigger counted after insert on shop.orders referencing new table as added for each statement execute function shop.touch()
drop trigger counted on shop.orders

create constraint trigger later after insert on shop.orders deferrable initially deferred for each row execute function shop.touch()

-- given create constraint trigger later after insert on shop.orders from shop.customers deferrable initially deferred for each row execute function shop.touch()
drop trigger later on shop.orders

create trigger parts after insert on shop.events for each row execute function shop.touch()

-- given create trigger parts after insert on shop.events for each row execute function shop.touch()
drop trigger parts on shop.events

-- given create trigger parts after insert on shop.events for each row execute function shop.touch()
-- given comment on trigger parts on shop.events is 'x'
alter table shop.events disable trigger parts

-- given create trigger parts after insert on shop.events for each row execute function shop.touch()
alter table shop.events_1 disable trigger parts

-- since 13
-- given create trigger parts after insert on shop.events for each row execute function shop.touch()
-- given alter table shop.events_1 disable trigger parts
drop trigger parts on shop.events

-- given create trigger parts after insert on shop.events for each row execute function shop.touch()
alter table shop.events detach partition shop.events_1

drop function shop.touch cascade

alter function shop.touch() rename to stroke

alter table shop.orders rename to purchases
alter trigger touched on shop.purchases rename to tickled
alter table shop.purchases disable trigger tickled

-- given create trigger noted after update of note on shop.orders for each row execute function shop.touch()
alter table shop.orders drop column note cascade
-- loss filled anew

create event trigger guard on ddl_command_end when tag in ('DROP TABLE', 'CREATE TABLE') execute function shop.watch()

-- given create event trigger guard on ddl_command_end when tag in ('DROP SEQUENCE', 'CREATE SEQUENCE') execute function shop.watch()
-- given alter event trigger guard enable always
-- given comment on event trigger guard is 'x'
drop event trigger guard

-- given create event trigger guard on sql_drop execute function shop.watch()
alter event trigger guard disable

-- given create event trigger guard on sql_drop execute function shop.watch()
alter event trigger guard rename to watchman

-- given create event trigger guard on sql_drop execute function shop.watch()
drop function shop.watch cascade

drop rule no_delete on shop.customers

create rule noted as on insert to shop.orders do also notify orders

-- given create rule noted as on update to shop.orders where new.note = 'x' do also (insert into shop.parent values (1); insert into shop.parent values (2))
-- given comment on rule noted on shop.orders is 'x'
-- given alter table shop.orders enable always rule noted
drop rule noted on shop.orders

alter rule no_delete on shop.customers rename to keep

alter table shop.customers disable rule no_delete

drop rule no_delete on shop.customers
create rule no_delete as on delete to shop.customers where old.id > 4 do instead nothing

drop policy own on shop.orders

create policy writers on shop.orders as restrictive for insert with check (id < 9)

-- given create policy writers on shop.orders as restrictive for update to tightrope_test_reader, current_user using (true) with check (id < 9)
-- given comment on policy writers on shop.orders is 'x'
drop policy writers on shop.orders

alter policy own on shop.orders rename to mine

alter policy own on shop.orders to tightrope_test_reader using (id > 5)

drop policy own on shop.orders
create policy own on shop.orders as restrictive for select using (id > 0)

-- given create policy writers on shop.orders for all using (id > 3)
alter policy writers on shop.orders with check (id > 5)

-- given create function shop.mine() returns bool language sql as 'select true'
-- given create policy called on shop.orders using (shop.mine())
drop function shop.mine cascade

drop policy own on shop.orders
drop table shop.orders cascade
-- loss filled anew

create statistics shop.more (ndistinct) on a, b from shop.parent

drop statistics shop.both

-- given comment on statistics shop.both is 'x'
drop statistics shop.both

-- since 13
-- given alter statistics shop.both set statistics 500
drop statistics shop.both

-- since 13
alter statistics shop.both set statistics 500

alter statistics shop.both rename to pair

alter statistics shop.both set schema public

drop statistics shop.both
create statistics shop.both (ndistinct) on a, b from shop.parent

-- since 14
-- given create statistics shop.more on (a + b), a from shop.parent
drop statistics shop.more

alter table shop.parent drop column b

alter table shop.parent rename column b to bb
drop statistics shop.both

-- given create policy joined on shop.orders using (exists (select from shop.customers c where c.id = customer and c.email is not null))
drop table shop.customers cascade

-- given create policy joined on shop.orders using (exists (select from shop.customers c where c.id = customer and c.email is not null))
alter table shop.customers drop column email cascade

-- given create function shop.mine(a bigint) returns bool language sql as 'select true'
-- given create policy joined on shop.orders using (shop.mine(customer))
-- given create rule counted as on insert to shop.orders where shop.mine(new.customer) do also insert into shop.parent values (1)
create or replace function shop.mine(a bigint) returns bool language sql as 'select false'
alter table shop.orders rename column customer to client
alter table shop.orders alter column note type varchar(20)

-- given create trigger noted after update of note on shop.orders for each row when (old.note is distinct from new.note) execute function shop.touch()
-- given alter table shop.orders disable trigger noted
alter table shop.orders rename column note to remark
alter table shop.orders alter column placed type date
drop trigger noted on shop.orders

-- given create trigger noted after update on shop.names for each statement execute function shop.touch()
alter view shop.names rename to called
alter trigger noted on shop.called rename to heard
