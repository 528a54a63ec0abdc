//! Walks a real history: after each migration its derived rollback is run and taken back again.
//!
//! `TIGHTROPE_HISTORY` names the folder: `NAME/up.sql` or `NAME.up.sql`. `TIGHTROPE_HISTORY_SCRIPTS` names a folder into
//! which the derived rollbacks are written.

use std::fs;
use std::path::{Path, PathBuf};

use tightrope_engine::{ConnectOptions, DatabaseUrl, Engine as _, RunStatement, Session};
use tightrope_inverse::{Change, Inverse, Sources, derive};
use tightrope_model::{Catalog, EngineKind};
use tightrope_postgres::PostgresEngine;
use tightrope_testkit::servers;

/// Name and forward script of each migration, in their order.
fn migrations(folder: &Path) -> Vec<(String, String)> {
    let mut found: Vec<(String, PathBuf)> = fs::read_dir(folder)
        .expect("the folder can be read")
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let name = path.file_name()?.to_str()?.to_owned();
            if path.is_dir() {
                Some((name, path.join("up.sql"))).filter(|(_, script)| script.exists())
            } else {
                Some((name.strip_suffix(".up.sql")?.to_owned(), path))
            }
        })
        .collect();
    // A version is its digits, whether there are dashes between them or not.
    found.sort_by_key(|(name, _)| {
        let version = name.split('_').next().unwrap_or_default();
        (version.replace('-', ""), name.clone())
    });
    let read = |path: PathBuf| fs::read_to_string(path).expect("the script can be read");
    found
        .into_iter()
        .map(|(name, path)| (name, read(path)))
        .collect()
}

/// Runs a script as a whole; one that must not run in a transaction, statement by statement.
fn forward(client: &mut postgres::Client, script: &str) -> Result<(), String> {
    let whole = !script.to_lowercase().contains("concurrently");
    let code: Vec<&str> = script
        .lines()
        .filter(|line| !line.trim_start().starts_with("--"))
        .collect();
    let code = code.join("\n");
    let mut statements: Vec<String> = Vec::new();
    for part in if whole {
        vec![script]
    } else {
        code.split(";\n").collect()
    } {
        match statements.last_mut() {
            Some(open) if open.matches("$$").count() % 2 == 1 => {
                open.push_str(";\n");
                open.push_str(part);
            }
            _ => statements.push(part.to_owned()),
        }
    }
    for sql in &statements {
        client
            .batch_execute(sql)
            .map_err(|error| format!("forward fails: {error:?}"))?;
    }
    Ok(())
}

fn catalog(session: &mut dyn Session) -> Catalog {
    session.catalog().expect("the catalog can be read")
}

fn back(session: &mut dyn Session, before: &Catalog, inverse: &Inverse) -> Result<(), String> {
    for step in &inverse.steps {
        let run = session.run(RunStatement {
            sql: &step.sql,
            copy_data: None,
        });
        run.map_err(|error| format!("fails: {}\n  {}", step.sql, error))?;
    }
    let now = catalog(session);
    if before.fingerprint().strict == now.fingerprint().strict {
        Ok(())
    } else {
        Err(before.differences(&now).in_words().join("\n  "))
    }
}

#[test]
#[ignore = "needs TIGHTROPE_HISTORY"]
fn every_migration_of_a_history_is_taken_back() {
    let folder = std::env::var("TIGHTROPE_HISTORY").expect("TIGHTROPE_HISTORY names a folder");
    let scripts = std::env::var("TIGHTROPE_HISTORY_SCRIPTS").ok();
    let migrations = migrations(Path::new(&folder));
    for major in servers::postgres_majors() {
        let database = servers::postgres(major).unwrap().create_database().unwrap();
        let url = DatabaseUrl::new(database.url());
        let mut client = postgres::Client::connect(&database.url(), postgres::NoTls).unwrap();
        let mut session = PostgresEngine::new()
            .connect(&url, &ConnectOptions::default())
            .unwrap();
        let mut before = catalog(session.as_mut());
        let mut exact = 0;
        let mut faults = Vec::new();
        for (name, script) in &migrations {
            if let Err(fault) = forward(&mut client, script) {
                faults.push(format!("{name}: {fault}"));
                continue;
            }
            let now = catalog(session.as_mut());
            let inverse = derive(
                EngineKind::Postgres,
                &Change {
                    before: &before,
                    now: &now,
                    renames: &[],
                    sources: &Sources::default(),
                },
            );
            if let Some(scripts) = &scripts {
                fs::write(
                    Path::new(scripts).join(format!("{name}.sql")),
                    inverse.script(),
                )
                .expect("the script can be written");
            }
            session.begin().unwrap();
            match back(session.as_mut(), &before, &inverse) {
                Ok(()) => exact += 1,
                Err(fault) => {
                    faults.push(format!("{name}: {fault}\n----\n{}----", inverse.script()));
                }
            }
            session.roll_back().unwrap();
            before = now;
        }
        assert!(
            faults.is_empty(),
            "PostgreSQL {major}: {exact} of {} exact\n{}",
            migrations.len(),
            faults.join("\n")
        );
    }
}
