//! Every rule on small migrations: what it finds, where, and what it leaves alone.

use std::path::Path;

use tightrope_model::{EngineKind, Finding, Severity};

use super::{READING_RULES, RULES, lint};
use crate::{Folder, Format, ReadSettings, SourceFile, read_folder};

fn folder(files: &[(&str, &str)], dialect: EngineKind) -> Folder {
    let files: Vec<SourceFile> = files
        .iter()
        .map(|(path, text)| SourceFile {
            path: path.into(),
            content: Ok(text.as_bytes().to_vec()),
        })
        .collect();
    let mut settings = ReadSettings::new(dialect);
    settings.format = Some(Format::Native);
    let (folder, findings) = read_folder(Path::new(""), &files, &settings);
    assert_eq!(findings, []);
    folder.unwrap()
}

fn found(files: &[(&str, &str)], dialect: EngineKind) -> Vec<Finding> {
    let findings = lint(&folder(files, dialect), dialect);
    for finding in &findings {
        assert!(finding.hint.is_some(), "{finding}");
        assert!(
            RULES
                .iter()
                .any(|rule| rule.name == finding.rule && rule.severity >= finding.severity)
                || READING_RULES.contains(&finding.rule),
            "{finding} is not registered"
        );
    }
    findings
}

/// The findings of one migration as `severity rule file:line:column`.
fn words(findings: &[Finding]) -> Vec<String> {
    findings
        .iter()
        .map(|finding| {
            let place = finding.place.as_ref().unwrap();
            let file = place.file.file_stem().unwrap().to_string_lossy();
            format!(
                "{} {} {file}:{}:{}",
                finding.severity, finding.rule, place.line, place.column
            )
        })
        .collect()
}

fn check(up: &str, down: &str, expect: &[&str]) {
    let findings = found(
        &[("1_a/up.sql", up), ("1_a/down.sql", down)],
        EngineKind::Postgres,
    );
    assert_eq!(words(&findings), expect, "{up}\n---\n{down}\n{findings:#?}");
}

fn check_sqlite(up: &str, down: &str, expect: &[&str]) {
    let findings = found(
        &[("1_a/up.sql", up), ("1_a/down.sql", down)],
        EngineKind::Sqlite,
    );
    assert_eq!(words(&findings), expect, "{up}\n---\n{down}\n{findings:#?}");
}

