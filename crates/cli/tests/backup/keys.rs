//! The key that is configured signs, and is asked for, wherever the place is said.

use crate::stage::{Stage, assert_says};

/// Takes a backup with these arguments and says whether it is signed.
#[track_caller]
fn is_signed(stage: &Stage, arguments: &[&str]) -> bool {
    let arguments = [&["backup", "--json"][..], arguments].concat();
    let taken = stage
        .tightrope(&arguments)
        .env("KEY_OF_BACKUPS", "geheim")
        .run()
        .expect_code(0);
    taken.json()["signed"].as_bool().unwrap()
}

#[test]
fn a_key_counts_without_a_place_beside_it() {
    let stage = Stage::sqlite();
    assert!(!is_signed(&stage, &["--to", "unsigned"]));
    stage.write(
        "tightrope.toml",
        "[backup]\nkey = { env = \"KEY_OF_BACKUPS\" }\n",
    );
    assert!(is_signed(&stage, &["--to", "backups"]));
}

#[test]
fn a_target_s_key_counts_where_its_url_is_given() {
    let stage = Stage::sqlite();
    stage.write(
        "tightrope.toml",
        "[targets.production]\nurl = \"sqlite://shop.db\"\n[targets.production.backup]\nto = \"backups\"\n\
         key = { env = \"KEY_OF_BACKUPS\" }\n",
    );
    assert!(is_signed(&stage, &["--url", &stage.url]));
    assert!(is_signed(
        &stage,
        &["--url", &stage.url, "--to", "elsewhere"]
    ));
}

#[test]
fn a_backup_by_its_path_has_to_be_signed() {
    for key in ["TIGHTROPE_BACKUP_KEY", "KEY_OF_BACKUPS"] {
        let stage = Stage::sqlite();
        let unsigned = stage.backup();
        stage.write(
            "tightrope.toml",
            "[backup]\nkey = { env = \"KEY_OF_BACKUPS\" }\n",
        );
        if key == "TIGHTROPE_BACKUP_KEY" {
            stage.write("tightrope.toml", "");
        }
        let new = stage.beside("restored");
        let outcome = stage
            .tightrope(&["restore", unsigned.to_str().unwrap(), "--into", &new])
            .env(key, "geheim")
            .run()
            .expect_code(4);
        assert_says(&outcome.stderr, "is not signed, and a key is configured");
        assert!(stage.state_of(&new).is_none());
    }
}
