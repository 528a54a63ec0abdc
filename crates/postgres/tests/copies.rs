//! Copies are equal to their source, whichever way they were made.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod support;

use std::collections::BTreeMap;
use support::{run, servers, session, url};

use tightrope_engine::{BackupWatch, CopyPlace, DatabaseUrl, Engine as _, Scratch};
use tightrope_model::Value;
use tightrope_postgres::PostgresEngine;
use tightrope_selection::{Masks, Sample, Selection, Share};
use tightrope_testkit::servers::{self as test_servers, TestDatabase};

/// What tells a good copy from a bad one: gaps in attnums, rows, an order of making that no dump follows, privileges of the
/// public schema, a search path that belongs to the database, publications, and things that name roles.
const SCHEMA: &str = r#"
create schema shop;
create extension pg_trgm schema shop;
create type shop.mood as enum ('sad', 'happy');
alter type shop.mood add value 'ok' before 'happy';
create function shop.watch() returns event_trigger language plpgsql as 'begin end';
create table shop.customers (gone int, id bigint generated always as identity primary key, name text not null, gone_too text, mood shop.mood);
alter table shop.customers drop column gone, drop column gone_too;
alter table shop.customers add column tags text[] default '{}' not null;
create table shop.orders (id uuid primary key, customer bigint not null references shop.customers on delete cascade, total numeric(10, 2) check (total >= 0));
create index orders_total on shop.orders (total desc) where total > 10;
alter table shop.orders cluster on orders_pkey;
create index customers_name on shop.customers using gin (name shop.gin_trgm_ops);
create table shop.events (id int, day date not null, note text) partition by range (day);
create table shop.events_1 (note text, day date not null, id int);
alter table shop.events attach partition shop.events_1 for values from ('2020-01-01') to ('2021-01-01');
create table shop.logged (id int, day date, note text check (note <> ''), primary key (id, day)) partition by list (day);
create table shop.logged_1 partition of shop.logged for values in ('2020-01-01');
create index logged_note on shop.logged (note);
alter table shop.logged add constraint logged_customer foreign key (id) references shop.customers (id);
create table shop.parent (a int not null, b text default 'x', constraint positive check (a > 0));
create table shop.child (c int, a int) inherits (shop.parent);
alter table shop.parent add constraint short check (length(b) < 99) not valid;
create sequence shop.numbers increment 5 cache 7 owned by shop.child.c;
alter table shop.child alter column c set default nextval('shop.numbers');
create rule quiet as on insert to shop.parent where new.a < 0 do instead nothing;
create unlogged table shop.cache (k text primary key, v jsonb) with (fillfactor = 70);
alter table shop.cache alter column v set storage external, alter column k set statistics 300;
create table shop.sums (a int, b int generated always as (a * 2) stored, c text collate "C");
create aggregate shop.total (int) (sfunc = int4pl, stype = int, initcond = '0');
create function shop.defaults(a int default 1, variadic b text[] default '{x}') returns table (c int, d text) language sql stable set search_path = shop as $$ select 1, 'a' $$;
create procedure shop.tidy(inout a int) language plpgsql as 'begin a := 1; end';
create type shop.span as range (subtype = int4);
create operator shop.=== (leftarg = int, rightarg = int, function = int4eq, commutator = operator(shop.===));
create cast (text as shop.mood) with inout as assignment;
create foreign data wrapper files;
create server elsewhere foreign data wrapper files options (host 'a');
create user mapping for current_user server elsewhere options (password 'secret');
create foreign table shop.far (a int options (x '1')) server elsewhere options (tab 't');
create text search configuration shop.words (copy = pg_catalog.simple);
create event trigger guard on sql_drop execute function shop.watch();
alter event trigger guard disable;
create view shop.rich as select c.*, o.total from shop.customers c join shop.orders o on o.customer = c.id;
create materialized view shop.totals as select customer, sum(total) from shop.orders group by customer;
create function shop.touch() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger touched before update on shop.customers for each row execute function shop.touch();
alter table shop.customers disable trigger touched;
alter table shop.customers enable row level security;
create policy own on shop.customers using (id > 0);
create statistics shop.both (dependencies) on id, name from shop.customers;
create publication feed for table shop.orders;
create domain shop.positive as int constraint above check (value > 0);
create type shop.pair as (a int, b shop.positive);
comment on column shop.pair.a is 'first';
comment on table shop.customers is 'who buys';
comment on schema public is 'ours';
do $$ begin create role tightrope_copy_reader nologin; exception when duplicate_object or unique_violation then null; end $$;
grant select on shop.customers to tightrope_copy_reader;
grant select (id) on shop.orders to tightrope_copy_reader;
grant usage on schema public to tightrope_copy_reader;
alter default privileges in schema shop grant select on tables to tightrope_copy_reader;
revoke execute on function shop.touch() from public;
do $$ begin execute format('alter database %I set search_path = shop, "odd name", public', current_database()); end $$;
do $$ begin execute format('alter role tightrope_copy_reader in database %I set work_mem = %L', current_database(), '9MB'); end $$;
insert into shop.customers (name, mood, tags) select 'name ' || i, 'happy', array['a', null, 'b c'] from generate_series(1, 100) i;
insert into shop.orders select md5(i::text)::uuid, i, i * 1.5 from generate_series(1, 100) i;
insert into shop.events select i, date '2020-01-01' + i, null from generate_series(1, 100) i;
insert into shop.child (a, c) values (1, default), (2, 4);
insert into shop.cache values ('a', '{"b": 1.50}');
insert into shop.sums (a, c) select i, chr(i) from generate_series(33, 99) i;
refresh materialized view shop.totals;
"#;

