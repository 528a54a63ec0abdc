create foreign data wrapper bare
create server there type 't' version '1' foreign data wrapper bare
create user mapping for public server there
create foreign table shop.away (a int not null, b text collate "C" default 'x') server there

-- given create foreign data wrapper bare
-- given create server there type 't' version '1' foreign data wrapper bare
-- given create user mapping for public server there
-- given create user mapping for tightrope_test_reader server there
-- given create foreign table shop.away (a int not null, b text collate "C" default 'x', c int check (c > 0)) server there
-- given comment on foreign table shop.away is 'x'
-- given comment on server there is 'x'
-- given grant usage on foreign server there to tightrope_test_reader
-- given grant usage on foreign data wrapper bare to tightrope_test_reader
drop foreign data wrapper bare cascade

drop user mapping for current_user server elsewhere
-- loss only their digest is kept
-- differs options digest

alter user mapping for current_user server elsewhere options (set password 'other')
-- loss only their digest is kept
-- differs options digest

-- given create user mapping for public server elsewhere
alter user mapping for public server elsewhere options (add password 'other')

drop foreign table shop.far
-- loss only their digest is kept
-- differs options digest

alter foreign table shop.far rename to away

alter foreign table shop.far set schema public

alter foreign table shop.far alter column a type bigint

alter foreign table shop.far add column b int

alter foreign table shop.far alter column a set default 4

alter foreign table shop.far alter column a set not null

alter foreign table shop.far add constraint c check (a > 0)

alter foreign table shop.far rename column a to b

create view shop.nearby as select * from shop.far

-- given create view shop.nearby as select * from shop.far
drop view shop.nearby

-- given alter server elsewhere version '1'
alter server elsewhere version '2'

-- given alter server elsewhere version '1'
alter server elsewhere rename to nowhere

alter server elsewhere version '2'

alter server elsewhere options (set host 'b')
-- loss only their digest is kept
-- differs options digest

drop foreign data wrapper files cascade
-- loss only their digest is kept
-- differs options digest

alter foreign data wrapper files rename to papers

-- given create foreign data wrapper bare
alter foreign data wrapper bare validator postgresql_fdw_validator

-- given create foreign data wrapper bare validator postgresql_fdw_validator
alter foreign data wrapper bare no validator
