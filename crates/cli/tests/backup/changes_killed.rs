//! The change log, killed at every edge of beginning it, carrying it out and replaying it.

use crate::on_both_engines;
use crate::stage::{Stage, overwriting};
use crate::stopped::killed_at;

on_both_engines!(
    a_logged_backup_killed_at_every_edge,
    carrying_killed_at_every_edge,
    a_replay_killed_at_every_edge,
);

/// More edges than any run here has.
const MOST_EDGES: usize = 60;

const TAKE: [&str; 4] = ["backup", "--to", "backups", "--with-changes"];
const CARRY: [&str; 4] = ["backup", "carry", "--to", "backups"];

/// The tables of change logs that are in the database, their triggers among them.
fn remains(stage: &Stage) -> String {
    stage.one(match stage.is_sqlite() {
        true => {
            "select cast(count(*) as text) from sqlite_schema where type = 'trigger' and name like 'tightrope_changes_%_insert'"
        }
        false => {
            "select count(*)::text from pg_trigger where tgname ~ '^!tightrope_changes_[0-9]+(_of_[0-9]+)?$'"
        }
    })
}

fn a_logged_backup_killed_at_every_edge(stage: &Stage) {
    for edge in 1..MOST_EDGES {
        if !killed_at(&mut stage.command(&TAKE), edge) {
            assert!(edge > 10, "only {} edges were seen", edge - 1);
            return;
        }
        stage.sql(&format!(
            "update customers set name = 'edge {edge}' where id = 1"
        ));
        stage.run(&TAKE, 0);
        // One log alone goes on: what the dead one has begun costs nobody anything.
        assert_eq!(remains(stage), "2", "after edge {edge}");
        if edge % 4 != 1 {
            continue;
        }
        stage.sql(&format!(
            "update customers set name = 'later {edge}' where id = 1"
        ));
        let now = stage.state();
        let new = stage.beside(&format!("restored{edge}"));
        stage.run(
            &["restore", "--to", "backups", "--replay", "--into", &new],
            0,
        );
        assert_eq!(stage.state_of(&new).unwrap(), now, "after edge {edge}");
    }
    panic!("more than {MOST_EDGES} edges");
}

fn carrying_killed_at_every_edge(stage: &Stage) {
    stage.run(&TAKE, 0);
    for edge in 1..MOST_EDGES {
        stage.sql(&format!(
            "update customers set name = 'edge {edge}' where id < 3; insert into customers values ({}, 'x')",
            1000 + edge
        ));
        let killed = killed_at(&mut stage.command(&CARRY), edge);
        stage.sql(&format!(
            "update customers set name = 'later {edge}' where id = 3"
        ));
        stage.run(&CARRY, 0);
        let now = stage.state();
        let new = stage.beside(&format!("restored{edge}"));
        stage.run(
            &["restore", "--to", "backups", "--replay", "--into", &new],
            0,
        );
        assert_eq!(stage.state_of(&new).unwrap(), now, "after edge {edge}");
        if !killed {
            assert!(edge > 3, "only {} edges were seen", edge - 1);
            return;
        }
    }
    panic!("more than {MOST_EDGES} edges");
}

fn a_replay_killed_at_every_edge(stage: &Stage) {
    stage.run(&TAKE, 0);
    stage.sql("update customers set name = 'since' where id < 9");
    stage.run(&CARRY, 0);
    stage.sql("delete from orders where id > 2000");
    let wanted = stage.state();
    stage.sql("drop view big; drop table orders");
    let damaged = stage.state();
    let name = stage.name();
    let arguments = [&overwriting(&stage.url, &name)[..], &["--replay"]].concat();
    let mut finished = false;
    for edge in 1..MOST_EDGES {
        if !killed_at(&mut stage.command(&arguments), edge) {
            assert!(edge > 10, "only {} edges were seen", edge - 1);
            finished = true;
        }
        let found = stage.state();
        if found.1 == wanted.1 {
            assert_eq!(found.0.logical, wanted.0.logical);
            break;
        }
        assert_eq!(found, damaged, "after edge {edge}");
        assert!(!finished, "the restore has ended without an effect");
    }
    assert_eq!(stage.state().1, wanted.1);
}
