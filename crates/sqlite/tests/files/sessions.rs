//! Sessions: opening, transactions, locks, settings, counting.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use crate::support::{Database, must, run, state};
use tightrope_engine::{
    Alive, ConnectOptions, DatabaseUrl, Engine, EngineError, ErrorKind, Liveness,
};
use tightrope_model::Value;
use tightrope_sqlite::SqliteEngine;

fn connect(url: &str, read_only: bool) -> Result<(), EngineError> {
    let options = ConnectOptions {
        read_only,
        ..ConnectOptions::default()
    };
    SqliteEngine::new()
        .connect(&DatabaseUrl::new(url), &options)
        .map(drop)
}

fn check_refused(url: &str, read_only: bool, kind: ErrorKind, words: &str) {
    let error = connect(url, read_only).unwrap_err();
    assert_eq!(error.kind, kind, "{error:?}");
    assert!(error.message.contains(words), "{error:?}");
    assert!(error.hint.is_some(), "{error:?}");
}

#[test]
fn what_cannot_be_opened_says_why() {
    let database = Database::new("create table t (a)");
    let folder = database.folder.path();
    let at = |name: &str| folder.join(name).display().to_string();
    check_refused(
        &at("none.db"),
        true,
        ErrorKind::DatabaseMissing,
        "does not exist",
    );
    check_refused(
        &at("no/none.db"),
        false,
        ErrorKind::DatabaseMissing,
        "the folder",
    );
    check_refused(
        &folder.display().to_string(),
        false,
        ErrorKind::Unreachable,
        "is a folder",
    );
    std::fs::write(folder.join("text.db"), "x".repeat(2_000)).unwrap();
    check_refused(&at("text.db"), false, ErrorKind::Damaged, "not a database");
    check_refused(":memory:", false, ErrorKind::Unsupported, "in memory");
    connect(&at("new.db"), false).unwrap();
    assert!(folder.join("new.db").exists());
}

#[test]
fn a_damaged_file_is_told_apart() {
    use std::io::{Seek, SeekFrom};
    let database = Database::new("create table t (a); insert into t values (zeroblob(100000))");
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .open(database.path())
        .unwrap();
    file.seek(SeekFrom::Start(4096)).unwrap();
    file.write_all(&[0xee; 8192]).unwrap();
    drop(file);
    let mut session = database.session();
    let catalog = session.catalog().unwrap();
    let error = session.checksums(catalog.tables()).unwrap_err();
    assert_eq!(
        (error.kind, error.code.as_deref()),
        (ErrorKind::Damaged, Some("SQLITE_CORRUPT")),
        "{error:?}"
    );
    assert!(error.hint.unwrap().contains("integrity_check"));
}

#[test]
fn a_session_that_only_reads_cannot_write() {
    let database = Database::new("create table t (a)");
    let mut session = database.connect(true).unwrap();
    session.begin().unwrap();
    state(session.as_mut());
    let error = run(session.as_mut(), "insert into t values (1)").unwrap_err();
    assert_eq!(error.kind, ErrorKind::PermissionDenied);
    session.roll_back().unwrap();
}

#[test]
fn foreign_keys_are_off_unless_asked_for() {
    let database =
        Database::new("create table p (id integer primary key); create table c (p references p)");
    let mut session = database.session();
    must(session.as_mut(), "insert into c values (1)");
    let url = DatabaseUrl::new(format!("{}?foreign_keys=on", database.url().secret()));
    let mut strict = SqliteEngine::new()
        .connect(&url, &ConnectOptions::default())
        .unwrap();
    let error = run(strict.as_mut(), "insert into c values (1)").unwrap_err();
    assert_eq!(error.code.as_deref(), Some("SQLITE_CONSTRAINT_FOREIGNKEY"));
}

