//! Copies to rehearse on that are made of a server's files, on a throw-away server.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use tightrope_testkit::servers::{OwnServer, postgres_majors};

use crate::stage::{Stage, assert_says};

fn own_server(settings: &str) -> OwnServer {
    OwnServer::start(postgres_majors()[0], settings).unwrap()
}

fn configure(stage: &Stage, url: &str, rehearse: &str) {
    stage.write(
        "tightrope.toml",
        &format!("[targets.shop]\nurl = '{url}'\n[targets.shop.rehearse]\n{rehearse}\n"),
    );
}

const PHYSICAL: &str = "from = 'physical'\nfolder = 'ground'";

/// What is below the folder for throw-away servers.
fn left(stage: &Stage) -> Vec<PathBuf> {
    let entries = fs::read_dir(stage.path("ground"));
    let entries = entries.into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

#[test]
fn copies_come_from_all_files_of_the_server() {
    let server = own_server("work_mem = '5MB'\nmax_prepared_transactions = 4");
    let stage = Stage::on(server.server());
    stage.add_migration();
    configure(&stage, &stage.url, PHYSICAL);
    // What makes a cluster more than its main folder, and what a copy does not have.
    stage.sql(&format!(
        "copy (select 1) to program 'mkdir -m 700 /tmp/{name}'; \
         create unlogged table hits (id integer primary key); insert into hits values (1); \
         create role clerk; grant select on customers to clerk",
        name = stage.name()
    ));
    stage.sql(&format!(
        "create tablespace aside location '/tmp/{}'",
        stage.name()
    ));
    stage.sql("create table aside (id integer primary key, what text) tablespace aside; insert into aside values (1, 'one')");
    stage.sql(
        "begin; insert into customers values (1000, 'undecided'); prepare transaction 'undecided'",
    );

    let rehearsed = stage
        .run(&["rehearse", "--target", "shop", "--json"], 0)
        .json();
    let copy = &rehearsed["copy"];
    assert_eq!(copy["method"], "template of a physical copy", "{copy}");
    let remarks = copy["remarks"].to_string();
    assert_says(&remarks, "`public.hits`");
    assert_says(
        &remarks,
        "1 transactions that were prepared to commit are undone",
    );
    assert_says(&remarks, "pg_stat_statements");
    let different = copy["likeness"].to_string();
    assert!(!different.contains("work_mem"), "{different}");
    assert_eq!(left(&stage), Vec::<PathBuf>::new());
    // The target has it still, and nothing else was done to it.
    let prepared = "select string_agg(gid, ',') from pg_prepared_xacts";
    assert_eq!(stage.one(prepared), "undecided");
    stage.sql("rollback prepared 'undecided'");
    let slots = "select count(*)::text from pg_replication_slots";
    assert_eq!(stage.one(slots), "0");
    // Its certificate counts, so nothing is copied any more.
    let applied = stage
        .run(&["apply", "--target", "shop", "--yes", "--json"], 0)
        .json();
    assert_eq!(applied["rehearsed"], serde_json::Value::Null, "{applied}");
    stage.sql("drop table aside");
    stage.sql("drop tablespace aside");
    stage.sql(&format!(
        "copy (select 1) to program 'rmdir /tmp/{}'",
        stage.name()
    ));
}

#[test]
fn what_keeps_from_a_physical_copy_says_what_to_do() {
    let server = own_server("");
    let stage = Stage::on(server.server());
    stage.add_migration();
    let refused = |url: &str, rehearse: &str, code: i32, needles: &[&str]| {
        configure(&stage, url, rehearse);
        let outcome = stage.run(&["rehearse", "--target", "shop"], code);
        for needle in needles {
            assert_says(&outcome.stderr, needle);
        }
        assert_eq!(left(&stage), Vec::<PathBuf>::new());
    };
    stage.sql("create role clerk login; grant all on all tables in schema public to clerk");
    let clerk = stage.url.replace("postgres@", "clerk@");
    let needles = [
        "the role `clerk` may not copy",
        "alter role \"clerk\" replication",
    ];
    refused(&clerk, PHYSICAL, 6, &needles);
    let elsewhere = format!("{PHYSICAL}\nbin = '/nowhere/bin'");
    let needles = [
        "the folder /nowhere/bin is not there",
        "`bin` in tightrope.toml",
    ];
    refused(&stage.url, &elsewhere, 4, &needles);

    let hba = stage.one("select current_setting('hba_file')");
    let loaded = || stage.one("select pg_conf_load_time()::text");
    let allow = |lines: &str| {
        let before = loaded();
        stage.sql(&format!(
            "copy (select unnest(string_to_array('{lines}', ';'))) to '{hba}'"
        ));
        stage.sql("select pg_reload_conf()");
        // The server is told by a signal; new sessions know when it has read its files.
        let deadline = Instant::now() + Duration::from_secs(60);
        while loaded() == before && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(20));
        }
    };
    allow("host all all 127.0.0.1/32 trust");
    let needles = [
        "pg_hba.conf lets nobody replicate from here",
        "host replication postgres",
    ];
    refused(&stage.url, PHYSICAL, 6, &needles);
    allow("host all all 127.0.0.1/32 trust;host replication all 127.0.0.1/32 trust");
    configure(&stage, &stage.url, PHYSICAL);
    stage.run(&["rehearse", "--target", "shop"], 0);
}

