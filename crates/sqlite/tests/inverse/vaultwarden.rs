//! A real history, run by hand: `VAULTWARDEN=…/migrations/sqlite cargo test -p tightrope-sqlite --test inverse vaultwarden -- --ignored --nocapture`.

use std::path::PathBuf;

use crate::support::{Database, derived, dump, run};
use tightrope_inverse::{Inverse, Sources};
use tightrope_model::{Catalog, TableName};
use tightrope_sqlite::quote_identifier;

#[test]
#[ignore = "needs a folder of migrations, named by the variable VAULTWARDEN"]
fn every_migration_of_the_history_walks_back_to_the_letter() {
    for foreign_keys in [false, true] {
        history(foreign_keys);
    }
}

fn history(foreign_keys: bool) {
    let folder = PathBuf::from(std::env::var("VAULTWARDEN").expect("VAULTWARDEN"));
    let mut migrations: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    migrations.sort();
    let database = Database::new(foreign_keys);
    let mut session = database.session();
    let (mut exact, mut same_rows, mut refused) = (0, 0, 0);
    for migration in &migrations {
        let name = migration.file_name().unwrap().to_string_lossy();
        let forward = std::fs::read_to_string(migration.join("up.sql")).unwrap();
        let before = (session.catalog().unwrap(), database.rows());
        // The history wants foreign keys off: it drops parents.
        let up = || {
            let sql = format!("pragma foreign_keys = off; begin; {forward}\n; commit;");
            database.plain().execute_batch(&sql).unwrap();
        };
        up();
        let now = session.catalog().unwrap();
        let inverse = with_values(&before.0, &now, &forward);
        if foreign_keys && !inverse.losses.is_empty() {
            report(&format!("{name:55} {:?}", inverse.losses));
            refused += 1;
            fill(&database);
            continue;
        }
        session.begin().unwrap();
        for step in &inverse.steps {
            run(session.as_mut(), &step.sql);
        }
        session.commit().unwrap();
        let after = (session.catalog().unwrap(), database.rows());
        let differences = before.0.differences(&after.0).in_words();
        exact +=
            usize::from(differences.is_empty() && before.0.fingerprint() == after.0.fingerprint());
        same_rows += usize::from(before.1 == after.1);
        let rows = if before.1 == after.1 {
            ""
        } else {
            ", rows are lost"
        };
        report(&format!(
            "{name:55} {} steps{rows} {differences:?}",
            inverse.steps.len()
        ));
        up();
        fill(&database);
    }
    let count = migrations.len();
    report(&format!(
        "foreign keys {foreign_keys}: {count} migrations, {exact} exact, {same_rows} with all rows and no net, {refused} need foreign keys off"
    ));
    assert_eq!(exact + refused, count);
}

#[expect(clippy::print_stdout, reason = "this test is run to be read")]
fn report(line: &str) {
    println!("{line}");
}

/// The way back; a column that takes no NULL gets a value, where the net would have one.
fn with_values(before: &Catalog, now: &Catalog, forward: &str) -> Inverse {
    let mut sources = Sources::default();
    for loss in derived(before, now, forward, &sources).losses {
        if let [table, column] = &loss.object.path[..] {
            let table = TableName::new("", table.as_str());
            let source = sources.tables.entry(table).or_default();
            source.columns.insert(column.clone(), "0".to_owned());
        }
    }
    derived(before, now, forward, &sources)
}

/// Gives every empty table three rows.
fn fill(database: &Database) {
    let connection = database.plain();
    connection
        .execute_batch("pragma foreign_keys = off")
        .unwrap();
    let tables = database.rows();
    for table in tables
        .iter()
        .filter(|(_, rows)| rows.is_empty())
        .map(|(name, _)| name)
    {
        let columns = dump(
            &connection,
            &format!("select count(*) from pragma_table_info('{table}')"),
        );
        let width: usize = columns.unwrap()[0]
            .trim_matches(|c: char| !c.is_ascii_digit())
            .parse()
            .unwrap();
        for row in 1..=3 {
            let values = vec![row.to_string(); width].join(", ");
            let sql = format!("insert into {} values ({values})", quote_identifier(table));
            connection.execute_batch(&sql).unwrap();
        }
    }
}
