//! Selective copies of what this server has and others have not: parts, inheritance, policies, extensions, large objects.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod support;

use std::collections::BTreeMap;

use support::{run, servers, session, url};
use tightrope_engine::{BackupWatch, CopyPlace, DatabaseUrl, Engine as _, EngineError, Scratch};
use tightrope_postgres::PostgresEngine;
use tightrope_selection::{MaskKey, MaskKind, Masks, Sample, Selection, Share};
use tightrope_testkit::servers::{self as test_servers, TestDatabase};

struct Quiet;

impl BackupWatch for Quiet {
    fn progress(&self, _: &str, _: u64, _: u64) {}
    fn reached(&self, _: &'static str) {}
}

fn sample(percent: f64) -> Option<Sample> {
    Some(Sample {
        share: Share::Percent(percent),
        seed: 7,
        whole_up_to: 0,
        tables: BTreeMap::new(),
    })
}

fn masks(columns: &[(&str, MaskKind)]) -> Masks {
    Masks {
        key: MaskKey::from_secret("x"),
        columns: columns
            .iter()
            .map(|(name, kind)| ((*name).to_owned(), kind.clone()))
            .collect(),
    }
}

fn select_as(
    source: &TestDatabase,
    from: &DatabaseUrl,
    selection: &Selection,
) -> Result<Box<dyn Scratch>, EngineError> {
    let engine = match test_servers::client_bin_dir(source.server().major) {
        Some(folder) => PostgresEngine::new().with_bin_dir(folder),
        None => PostgresEngine::new(),
    };
    let cloner = engine.cloner().unwrap();
    cloner.copy_selected(from, &CopyPlace::default(), selection, &Quiet)
}

#[track_caller]
fn select(source: &TestDatabase, selection: &Selection) -> Box<dyn Scratch> {
    let copied = select_as(source, &url(source), selection);
    copied.unwrap_or_else(|error| panic!("{error:?}"))
}

#[track_caller]
fn number(url: &DatabaseUrl, query: &str) -> i64 {
    let rows = session(url).query(query, &[]).unwrap();
    rows[0][0].integer().unwrap()
}

#[track_caller]
fn check(scratch: &dyn Scratch, query: &str, expect: i64) {
    assert_eq!(number(scratch.url(), query), expect, "{query}");
}

const PARTS: &str = "
    create table days (day date, number int, note text, primary key (day, number)) partition by range (day);
    create table days_old (note text, number int not null, day date not null);
    alter table days attach partition days_old for values from ('2020-01-01') to ('2021-01-01');
    create table days_new partition of days for values from ('2021-01-01') to ('2022-01-01') partition by list (number);
    create table days_even partition of days_new for values in (0, 2, 4);
    create table days_odd partition of days_new default;
    create table visits (id bigint generated always as identity primary key, day date, number int, who text,
        shout text generated always as (upper(who)) stored, foreign key (day, number) references days);
    create table old_visits (id int primary key, day date, number int, foreign key (day, number) references days_old (day, number));
    insert into days select date '2020-01-01' + i, i % 5, 'note ' || i from generate_series(0, 699) i;";

#[test]
fn references_into_parts_are_followed_and_parts_are_masked_alike() {
    for server in servers() {
        let source = server.create_database().unwrap();
        source
            .execute(&PARTS.replace(
                "create table old_visits",
                "alter table days_old add unique (day, number); create table old_visits",
            ))
            .unwrap();
        source
            .execute(
                "insert into visits (day, number, who) select date '2020-01-01' + i % 700, i % 700 % 5, 'visitor ' || i from generate_series(1, 3000) i;
                 insert into old_visits select i, date '2020-01-01' + i, i % 5 from generate_series(1, 300) i;",
            )
            .unwrap();
        let selection = Selection {
            sample: sample(3.0),
            masks: masks(&[
                ("days.note", MaskKind::KeepFormat),
                ("visits.who", MaskKind::KeepFormat),
            ]),
        };
        let scratch = select(&source, &selection);
        let there = scratch.url();
        assert!((20..300).contains(&number(there, "select count(*) from visits")));
        let days = number(there, "select count(*) from days");
        assert!((1..700).contains(&days), "{days}");
        check(
            scratch.as_ref(),
            "select count(*) from days where note like 'note %'",
            0,
        );
        check(
            scratch.as_ref(),
            "select count(*) from days where note is null",
            0,
        );
        check(
            scratch.as_ref(),
            "select count(*) from visits where shout <> upper(who) or who like 'visitor%'",
            0,
        );
        check(
            scratch.as_ref(),
            "select count(*) from visits v where not exists (select from days d where (d.day, d.number) = (v.day, v.number))",
            0,
        );
        check(
            scratch.as_ref(),
            "select count(*) from old_visits v where not exists (select from days_old d where (d.day, d.number) = (v.day, v.number))",
            0,
        );
        // Values that were given go on where the source's would.
        run(
            session(there).as_mut(),
            "insert into visits (who) values ('new')",
        );
        check(scratch.as_ref(), "select max(id) from visits", 3001);
        let part = Selection {
            sample: None,
            masks: masks(&[("days_old.note", MaskKind::Hash)]),
        };
        let Err(error) = select_as(&source, &url(&source), &part) else {
            panic!("a part alone cannot be masked")
        };
        assert_eq!(
            error.hint.as_deref(),
            Some("mask `days.note`: all parts are masked alike")
        );
    }
}

#[test]
fn what_inherits_is_masked_and_what_is_derived_is_made_of_masks() {
    for server in servers() {
        let source = server.create_database().unwrap();
        source
            .execute(
                "create table people (id int primary key, name text);
                 create table staff (desk int, name text) inherits (people);
                 insert into people values (1, 'Anna Berg'); insert into staff values (2, 'Ole Dahl', 5);
                 create materialized view names as select name from people;
                 create function loud() returns trigger language plpgsql as $$ begin raise exception 'fired for %', new.name; end $$;
                 create trigger loud before insert on people for each row execute function loud();
                 create rule nothing as on insert to staff do instead nothing;
                 select lo_create(0);",
            )
            .unwrap();
        let selection = Selection {
            sample: None,
            masks: masks(&[("people.name", MaskKind::KeepFormat)]),
        };
        let scratch = select(&source, &selection);
        check(
            scratch.as_ref(),
            "select count(*) from people where name ~ '^[A-Z][a-z]+ [A-Z][a-z]+$' and name not in ('Anna Berg', 'Ole Dahl')",
            2,
        );
        check(
            scratch.as_ref(),
            "select count(*) from staff where desk = 5",
            1,
        );
        check(
            scratch.as_ref(),
            "select count(*) from names join people using (name)",
            2,
        );
        assert_eq!(
            scratch.report().remarks,
            ["1 large objects are not copied: no row says which of them belong to it"]
        );
    }
}

#[test]
fn whoever_may_not_see_all_rows_gets_no_copy() {
    for server in servers() {
        let source = server.create_database().unwrap();
        source
            .execute(
                "create table secrets (id int primary key, owner text); insert into secrets values (1, 'a'), (2, 'b');
                 alter table secrets enable row level security;
                 create policy own on secrets using (owner = current_user);
                 do $$ begin create role tightrope_copy_blind login createdb; exception when duplicate_object or unique_violation then null; end $$;
                 grant select on secrets to tightrope_copy_blind;",
            )
            .unwrap();
        let ours = source.url();
        let blind = match ours.rsplit_once('@') {
            Some((_, place)) => format!("postgres://tightrope_copy_blind@{place}"),
            None => format!(
                "{ours}{}user=tightrope_copy_blind",
                if ours.contains('?') { "&" } else { "?" }
            ),
        };
        let selection = Selection {
            sample: sample(50.0),
            masks: Masks::default(),
        };
        let Err(error) = select_as(&source, &DatabaseUrl::new(blind), &selection) else {
            panic!("some rows were passed over without a word")
        };
        assert!(error.message.contains("row-level security"), "{error:?}");
    }
}
