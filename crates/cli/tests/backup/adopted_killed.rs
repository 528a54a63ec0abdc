//! Adopting and proving what another system keeps, killed at every edge: nothing half adopted counts, and what was restored is removed.

use std::fs;

use crate::on_both_engines;
use crate::other_system::OtherSystem;
use crate::stage::Stage;
use crate::stopped::killed_at;

on_both_engines!(
    an_adoption_killed_at_every_edge,
    the_proof_of_an_adopted_backup_killed_at_every_edge,
    what_is_restored_for_one_that_died_is_left_alone_until_that_is_done,
);

/// More edges than any run here has.
const MOST_EDGES: usize = 40;

fn an_adoption_killed_at_every_edge(stage: &Stage) {
    let system = OtherSystem::new(stage);
    // With tightrope's tables there, so that the record is killed, too.
    stage.add_migration();
    system.run("apply --yes", 0);
    system.take("b1");
    for edge in 1..MOST_EDGES {
        let _ = fs::remove_dir_all(stage.path("backups"));
        let arguments = ["backup", "adopt", "--target", "shop"];
        if !killed_at(&mut stage.command(&arguments), edge) {
            assert!(edge > 5, "only {} edges were seen", edge - 1);
            return;
        }
        if stage.path("backups").exists() {
            let listed = system.listed();
            assert!(
                listed.is_empty() || listed == ["unproven"],
                "after edge {edge}: {listed:?}"
            );
        }
        system.run("backup adopt --prove", 0);
        assert_eq!(system.listed(), ["proven"], "after edge {edge}");
    }
    panic!("more than {MOST_EDGES} edges");
}

fn the_proof_of_an_adopted_backup_killed_at_every_edge(stage: &Stage) {
    let system = OtherSystem::new(stage);
    system.take("b1");
    system.run("backup adopt", 0);
    for edge in 1..MOST_EDGES {
        let arguments = ["backup", "prove", "--target", "shop"];
        if !killed_at(&mut stage.command(&arguments), edge) {
            assert!(edge > 6, "only {} edges were seen", edge - 1);
            return;
        }
        let listed = system.listed();
        assert!(
            listed == ["unproven"] || listed == ["proven"],
            "after edge {edge}: {listed:?}"
        );
        // The next command that has to do with that system removes what was left.
        system.run("backup adopt", 0);
        assert_eq!(system.left(), Vec::<String>::new(), "after edge {edge}");
    }
    panic!("more than {MOST_EDGES} edges");
}

fn what_is_restored_for_one_that_died_is_left_alone_until_that_is_done(stage: &Stage) {
    let system = OtherSystem::new(stage);
    system.take("b1");
    system.run("backup adopt", 0);
    let well = fs::read_to_string(stage.path("restore")).unwrap();
    system.script(
        "restore",
        "touch begun\nwhile ! [ -e go-on ]; do sleep 0.05; done\ntouch ended",
    );
    let mut proving = stage
        .command(&["backup", "prove", "--target", "shop"])
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let wait_for = |file: &str| {
        while !stage.path(file).exists() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    };
    wait_for("begun");
    proving.kill().unwrap();
    proving.wait().unwrap();
    // Its command restores still, and nobody may remove what it is at work on.
    stage.write("restore", &well);
    system.run("backup prove", 0);
    assert_eq!(system.removed().len(), 1);
    stage.write("go-on", "");
    wait_for("ended");
    // Its lock goes with it, an instant later.
    while system.removed().len() < 2 {
        system.run("backup adopt", 0);
    }
    assert_eq!(system.left(), Vec::<String>::new());
}
