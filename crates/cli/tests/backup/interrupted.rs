//! Connections that break and commands that are killed, on the way into a bucket and out of it.

use crate::on_both_engines;
use crate::shop::{Shop, make_large};
use crate::stage::{Stage, assert_says};
use crate::stopped::killed_at;

on_both_engines!(an_upload_that_broke_off_goes_on_with_what_is_missing);

#[test]
fn a_connection_that_breaks_once_is_taken_up_again() {
    let stage = &Stage::sqlite();
    make_large(stage);
    let shop = Shop::new(stage);
    shop.way.cut_once_after_sending(5 << 20);
    shop.backup();
    assert_eq!(shop.way.cuts(), 1);
    shop.way.cut_once_after_receiving(5 << 20);
    shop.run(&["backup", "prove"], 0);
    assert_eq!(shop.way.cuts(), 2);
    shop.restores("restored");
}

/// Requires that the next backup is the one that was interrupted, and that not all of it is sent again.
fn goes_on(shop: &Shop<'_>) {
    let sent = shop.way.sent();
    let resumed = shop.run(&["backup", "--json"], 0).json();
    assert_eq!(resumed["resumed"], true);
    let all = resumed["bytes"].as_u64().unwrap();
    let again = shop.way.sent() - sent;
    // Three parts of 5 MiB are on their way at once: one at least was there.
    assert!(
        again < all - (4 << 20),
        "{again} of {all} bytes were sent again"
    );
}

fn an_upload_that_broke_off_goes_on_with_what_is_missing(stage: &Stage) {
    make_large(stage);
    let shop = Shop::new(stage);
    let before = stage.state();
    // Three parts of 5 MiB are on their way at once: one at least is there by then.
    shop.way.die_after_sending(22 << 20);
    let failed = shop.run(&["backup"], 6);
    assert_says(
        &failed.stderr,
        "the same command goes on where this one stopped",
    );
    shop.way.heal();
    assert!(shop.listed().is_empty(), "a half upload is no backup");
    // What is written after the backup was taken is not in what goes on.
    stage.sql("delete from orders");
    goes_on(&shop);
    assert_eq!(shop.listed(), ["unproven"]);
    assert!(shop.left_here().is_empty(), "{:?}", shop.left_here());
    let new = stage.beside("restored");
    shop.run(&["restore", "--into", &new], 0);
    assert_eq!(stage.state_of(&new).unwrap(), before);
}

#[test]
fn an_upload_killed_on_its_way_goes_on_with_what_is_missing() {
    let stage = &Stage::sqlite();
    make_large(stage);
    let shop = Shop::new(stage);
    shop.way.stall_after_sending(22 << 20);
    let mut running = shop.tightrope(&["backup"]).spawn();
    assert!(shop.way.wait_until_stalled());
    running.sigkill();
    assert_eq!(running.wait().signal, Some(9));
    shop.way.heal();
    assert!(shop.listed().is_empty(), "a half upload is no backup");
    goes_on(&shop);
    shop.restores("restored");
    assert!(shop.left_here().is_empty(), "{:?}", shop.left_here());
}

#[test]
fn a_download_that_broke_off_goes_on_with_what_is_missing() {
    let stage = &Stage::sqlite();
    make_large(stage);
    let shop = Shop::new(stage);
    shop.backup();
    shop.way.die_after_receiving(12 << 20);
    shop.run(&["backup", "prove"], 6);
    assert!(!shop.left_here().is_empty(), "what has come stays");
    shop.way.heal();
    let received = shop.way.received();
    let proven = shop.run(&["backup", "prove", "--json"], 0).json();
    let files = proven["manifest"]["files"].as_array().unwrap().clone();
    let all: u64 = files
        .iter()
        .map(|file| file["bytes"].as_u64().unwrap())
        .sum();
    let again = shop.way.received() - received;
    assert!(
        again < all - (7 << 20),
        "{again} of {all} bytes were received again"
    );
    assert!(shop.left_here().is_empty(), "{:?}", shop.left_here());
}

#[test]
fn a_backup_into_a_bucket_killed_at_every_edge() {
    let stage = &Stage::sqlite();
    const MOST_EDGES: usize = 60;
    let mut backups = 0;
    for edge in 1..MOST_EDGES {
        let shop = Shop::new(stage);
        if !killed_at(&mut shop.command(&["backup"]), edge) {
            assert!(edge > 9, "only {} edges were seen", edge - 1);
            return;
        }
        let listed = shop.listed();
        assert!(listed.is_empty() || listed == ["unproven"], "{listed:?}");
        let taken = shop.run(&["backup", "--json"], 0).json();
        let expect = listed.len() + usize::from(taken["resumed"] == false || listed.is_empty());
        assert_eq!(shop.listed().len(), expect, "after edge {edge}");
        assert!(shop.left_here().is_empty(), "after edge {edge}");
        let name = taken["name"].as_str().unwrap();
        let of_others = |path: &String| !path.starts_with(&format!("{name}/"));
        if expect == 1 {
            let others: Vec<String> = shop.objects().into_iter().filter(of_others).collect();
            assert!(others.is_empty(), "after edge {edge}: {others:?}");
        }
        backups += expect;
    }
    panic!("more than {MOST_EDGES} edges, {backups} backups");
}

#[test]
fn a_restore_from_a_bucket_killed_at_every_edge_leaves_nothing_readable() {
    const MOST_EDGES: usize = 40;
    const KEY: &str = "TIGHTROPE_BACKUP_ENCRYPTION_KEY";
    let stage = Stage::sqlite();
    let shop = Shop::new(&stage);
    shop.tightrope(&["backup"])
        .env(KEY, "long and random")
        .run()
        .expect_code(0);
    for edge in 1..MOST_EDGES {
        let new = stage.beside(&format!("restored{edge}"));
        let arguments = ["restore", "--into", &new];
        let was_killed = killed_at(shop.command(&arguments).env(KEY, "long and random"), edge);
        if !was_killed {
            assert!(edge > 2, "only {} edges were seen", edge - 1);
            return;
        }
        let prove = shop
            .tightrope(&["backup", "prove"])
            .env(KEY, "long and random");
        prove.run().expect_code(0);
        assert!(
            shop.left_here().is_empty(),
            "after edge {edge}: {:?}",
            shop.left_here()
        );
    }
    panic!("more than {MOST_EDGES} edges");
}

#[test]
fn a_fresh_one_is_taken_where_that_is_asked() {
    let stage = Stage::sqlite();
    make_large(&stage);
    let shop = Shop::new(&stage);
    shop.way.die_after_sending(3 << 20);
    shop.run(&["backup"], 6);
    shop.way.heal();
    let taken = shop.run(&["backup", "--fresh", "--json"], 0).json();
    assert_eq!(taken["resumed"], false);
    assert_eq!(shop.listed(), ["unproven", "unproven"]);
}

#[test]
fn what_another_key_has_signed_is_left_alone_and_said() {
    let stage = Stage::sqlite();
    make_large(&stage);
    let shop = Shop::new(&stage);
    shop.way.die_after_sending(3 << 20);
    let signed = |key: &str| shop.tightrope(&["backup"]).env("TIGHTROPE_BACKUP_KEY", key);
    signed("one").run().expect_code(6);
    shop.way.heal();
    let taken = signed("other").run().expect_code(0);
    assert_says(&taken.stdout, "is not signed with this key");
    assert_eq!(shop.left_here().len(), 1);
    let resumed = signed("one").run().expect_code(0);
    assert_says(
        &resumed.stdout,
        "its upload was interrupted and went on now",
    );
    assert!(shop.left_here().is_empty(), "{:?}", shop.left_here());
}
