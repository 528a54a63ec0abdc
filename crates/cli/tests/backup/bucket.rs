//! Backups in a bucket, on a server that speaks S3.

use crate::on_both_engines;
use crate::shop::{Shop, make_large};
use crate::stage::{Stage, assert_says};
use crate::stopped::killed_at;

on_both_engines!(
    a_bucket_is_a_place_like_a_folder,
    a_connection_that_breaks_once_is_taken_up_again,
    an_upload_that_broke_off_goes_on_with_what_is_missing,
    a_download_that_broke_off_goes_on_with_what_is_missing,
    an_upload_killed_on_its_way_goes_on_with_what_is_missing,
    every_damage_in_a_bucket_is_found,
    a_backup_into_a_bucket_killed_at_every_edge,
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
    shop.run(&["restore", &by_address, "--into", &new], 0);
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

fn a_connection_that_breaks_once_is_taken_up_again(stage: &Stage) {
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
    let sent = shop.way.sent();
    // What is written after the backup was taken is not in what goes on.
    stage.sql("delete from orders");
    let resumed = shop.run(&["backup", "--json"], 0).json();
    assert_eq!(resumed["resumed"], true);
    let all = resumed["bytes"].as_u64().unwrap();
    let again = shop.way.sent() - sent;
    assert!(
        again < all - (4 << 20),
        "{again} of {all} bytes were sent again"
    );
    assert_eq!(shop.listed(), ["unproven"]);
    assert!(shop.left_here().is_empty(), "{:?}", shop.left_here());
    let new = stage.beside("restored");
    shop.run(&["restore", "--into", &new], 0);
    assert_eq!(stage.state_of(&new).unwrap(), before);
}

fn an_upload_killed_on_its_way_goes_on_with_what_is_missing(stage: &Stage) {
    make_large(stage);
    let shop = Shop::new(stage);
    shop.way.stall_after_sending(22 << 20);
    let mut running = shop.tightrope(&["backup"]).spawn();
    assert!(shop.way.wait_until_stalled());
    running.sigkill();
    assert_eq!(running.wait().signal, Some(9));
    shop.way.heal();
    assert!(shop.listed().is_empty(), "a half upload is no backup");
    let sent = shop.way.sent();
    let resumed = shop.run(&["backup", "--json"], 0).json();
    assert_eq!(resumed["resumed"], true);
    let all = resumed["bytes"].as_u64().unwrap();
    let again = shop.way.sent() - sent;
    assert!(
        again < all - (4 << 20),
        "{again} of {all} bytes were sent again"
    );
    shop.restores("restored");
    assert!(shop.left_here().is_empty(), "{:?}", shop.left_here());
}

fn a_download_that_broke_off_goes_on_with_what_is_missing(stage: &Stage) {
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

fn a_backup_into_a_bucket_killed_at_every_edge(stage: &Stage) {
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

/// The command's output must not hold the secret, in no part of it.
#[track_caller]
fn holds_no(secret: &str, shown: &str) {
    for at in 0..=secret.len() - 12 {
        assert!(!shown.contains(&secret[at..at + 12]), "{shown}");
    }
}

#[test]
fn wrong_credentials_are_said_and_never_shown() {
    let stage = Stage::sqlite();
    let shop = Shop::new(&stage);
    let secret = "wr0ng/Secret+that=nobody=may=see/1234567";
    let key = "AKIAWRONGKEYWRONGKEY";
    for (variable, value, code) in [
        ("AWS_SECRET_ACCESS_KEY", secret, "SignatureDoesNotMatch"),
        ("AWS_ACCESS_KEY_ID", key, "InvalidAccessKeyId"),
    ] {
        let new = stage.beside("restored");
        for arguments in [
            &["backup"][..],
            &["backup", "list", "--json"],
            &["backup", "prove"],
            &["restore", "--into", &new],
            &["backup", "prune", "--yes"],
            &["drill", "restore"],
        ] {
            let failed = shop
                .tightrope(arguments)
                .env(variable, value)
                .run()
                .expect_code(6);
            let shown = format!("{}{}", failed.stdout, failed.stderr);
            assert_says(&shown, code);
            assert_says(&shown, "check the credentials");
            holds_no(value, &shown);
            holds_no(&shop.bucket.server.secret_key, &shown);
        }
    }
    assert!(shop.objects().is_empty());
    assert!(shop.left_here().is_empty(), "{:?}", shop.left_here());
}

#[test]
fn no_secret_is_in_the_bucket_or_on_this_machine() {
    let stage = Stage::sqlite();
    let shop = Shop::new(&stage);
    shop.backup();
    let secret = &shop.bucket.server.secret_key;
    for path in shop.objects() {
        let bytes = shop.bucket.read(&path).unwrap();
        holds_no(secret, &String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn a_bucket_that_is_not_there_is_named() {
    let stage = Stage::sqlite();
    let shop = Shop {
        address: "s3://no-such-bucket/shop".to_owned(),
        ..Shop::new(&stage)
    };
    for arguments in [&["backup"][..], &["backup", "list"], &["backup", "prove"]] {
        let failed = shop.run(arguments, 6);
        assert_says(&failed.stderr, "NoSuchBucket");
        assert_says(&failed.stderr, "make the bucket, or correct its name");
    }
    assert!(shop.left_here().is_empty(), "{:?}", shop.left_here());
}

#[test]
fn an_address_with_a_password_or_an_unknown_option_is_refused() {
    let stage = Stage::sqlite();
    let shop = Shop {
        address: "s3://key:geheimnis@bucket/shop".to_owned(),
        ..Shop::new(&stage)
    };
    let failed = shop.run(&["backup"], 1);
    assert_says(
        &failed.stderr,
        "an address has a bucket and a prefix and nothing else",
    );
    assert!(!failed.stderr.contains("geheimnis"), "{}", failed.stderr);
    let written = |line: &str| {
        let toml = format!("[backup]\nto = \"s3://bucket\"\n[backup.store]\n{line}\n");
        stage.write("tightrope.toml", &toml);
        stage.run(&["backup"], 1).stderr
    };
    assert_says(
        &written("aws_acess_key_id = { env = \"HOME\" }"),
        "`aws_acess_key_id` under [backup.store] is no option of s3://bucket",
    );
    let shown = written("aws_secret_access_key = \"geheimnis\"");
    assert_says(&shown, "stands in tightrope.toml itself");
    assert!(!shown.contains("geheimnis"), "{shown}");
}

#[test]
fn what_cannot_be_an_address_makes_no_folder_of_that_name() {
    let stage = Stage::sqlite();
    for to in [
        "s3:/bucket/shop",
        "S3://bucket/shop",
        "ftp://host/shop",
        "s3:bucket",
    ] {
        let refused = stage.run(&["backup", "--to", to], 1);
        assert_says(
            &refused.stderr,
            "addresses of buckets are s3://BUCKET/PREFIX",
        );
    }
    let shop = Shop::new(&stage);
    let endpoint = shop
        .tightrope(&["backup"])
        .env("AWS_ENDPOINT_URL", "127.0.0.1:1");
    let refused = endpoint.run().expect_code(1);
    assert_says(&refused.stderr, "`AWS_ENDPOINT_URL` is no address");
    let nowhere = shop.tightrope(&["backup"]).env("XDG_CACHE_HOME", "");
    let refused = nowhere.env("HOME", "").run().expect_code(1);
    assert_says(
        &refused.stderr,
        "`staging` under [backup] in tightrope.toml",
    );
    let names: Vec<_> = std::fs::read_dir(stage.path("."))
        .unwrap()
        .flatten()
        .collect();
    assert_eq!(names.len(), 1, "{names:?}");
}

#[test]
fn apply_takes_a_backup_into_a_bucket_and_proves_it() {
    let stage = Stage::sqlite();
    let shop = Shop::new(&stage);
    stage.write(
        "migrations/0001_age/up.sql",
        "alter table customers add column age integer;",
    );
    stage.write(
        "migrations/0001_age/down.sql",
        "alter table customers drop column age;",
    );
    let toml = format!(
        "[backup]\nto = \"{}\"\n[policy]\nbackup = \"take\"\n",
        shop.address
    );
    stage.write("tightrope.toml", &toml);
    shop.bare(&["apply", "--yes"]).run().expect_code(0);
    // The schema is another one since: what was proven before is stale, and still there.
    assert_eq!(shop.listed(), ["stale"]);
    let plan = shop.bare(&["plan", "--json"]).run().expect_code(0);
    assert_says(&plan.stdout, "restore the backup");
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
fn credentials_come_from_the_variables_that_the_file_names() {
    let stage = Stage::sqlite();
    let shop = Shop::new(&stage);
    let toml = format!(
        "[backup]\nto = \"{}\"\n[backup.store]\naws_access_key_id = {{ env = \"BACKUP_KEY\" }}\n\
         aws_secret_access_key = {{ env = \"BACKUP_SECRET\" }}\n",
        shop.address
    );
    stage.write("tightrope.toml", &toml);
    let server = &shop.bucket.server;
    let wrong = [("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "y")];
    let right = [
        ("BACKUP_KEY", server.access_key.as_str()),
        ("BACKUP_SECRET", server.secret_key.as_str()),
    ];
    let command = wrong.iter().chain(&right);
    let command = command.fold(shop.tightrope(&["backup"]), |command, (name, value)| {
        command.env(name, value)
    });
    command.run().expect_code(0);
    assert!(!shop.objects().is_empty());
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
