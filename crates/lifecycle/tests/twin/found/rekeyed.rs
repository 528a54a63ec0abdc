//! Rows to which the migration gives other keys, and which the application then knows by those.

use tightrope_model::EngineKind;
use tightrope_testkit::twin::{Outcome, run_case};

use super::{case_of, check_postgres, check_postgres_in_words, check_sqlite, sqlite_stage};

const NINE: &str = "insert into t values (1, 'r1'), (2, 'r2'), (3, 'r3'), (4, 'r4'), (5, 'r5'), (6, 'r6'), (7, 'r7'), (8, 'r8'), (9, 'r9')";

fn check_both(before: &[&str], forward: &[&str], writes: &[&str]) {
    check_postgres(before, forward, writes);
    check_sqlite(before, forward, writes);
}

#[test]
fn what_is_written_under_other_keys_comes_to_the_rows_of_before() {
    for forward in [
        &["update t set a = a + 100 where a > 4"][..],
        &[
            "update t set a = a + 100 where a > 4",
            "update t set a = a - 100 where a > 7",
        ],
        // All keys of before are there again, each on another row.
        &["update t set a = -a", "update t set a = 10 + a"],
        &[
            "update t set a = a + 100",
            "insert into t values (3, 'own'), (6, 'own')",
            "delete from t where a = 108",
            "insert into t values (108, 'own')",
        ],
    ] {
        check_both(
            &["create table t (a integer primary key, b text)", NINE],
            forward,
            &[
                "update t set b = 'new' where b in ('r3', 'r6')",
                "delete from t where b = 'r7'",
                "update t set a = 10005 where b = 'r5'",
                "insert into t values (77, 'app')",
            ],
        );
    }
    check_both(
        &[
            "create table t (a text primary key, b text)",
            "insert into t values ('1', 'r1'), ('2', 'r2'), ('3', 'r3')",
        ],
        &["update t set a = 'k' || a"],
        &[
            "update t set b = 'x' where b = 'r3'",
            "delete from t where b = 'r2'",
        ],
    );
}

#[test]
fn a_row_with_the_key_of_one_that_was_emptied_is_another() {
    check_postgres(
        &["create table t (a integer primary key, b text)", NINE],
        &["update t set a = a + 100"],
        &[
            "truncate t",
            "insert into t values (105, 'app'), (6, 'app')",
        ],
    );
    check_postgres(
        &["create table t (a integer primary key, b text)", NINE],
        &["update t set a = a + 100"],
        &[
            "delete from t where b = 'r5'",
            "insert into t values (105, 'app')",
        ],
    );
}

/// In a block nobody tells which columns are set, and a rehearsal finds out.
#[test]
fn keys_that_change_in_a_block_are_followed() {
    check_postgres(
        &[
            "create table t (a integer primary key, b text, c integer generated always as (a * 2) stored)",
            NINE.replace("t values", "t (a, b) values").as_str(),
        ],
        &["do $$ begin update t set a = a + 1000; end $$"],
        &[
            "update t set b = 'x' where b = 'r2'",
            "delete from t where b = 'r3'",
        ],
    );
}

#[test]
fn rows_that_refer_to_others_follow_them() {
    let children = "create table c (id integer primary key, a integer references t on update cascade on delete cascade, n text)";
    check_postgres(
        &[
            "create table t (a integer primary key, b text, c text default 'c')",
            NINE.replace("t values", "t (a, b) values").as_str(),
            children,
            "insert into c values (1, 1, 'x'), (2, 2, 'x'), (6, 6, 'x'), (7, 7, 'x'), (8, 8, 'x')",
            "comment on constraint c_a_fkey on c is 'kept'",
        ],
        &[
            "update t set a = -a",
            "update t set a = 10 + a, b = b || '!'",
            "alter table t drop column c",
        ],
        &[
            "update t set b = 'x' where b in ('r3!', 'r6!', 'r3', 'r6')",
            "delete from t where b in ('r7', 'r7!')",
            "update c set n = 'new' where id in (6, 1)",
            "insert into c select 100, a, 'app' from t where b in ('r8', 'r8!')",
            "update t set a = a + 10000 where b in ('r5!', 'r5')",
            "insert into t (a, b) values (77, 'app')",
        ],
    );
    check_postgres(
        &[
            "create table t (a integer primary key, p integer references t on update cascade deferrable, b text)",
            "insert into t values (1, null, 'r1'), (2, 1, 'r2'), (3, 2, 'r3'), (4, 4, 'r4'), (5, 1, 'r5')",
        ],
        &["update t set a = a + 10"],
        &[
            "update t set b = 'x' where b = 'r2'",
            "update t set p = null where b = 'r5'",
            "delete from t where b = 'r3'",
            "insert into t select 60, a, 'app' from t where b = 'r4'",
        ],
    );
    check_postgres(
        &[
            "create table t (a text, r integer, b text, primary key (a, r))",
            "create table k (id integer primary key, r integer, a text, foreign key (a, r) references t on update cascade)",
            "insert into t values ('a', 1, 'x1'), ('a', 2, 'x2'), ('b', 1, 'x3'), ('b', 2, 'x4')",
            "insert into k values (1, 1, 'a'), (2, 2, 'a'), (3, 1, 'b'), (4, null, null)",
        ],
        &["update t set a = upper(a), r = r + 1 where b <> 'x4'"],
        &[
            "update t set b = 'new' where b in ('x1', 'x4')",
            "delete from k where id = 3",
            "delete from t where b = 'x3'",
            "insert into k select 9, r, a from t where b = 'x2'",
        ],
    );
}

