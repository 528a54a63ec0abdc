create operator shop.=== (leftarg = int, rightarg = int, function = int4eq, commutator = operator(shop.===), restrict = eqsel, join = eqjoinsel, hashes, merges)

-- given create operator shop.=== (leftarg = int, rightarg = int, function = int4eq, commutator = operator(shop.===), restrict = eqsel, join = eqjoinsel, hashes, merges)
-- given comment on operator shop.=== (int, int) is 'x'
drop operator shop.=== (int, int)

-- given create operator shop.=== (leftarg = int, rightarg = int, function = int4eq)
-- given create operator shop.!== (leftarg = int, rightarg = int, function = int4ne, negator = operator(shop.===))
drop operator shop.!== (int, int)

-- given create operator shop.=== (leftarg = int, rightarg = int, function = int4eq)
-- given create operator shop.!== (leftarg = int, rightarg = int, function = int4ne, negator = operator(shop.===))
drop operator shop.!== (int, int)
drop operator shop.=== (int, int)

-- given create operator shop.@# (rightarg = int, function = int4abs)
drop operator shop.@# (none, int)

-- given create operator shop.=== (leftarg = int, rightarg = int, function = int4eq, restrict = eqsel)
alter operator shop.=== (int, int) set (restrict = none, join = eqjoinsel)

-- given create operator shop.=== (leftarg = int, rightarg = int, function = int4eq)
alter operator shop.=== (int, int) set schema public

-- given create function shop.close(a int, b int) returns bool language sql immutable as 'select abs(a - b) < 2'
-- given create operator shop.=== (leftarg = int, rightarg = int, function = shop.close)
-- given create view shop.near as select a from shop.parent where a operator(shop.===) 1
drop function shop.close cascade

create operator family shop.fam using btree

-- given create operator family shop.fam using btree
-- given alter operator family shop.fam using btree add operator 1 < (int4, int8), function 1 btint48cmp(int4, int8)
-- given comment on operator family shop.fam using btree is 'x'
drop operator family shop.fam using btree

-- given create operator family shop.fam using btree
-- given alter operator family shop.fam using btree add operator 1 < (int4, int8), function 1 btint48cmp(int4, int8)
alter operator family shop.fam using btree drop operator 1 (int4, int8)
alter operator family shop.fam using btree add operator 2 <= (int4, int8)

-- given create operator family shop.fam using btree
alter operator family shop.fam using btree rename to kin

-- given create operator family shop.fam using btree
alter operator family shop.fam using btree set schema public

create operator class shop.cls for type int using hash as operator 1 =, function 1 hashint4(int)

-- given create operator class shop.cls for type int using hash as operator 1 =, function 1 hashint4(int)
-- given comment on operator class shop.cls using hash is 'x'
drop operator class shop.cls using hash

-- given create operator class shop.cls for type int using hash as operator 1 =, function 1 hashint4(int)
drop operator family shop.cls using hash

-- given create operator class shop.cls for type int using hash as operator 1 =, function 1 hashint4(int)
alter operator class shop.cls using hash rename to other

-- given create operator class shop.cls for type int using hash as operator 1 =, function 1 hashint4(int)
alter operator class shop.cls using hash set schema public

-- given create operator class shop.backwards for type int using btree as operator 1 >, operator 2 >=, operator 3 =, operator 4 <=, operator 5 <, function 1 btint4cmp(int, int)
-- given create index parent_backwards on shop.parent (a shop.backwards)
drop operator class shop.backwards using btree cascade

create cast (text as shop.mood) with inout as assignment

-- given create cast (text as shop.mood) with inout as assignment
-- given comment on cast (text as shop.mood) is 'x'
drop cast (text as shop.mood)

-- given create function shop.moody(text) returns shop.mood language sql as $$ select 'ok'::shop.mood $$
-- given create cast (text as shop.mood) with function shop.moody(text) as implicit
drop function shop.moody cascade

-- given create cast (text as bytea) without function
drop cast (text as bytea)

-- given create cast (text as shop.mood) with inout
drop cast (text as shop.mood)
create cast (text as shop.mood) with inout as implicit

create default conversion shop.conv for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8

-- given create default conversion shop.conv for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8
-- given comment on conversion shop.conv is 'x'
drop conversion shop.conv

-- given create conversion shop.conv for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8
alter conversion shop.conv rename to other

create access method more type index handler bthandler

-- given create access method more type index handler bthandler
-- given comment on access method more is 'x'
drop access method more

create language sql2 handler plpgsql_call_handler

-- given create trusted language sql2 handler plpgsql_call_handler inline plpgsql_inline_handler validator plpgsql_validator
-- given comment on language sql2 is 'x'
-- given revoke usage on language sql2 from public
drop language sql2

-- given create language sql2 handler plpgsql_call_handler
alter language sql2 rename to sql3

-- given create function shop.from_sql(internal) returns internal language internal immutable as 'textin'
-- given create transform for int language plpgsql (from sql with function shop.from_sql(internal))
drop transform for int language plpgsql

-- given create function shop.from_sql(internal) returns internal language internal immutable as 'textin'
create transform for int language plpgsql (from sql with function shop.from_sql(internal))

-- given create function shop.close(a int, b int) returns bool language sql immutable as 'select a = b'
-- given create operator shop.=== (leftarg = int, rightarg = int, function = shop.close, commutator = operator(shop.===))
-- given create table shop.near (a int check (a operator(shop.===) a), b int default 1)
-- given create index near_a on shop.near (a) where a operator(shop.===) 4
-- given create policy near on shop.near using (a operator(shop.===) b)
-- given create view shop.nearest as select a from shop.near where a operator(shop.===) 1
drop operator shop.=== (int, int) cascade

-- given create operator class shop.backwards for type int using btree as operator 1 >, operator 2 >=, operator 3 =, operator 4 <=, operator 5 <, function 1 btint4cmp(int, int)
-- given create table shop.sorted (a int, b text collate shop.c)
-- given create index sorted_both on shop.sorted (a shop.backwards desc, b collate shop.c)
alter operator class shop.backwards using btree rename to downwards
alter operator family shop.backwards using btree rename to downwards
alter collation shop.c rename to d
drop index shop.sorted_both
