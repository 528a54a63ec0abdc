//! The catalog is the oracle of everything else, so it is held to this: whatever DDL changes shows in it, and what takes the
//! change back brings the same catalog back.

use tightrope_engine::{ConnectOptions, DatabaseUrl, Engine as _, RunStatement, Session};
use tightrope_model::Catalog;
use tightrope_postgres::PostgresEngine;
use tightrope_testkit::servers;

const SCHEMA: &str = include_str!("schema.sql");
const CHANGES: &str = include_str!("changes.sql");

/// A change and what takes it back; its file says how it is written.
#[derive(Debug, Default)]
struct Change {
    since: u32,
    given: Vec<&'static str>,
    change: Vec<&'static str>,
    back: Vec<&'static str>,
}

impl Change {
    fn of(block: &'static str) -> Self {
        let mut change = Self::default();
        for line in block.lines() {
            if let Some(major) = line.strip_prefix("-- since ") {
                change.since = major.parse().expect("a major version");
            } else if let Some(statement) = line.strip_prefix("-- given ") {
                change.given.push(statement);
            } else if let Some(statement) = line.strip_prefix("-- back ") {
                change.back.push(statement);
            } else if !line.starts_with("--") {
                change.change.push(line);
            }
        }
        change
    }
}

fn changes() -> Vec<Change> {
    let blocks = CHANGES.split("\n\n").map(Change::of);
    blocks.filter(|change| !change.change.is_empty()).collect()
}

fn run(session: &mut dyn Session, statements: &[&str]) -> Result<(), String> {
    for sql in statements {
        session
            .run(RunStatement {
                sql,
                copy_data: None,
            })
            .map_err(|error| format!("fails: {sql}\n  {error}"))?;
    }
    Ok(())
}

fn catalog(session: &mut dyn Session) -> Catalog {
    session.catalog().expect("the catalog can be read")
}

/// Makes a change and takes it back; says what is wrong with how the catalog sees it.
fn check(session: &mut dyn Session, change: &Change) -> Result<(), String> {
    run(session, &change.given)?;
    let before = catalog(session);
    run(session, &change.change)?;
    let changed = catalog(session);
    let seen = !before.differences(&changed).is_empty();
    if !seen || before.fingerprint() == changed.fingerprint() {
        return Err(format!("not seen: {}", change.change.join("; ")));
    }
    if change.back.is_empty() {
        return Ok(());
    }
    run(session, &change.back)?;
    let left = before.differences(&catalog(session));
    let left: Vec<String> = left.iter().map(ToString::to_string).collect();
    if left.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "not taken back: {}\n  {}",
            change.back.join("; "),
            left.join("\n  ")
        ))
    }
}

#[test]
fn every_change_is_seen_and_taken_back() {
    let changes = changes();
    assert!(changes.len() > 150, "{} changes", changes.len());
    let mut faults = Vec::new();
    for major in servers::postgres_majors() {
        let database = servers::postgres(major).unwrap().create_database().unwrap();
        let url = DatabaseUrl::new(database.url());
        let mut session = PostgresEngine::new()
            .connect(&url, &ConnectOptions::default())
            .unwrap();
        let schema: Vec<&str> = SCHEMA
            .lines()
            .filter(|line| !line.starts_with("--"))
            .collect();
        run(session.as_mut(), &schema).unwrap();
        for change in changes.iter().filter(|change| change.since <= major) {
            session.begin().unwrap();
            let fault = check(session.as_mut(), change).err();
            session.roll_back().unwrap();
            faults.extend(fault.map(|fault| format!("{major}: {fault}")));
        }
    }
    assert!(
        faults.is_empty(),
        "{} faults\n{}",
        faults.len(),
        faults.join("\n")
    );
}
