-- A schema whose tables are hard to fill.
create type mood as enum ('sad', 'it''s ok', 'Happy');
create type address as (street text, number integer, tags text[]);
create type textrange as range (subtype = text);
create domain positive as integer check (value > 0) not null;
create domain email as text check (value ~ '^[^@\s]+@[a-z0-9-]+\.[a-z]{2,}$');
create domain short_email as email check (length(value) < 20);
create table every_type (
  id bigint generated always as identity primary key, a smallint, b integer unique, c bigint, d numeric(6,2), e numeric, f real, g double precision,
  h money, i text, j varchar(5) not null, k char(3) not null, l bytea, m boolean, n date, o time, p timetz, q timestamp(0), r timestamptz, s interval,
  t uuid default gen_random_uuid(), u json, v jsonb not null, w xml, x inet, y cidr, z macaddr, aa macaddr8, ab bit(5) not null, ac bit varying(7),
  ad tsvector, ae tsquery, af point, ag line, ah lseg, ai box, aj path, ak polygon, al circle, am int4range, an tstzrange, ao nummultirange,
  ap integer[] not null, aq text[][], ar mood not null, "As" address, at mood[], au address[], ay oid, az name, ba "char",
  bb regclass, bc pg_lsn, bd jsonpath, be positive, bf short_email not null, bg textrange, bh email[], bi date unique not null, bj numeric(3,-2), bk interval day to second(2)
);
create table checks (
  id serial primary key,
  kind text not null check (kind in ('card', 'iban', 'cash')),
  card text check (card ~ '^[0-9]{4}-[0-9]{4}$'), iban varchar(34), cash_cents integer,
  constraint one_way check ((kind = 'card' and card is not null and iban is null and cash_cents is null)
     or (kind = 'iban' and iban is not null and card is null and cash_cents is null and length(iban) between 15 and 34)
     or (kind = 'cash' and cash_cents > 0 and cash_cents % 5 = 0 and card is null and iban is null)),
  starts date not null, ends date, check (ends is null or ends > starts),
  low numeric(5,2) not null, high numeric(5,2) not null, check (low < high and low >= 0 and high <= 100),
  slug text not null check (slug = lower(slug) and slug !~ '\s' and char_length(slug) >= 3) unique,
  a integer, b integer, c integer, d integer, e integer, check (num_nonnulls(a, b, c, d, e) = 1),
  flags jsonb not null check (jsonb_typeof(flags) = 'object' and flags ? 'mode'),
  tags text[] not null check (array_length(tags, 1) >= 2 and tags <@ array['x', 'y', 'z']::text[]),
  percent smallint check (percent between 0 and 100), code char(2) check (code like 'A_'),
  total integer generated always as (coalesce(a, 0) + coalesce(b, 0)) stored check (total < 1000),
  case_of integer check (case when kind = 'cash' then case_of > 5 else case_of is null end)
);
create table tenants (id uuid primary key, name text not null unique);
create table users (tenant_id uuid references tenants, id integer, manager integer, email short_email, primary key (tenant_id, id),
  foreign key (tenant_id, manager) references users (tenant_id, id));
create unique index on users (tenant_id, lower(email)) where manager is null;
create table projects (tenant_id uuid not null references tenants, id bigserial, owner integer not null, primary key (tenant_id, id),
  foreign key (tenant_id, owner) references users);
create table tasks (id bigint primary key, tenant_id uuid not null, project bigint, assignee integer, parent bigint not null references tasks,
  foreign key (tenant_id, project) references projects match full, foreign key (tenant_id, assignee) references users);
create table one_to_one (id integer primary key references checks, note text not null check (note <> ''));
create table ring_a (id integer primary key, b integer);
create table ring_b (id integer primary key, a integer not null references ring_a);
alter table ring_a add foreign key (b) references ring_b;
create table measures (city text not null, at timestamptz not null, value double precision, primary key (city, at)) partition by range (at);
create table measures_2023 partition of measures for values from ('2023-01-01') to ('2024-01-01');
create table measures_2024 partition of measures for values from ('2024-01-01') to ('2025-01-01') partition by list (city);
create table measures_2024_oslo partition of measures_2024 for values in ('Oslo', 'Bergen');
create table measures_2024_rest partition of measures_2024 default;
create table hashed (id integer primary key, x text) partition by hash (id);
create table hashed_0 partition of hashed for values with (modulus 3, remainder 0);
create table hashed_1 partition of hashed for values with (modulus 3, remainder 1);
create table hashed_2 partition of hashed for values with (modulus 3, remainder 2);
create table to_hashed (id integer primary key references hashed, y integer);
create table multi (a integer, b text, c date) partition by range (a, c);
create table multi_1 partition of multi for values from (1, minvalue) to (5, '2020-05-05');
create table animals (id serial primary key, name text not null); create table dogs (breed text not null) inherits (animals);
create table rooms (room integer not null, during tsrange not null, exclude using gist (during with &&));
create table audited (id serial primary key, x text not null);
create table audit_log (id serial primary key, at timestamptz not null default now(), what text not null);
create function audit() returns trigger language plpgsql as $$ begin if new.x is null or length(new.x) < 100 then raise exception 'no'; end if; return new; end $$;
create trigger t1 before insert on audited for each row execute function audit();
create trigger t2 after insert on audited for each row execute function audit(); alter table audited enable always trigger t2;
create trigger t3 after insert on audited for each row execute function audit(); alter table audited disable trigger t3;
create table secured (id serial primary key, owner text not null); alter table secured enable row level security, force row level security;
create policy p on secured using (owner = current_user);
create table "We""ird Näme" ("Select" integer primary key, "a b" text not null check ("a b" in ('x''y', '"z"')));
create table nothing (); create table only_defaults (id serial, t timestamptz not null default now());
create table two_rows (yes boolean primary key);
create table singleton (id integer primary key default 1 check (id = 1));
create table ruled (id integer primary key, x text); create rule r as on insert to ruled do also select 1;
create table deferred_unique (id integer primary key, place integer not null, unique (place) deferrable initially deferred);
create table gen (id integer primary key, first text not null, last text not null, whole text generated always as (first || ' ' || last) stored unique, check (length(whole) > 5));
create table year_check (d date not null check (extract(year from d) >= 2010 and d <= '2020-12-31'), v integer not null check (v > 0 and v < 10 and v <> 5), w integer check (w in (1,2,3) or w is null));
create unlogged table unl (x integer);
create table poly (id serial primary key, post_id integer references audited, check_id integer references checks, user_tenant uuid, user_id integer,
  foreign key (user_tenant, user_id) references users match full,
  check ((post_id is not null)::integer + (check_id is not null)::integer + (user_id is not null)::integer = 1));
