//! What random cases have found, kept as small as it got: each was wrong once.

mod anew;
mod definitions;
mod divided;
mod keyless;
mod moves;
mod parts;
mod rehearsal;
mod rekeyed;
mod sequences;
mod stacked;
mod stand_in;
mod virtual_tables;

use tightrope_engine::Registry;
use tightrope_model::EngineKind;
use tightrope_postgres::PostgresEngine;
use tightrope_sqlite::SqliteEngine;
use tightrope_testkit::contract::ContractDatabase;
use tightrope_testkit::servers;
use tightrope_testkit::twin::{Outcome, Stage, TwinCase, Write, run_case};

use crate::sqlite_database;

/// Migrates, writes (in the words of the migrated side and of the twin) and rolls back; the twin says what must come out.
fn check(
    stage: &Stage,
    engine: EngineKind,
    before: &[&str],
    forward: &[&str],
    writes: &[(&str, &str)],
) {
    check_late(stage, engine, (before, &[]), forward, writes);
}

/// The same, rehearsed before the rows come that are given beside what is there before.
fn check_late(
    stage: &Stage,
    engine: EngineKind,
    before: (&[&str], &[&str]),
    forward: &[&str],
    writes: &[(&str, &str)],
) {
    let (case, outcome) = run_late(stage, engine, before, forward, writes);
    let all = Outcome::Passed {
        writes: writes.len(),
        undone: 0,
    };
    assert_eq!(outcome, all, "{case}");
}

fn run_late(
    stage: &Stage,
    engine: EngineKind,
    (before, rows): (&[&str], &[&str]),
    forward: &[&str],
    writes: &[(&str, &str)],
) -> (TwinCase, Outcome) {
    let mut case = case_of(engine, before, forward, writes);
    case.rows = owned(rows);
    case.late = rows.len();
    case.rehearsed = !rows.is_empty();
    let outcome = run_case(stage, &case).expect("the databases work");
    (case, outcome)
}

/// A write in the words of the migrated side and of the twin.
type Sides<'a> = (&'a str, &'a str);

fn owned(all: &[&str]) -> Vec<String> {
    all.iter().map(|&sql| sql.to_owned()).collect()
}

fn write(&(now, twin): &Sides<'_>) -> Write {
    Write {
        session: 0,
        joined: false,
        overlaps: false,
        now: now.to_owned(),
        twin: twin.to_owned(),
        guard: None,
    }
}

/// A case that is not rehearsed and whose rollback is derived.
fn case_of(
    engine: EngineKind,
    before: &[&str],
    forward: &[&str],
    writes: &[Sides<'_>],
) -> TwinCase {
    TwinCase {
        engine,
        seed: 0,
        schema: owned(before),
        rows: Vec::new(),
        forward: owned(forward),
        enforced: true,
        rehearsed: false,
        late: 0,
        keyless: false,
        rollback: None,
        writes: writes.iter().map(write).collect(),
        stacked: None,
    }
}

/// Writes in words that both sides understand.
fn alike<'a>(writes: &[&'a str]) -> Vec<(&'a str, &'a str)> {
    writes.iter().map(|&sql| (sql, sql)).collect()
}

fn check_postgres(before: &[&str], forward: &[&str], writes: &[&str]) {
    check_postgres_in_words(before, forward, &alike(writes));
}

/// The same where both sides have words of their own for the writes.
fn check_postgres_in_words(before: &[&str], forward: &[&str], writes: &[(&str, &str)]) {
    for major in servers::postgres_majors() {
        check(
            &postgres_stage(major),
            EngineKind::Postgres,
            before,
            forward,
            writes,
        );
    }
}

fn check_postgres_of(major: u32, before: &[&str], forward: &[&str], writes: &[&str]) {
    let stage = postgres_stage(major);
    let writes = alike(writes);
    check(&stage, EngineKind::Postgres, before, forward, &writes);
}

/// Rehearsed before the rows come.
fn check_postgres_late(before: &[&str], rows: &[&str], forward: &[&str], writes: &[&str]) {
    for major in servers::postgres_majors() {
        let stage = postgres_stage(major);
        let writes = alike(writes);
        check_late(
            &stage,
            EngineKind::Postgres,
            (before, rows),
            forward,
            &writes,
        );
    }
}

