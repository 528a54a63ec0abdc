//! Columns that go, change their type or their name.

use tightrope_model::Keep;

use crate::support::servers;
use crate::walk::Walk;

const PEOPLE: &str =
    "create table people (id int primary key, name text, age int, note varchar(20) default 'none');
insert into people select i, 'name ' || i, i, null from generate_series(1, 10) i;
";

#[test]
fn a_dropped_column_comes_back_under_the_rows_of_the_window() {
    for server in servers() {
        for rebuild in [
            None,
            Some((
                "people",
                "(id int primary key, name text, age int, note varchar(20) default 'none')",
            )),
        ] {
            let walk = Walk {
                setup: PEOPLE,
                forward: "alter table people drop column name;",
                writes: "update people set age = 100 where id = 1;
                    update people set id = 20 where id = 2;
                    delete from people where id = 3;
                    delete from people where id = 4;
                    insert into people (id, age) values (4, 1), (30, 2);
                    update people set id = 40 where id = 30;",
                undo: match rebuild {
                    None => "alter table people add name text;",
                    Some(_) => "",
                },
                keep: Some(Keep::Columns),
                rebuild,
                ..Walk::default()
            };
            let walked = walk.there_and_back(&server);
            let mut rows = walked.rows["people"].clone();
            let mut twin = walked.twin["people"].clone();
            if rebuild.is_none() {
                // Added again, the column stands last.
                let reorder = |row: &String| {
                    let mut parts: Vec<&str> = row.trim_matches(['(', ')']).split(',').collect();
                    let name = parts.remove(1);
                    parts.push(name);
                    format!("({})", parts.join(","))
                };
                twin = twin.iter().map(reorder).collect();
                twin.sort();
                rows.sort();
            }
            assert_eq!(rows, twin);
        }
    }
}

#[test]
fn what_a_written_script_computed_from_the_applications_values_stays() {
    for server in servers() {
        let walk = Walk {
            setup: "create table people (id int primary key, name text);
                insert into people values (1, 'Ann van  Bee'), (2, 'Cid Dee'), (3, 'Eve Eff'), (4, 'Gil Hay');",
            forward: "alter table people add first text, add last text;
                update people set first = split_part(name, ' ', 1), last = split_part(name, ' ', 2);
                alter table people drop name;",
            writes: "update people set last = 'Zed' where id = 2;
                insert into people (id, first, last) values (5, 'New', 'One');
                delete from people where id = 4;",
            twin_writes: Some(
                "update people set name = 'Cid Zed' where id = 2;
                insert into people values (5, 'New One');
                delete from people where id = 4;",
            ),
            undo: "alter table people add name text;
                update people set name = first || ' ' || last;
                alter table people drop first, drop last;",
            script: true,
            ..Walk::default()
        };
        walk.there_and_back(&server).like_twin();
    }
}

#[test]
fn a_value_that_the_application_wrote_comes_back_in_the_old_type() {
    for server in servers() {
        for keep in [Keep::Columns, Keep::Whole] {
            Walk {
                setup: "create table t (id int primary key, n numeric(10, 2), d date);
                    insert into t values (1, 1.50, '2024-01-02'), (2, 2.25, null), (3, 3.00, '2024-03-04');",
                forward: "alter table t alter n type int, alter d type timestamptz, alter id type bigint;",
                writes: "update t set n = 7 where id = 1;
                    update t set d = d where id = 3;
                    insert into t values (4, 9, '2024-05-06 00:00');",
                undo: "alter table t alter n type numeric(10, 2), alter d type date, alter id type int;",
                keep: Some(keep),
                ..Walk::default()
            }
            .there_and_back(&server)
            .like_twin();
        }
    }
}

#[test]
fn renamed_tables_and_columns_are_the_same_ones() {
    for server in servers() {
        Walk {
            setup: PEOPLE,
            forward: "alter table people rename to persons;
                alter table persons rename name to called;
                alter table persons rename id to number;
                update persons set called = upper(called), age = -age;",
            writes: "update persons set called = 'mine' where number = 1;
                update persons set number = 77 where number = 2;",
            twin_writes: Some(
                "update people set name = 'mine' where id = 1;
                update people set id = 77 where id = 2;",
            ),
            undo: "alter table persons rename number to id;
                alter table persons rename called to name;
                alter table persons rename to people;",
            ..Walk::default()
        }
        .there_and_back(&server)
        .like_twin();
    }
}