/// The engine, with client programs that read a server of that major.
fn engine(major: u32) -> PostgresEngine {
    match test_servers::client_bin_dir(major) {
        Some(folder) => PostgresEngine::new().with_bin_dir(folder),
        None => PostgresEngine::new(),
    }
}

fn source(server: &test_servers::PostgresServer) -> TestDatabase {
    let database = server.create_database().unwrap();
    database.execute(SCHEMA).unwrap();
    database
}

#[track_caller]
fn assert_equal(left: &DatabaseUrl, right: &DatabaseUrl) {
    let (mut left, mut right) = (session(left), session(right));
    let (before, after) = (left.catalog().unwrap(), right.catalog().unwrap());
    let differences = before.differences(&after);
    let told: Vec<String> = differences.iter().map(ToString::to_string).collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
    assert_eq!(before.fingerprint(), after.fingerprint());
    assert_eq!(before.tables(), after.tables());
    assert_eq!(before.tables().len(), 8);
    assert_eq!(
        left.checksums(before.tables()).unwrap(),
        right.checksums(after.tables()).unwrap()
    );
}

fn copy(source: &TestDatabase, place: &CopyPlace) -> Box<dyn Scratch> {
    let engine = engine(source.server().major);
    engine
        .cloner()
        .unwrap()
        .copy(&url(source), place)
        .unwrap_or_else(|error| panic!("{error:?}"))
}

#[test]
fn a_template_copy_is_equal() {
    for server in servers() {
        let source = source(&server);
        let scratch = copy(&source, &CopyPlace::default());
        assert_eq!(scratch.report().method, "template");
        assert_eq!(scratch.report().remarks, [""; 0]);
        assert_equal(&url(&source), scratch.url());
    }
}

#[test]
fn where_others_are_connected_dump_and_restore_is_equal() {
    for server in servers() {
        let source = source(&server);
        let _other = source.connect().unwrap();
        let scratch = copy(&source, &CopyPlace::default());
        assert_eq!(scratch.report().method, "dump and restore");
        assert_eq!(scratch.report().remarks, [""; 0]);
        assert_equal(&url(&source), scratch.url());
    }
}

struct Quiet;

