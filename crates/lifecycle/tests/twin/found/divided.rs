//! Partitioned tables that a migration divides anew: rows of before are in parts that it made, and are written to there.

use super::{check_late, check_postgres, check_postgres_in_words, postgres_stage, run_late};
use tightrope_model::EngineKind;
use tightrope_testkit::servers;
use tightrope_testkit::twin::Outcome;

#[test]
fn a_part_that_is_split_gets_what_was_written_to_its_halves() {
    check_postgres(
        &[
            "create table t (a int primary key, b text) partition by range (a)",
            "create table t_low partition of t for values from (0) to (10)",
            "insert into t select i, 'r'||i from generate_series(0,9) i",
        ],
        &[
            "alter table t detach partition t_low",
            "create table t_1 partition of t for values from (0) to (5)",
            "create table t_2 partition of t for values from (5) to (20)",
            "insert into t select * from t_low",
            "drop table t_low",
        ],
        &[
            "update t set b = 'new' where a = 3",
            "delete from t where a = 4",
            "insert into t values (4, 'again')",
            "update t set a = 4 + 100 - 100, b = 'moved' where a = 4",
            "delete from t where a = 7",
        ],
    );
}

#[test]
fn the_same_of_a_table_that_is_renamed() {
    check_postgres_in_words(
        &[
            "create table t (a int primary key, b text) partition by range (a)",
            "create table t_low partition of t for values from (0) to (10)",
            "insert into t select i, 'r'||i from generate_series(0,9) i",
        ],
        &[
            "alter table t detach partition t_low",
            "create table t_1 partition of t for values from (0) to (5)",
            "create table t_2 partition of t for values from (5) to (20)",
            "insert into t select * from t_low",
            "drop table t_low",
            "alter table t rename to tt",
        ],
        &[
            (
                "update tt set b = 'new' where a = 3",
                "update t set b = 'new' where a = 3",
            ),
            ("delete from tt where a = 4", "delete from t where a = 4"),
            (
                "insert into tt values (4, 'again')",
                "insert into t values (4, 'again')",
            ),
            (
                "update tt set a = 4 + 100 - 100, b = 'moved' where a = 4",
                "update t set a = 4 + 100 - 100, b = 'moved' where a = 4",
            ),
            ("delete from tt where a = 7", "delete from t where a = 7"),
        ],
    );
}

#[test]
fn what_is_moved_out_of_a_default_part_comes_back_as_it_was_written() {
    check_postgres(
        &[
            "create table t (a int primary key, b text) partition by range (a)",
            "create table t_rest partition of t default",
            "insert into t select i, 'r'||i from generate_series(0,9) i",
        ],
        &[
            "alter table t detach partition t_rest",
            "create table t_1 partition of t for values from (0) to (5)",
            "insert into t select * from t_rest where a < 5",
            "delete from t_rest where a < 5",
            "alter table t attach partition t_rest default",
        ],
        &[
            "update t set b = 'new' where a = 3",
            "delete from t where a = 4",
            "insert into t values (4, 'again')",
            "update t set b = 'moved' where a = 4",
            "delete from t where a = 2",
            "insert into t values (-1, 'x'), (77, 'x')",
            "update t set b = 'moved' where a = 7",
        ],
    );
}

#[test]
fn a_part_that_stands_alone_gives_way_to_what_was_copied_out_of_it() {
    check_postgres(
        &[
            "create table t (a int primary key, b text) partition by range (a)",
            "create table t_rest partition of t default",
            "insert into t select i, 'r'||i from generate_series(0,9) i",
        ],
        &[
            "alter table t detach partition t_rest",
            "create table t_1 partition of t for values from (0) to (50)",
            "insert into t select * from t_rest",
        ],
        &[
            "update t set b = 'new' where a = 3",
            "delete from t where a = 4",
            "insert into t values (4, 'again')",
            "update t set b = 'moved' where a = 4",
            "delete from t where a = 2",
            "insert into t values (44, 44),(33,77)",
            "update t set b = 'moved' where a = 7",
        ],
    );
}