#[test]
fn rules_have_names_of_their_own() {
    let mut names: Vec<&str> = RULES
        .iter()
        .map(|rule| rule.name)
        .chain(READING_RULES.iter().copied())
        .collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn every_rule_has_its_heading_in_the_docs() {
    let docs = include_str!("../../../../docs/reference/lint.md");
    let headings: Vec<&str> = docs
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .collect();
    let mut names: Vec<&str> = RULES.iter().map(|rule| rule.name).collect();
    names.extend(READING_RULES);
    for name in &names {
        assert!(
            headings.contains(name),
            "docs/reference/lint.md has no heading `### {name}`"
        );
    }
    for heading in headings {
        assert!(
            names.contains(&heading),
            "docs/reference/lint.md describes `{heading}`, which is no rule"
        );
    }
}

#[test]
fn a_sound_migration_is_left_alone() {
    check(
        "create table t (a int primary key, b text not null);\ncreate index i on t (b);\n\
         alter table t add constraint c check (a > 0);",
        "drop table t;",
        &[],
    );
    check(
        "alter table t add column a int;",
        "alter table t drop column a;",
        &[],
    );
    check(
        "alter table t rename a to b;",
        "alter table t rename b to a;",
        &[],
    );
    check(
        "alter table s.t rename to u;",
        "alter table u rename to t;",
        &[],
    );
    check("drop index i;", "create index i on t (a);", &[]);
    check(
        "alter table t drop constraint c;",
        "alter table t add constraint c unique (a) not valid;",
        &[],
    );
    check(
        "create index concurrently i on t (a);",
        "drop index concurrently i;",
        &[],
    );
    check(
        "comment on table t is 'x';",
        "comment on table t is null;",
        &[],
    );
    check_sqlite(
        "create table new (a);\ninsert into new select a from t;\ndrop table t;\nalter table new rename to t;",
        "create table old (a);\ninsert into old select a from t;\ndrop table t;\nalter table old rename to t;",
        &[],
    );
}

#[test]
fn missing_and_empty_rollbacks_are_found() {
    let findings = found(
        &[("1_a/up.sql", "create table t (a int);")],
        EngineKind::Postgres,
    );
    assert_eq!(words(&findings), ["warning no-rollback up:1:1"]);
    let declared = [
        ("1_a/up.sql", "drop table t;"),
        ("1_a/metadata.toml", "irreversible = true"),
    ];
    assert_eq!(
        words(&found(&declared, EngineKind::Postgres)),
        Vec::<String>::new()
    );
    check(
        "create table t (a int);",
        "-- nothing",
        &["warning empty-rollback down:1:1"],
    );
    check(
        "create table t (a int);",
        "begin; commit;",
        &[
            "warning empty-rollback down:1:1",
            "note own-transaction down:1:1",
        ],
    );
    check("-- nothing", "", &[]);
    check("analyze t;", "", &[]);
    check(
        "create type t as enum ('a');",
        "do $$ begin raise exception 'no'; end $$;",
        &[],
    );
    check(
        "create table t (a int);",
        "create table  t(a int); -- oops",
        &["warning rollback-equals-forward down:1:1"],
    );
}

#[test]
fn wrong_objects_in_rollbacks_are_found() {
    let wrong = [
        "warning wrong-object-in-rollback down:1:12",
        "warning rollback-leaves-behind up:1:14",
    ];
    check("create table orders (a int);", "drop table oders;", &wrong);
    check(
        "create unique index concurrently uniq on t (a);",
        "alter table t drop constraint uniq;",
        &["warning wrong-object-in-rollback down:1:31"],
    );
    check(
        "alter table t add constraint uniq unique using index i;",
        "drop index uniq;",
        &["warning wrong-object-in-rollback down:1:12"],
    );
    check(
        "alter table t add column customer_id int;",
        "alter table t drop column customr_id;",
        &[
            "warning wrong-object-in-rollback down:1:27",
            "warning rollback-leaves-behind up:1:26",
        ],
    );
    // A name that the server chose, and code that may make anything.
    check(
        "alter table t add column a int unique;",
        "alter table t drop constraint t_a_key, drop column a;",
        &["warning long-lock up:1:15"],
    );
    check(
        "do $$ begin execute format('create table %s ()', x); end $$;",
        "drop table y;",
        &[],
    );
    // Dropped to be made anew.
    check(
        "drop view v; create view v as select 2;",
        "drop view v; create view v as select 1;",
        &[],
    );
}

#[test]
fn what_a_rollback_forgets_is_found() {
    check(
        "alter table t add column a int;\nalter table t add column b int;",
        "alter table t drop column a;",
        &["warning rollback-leaves-behind up:2:26"],
    );
    check(
        "create type e as enum ('a');\ncreate table t (a e);",
        "drop table t;",
        &["warning rollback-leaves-behind up:1:13"],
    );
    check(
        "drop index i;\ndrop trigger g on t;",
        "create index i on t (a);",
        &["warning rollback-misses-object up:2:14"],
    );
    check(
        "alter table t add column a int;\ncreate index concurrently i on t (a);",
        "alter table t drop column a;",
        &["warning not-in-a-transaction up:2:1"],
    );
    check(
        "create schema s; create table s.t (a int);",
        "drop schema s cascade;",
        &[],
    );
    check(
        "create sequence q owned by t.a; create table t (a int);",
        "drop table t;",
        &[],
    );
}

#[test]
fn destroyed_data_is_found() {
    check(
        "drop table t;",
        "create table t (a int);",
        &["warning destructive-without-a-way-back up:1:1"],
    );
    check(
        "alter table t drop column a;",
        "alter table t add column a int;",
        &["warning destructive-without-a-way-back up:1:1"],
    );
    check(
        "delete from t;",
        "select 1;",
        &["warning destructive-without-a-way-back up:1:1"],
    );
    check(
        "update t set a = 1;\nupdate u set b = 2;",
        "select 1;",
        &["note destructive-without-a-way-back up:1:1"],
    );
    // Kept beforehand, or there only since this migration.
    check(
        "create table kept as select id, a from t;\nalter table t drop column a;",
        "alter table t add column a int;\nupdate t set a = kept.a from kept where kept.id = t.id;\ndrop table kept;",
        &[],
    );
    check(
        "alter table t add a int;\nupdate t set a = b;",
        "alter table t drop a;",
        &[],
    );
    check(
        "create temp table x as select 1;\ndelete from x;",
        "select 1;",
        &[],
    );
    check(
        "insert into t values (1) on conflict do nothing;",
        "delete from t where a = 1;",
        &[],
    );
}

#[test]
fn cascades_are_found() {
    check(
        "alter table t drop constraint a cascade;",
        "alter table t add constraint a unique (b);",
        &["note cascade-drops-unseen up:1:1"],
    );
    check(
        "alter table t drop constraint a, add constraint b foreign key (b) references u on delete cascade not valid;",
        "alter table t drop constraint b, add constraint a foreign key (b) references u not valid;",
        &[],
    );
}

#[test]
fn transactions_are_looked_at() {
    check(
        "begin;\ncreate table t (a int);\ncommit;",
        "drop table t;",
        &["note own-transaction up:1:1"],
    );
    check(
        "create table t (a int);\ncommit;\ncreate table u (a int);",
        "drop table t, u;",
        &["note own-transaction up:2:1"],
    );
    check(
        "create table t (a int);\ncommit;\nvacuum t;",
        "drop table t;",
        &[
            "warning own-transaction up:2:1",
            "warning not-in-a-transaction up:3:1",
        ],
    );
    check(
        "begin isolation level serializable;\ncreate table t (a int);\ncommit;",
        "drop table t;",
        &["warning own-transaction up:1:1"],
    );
    check(
        "create table t (a int);\nvacuum;",
        "drop table t;",
        &["warning not-in-a-transaction up:2:1"],
    );
    let diesel = |text| {
        [
            ("2024-01-01-000000_a/up.sql", text),
            ("2024-01-01-000000_a/down.sql", "drop index concurrently i"),
        ]
    };
    let findings = found(
        &diesel("create index concurrently i on t (a)"),
        EngineKind::Postgres,
    );
    assert_eq!(
        words(&findings),
        [
            "error not-in-a-transaction up:1:1",
            "error not-in-a-transaction down:1:1"
        ]
    );
    check_sqlite(
        "pragma foreign_keys = off;\nalter table t add a;\npragma foreign_keys = on;",
        "alter table t drop a;",
        &[],
    );
}

#[test]
fn long_locks_are_found_on_tables_that_were_there() {
    check(
        "alter table t\n  add column a int,\n  alter b set not null;",
        "alter table t drop a;",
        &["warning long-lock up:3:3"],
    );
    check(
        "create table t (a int);\nalter table t alter a set not null;",
        "drop table t;",
        &[],
    );
    check(
        "alter table t validate constraint c;\nalter table t alter a set not null;",
        "alter table t alter a drop not null;",
        &[],
    );
    let findings = found(
        &[
            ("1_a/up.sql", "create index i on s.t (a)"),
            ("1_a/down.sql", "drop index s.i"),
        ],
        EngineKind::Postgres,
    );
    assert_eq!(
        findings[0].message,
        "`create index` builds an index, with `share` on `s.t` all the while"
    );
    check_sqlite("create index i on t (a);", "drop index i;", &[]);
}

#[test]
fn guards_that_hide_drift_are_found() {
    check(
        "create table if not exists t (a int);\ncreate index if not exists i on t (a);",
        "drop table if exists t;",
        &["note if-not-exists-hides-drift up:1:28"],
    );
    check("create extension if not exists ltree;", "select 1;", &[]);
    let files = [
        (
            "1_a/up.sql",
            "create function f() returns int language sql as 'select 1';",
        ),
        ("1_a/down.sql", "drop function f();"),
        (
            "2_b/up.sql",
            "create or replace function f() returns int language sql as 'select 2';",
        ),
        (
            "2_b/down.sql",
            "create or replace function f() returns int language sql as 'select 1';",
        ),
    ];
    assert_eq!(
        words(&found(&files, EngineKind::Postgres)),
        Vec::<String>::new()
    );
}

#[test]
fn statements_that_do_not_parse_are_found() {
    check(
        "alter table t drop constraint c\nalter table t drop constraint d;",
        "alter table t add constraint c unique using index i;",
        &["warning syntax-error up:1:32"],
    );
}

#[test]
fn what_the_reader_finds_is_told_too() {
    check(
        "\\connect x\ncreat table t (a int);",
        "select 'x",
        &[
            "error psql-meta-command up:1:1",
            "error never-closed down:1:8",
            "note unknown-statement up:2:1",
        ],
    );
    assert_eq!(
        RULES.iter().map(|rule| rule.severity).max(),
        Some(Severity::Error)
    );
}

#[test]
fn what_acts_on_the_whole_server_is_found() {
    check(
        "create role app;\ndo $$ begin\n  execute 'alter database d set a = 1';\nend $$;",
        "drop role app;",
        &[
            "note cluster-wide up:1:1",
            "warning cluster-wide up:3:12",
            "note cluster-wide down:1:1",
        ],
    );
}