impl BackupWatch for Quiet {
    fn progress(&self, _: &str, _: u64, _: u64) {}
    fn reached(&self, _: &'static str) {}
}

#[test]
fn a_selective_copy_of_everything_is_equal() {
    for server in servers() {
        let source = source(&server);
        source
            .execute("select setval('shop.numbers', 40); select nextval('shop.numbers')")
            .unwrap();
        let _other = source.connect().unwrap();
        let everything = Selection {
            sample: Some(Sample {
                share: Share::Whole,
                seed: 1,
                whole_up_to: 0,
                tables: BTreeMap::new(),
            }),
            masks: Masks::default(),
        };
        let engine = engine(server.major);
        let cloner = engine.cloner().unwrap();
        let copied =
            cloner.copy_selected(&url(&source), &CopyPlace::default(), &everything, &Quiet);
        let scratch = copied.unwrap_or_else(|error| panic!("{error:?}"));
        assert_eq!(scratch.report().remarks, [""; 0]);
        assert_equal(&url(&source), scratch.url());
        let next = |url: &DatabaseUrl| {
            let rows = session(url)
                .query("select nextval('shop.numbers')", &[])
                .unwrap();
            rows[0][0].integer()
        };
        assert_eq!(next(&url(&source)), next(scratch.url()));
    }
}

#[test]
fn a_dump_leaves_out_what_the_source_has_lost() {
    for server in servers() {
        let source = server.create_database().unwrap();
        source
            .execute("drop schema public; drop extension plpgsql")
            .unwrap();
        let _other = source.connect().unwrap();
        let scratch = copy(&source, &CopyPlace::default());
        let (mut left, mut right) = (session(&url(&source)), session(scratch.url()));
        assert!(
            left.catalog()
                .unwrap()
                .differences(&right.catalog().unwrap())
                .is_empty()
        );
    }
}

#[test]
fn a_copy_on_another_server_brings_its_roles() {
    let majors = test_servers::postgres_majors();
    let (Some(oldest), Some(newest)) = (majors.iter().min(), majors.iter().max()) else {
        return;
    };
    if oldest == newest {
        return;
    }
    let source = source(&test_servers::postgres(*oldest).unwrap());
    source
        .execute("do $$ begin create role tightrope_copy_owner nologin; exception when duplicate_object or unique_violation then null; end $$; alter table shop.orders owner to tightrope_copy_owner")
        .unwrap();
    let other = test_servers::postgres(*newest).unwrap();
    let place = CopyPlace {
        url: Some(DatabaseUrl::new(other.url("postgres"))),
        empty: false,
    };
    let scratch = copy(&source, &place);
    assert_eq!(scratch.report().method, "dump and restore");
    let made = scratch
        .report()
        .remarks
        .iter()
        .any(|remark| remark.contains("tightrope_copy_owner was missing"));
    let owner = "select count(*) from pg_class where relname = 'orders' and relowner = 'tightrope_copy_owner'::regrole";
    let mut there = session(scratch.url());
    assert_eq!(there.query(owner, &[]).unwrap()[0][0].integer(), Some(1));
    // Another run of these tests on the same servers has made the role already.
    assert!(
        made || scratch.report().remarks.is_empty(),
        "{:?}",
        scratch.report()
    );
    assert_eq!(
        run(session(&url(&source)).as_mut(), "show search_path").rows,
        run(there.as_mut(), "show search_path").rows
    );
}

#[test]
fn what_a_dead_maker_left_is_swept() {
    for server in servers() {
        let database = server.create_database().unwrap();
        let left = format!("tightrope_scratch_left_{}", database.name);
        server
            .connect("postgres")
            .unwrap()
            .batch_execute(&format!("create database {left}"))
            .unwrap();
        let engine = engine(server.major);
        let living = copy(&database, &CopyPlace::default());
        let swept = engine
            .cloner()
            .unwrap()
            .sweep(&url(&database), &CopyPlace::default())
            .unwrap();
        // Another test's sweep may have come first.
        let is_there = server
            .connect("postgres")
            .unwrap()
            .query("select 1 from pg_database where datname = $1", &[&left])
            .unwrap();
        assert!(is_there.is_empty(), "{left} is there: {swept:?}");
        assert!(!swept.iter().any(|name| name == living.name()), "{swept:?}");
        session(living.url());
    }
}

#[test]
fn an_empty_copy_needs_no_source() {
    for server in servers() {
        let missing = DatabaseUrl::new(server.url("no_such_database"));
        let place = CopyPlace {
            url: None,
            empty: true,
        };
        let scratch = engine(server.major)
            .cloner()
            .unwrap()
            .copy(&missing, &place)
            .unwrap();
        assert_eq!(session(scratch.url()).catalog().unwrap().tables().len(), 0);
    }
}

/// Somebody who sits in `template1` keeps everybody else from making databases.
#[test]
fn an_empty_copy_leaves_template1_alone() {
    for server in servers() {
        let place = CopyPlace {
            url: None,
            empty: true,
        };
        let ours = DatabaseUrl::new(server.url("postgres"));
        let scratch = engine(server.major)
            .cloner()
            .unwrap()
            .copy(&ours, &place)
            .unwrap();
        // The server is shared: another test or autovacuum may be there for a moment. What an empty copy holds, it holds as
        // long as it lives.
        let there = "select count(*) from pg_stat_activity where datname = 'template1'";
        let mut session = session(scratch.url());
        let is_left = (0..200).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(50));
            session.query(there, &[]).unwrap() == [[Value::Integer(0)]]
        });
        assert!(is_left, "somebody stays in template1 on {}", server.major);
    }
}