#[test]
fn rebuilding_a_parent_leaves_its_children_alone() {
    let database = Database::new(
        "create table p (id integer primary key, a); create table c (id integer primary key, p references p on delete cascade);
         insert into p values (1, 'x'); insert into c values (1, 1), (2, 1)",
    );
    let mut session = database.session();
    session.start_counting_rows().unwrap();
    session.begin().unwrap();
    for sql in [
        "create table n (id integer primary key, a text)",
        "insert into n select * from p",
        "drop table p",
        "alter table n rename to p",
    ] {
        must(session.as_mut(), sql);
    }
    let changed = session.rows_changed().unwrap();
    assert_eq!(
        (
            changed.len(),
            changed[0].0.name.as_str(),
            changed[0].1.inserted
        ),
        (1, "p", 1)
    );
    session.commit().unwrap();
    assert_eq!(
        session.query("select count(*) from c", &[]).unwrap(),
        [[Value::Integer(2)]]
    );
    assert!(
        session
            .query("pragma foreign_key_check", &[])
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_deferred_violation_at_commit_undoes_everything() {
    let database = Database::new(
        "create table p (id integer primary key); create table c (p references p deferrable initially deferred)",
    );
    let url = DatabaseUrl::new(format!("{}?foreign_keys=on", database.url().secret()));
    let mut session = SqliteEngine::new()
        .connect(&url, &ConnectOptions::default())
        .unwrap();
    session.begin().unwrap();
    must(session.as_mut(), "insert into c values (1)");
    assert_eq!(session.commit().unwrap_err().kind, ErrorKind::DataViolation);
    session.begin().unwrap();
    assert_eq!(
        session.query("select count(*) from c", &[]).unwrap(),
        [[Value::Integer(0)]]
    );
    session.roll_back().unwrap();
}

#[test]
fn errors_name_their_place() {
    let database = Database::new("create table t (a)");
    let mut session = database.session();
    let error = run(
        session.as_mut(),
        "alter table t\n  add colum b integer default",
    )
    .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Syntax);
    assert!(error.position.is_some(), "{error:?}");
    let error = run(session.as_mut(), "insert into t (é, b) values (1, 2)").unwrap_err();
    assert_eq!(error.kind, ErrorKind::DoesNotExist);
}

#[test]
fn a_full_disk_leaves_everything_as_it_was() {
    let database = Database::new("create table t (a); insert into t values (zeroblob(5000))");
    let mut session = database.session();
    let before = state(session.as_mut());
    must(session.as_mut(), "pragma max_page_count = 8");
    session.begin().unwrap();
    must(session.as_mut(), "create table u (a)");
    let error = run(session.as_mut(), "insert into u values (zeroblob(100000))").unwrap_err();
    assert_eq!(
        (error.kind, error.code.as_deref()),
        (ErrorKind::OutOfSpace, Some("SQLITE_FULL"))
    );
    assert!(error.hint.is_some());
    session.roll_back().unwrap();
    let after = state(session.as_mut());
    assert!(before.0.differences(&after.0).is_empty());
    assert_eq!(before.1, after.1);
}

#[test]
fn reset_brings_every_setting_back() {
    let database = Database::new("create table t (a)");
    let mut session = database.session();
    let read = "select (select * from pragma_foreign_keys), (select * from pragma_recursive_triggers), (select * from pragma_legacy_alter_table), 'a' like 'A', (select count(*) from pragma_database_list)";
    let before = must(session.as_mut(), read).rows;
    for sql in [
        "pragma foreign_keys = on",
        "pragma recursive_triggers = on",
        "pragma legacy_alter_table = on",
        "pragma case_sensitive_like = on",
        "pragma writable_schema = on",
        "pragma busy_timeout = 1",
        "pragma locking_mode = exclusive",
        "create temp table scratch (a)",
    ] {
        must(session.as_mut(), sql);
        session.reset().unwrap();
        assert_eq!(must(session.as_mut(), read).rows, before, "{sql}");
    }
    session.begin().unwrap();
    assert!(session.reset().is_err());
}

#[test]
fn another_database_is_not_attached() {
    let database = Database::new("create table t (a)");
    let mut session = database.session();
    let attach = " -- why\n ATTACH DATABASE 'other.db' as other";
    let error = run(session.as_mut(), attach).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported);
    assert!(error.hint.is_some());
}

#[test]
fn the_file_is_kept_beside_and_proven() {
    for mode in ["delete", "wal"] {
        let database = Database::new(&format!(
            "pragma journal_mode = {mode}; create table t (a); insert into t values (1), (2); create table u (b)"
        ));
        let mut session = database.session();
        let kept = session.keep_beside("0007_add phone").unwrap().unwrap();
        assert!(
            kept.path.ends_with("shop.db.before-0007_add-phone"),
            "{kept:?}"
        );
        assert_eq!((kept.tables, kept.rows), (2, 2));
        assert!(kept.bytes > 0);
        let again = session.keep_beside("0007_add phone").unwrap().unwrap();
        assert!(again.path.ends_with(".2"), "{again:?}");
        let copy = rusqlite::Connection::open(&kept.path).unwrap();
        let count = copy.query_row("select count(*) from t", [], |row| row.get::<_, i64>(0));
        assert_eq!(count.unwrap(), 2);
        assert!(database.files().iter().all(|name| !name.contains(".part")));
        session.begin().unwrap();
        assert!(session.keep_beside("x").is_err());
    }
}

