//! Copies to rehearse on that are not made of the target: of its newest proven backup, or of what a command makes.

use std::fs;

use tightrope_testkit::process::Outcome;

use crate::on_both_engines;
use crate::stage::{Stage, assert_says};

on_both_engines!(
    copies_come_from_the_newest_proven_backup,
    a_backup_of_another_schema_proves_nothing,
    a_damaged_backup_is_no_copy,
    copies_come_from_a_command_that_is_told_to_remove_them,
    a_command_that_gives_no_copy_says_why,
    what_contradicts_itself_is_refused,
);

fn configure(stage: &Stage, rehearse: &str) {
    let url = &stage.url;
    stage.write(
        "tightrope.toml",
        &format!(
            "[targets.shop]\nurl = '{url}'\n[targets.shop.rehearse]\n{rehearse}\n[targets.shop.backup]\nto = 'backups'\n"
        ),
    );
}

#[track_caller]
fn run(stage: &Stage, command: &str, code: i32) -> Outcome {
    let mut arguments: Vec<&str> = command.split(' ').collect();
    arguments.extend(["--target", "shop"]);
    stage.run(&arguments, code)
}

/// How the copy of a rehearsal was made.
#[track_caller]
fn method(stage: &Stage) -> String {
    let rehearsed = run(stage, "rehearse --json", 0).json();
    rehearsed["copy"]["method"].as_str().unwrap().to_owned()
}

/// What is there beside the database: databases of the same server, or files.
fn left(stage: &Stage) -> Vec<String> {
    if !stage.is_sqlite() {
        let names = "select coalesce(string_agg(datname, ',' order by datname), '') from pg_database \
                     where shobj_description(oid, 'pg_database') like '%' || current_database() || '%'";
        let names = stage.one(names);
        return names
            .split(',')
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
    }
    let entries = fs::read_dir(stage.path("")).unwrap().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().into_string().unwrap())
        .filter(|name| name.contains("scratch") || name.contains("restor"))
        .collect();
    names.sort();
    names
}

fn copies_come_from_the_newest_proven_backup(stage: &Stage) {
    stage.add_migration();
    configure(stage, "from = 'backup'");
    run(stage, "rehearse", 1);
    run(stage, "backup", 0);
    let refused = run(stage, "rehearse", 4);
    assert_says(&refused.stderr, "no backup of");
    assert_says(&refused.stderr, "tightrope backup prove");
    run(stage, "backup --prove", 0);
    run(stage, "backup", 0);
    // The newest is not proven, so it is the one before.
    let proven = stage.names()[1].clone();
    let before = left(stage);
    assert!(method(stage).ends_with(&format!("of the restored backup {proven}")));
    assert_eq!(left(stage), before);
    // Its certificate counts, so nothing is copied any more.
    let applied = run(stage, "apply --yes --json", 0).json();
    assert_eq!(applied["rehearsed"], serde_json::Value::Null, "{applied}");
}

fn a_backup_of_another_schema_proves_nothing(stage: &Stage) {
    stage.add_migration();
    configure(stage, "from = 'backup'");
    run(stage, "backup --prove", 0);
    stage.sql("create table later (id integer primary key)");
    let rehearsed = run(stage, "rehearse --json", 3).json();
    assert_ne!(rehearsed["unlike"], serde_json::json!([]), "{rehearsed}");
    let state = stage.state();
    run(stage, "apply --yes", 3);
    assert_eq!(stage.state(), state);
}

fn a_damaged_backup_is_no_copy(stage: &Stage) {
    stage.add_migration();
    configure(stage, "from = 'backup'");
    let taken = run(stage, "backup --prove --json", 0).json();
    let folder = stage.path(taken["folder"].as_str().unwrap());
    let file = stage.largest_file(&folder);
    let mut bytes = fs::read(&file).unwrap();
    bytes[7] ^= 4;
    fs::write(&file, bytes).unwrap();
    let outcome = stage.run(&["rehearse", "--target", "shop"], 4);
    assert_says(&outcome.stderr, "is damaged: the bytes of");
}

/// A copy that is there already: what a command would make.
fn clone(stage: &Stage) -> String {
    let clone = stage.beside("clone");
    if stage.is_sqlite() {
        fs::copy(stage.path("shop.db"), stage.path("clone.db")).unwrap();
    } else {
        let name = stage.name();
        let url = stage.url.replace(&name, "postgres");
        stage.sql_on(
            &url,
            &format!("create database {name}_clone template {name}"),
        );
    }
    clone
}

fn copies_come_from_a_command_that_is_told_to_remove_them(stage: &Stage) {
    stage.add_migration();
    let clone = clone(stage);
    configure(
        stage,
        "command = ['sh', 'clone.sh', 'shop']\nremove = ['sh', '-c', 'printf %s \"$TIGHTROPE_COPY_URL\" > removed']",
    );
    stage.write(
        "clone.sh",
        &format!("echo cloning $1\necho '{clone}'\necho\n"),
    );
    assert!(method(stage).ends_with("of what `sh` made"));
    assert_eq!(fs::read_to_string(stage.path("removed")).unwrap(), clone);
    fs::remove_file(stage.path("removed")).unwrap();
    // Also where the rehearsal cannot begin.
    stage.write("clone.sh", &format!("echo '{}'\n", stage.beside("nowhere")));
    run(stage, "rehearse", 6);
    assert_eq!(
        fs::read_to_string(stage.path("removed")).unwrap(),
        stage.beside("nowhere")
    );
    let text = fs::read_to_string(stage.path("migrations/0001_age/certificate.json")).unwrap();
    assert_says(&text, "of what `sh` made");
    run(stage, "apply --yes", 0);
}

fn a_command_that_gives_no_copy_says_why(stage: &Stage) {
    stage.add_migration();
    let other = match stage.is_sqlite() {
        true => "postgres://nobody:hush@localhost:1/nothing",
        false => "sqlite://nothing.db",
    };
    let check = |command: &str, needle: &str| {
        configure(stage, &format!("command = {command}"));
        let outcome = run(stage, "rehearse", 1);
        assert_says(&outcome.stderr, needle);
        assert_says(&outcome.stderr, "run it by hand");
        assert!(!outcome.stderr.contains("hush"), "{}", outcome.stderr);
    };
    check("['sh', '-c', 'exit 3']", "failed: exit status: 3");
    check(
        "['true']",
        "`true`, which makes the copy to rehearse on, printed no URL",
    );
    check("['./not-there']", "could not be run");
    check(
        &format!("['echo', '{other}']"),
        "prints the URL of another engine's database",
    );
}

fn what_contradicts_itself_is_refused(stage: &Stage) {
    stage.add_migration();
    let check = |rehearse: &str, needle: &str| {
        configure(stage, rehearse);
        let outcome = run(stage, "rehearse", 1);
        assert_says(&outcome.stderr, needle);
    };
    check("", "says neither where copies are made");
    check(
        "from = 'backup'\ncommand = ['true']",
        "has both `from` and `command`",
    );
    check(
        "from = 'backup'\nremove = ['true']",
        "no `command` whose copies",
    );
    check("command = []", "names no program");
    check("from = 'thin air'", "`target`");
}