fn postgres_stage(major: u32) -> Stage {
    let make = move || {
        let database = servers::postgres(major)?.create_database()?;
        Ok(ContractDatabase::from(database))
    };
    let engine = match servers::client_bin_dir(major) {
        Some(folder) => PostgresEngine::new().with_bin_dir(folder),
        None => PostgresEngine::new(),
    };
    Stage::new(Registry::new().with(engine), &make).expect("the databases are made")
}

fn check_sqlite(before: &[&str], forward: &[&str], writes: &[&str]) {
    check_sqlite_in_words_of_both(before, forward, &alike(writes));
}

fn check_sqlite_in_words_of_both(before: &[&str], forward: &[&str], writes: &[(&str, &str)]) {
    check(&sqlite_stage(), EngineKind::Sqlite, before, forward, writes);
}

fn sqlite_stage() -> Stage {
    let registry = Registry::new().with(SqliteEngine::new());
    Stage::new(registry, &sqlite_database).expect("the databases are made")
}

#[test]
fn a_part_of_a_partitioned_table_keeps_its_not_null_while_it_is_built_anew() {
    check_postgres(
        &[
            "create table t (a integer primary key, b text, c integer) partition by list (a)",
            "create table t_1 partition of t for values in (1, 2)",
            "insert into t values (1, 'x', 7), (2, 'y', 8)",
        ],
        &["alter table t drop column b"],
        &["update t set c = 9 where a = 1"],
    );
}

#[test]
fn a_part_that_others_refer_to_is_filled_in_place() {
    check_postgres(
        &[
            "create table t (a integer primary key, b integer, c integer references t (a)) partition by range (a)",
            "create table t_1 partition of t for values from (1) to (9)",
            "insert into t values (1, 7, 1), (2, 8, 1)",
        ],
        &["update t set b = b * 2"],
        &["update t set c = 2 where a = 1"],
    );
}

#[test]
fn checks_that_wait_for_the_commit_do_not_stand_in_the_way_of_the_window() {
    check_postgres(
        &[
            "create table p (a integer primary key)",
            "create table t (a integer primary key, b integer references p deferrable initially deferred)",
            "insert into p values (1)",
        ],
        &["insert into t values (5, 1)"],
        &["insert into t values (6, 1)"],
    );
}

#[test]
fn rows_survive_a_table_that_is_built_anew_when_its_key_has_another_type() {
    check_postgres(
        &[
            "create table t (a smallint primary key, b text)",
            "create table r (a integer primary key, t smallint references t)",
            "insert into t values (1, 'x'), (2, 'x')",
            "insert into r values (1, 2)",
        ],
        &["alter table t alter column a type numeric"],
        &["insert into r values (2, 1)"],
    );
}

#[test]
fn a_row_comes_back_although_its_rowid_is_taken() {
    check_sqlite(
        &[
            "create table t (a text not null unique, b text)",
            "insert into t values ('x', 'one'), ('y', 'two')",
        ],
        &["delete from t"],
        &["insert into t values ('z', 'three')"],
    );
}

#[test]
fn rowids_that_were_and_rowids_that_are_do_not_meet_in_a_table_that_is_built_anew() {
    check_sqlite(
        &[
            "create table t (a text not null unique, b text, c text)",
            "insert into t values ('x', 'one', 'c')",
        ],
        &["delete from t", "alter table t drop column b"],
        &["insert into t (a, c) values ('y', '1'), ('z', '2')"],
    );
}

#[test]
fn a_column_that_was_renamed_is_followed_through_a_table_that_is_built_anew() {
    check_sqlite_in_words_of_both(
        &["create table t (a integer primary key, b text default 'd', c text)"],
        &[
            "alter table t rename column b to bee",
            "create table new_t (a integer primary key, bee text default 'd')",
            "insert into new_t select a, bee from t",
            "drop table t",
            "alter table new_t rename to t",
        ],
        &[(
            "insert into t (a, bee) values (1, 'x')",
            "insert into t (a, b) values (1, 'x')",
        )],
    );
}

