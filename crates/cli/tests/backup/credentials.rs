//! What a bucket is reached with: said where it is wrong, and never shown.

use crate::shop::Shop;
use crate::stage::{Stage, assert_says};

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
        "`aws_acess_key_id` under [backup.store] is no option of s3:// stores",
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
