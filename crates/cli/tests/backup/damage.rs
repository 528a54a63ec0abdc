//! Damage is found, named, and nothing is restored from it.

use std::fs;
use std::path::Path;

use crate::on_both_engines;
use crate::stage::{Stage, assert_says};

on_both_engines!(
    one_flipped_byte,
    a_truncated_file,
    a_missing_file,
    a_missing_manifest,
    an_edited_manifest,
    a_swapped_manifest,
    a_forged_manifest,
    an_edited_proof,
    a_backup_of_another_database,
    a_stale_backup,
);

/// Requires that proving and restoring name the damage and leave nothing behind.
#[track_caller]
fn check(stage: &Stage, backup: &Path, needle: &str) {
    check_with(stage, backup, needle, &[]);
}

#[track_caller]
fn check_with(stage: &Stage, backup: &Path, needle: &str, environment: &[(&str, &str)]) {
    let name = backup.file_name().unwrap().to_str().unwrap();
    let new = stage.beside("restored");
    for arguments in [
        &["backup", "prove", name, "--to", "backups"][..],
        &["restore", name, "--to", "backups", "--into", &new][..],
    ] {
        let command = environment
            .iter()
            .fold(stage.tightrope(arguments), |command, (key, value)| {
                command.env(key, value)
            });
        let outcome = command.run().expect_code(4);
        assert_says(&outcome.stderr, needle);
        assert_says(&outcome.stderr, "nothing was changed.");
    }
    assert!(stage.state_of(&new).is_none(), "nothing was restored");
}

fn one_flipped_byte(stage: &Stage) {
    let backup = stage.backup();
    let file = stage.largest_file(&backup);
    let whole = fs::read(&file).unwrap();
    for at in [0, whole.len() / 2, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&file, &bytes).unwrap();
        check(stage, &backup, "are not what they were");
    }
    fs::write(&file, &whole).unwrap();
    stage.run(&["backup", "prove", "--to", "backups"], 0);
}

fn a_truncated_file(stage: &Stage) {
    let backup = stage.backup();
    let file = stage.largest_file(&backup);
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() - 1]).unwrap();
    check(
        stage,
        &backup,
        &format!("has {} bytes and had {}", whole.len() - 1, whole.len()),
    );
    assert_eq!(stage.listed(), ["damaged"]);
}

fn a_missing_file(stage: &Stage) {
    let backup = stage.backup();
    fs::remove_file(stage.largest_file(&backup)).unwrap();
    check(stage, &backup, "is missing");
    assert_eq!(stage.listed(), ["damaged"]);
}

fn a_missing_manifest(stage: &Stage) {
    let backup = stage.backup();
    fs::remove_file(backup.join("manifest.json")).unwrap();
    check(stage, &backup, "`manifest.json` is missing");
    assert_eq!(stage.listed(), ["damaged"]);
    stage.run(&["backup", "list", "--to", "backups"], 3);
}

fn an_edited_manifest(stage: &Stage) {
    let backup = stage.backup();
    let path = backup.join("manifest.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"rows\": 500", "\"rows\": 499")).unwrap();
    check(
        stage,
        &backup,
        "the manifest was changed after it was written",
    );
    assert_eq!(stage.listed(), ["damaged"]);
}

fn a_swapped_manifest(stage: &Stage) {
    let (one, other) = (stage.backup(), stage.backup());
    assert_ne!(one, other);
    fs::copy(one.join("manifest.json"), other.join("manifest.json")).unwrap();
    check(stage, &other, "the manifest is that of another backup");
}

/// Who can write in the place, but has no key, changes a file and seals the manifest anew.
fn a_forged_manifest(stage: &Stage) {
    let key = [("TIGHTROPE_BACKUP_KEY", "geheim")];
    let arguments = ["backup", "--to", "backups", "--prove", "--json"];
    let taken = stage
        .tightrope(&arguments)
        .env(key[0].0, key[0].1)
        .run()
        .expect_code(0)
        .json();
    let backup = Path::new(taken["folder"].as_str().unwrap()).to_owned();
    let path = backup.join("manifest.json");
    let signed =
        tightrope_backup::Manifest::parse(&fs::read_to_string(&path).unwrap(), None).unwrap();
    let forged = tightrope_backup::Manifest {
        source_bytes: 1,
        ..signed.clone()
    };
    fs::write(&path, forged.clone().sealed(None).to_text()).unwrap();
    check_with(
        stage,
        &backup,
        "the manifest is not signed, and a key is configured",
        &key,
    );
    let other = tightrope_backup::SigningKey::from_secret("guessed");
    fs::write(&path, forged.sealed(Some(&other)).to_text()).unwrap();
    check_with(stage, &backup, "signature is not of the key", &key);
    fs::write(&path, signed.to_text()).unwrap();
    stage
        .tightrope(&["backup", "prove", "--to", "backups"])
        .env(key[0].0, key[0].1)
        .run()
        .expect_code(0);
}

fn an_edited_proof(stage: &Stage) {
    stage.write(
        "tightrope.toml",
        "[backup]\nto = \"backups\"\nverify = \"verify.sql\"\n",
    );
    stage.write("verify.sql", "select count(*) = 0 from orders;\n");
    stage.run(&["backup", "--prove"], 3);
    let list = stage.run(&["backup", "list", "--json"], 3).json();
    let name = list["backups"][0]["name"].as_str().unwrap();
    let path = stage.path(&format!("backups/{name}/proof.json"));
    let mut proof: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    proof["failures"] = serde_json::json!([]);
    fs::write(&path, format!("{proof:#}\n")).unwrap();
    assert_eq!(stage.listed(), ["unproven"], "it proves nothing");
}

fn a_backup_of_another_database(stage: &Stage) {
    let backup = stage.backup();
    let name = backup.file_name().unwrap().to_str().unwrap();
    let other = stage.beside("other");
    stage.run(&["restore", "--into", &other, "--to", "backups"], 0);
    stage.sql_on(&other, "delete from orders");
    let before = stage.state_of(&other).unwrap();
    let other_name = other.rsplit('/').next().unwrap();
    let arguments = [
        "restore",
        name,
        "--to",
        "backups",
        "--yes",
        "--into",
        &other,
        "--overwrite",
        other_name,
    ];
    assert_says(&stage.run(&arguments, 4).stderr, "is of another database");
    assert_eq!(stage.state_of(&other).unwrap(), before);
    let prove = ["backup", "prove", name, "--to", "backups", "--url", &other];
    assert_says(&stage.run(&prove, 4).stderr, "is of another database");
    stage.run(&[&arguments[..], &["--from-another"]].concat(), 0);
    assert_eq!(stage.state_of(&other).unwrap(), stage.state());
}

fn a_stale_backup(stage: &Stage) {
    stage.run(&["backup", "--to", "backups", "--prove"], 0);
    stage.sql("insert into customers values (777, 'rows may change')");
    assert_eq!(stage.listed(), ["proven"]);
    stage.sql("create table later (id integer primary key)");
    assert_eq!(stage.listed(), ["stale"]);
    let list = stage.run(&["backup", "list", "--to", "backups"], 3);
    assert_says(&list.stdout, "the schema was changed since it was taken");
    stage.sql("drop table later");
    stage.write(
        "tightrope.toml",
        "[backup]\nto = \"backups\"\nmax_age_h = 0\n",
    );
    let list = stage.run(&["backup", "list"], 3);
    assert_says(&list.stdout, "it is older than 0 h");
}