#[test]
fn parts_that_are_mixed_anew_and_have_other_columns() {
    check_postgres_in_words(
        &[
            "create table c (id int primary key, ref int, at int, n text)",
            "create table t (a int, r int, b text, c text default 'd', primary key (a, r)) partition by list (r)",
            "create table t_eu partition of t for values in (1,2)",
            "create table t_us partition of t for values in (3,4)",
            "create table t_rest partition of t default",
            "create index on t (b)",
            "insert into t select i, 1 + i % 6, 'r'||i from generate_series(0,29) i",
        ],
        &[
            "create table t_all (a int, r int, b text, c text default 'd', primary key (a, r))",
            "insert into t_all select * from t where r in (1,3)",
            "alter table t detach partition t_eu",
            "alter table t detach partition t_us",
            "alter table t rename column b to bb",
            "alter table t_all rename column b to bb",
            "alter table t attach partition t_all for values in (1,3)",
            "create table t_24 partition of t for values in (2,4)",
            "insert into t_24 select * from t_eu where r = 2",
            "insert into t_24 select * from t_us where r = 4",
            "drop table t_eu, t_us",
        ],
        &[
            (
                "update t set bb = 'new' where a in (0, 1, 2, 3, 4)",
                "update t set b = 'new' where a in (0, 1, 2, 3, 4)",
            ),
            (
                "update t set r = 3 where a = 6",
                "update t set r = 3 where a = 6",
            ),
            (
                "update t set r = 2, bb = 'to2' where a = 8",
                "update t set r = 2, b = 'to2' where a = 8",
            ),
            (
                "update t set r = 5, bb = 'to5' where a = 12",
                "update t set r = 5, b = 'to5' where a = 12",
            ),
            (
                "update t set r = 1, bb = 'from5' where a = 10",
                "update t set r = 1, b = 'from5' where a = 10",
            ),
            (
                "delete from t where a in (18, 19, 20, 21)",
                "delete from t where a in (18, 19, 20, 21)",
            ),
            (
                "insert into t (a, r, bb) values (18, 1, 'x'), (19, 2, 'y'), (20, 3, 'z'), (100, 9, 'w'), (101, 4, 'q')",
                "insert into t (a, r, b) values (18, 1, 'x'), (19, 2, 'y'), (20, 3, 'z'), (100, 9, 'w'), (101, 4, 'q')",
            ),
            (
                "update t set r = 4 where a = 19",
                "update t set r = 4 where a = 19",
            ),
        ],
    );
}

#[test]
fn two_parts_become_one_whose_rows_change_and_move() {
    check_postgres(
        &[
            "create table t (a int primary key, b text) partition by range (a)",
            "create table t_1 partition of t for values from (0) to (10)",
            "create table t_2 partition of t for values from (10) to (20)",
            "create table t_rest partition of t default",
            "insert into t select i, 'r'||i from generate_series(0,29) i",
        ],
        &[
            "create table t_m (like t including all)",
            "insert into t_m select * from t where a < 20",
            "alter table t detach partition t_1",
            "alter table t detach partition t_2",
            "drop table t_1",
            "drop table t_2",
            "alter table t attach partition t_m for values from (0) to (20)",
            "update t set b = b || '!' where a < 25",
        ],
        &[
            "update t set b = 'new' where a in (3, 13, 23)",
            "update t set a = 40 where a = 4",
            "update t set a = 4, b = 'was25' where a = 25",
            "update t set a = 41, b = 'x' where a = 14",
            "delete from t where a in (5, 15, 26)",
            "insert into t values (5, 'five'), (14, 'ft'), (50, 'ff')",
        ],
    );
}

#[test]
fn all_of_them_are_emptied() {
    check_postgres(
        &[
            "create table t (a int primary key, b text) partition by range (a)",
            "create table t_1 partition of t for values from (0) to (10)",
            "create table t_2 partition of t for values from (10) to (20)",
            "create table t_rest partition of t default",
            "insert into t select i, 'r'||i from generate_series(0,29) i",
        ],
        &[
            "create table t_m (like t including all)",
            "insert into t_m select * from t where a < 20",
            "alter table t detach partition t_1",
            "alter table t detach partition t_2",
            "drop table t_1",
            "drop table t_2",
            "alter table t attach partition t_m for values from (0) to (20)",
            "update t set b = b || '!' where a < 25",
        ],
        &[
            "truncate t",
            "update t set a = 40 where a = 4",
            "update t set a = 4, b = 'was25' where a = 25",
            "update t set a = 41, b = 'x' where a = 14",
            "delete from t where a in (5, 15, 26)",
            "insert into t values (5, 'five'), (14, 'ft'), (50, 'ff')",
        ],
    );
}

