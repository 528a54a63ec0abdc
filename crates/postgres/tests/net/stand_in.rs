//! Kept rows that can take the place of their table, and when they may not.

use tightrope_engine::Window;
use tightrope_inverse::StandIn;
use tightrope_model::{Keep, TableName};

use crate::support::{run, servers, session, url};
use crate::walk::Walk;

const TABLE: &str = "create table t (a int primary key, b text, c int);
insert into t select i, 'b' || i, i from generate_series(1, 40) i;
";

/// What could take the place of `t` after a migration and these writes.
fn stand_ins(setup: &str, writes: &str) -> Vec<Option<StandIn>> {
    let walk = Walk {
        setup,
        forward: "alter table t drop column c;",
        keep: Some(Keep::Columns),
        ..Walk::default()
    };
    let of = |server| {
        let mut there = walk.migrate(server);
        run(session(&url(&there.database)).as_mut(), writes);
        let (session, kept) = (there.session.as_mut(), &there.kept);
        let window = Window {
            before: &there.before,
            after: &there.after,
            fill: &walk.fill,
        };
        session.begin().unwrap();
        let net = session.net().unwrap();
        net.close_window(kept).unwrap();
        net.take_out(kept, &window).unwrap();
        let mut sources = net.sources(kept, &window).unwrap();
        let source = sources.tables.remove(&TableName::new("public", "t"));
        source.and_then(|source| source.stand_in)
    };
    servers().iter().map(of).collect()
}

fn stands_in(setup: &str, writes: &str) -> bool {
    let all = stand_ins(setup, writes);
    assert!(
        all.windows(2)
            .all(|two| two[0].is_some() == two[1].is_some())
    );
    all.iter().all(Option::is_some)
}

#[test]
fn a_plain_table_gets_its_rows_back_whole() {
    for stand_in in stand_ins(TABLE, "").into_iter().flatten() {
        assert!(stand_in.changes.is_empty());
    }
    assert!(stands_in(TABLE, ""));
    assert!(stands_in(
        TABLE,
        "update t set b = 'x' where a < 4; delete from t where a = 9; insert into t values (50, 'y');
        update t set a = 51 where a = 10"
    ));
}

#[test]
fn what_was_written_past_the_log_keeps_the_table() {
    for past in [
        "update t set b = 'x' where a = 1",
        "delete from t where a = 1",
        "insert into t values (50, 'y')",
        "delete from t where a = 1; insert into t values (50, 'y')",
    ] {
        let writes = format!(
            "update t set b = 'logged' where a = 2; alter table t disable trigger all; {past}"
        );
        assert!(!stands_in(TABLE, &writes), "{past}");
    }
}

#[test]
fn a_table_that_was_truncated_or_mostly_written_is_built_anew() {
    assert!(!stands_in(TABLE, "truncate t"));
    assert!(!stands_in(TABLE, "update t set b = 'x' where a < 25"));
}

#[test]
fn a_table_that_is_more_than_its_rows_is_built_anew() {
    for (what, with) in [
        ("c int)", "c int, d int generated always as (a + 1) stored)"),
        ("c int)", "c int) with (fillfactor = 50)"),
        ("create table", "create unlogged table"),
        ("b text", "b word"),
    ] {
        let setup = format!(
            "create domain word as text; {}",
            TABLE
                .replacen(what, with, 1)
                .replace("insert into t ", "insert into t (a, b, c) ")
        );
        let only_stored_otherwise = with.contains("fillfactor");
        assert_eq!(stands_in(&setup, ""), only_stored_otherwise, "{with}");
    }
}

#[test]
fn a_column_that_is_hidden_for_an_older_migration_is_not_left_behind() {
    let hidden =
        format!("{TABLE} alter table t add column tightrope_hidden_1 text default 'kept';");
    assert!(!stands_in(&hidden, ""));
}
