//! Way (d): the backup is restored, and every committed write since comes back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::on_both_engines;
use crate::stage::{Stage, assert_says};

on_both_engines!(
    every_committed_write_comes_back_after_tables_were_dropped,
    what_was_carried_out_comes_back_when_the_database_is_gone,
    a_mistake_is_left_out,
    keys_and_foreign_keys_and_rows_without_a_key_follow,
    a_backup_without_a_log_says_so,
    a_damaged_segment_is_found,
    a_missing_segment_is_found,
    a_newer_backup_takes_the_place_of_the_log,
    a_migration_in_between_is_told,
);

/// Takes a backup with a change log; gives its name.
fn logged(stage: &Stage) -> String {
    let taken = stage
        .run(
            &["backup", "--to", "backups", "--with-changes", "--json"],
            0,
        )
        .json();
    assert!(taken["manifest"]["changes"]["log"].is_i64());
    taken["name"].as_str().unwrap().to_owned()
}

fn replay<'a>(into: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec![
        "restore", "--to", "backups", "--yes", "--replay", "--into", into,
    ];
    arguments.extend(more);
    arguments
}

/// A writer's statement of its own row, and what its control log says after the commit.
fn write(stage: &Stage, writer: usize, number: usize) -> String {
    let id = 100_000 + writer * 10_000 + number;
    match number % 3 {
        0 => stage.sql(&format!("insert into customers values ({id}, 'writer {writer}')")),
        1 => stage.sql(&format!(
            "insert into customers values ({id}, 'first'); update customers set name = 'writer {writer}' where id = {id}"
        )),
        _ => stage.sql(&format!(
            "insert into customers values ({id}, 'gone'); delete from customers where id = {id}; \
             insert into customers values ({id}, 'writer {writer}')"
        )),
    }
    // A row that all of them want, in a transaction of several statements; and one that is taken back.
    stage.sql(&format!(
        "begin; update customers set name = name || '.' where id = 5; insert into orders (customer, total) values ({id}, 1); \
         update orders set total = total + {id} where id = 17; commit; \
         begin; update customers set name = 'never' where id = 5; rollback"
    ));
    format!("{id} writer {writer}")
}

/// Stops the writers, also where the test fails.
struct Stops<'a>(&'a AtomicBool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn every_committed_write_comes_back_after_tables_were_dropped(stage: &Stage) {
    let stop = AtomicBool::new(false);
    let writers = if stage.is_sqlite() { 1 } else { 3 };
    let mut control: Vec<String> = thread::scope(|scope| {
        let handles: Vec<_> = (0..writers)
            .map(|writer| {
                let stop = &stop;
                scope.spawn(move || {
                    let mut control = Vec::new();
                    while !stop.load(Ordering::Relaxed) || control.len() < 20 {
                        control.push(write(stage, writer, control.len()));
                        if stage.is_sqlite() {
                            thread::sleep(Duration::from_millis(5));
                        }
                    }
                    control
                })
            })
            .collect();
        let stops = Stops(&stop);
        logged(stage);
        stage.run(&["backup", "carry", "--to", "backups"], 0);
        drop(stops);
        handles
            .into_iter()
            .flat_map(|handle| handle.join().unwrap())
            .collect()
    });
    let last = write(stage, 7, 0);
    control.push(last);
    let before = stage.state();
    stage.sql("drop view big; drop table orders; drop table customers");
    let name = stage.name();
    let outcome = stage.run(&replay(&stage.url, &["--overwrite", &name]), 0);
    assert_says(&outcome.stdout, "all that was committed up to");
    assert_says(&outcome.stdout, "read from the database itself");
    assert_eq!(stage.state().1, before.1, "every row is what it was");
    assert_eq!(stage.state().0.logical, before.0.logical);
    control.sort();
    for line in &control {
        let (id, name) = line.split_once(' ').unwrap();
        assert_eq!(
            stage.one(&format!("select name from customers where id = {id}")),
            name
        );
    }
    // Whoever goes on gets numbers that are free.
    stage.sql("insert into orders (customer, total) values (1, 1)");
}