#[test]
fn a_row_with_a_key_of_another_is_no_other() {
    check_postgres(
        &[
            "create table t (a int primary key, b text) partition by range (a)",
            "create table t_1 partition of t for values from (0) to (10)",
            "create table t_2 partition of t for values from (10) to (20)",
            "create table t_rest partition of t default",
            "insert into t select i, 'r'||i from generate_series(0,29) i",
        ],
        &[
            "create table t_m (like t including all)",
            "insert into t_m select * from t where a < 20",
            "alter table t detach partition t_1",
            "alter table t detach partition t_2",
            "create table arch (like t_1)",
            "insert into arch select * from t_1",
            "drop table t_1",
            "drop table t_2",
            "alter table t attach partition t_m for values from (0) to (20)",
            "update t set b = b where a = 3",
            "delete from t where a = 7",
        ],
        &[
            "update t set b = 'new' where a in (3, 13, 23)",
            "update t set a = 40 where a = 4",
            "update t set a = 4, b = 'was25' where a = 25",
            "update t set a = 41, b = 'x' where a = 14",
            "delete from t where a in (5, 15, 26)",
            "insert into t values (5, 'five'), (14, 'ft'), (50, 'ff')",
        ],
    );
}

#[test]
fn hash_parts_are_split_and_lose_a_column() {
    check_postgres(
        &[
            "create table t (a int primary key, b text, n int) partition by hash (a)",
            "create table t_0 partition of t for values with (modulus 2, remainder 0)",
            "create table t_1 partition of t for values with (modulus 2, remainder 1)",
            "insert into t select i, 'r'||i, i from generate_series(0,19) i",
        ],
        &[
            "alter table t detach partition t_1",
            "create table t_1a partition of t for values with (modulus 4, remainder 1)",
            "create table t_1b partition of t for values with (modulus 4, remainder 3)",
            "insert into t select a, upper(b), n from t_1",
            "drop table t_1",
            "alter table t drop column n",
            "alter table t add column m int default 7",
        ],
        &[
            "update t set b = 'new' where a % 3 = 0",
            "delete from t where a % 5 = 4",
            "insert into t (a, b) select i, 'i' from generate_series(100, 110) i",
            "update t set a = a + 1000 where a in (1,2,3,101,102)",
        ],
    );
}

#[test]
fn parts_of_parts_with_generated_columns_and_parents() {
    check_postgres(
        &[
            "create table p (id int primary key)",
            "insert into p select generate_series(0, 5)",
            "create table t (a int, d date, b text, r int references p on delete cascade, g int generated always as (a * 2) stored, primary key (a, d)) partition by range (d)",
            "create table t_24 partition of t for values from ('2024-01-01') to ('2025-01-01') partition by range (a)",
            "create table t_24_a partition of t_24 for values from (0) to (10)",
            "create table t_24_b partition of t_24 default",
            "create table t_25 partition of t for values from ('2025-01-01') to ('2026-01-01')",
            "insert into t select i, '2024-01-01'::date + i * 20, 'r' || i, i % 6 from generate_series(0, 35) i",
            "create unique index on t (a, d, b)",
        ],
        &[
            "create table t_25h1 (like t_25 including all)",
            "create table t_25h2 (like t_25 including all)",
            "with m as (delete from t_25 where d < '2025-07-01' returning *) insert into t_25h1 (a, d, b, r) select a, d, b, r from m",
            "with m as (delete from t_25 returning *) insert into t_25h2 (a, d, b, r) select a, d, b, r from m",
            "drop table t_25",
            "alter table t attach partition t_25h1 for values from ('2025-01-01') to ('2025-07-01')",
            "alter table t attach partition t_25h2 for values from ('2025-07-01') to ('2026-01-01')",
            "alter table t_24 detach partition t_24_b",
            "create table t_24_c partition of t_24 for values from (10) to (1000)",
            "insert into t_24_c (a, d, b, r) select a, d, b, r from t_24_b",
            "drop table t_24_b",
        ],
        &[
            "update t set b = 'new' where a % 3 = 0",
            "delete from t where a % 7 = 4",
            "update t set d = d + 300 where a in (1, 2, 3, 12, 13)",
            "update t set d = d - 300 where a in (25, 26)",
            "insert into t (a, d, b, r) values (5, '2024-03-03', 'x', 3), (15, '2024-03-03', 'x', 3), (200, '2025-08-08', 'y', 1)",
            "delete from p where id = 5",
        ],
    );
}

