//! Rows that move from one part of a partitioned table to another in the window.

use tightrope_testkit::servers;

use super::{check_postgres, check_postgres_of};

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
                "create table w (b integer primary key, c integer references t on update set null)",
                "create table v (b integer primary key, c integer references t on update cascade on delete cascade)",
                "insert into t values (1), (2), (3), (4)",
                "insert into u values (1, 1), (2, 2), (3, 3)",
                "insert into w values (1, 1), (2, 2)",
                "insert into v values (1, 1), (3, 3), (4, 4)",
            ],
            &[
                "delete from u",
                "delete from w where b = 1",
                "delete from v where b <> 3",
                "update v set c = 2",
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
