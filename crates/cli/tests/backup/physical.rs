//! Physical backups: of a whole cluster, while others write.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tightrope_testkit::servers::{OwnServer, PostgresServer, bin_dir, postgres_majors};

use crate::shop::Shop;
use crate::stage::{Stage, assert_says};
use crate::stopped::killed_at;

pub(crate) fn own_server() -> OwnServer {
    OwnServer::start(postgres_majors()[0], "").unwrap()
}

/// A database on such a server, whose backups are physical ones.
pub(crate) fn stage_on(server: &OwnServer) -> Stage {
    let stage = Stage::on(server.server());
    stage.write(
        "tightrope.toml",
        "[backup]\nto = 'backups'\nkind = 'physical'\nprove = { folder = 'ground' }\n",
    );
    stage
}

/// What is left below a folder for throw-away servers.
fn left(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths
        .filter(|path| path.to_string_lossy().contains("tightrope_server_"))
        .collect()
}

/// Writes with several sessions, in small transactions, for as long as something else is done; one of them does not wait for the disk.
fn while_others_write<T>(server: &PostgresServer, database: &str, doing: impl FnOnce() -> T) -> T {
    struct Over<'a>(&'a AtomicBool);
    impl Drop for Over<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        // The writers stop also when what is done beside them fails.
        let _over = Over(&is_over);
        for number in 0..4 {
            let is_over = &is_over;
            scope.spawn(move || {
                let mut client = server.connect(database).unwrap();
                if number == 0 {
                    client.batch_execute("set synchronous_commit = off").unwrap();
                }
                while !is_over.load(Ordering::Relaxed) {
                    let sql = "insert into orders (customer, total) values (1, 7); update customers set name = name || '.' where id = ";
                    client.batch_execute(&format!("{sql}{}", number + 1)).unwrap();
                }
            });
        }
        doing()
    })
}

#[test]
fn a_cluster_is_taken_while_others_write_and_restored_into_a_folder() {
    let server = own_server();
    let stage = stage_on(&server);
    stage.sql("create unlogged table hits (id integer primary key); insert into hits values (1)");
    stage.sql("alter system set archive_mode = 'on'");
    stage.sql("alter system set archive_command = 'false'");
    server.stop().unwrap();
    server.start_again().unwrap();
    let taken = while_others_write(server.server(), &stage.name(), || {
        stage.run(&["backup", "--prove", "--json"], 0).json()
    });
    let manifest = &taken["manifest"];
    assert_eq!(manifest["kind"], "physical");
    assert_eq!(taken["proof"]["failures"], serde_json::json!([]));
    assert_says(&manifest["remarks"].to_string(), "`public.hits`");
    assert_eq!(left(&stage.path("ground")), Vec::<PathBuf>::new());
    assert_eq!(stage.listed(), ["proven"]);
    let listed = stage.run(&["backup", "list"], 0);
    assert_says(&listed.stdout, "physical proven");

    let rows = |table: &str| {
        let tables = manifest["tables"].as_array().unwrap();
        let found = tables
            .iter()
            .find(|one| one["shape"]["table"]["name"] == table);
        found.unwrap()["checksum"]["rows"].as_u64().unwrap()
    };
    assert_eq!(rows("hits"), 0);
    let restored = stage
        .run(&["restore", "--folder", "restored", "--json"], 0)
        .json();
    assert_says(&restored["remarks"].to_string(), "archiving is off");
    let folder = stage.path("restored");
    let port = start(&folder);
    let restored = PostgresServer {
        major: server.server().major,
        port,
    };
    let mut client = restored.connect(&stage.name()).unwrap();
    let one = |client: &mut postgres::Client, sql: &str| -> i64 {
        client.query_one(sql, &[]).unwrap().get(0)
    };
    assert_eq!(
        one(&mut client, "select count(*) from orders"),
        i64::try_from(rows("orders")).unwrap()
    );
    // It is a server like any other: what it writes, it keeps, and it archives nothing.
    client.batch_execute("insert into hits values (2)").unwrap();
    let mode: String = client.query_one("show archive_mode", &[]).unwrap().get(0);
    assert_eq!(mode, "off");
    let fsync: String = client.query_one("show fsync", &[]).unwrap().get(0);
    assert_eq!(fsync, "on");
    drop(client);
    control(&folder, &["-m", "fast", "stop"]);
}