#[test]
fn counting_goes_on_after_a_reset_and_starts_over_after_a_rollback() {
    let database = Database::new("create table t (a)");
    let mut session = database.session();
    session.start_counting_rows().unwrap();
    must(session.as_mut(), "pragma foreign_keys = on");
    session.reset().unwrap();
    session.begin().unwrap();
    must(session.as_mut(), "insert into t values (1), (2)");
    assert_eq!(session.rows_changed().unwrap()[0].1.inserted, 2);
    session.roll_back().unwrap();
    assert!(session.rows_changed().unwrap().is_empty());
}

#[test]
fn the_store_is_written_in_the_dialect() {
    let database = Database::new("");
    let mut session = database.session();
    assert!(!session.has_store().unwrap());
    let dialect = session.store_dialect();
    let table = format!("{}journal", dialect.prefix);
    let create = format!("create table {table} (id {}, at text)", dialect.serial_key);
    session.query(&create, &[]).unwrap();
    assert!(session.has_store().unwrap());
    let insert = format!(
        "insert into {table} (at) values ({}) returning id, at",
        dialect.now
    );
    let rows = session.query(&insert, &[]).unwrap();
    assert_eq!(rows[0][0], Value::Integer(1));
    let at = rows[0][1].text().unwrap();
    assert_eq!(
        (at.len(), &at[10..11], &at[19..20], &at[26..]),
        (27, "T", ".", "Z")
    );
    let select = format!("select id from {table} where at > $1{}", dialect.for_update);
    assert_eq!(session.query(&select, &["2000".into()]).unwrap().len(), 1);
}

/// Another process that holds a lock until its input closes: this test binary, asked for one test alone.
struct Holder(Child);

impl Holder {
    fn start(database: &Database, sql: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "sessions::hold_a_lock",
                "--ignored",
                "--nocapture",
            ])
            .env("TIGHTROPE_TEST_DATABASE", database.path())
            .env("TIGHTROPE_TEST_SQL", sql)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut lines = output.lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("the lock is held")));
        std::thread::spawn(move || lines.for_each(drop));
        Self(child)
    }

    fn pid(&self) -> i64 {
        i64::from(self.0.id())
    }

    fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.kill();
    }
}

#[test]
#[ignore = "it is the other process of other tests"]
fn hold_a_lock() {
    let (Some(path), Ok(sql)) = (
        std::env::var_os("TIGHTROPE_TEST_DATABASE"),
        std::env::var("TIGHTROPE_TEST_SQL"),
    ) else {
        return;
    };
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.execute_batch(&sql).unwrap();
    println!("\nthe lock is held");
    std::io::stdout().flush().unwrap();
    // Until the other side closes, or kills.
    let _ = std::io::stdin().read_line(&mut String::new());
}

fn check_holder(setup: &str, sql: &str, lock: &str) {
    let database = Database::new(&format!("{setup}; create table t (a)"));
    let mut holder = Holder::start(&database, sql);
    let mut session = database.session();
    session.set_lock_timeout(50).unwrap();
    let error = session.begin().unwrap_err();
    assert_eq!(error.kind, ErrorKind::LockNotGranted, "{error:?}");
    let [blocker] = &error.blockers[..] else {
        panic!("{error:?}");
    };
    assert_eq!(blocker.pid, holder.pid());
    assert_eq!(blocker.lock.as_deref(), Some(lock));
    assert!(blocker.application.contains("hold_a_lock"), "{blocker:?}");
    assert!(!blocker.user.is_empty() && blocker.seconds.is_some());
    assert_eq!(session.blockers(None).unwrap(), error.blockers);
    holder.kill();
    session.begin().unwrap();
    must(session.as_mut(), "insert into t values (1)");
    session.commit().unwrap();
    assert!(session.blockers(None).unwrap().is_empty());
}

