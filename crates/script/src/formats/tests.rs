//! Folders in memory, read and told apart.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tightrope_model::{EngineKind, Finding, Severity};

use crate::{
    Folder, Format, MigrationKind, ReadSettings, SourceFile, TransactionMode, read_folder,
};

fn read(files: &[(&str, &str)]) -> (Option<Folder>, Vec<Finding>) {
    read_with(files, &ReadSettings::new(EngineKind::Postgres))
}

fn read_with(files: &[(&str, &str)], settings: &ReadSettings) -> (Option<Folder>, Vec<Finding>) {
    let files: Vec<SourceFile> = files
        .iter()
        .map(|(path, text)| SourceFile {
            path: PathBuf::from(path),
            content: Ok(text.as_bytes().to_vec()),
        })
        .collect();
    read_folder(Path::new("m"), &files, settings)
}

fn good(files: &[(&str, &str)]) -> Folder {
    let (folder, findings) = read(files);
    assert_eq!(findings, [], "{files:?}");
    folder.unwrap()
}

/// The findings as `severity rule file:line`.
fn complaints(files: &[(&str, &str)], expect: &[&str]) -> Vec<Finding> {
    let (_, findings) = read(files);
    let words: Vec<String> = findings
        .iter()
        .map(|finding| {
            let place = finding.place.as_ref();
            let place = place.map_or(String::new(), |p| {
                format!(" {}:{}", p.file.display(), p.line)
            });
            format!("{} {}{place}", finding.severity, finding.rule)
        })
        .collect();
    assert_eq!(words, expect, "{files:?}");
    assert!(
        findings.iter().all(|finding| finding.hint.is_some()),
        "{findings:?}"
    );
    findings
}

fn labels(folder: &Folder) -> Vec<String> {
    folder.migrations.iter().map(|m| m.label()).collect()
}

/// The forward and the rollback script with their modes.
fn scripts(
    folder: &Folder,
    index: usize,
) -> (&str, TransactionMode, Option<(&str, TransactionMode)>) {
    let migration = &folder.migrations[index];
    let rollback = migration
        .rollback
        .as_ref()
        .map(|s| (s.source(), s.transaction));
    (
        migration.forward.source(),
        migration.forward.transaction,
        rollback,
    )
}

use TransactionMode::{Auto, Never, Required};

#[test]
fn native_folders_are_read() {
    let folder = good(&[
        ("10_b/up.sql", "b"),
        ("2_a/up.sql", "\u{feff}a"),
        ("2_a/down.sql", "-a"),
        ("2_a/verify.sql", "select true"),
        ("2_a/certificate.json", "{}"),
        (
            "2_a/metadata.toml",
            "irreversible = \"data is gone\"\nlock_timeout_ms = 500\nrollback_budget_s = 60\n\n[fill]\n\"t.a\" = \"1\"\n",
        ),
        ("README.md", "#"),
        ("data.sql", "x"),
        ("common/notes.txt", "x"),
    ]);
    assert_eq!(folder.format, Format::Native);
    assert_eq!(labels(&folder), ["2_a", "10_b"]);
    assert_eq!(scripts(&folder, 0), ("a", Auto, Some(("-a", Auto))));
    let first = &folder.migrations[0];
    assert_eq!(first.settings.irreversible.as_deref(), Some("data is gone"));
    assert_eq!(first.settings.lock_timeout_ms, Some(500));
    assert_eq!(first.settings.rollback_budget_s, Some(60));
    assert_eq!(first.settings.fill["t.a"], "1");
    assert_eq!(first.verify.as_ref().unwrap().source(), "select true");
    assert_eq!(first.home, Path::new("m/2_a"));
    assert_eq!(
        first.certificate_path(),
        Path::new("m/2_a/certificate.json")
    );
    assert_eq!(scripts(&folder, 1), ("b", Auto, None));
}

#[test]
fn diesel_folders_run_in_a_transaction_unless_they_say_no() {
    let folder = good(&[
        ("2024-04-12-144536_x/up.sql", "a"),
        ("2024-04-12-144536_x/down.sql", ""),
        (
            "2024-04-12-144536_x/metadata.toml",
            "run_in_transaction = false\r\n",
        ),
        ("20230101000000_y/up.sql", "b"),
        ("20230101000000_y/down.sql", ""),
        ("2026-06-17-112535-0000_z/up.sql", "c"),
    ]);
    assert_eq!(
        labels(&folder),
        [
            "20230101000000_y",
            "2024-04-12-144536_x",
            "2026-06-17-112535-0000_z"
        ]
    );
    assert_eq!(scripts(&folder, 0), ("b", Required, Some(("", Required))));
    assert_eq!(scripts(&folder, 1), ("a", Never, Some(("", Never))));
    let by_name = good(&[("00000000000000_diesel_initial_setup/up.sql", "a")]);
    assert_eq!(scripts(&by_name, 0).1, Required);
}

