//! A real history, run by hand: `VAULTWARDEN=…/migrations/sqlite cargo test -p tightrope-sqlite --test files vaultwarden -- --ignored --nocapture`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::support::{Database, state};
use tightrope_model::Verdict;

#[test]
#[ignore = "needs a folder of migrations, named by the variable VAULTWARDEN"]
fn the_history_walks_up_and_down() {
    let folder = PathBuf::from(std::env::var("VAULTWARDEN").expect("VAULTWARDEN"));
    let mut migrations: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    migrations.sort();
    let database = Database::new("");
    let mut session = database.session();
    let mut summary: BTreeMap<String, usize> = BTreeMap::new();
    for migration in migrations {
        let script = |name| std::fs::read_to_string(migration.join(name)).unwrap();
        let run = |sql: &str| database.plain().execute_batch(sql);
        let before = state(session.as_mut());
        run(&script("up.sql")).unwrap();
        let up = state(session.as_mut());
        let bare: String = script("down.sql")
            .lines()
            .filter(|line| !line.trim_start().starts_with("--"))
            .collect();
        let mut lines = Vec::new();
        let changed = before.1 != up.1 || before.0.differences(&up.0).verdict() != Verdict::Exact;
        let verdict = if bare.trim().is_empty() && !changed {
            "exact (nothing changed, nothing to roll back)".to_owned()
        } else if bare.trim().is_empty() {
            "empty-rollback".to_owned()
        } else {
            match run(&script("down.sql")) {
                Err(error) => format!("rollback-fails: {error}"),
                Ok(()) => {
                    let down = state(session.as_mut());
                    let differences = before.0.differences(&down.0);
                    lines.extend(differences.iter().map(ToString::to_string));
                    let verdict = differences.verdict().to_string();
                    if before.1 == down.1 || !lines.is_empty() {
                        verdict
                    } else {
                        "data-differs".to_owned()
                    }
                }
            }
        };
        println!(
            "{:50} {verdict}",
            migration.file_name().unwrap().to_string_lossy()
        );
        for line in lines {
            println!("    {line}");
        }
        if verdict != "empty-rollback" {
            run(&script("up.sql")).unwrap_or_else(|error| println!("    again: {error}"));
            let again = state(session.as_mut());
            for difference in up.0.differences(&again.0).iter() {
                println!("    up again: {difference}");
            }
        }
        *summary.entry(verdict).or_default() += 1;
    }
    println!("{summary:?}");
}