#[test]
fn a_server_that_logs_too_little_is_not_copied() {
    let server = own_server("max_wal_senders = 0");
    let stage = Stage::on(server.server());
    stage.add_migration();
    configure(&stage, &stage.url, PHYSICAL);
    let check = |needle: &str| {
        let outcome = stage.run(&["rehearse", "--target", "shop"], 4);
        assert_says(&outcome.stderr, needle);
        assert_says(&outcome.stderr, "restart the server");
        assert_eq!(left(&stage), Vec::<PathBuf>::new());
    };
    stage.sql("alter system set max_wal_senders = 0");
    stage.sql("alter system set wal_level = 'replica'");
    server.stop().unwrap();
    server.start_again().unwrap();
    check("max_wal_senders is 0");
    stage.sql("alter system set wal_level = 'minimal'");
    server.stop().unwrap();
    server.start_again().unwrap();
    check("wal_level is `minimal`");
}

#[test]
fn what_a_killed_rehearsal_left_is_ended_and_removed_by_the_next() {
    let server = own_server("");
    let stage = Stage::on(server.server());
    stage.add_migration();
    configure(&stage, &stage.url, PHYSICAL);
    stage.write(
        "migrations/0001_age/up.sql",
        "alter table customers add column age integer;\nselect pg_sleep(30);",
    );
    let mut command = stage.command(&["rehearse", "--target", "shop"]);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    let left_server = loop {
        let found = left(&stage)
            .into_iter()
            .find(|home| home.join("socket/.s.PGSQL.5432").exists());
        if let Some(home) = found {
            break home;
        }
        assert!(Instant::now() < deadline, "no server was started");
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        thread::sleep(Duration::from_millis(20));
    };
    child.kill().unwrap();
    child.wait().unwrap();
    let marker = fs::read_to_string(left_server.join("maker.json")).unwrap();
    assert_says(&marker, &format!("\"pid\":{}", child.id()));
    let pid = fs::read_to_string(left_server.join("data/postmaster.pid")).unwrap();
    let process = Path::new("/proc")
        .join(pid.lines().next().unwrap())
        .join("cwd");
    assert!(process.exists(), "its server goes on");

    stage.add_migration();
    let swept = stage.run(&["rehearse", "--target", "shop"], 0);
    assert_says(
        &swept.stderr,
        left_server.file_name().unwrap().to_str().unwrap(),
    );
    assert!(!process.exists(), "its server was ended");
    assert_eq!(left(&stage), Vec::<PathBuf>::new());
}

#[test]
fn what_contradicts_itself_is_refused() {
    let stage = Stage::sqlite();
    stage.add_migration();
    let check = |rehearse: &str, code: i32, needle: &str| {
        configure(&stage, &stage.url, rehearse);
        let outcome = stage.run(&["rehearse", "--target", "shop"], code);
        assert_says(&outcome.stderr, needle);
    };
    check("from = 'physical'", 1, "names no `folder`");
    check("from = 'backup'\nfolder = 'x'", 1, "`folder`, which is for");
    check("command = ['true']\nbin = 'x'", 1, "`bin`, which is for");
    check(
        "checkpoint = 'spread'\nfrom = 'target'",
        1,
        "`checkpoint`, which is for",
    );
    check(
        "from = 'physical'\nfolder = 'x'\ncheckpoint = 'slow'",
        1,
        "`spread`",
    );
    check(PHYSICAL, 4, "no physical copies");
}
