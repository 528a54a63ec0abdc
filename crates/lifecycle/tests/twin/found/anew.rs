//! Columns and tables that are dropped, or renamed out of the way, and made anew under their names.

use tightrope_model::EngineKind;
use tightrope_testkit::twin::{Outcome, run_case};

use super::{case_of, check_postgres, check_postgres_late, check_sqlite, sqlite_stage};

#[test]
fn a_column_that_was_made_anew_has_its_values_of_before_again() {
    let before = [
        "create table t (a integer primary key, b integer, c text)",
        "insert into t values (1, 10, 'x'), (2, 20, 'y'), (3, null, 'z')",
    ];
    let forward = [
        "alter table t drop column b",
        "alter table t add column b integer",
    ];
    let writes = [
        "insert into t (a, b) values (4, 40)",
        "update t set b = 11 where a = 1",
        "update t set c = 'w' where a = 3",
        "delete from t where a = 9",
    ];
    check_postgres(&before, &forward, &writes);
    check_sqlite(&before, &forward, &writes);
    let block =
        ["do $$ begin alter table t drop column b; alter table t add column b integer; end $$"];
    check_postgres(&before, &block, &writes);
}

#[test]
fn a_column_of_a_table_without_a_key_was_made_anew() {
    check_postgres(
        &[
            "create table t (a text not null, b text)",
            "insert into t values ('', 'x'), ('y', null)",
        ],
        &[
            "alter table t drop column a cascade",
            "alter table t add column a text collate \"C\"",
        ],
        &[],
    );
}

#[test]
fn a_key_was_made_anew() {
    let before = [
        "create table t (a integer primary key, b text, c integer references t)",
        "insert into t values (1, 'x', 1), (2, 'y', 1)",
    ];
    check_postgres(
        &before,
        &[
            "alter table t drop column a cascade",
            "alter table t add column a integer default 42",
        ],
        &[],
    );
    check_postgres(
        &before,
        &[
            "alter table t drop column a cascade",
            "alter table t add column a serial primary key",
        ],
        &[],
    );
}

#[test]
fn a_copy_that_takes_a_tables_name_leaves_its_identity_to_it() {
    check_postgres(
        &[
            "create table t (a integer generated always as identity primary key, b text)",
            "insert into t (b) values ('x'), ('y')",
        ],
        &[
            "create table n (like t including all)",
            "insert into n overriding system value select * from t",
            "drop table t cascade",
            "alter table n rename to t",
        ],
        &[
            "insert into t overriding system value values (100, 'new')",
            "update t set b = 'z' where a = 1",
        ],
    );
}

#[test]
fn a_table_that_was_renamed_out_of_the_way_is_the_one_that_has_its_name() {
    let before = [
        "create table p (a integer primary key)",
        "insert into p values (1), (2), (3)",
        "create table t (a serial primary key, b text not null, c integer references p on delete cascade)",
        "insert into t (b, c) values ('x', 1), ('y', 2), ('z', 3)",
        "create index t_b on t (b)",
        "create table u (a integer primary key, t integer references t on update cascade)",
        "insert into u values (1, 1)",
        "create view v as select a, b from t",
    ];
    let writes = [
        "insert into t (a, b) values (100, 'new')",
        "update t set b = 'w' where a = 1",
        "delete from t where a = 3",
    ];
    check_postgres(
        &before,
        &[
            "alter table t rename to t_old",
            "create table t (a integer primary key, b text, c bigint)",
            "insert into t select * from t_old",
        ],
        &writes,
    );
    check_postgres(
        &before,
        &[
            "create table t_new (like t including all)",
            "alter table t_new add column d integer default 4",
            "insert into t_new select * from t",
            "alter table t rename to t_old",
            "alter table t_new rename to t",
        ],
        &writes,
    );
}

#[test]
fn columns_that_have_each_others_names_have_their_own_again_after_a_written_rollback() {
    let swap = [
        "alter table t rename column b to x",
        "alter table t rename column c to b",
        "alter table t rename column x to c",
    ];
    let mut case = case_of(
        EngineKind::Sqlite,
        &[
            "create table t (a integer primary key, b blob default (x''), c any not null default 'a')",
            "insert into t values (1, x'00ff', '1'), (2, x'01', '2')",
        ],
        &swap,
        &[
            (
                "update t set b = 'new' where a = 1",
                "update t set c = 'new' where a = 1",
            ),
            (
                "insert into t (a, b, c) values (3, 'c', x'02')",
                "insert into t (a, c, b) values (3, 'c', x'02')",
            ),
        ],
    );
    case.rollback = Some(swap.iter().map(|&sql| sql.to_owned()).collect());
    let outcome = run_case(&sqlite_stage(), &case);
    let passed = Outcome::Passed {
        writes: 2,
        undone: 0,
    };
    assert_eq!(outcome.expect("the databases work"), passed, "{case}");
}

#[test]
fn a_table_that_goes_under_other_columns_names_comes_back_under_those_that_refer_to_it() {
    check_sqlite(
        &[
            "create table t (a integer not null, b text, c integer, constraint k unique (a))",
            "create table u (d integer primary key, e integer constraint f references t (a) on delete set null on update cascade)",
            "insert into t values (1, 'x', 5), (2, 'y', 6)",
            "insert into u values (1, 1), (2, null)",
        ],
        &[
            "alter table t rename column a to x",
            "alter table t rename column c to a",
            "alter table t rename column x to c",
            "drop table t",
        ],
        &[],
    );
}

/// Where it was rehearsed, the table of before was set aside, and its rows were never merged. Of what comes from a table that was empty in the
/// rehearsal nobody wrote down that the migration had inserted it.
#[test]
fn a_table_that_is_copied_without_a_column_is_not_set_aside() {
    let before = [
        "create table s (a integer primary key, b text)",
        "create table t (a integer primary key, b text, c text)",
        "insert into t values (1, 'x', 'y'), (2, 'x', 'y')",
    ];
    for from in ["t", "s", "t union all select a, b from s"] {
        let copy = format!("insert into n select a, b from {from}");
        check_postgres_late(
            &before,
            &["insert into s select i, 's' || i from generate_series(10, 15) i"],
            &[
                "create table n (a integer primary key, b text)",
                &copy,
                "drop table t",
                "alter table n rename to t",
            ],
            &["insert into t (a, b) values (50, 'new')"],
        );
    }
}

/// The table was written anew, but no statement gave a row another key: rows went, and others came.
#[test]
fn rows_that_went_and_came_in_a_table_that_was_written_anew_are_known_by_their_keys() {
    check_postgres(
        &[
            "create table t (a bigint primary key, b varchar(40), c bigint not null)",
            "insert into t values (1, 'a', 0), (2, 'uu', -1)",
        ],
        &[
            "alter table t alter column b type integer using length(b)",
            "delete from t",
            "insert into t values (2, null, -1), (60, 7, 42)",
        ],
        &["update t set c = 7 where a = 2"],
    );
}