#[test]
fn native_folders_are_complained_about() {
    complaints(
        &[
            ("2024-01-01-000000_a/up.sql", ""),
            ("20240101000000_b/up.sql", ""),
        ],
        &["error duplicate-version m/20240101000000_b/up.sql:1"],
    );
    complaints(
        &[("1_a/up.sql", ""), ("2_b/down.sql", "")],
        &["error orphan-rollback m/2_b/down.sql:1"],
    );
    complaints(
        &[("1_a/up.sql", ""), ("b/up.sql", "")],
        &["error no-version m/b/up.sql:1"],
    );
    complaints(
        &[
            ("1_a/up.sql", ""),
            ("1_a/metadata.toml", "\nirreversible = 3"),
        ],
        &["error bad-settings m/1_a/metadata.toml:2"],
    );
    complaints(
        &[("1_a/up.sql", ""), ("1_a/metadata.toml", "fill_in = true")],
        &["warning unknown-setting m/1_a/metadata.toml:1"],
    );
}

#[test]
fn golang_migrate_folders_are_read() {
    let folder = good(&[
        ("10_b.up.sql", "a; b"),
        ("10_b.down.sql", "begin; c; commit;"),
        ("2_a.up.sql", "create index concurrently i on t (a); -- x"),
        ("2_a.down.sql", ""),
        ("atlas.sum", "h1"),
        ("2_a.certificate.json", "{}"),
    ]);
    assert_eq!(folder.format, Format::GolangMigrate);
    assert_eq!(labels(&folder), ["2_a", "10_b"]);
    assert_eq!(scripts(&folder, 0).1, Auto);
    assert_eq!(
        scripts(&folder, 1),
        ("a; b", Required, Some(("begin; c; commit;", Required)))
    );
    assert_eq!(
        folder.migrations[1].certificate_path(),
        Path::new("m/10_b.certificate.json")
    );
}

#[test]
fn golang_migrate_folders_are_complained_about() {
    let findings = complaints(
        &[
            ("1_Users.up.sql", ""),
            ("1_users.down.sql", ""),
            ("2_order.up.sql", ""),
            ("2_orders.down.sql", ""),
        ],
        &[
            "warning name-mismatch m/1_users.down.sql:1",
            "warning name-mismatch m/2_orders.down.sql:1",
        ],
    );
    assert!(
        findings[0].message.contains("letter case"),
        "{}",
        findings[0].message
    );
    complaints(
        &[("1_a.up.sql", ""), ("2_b.down.sql", "")],
        &["error orphan-rollback m/2_b.down.sql:1"],
    );
    complaints(
        &[("1_a.up.sql", ""), ("01_b.up.sql", "")],
        &["error duplicate-version m/1_a.up.sql:1"],
    );
    complaints(
        &[("1_a.up.sql", ""), ("2_b.sql", "")],
        &["warning stray-file m/2_b.sql:1"],
    );
}

#[test]
fn flyway_folders_are_read() {
    let folder = good(&[
        ("V1_10__b.sql", "b ${Schema} ${flyway:filename}"),
        ("sub/V1.9__a.sql", "a"),
        ("U1.9__a.sql", "-a"),
        ("B1.9__base.sql", "base"),
        ("R__views.sql", "v"),
        ("R__a.sql", "-- ${unknown}\nr"),
        ("V2__c.sql", "'${kept}'"),
        (
            "V2__c.sql.conf",
            "executeInTransaction=false\nplaceholderReplacement=false\n",
        ),
        ("flyway.conf", "# x\nflyway.placeholders.schema=shop\n"),
    ]);
    assert_eq!(folder.format, Format::Flyway);
    let kinds: Vec<(String, MigrationKind)> = folder
        .migrations
        .iter()
        .map(|m| (m.label(), m.kind))
        .collect();
    use MigrationKind::*;
    let expect = [
        ("1.9_a", Versioned),
        ("1.9_base", Baseline),
        ("1.10_b", Versioned),
        ("2_c", Versioned),
        ("R_a", Repeatable),
        ("R_views", Repeatable),
    ];
    assert_eq!(kinds, expect.map(|(label, kind)| (label.to_owned(), kind)));
    assert_eq!(scripts(&folder, 0), ("a", Auto, Some(("-a", Auto))));
    assert_eq!(scripts(&folder, 2), ("b shop V1_10__b.sql", Auto, None));
    assert_eq!(scripts(&folder, 3), ("'${kept}'", Never, None));
}

