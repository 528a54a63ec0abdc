//! The change log of a backup in a bucket, and of an encrypted one: carried out, cut off, killed, replayed.

use std::fs;
use std::path::Path;

use tightrope_testkit::servers::s3;

use crate::on_both_engines;
use crate::shop::{Shop, make_large};
use crate::stage::{Stage, assert_says};
use crate::stopped::killed_at;

on_both_engines!(
    a_log_beside_a_backup_in_a_bucket_is_carried_and_replayed,
    a_segment_whose_connection_breaks_off_is_carried_by_the_next,
    no_row_of_a_log_lies_in_the_clear_in_an_encrypted_folder,
);

const KEY: &str = "TIGHTROPE_BACKUP_ENCRYPTION_KEY";
const LOGGED: [&str; 2] = ["backup", "--with-changes"];
const CARRY: [&str; 2] = ["backup", "carry"];

/// Replays into a new database, and requires every row as it is now.
#[track_caller]
fn replays(shop: &Shop<'_>, suffix: &str) {
    let new = shop.stage.beside(suffix);
    shop.run(&["restore", "--yes", "--replay", "--into", &new], 0);
    assert_eq!(shop.stage.state_of(&new).unwrap(), shop.stage.state());
}

/// The segments that are in the bucket, and their records.
fn segments(shop: &Shop<'_>) -> (usize, usize) {
    let objects = shop.objects();
    let of = |end: &str| {
        let ours = |path: &&String| path.contains("/changes/0") && path.ends_with(end);
        objects.iter().filter(ours).count()
    };
    (of(".changes"), of(".json"))
}

fn a_log_beside_a_backup_in_a_bucket_is_carried_and_replayed(stage: &Stage) {
    let shop = Shop::new(stage);
    shop.run(&LOGGED, 0);
    stage.sql("update customers set name = 'first' where id = 1; delete from orders where id = 7");
    let carried = shop.run(&["backup", "carry", "--json"], 0).json();
    assert_eq!(carried["changes"], 2);
    stage.sql("update customers set name = 'second' where id = 2");
    shop.run(&CARRY, 0);
    assert_eq!(segments(&shop), (2, 2));
    stage.sql("insert into customers values (9000, 'not carried yet')");
    replays(&shop, "restored");
    let listed = shop.run(&["backup", "list", "--json"], 3).json();
    assert_eq!(listed["backups"][0]["log"]["carried"], 4);
    // A segment that was changed is damage, and nothing is restored.
    let objects = shop.objects();
    let is_file = |path: &&String| path.ends_with(".changes");
    shop.bucket
        .write(objects.iter().find(is_file).unwrap(), b"{}".to_vec())
        .unwrap();
    let new = stage.beside("damaged");
    let outcome = shop.run(&["restore", "--yes", "--replay", "--into", &new], 4);
    assert_says(&outcome.stderr, "are not what they were");
    assert!(stage.state_of(&new).is_none());
    assert!(shop.left_here().is_empty(), "{:?}", shop.left_here());
}

fn a_segment_whose_connection_breaks_off_is_carried_by_the_next(stage: &Stage) {
    make_large(stage);
    let shop = Shop::new(stage);
    shop.run(&LOGGED, 0);
    // It goes up in two parts or more, and the connection is lost in the middle of them.
    stage.sql("insert into blobs select id + 1000, bytes from blobs where id <= 100");
    shop.way.die_after_sending(4 << 20);
    shop.run(&CARRY, 6);
    shop.way.heal();
    assert_eq!(segments(&shop), (0, 0), "a half segment is none");
    assert!(shop.left_here().is_empty(), "{:?}", shop.left_here());
    stage.sql("delete from blobs where id = 1001");
    // A connection that is lost once is taken up again, on the way there and back.
    shop.way.cut_once_after_sending(4 << 20);
    let carried = shop.run(&["backup", "carry", "--json"], 0).json();
    assert_eq!((shop.way.cuts(), &carried["changes"]), (2, &101.into()));
    assert!(carried["bytes"].as_u64().unwrap() > 8 << 20);
    assert_eq!(segments(&shop), (1, 1));
    shop.way.cut_once_after_receiving(2 << 20);
    replays(&shop, "restored");
    assert_eq!(shop.way.cuts(), 3);
    assert!(shop.left_here().is_empty(), "{:?}", shop.left_here());
}

/// All files below a folder that have a row's text in them, and how many there are.
fn in_the_clear(folder: &Path, needle: &str) -> (Vec<String>, usize) {
    let (mut found, mut count) = (Vec::new(), 0);
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            let (below, files) = in_the_clear(&path, needle);
            (found, count) = ([found, below].concat(), count + files);
            continue;
        }
        count += 1;
        let bytes = fs::read(&path).unwrap();
        if bytes
            .windows(needle.len())
            .any(|window| window == needle.as_bytes())
        {
            found.push(path.display().to_string());
        }
    }
    (found, count)
}