/// Two foreign keys say the same, of a partitioned table with triggers on its parts: each row follows once, and no trigger fires.
#[test]
fn a_row_that_refers_twice_follows_once() {
    check_postgres(
        &[
            "create table t (a integer primary key, b text)",
            NINE,
            "create table c (id integer, a integer references t on update cascade, n text) partition by list (a)",
            "create table c_low partition of c for values in (1, 2, 3)",
            "create table c_rest partition of c default",
            "alter table c add constraint twice foreign key (a) references t on update cascade",
            "insert into c values (1, 1, 'x'), (2, 3, 'x'), (3, 7, 'x')",
            "create table seen (n text)",
            "create function see() returns trigger language plpgsql as 'begin insert into seen values (new.n); return null; end'",
            "create trigger see after insert or update on c_low for each row execute function see()",
        ],
        &[
            "alter table c_low disable trigger see",
            "update t set a = -a",
            "update t set a = 10 + a",
            "alter table c_low enable trigger see",
        ],
        &[
            "update t set b = 'new' where b = 'r3'",
            "insert into c select 9, a, 'app' from t where b = 'r4'",
        ],
    );
}

#[test]
fn a_key_that_is_renamed_and_gets_another_type_is_followed() {
    check_postgres_in_words(
        &[
            "create table t (a integer primary key, b text)",
            "create table c (id integer primary key, a integer references t on update cascade on delete cascade)",
            NINE,
            "insert into c values (1, 1), (2, 2), (3, 3)",
        ],
        &[
            "alter table t rename column a to id",
            "alter table t rename to u",
            "update u set id = id * 10",
            "alter table u alter column id type bigint",
            "alter table u add column z integer default 5",
        ],
        &[
            (
                "update u set b = 'x' where b = 'r3'",
                "update t set b = 'x' where b = 'r3'",
            ),
            (
                "delete from u where b = 'r5'",
                "delete from t where b = 'r5'",
            ),
            (
                "insert into u values (99, 'app')",
                "insert into t values (99, 'app')",
            ),
            (
                "update u set id = 98 where b = 'r4'",
                "update t set a = 98 where b = 'r4'",
            ),
            (
                "insert into c values (50, 10)",
                "insert into c values (50, 1)",
            ),
        ],
    );
}

#[test]
fn triggers_and_an_identity_that_is_always_generated_do_not_stand_in_the_way() {
    check_postgres(
        &[
            "create table t (a integer generated always as identity primary key, b text)",
            "create function f() returns trigger language plpgsql as 'begin new.b := new.b || ''t''; return new; end'",
            "create trigger tr before insert or update on t for each row execute function f()",
            "insert into t (b) values ('r1'), ('r2'), ('r3')",
        ],
        &[
            "alter table t alter a set generated by default",
            "alter table t disable trigger tr",
            "update t set a = a + 50",
            "alter table t enable trigger tr",
        ],
        &[
            "update t set b = 'x' where b = 'r2t'",
            "delete from t where b = 'r1t'",
        ],
    );
}

