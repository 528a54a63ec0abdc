//! Nothing takes time by the square of the rows.

use crate::walk::Walk;

/// How many rows: enough that a scan for each row would not end.
const ROWS: &str =
    "with recursive n(i) as (select 1 union all select i + 1 from n where i < 10000)";

#[test]
fn many_rows_there_and_back() {
    for key in ["integer primary key", "text not null primary key", "text"] {
        let setup = format!(
            "create table t (id {key}, a text unique, b); {ROWS} insert into t select i, 'a' || i, i from n;"
        );
        let writes = format!(
            "{ROWS} update t set b = 'mine' where id in (select i from n where i % 50 = 0); delete from t where b = 33;
             insert into t (id, a, b) values (70001, 'new', 1)"
        );
        for forward in [
            "update t set b = b * 2",
            "update t set b = b * 2; alter table t drop column b; alter table t add column b",
        ] {
            let walk = Walk {
                setup: &setup,
                forward,
                writes: &writes,
                twin_writes: Some(&writes),
                ..Walk::default()
            };
            walk.there_and_back();
        }
    }
}
