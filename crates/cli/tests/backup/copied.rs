//! Copies for people: whole or not there, masked in every byte, and never over anything.

use std::fs;

use crate::on_both_engines;
use crate::stage::{Stage, assert_says};
use crate::stopped::killed_at;

on_both_engines!(
    a_copy_for_people_holds_masks_only,
    a_copy_is_never_made_over_anything,
    a_copy_killed_at_every_edge,
    a_migration_goes_on_in_a_copy,
);

const MASKED: &str = "[targets.shop.mask]\n'customers.name' = 'keep format'\n";

fn configure(stage: &Stage, more: &str) {
    let url = &stage.url;
    stage.write(
        "tightrope.toml",
        &format!("[targets.shop]\nurl = '{url}'\n{more}\n"),
    );
}

/// Bytes of every file of a SQLite database, or what a dump of a PostgreSQL database says.
fn bytes(stage: &Stage, url: &str) -> String {
    if stage.is_sqlite() {
        let path = url.trim_start_matches("sqlite://");
        let parts = ["", "-wal", "-journal"].map(|part| fs::read(format!("{path}{part}")));
        return parts
            .into_iter()
            .flatten()
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .collect();
    }
    stage.dump(url)
}

fn a_copy_for_people_holds_masks_only(stage: &Stage) {
    // A full table of names in an index, a view that holds them, and a column that is made of them.
    if stage.is_sqlite() {
        stage.sql("alter table customers add column shout text as (upper(name)) virtual; create index names on customers (name);");
    } else {
        stage.sql(
            "alter table customers add column shout text generated always as (upper(name)) stored; create index names on customers (name);
             create materialized view loud as select shout from customers; analyze customers;",
        );
    }
    configure(stage, MASKED);
    let to = stage.beside("dev");
    assert_says(&bytes(stage, &stage.url), "customer 123");
    let state = stage.state();
    let made = stage.run(&["copy", "--target", "shop", "--to", &to, "--json"], 0);
    assert_eq!(stage.state(), state);
    let made = made.json();
    assert_eq!(
        made["copy"]["selection"]["masked"][0],
        "customers.name: keep format"
    );
    let copied = stage.state_of(&to).unwrap();
    assert_eq!(copied.0, state.0, "the schema is the same");
    let counts =
        |state: &crate::stage::State| state.1.iter().map(|sum| sum.rows).collect::<Vec<_>>();
    assert_eq!(counts(&copied), counts(&state));
    let bytes = bytes(stage, &to);
    for name in ["customer 1", "CUSTOMER 1", "customer 499"] {
        assert!(!bytes.contains(name), "{name}");
    }
    assert_eq!(
        stage.one_on(&to, "select count(distinct name) || '' from customers"),
        "500"
    );
}

fn a_copy_is_never_made_over_anything(stage: &Stage) {
    configure(stage, "");
    let (to, state) = (stage.beside("dev"), stage.state());
    let refused = stage.run(&["copy", "--target", "shop", "--to", &to], 4);
    assert_says(&refused.stderr, "nothing would be masked");
    assert_says(&refused.stderr, "--unmasked");
    assert!(stage.state_of(&to).is_none());
    configure(stage, MASKED);
    let refused = stage.run(&["copy", "--target", "shop", "--to", &stage.url], 4);
    assert_says(&refused.stderr, "is there already");
    assert_eq!(stage.state(), state);
    stage.run(
        &[
            "copy",
            "--target",
            "shop",
            "--to",
            &to,
            "--rows",
            "50",
            "--unmasked",
        ],
        0,
    );
    let small = stage.state_of(&to).unwrap();
    assert_eq!(small.0, state.0);
    let refused = stage.run(&["copy", "--target", "shop", "--to", &to], 4);
    assert_says(&refused.stderr, "name another");
    assert_eq!(stage.state_of(&to).unwrap(), small);
    let usage = stage.run(
        &["copy", "--target", "shop", "--to", &to, "--seed", "1"],
        64,
    );
    assert_says(&usage.stderr, "no sample is asked for");
    let other = match stage.is_sqlite() {
        true => "postgres://nobody@localhost:1/x",
        false => "sqlite://x.db",
    };
    let refused = stage.run(&["copy", "--target", "shop", "--to", other], 1);
    assert_says(&refused.stderr, "is of another engine");
}

/// Names of scratch databases of this test.
fn scratch(stage: &Stage) -> Vec<String> {
    if !stage.is_sqlite() {
        return Vec::new();
    }
    let entries = fs::read_dir(stage.path("")).unwrap().flatten();
    let names = entries.map(|entry| entry.file_name().into_string().unwrap());
    names.filter(|name| name.contains("scratch")).collect()
}

fn a_copy_killed_at_every_edge(stage: &Stage) {
    configure(stage, MASKED);
    let schema = stage.state().0;
    for edge in 1..20 {
        let to = stage.beside(&format!("dev{edge}"));
        let arguments = ["copy", "--target", "shop", "--to", &to];
        if !killed_at(&mut stage.command(&arguments), edge) {
            assert!(edge > 4, "only {} edges were seen", edge - 1);
            return;
        }
        let whole = |found: &crate::stage::State| {
            assert_eq!(found.0, schema, "after edge {edge}");
            assert_eq!(
                found.1.iter().map(|sum| sum.rows).sum::<u64>(),
                3500,
                "after edge {edge}"
            );
        };
        match stage.state_of(&to) {
            Some(found) => whole(&found),
            None => {
                stage.run(&arguments, 0);
                whole(&stage.state_of(&to).unwrap());
            }
        }
        let again = stage.beside(&format!("again{edge}"));
        stage.run(&["copy", "--target", "shop", "--to", &again], 0);
        assert!(scratch(stage).is_empty(), "after edge {edge}");
    }
    panic!("more than 20 edges");
}

fn a_migration_goes_on_in_a_copy(stage: &Stage) {
    stage.add_migration();
    configure(stage, MASKED);
    stage.run(&["apply", "--yes", "--target", "shop"], 0);
    stage.sql("update customers set age = 7 where id = 3");
    let to = stage.beside("dev");
    stage.run(&["copy", "--target", "shop", "--to", &to], 0);
    let status = stage.run(&["status", "--json", "--url", &to], 0).json();
    assert_eq!(status["pending"], serde_json::json!([]), "{status}");
    stage.write(
        "migrations/0002_more/up.sql",
        "create table more (id integer);",
    );
    stage.write("migrations/0002_more/down.sql", "drop table more;");
    stage.run(&["rehearse", "--url", &to], 0);
    stage.run(&["apply", "--yes", "--url", &to], 0);
    stage.run(&["rollback", "--yes", "--url", &to], 0);
}
