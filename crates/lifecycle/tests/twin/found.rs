//! What random cases have found, kept as small as it got: each was wrong once.

use tightrope_engine::Registry;
use tightrope_model::EngineKind;
use tightrope_postgres::PostgresEngine;
use tightrope_sqlite::SqliteEngine;
use tightrope_testkit::contract::ContractDatabase;
use tightrope_testkit::servers;
use tightrope_testkit::twin::{Outcome, Stage, TwinCase, Write, run_case};

use crate::sqlite_database;

/// Migrates, writes (in words that both sides understand) and rolls back; the twin says what must come out.
fn check(stage: &Stage, engine: EngineKind, before: &[&str], forward: &[&str], writes: &[&str]) {
    let owned = |all: &[&str]| all.iter().map(|&sql| sql.to_owned()).collect();
    let write = |&sql: &&str| Write {
        session: 0,
        joined: false,
        now: sql.to_owned(),
        twin: sql.to_owned(),
        guard: None,
    };
    let case = TwinCase {
        engine,
        seed: 0,
        schema: owned(before),
        rows: Vec::new(),
        forward: owned(forward),
        rehearsed: false,
        keyless: false,
        rollback: None,
        writes: writes.iter().map(write).collect(),
    };
    let outcome = run_case(stage, &case).expect("the databases work");
    let all = Outcome::Passed {
        writes: writes.len(),
        undone: 0,
    };
    assert_eq!(outcome, all, "{case}");
}

fn check_postgres(before: &[&str], forward: &[&str], writes: &[&str]) {
    for major in servers::postgres_majors() {
        check_postgres_of(major, before, forward, writes);
    }
}

fn check_postgres_of(major: u32, before: &[&str], forward: &[&str], writes: &[&str]) {
    let make = move || {
        let database = servers::postgres(major)?.create_database()?;
        Ok(ContractDatabase::from(database))
    };
    let stage = Stage::new(Registry::new().with(PostgresEngine::new()), &make)
        .expect("the databases are made");
    check(&stage, EngineKind::Postgres, before, forward, writes);
}

fn check_sqlite(before: &[&str], forward: &[&str], writes: &[&str]) {
    let registry = Registry::new().with(SqliteEngine::new());
    let stage = Stage::new(registry, &sqlite_database).expect("the databases are made");
    check(&stage, EngineKind::Sqlite, before, forward, writes);
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
                "insert into u values (1, null), (2, null), (3, 3)",
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
    check_postgres(
        &["create table o (a integer primary key)"],
        &[
            "create table t (a integer primary key, b integer references t (a)) partition by hash (a)",
            "create table t_0 partition of t for values with (modulus 2, remainder 0)",
            "create table t_1 partition of t for values with (modulus 2, remainder 1)",
            "create table u (b integer references t (a))",
        ],
        &["insert into o values (1)"],
    );
}

/// A table in two parts, one of them in parts itself, and a row in each.
const IN_PARTS: [&str; 6] = [
    "create table p (a integer primary key, b integer, c text not null, d text[]) partition by range (a)",
    "create table p_1 partition of p for values from (1) to (100)",
    "create table p_2 partition of p for values from (100) to (300) partition by list (a)",
    "create table p_2_a partition of p_2 for values in (100, 101, 102, 103, 104, 105, 106, 107, 108, 109)",
    "create table p_2_b partition of p_2 default",
    "insert into p select i, i * 10, 'c' || i, array['d', i::text] from generate_series(1, 9) i \
     union all select 100, 1000, 'c100', null union all select 200, 2000, 'c200', '{x}'",
];

/// Forward scripts after which the net keeps rows in all the ways that it knows, of all parts or of some.
const WAYS_TO_KEEP: [&[&str]; 9] = [
    &["alter table p drop column c"],
    &["alter table p alter column b type text using (b % 7)::text"],
    &["update p set c = upper(c)"],
    &["update p set c = upper(c)", "alter table p drop column d"],
    &["update p set c = upper(c) where a < 100"],
    &["update p set c = upper(c) where a = 3"],
    &[
        "update p set c = upper(c) where a >= 100",
        "alter table p drop column d",
    ],
    &["delete from p where a in (8, 9)"],
    &["alter table p add column e integer"],
];