#[test]
fn a_column_of_a_table_that_was_built_anew_is_followed_when_it_is_renamed() {
    check_sqlite_in_words_of_both(
        &["create table t (a integer primary key, b text, c text)"],
        &[
            "create table new_t (a integer primary key, b text)",
            "insert into new_t select a, b from t",
            "drop table t",
            "alter table new_t rename to t",
            "alter table t rename column b to bee",
        ],
        &[(
            "insert into t (a, bee) values (1, 'x')",
            "insert into t (a, b) values (1, 'x')",
        )],
    );
}

#[test]
fn a_table_that_was_built_anew_is_followed_when_it_is_renamed() {
    check_sqlite_in_words_of_both(
        &[
            "create table t (a integer primary key, b text)",
            "insert into t values (1, 'x')",
        ],
        &[
            "create table new_t (a integer primary key, b text not null)",
            "insert into new_t select a, b from t",
            "drop table t",
            "alter table new_t rename to t",
            "alter table t rename to u",
        ],
        &[("update u set b = 'y'", "update t set b = 'y'")],
    );
}

#[test]
fn a_table_that_was_renamed_is_followed_when_it_is_built_anew() {
    check_sqlite_in_words_of_both(
        &[
            "create table t (a integer primary key, b text)",
            "insert into t values (1, 'x')",
        ],
        &[
            "alter table t rename to u",
            "create table new_u (a integer primary key, b text not null)",
            "insert into new_u select a, upper(b) from u",
            "drop table u",
            "alter table new_u rename to u",
        ],
        &[(
            "insert into u values (2, 'y')",
            "insert into t values (2, 'y')",
        )],
    );
}

#[test]
fn what_a_row_that_refers_to_itself_does_to_itself_is_not_lost() {
    for action in ["cascade", "set null"] {
        check_sqlite(
            &[
                &format!(
                    "create table t (a integer primary key, b integer references t on update {action})"
                ),
                "insert into t values (1, 1), (2, 1)",
            ],
            &["alter table t add column c text"],
            &["update t set a = 7 where a = 1"],
        );
    }
}

#[test]
fn keys_that_a_migration_changes_go_though_rows_of_parts_refer_to_them() {
    let before = [
        "create table t (a integer, b text, c integer, d text, primary key (a, b), \
         foreign key (c, d) references t on update cascade) partition by range (a)",
        "create table t_1 partition of t for values from (0) to (10)",
        "create table t_2 partition of t default",
        "insert into t values (3, 'x'), (4, 'y'), (13, 'x')",
    ];
    let rows = ["insert into t values (5, 'k', 3, 'x'), (15, 'k', 4, 'y')"];
    let forward = ["update t set b = upper(b) where a = 3"];
    check_postgres_late(&before, &rows, &forward, &[]);
    let writes = [
        "update t set c = null, d = null where a = 15",
        "insert into t values (6, 'new', 4, 'y')",
    ];
    let known: Vec<&str> = before.into_iter().chain(rows).collect();
    check_postgres(&known, &forward, &writes);
}

#[test]
fn rows_without_a_key_are_counted_though_they_are_equal() {
    check_postgres(
        &[
            "create table t (a integer primary key, b integer)",
            "create table l (op text, who integer)",
            "create function f() returns trigger language plpgsql as $$ begin insert into l values (tg_op, new.a); return null; end $$",
            "create trigger l after update on t for each row execute function f()",
            "insert into t values (3, 1)",
            "insert into l values ('x', 1)",
        ],
        &["update t set b = 2"],
        &["update t set b = 7", "update t set b = 8"],
    );
}

#[test]
fn a_partitioned_table_that_others_refer_to_has_another_name() {
    check_postgres(
        &[
            "create table t (a integer primary key, b integer) partition by hash (a)",
            "create table t_0 partition of t for values with (modulus 2, remainder 0)",
            "create table t_1 partition of t for values with (modulus 2, remainder 1)",
            "create table u (c integer references t (a))",
            "insert into t values (1, 7), (2, 8), (3, 9)",
            "insert into u values (1)",
        ],
        &["alter table t rename to v"],
        &["update u set c = 2", "insert into u values (3)"],
    );
}

