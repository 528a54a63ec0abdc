//! The servers of the tests are what the tests take them for.

use std::process::Command;

use tightrope_testkit::servers::{self, PostgresOptions};

#[test]
fn every_major_serves() {
    for major in servers::postgres_majors() {
        let server = servers::postgres(major).unwrap();
        let database = server.create_database().unwrap();
        let mut client = database.connect().unwrap();
        let settings = client
            .query_one(
                "select current_setting('server_version_num')::int / 10000, current_setting('fsync'),
                 current_setting('wal_level'), current_setting('server_encoding'), current_setting('TimeZone')",
                &[],
            )
            .unwrap();
        assert_eq!(settings.get::<_, i32>(0), i32::try_from(major).unwrap());
        let words: Vec<String> = (1..5).map(|index| settings.get(index)).collect();
        assert_eq!(words, ["off", "logical", "UTF8", "UTC"]);
    }
}

#[test]
fn a_server_is_shared_and_a_database_is_not() {
    let (one, other) = (
        servers::postgres(15).unwrap(),
        servers::postgres(15).unwrap(),
    );
    assert_eq!(one.port, other.port);
    let (one, other) = (
        one.create_database().unwrap(),
        other.create_database().unwrap(),
    );
    one.execute("create table t ()").unwrap();
    other.execute("create table t ()").unwrap();
}

#[test]
fn a_database_ends_with_its_test_whoever_is_connected() {
    let majors = servers::postgres_majors();
    for server in majors
        .into_iter()
        .map(|major| servers::postgres(major).unwrap())
    {
        let database = server.create_database().unwrap();
        let name = database.name.clone();
        let _session = database.connect().unwrap();
        drop(database);
        let left = server
            .connect("postgres")
            .unwrap()
            .query("select from pg_database where datname = $1", &[&name])
            .unwrap();
        assert!(left.is_empty());
    }
}

#[test]
fn a_server_for_crash_tests_is_durable_and_another_one() {
    let durable = servers::postgres_with(15, PostgresOptions { fsync: true }).unwrap();
    assert_ne!(durable.port, servers::postgres(15).unwrap().port);
    let row = durable
        .connect("postgres")
        .unwrap()
        .query_one("show fsync", &[])
        .unwrap();
    assert_eq!(row.get::<_, &str>(0), "on");
}

#[test]
fn a_client_reads_every_major() {
    for major in servers::postgres_majors() {
        let database = servers::postgres(major).unwrap().create_database().unwrap();
        database.execute("create table kept (id int)").unwrap();
        let dump = Command::new(servers::client_bin_dir(major).unwrap().join("pg_dump"))
            .arg(database.url())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&dump.stdout);
        assert!(text.contains("CREATE TABLE public.kept"), "{dump:?}");
    }
}