fn check_moves(writes: &[&str]) {
    for forward in WAYS_TO_KEEP {
        check_postgres(&IN_PARTS, forward, writes);
    }
}

#[test]
fn a_row_that_moves_to_another_part_has_what_was_dropped() {
    check_postgres(
        &[
            "create table p (c3 smallint not null, c4 text not null, c5 varchar(40) not null, c6 text[], unique (c3, c4)) \
             partition by hash (c3)",
            "create table p_0 partition of p for values with (modulus 2, remainder 0)",
            "create table p_1 partition of p for values with (modulus 2, remainder 1)",
            "insert into p select i, 'k' || i, 'v' || i, array['x', i::text] from generate_series(1, 9) i",
        ],
        &[
            "alter table p alter c6 type text using array_to_string(c6, '+')",
            "alter table p drop column c5 cascade",
        ],
        &[
            "update p set c3 = 101, c4 = 'k101' where c3 = 5 and c4 = 'k5'",
            "update p set c3 = c3 + 200 where c3 < 5",
        ],
    );
}

#[test]
fn rows_that_move_to_other_parts_stay_what_they_are() {
    check_moves(&[
        "update p set a = 101 where a = 1",
        "update p set a = 201 where a = 2",
        "update p set a = 50 where a = 100",
        "update p set a = 103, b = 7 where a = 3",
    ]);
}

#[test]
fn rows_that_move_take_along_what_was_written_before() {
    check_moves(&[
        "update p set b = 1 where a in (1, 3)",
        "update p set a = 20 where a = 2",
        "update p set a = 101 where a = 1",
        "update p set a = 102 where a = 20",
        "update p set a = 103 where a = 3",
        "update p set b = 2 where a = 103",
    ]);
}

#[test]
fn rows_that_move_back_and_forth_stay_what_they_are() {
    check_moves(&[
        "update p set a = 101 where a = 1",
        "update p set a = 1 where a = 101",
        "update p set a = 102 where a = 2",
        "update p set a = 202 where a = 102",
        "update p set a = 22, b = 5 where a = 202",
        "update p set a = 1 - a + 300 - 100 where a between 3 and 6",
        "update p set a = 300 - 100 + 1 - a where a between 195 and 198",
    ]);
}

#[test]
fn many_rows_move_in_one_statement() {
    check_moves(&[
        "update p set a = case when a < 100 then a + 100 else a - 90 end where a in (1, 2, 3, 4, 5, 6, 7, 100)",
        "update p set a = a + 50 where a between 10 and 107",
    ]);
}

#[test]
fn a_row_that_has_moved_can_be_deleted_and_its_keys_be_taken() {
    check_moves(&[
        "update p set a = 101 where a = 1",
        "update p set a = 102 where a = 2",
        "update p set a = 103 where a = 3",
        "delete from p where a in (101, 103)",
        "update p set a = 1 where a = 4",
        "update p set a = 101 where a = 102",
        "update p set a = 2 where a = 100",
        "delete from p where a = 5",
        "update p set a = 5 where a = 200",
    ]);
}

#[test]
fn a_row_that_moves_on_the_way_to_where_another_was_is_no_other() {
    check_moves(&[
        "delete from p where a = 100",
        "update p set a = 100 where a = 1",
        "update p set a = 1 where a = 2",
        "delete from p where a = 100",
        "update p set a = 100 where a = 1",
    ]);
}

#[test]
fn new_rows_that_move_are_new() {
    check_postgres(
        &IN_PARTS,
        &[
            "update p set b = b + 1",
            "alter table p add column e integer",
        ],
        &[
            "insert into p (a, b, c) values (60, 1, 'new'), (61, 2, 'new')",
            "update p set a = 101 where a = 60",
            "update p set a = 102 where a = 1",
            "insert into p (a, b, c) values (1, 3, 'again')",
            "update p set a = 103 where a = 1",
            "update p set a = 62 where a = 101",
            "delete from p where a = 61",
        ],
    );
}