#[test]
fn keys_that_statements_change_are_followed_though_the_table_is_written_anew_besides() {
    for forward in [
        &[
            "update t set a = a + 1000 where a <> 7",
            "alter table t add column c bigserial not null",
        ][..],
        &[
            "update t set a = a + 1000 where a <> 7",
            "alter table t alter column a type bigint",
            "delete from t where a = 1008",
            "insert into t values (9, 'own')",
        ],
        // Keys that the type of before does not hold.
        &[
            "alter table t alter column a type bigint",
            "update t set a = a + 100000 where a <> 7",
            "update t set a = a - 100003 where a = 100008",
        ],
        &[
            "alter table t alter column b type text using (b || 'u')",
            "update t set a = a + 100 where a <> 7",
        ],
    ] {
        check_postgres(
            &[
                "create table t (a smallint primary key, b text)",
                "insert into t values (6, 'r6'), (7, 'r7'), (8, 'r8')",
            ],
            forward,
            &[
                "update t set b = 'new' where b like 'r6%'",
                "update t set b = 'new7' where a = 7",
                "insert into t values (99, 'app')",
            ],
        );
    }
}

#[test]
fn a_wider_text_holds_keys_that_the_old_one_does_not() {
    check_postgres(
        &[
            "create table t (a varchar(3) primary key, b text)",
            "insert into t values ('one', 'r1'), ('two', 'r2')",
        ],
        &[
            "alter table t alter column a type text",
            "update t set a = 'number ' || a",
        ],
        &["update t set b = 'new' where b = 'r2'"],
    );
}

#[test]
fn keys_that_a_statement_and_a_change_of_the_schema_have_changed_are_not_mistaken() {
    check_postgres(
        &[
            "create table t (a integer primary key, b text)",
            "insert into t values (6, 'r6'), (7, 'r7'), (8, 'r8')",
        ],
        &[
            "update t set a = a + 100 where a = 6",
            "alter table t alter column a type bigint using (a + 1)",
        ],
        &["insert into t values (1, 'app')"],
    );
}

#[test]
fn what_referred_to_a_row_with_another_key_lets_go_of_it_when_that_is_deleted() {
    for (deleted, updated) in [
        ("set default", "set null"),
        ("set null", "set null"),
        ("set null", "cascade"),
        ("set default", "set default"),
    ] {
        let reference = format!(
            "create table t (a integer primary key, b text, c integer references t (a) on delete {deleted} on update {updated})"
        );
        let mut case = case_of(
            EngineKind::Sqlite,
            &[
                &reference,
                "insert into t values (3, 'r3', null), (4, 'r4', 3), (5, 'r5', 4)",
            ],
            &["update t set a = a + 1000"],
            &[
                ("delete from t where a = 1003", "delete from t where a = 3"),
                (
                    "update t set b = 'new' where a = 1005",
                    "update t set b = 'new' where a = 5",
                ),
            ],
        );
        case.enforced = true;
        let outcome = run_case(&sqlite_stage(), &case).expect("the file is there");
        let passed = Outcome::Passed {
            writes: 2,
            undone: 0,
        };
        assert_eq!(outcome, passed, "{case}");
    }
}

/// They are known by their text, and the key that they refer by is in it.
#[test]
fn rows_without_a_key_that_refer_to_rows_with_other_keys_are_the_same_rows() {
    let before = [
        "create table p (a integer primary key, b integer)",
        "create table c (n numeric(12,2), x text, p integer references p on update cascade)",
        "insert into p values (3, 1), (5, 2)",
        "insert into c values (1, 'x', 3), (2, 'y', 3), (2, 'y', 3), (2, 'y', 5), (7, 'n', null)",
    ];
    let writes = [
        (
            "update c set x = 'app' where n = 1",
            "update c set x = 'app' where n = 1",
        ),
        (
            "insert into c (n, x, p) values (4, 'z', 1003)",
            "insert into c (n, x, p) values (4, 'z', 3)",
        ),
        ("delete from c where p = 1005", "delete from c where p = 5"),
    ];
    for forward in [
        "update p set a = a + 1000",
        "update p set a = a + 1000; alter table c add column z integer default 0",
        "update p set a = a + 1000; alter table c alter n type numeric(30,8)",
        "alter table c alter n type numeric(30,8); update p set a = a + 1000",
        "update p set a = a + 1000; alter table c drop column n",
    ] {
        let forward: Vec<&str> = forward.split("; ").collect();
        check_postgres(&before, &forward, &[]);
        if forward.last() != Some(&"alter table c drop column n") {
            check_postgres_in_words(&before, &forward, &writes);
        }
    }
}