#[test]
fn rows_that_come_back_follow_parents_that_went_meanwhile() {
    for parent in [
        "create table t (a integer primary key)",
        "create table t (a integer primary key) partition by hash (a); \
         create table t_0 partition of t for values with (modulus 2, remainder 0); \
         create table t_1 partition of t for values with (modulus 2, remainder 1)",
    ] {
        check_postgres(
            &[
                parent,
                "create table u (b integer primary key, c integer default 2 references t (a) on delete set default)",
                "create table w (b integer primary key, c integer references t (a) on delete cascade)",
                "insert into t values (1), (2), (3), (4)",
                "insert into u values (1, null), (2, null), (3, 3), (4, 4)",
                "insert into w values (1, 1), (2, 4)",
            ],
            &["delete from u", "update w set c = null where b = 2"],
            &["delete from t where a = 4"],
        );
    }
}

#[test]
fn values_that_a_change_to_the_same_type_computes_come_back() {
    let before = [
        "create table t (a integer primary key, b smallint, c text)",
        "insert into t values (1, 32767, 'x'), (2, 5, 'y'), (3, 107, 'z')",
    ];
    let writes = [
        "update t set c = 'w' where a = 1",
        "insert into t values (4, 150, 'n')",
    ];
    check_postgres(
        &before,
        &["alter table t alter column b type smallint using (b % 100)::smallint"],
        &writes,
    );
    check_postgres(
        &before,
        &[
            "do $$ begin alter table t alter column b type smallint using (b % 100)::smallint; end $$",
        ],
        &writes,
    );
}

#[test]
fn rows_that_come_back_in_a_file_follow_parents_that_went_meanwhile() {
    check_sqlite(
        &[
            "create table t (a integer primary key, b text)",
            "create table u (b integer primary key, c integer default 2 references t (a) on delete set default)",
            "create table w (b integer primary key, c integer references t (a) on delete cascade on update cascade)",
            "insert into t values (1, 'x'), (2, 'y'), (3, 'z')",
            "insert into u values (1, 3), (2, null)",
            "insert into w values (1, 1), (2, 3), (3, 1)",
        ],
        &[
            "delete from u",
            "delete from w where b > 1",
            "alter table w add column d",
        ],
        &[
            "delete from t where a = 3",
            "update t set a = 7 where b = 'x'",
        ],
    );
}

#[test]
fn rows_of_a_table_that_was_dropped_in_a_file_follow_parents_that_went_meanwhile() {
    check_sqlite(
        &[
            "create table t (a integer primary key, b text)",
            "create table w (b integer primary key, c integer references T (a) on delete cascade on update set null)",
            "insert into t values (1, 'x'), (2, 'y'), (3, 'z')",
            "insert into w values (1, 1), (2, 2), (3, 3)",
        ],
        &["drop table w"],
        &[
            "delete from t where a = 3",
            "update t set a = 7 where b = 'x'",
        ],
    );
}

#[test]
fn what_cascades_and_triggers_write_into_a_table_without_rowids_comes_back() {
    let before = [
        "create table t (a integer primary key, b text)",
        "create table w (b integer primary key, c integer references t on delete cascade on update cascade, d text) without rowid",
        "create table x (b integer, c integer references t on delete cascade on update cascade, primary key (b, c)) strict, without rowid",
        "create table l (a integer primary key, b text) without rowid",
        "create trigger g after update of b on t begin update l set b = new.b where a = new.a; end",
        "insert into t values (1, 'x'), (2, 'y'), (3, 'z')",
        "insert into w values (1, 1, 'one'), (2, 2, 'two'), (3, 3, 'three')",
        "insert into x values (1, 1), (2, 2)",
        "insert into l values (1, 'x'), (2, 'y')",
    ];
    for forward in [
        "delete from t where a = 3",
        "update t set a = a + 10 where a = 1",
        "update t set b = 'written'",
    ] {
        check_sqlite(
            &before,
            &[forward],
            &[
                "update w set d = 'mine' where b = 2",
                "insert into x values (7, 2)",
            ],
        );
    }
}

#[test]
fn the_only_table_that_refers_to_another_comes_back_before_its_parents_rows() {
    check_sqlite(
        &[
            "create table t (a integer primary key)",
            "create table b (c integer primary key, d integer references t)",
            "insert into t values (1), (2)",
            "insert into b values (1, 1)",
        ],
        &["drop table b", "delete from t where a = 1"],
        &["insert into t values (3)"],
    );
}