#[test]
fn flyway_placeholders_come_from_the_caller_first() {
    let mut settings = ReadSettings::new(EngineKind::Postgres);
    settings.placeholders = BTreeMap::from([("a".to_owned(), "caller".to_owned())]);
    let files = [
        ("V1__x.sql", "${a} ${b}"),
        (
            "flyway.toml",
            "[flyway]\nplaceholderPrefix = \"${\"\n[flyway.placeholders]\na = \"file\"\nb = 2\n",
        ),
    ];
    let (folder, findings) = read_with(&files, &settings);
    assert_eq!(findings, []);
    assert_eq!(folder.unwrap().migrations[0].forward.source(), "caller 2");
}

#[test]
fn flyway_folders_are_complained_about() {
    complaints(
        &[("V1__a.sql", "x\n ${who}")],
        &["error unknown-placeholder m/V1__a.sql:2"],
    );
    complaints(
        &[("V1__a.sql", ""), ("V1.0__b.sql", "")],
        &["error duplicate-version m/V1__a.sql:1"],
    );
    complaints(
        &[("V1__a.sql", ""), ("U2__a.sql", "")],
        &["error orphan-rollback m/U2__a.sql:1"],
    );
    complaints(
        &[
            ("V1__a.sql", ""),
            ("V2__b.java", ""),
            ("afterMigrate__x.sql", ""),
            ("V3_b.sql", ""),
        ],
        &[
            "error unsupported-file m/V2__b.java:1",
            "note stray-file m/V3_b.sql:1",
            "warning unsupported-file m/afterMigrate__x.sql:1",
        ],
    );
}

#[test]
fn sql_migrate_folders_are_read() {
    let text = "-- why\r\n-- +migrate Up\r\na;\r\n-- +migrate StatementBegin\r\nb; c;\r\n-- +migrate StatementEnd\r\n\
                -- +migrate Down notransaction\r\n-a;\r\n";
    let folder = good(&[
        ("20_b.sql", text),
        ("3-a.sql", "-- +migrate Down\n-- +migrate Up\nx"),
    ]);
    assert_eq!(folder.format, Format::SqlMigrate);
    assert_eq!(labels(&folder), ["3_a", "20_b"]);
    assert_eq!(scripts(&folder, 0), ("x", Required, Some(("", Required))));
    assert_eq!(scripts(&folder, 1).2, Some(("-a;\r\n", Never)));
    let forward = &folder.migrations[1].forward;
    assert_eq!(forward.statement_count(EngineKind::Postgres), 2);
    assert_eq!(forward.start().line, 3);
    assert_eq!(
        folder.migrations[1].certificate_path(),
        Path::new("m/20_b.certificate.json")
    );
}

#[test]
fn sql_migrate_folders_are_complained_about() {
    complaints(
        &[("1.sql", "-- +migrate Down\nx")],
        &["error no-forward m/1.sql:1"],
    );
    complaints(
        &[("1.sql", "x;\n-- +migrate Up\n")],
        &["warning outside-section m/1.sql:1"],
    );
    complaints(
        &[("1.sql", "-- +migrate Up\na\n-- +migrate Up\n")],
        &["error repeated-section m/1.sql:3"],
    );
    complaints(
        &[(
            "1.sql",
            "-- +migrate Up\n-- +migrate StatementBegin\n-- +migrate Down\n-- +migrate Sideways\n",
        )],
        &["error bad-marker m/1.sql:2", "error bad-marker m/1.sql:4"],
    );
    complaints(
        &[
            ("1_a.sql", "-- +migrate Up\n"),
            ("01_b.sql", "-- +migrate Up\n"),
        ],
        &["error duplicate-version m/1_a.sql:1"],
    );
}