#[test]
fn a_default_part_to_whose_rows_others_refer() {
    check_postgres(
        &[
            "create table t (a int primary key, b text) partition by range (a)",
            "create table t_rest partition of t default",
            "create table c (id int primary key, a int references t on delete cascade)",
            "insert into t select i, 'r'||i from generate_series(0,19) i",
            "insert into c select i, i from generate_series(0,19) i",
        ],
        &[
            "alter table c drop constraint c_a_fkey",
            "alter table t detach partition t_rest",
            "create table t_1 partition of t for values from (0) to (10)",
            "with m as (delete from t_rest where a < 10 returning *) insert into t select * from m",
            "alter table t attach partition t_rest default",
            "alter table c add constraint c_a_fkey foreign key (a) references t on delete cascade",
        ],
        &[
            "update t set b = 'x' where a in (3, 13)",
            "delete from t where a in (4,14)",
            "insert into t values (8000, 'x'), (-3, 'y')",
            "insert into c values (100, 3), (101, 8000)",
        ],
    );
}

/// Nobody can tell to which row of before it belongs: the rollback is refused, and nothing is lost.
#[test]
fn rows_without_a_key_that_are_written_in_a_new_part_are_not_lost_quietly() {
    for major in servers::postgres_majors() {
        let (case, outcome) = run_late(
            &postgres_stage(major),
            EngineKind::Postgres,
            (
                &[
                    "create table t (a int, b text) partition by range (a)",
                    "create table t_low partition of t for values from (0) to (10)",
                    "insert into t select i, 'r' || i from generate_series(0, 9) i",
                ],
                &[],
            ),
            &[
                "alter table t detach partition t_low",
                "create table t_1 partition of t for values from (0) to (20)",
                "insert into t select * from t_low",
                "drop table t_low",
            ],
            &[(
                "update t set b = 'new' where a = 3",
                "update t set b = 'new' where a = 3",
            )],
        );
        let Outcome::Failed(why) = outcome else {
            panic!("{case}");
        };
        assert!(why.contains("have no key"), "{why}");
    }
}

const LOW_AND_REST: [&str; 3] = [
    "create table t (a int primary key, b text, c text default 'c') partition by range (a)",
    "create table t_low partition of t for values from (0) to (10)",
    "create table t_rest partition of t default",
];
const TWENTY: &str = "insert into t select i, 'r' || i from generate_series(0, 19) i";
const WRITES: [&str; 9] = [
    "update t set b = 'new' where a in (3, 13)",
    "delete from t where a = 4",
    "insert into t (a, b) values (4, 'again'), (-1, 'other')",
    "update t set b = 'moved' where a = 4",
    "delete from t where a = 5",
    "update t set a = 106 where a = 6",
    "delete from t where a = 7",
    "update t set a = 7, b = 'was 17' where a = 17",
    "update t set a = 6, b = 'was 15' where a = 15",
];

/// The rows of a part that is detached go to a default part that was there: with all that may be done beside.
fn check_moved_to_the_default_part(writes: &[&str]) {
    let before = [LOW_AND_REST[0], LOW_AND_REST[1], LOW_AND_REST[2], TWENTY];
    for rest in [
        &["drop table t_low"][..],
        &["drop table t_low", "update t set b = b || '!'"],
        &[
            "drop table t_low",
            "alter table t drop column b, add column b text",
        ],
        &["update t set b = b || '!' where a % 2 = 0"],
        &["drop table t_low", "alter table t drop column c"],
        &["delete from t where a = 2", "drop table t_low"],
        &[],
    ] {
        let mut forward = vec![
            "alter table t detach partition t_low",
            "insert into t select * from t_low",
        ];
        forward.extend(rest);
        check_postgres(&before, &forward, writes);
    }
}

/// Twin seed 120482: no part is made, and what was written to the rows was lost.
#[test]
fn rows_that_went_to_a_default_part_that_was_there_come_back_as_they_were_written() {
    check_moved_to_the_default_part(&WRITES);
}

#[test]
fn the_same_of_a_table_that_is_emptied() {
    check_moved_to_the_default_part(&["truncate t", WRITES[2], WRITES[3]]);
}

#[test]
fn the_same_of_rows_that_are_all_deleted() {
    check_moved_to_the_default_part(&[WRITES[0], "delete from t where a <> 2", WRITES[2]]);
}

#[test]
fn the_same_of_a_part_whose_rows_are_deleted() {
    check_moved_to_the_default_part(&["delete from t where a < 10 and a <> 2"]);
}

