//! Scripts that meet other rows than those of their rehearsal.

use tightrope_model::EngineKind;
use tightrope_testkit::servers;
use tightrope_testkit::twin::Outcome;

use super::{check_postgres_late, postgres_stage, run_late};

/// In the rehearsal the script finds no row to write in some of the tables that it means.
#[test]
fn what_a_script_writes_beyond_its_rehearsal_comes_back() {
    let parts = [
        "create table t (a integer primary key, b text, c integer) partition by range (a)",
        "create table t_1 partition of t for values from (0) to (10)",
        "create table t_2 partition of t default",
    ];
    let rows = ["insert into t values (1, 'x', 1), (2, 'z', 2), (11, 'y', 3)"];
    let forward = [
        "alter table t drop column c",
        "update t set b = upper(b) where a in (2, 11)",
    ];
    let writes = [
        "insert into t (a, b) values (3, 'new')",
        "update t set b = 'mine' where a = 1",
    ];
    check_postgres_late(&parts, &rows, &forward, &writes);
    check_postgres_late(
        &[
            "create table t (a integer, b text, c integer)",
            "create table t_1 (primary key (a)) inherits (t)",
        ],
        &["insert into t_1 values (1, 'x', 1), (2, 'z', 2), (11, 'y', 3)"],
        &forward,
        &[],
    );
    check_postgres_late(
        &[
            "create table t (a integer primary key, b text)",
            "create table u (a integer primary key)",
            "insert into t values (1, 'x'), (2, 'y')",
        ],
        &["insert into u values (7), (8)"],
        &[
            "delete from t where a = 1",
            "insert into t select a, 'u' from u",
        ],
        &["update t set b = 'mine' where a = 2"],
    );
}

/// What nobody has kept must not be written.
#[test]
fn rows_that_go_with_others_beyond_the_rehearsal_are_refused() {
    let (case, outcome) = run_late(
        &postgres_stage(servers::postgres_majors()[0]),
        EngineKind::Postgres,
        (
            &[
                "create table p (a integer primary key)",
                "create table t (a integer primary key, b text, c integer references p on delete cascade)",
                "insert into p values (1), (2)",
            ],
            &["insert into t values (1, 'x', 1), (2, 'y', 2)"],
        ),
        &["alter table t drop column b", "delete from p where a = 1"],
        &[],
    );
    let refused = Outcome::Skipped("not as it was rehearsed".to_owned());
    assert_eq!(outcome, refused, "{case}");
}
