//! Backups in a bucket, on a server that speaks S3.

use crate::on_both_engines;
use crate::shop::Shop;
use crate::stage::{Stage, assert_says};

on_both_engines!(
    a_bucket_is_a_place_like_a_folder,
    every_damage_in_a_bucket_is_found,
);

fn a_bucket_is_a_place_like_a_folder(stage: &Stage) {
    let shop = Shop::new(stage);
    let name = shop.backup();
    assert_eq!(shop.listed(), ["unproven"]);
    assert!(shop.left_here().is_empty(), "{:?}", shop.left_here());
    shop.run(&["backup", "prove"], 0);
    assert_eq!(shop.listed(), ["proven"]);
    shop.restores("restored");
    let by_address = format!("{}/{name}", shop.address);
    let new = stage.beside("by_address");
    let restore = shop.bare(&["restore", &by_address, "--into", &new]);
    restore.run().expect_code(0);
    assert_eq!(stage.state_of(&new).unwrap(), stage.state());
    shop.run(&["drill", "restore", "--random"], 0);
    shop.run(&["drill", "status"], 0);
    assert!(shop.left_here().is_empty(), "{:?}", shop.left_here());
    stage.write(
        "tightrope.toml",
        &format!(
            "[backup]\nto = \"{}\"\nkeep_last = 1\nkeep_daily = 0\nkeep_weekly = 0\n",
            shop.address
        ),
    );
    let second = shop.backup();
    shop.run(&["backup", "prove"], 0);
    shop.run(&["backup", "prune", "--yes"], 0);
    assert_eq!(shop.listed(), ["proven"]);
    let objects = shop.objects();
    assert!(
        objects
            .iter()
            .all(|path| !path.starts_with(&format!("{name}/")))
    );
    assert!(objects.contains(&format!("{second}/manifest.json")));
    stage.drop_database();
    let new = stage.beside("after_the_loss");
    shop.run(&["restore", "--into", &new], 0);
}

fn every_damage_in_a_bucket_is_found(stage: &Stage) {
    let shop = Shop::new(stage);
    let name = shop.backup();
    let file = shop.largest(&name);
    let whole = shop.bucket.read(&file).unwrap();
    let refused = |what: &str| {
        assert_says(&shop.run(&["backup", "prove"], 4).stderr, what);
        let new = stage.beside("restored");
        assert_says(&shop.run(&["restore", "--into", &new], 4).stderr, what);
        assert!(stage.state_of(&new).is_none());
    };
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    shop.bucket.write(&file, flipped).unwrap();
    refused("are not what they were");
    shop.bucket.write(&file, whole[1..].to_vec()).unwrap();
    refused("bytes and had");
    shop.bucket.delete(&file).unwrap();
    refused("is missing");
    assert_eq!(shop.listed(), ["damaged"]);
    shop.bucket.write(&file, whole).unwrap();
    shop.bucket
        .write(&format!("{name}/data/more"), vec![1])
        .unwrap();
    refused("is there and was not");
    shop.bucket.delete(&format!("{name}/data/more")).unwrap();
    shop.run(&["backup", "prove"], 0);
    let manifest = format!("{name}/manifest.json");
    let text = shop.bucket.read(&manifest).unwrap();
    let edited = String::from_utf8(text)
        .unwrap()
        .replace("\"rows\": 500", "\"rows\": 501");
    shop.bucket.write(&manifest, edited.into_bytes()).unwrap();
    refused("the manifest was changed after it was written");
    shop.bucket.delete(&manifest).unwrap();
    refused("`manifest.json` is missing");
    assert_eq!(shop.listed(), ["damaged"]);
}

#[test]
fn apply_takes_a_backup_into_a_bucket_and_proves_it() {
    let stage = Stage::sqlite();
    let shop = Shop::new(&stage);
    stage.add_migration();
    let toml = format!(
        "[backup]\nto = \"{}\"\n[policy]\nbackup = \"take\"\n",
        shop.address
    );
    stage.write("tightrope.toml", &toml);
    shop.bare(&["apply", "--yes"]).run().expect_code(0);
    // The schema is another one since: what was proven before is stale, and still there.
    assert_eq!(shop.listed(), ["stale"]);
    stage.write(
        "migrations/0002_town/up.sql",
        "alter table customers add column town text;",
    );
    stage.write(
        "migrations/0002_town/down.sql",
        "alter table customers drop column town;",
    );
    let plan = shop.bare(&["plan"]).run().expect_code(2);
    assert_says(&plan.stdout, "restore the backup");
}

#[test]
fn somebody_else_s_half_upload_stays() {
    let stage = Stage::sqlite();
    let shop = Shop::new(&stage);
    let half = "shop-db-20260102T030405Z";
    let claim = "{\"tightrope_claim\": 1, \"id\": \"x\", \"state\": \"making\"}";
    shop.bucket
        .write(&format!("{half}/claim.json"), claim.into())
        .unwrap();
    shop.bucket
        .write(&format!("{half}/data/shop.db"), vec![1, 2, 3])
        .unwrap();
    shop.backup();
    assert_eq!(shop.listed(), ["unproven"], "a half upload is no backup");
    let objects = shop.objects();
    assert!(
        objects.contains(&format!("{half}/data/shop.db")),
        "{objects:?}"
    );
    let going = claim.replace("making", "going");
    shop.bucket
        .write(&format!("{half}/claim.json"), going.into())
        .unwrap();
    shop.backup();
    let objects = shop.objects();
    assert!(
        objects.iter().all(|path| !path.starts_with(half)),
        "{objects:?}"
    );
}

#[test]
fn two_machines_never_take_one_name() {
    let stage = Stage::sqlite();
    let shop = Shop::new(&stage);
    // Also where the store cannot write on a condition, and only one machine is at work.
    for (conditional, at_once) in [("etag", 3), ("disabled", 1)] {
        let machines = 0..at_once;
        let running: Vec<_> = machines
            .map(|machine| {
                let caches = stage.path(&format!("machine{machine}"));
                let command = shop.tightrope(&["backup", "--json"]);
                let command = command.env("AWS_CONDITIONAL_PUT", conditional);
                command.env("XDG_CACHE_HOME", caches).spawn()
            })
            .collect();
        for command in running {
            command.wait().expect_code(0);
        }
    }
    assert_eq!(shop.listed(), ["unproven"; 4]);
    for path in shop.objects() {
        if let Some(name) = path.strip_suffix("/manifest.json") {
            shop.run(&["backup", "prove", name], 0);
        }
    }
}
