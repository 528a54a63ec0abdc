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
