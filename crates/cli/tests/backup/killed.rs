//! Killed at every edge: no half ever looks whole, and the next command starts cleanly.

use std::fs;

use crate::on_both_engines;
use crate::stage::{Stage, overwriting};
use crate::stopped::killed_at;

on_both_engines!(
    a_backup_killed_at_every_edge,
    a_restore_killed_at_every_edge,
    an_overwriting_restore_killed_at_every_edge,
);

/// More edges than any run here has.
const MOST_EDGES: usize = 60;

/// Names in the place that are no backups.
fn remains(stage: &Stage) -> Vec<String> {
    let Ok(entries) = fs::read_dir(stage.path("backups")) else {
        return Vec::new();
    };
    let names = entries
        .flatten()
        .map(|entry| entry.file_name().into_string().unwrap());
    names.filter(|name| name.starts_with('.')).collect()
}

fn a_backup_killed_at_every_edge(stage: &Stage) {
    // With tightrope's tables there, so that the record is killed, too.
    stage.add_migration();
    stage.run(&["apply", "--yes"], 0);
    let arguments = ["backup", "--to", "backups", "--prove"];
    for edge in 1..MOST_EDGES {
        let _ = fs::remove_dir_all(stage.path("backups"));
        if !killed_at(&mut stage.command(&arguments), edge) {
            assert!(edge > 12, "only {} edges were seen", edge - 1);
            return;
        }
        let listed = stage.listed();
        assert!(
            listed.is_empty() || listed == ["unproven"] || listed == ["proven"],
            "after edge {edge}: {listed:?}"
        );
        if !listed.is_empty() {
            stage.run(&["backup", "prove", "--to", "backups"], 0);
        }
        stage.run(&arguments, 0);
        assert!(remains(stage).is_empty(), "after edge {edge}");
        assert_eq!(stage.listed().len(), listed.len() + 1, "after edge {edge}");
    }
    panic!("more than {MOST_EDGES} edges");
}

fn a_restore_killed_at_every_edge(stage: &Stage) {
    stage.backup();
    let state = stage.state();
    for edge in 1..MOST_EDGES {
        let new = stage.beside(&format!("restored{edge}"));
        let arguments = ["restore", "--to", "backups", "--into", &new];
        if !killed_at(&mut stage.command(&arguments), edge) {
            assert!(edge > 4, "only {} edges were seen", edge - 1);
            return;
        }
        match stage.state_of(&new) {
            Some(found) => assert_eq!(found, state, "after edge {edge}"),
            None => {
                stage.run(&arguments, 0);
                assert_eq!(stage.state_of(&new).unwrap(), state, "after edge {edge}");
            }
        }
    }
    panic!("more than {MOST_EDGES} edges");
}

fn an_overwriting_restore_killed_at_every_edge(stage: &Stage) {
    let before = stage.state();
    stage.backup();
    let name = stage.name();
    let arguments = overwriting(&stage.url, &name);
    for edge in 1..MOST_EDGES {
        stage.sql("delete from orders where id > 5");
        let changed = stage.state();
        if !killed_at(&mut stage.command(&arguments), edge) {
            assert!(edge > 4, "only {} edges were seen", edge - 1);
            assert_eq!(stage.state(), before);
            return;
        }
        let found = stage.state();
        assert!(
            found == before || found == changed,
            "after edge {edge}: neither"
        );
        stage.run(&arguments, 0);
        assert_eq!(stage.state(), before, "after edge {edge}");
    }
    panic!("more than {MOST_EDGES} edges");
}