#[test]
fn dbmate_folders_are_read() {
    let folder = good(&[
        (
            "20_b.sql",
            "-- migrate:up transaction:false\na;\n\n-- migrate:down\n-a;\n",
        ),
        ("3_a.sql", "--migrate:up\r\nx;\r\n"),
    ]);
    assert_eq!(folder.format, Format::Dbmate);
    assert_eq!(labels(&folder), ["3_a", "20_b"]);
    assert_eq!(scripts(&folder, 0), ("x;\r\n", Required, None));
    assert_eq!(
        scripts(&folder, 1),
        ("a;\n\n", Never, Some(("-a;\n", Required)))
    );
}

#[test]
fn dbmate_folders_are_complained_about() {
    complaints(
        &[("1_a.sql", "-- migrate:down\n-- migrate:up\n")],
        &["error bad-marker m/1_a.sql:1"],
    );
    complaints(
        &[("1_a.sql", "x;\n-- migrate:up\n")],
        &["error outside-section m/1_a.sql:1"],
    );
    complaints(
        &[
            ("1_a.sql", "\n-- migrate:up fast:true\n"),
            ("schema.sql", "x"),
        ],
        &[
            "warning unknown-setting m/1_a.sql:2",
            "warning stray-file m/schema.sql:1",
        ],
    );
    complaints(
        &[("1_a.sql", "-- migrate:up\n"), ("2_b.sql", "x")],
        &["error no-forward m/2_b.sql:1"],
    );
}

#[test]
fn formats_that_cannot_be_told_are_complained_about() {
    let check = |files, expect: &str, hint: &str| {
        let findings = complaints(files, &[expect]);
        let found = findings[0].hint.as_deref().unwrap_or_default();
        assert!(found.contains(hint), "{found}");
    };
    check(&[], "error no-migrations", "tightrope new");
    check(&[("a.txt", "")], "error unknown-format", "native");
    check(
        &[("sqlite/1_a/up.sql", ""), ("sqlite/1_a/down.sql", "")],
        "error unknown-format",
        "--dir m/sqlite",
    );
    check(
        &[("1_a.sql", "-- +goose Up\n")],
        "error unknown-format m/1_a.sql:1",
        "dbmate",
    );
    complaints(
        &[("1_a/up.sql", ""), ("V1__a.sql", "")],
        &[
            "error mixed-formats m/1_a/up.sql:1",
            "error mixed-formats m/V1__a.sql:1",
        ],
    );
}

#[test]
fn a_given_format_is_believed() {
    let mut settings = ReadSettings::new(EngineKind::Postgres);
    settings.format = Some(Format::Native);
    let (folder, findings) = read_with(&[("1_a/up.sql", ""), ("V1__a.sql", "")], &settings);
    assert_eq!(
        (labels(&folder.unwrap()), findings),
        (vec!["1_a".to_owned()], vec![])
    );
    let (_, findings) = read_with(&[("V1__a.sql", "")], &settings);
    assert_eq!(findings[0].rule, "no-migrations");
    assert_eq!("diesel".parse::<Format>().unwrap(), Format::Native);
    assert!("liquibase".parse::<Format>().is_err());
}

#[test]
fn files_that_cannot_be_read_are_errors_with_a_place() {
    let file = |path: &str, content: Result<&[u8], &str>| SourceFile {
        path: path.into(),
        content: content.map(<[u8]>::to_vec).map_err(str::to_owned),
    };
    let check = |files: &[SourceFile], expect: &str| {
        let settings = ReadSettings::new(EngineKind::Postgres);
        let (_, findings) = read_folder(Path::new("m"), files, &settings);
        let found: Vec<String> = findings.iter().map(Finding::to_string).collect();
        assert_eq!(found, [expect]);
        assert_eq!(findings[0].severity, Severity::Error);
    };
    check(
        &[
            file("1_a/up.sql", Ok(b"a")),
            file("1_a/down.sql", Err("permission denied")),
        ],
        "m/1_a/down.sql:1:1: error[unreadable-file]: file cannot be read: permission denied",
    );
    check(
        &[file("1_a.up.sql", Ok(b"select 1;\n-- caf\xe9"))],
        "m/1_a.up.sql:2:7: error[unreadable-file]: file is not UTF-8 but something else",
    );
    check(
        &[file("1_a.up.sql", Ok(b"select 1;\nselect '\0'"))],
        "m/1_a.up.sql:2:9: error[unreadable-file]: file holds a NUL character, which no engine takes in a statement",
    );
    check(
        &[file("1_a.up.sql", Ok(b"\xff\xfea\0"))],
        "m/1_a.up.sql:1:1: error[unreadable-file]: file is not UTF-8 but UTF-16",
    );
    check(
        &[file("1_a.sql", Err("permission denied"))],
        "m/1_a.sql:1:1: error[unreadable-file]: file cannot be read: permission denied",
    );
}