#[test]
fn an_identity_whose_type_changed_has_its_sequence_back() {
    check_postgres(
        &[
            "create table t (a smallint generated always as identity primary key, b text)",
            "comment on sequence t_a_seq is 'numbers'",
            "grant usage on sequence t_a_seq to public",
            "insert into t (b) values ('x'), ('y')",
        ],
        &["alter table t alter column a type bigint"],
        &["insert into t (b) values ('z')"],
    );
}

#[test]
fn a_new_partitioned_table_that_refers_to_itself_goes() {
    let table = [
        "create table t (a integer primary key, b integer references t (a)) partition by hash (a)",
        "create table t_0 partition of t for values with (modulus 2, remainder 0)",
        "create table t_1 partition of t for values with (modulus 2, remainder 1)",
        "create table u (b integer references t (a))",
    ];
    let before = ["create table o (a integer primary key)"];
    check_postgres(&before, &table, &["insert into o values (1)"]);
    check_postgres(&before, &table[..3], &["insert into o values (1)"]);
}

#[test]
fn rows_without_a_key_are_told_apart_by_what_they_are_since_the_migration() {
    let before = [
        "create table t (a text[])",
        "create table u (a integer, b text not null)",
        "insert into t values ('{x}'), ('{y}'), (null)",
        "insert into u values (1, 'p'), (1, 'q'), (2, 'r')",
    ];
    check_postgres(
        &before,
        &[
            "alter table t alter column a type text using array_to_string(a, ',')",
            "alter table u alter column b type varchar(40)",
        ],
        &[
            "insert into t values (null), (null)",
            "insert into u values (1, 'n'), (2, 'n')",
            "delete from u where b = 'n' and a = 2",
            "update u set b = 'm' where b = 'r'",
        ],
    );
}

#[test]
fn partitions_get_values_back_that_no_cast_makes() {
    let retype = ["alter table t alter column d type text using array_to_string(d, '+')"];
    let writes = [
        "insert into t (a, b, d) values (4, 4, null)",
        "update t set b = 9 where a = 1",
    ];
    for parts in [
        [
            "create table t_1 partition of t for values from (0) to (100)",
            "select 1",
        ],
        [
            "create table t_1 partition of t for values from (0) to (100) partition by range (a)",
            "create table t_11 partition of t_1 for values from (0) to (100)",
        ],
    ] {
        check_postgres(
            &[
                "create table t (a integer primary key, b integer, d text[]) partition by range (a)",
                parts[0],
                parts[1],
                "insert into t values (1, 1, '{x,y}'), (2, 2, '{}'), (3, 3, null)",
            ],
            &retype,
            &writes,
        );
    }
}

#[test]
fn a_reference_that_a_change_of_the_key_took_stays_taken() {
    check_postgres(
        &[
            "create table t (a integer primary key)",
            "create table u (b integer primary key, c integer references t (a) on update set null)",
            "insert into t values (1), (2), (3)",
            "insert into u values (1, 1), (2, 2), (3, 3)",
        ],
        &["delete from u"],
        &[
            "update t set a = 11 where a = 1",
            "update t set a = 1 where a = 11",
            "update t set a = 12 where a = 2",
            "delete from t where a = 12",
        ],
    );
}

#[test]
fn a_key_whose_sequence_went_with_it_comes_back() {
    check_postgres(
        &[
            "create table t (a serial primary key, b integer)",
            "create table u (a integer primary key, t integer references t on delete set null)",
            "insert into t (b) values (7), (8)",
            "insert into u values (1, 1), (2, null)",
        ],
        &["alter table t drop column a cascade"],
        &[
            "update t set b = 9 where b = 8",
            "update u set t = 2 where a = 2",
        ],
    );
}

