//! Migrations on top of one another, and what is written between and after.

use tightrope_model::EngineKind;
use tightrope_testkit::servers;
use tightrope_testkit::twin::{Outcome, Stacked, Stage, run_case};

use super::{Sides, case_of, postgres_stage, sqlite_stage, write};

/// Forward, writes, the stacked one forward, writes, it goes back, writes, the first goes back.
fn check_stacked(
    stage: &Stage,
    engine: EngineKind,
    before: &[&str],
    forward: &[&str],
    writes: [&[Sides<'_>]; 3],
    stacked: &[&str],
) {
    let owned = |all: &[Sides<'_>]| all.iter().map(write).collect::<Vec<_>>();
    let mut case = case_of(engine, before, forward, writes[0]);
    case.stacked = Some(Stacked {
        forward: stacked.iter().map(|&sql| sql.to_owned()).collect(),
        writes: owned(writes[1]),
        between: owned(writes[2]),
    });
    let outcome = run_case(stage, &case).expect("the databases work");
    let all = Outcome::Passed {
        writes: writes.iter().map(|part| part.len()).sum(),
        undone: 0,
    };
    assert_eq!(outcome, all, "{case}");
}

fn check_stacked_on_postgres(
    before: &[&str],
    forward: &[&str],
    writes: [&[Sides<'_>]; 3],
    stacked: &[&str],
) {
    for major in servers::postgres_majors() {
        let stage = postgres_stage(major);
        check_stacked(
            &stage,
            EngineKind::Postgres,
            before,
            forward,
            writes,
            stacked,
        );
    }
}

#[test]
fn what_the_upper_one_writes_is_not_the_applications() {
    let before = [
        "create table t (a integer primary key, b integer, c text)",
        "insert into t values (1, 10, 'x'), (2, 20, 'y'), (3, 30, 'z')",
    ];
    let forward = ["update t set b = b + 1", "alter table t drop column c"];
    let stacked = [
        "update t set b = b * 2",
        "alter table t add column d integer default 7",
    ];
    let writes: [&[Sides<'_>]; 3] = [
        &[(
            "update t set b = 100 where a = 1",
            "update t set b = 100 where a = 1",
        )],
        &[(
            "insert into t (a, b) values (4, 40)",
            "insert into t (a, b) values (4, 40)",
        )],
        &[(
            "update t set b = 300 where a = 3",
            "update t set b = 300 where a = 3",
        )],
    ];
    check_stacked_on_postgres(&before, &forward, writes, &stacked);
    let stage = sqlite_stage();
    check_stacked(
        &stage,
        EngineKind::Sqlite,
        &before,
        &forward,
        writes,
        &stacked,
    );
}

#[test]
fn what_the_upper_one_has_built_anew_is_known_to_the_lower_one() {
    check_stacked_on_postgres(
        &[
            "create table t (a integer generated always as identity, b integer, c text, constraint k unique (a), \
                 constraint f foreign key (b) references t (a) on delete cascade)",
            "insert into t (c) values ('x'), ('y')",
        ],
        &["create schema aside", "alter table t set schema aside"],
        [
            &[(
                "update aside.t set c = 'w' where a = 1",
                "update t set c = 'w' where a = 1",
            )],
            &[],
            &[(
                "update aside.t set c = 'v' where a = 2",
                "update t set c = 'v' where a = 2",
            )],
        ],
        &["alter table aside.t drop column b"],
    );
}

#[test]
fn an_enum_that_the_upper_one_has_made_anew_has_the_values_that_the_lower_one_knows() {
    let before = [
        "create type mood as enum ('sad', 'ok', 'so, so')",
        "create table t (a integer primary key, m mood not null)",
        "insert into t values (1, 'sad'), (2, 'ok')",
    ];
    let stacked = [
        "create type other as enum ('so, so', 'ok', 'sad')",
        "alter table t alter column m type other using m::text::other",
        "drop type mood",
        "alter type other rename to mood",
    ];
    let writes: [&[Sides<'_>]; 3] = [
        &[(
            "insert into t (a, m) values (3, 'sad')",
            "insert into t (a, m) values (3, 'sad')",
        )],
        &[(
            "update t set m = 'so, so' where a = 2",
            "update t set m = 'so, so' where a = 2",
        )],
        &[(
            "insert into t (a, m) values (4, 'ok')",
            "insert into t (a, m) values (4, 'ok')",
        )],
    ];
    let forward = ["alter table t add column b integer default 7"];
    check_stacked_on_postgres(&before, &forward, writes, &stacked);
}

#[test]
fn a_row_that_is_known_by_its_place_has_it_again_when_the_upper_one_goes_back() {
    let both = |sql: &'static str| -> Sides<'static> { (sql, sql) };
    check_stacked(
        &sqlite_stage(),
        EngineKind::Sqlite,
        &[
            "create table l (op text, who text)",
            "insert into l values ('first', 'a'), ('second', 'b')",
        ],
        &["alter table l drop column who"],
        [
            &[],
            &[
                both("insert into l (op) values ('new'), ('newer'), ('newest')"),
                both("delete from l where op = 'newer'"),
            ],
            &[both("insert into l (op) values ('last')")],
        ],
        &["delete from l"],
    );
}

#[test]
fn a_table_without_columns_comes_back() {
    check_stacked_on_postgres(
        &[
            "create table t (a integer primary key, b point)",
            "insert into t values (1, null), (2, '(1,2)')",
        ],
        &["alter table t drop column a", "alter table t drop column b"],
        [&[], &[], &[]],
        &["drop table t"],
    );
}

#[test]
fn parts_by_hash_are_told_apart_though_the_upper_one_has_their_table_built_anew() {
    let both = |sql: &'static str| -> Sides<'static> { (sql, sql) };
    check_stacked_on_postgres(
        &[
            "create table \"T t\" (a integer unique, b text, c integer) partition by hash (a)",
            "create table t_0 partition of \"T t\" for values with (modulus 2, remainder 0)",
            "create table t_1 partition of \"T t\" for values with (modulus 2, remainder 1)",
            "insert into \"T t\" select i, 'r' || i, i from generate_series(1, 20) i",
        ],
        &[
            "alter table \"T t\" detach partition t_1",
            "alter table \"T t\" rename to \"U u\"",
        ],
        [
            &[("update \"U u\" set b = 'w'", "update t_0 set b = 'w'")],
            &[both("update t_1 set b = 'x'")],
            &[both("delete from t_1 where a > 10")],
        ],
        &["alter table \"U u\" drop column c"],
    );
}

#[test]
fn a_file_that_refers_to_a_table_that_went_is_said_to_have_no_derived_way_back() {
    let mut case = case_of(
        EngineKind::Sqlite,
        &[
            "create table c (a integer not null, b integer, d integer, primary key (a), foreign key (d) references p (a) on delete cascade)",
        ],
        &[
            "alter table c rename column d to x",
            "alter table c rename column a to d",
            "alter table c rename column x to a",
        ],
        &[],
    );
    (case.enforced, case.rehearsed) = (true, true);
    let outcome = run_case(&sqlite_stage(), &case).expect("the file is there");
    let said = Outcome::Skipped("no derived way back".to_owned());
    assert_eq!(outcome, said, "{case}");
}

#[test]
fn what_breaks_a_deferred_key_is_a_failure_of_the_script() {
    let before = [
        "create table t (a integer primary key, b integer references t deferrable initially deferred)",
    ];
    let forward = ["insert into t values (1, 3)"];
    let case = case_of(EngineKind::Postgres, &before, &forward, &[]);
    for major in servers::postgres_majors() {
        match run_case(&postgres_stage(major), &case).expect("the databases work") {
            Outcome::Skipped(why) => assert!(why.contains("statement 1 (insert) failed"), "{why}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn rows_of_which_nothing_is_left_are_told_apart_by_what_they_will_be() {
    let before = [
        "create table t (a text, b text)",
        "insert into t values ('first', 'x'), ('second', 'y')",
    ];
    let forward = [
        "alter table t drop column b",
        "update t set a = '' where a is not null",
    ];
    let upper = ["alter table t alter column a type varchar(3) using left(a, 3)"];
    let writes: [&[Sides<'_>]; 3] = [
        &[],
        &[(
            "insert into t (a) values (null)",
            "insert into t (a) values (null)",
        )],
        &[],
    ];
    check_stacked_on_postgres(&before, &forward, writes, &upper);
}

/// What is written after it went back shows where its sequence stands.
#[test]
fn what_was_drawn_from_a_sequence_that_started_anew_is_not_given_again() {
    let before = [
        "create sequence s",
        "create table t (a integer primary key default nextval('s'), b integer)",
    ];
    let drawn = [
        "insert into t (b) select g from generate_series(1, 4) g",
        "insert into t select g + 49, g from generate_series(1, 4) g",
    ];
    let cases = [
        (
            "alter sequence s restart with 50",
            vec![(drawn[0], drawn[1])],
            "54",
        ),
        ("alter sequence s restart with 50", vec![], "4"),
        ("alter sequence s restart with 2", vec![], "4"),
        (
            "drop sequence s cascade; create sequence s start 50",
            vec![],
            "4",
        ),
    ];
    for (upper, writes, next) in cases {
        let upper: Vec<&str> = upper.split("; ").collect();
        let twin = format!("insert into t values ({next}, 77)");
        let last = [("insert into t (b) values (77)", twin.as_str())];
        let writes: [&[Sides<'_>]; 3] = [&[], &writes, &last];
        let forward = ["alter table t add column c integer"];
        check_stacked_on_postgres(&before, &forward, writes, &upper);
    }
}
