//! Parts of partitioned tables that come and go.

use super::{check_postgres, check_postgres_in_words};

const WHOLE: &str = "create table t (a integer, b text, c integer, constraint t_key primary key (a), constraint short check (length(b) < 9)) partition by range (a)";
const LOW: &str = "create table t_low partition of t for values from (0) to (10)";
const REST: &str = "create table t_rest partition of t default";
const ROWS: &str = "insert into t select i, 'b' || i, i % 3 from generate_series(1, 20) i";

#[test]
fn a_part_that_was_detached_is_attached_as_it_was() {
    check_postgres(
        &[
            WHOLE,
            LOW,
            REST,
            ROWS,
            "create index on t (b)",
            "create table p (k integer primary key)",
            "insert into p values (0), (1), (2)",
            "alter table t add constraint of_p foreign key (c) references p on delete cascade",
        ],
        &["alter table t detach partition t_low"],
        &[
            "insert into t values (30, 'new', 1)",
            "update t set b = 'q' where a = 15",
            "delete from t where a = 16",
        ],
    );
}

#[test]
fn a_part_that_was_dropped_is_made_and_attached_with_its_checks_and_keys() {
    check_postgres(
        &[WHOLE, LOW, REST, ROWS, "create index on t (b)"],
        &["alter table t detach partition t_low", "drop table t_low"],
        &["insert into t values (30, 'new', 1)"],
    );
    check_postgres(
        &[WHOLE, LOW, ROWS.replace("20", "9").as_str()],
        &["drop table t_low"],
        &[],
    );
}

#[test]
fn rows_that_went_to_the_default_part_meanwhile_move_to_the_part_that_is_back() {
    check_postgres(
        &[
            WHOLE,
            REST,
            LOW,
            "insert into t values (1, 'one', 1), (11, 'eleven', 1)",
        ],
        &["alter table t detach partition t_low"],
        &[
            "insert into t values (5, 'five', 1), (50, 'fifty', 1)",
            "update t set a = 6 where a = 11",
        ],
    );
    check_postgres(
        &[
            WHOLE,
            REST,
            LOW,
            "insert into t values (1, 'one', 1), (11, 'eleven', 1)",
        ],
        &["drop table t_low"],
        &["insert into t values (5, 'five', 1), (50, 'fifty', 1)"],
    );
}

#[test]
fn a_table_that_was_partitioned_has_what_was_written_into_its_parts() {
    let plain = [
        "create table t (a serial, b text, c integer, constraint t_key primary key (a))",
        "insert into t (b, c) select 'b' || i, i % 3 from generate_series(1, 20) i",
    ];
    let writes = [
        "insert into t values (5, 'five', 1) on conflict do nothing",
        "insert into t (b) values ('next')",
        "insert into t values (55, 'fifty', 1)",
        "update t set b = 'low' where a = 2",
        "update t set a = 3000 where a = 3",
        "delete from t where a = 15",
    ];
    check_postgres(
        &plain,
        &[
            "alter table t rename to t_old",
            "create table t (a integer default nextval('t_a_seq'), b text, c integer, primary key (a)) partition by range (a)",
            "alter sequence t_a_seq owned by t.a",
            "create table t_low partition of t for values from (0) to (10)",
            "create table t_rest partition of t default",
            "insert into t select * from t_old",
            "drop table t_old",
        ],
        &writes,
    );
    check_postgres(
        &plain,
        &[
            "alter table t rename to t_old",
            "alter table t_old rename constraint t_key to old_key",
            "create table t (a integer default nextval('t_a_seq') not null, b text, c integer, constraint t_key primary key (a)) \
             partition by range (a)",
            "alter table t attach partition t_old default",
            "create table t_high partition of t for values from (1000) to (9000)",
        ],
        &writes,
    );
}

#[test]
fn rows_of_a_part_that_was_made_go_where_they_would_have_gone_without_it() {
    check_postgres(
        &[
            "create table t (a integer primary key, b text, c integer references t on delete cascade) partition by range (a)",
            REST,
            "insert into t values (1, 'one', 1), (11, 'eleven', 1)",
            "create table seen (a integer)",
            "create function see() returns trigger language plpgsql as 'begin insert into seen values (new.a); return null; end'",
            "create trigger see after insert on t for each row execute function see()",
        ],
        &["create table t_high partition of t for values from (100) to (200)"],
        &[
            "insert into t values (150, 'high', 1), (2, 'two', 1)",
            "update t set a = 12 where a = 11",
            "update t set b = 'x' where a = 150",
        ],
    );
}