#[test]
fn the_same_of_rows_that_came_after_the_rehearsal() {
    let writes: Vec<_> = WRITES.iter().map(|sql| (*sql, *sql)).collect();
    for major in servers::postgres_majors() {
        for last in ["drop table t_low", "update t_low set b = 'x'"] {
            check_late(
                &postgres_stage(major),
                EngineKind::Postgres,
                (&LOW_AND_REST, &[TWENTY]),
                &[
                    "alter table t detach partition t_low",
                    "insert into t select * from t_low",
                    last,
                ],
                &writes,
            );
        }
    }
}

#[test]
fn the_same_where_others_refer_to_the_rows() {
    check_postgres(
        &[
            LOW_AND_REST[0],
            LOW_AND_REST[1],
            LOW_AND_REST[2],
            TWENTY,
            "create table c (id int primary key, a int references t on delete cascade on update cascade)",
            "insert into c select i, i from generate_series(0, 19) i",
        ],
        &[
            "alter table c drop constraint c_a_fkey",
            "alter table t detach partition t_low",
            "insert into t select * from t_low",
            "drop table t_low",
            "alter table c add constraint c_a_fkey foreign key (a) references t on delete cascade on update cascade",
        ],
        &WRITES,
    );
}

#[test]
fn a_part_takes_another_with_its_rows() {
    check_postgres(
        &[
            "create table t (a int primary key, b text) partition by range (a)",
            "create table t_1 partition of t for values from (0) to (10)",
            "create table t_2 partition of t for values from (10) to (20)",
            "create table t_3 partition of t for values from (20) to (200)",
            TWENTY,
        ],
        &[
            "alter table t detach partition t_1",
            "alter table t detach partition t_2",
            "alter table t attach partition t_1 for values from (0) to (20)",
            "insert into t select a, b || '!' from t_2",
            "drop table t_2",
        ],
        &[
            "update t set b = 'new' where a in (3, 13)",
            "delete from t where a in (4, 14)",
            "insert into t values (4, 'again'), (100, 'other')",
            "update t set a = 14 where a = 100",
            "update t set a = 101 where a = 16",
            "update t set a = 16 where a = 6",
        ],
    );
}

/// Where rows have no key, the rollback is refused if those that moved were written; others may be.
#[test]
fn rows_without_a_key_that_moved_to_a_part_that_was_there_are_not_lost_quietly() {
    let before = [
        "create table t (a int, b text) partition by range (a)",
        LOW_AND_REST[1],
        LOW_AND_REST[2],
        TWENTY,
    ];
    let forward = [
        "alter table t detach partition t_low",
        "insert into t select * from t_low",
        "drop table t_low",
    ];
    check_postgres(
        &before,
        &forward,
        &[
            "update t set b = 'new' where a = 13",
            "delete from t where a = 14",
        ],
    );
    for write in [
        "update t set b = 'new' where a = 3",
        "delete from t where a = 3",
        "truncate t",
    ] {
        for major in servers::postgres_majors() {
            let stage = postgres_stage(major);
            let both = (&before[..], &[][..]);
            let (case, outcome) = run_late(
                &stage,
                EngineKind::Postgres,
                both,
                &forward,
                &[(write, write)],
            );
            let Outcome::Failed(why) = outcome else {
                panic!("{case}");
            };
            assert!(why.contains("have no key"), "{why}");
        }
    }
}

#[test]
fn a_table_by_hash_that_gets_other_parts_and_a_column_goes_back() {
    check_postgres(
        &[
            "create table t (a integer primary key, c text) partition by hash (a)",
            "create table t_0 partition of t for values with (modulus 2, remainder 0)",
            "create table t_1 partition of t for values with (modulus 2, remainder 1)",
            "insert into t select i, 'r' || i from generate_series(1, 20) i",
        ],
        &[
            "create table n (a integer primary key, c text, d integer default 5) partition by hash (a)",
            "create table n_0 partition of n for values with (modulus 3, remainder 0)",
            "create table n_1 partition of n for values with (modulus 3, remainder 1)",
            "create table n_2 partition of n for values with (modulus 3, remainder 2)",
            "insert into n select a, c from t",
            "drop table t",
            "alter table n rename to t",
        ],
        &[
            "insert into t (a, c) values (50, 'app')",
            "update t set c = 'new' where a = 3",
            "delete from t where a = 4",
        ],
    );
}
