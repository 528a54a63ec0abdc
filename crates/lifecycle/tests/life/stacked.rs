//! A migration on top of another whose window is open.

use tightrope_lifecycle::RollbackOptions;
use tightrope_testkit::phases::Case;

use crate::everywhere;

#[test]
fn a_script_may_drop_what_an_older_window_looks_at() {
    let first = Case {
        before: "create table t (id integer primary key, a text, b text); \
                 insert into t values (1, 'x', 'y'), (2, 'p', 'q');",
        forward: "update t set a = upper(a);",
        ..Case::default()
    };
    let second = Case {
        forward: "alter table t drop column b; update t set a = lower(a) || '!';",
        ..Case::default()
    };
    for phases in everywhere() {
        let desk = phases.desk(&first);
        let before = desk.state();
        desk.apply(true);
        desk.write("0002_second", &second);
        // Never rehearsed: its script is run once to see what it touches, and then again.
        desk.apply(true);
        let all = RollbackOptions {
            all: true,
            ..RollbackOptions::default()
        };
        desk.try_roll_back(&all).expect("both are rolled back");
        assert_eq!(desk.state(), before);
    }
}