fn what_was_carried_out_comes_back_when_the_database_is_gone(stage: &Stage) {
    logged(stage);
    stage
        .sql("update customers set name = 'carried' where id = 1; delete from orders where id = 7");
    let carried = stage
        .run(&["backup", "carry", "--to", "backups", "--json"], 0)
        .json();
    assert_eq!(carried["changes"], 2);
    let then = stage.state();
    stage.sql("update customers set name = 'lost' where id = 2");
    stage.drop_database();
    let outcome = stage.run(&replay(&stage.url, &[]), 0);
    assert_says(
        &outcome.stdout,
        "what was written after the last segment is not here: the database is gone",
    );
    assert_says(&outcome.stdout, "from what was carried out");
    assert_eq!(stage.state().1, then.1);
    assert_eq!(stage.state().0.logical, then.0.logical);
    // What was restored is logged no more.
    assert_says(
        &stage
            .run(&["backup", "end-changes", "--to", "backups"], 0)
            .stdout,
        "No changes are logged.",
    );
}

fn a_mistake_is_left_out(stage: &Stage) {
    logged(stage);
    stage.sql("update customers set name = 'right' where id = 1");
    let good = stage.state();
    thread::sleep(Duration::from_millis(20));
    let until = jiff::Timestamp::now().to_string();
    thread::sleep(Duration::from_millis(20));
    stage.sql("update customers set name = 'wrong'");
    let wrong = stage.state();
    let new = stage.beside("restored");
    let outcome = stage.run(&replay(&new, &["--until", &until]), 0);
    assert_says(
        &outcome.stdout,
        "500 changes written later, left out as you asked",
    );
    assert_eq!(stage.state_of(&new).unwrap().1, good.1);
    // Without it the mistake is replayed like everything else.
    let all = stage.beside("all");
    stage.run(&replay(&all, &[]), 0);
    assert_eq!(stage.state_of(&all).unwrap().1, wrong.1);
}

fn keys_and_foreign_keys_and_rows_without_a_key_follow(stage: &Stage) {
    stage.sql(
        "create table notes (note text, weight integer);
         create table parents (id integer primary key, name text unique);
         create table children (id integer primary key, parent integer references parents on delete cascade on update cascade);
         insert into parents values (1, 'a'), (2, 'b'), (3, 'c'); insert into children values (1, 1), (2, 2), (3, 3);
         insert into notes values ('same', 1), ('same', 1), ('other', 2), (null, null)",
    );
    logged(stage);
    stage.sql(
        "delete from notes where note = 'other'; insert into notes values ('same', 1), ('it''s \\ \t \"x\", (a,b)', 3);
         update notes set weight = 9 where note is null;
         update parents set name = 'x' where id = 1; update parents set name = 'a' where id = 2; update parents set name = 'b' where id = 1;
         insert into parents values (30, 'd'); update children set parent = 30 where parent = 3;",
    );
    if !stage.is_sqlite() {
        stage.sql(
            "update parents set id = id + 100 where id = 2; delete from parents where id = 1; truncate notes;
             insert into notes values ('after', 1); begin; update notes set note = 'no'; rollback",
        );
    }
    let now = stage.state();
    let new = stage.beside("restored");
    stage.run(&replay(&new, &[]), 0);
    let restored = stage.state_of(&new).unwrap();
    assert_eq!(restored.1, now.1);
    assert_eq!(restored.0.logical, now.0.logical);
}

fn a_backup_without_a_log_says_so(stage: &Stage) {
    stage.backup();
    let new = stage.beside("restored");
    let outcome = stage.run(&replay(&new, &[]), 1);
    assert_says(&outcome.stderr, "was taken without a change log");
    assert!(stage.state_of(&new).is_none());
}

fn segment(stage: &Stage, name: &str, file: &str) -> std::path::PathBuf {
    stage.path(&format!("backups/{name}/changes/{file}"))
}

