//! The catalog is the oracle of everything else, so it is held to this: whatever DDL changes shows in it, and what takes the
//! change back brings the same catalog back.

mod changes;

use tightrope_engine::{ConnectOptions, DatabaseUrl, Engine as _, RunStatement, Session};
use tightrope_model::Catalog;
use tightrope_postgres::PostgresEngine;
use tightrope_testkit::servers;

/// A change and what takes it back; tried in a transaction of its own on the common schema.
struct Change {
    /// The oldest major that knows it.
    from: u32,
    /// What has to be there first.
    given: &'static str,
    change: &'static str,
    /// None where nothing takes it back.
    inverse: Option<&'static str>,
}

fn run(session: &mut dyn Session, sql: &str) -> Result<(), String> {
    for statement in sql
        .split(";;")
        .map(str::trim)
        .filter(|statement| !statement.is_empty())
    {
        session
            .run(RunStatement {
                sql: statement,
                copy_data: None,
            })
            .map_err(|error| format!("fails: {statement}\n  {error}"))?;
    }
    Ok(())
}

fn catalog(session: &mut dyn Session) -> Catalog {
    session.catalog().expect("the catalog can be read")
}

/// Makes a change and takes it back; says what is wrong with how the catalog sees it.
fn check(session: &mut dyn Session, change: &Change) -> Result<(), String> {
    run(session, change.given)?;
    let before = catalog(session);
    run(session, change.change)?;
    if before.differences(&catalog(session)).is_empty() {
        return Err(format!("not seen: {}", change.change));
    }
    let Some(inverse) = change.inverse else {
        return Ok(());
    };
    run(session, inverse)?;
    let left = before.differences(&catalog(session));
    let left: Vec<String> = left.iter().map(ToString::to_string).collect();
    if left.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "not taken back: {inverse}\n  {}",
            left.join("\n  ")
        ))
    }
}

#[test]
fn every_change_is_seen_and_taken_back() {
    let mut faults = Vec::new();
    for major in servers::postgres_majors() {
        let database = servers::postgres(major).unwrap().create_database().unwrap();
        let url = DatabaseUrl::new(database.url());
        let mut session = PostgresEngine::new()
            .connect(&url, &ConnectOptions::default())
            .unwrap();
        run(session.as_mut(), changes::COMMON).unwrap();
        let changes = changes::CHANGES
            .iter()
            .filter(|change| change.from <= major);
        for change in changes {
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