fn no_row_of_a_log_lies_in_the_clear_in_an_encrypted_folder(stage: &Stage) {
    let caches = stage.path("caches");
    let run = |arguments: &[&str], key: Option<&str>, code: i32| {
        let arguments = [arguments, &["--to", "backups"]].concat();
        let command = stage.tightrope(&arguments).env("XDG_CACHE_HOME", &caches);
        let command = key
            .into_iter()
            .fold(command, |command, key| command.env(KEY, key));
        command.run().expect_code(code)
    };
    run(&LOGGED, Some("right"), 0);
    stage.sql("update customers set name = 'a telling name' where id = 1");
    // Without the key nothing is carried, instead of in the clear.
    assert_says(&run(&CARRY, None, 4).stderr, "no key is configured");
    assert_says(
        &run(&CARRY, Some("wrong"), 4).stderr,
        "the key that is configured is",
    );
    run(&CARRY, Some("right"), 0);
    let (clear, files) = in_the_clear(&stage.path("backups"), "a telling name");
    assert_eq!(clear, [""; 0]);
    assert!(files > 4, "{files} files");
    // It is the segment that was looked into.
    let new = stage.beside("restored");
    let replay = ["restore", "--yes", "--replay", "--into", &new];
    run(&replay, None, 4);
    assert!(stage.state_of(&new).is_none());
    run(&replay, Some("right"), 0);
    assert_eq!(stage.state_of(&new).unwrap(), stage.state());
    assert_eq!(in_the_clear(&caches, "a telling name"), (Vec::new(), 0));
}

#[test]
fn an_encrypted_log_killed_at_every_edge_of_carrying_it_into_a_bucket() {
    const MOST_EDGES: usize = 40;
    let stage = Stage::sqlite();
    let shop = Shop::new(&stage);
    let run = |arguments: &[&str]| {
        let command = shop.tightrope(arguments).env(KEY, "long and random");
        command.run().expect_code(0);
    };
    run(&LOGGED);
    for edge in 1..MOST_EDGES {
        stage.sql(&format!(
            "update customers set name = 'edge {edge}' where id < 3"
        ));
        let was_killed = killed_at(shop.command(&CARRY).env(KEY, "long and random"), edge);
        stage.sql(&format!(
            "update customers set name = 'later {edge}' where id = 3"
        ));
        run(&CARRY);
        let new = stage.beside(&format!("restored{edge}"));
        run(&["restore", "--yes", "--replay", "--into", &new]);
        assert_eq!(
            stage.state_of(&new).unwrap(),
            stage.state(),
            "after edge {edge}"
        );
        assert!(
            shop.left_here().is_empty(),
            "after edge {edge}: {:?}",
            shop.left_here()
        );
        if !was_killed {
            assert!(edge > 3, "only {} edges were seen", edge - 1);
            return;
        }
    }
    panic!("more than {MOST_EDGES} edges");
}

#[test]
fn the_log_of_a_backup_whose_upload_broke_off_goes_on_with_it() {
    let stage = &Stage::sqlite();
    make_large(stage);
    let shop = Shop::new(stage);
    shop.way.die_after_sending(22 << 20);
    shop.run(&LOGGED, 6);
    shop.way.heal();
    stage.sql("update customers set name = 'meanwhile' where id = 1");
    let resumed = shop.run(&["backup", "--with-changes", "--json"], 0).json();
    assert_eq!(resumed["resumed"], true);
    replays(&shop, "restored");
}

#[test]
fn of_two_machines_that_carry_at_once_one_is_refused_and_nothing_is_lost() {
    let stage = &Stage::sqlite();
    make_large(stage);
    let shop = Shop::new(stage);
    shop.run(&LOGGED, 0);
    stage.sql("insert into blobs select id + 1000, bytes from blobs where id <= 100");
    shop.way.stall_after_sending(4 << 20);
    let slow = shop.tightrope(&CARRY).spawn();
    assert!(shop.way.wait_until_stalled());
    // The other machine has its own folder for what is on its way, and its own way into the bucket.
    let other = shop.tightrope(&CARRY);
    let other = other.env("XDG_CACHE_HOME", stage.path("caches of another"));
    let around = shop.bucket.environment(s3().unwrap().port);
    let other = around
        .into_iter()
        .fold(other, |command, (name, value)| command.env(name, value));
    other.run().expect_code(0);
    shop.way.heal();
    let refused = slow.wait().expect_code(1);
    assert_says(&refused.stderr, "somebody else has carried out its changes");
    assert_says(&refused.stderr, "let the other one end");
    shop.run(&CARRY, 0);
    assert_eq!(segments(&shop).1, 1);
    replays(&shop, "restored");
    assert!(shop.left_here().is_empty(), "{:?}", shop.left_here());
}