#[test]
fn what_the_old_columns_of_a_table_need_goes_after_them() {
    let before = [
        "create table t (a integer primary key, b integer)",
        "insert into t values (1, 1), (2, 2)",
    ];
    let makes =
        "create function f(i integer) returns integer language sql immutable as 'select i + 1'";
    let forwards = [
        &[
            "create type e as enum ('x', 'y')",
            "alter table t add column c e[] default '{}'",
            "update t set c = '{x}'",
        ][..],
        &[
            makes,
            "alter table t add column c integer default f(1), add constraint k check (f(b) > 0)",
            "update t set b = f(b)",
        ],
        &[
            "create sequence s",
            "alter table t add column c bigint default nextval('s')",
            "update t set b = c",
        ],
        &[
            "create domain d as integer check (value > 0)",
            "alter table t add column c d default 1, add column g integer generated always as (b * 2) stored",
            "create function g() returns trigger language plpgsql as 'begin return new; end'",
            "create trigger z before update on t for each row execute function g()",
            "update t set b = b + 1",
        ],
    ];
    for forward in forwards {
        check_postgres(&before, forward, &["update t set b = 9 where a = 1"]);
    }
}

#[test]
fn tables_with_computed_columns_go_before_what_they_refer_to() {
    check_postgres(
        &["create table t (a integer primary key)"],
        &[
            "create table p (a text primary key)",
            "create table c (a integer, p text references p, g text generated always as ('x' || p) stored, unique (g))",
        ],
        &["insert into t values (1)"],
    );
}

#[test]
fn rows_that_refer_to_others_since_the_migration_let_go_of_parents_that_went() {
    let before = [
        "create table t (a integer primary key)",
        "create table u (b integer primary key, c integer references t (a) on delete set null)",
        "create table v (b integer primary key, c integer default 2 references t (a) on delete set default)",
        "create table w (b integer primary key, c integer references t (a) on update cascade, d text)",
        "insert into t values (1), (2), (3), (4), (5)",
        "insert into u values (1, 2), (2, 3), (3, null)",
        "insert into v values (1, 2), (2, 3)",
        "insert into w values (1, 1), (2, 4), (3, 5)",
    ];
    let forward = [
        "update u set c = 4",
        "update v set c = 4 where b < 3",
        "update w set c = 2 where b > 1",
    ];
    let writes = [
        "delete from t where a = 3",
        "update t set a = 14 where a = 1",
        "update t set a = 15 where a = 5",
        "update w set d = 'mine'",
    ];
    check_sqlite(&before, &forward, &writes);
    check_postgres(&before, &forward, &writes);
}

#[test]
fn a_new_table_in_hash_partitions_that_refers_to_itself_goes() {
    check_postgres(
        &["create table t (a integer primary key)"],
        &[
            "do $do$ begin create table whole (a integer not null, c integer, constraint k primary key (a), \
           constraint f foreign key (c) references whole (a) on delete cascade on update restrict) partition by hash (a); \
           create table part_0 partition of whole for values with (modulus 2, remainder 0); \
           create table part_1 partition of whole for values with (modulus 2, remainder 1); end $do$",
        ],
        &["insert into t values (1)"],
    );
}

#[test]
fn a_sequence_comes_back_whose_name_an_identity_has() {
    check_postgres(
        &[
            "create table t (a serial primary key, b text)",
            "insert into t (b) values ('x'), ('y')",
        ],
        &[
            "alter table t alter column a type bigint",
            "alter table t alter a drop default",
            "drop sequence t_a_seq",
            "alter table t alter a add generated always as identity (restart 100)",
        ],
        &["update t set b = 'z' where a = 1"],
    );
}

#[test]
fn a_check_on_a_computed_column_is_held_against_what_it_will_be_computed_from() {
    check_postgres(
        &[
            "create table t (a integer primary key, b integer, c bigint generated always as (b * 2) stored)",
            "insert into t (a, b) values (1, 4), (2, 5)",
            "alter table t add constraint small check (c < 100) not valid",
            "create unique index on t (c)",
        ],
        &["alter table t drop column b cascade"],
        &["insert into t values (3)", "delete from t where a = 1"],
    );
}

#[test]
fn values_of_a_type_that_stands_aside_come_back_beside_rows_that_the_migration_made() {
    check_postgres(
        &[
            "create type mood as enum ('sad', 'ok')",
            "create table t (a integer primary key, b mood)",
            "insert into t values (1, 'ok'), (2, 'sad')",
        ],
        &[
            "insert into t values (3, 'sad')",
            "alter type mood add value 'new' before 'ok'",
        ],
        &[
            "insert into t values (4, 'ok')",
            "update t set b = 'sad' where a = 1",
        ],
    );
}