#[test]
fn rows_move_as_the_triggers_of_their_owner_will_have_it() {
    let mut before = IN_PARTS.to_vec();
    before.extend([
        "create function f() returns trigger language plpgsql as $$ begin \
         if new.b = 1 then return null; end if; \
         if new.b = 2 then new.a = new.a + 1; end if; \
         if new.b = 3 then new.a = old.a; end if; \
         if new.b = 4 then new.a = 104; end if; return new; end $$",
        "create trigger zz before update on p_1 for each row execute function f()",
        "create function g() returns trigger language plpgsql as $$ begin \
         if old.b = 8 then return null; end if; return old; end $$",
        "create trigger zz_d before delete on p_1 for each row execute function g()",
        "create function h() returns trigger language plpgsql as $$ begin \
         if new.b = 5 then return null; end if; new.d = '{moved}'; return new; end $$",
        "create trigger zz_i before insert on p_2_a for each row execute function h()",
    ]);
    for forward in [
        &["alter table p drop column c"][..],
        &["update p set c = upper(c) where a < 100"],
        &["update p set c = upper(c) where a = 100"],
    ] {
        check_postgres(
            &before,
            forward,
            &[
                "update p set a = 101, b = 1 where a = 1",
                "update p set a = 101, b = 2 where a = 2",
                "update p set a = 101, b = 3 where a = 3",
                "update p set b = 4 where a = 4",
                "update p set a = 105, b = 5 where a = 5",
                "update p set b = 8 where a = 6",
                "update p set a = 106 where a = 6",
                "delete from p where a = 7",
                "update p set a = 107 where a = 8",
            ],
        );
    }
}

#[test]
fn rows_move_with_what_they_refer_to() {
    check_postgres(
        &[
            "create table t (a integer primary key, b text)",
            "create table p (a integer primary key references t on update cascade, b text not null) partition by hash (a)",
            "create table p_0 partition of p for values with (modulus 2, remainder 0)",
            "create table p_1 partition of p for values with (modulus 2, remainder 1)",
            "insert into t select i, 't' || i from generate_series(1, 6) i",
            "insert into p select i, 'p' || i from generate_series(1, 6) i",
        ],
        &["alter table p drop column b"],
        &[
            "update t set a = a + 100",
            "update t set a = a + 7 where a < 104",
        ],
    );
}

#[test]
fn rows_that_come_back_follow_parents_that_moved_to_another_part() {
    // Before, a row that moves is a deleted one for those who refer to it.
    for major in servers::postgres_majors()
        .into_iter()
        .filter(|major| *major >= 15)
    {
        check_postgres_of(
            major,
            &[
                "create table t (a integer primary key) partition by list (a)",
                "create table t_1 partition of t for values in (1, 2, 3, 4)",
                "create table t_2 partition of t default",
                "create table u (b integer primary key, c integer references t on update cascade)",
                "create table w (b integer primary key, c integer references t on update set null on delete cascade)",
                "insert into t values (1), (2), (3), (4)",
                "insert into u values (1, 1), (2, 2), (3, 3)",
                "insert into w values (1, 1), (2, 3), (4, 4)",
            ],
            &[
                "delete from u",
                "delete from w where b in (1, 4)",
                "update w set c = 2",
            ],
            &[
                "update t set a = 101 where a = 1",
                "update t set a = 103 where a = 3",
                "update t set a = 3 where a = 103",
                "update t set a = 104 where a = 4",
                "delete from t where a = 104",
            ],
        );
    }
}

#[test]
fn rows_move_under_the_replica_role() {
    check_postgres(
        &IN_PARTS,
        &["alter table p drop column c"],
        &[
            "set session_replication_role = replica",
            "update p set a = 101 where a = 1",
            "update p set a = 1 where a = 101",
            "update p set a = 102 where a = 1",
        ],
    );
}
