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
    what_a_command_prints_has_to_lead_to_a_database,
    a_drill_says_what_a_rehearsal_says_of_its_source,
    plan_says_where_copies_come_from_and_what_they_cost,
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

/// What is made is removed whole, with all that lies beside it: not before the rehearsal is done with it.
#[test]
fn sqlite_copies_that_lie_beside_what_a_command_makes_outlive_it() {
    let stage = Stage::sqlite();
    stage.add_migration();
    let made = stage.path("made");
    configure(
        &stage,
        "command = ['./clone']\nremove = ['rm', '-r', 'made']",
    );
    script(
        &stage,
        "clone",
        "mkdir made; cp shop.db made/copy.db; echo made/copy.db",
    );
    assert!(method(&stage).ends_with("of what `./clone` made"));
    assert!(!made.exists());
    run(&stage, "backup", 0);
    run(&stage, "drill rollback", 0);
    assert!(!made.exists());
    run(&stage, "apply --yes", 0);
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

fn what_a_command_prints_has_to_lead_to_a_database(stage: &Stage) {
    stage.add_migration();
    stage.write(
        "no.db",
        "this is a text, and no database at all, whoever opens it",
    );
    let check = |printed: &str, code: i32, needle: &str| {
        configure(stage, "command = ['./clone']\nremove = ['./unclone']");
        script(stage, "clone", &format!("echo '{printed}'"));
        script(stage, "unclone", "echo gone >> removed");
        let _ = fs::remove_file(stage.path("removed"));
        let outcome = run(stage, "rehearse", code);
        assert_says(&outcome.stderr, needle);
        assert_says(&outcome.stderr, "`./clone`");
        assert!(!outcome.stderr.contains("hush"), "{}", outcome.stderr);
        assert_eq!(fs::read_to_string(stage.path("removed")).unwrap(), "gone\n");
    };
    let no_url = "printed something that is no URL of a database";
    check("done, the password is hush", 1, no_url);
    check("made/in/hush/copy", 1, no_url);
    check("mysql://me:hush@localhost/shop", 1, no_url);
    check("{\"url\": \"hush\"}", 1, no_url);
    let nowhere = stage.beside("nowhere");
    let opened = "cannot open the database whose URL the command";
    check(&nowhere, 6, opened);
    if stage.is_sqlite() {
        check("sqlite://no.db", 1, opened);
        check("no.db", 1, opened);
    } else {
        check("postgres://me:hush@127.0.0.1:1/shop", 6, opened);
    }
}

fn script(stage: &Stage, name: &str, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    stage.write(name, &format!("#!/bin/sh\n{text}\n"));
    fs::set_permissions(stage.path(name), fs::Permissions::from_mode(0o755)).unwrap();
}

fn a_drill_says_what_a_rehearsal_says_of_its_source(stage: &Stage) {
    stage.add_migration();
    configure(stage, "from = 'backup'");
    run(stage, "backup", 0);
    let refused = run(stage, "drill rollback", 4);
    assert_says(&refused.stderr, "no backup of");
    assert_says(&refused.stderr, "tightrope backup prove");
    configure(stage, "command = ['./not-there']");
    let refused = run(stage, "drill rollback", 1);
    assert_says(&refused.stderr, "could not be run");
    assert_says(&refused.stderr, "run it by hand");
}

fn plan_says_where_copies_come_from_and_what_they_cost(stage: &Stage) {
    stage.add_migration();
    let copies = || run(stage, "plan --json", 2).json()["copies"].clone();
    configure(stage, "from = 'target'");
    let planned = copies();
    // Where the file system can do it, a file's copy shares its blocks.
    let method = match (stage.is_sqlite(), planned["method"] == "reflink") {
        (true, true) => "reflink",
        (true, false) => "backup API",
        (false, _) => "template",
    };
    assert_eq!(
        (&planned["provider"], &planned["method"]),
        (&"target".into(), &method.into())
    );
    assert_eq!(planned["source"], "estimated from the size, roughly");
    let room = planned["room"][0]["bytes"].as_u64().unwrap();
    assert!(room > 2 * 40_000, "{planned}");
    assert_eq!(planned["room"][0]["free_bytes"].is_u64(), stage.is_sqlite());
    assert_says(
        &run(stage, "plan", 2).stdout,
        &format!("copies {method} of the target"),
    );
    if !stage.is_sqlite() {
        let server = stage.server();
        let held = server.connect(&stage.name()).unwrap();
        let planned = copies();
        assert_eq!(planned["method"], "dump and restore");
        assert_says(planned["because"].as_str().unwrap(), "others are connected");
        drop(held);
        let user = format!("plain_{}", stage.name());
        stage.sql(&format!("create role {user} login createdb"));
        let url = stage.url.replace("postgres@", &format!("{user}@"));
        let plan = stage.run(&["plan", "--json", "--url", &url], 2).json();
        let because = plan["copies"]["because"].as_str().unwrap();
        assert_says(because, "this user neither owns it nor is a superuser");
        stage.sql(&format!("drop role {user}"));
    }
    configure(stage, "sample = '10 %'");
    let sampled = copies();
    assert_eq!(sampled["method"], "selective copy");
    assert!(sampled["room"][0]["bytes"].as_u64().unwrap() < room / 5);
    configure(stage, "from = 'target'");
    // What was measured is told as soon as it was; where all is proven, no copy is needed.
    run(stage, "rehearse", 0);
    assert_eq!(
        copies()["source"],
        "measured in the last rehearsal, at today's size"
    );
    assert!(!run(stage, "plan", 2).stdout.contains("copies"));

    configure(stage, "from = 'backup'");
    run(stage, "backup", 0);
    let planned = copies();
    assert_eq!(planned["because"], "no backup of it is proven");
    assert_eq!(planned["milliseconds"], serde_json::Value::Null);
    run(stage, "backup --prove", 0);
    let planned = copies();
    assert_eq!(planned["of"], format!("the backup {}", stage.names()[1]));
    assert_eq!(
        planned["source"],
        "predicted from proofs and drills, at today's size"
    );
    assert!(planned["milliseconds"].as_u64().unwrap() > 0);
    run(stage, "rehearse", 0);
    assert_eq!(
        copies()["source"],
        "measured in the last rehearsal, at today's size"
    );

    configure(stage, "command = ['./clone']");
    let planned = copies();
    assert_eq!(planned["of"], "what `./clone` makes");
    assert_eq!(
        (&planned["provider"], &planned["source"]),
        (&"command".into(), &"not known".into())
    );
    assert!(
        !stage.path("removed").exists(),
        "nothing is made for a plan"
    );
    configure(stage, "url = 'postgres://me:hush@127.0.0.1:1/x'");
    if !stage.is_sqlite() {
        let plan = run(stage, "plan", 2);
        assert_says(
            &plan.stdout,
            "cannot find out what copies to rehearse on would cost",
        );
        assert!(!plan.stdout.contains("hush"), "{}", plan.stdout);
    }
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