#[test]
#[cfg(target_os = "linux")]
fn the_process_that_writes_is_named() {
    check_holder(
        "pragma journal_mode = delete",
        "begin immediate",
        "write lock on shop.db",
    );
    check_holder(
        "pragma journal_mode = delete",
        "begin exclusive",
        "write lock on shop.db",
    );
    check_holder(
        "pragma journal_mode = wal",
        "begin immediate",
        "write lock on shop.db",
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_reader_in_the_way_of_a_commit_is_named_and_nothing_is_left() {
    let database = Database::new("pragma journal_mode = delete; create table t (a)");
    let mut session = database.session();
    session.set_lock_timeout(50).unwrap();
    session.begin().unwrap();
    must(session.as_mut(), "insert into t values (1)");
    let mut holder = Holder::start(&database, "begin; select * from t");
    let error = session.commit().unwrap_err();
    assert_eq!(error.kind, ErrorKind::LockNotGranted);
    assert_eq!(
        error.blockers[0].lock.as_deref(),
        Some("read lock on shop.db")
    );
    holder.kill();
    assert!(session.query("select * from t", &[]).unwrap().is_empty());
}

#[test]
#[cfg(target_os = "linux")]
fn what_a_killed_process_left_is_rolled_back_by_a_reader() {
    let database =
        Database::new("pragma journal_mode = delete; create table t (a); insert into t values (1)");
    let sql = "pragma cache_size = 1; pragma cache_spill = 1; begin; update t set a = 2;
        with recursive n(i) as (select 1 union all select i + 1 from n where i < 20) insert into t select zeroblob(20000) from n";
    let mut holder = Holder::start(&database, sql);
    holder.kill();
    assert!(
        database
            .files()
            .iter()
            .any(|name| name.ends_with("-journal"))
    );
    let mut session = database.connect(true).unwrap();
    assert_eq!(
        session.query("select a from t", &[]).unwrap(),
        [[Value::Integer(1)]]
    );
}

#[test]
fn two_sessions_wait_for_each_other() {
    let database = Database::new("create table t (a)");
    let (mut first, mut second) = (database.session(), database.session());
    second.set_lock_timeout(20).unwrap();
    first.begin().unwrap();
    assert_eq!(second.begin().unwrap_err().kind, ErrorKind::LockNotGranted);
    second.set_lock_timeout(30_000).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(move || second.begin().map(|()| second.roll_back()));
        must(first.as_mut(), "insert into t values (1)");
        first.commit().unwrap();
        waiting.join().unwrap().unwrap().unwrap();
    });
}

#[test]
#[cfg(target_os = "linux")]
fn the_evidence_of_a_session_outlives_it() {
    let database = Database::new("");
    let mut session = database.session();
    let evidence = session.liveness().unwrap();
    assert_eq!(session.is_alive(&evidence).unwrap(), Alive::Yes);
    let gone = Liveness(evidence.0.replace("start=", "start=9"));
    assert_eq!(session.is_alive(&gone).unwrap(), Alive::No);
    assert_eq!(
        session.is_alive(&Liveness("other".into())).unwrap(),
        Alive::Unknown
    );
    assert!(!session.end_orphan(&gone).unwrap());
}

/// Runs a test of this binary as a user who owns nothing; none where that cannot be done.
#[cfg(target_os = "linux")]
fn as_nobody(test: &str, database: &Database) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::process::CommandExt;
    if std::fs::metadata("/proc/self").ok()?.uid() != 0 {
        return None;
    }
    // A folder that anybody can reach: the build's own may not be.
    let reachable = tempfile::Builder::new()
        .prefix("tightrope")
        .tempdir()
        .ok()?;
    let binary = reachable.path().join("test");
    std::fs::copy(std::env::current_exe().ok()?, &binary).ok()?;
    open_to_all(reachable.path());
    open_to_all(database.folder.path());
    let output = Command::new(&binary)
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env("TIGHTROPE_TEST_DATABASE", database.path())
        .current_dir("/")
        .uid(65_534)
        .gid(65_534)
        .output()
        .ok()?;
    assert!(output.status.success(), "{output:?}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(target_os = "linux")]
fn open_to_all(folder: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
#[cfg(target_os = "linux")]
fn who_may_not_write_is_told_so_and_may_read() {
    let database = Database::new("create table t (a)");
    let Some(output) = as_nobody("sessions::try_without_permission", &database) else {
        println!("skipped: only root can become somebody else");
        return;
    };
    assert!(output.contains("everything was refused"), "{output}");
}

#[test]
#[cfg(target_os = "linux")]
#[ignore = "it is the other process of another test"]
fn try_without_permission() {
    let Some(path) = std::env::var_os("TIGHTROPE_TEST_DATABASE") else {
        return;
    };
    let path = path.to_string_lossy().into_owned();
    let engine = SqliteEngine::new();
    let url = DatabaseUrl::new(&path);
    let mut session = engine.connect(&url, &ConnectOptions::default()).unwrap();
    assert_eq!(session.catalog().unwrap().tables().len(), 1);
    session
        .begin()
        .unwrap_or_else(|error| assert_eq!(error.kind, ErrorKind::PermissionDenied));
    let error = run(session.as_mut(), "insert into t values (1)").unwrap_err();
    assert_eq!(error.kind, ErrorKind::PermissionDenied, "{error:?}");
    assert!(error.hint.is_some());
    let new = DatabaseUrl::new(path.replace("shop.db", "new.db"));
    let Err(error) = engine.connect(&new, &ConnectOptions::default()) else {
        panic!("the folder may not be written");
    };
    assert_eq!(error.kind, ErrorKind::PermissionDenied, "{error:?}");
    let place = tightrope_engine::CopyPlace::default();
    let Err(error) = engine.cloner().unwrap().copy(&url, &place) else {
        panic!("the folder may not be written");
    };
    assert_eq!(error.kind, ErrorKind::PermissionDenied, "{error:?}");
    println!("everything was refused");
}
