//! What is captured, what never is, and files that are no workload.

use crate::stage::Stage;

const LOG: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../workload/src/logs/samples/server"
);

#[test]
fn queries_come_from_the_server_s_statistics_without_secrets_and_without_ours() {
    let stage = Stage::postgres();
    let database = stage.database();
    database
        .execute("create extension pg_stat_statements")
        .unwrap();
    let mut client = database.connect().unwrap();
    for id in 1..=5 {
        client
            .query(
                "select note /* secret trace */ from orders where customer = $1",
                &[&id],
            )
            .unwrap();
    }
    client
        .batch_execute("select id from customers where email = 'ana@example.org'")
        .unwrap();
    let role = format!("app_{}", database.name);
    // A server that all tests share forgets first what was run once.
    for _ in 0..20 {
        client
            .batch_execute(&format!(
                "create role {role} password 'hunter2'; drop role {role}"
            ))
            .unwrap();
    }
    // Our own reading is in the statistics, too.
    stage.migration("create table other (a int);");
    stage.run("plan", 2);
    let captured = stage
        .run("workload capture --output workload.toml --json", 0)
        .json();
    let text = stage.read("workload.toml");
    for secret in ["ana@", "hunter2", "trace", "tightrope.", "pg_catalog"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    assert!(
        text.contains("select note  from orders where customer = $1")
            || text.contains("select note from orders where customer = $1"),
        "{text}"
    );
    assert!(text.contains("calls = 5"), "{text}");
    assert!(
        captured["left_out"]["utility statements"].as_u64().unwrap() > 0,
        "{captured:#}"
    );
    stage.run("rehearse --workload workload.toml", 0);
}

#[test]
fn a_server_without_statistics_says_how_to_get_them() {
    let stage = Stage::postgres();
    let refused = stage.run("workload capture --output workload.toml", 1);
    assert!(
        refused
            .stderr
            .contains("create extension pg_stat_statements"),
        "{refused}"
    );
    assert!(!stage.path("workload.toml").exists());
}

#[test]
fn logs_are_captured_in_every_format_and_replayed() {
    for format in ["log", "csv", "json"] {
        let stage = Stage::postgres();
        stage.write(
            "server",
            &std::fs::read_to_string(format!("{LOG}.{format}")).unwrap(),
        );
        let capture = "workload capture --from log server --database shop --parameters --output workload.toml";
        let told = stage.run(capture, 0).stdout;
        assert!(told.contains("look like secrets"), "{told}");
        let text = stage.read("workload.toml");
        for secret in ["hunter2", "deadbeef", "ana@"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
        stage.migration("create table other (a int);");
        let migration = stage.rehearse(0);
        assert!(
            migration["workload"]["replay"]["queries"].as_u64() > Some(2),
            "{migration:#}"
        );
    }
}

#[test]
fn a_file_that_is_damaged_or_of_another_version_is_refused_before_anything_is_copied() {
    let stage = Stage::postgres();
    stage.queries("select note from orders where customer = 7;");
    stage.migration("create table other (a int);");
    let whole = stage.read("workload.toml");
    let check = |text: &str, expect: &str| {
        stage.write("workload.toml", text);
        let refused = stage.run("rehearse --workload workload.toml", 1);
        let told = refused
            .stderr
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        assert!(told.contains(expect), "{expect}: {told}");
        assert!(told.contains("hint:"), "{told}");
        assert!(!told.contains("template of"), "{told}");
    };
    check(&whole[..whole.len() - 30], "ends before its end");
    check(
        &whole.replace("tightrope_workload = 1", "tightrope_workload = 2"),
        "has layout 2",
    );
    check(
        &whole.replace("where customer", "where id"),
        "is not what its fingerprint",
    );
    check(
        &whole.replace("engine = \"postgres\"", "engine = \"sqlite\""),
        "captured on sqlite",
    );
    check("hello", "cannot be understood");
    std::fs::remove_file(stage.path("workload.toml")).unwrap();
    let refused = stage.run("rehearse --workload workload.toml", 1);
    assert!(refused.stderr.contains("cannot read"), "{refused}");
}

#[test]
fn mistakes_on_the_command_line_are_told_apart() {
    let stage = Stage::sqlite();
    let check = |arguments: &str, code: i32, expect: &str| {
        let refused = stage.run(arguments, code);
        assert!(refused.stderr.contains(expect), "{refused}");
    };
    check(
        "workload capture --from log --output w.toml",
        64,
        "names no source",
    );
    check(
        "workload capture --from lgo x --output w.toml",
        64,
        "names no source",
    );
    check("workload capture", 1, "no file is named");
    check(
        "workload capture --from file nothing.sql --output w.toml",
        1,
        "cannot read",
    );
    // What was just typed is no advice.
    for (from, hint) in [
        ("log server.csv", "pg_current_logfile()"),
        ("file nothing.sql", "a file of queries"),
    ] {
        let refused = stage.run(
            &format!("workload capture --from {from} --output w.toml"),
            1,
        );
        assert!(refused.stderr.contains(hint), "{refused}");
        assert!(!refused.stderr.contains("workload capture"), "{refused}");
    }
    stage.write("empty.sql", "create table t (a int);");
    check(
        "workload capture --from file empty.sql --output w.toml",
        1,
        "holds no query",
    );
    stage.write("notes.txt", "mine");
    stage.write("q.sql", "select 1 from orders;");
    check(
        "workload capture --from file q.sql --output notes.txt",
        4,
        "is no workload",
    );
    assert_eq!(stage.read("notes.txt"), "mine");
    check(
        "workload capture --output w.toml",
        1,
        "SQLite remembers no statements",
    );
}

#[test]
fn values_in_double_quotes_are_told_from_names_by_the_database_on_sqlite() {
    let stage = Stage::sqlite();
    stage.sqlite_execute("create view people as select name as title from customers");
    stage.write(
        "queries.sql",
        "select \"c\".\"Name\", \"title\" from \"customers\" \"c\", people where \"name\" = \"geheim\" and note = \"it's\";
        insert into customers values (7, 'verborgen', null);
        select id from orders where note = 'DE89 3704 0044 0532 0130 00';",
    );
    let capture = "workload capture --parameters --from file queries.sql --output workload.toml";
    stage.run(capture, 0);
    let text = stage.read("workload.toml");
    let normal = "select \\\"c\\\".\\\"Name\\\", \\\"title\\\" from \\\"customers\\\" \\\"c\\\", people where \\\"name\\\" = $1 and note = $2";
    let plain = normal.replace('\\', "");
    assert!(text.contains(normal) || text.contains(&plain), "{text}");
    for secret in ["verborgen", "DE89"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    // Without samples nothing of them is left.
    stage.run(
        "workload capture --from file queries.sql --output workload.toml",
        0,
    );
    let text = stage.read("workload.toml");
    for secret in ["geheim", "it's", "verborgen", "DE89"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    // Where nobody can say what is a name, such a query is left out.
    let nowhere =
        "workload capture --url sqlite://nowhere.db --from file queries.sql --output workload.toml";
    let told = stage.run(nowhere, 0).stdout;
    assert!(told.contains("double quotes"), "{told}");
    assert!(!stage.read("workload.toml").contains("geheim"));
    assert!(!stage.path("nowhere.db").exists());
}