#[test]
fn a_part_that_the_migration_wrote_into_is_attached_when_its_rows_are_gone() {
    check_postgres(
        &[
            "create table t (a integer primary key, b text) partition by list (a)",
            "create table t_low partition of t for values in (1, 2, 3)",
            "create table t_rest partition of t default",
            "insert into t values (1, 'one'), (7, 'seven')",
        ],
        &[
            "alter table t detach partition t_low",
            "insert into t select * from t_low",
            "alter table t detach partition t_rest",
        ],
        &[
            "insert into t_rest values (9, 'nine')",
            "update t_low set b = 'q' where a = 1",
        ],
    );
    check_postgres(
        &[WHOLE, LOW, ROWS],
        &[
            "alter table t detach partition t_low",
            "update t_low set a = a + 100",
            "insert into t_low values (500, 'far', 1)",
        ],
        &["update t_low set b = 'q' where a = 101"],
    );
}

#[test]
fn a_column_with_a_sequence_goes_from_parts_that_stand_alone_before_it_goes_from_the_whole() {
    for detach in [
        "alter table t detach partition t_low",
        "alter table t detach partition t_rest",
    ] {
        check_postgres(
            &[WHOLE, LOW, REST, ROWS],
            &["alter table t add column n bigserial", detach],
            &[
                "insert into t_low (a, b) values (0, 'new')",
                "insert into t_rest (a, b) values (30, 'new')",
            ],
        );
    }
}

#[test]
fn rows_of_parts_that_refer_to_each_other_come_back() {
    check_postgres(
        &[
            "create table t (a integer primary key, b text, c integer constraint f references t on delete restrict on update cascade) \
             partition by hash (a)",
            "create table t_0 partition of t for values with (modulus 2, remainder 0)",
            "create table t_1 partition of t for values with (modulus 2, remainder 1)",
            "insert into t select i, 'b' || i, i from generate_series(1, 8) i",
            "update t set c = 9 - a",
        ],
        &["delete from t"],
        &["insert into t values (20, 'new', 20)"],
    );
}

/// Twin seed 100244: the rows of a new part stayed in the archive of what only the new schema has a place for, since the whole was looked for by
/// its new name.
#[test]
fn rows_of_a_new_part_go_back_to_the_default_part_of_a_table_that_was_renamed() {
    check_postgres_in_words(
        &[WHOLE, LOW, REST, ROWS],
        &[
            "create table t_high (like t including all)",
            "alter table t attach partition t_high for values from (50) to (60)",
            "alter table t rename to u",
        ],
        &[(
            "insert into u values (49, 'x', 1), (51, 'y', 1), (60, 'z', 2)",
            "insert into t values (49, 'x', 1), (51, 'y', 1), (60, 'z', 2)",
        )],
    );
}

#[test]
fn a_part_that_is_detached_when_a_column_has_gone_gets_it_back() {
    check_postgres(
        &[
            "create table t (a integer not null, b bigint, c smallint not null default 4, constraint k primary key (a), \
             constraint f foreign key (c) references t (a) on delete cascade) partition by range (a)",
            "create table t_1 partition of t for values from (4) to (105)",
            "alter table t_1 alter column c set default 5",
            "create table t_2 partition of t for values from (200) to (205)",
            "insert into t values (4, 2, 4), (5, 3, 4), (200, 7, 4), (201, 8, 200)",
        ],
        &[
            "alter table t drop column c",
            "alter table t detach partition t_1",
        ],
        &[
            "insert into t_1 (a, b) values (6, 7)",
            "delete from t_1 where a = 5",
            "update t_2 set b = 77 where a = 201",
        ],
    );
    check_postgres(
        &[
            "create table t (a integer, b integer, c text generated always as ('x' || b::text) stored, d integer default 3) \
             partition by range (a)",
            "create table m partition of t for values from (0) to (100) partition by range (a)",
            "create table m_1 partition of m for values from (0) to (10)",
            "create table m_2 partition of m default",
            "insert into t values (1, 2), (11, 3)",
        ],
        &[
            "alter table t drop column d",
            "alter table t drop column c",
            "alter table t detach partition m",
        ],
        &["insert into m (a, b) values (3, 3)"],
    );
}

#[test]
fn rows_of_a_part_that_is_detached_come_back_though_they_refer_to_one_another() {
    for rows in ["(1, 1), (2, 1), (3, 2)", "(1, 1), (11, 1), (2, 11)"] {
        let insert = format!("insert into t values {rows}");
        check_postgres(
            &[
                "create table t (a integer primary key, c integer references t on delete cascade on update cascade) partition by range (a)",
                "create table t_low partition of t for values from (0) to (10)",
                "create table t_high partition of t for values from (10) to (20)",
                &insert,
            ],
            &["delete from t", "alter table t detach partition t_low"],
            &["insert into t_low values (5, null)"],
        );
    }
}

#[test]
fn what_a_truncated_part_gets_from_another_is_not_mistaken_for_its_rows() {
    check_postgres(
        &[
            "create table t (a integer primary key, b text) partition by list (a)",
            "create table t_some partition of t for values in (1, 2, 3)",
            "create table t_rest partition of t default",
            "insert into t values (3, 'r3'), (6, 'r6')",
        ],
        &["truncate t_rest", "update t set a = a + 1000"],
        &["insert into t values (107, 'app7'), (108, 'app8')"],
    );
}