/// Starts a server on a restored cluster, on a port of its own; gives the port.
fn start(folder: &Path) -> u16 {
    // Free again as soon as it is known.
    let free = |listener: std::net::TcpListener| listener.local_addr().unwrap().port();
    let port = free(std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let options = format!("-p {port} -k {}", folder.display());
    let log = folder.join("log").display().to_string();
    control(folder, &["-o", &options, "-l", &log, "start"]);
    port
}

/// Runs `pg_ctl` as whom the folder belongs to.
fn control(folder: &Path, arguments: &[&str]) {
    use std::os::unix::fs::MetadataExt as _;
    use std::os::unix::process::CommandExt as _;
    let owner = fs::metadata(folder).unwrap();
    let mut command = Command::new(bin_dir(postgres_majors()[0]).unwrap().join("pg_ctl"));
    command.args(["-w", "-s", "-D"]).arg(folder).args(arguments);
    if owner.uid() != fs::metadata("/proc/self").unwrap().uid() {
        command.uid(owner.uid()).gid(owner.gid());
    }
    let status = command.current_dir("/").status().unwrap();
    let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
    assert!(status.success(), "pg_ctl {arguments:?}\n{log}");
}

#[test]
fn a_cluster_with_a_tablespace_is_taken_encrypted_and_brought_into_a_bucket() {
    let server = own_server();
    let stage = stage_on(&server);
    let aside = format!("/tmp/{}", stage.name());
    stage.sql(&format!(
        "copy (select 1) to program 'mkdir -m 700 {aside}'"
    ));
    stage.sql(&format!("create tablespace aside location '{aside}'"));
    stage.sql("create table aside (id integer primary key, what text) tablespace aside; insert into aside values (1, 'one')");
    let shop = Shop::new(&stage);
    let key = ("TIGHTROPE_BACKUP_ENCRYPTION_KEY", "geheim und lang");
    let run = |arguments: &[&str]| {
        let command = shop.tightrope(arguments).env(key.0, key.1);
        command.run().expect_code(0)
    };
    run(&["backup", "--physical"]);
    assert_eq!(shop.left_here(), Vec::<String>::new());
    run(&["restore", "--folder", "restored"]);
    let link = fs::read_dir(stage.path("restored/pg_tblspc"))
        .unwrap()
        .flatten()
        .next()
        .unwrap();
    let there = fs::read_link(link.path()).unwrap();
    assert!(
        there.starts_with(stage.path("restored/tablespaces")),
        "{}",
        there.display()
    );
    assert!(fs::read_dir(there).unwrap().next().is_some());
    let port = start(&stage.path("restored"));
    let restored = PostgresServer {
        major: server.server().major,
        port,
    };
    let mut client = restored.connect(&stage.name()).unwrap();
    let what: String = client
        .query_one("select what from aside", &[])
        .unwrap()
        .get(0);
    assert_eq!(what, "one");
    drop(client);
    control(&stage.path("restored"), &["-m", "fast", "stop"]);
    stage.sql("drop table aside");
    stage.sql("drop tablespace aside");
    stage.sql(&format!("copy (select 1) to program 'rmdir {aside}'"));
}

#[test]
fn physical_backups_count_where_backups_are_asked_for() {
    let server = own_server();
    let stage = stage_on(&server);
    stage.add_migration();
    let configure = |more: &str| {
        stage.write(
            "tightrope.toml",
            &format!(
                "[policy]\nbackup = 'take'\n[targets.shop]\nurl = '{}'\n{more}\n[targets.shop.backup]\nto = 'backups'\n\
                 kind = 'physical'\nprove = {{ folder = 'ground' }}\nkeep_last = 1\nkeep_daily = 0\nkeep_weekly = 0\n",
                stage.url
            ),
        );
    };
    configure("");
    stage.run(&["backup", "--prove", "--target", "shop"], 0);
    configure("[targets.shop.rehearse]\nfrom = 'backup'");
    let rehearsed = stage
        .run(&["rehearse", "--target", "shop", "--json"], 0)
        .json();
    assert_says(
        &rehearsed["copy"]["method"].to_string(),
        "template of the restored backup",
    );
    stage.run(&["drill", "restore", "--target", "shop"], 0);
    stage.run(&["apply", "--yes", "--target", "shop"], 0);
    assert_eq!(
        stage.listed(),
        ["stale"],
        "the migration changed the schema"
    );
    stage.run(&["backup", "--prove", "--target", "shop"], 0);
    stage.run(&["seal", "--yes", "--target", "shop"], 0);
    stage.run(&["backup", "prune", "--yes", "--target", "shop"], 0);
    assert_eq!(stage.listed().last().unwrap(), "proven");
    assert_eq!(left(&stage.path("ground")), Vec::<PathBuf>::new());
}

#[test]
fn what_cannot_be_made_of_a_backup_is_refused() {
    let server = own_server();
    let stage = stage_on(&server);
    stage.run(&["backup"], 0);
    let physical = stage.names()[0].clone();
    let new = stage.beside("new");
    let refused = |arguments: &[&str], code: i32, needle: &str| {
        let outcome = stage.run(arguments, code);
        assert_says(&outcome.stderr, needle);
    };
    refused(
        &["restore", "--into", &new],
        4,
        "a database of another server cannot be made of it",
    );
    refused(
        &["restore", "--into", &new, "--replay"],
        4,
        "replay changes onto",
    );
    refused(
        &["restore", "--into", &new, "--table", "orders"],
        4,
        "single tables cannot",
    );
    assert!(stage.state_of(&new).is_none());
    refused(&["backup", "--with-changes"], 4, "no change log is begun");
    stage.write("full/something", "precious");
    refused(&["restore", "--folder", "full"], 4, "is not touched");
    assert_eq!(
        fs::read_to_string(stage.path("full/something")).unwrap(),
        "precious"
    );
    refused(&["restore", "--folder", "no/where"], 1, "the folder above");
    refused(
        &["restore", "--folder", "x", "--into", &new],
        64,
        "cannot be used with",
    );
    stage.write("tightrope.toml", "[backup]\nto = 'backups'\n");
    refused(&["backup", "prove"], 1, "no folder for its data is named");
    stage.run(&["backup"], 0);
    refused(
        &["restore", "--folder", "x"],
        4,
        "of one database, and no cluster",
    );
    stage.run(&["restore", &physical, "--folder", "x"], 0);
    let check = |text: &str, needle: &str| {
        stage.write("tightrope.toml", text);
        refused(&["backup", "list"], 1, needle);
    };
    check(
        "[backup]\nto = 'b'\nkind = 'physical'\nchanges = true\n",
        "changes are replayed onto logical",
    );
    check(
        "[backup]\nto = 'b'\nprove = {}\n",
        "names neither a `url` nor a `folder`",
    );
    check("[backup]\nto = 'b'\nkind = 'whole'\n", "`logical`");
    let file = Stage::sqlite();
    let outcome = file.run(&["backup", "--physical", "--to", "backups"], 4);
    assert_says(&outcome.stderr, "no physical backups");
}

/// More edges than any run here has.
const MOST_EDGES: usize = 60;

#[test]
fn a_physical_backup_killed_at_every_edge_is_whole_or_not_there() {
    let server = own_server();
    let stage = stage_on(&server);
    let arguments = ["backup", "--prove"];
    for edge in 1..MOST_EDGES {
        let _ = fs::remove_dir_all(stage.path("backups"));
        if !killed_at(&mut stage.command(&arguments), edge) {
            assert!(edge > 14, "only {} edges were seen", edge - 1);
            assert_eq!(stage.listed(), ["proven"]);
            assert_eq!(left(&stage.path("ground")), Vec::<PathBuf>::new());
            return;
        }
        let listed = stage.listed();
        assert!(
            listed.is_empty() || listed == ["unproven"] || listed == ["proven"],
            "after edge {edge}: {listed:?}"
        );
    }
    panic!("more than {MOST_EDGES} edges");
}

#[test]
fn a_backup_killed_while_files_are_copied_leaves_nothing_that_looks_whole() {
    let server = own_server();
    let stage = stage_on(&server);
    let fast = fs::read_to_string(stage.path("tightrope.toml")).unwrap();
    stage.write("tightrope.toml", &format!("{fast}checkpoint = 'spread'\n"));
    let mut child = stage
        .command(&["backup"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let halves = || -> Vec<PathBuf> {
        let entries = fs::read_dir(stage.path("backups"))
            .into_iter()
            .flatten()
            .flatten();
        let paths = entries.map(|entry| entry.path());
        paths
            .filter(|path| path.to_string_lossy().ends_with(".part"))
            .collect()
    };
    while !halves()
        .iter()
        .any(|half| half.join("data/cluster").exists())
    {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(stage.listed(), Vec::<String>::new());
    stage.write("tightrope.toml", &fast);
    stage.run(&["backup", "--prove"], 0);
    assert_eq!(stage.listed(), ["proven"]);
    assert_eq!(halves(), Vec::<PathBuf>::new());
    let slots = "select count(*)::text from pg_replication_slots where not temporary";
    assert_eq!(stage.one(slots), "0");
}

#[test]
fn a_restore_into_a_folder_killed_at_every_edge_is_whole_or_not_there() {
    let server = own_server();
    let stage = stage_on(&server);
    stage.run(&["backup"], 0);
    for edge in 1..MOST_EDGES {
        let folder = format!("restored{edge}");
        let arguments = ["restore", "--folder", &folder];
        let was_killed = killed_at(&mut stage.command(&arguments), edge);
        let folder = stage.path(&folder);
        if folder.exists() {
            // It is the whole cluster, stopped in order, with nothing that would lead it back.
            assert!(folder.join("PG_VERSION").exists(), "after edge {edge}");
            for gone in ["postmaster.pid", "recovery.signal", "backup_label"] {
                assert!(!folder.join(gone).exists(), "{gone} after edge {edge}");
            }
            start(&folder);
            control(&folder, &["-m", "immediate", "stop"]);
            fs::remove_dir_all(&folder).unwrap();
        }
        if !was_killed {
            assert!(edge > 6, "only {} edges were seen", edge - 1);
            assert_eq!(left(&stage.path("")), Vec::<PathBuf>::new());
            return;
        }
    }
    panic!("more than {MOST_EDGES} edges");
}