fn a_damaged_segment_is_found(stage: &Stage) {
    let name = logged(stage);
    stage.sql("delete from orders where id < 10");
    stage.run(&["backup", "carry", "--to", "backups"], 0);
    let folder = std::fs::read_dir(segment(stage, &name, "")).unwrap();
    let mut files = folder.map(|file| file.unwrap().path());
    let file = files
        .find(|file| file.extension().is_some_and(|end| end == "changes"))
        .unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let new = stage.beside("restored");
    let outcome = stage.run(&replay(&new, &[]), 4);
    assert_says(&outcome.stderr, "the bytes of `changes/000001-");
    assert!(stage.state_of(&new).is_none());
}

fn a_missing_segment_is_found(stage: &Stage) {
    let name = logged(stage);
    for id in 1..4 {
        stage.sql(&format!("delete from orders where id = {id}"));
        stage.run(&["backup", "carry", "--to", "backups"], 0);
    }
    std::fs::remove_file(segment(stage, &name, "000002.json")).unwrap();
    let new = stage.beside("restored");
    let outcome = stage.run(&replay(&new, &[]), 4);
    assert_says(&outcome.stderr, "`changes/000002.json` is missing");
    std::fs::remove_file(segment(stage, &name, "000003.json")).unwrap();
    // The database knows that it has given away more than is there.
    let outcome = stage.run(&replay(&new, &[]), 1);
    assert_says(
        &outcome.stderr,
        "carried out further than to the last segment",
    );
    assert!(stage.state_of(&new).is_none());
}

fn a_newer_backup_takes_the_place_of_the_log(stage: &Stage) {
    let older = logged(stage);
    stage.sql("delete from orders where id = 1");
    logged(stage);
    let then = stage.state();
    stage.sql("delete from orders where id = 2");
    let new = stage.beside("restored");
    let mut arguments = replay(&new, &[]);
    arguments.insert(1, &older);
    let outcome = stage.run(&arguments, 0);
    assert_says(&outcome.stdout, "its change log goes no further");
    assert_eq!(stage.state_of(&new).unwrap().1, then.1);
}

fn a_migration_in_between_is_told(stage: &Stage) {
    stage.write(
        "migrations/0001_x/up.sql",
        "alter table customers add column x integer;",
    );
    stage.write(
        "migrations/0001_x/down.sql",
        "alter table customers drop column x;",
    );
    logged(stage);
    stage.sql("update customers set name = 'before' where id = 1");
    let before = stage.state();
    stage.run(&["apply", "--yes"], 0);
    stage.sql("update customers set x = 1 where id = 1");
    let new = stage.beside("restored");
    let outcome = stage.run(&replay(&new, &[]), 4);
    assert_says(&outcome.stderr, "`0001_x` changed the schema");
    stage.run(&replay(&new, &["--before", "0001"]), 0);
    assert_eq!(stage.state_of(&new).unwrap().1, before.1);
    // Way (d) of the migration itself: the old schema, with every write since; what has no place there is told.
    stage.sql("update customers set name = 'after' where id = 2; insert into customers (id, name, x) values (900, 'new', 7); \
               delete from orders where id = 3");
    let old = stage.beside("old");
    let outcome = stage.run(&replay(&old, &["--without-migrations"]), 9);
    assert_says(&outcome.stdout, "the backup has no column x");
    let restored = stage.state_of(&old).unwrap();
    assert_eq!(restored.0.logical, before.0.logical);
    stage.sql_on(&new, "update customers set name = 'after' where id = 2; insert into customers (id, name) values (900, 'new'); \
               delete from orders where id = 3");
    assert_eq!(restored.1, stage.state_of(&new).unwrap().1);
    // The log goes on in the new schema, and the rollback is no drift.
    stage.run(&["rollback", "--yes"], 0);
    assert_says(&stage.run(&["status"], 0).stdout, "0001_x");
}