#[test]
fn a_part_that_is_made_again_has_the_checks_unvalidated_that_were() {
    check_postgres(
        &[
            "create table t (a integer primary key, b text) partition by range (a)",
            "create table t_rest partition of t default",
            "create table t_high partition of t for values from (100) to (200)",
            "alter table t add constraint c check (a <> 42) not valid",
            "insert into t values (1, 'r1'), (150, 'r')",
        ],
        &[
            "alter table t detach partition t_rest",
            "create table t_other partition of t default",
            "insert into t select * from t_rest",
            "drop table t_rest",
        ],
        &[
            "insert into t values (7, 'app')",
            "update t set b = 'x' where a = 1",
        ],
    );
}

#[test]
fn rows_go_home_to_a_part_whose_column_kept_its_type() {
    for using in ["b::text", "'is ' || b::text"] {
        let retype = format!("alter table t alter column b type text using {using}");
        check_postgres(
            &[
                "create table t (a integer primary key, b boolean not null, c text) partition by range (a)",
                "create table t_rest partition of t default",
                "create table t_high partition of t for values from (100) to (200)",
                "insert into t values (1, true, 'r1'), (150, false, 'r'), (151, true, 's')",
            ],
            &[
                "alter table t detach partition t_high",
                "insert into t select * from t_high",
                &retype,
            ],
            &[
                "update t set c = 'x' where a = 150",
                "delete from t where a = 151",
            ],
        );
    }
}

#[test]
fn a_table_that_became_a_part_has_its_own_columns_again() {
    check_postgres_in_words(
        &[
            "create table t (a integer primary key, c text not null) partition by range (a)",
            "create table t_1 partition of t for values from (0) to (10)",
            "create table o (id integer primary key, c text not null)",
            "insert into t values (1, 'x')",
            "insert into o values (25, 'o'), (26, 'p')",
        ],
        &[
            "alter table o rename column id to a",
            "alter table t attach partition o for values from (20) to (30)",
            "alter table t add column d integer default 7",
            "update t set d = a",
        ],
        &[
            (
                "insert into o (a, c) values (27, 'app')",
                "insert into o values (27, 'app')",
            ),
            (
                "insert into t (a, c) values (5, 'app')",
                "insert into t values (5, 'app')",
            ),
            (
                "update t set c = 'n' where a = 25",
                "update o set c = 'n' where id = 25",
            ),
            ("delete from t where a = 26", "delete from o where id = 26"),
        ],
    );
}

#[test]
fn what_the_migration_put_into_a_part_that_it_then_made_anew_goes() {
    let before = [
        "create table t (a integer primary key, b text) partition by list (a)",
        "create table t_d partition of t default",
        "insert into t values (7, 'x'), (9, 'z')",
    ];
    let forward = [
        "insert into t values (50, 'own'), (51, 'own')",
        "alter table t detach partition t_d",
        "create table t_n partition of t default",
        "insert into t select * from t_d",
        "drop table t_d",
    ];
    let writes = [
        "insert into t values (8, 'app')",
        "update t set b = 'app' where a = 7",
        "delete from t where a = 9",
    ];
    check_postgres(&before, &forward, &[]);
    check_postgres(&before[..2], &forward, &writes[..1]);
    check_postgres(&before, &forward, &writes);
}

#[test]
fn a_row_that_was_copied_out_of_a_part_has_the_values_of_a_column_that_only_the_part_has_still() {
    let before = [
        "create table t (a integer primary key, b integer not null, c integer generated always as (b * 2) stored, d text) \
         partition by range (a)",
        "create table t_0 partition of t for values from (minvalue) to (4)",
        "create table t_d partition of t default",
        "insert into t (a, b, d) values (2, 20, 'x'), (3, 30, 'y'), (7, 70, 'z')",
    ];
    let forward = [
        "alter table t detach partition t_0",
        "insert into t (a, b, d) select a, b, d from t_0",
        "alter table t drop column b cascade",
    ];
    check_postgres(&before, &forward, &[]);
    check_postgres(&before, &forward, &["update t set d = 'app' where a = 2"]);
}

#[test]
fn rows_in_a_default_part_that_is_built_anew_move_to_the_part_that_is_back() {
    for (kind, wider, value) in [("varchar(40)", "text", "'app'"), ("integer", "bigint", "7")] {
        let table = format!(
            "create table t (a integer primary key, b {kind} not null) partition by range (a)"
        );
        check_postgres(
            &[
                &table,
                "create table t_1 partition of t for values from (4) to (105)",
                "create table t_2 partition of t default",
            ],
            &[
                "alter table t detach partition t_1",
                &format!("alter table t alter column b type {wider}"),
            ],
            &[&format!(
                "insert into t values (101, {value}), (200, {value})"
            )],
        );
    }
}