/// The fenced blocks of that language in the page about formats.
fn documented(language: &str) -> Vec<String> {
    let docs = include_str!("../../../../docs/reference/formats.md");
    let fence = format!("```{language}\n");
    let blocks = docs.split(fence.as_str()).skip(1);
    let blocks = blocks.map(|rest| rest.split("```").next().unwrap_or_default().to_owned());
    blocks.collect()
}

#[test]
fn the_examples_of_the_docs_are_read() {
    let examples = documented("sql");
    assert_eq!(examples.len(), 2);
    for example in examples {
        let folder = good(&[("1_a.sql", &example)]);
        let migration = &folder.migrations[0];
        let scripts = [Some(&migration.forward), migration.rollback.as_ref()];
        for script in scripts {
            let parsed = script.unwrap().parse(EngineKind::Postgres);
            assert!(
                parsed.findings.is_empty() && !parsed.statements.is_empty(),
                "{example}"
            );
        }
    }
    for example in documented("toml") {
        let folder = good(&[("1_a/up.sql", ""), ("1_a/metadata.toml", &example)]);
        assert_eq!(folder.migrations[0].settings.lock_timeout_ms, Some(2000));
        assert_eq!(folder.migrations[0].forward.transaction, Required);
    }
}

/// A rollback script that is written reads back as that, and the forward script stays to the letter.
#[test]
fn a_written_rollback_script_finds_its_place_in_every_format() {
    let check = |format: Format, files: &[(&str, &str)], expect: &str| {
        let folder = good(files);
        let migration = &folder.migrations[0];
        let file = format.rollback_file(migration).unwrap();
        assert_eq!(file, Path::new("m").join(expect), "{format}");
        let path = file.strip_prefix("m").unwrap().to_str().unwrap().to_owned();
        let now = files.iter().find(|(known, _)| *known == path);
        let now = now.map_or("", |(_, text)| *text);
        let written = format
            .with_rollback(now, "-- derived\ndrop table b;\n")
            .unwrap();
        let mut files: Vec<(&str, &str)> = files
            .iter()
            .copied()
            .filter(|(known, _)| *known != path)
            .collect();
        files.push((&path, &written));
        let again = good(&files);
        let (before, after) = (migration, &again.migrations[0]);
        let forward = |m: &crate::Migration| m.forward.source().to_owned();
        assert_eq!(forward(before), forward(after), "{format}");
        let rollback = after.rollback.as_ref().unwrap();
        assert_eq!(
            rollback.source().trim(),
            "-- derived\ndrop table b;",
            "{written}"
        );
    };
    use Format::{Dbmate, Flyway, GolangMigrate, Native, SqlMigrate};
    let up = "create table b (id integer);\n";
    check(Native, &[("1_b/up.sql", up)], "1_b/down.sql");
    check(
        Native,
        &[("1_b/up.sql", up), ("1_b/down.sql", "")],
        "1_b/down.sql",
    );
    check(GolangMigrate, &[("1_b.up.sql", up)], "1_b.down.sql");
    check(Flyway, &[("sub/V1.2__b.sql", up)], "sub/U1.2__b.sql");
    let one = |marker: &str| format!("{marker}\n{up}");
    check(
        SqlMigrate,
        &[("1_b.sql", &one("-- +migrate Up"))],
        "1_b.sql",
    );
    check(Dbmate, &[("1_b.sql", &one("-- migrate:up"))], "1_b.sql");
    let both = format!("-- migrate:up\n{up}\n-- migrate:down\ndrop table old;\n");
    check(Dbmate, &[("1_b.sql", &both)], "1_b.sql");
    let both = format!("-- +migrate Down\ndrop table old;\n\n-- +migrate Up\n{up}");
    check(SqlMigrate, &[("1_b.sql", &both)], "1_b.sql");
}

#[test]
fn bodies_are_one_statement_for_sql_migrate() {
    let body = "create function f() returns int as $$ begin; return 1; end $$ language plpgsql;";
    let written = Format::SqlMigrate
        .with_rollback("-- +migrate Up\nselect 1;\n", body)
        .unwrap();
    assert!(
        written.contains("-- +migrate StatementBegin\ncreate function"),
        "{written}"
    );
    assert!(Format::Flyway.with_rollback("", "select '${a}'").is_err());
}
