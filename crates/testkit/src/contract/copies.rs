//! Copies to rehearse on.

use tightrope_engine::{Cloner, ConnectOptions, CopyPlace, DatabaseUrl, Scratch};
use tightrope_model::TableChecksum;

use super::desk::{self, Desk};
use super::{ContractDatabase, Subject};

/// A database with a table of two rows; nobody is connected.
fn source(subject: &Subject) -> ContractDatabase {
    let statements = [
        "create table t (id integer primary key, v text)",
        "create index t_v on t (v)",
        "create view seen as select v from t",
        "insert into t values (1, 'one'), (2, 'two')",
    ];
    let Desk { database, .. } = Desk::with(subject, &statements);
    database
}

fn copy(cloner: &dyn Cloner, database: &ContractDatabase) -> Box<dyn Scratch> {
    cloner
        .copy(&database.url, &CopyPlace::default())
        .expect("a copy is made")
}

/// Runs a statement in a database in a session of its own.
fn run(subject: &Subject, url: &DatabaseUrl, sql: &str) {
    desk::run(subject.connect(url).as_mut(), sql);
}

/// The schema's fingerprint and the rows of all tables.
fn state(subject: &Subject, url: &DatabaseUrl) -> (String, Vec<TableChecksum>) {
    let mut session = subject.connect(url);
    let catalog = session.catalog().expect("the catalog can be read");
    let sums = session.checksums(catalog.tables());
    let fingerprint = format!("{:?}", catalog.fingerprint());
    (fingerprint, sums.expect("the tables can be summed up"))
}

/// A copy has the same schema and rows, and what is done to it does not touch the source.
pub fn a_copy_is_equal_and_apart(subject: &Subject) {
    let Some(cloner) = subject.engine().cloner() else {
        return;
    };
    let database = source(subject);
    let before = state(subject, &database.url);
    let scratch = copy(cloner, &database);
    assert_ne!(scratch.url(), &database.url);
    assert!(!scratch.name().is_empty() && !scratch.report().method.is_empty());
    assert_eq!(state(subject, scratch.url()), before);

    run(subject, scratch.url(), "delete from t");
    run(subject, scratch.url(), "alter table t add column more text");
    assert_eq!(state(subject, &database.url), before);
}

/// A fork is what the copy is at that instant, not what its source was, and apart from both.
pub fn a_fork_is_the_copy_as_it_is_now(subject: &Subject) {
    let Some(cloner) = subject.engine().cloner() else {
        return;
    };
    let database = source(subject);
    let scratch = copy(cloner, &database);
    run(subject, scratch.url(), "insert into t values (3, 'three')");
    let then = state(subject, scratch.url());
    let fork = scratch.fork().expect("a fork is made");
    assert_eq!(state(subject, fork.url()), then);

    run(subject, fork.url(), "delete from t");
    assert_eq!(state(subject, scratch.url()), then);
    drop(scratch);
    assert_eq!(state(subject, fork.url()).1[0].rows, 0);
}

/// An empty copy has nothing of the source.
pub fn an_empty_copy_is_empty(subject: &Subject) {
    let Some(cloner) = subject.engine().cloner() else {
        return;
    };
    let database = source(subject);
    let place = CopyPlace {
        empty: true,
        ..CopyPlace::default()
    };
    let scratch = cloner
        .copy(&database.url, &place)
        .expect("an empty copy is made");
    let (_, sums) = state(subject, scratch.url());
    assert!(sums.is_empty());
    run(subject, scratch.url(), "create table t (id integer)");
}

/// A copy that is no longer needed is gone.
pub fn a_dropped_copy_is_gone(subject: &Subject) {
    let Some(cloner) = subject.engine().cloner() else {
        return;
    };
    let database = source(subject);
    let scratch = copy(cloner, &database);
    let url = scratch.url().clone();
    drop(scratch);
    let options = ConnectOptions {
        read_only: true,
        ..ConnectOptions::default()
    };
    assert!(subject.engine().connect(&url, &options).is_err());
}

/// Sweeping leaves alone what somebody still uses.
pub fn a_living_makers_copy_is_not_swept(subject: &Subject) {
    let Some(cloner) = subject.engine().cloner() else {
        return;
    };
    let database = source(subject);
    let scratch = copy(cloner, &database);
    let swept = cloner.sweep(&database.url, &CopyPlace::default());
    let swept = swept.expect("sweeping works");
    assert!(
        !swept.iter().any(|name| name == scratch.name()),
        "{swept:?}"
    );
    state(subject, scratch.url());
}

/// How much there is to copy is known beforehand.
pub fn a_database_has_a_size(subject: &Subject) {
    let Some(cloner) = subject.engine().cloner() else {
        return;
    };
    let database = source(subject);
    assert!(cloner.size(&database.url).expect("a size is known") > 0);
}
