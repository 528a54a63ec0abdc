//! Whatever DDL changes, the derived rollback takes it back: the catalog afterwards is the one before, to the letter.
//!
//! The cases are files in `cases/`, one a kind of object, written like those of the mutation test; its changes are cases,
//! too.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use tightrope_engine::{ConnectOptions, DatabaseUrl, Engine as _, RunStatement, Session};
use tightrope_inverse::{Change, Inverse, Sources, derive};
use tightrope_model::{Catalog, EngineKind};
use tightrope_postgres::PostgresEngine;
use tightrope_testkit::servers;

const SCHEMA: &str = include_str!("../mutation/schema.sql");
const MUTATIONS: &str = include_str!("../mutation/changes.sql");

/// One migration. Its lines in a file: `-- given` what has to be there first, `-- since` the oldest version that knows it,
/// then the migration, then `-- loss` words of a loss that is told, `-- differs` words of a difference that is left then, and
/// `-- then` a statement that has to succeed after the rollback. A line is a statement; a blank line ends the case.
#[derive(Debug, Default)]
struct Case {
    since: u32,
    given: Vec<&'static str>,
    forward: Vec<&'static str>,
    losses: Vec<&'static str>,
    differences: Vec<&'static str>,
    then: Vec<&'static str>,
    lenient: bool,
}

impl Case {
    fn of(block: &'static str) -> Self {
        let mut case = Self::default();
        for line in block.lines() {
            let (mark, rest) = line
                .strip_prefix("-- ")
                .and_then(|comment| comment.split_once(' '))
                .unwrap_or_default();
            match mark {
                "since" => case.since = rest.parse().expect("a major version"),
                "given" => case.given.push(rest),
                "loss" => case.losses.push(rest),
                "differs" => case.differences.push(rest),
                "then" => case.then.push(rest),
                _ if line.starts_with("--") => {}
                _ => case.forward.push(line),
            }
        }
        case
    }
}

fn run(session: &mut dyn Session, statements: &[&str]) -> Result<(), String> {
    for sql in statements {
        session
            .run(RunStatement {
                sql,
                copy_data: None,
            })
            .map_err(|error| format!("fails: {sql}\n  {error:?}"))?;
    }
    Ok(())
}

fn catalog(session: &mut dyn Session) -> Catalog {
    session.catalog().expect("the catalog can be read")
}

/// Every one of `expected` is part of one of `there`, and each of those holds one.
fn agree(expected: &[&str], there: &[String]) -> bool {
    expected
        .iter()
        .all(|words| there.iter().any(|line| line.contains(words)))
        && there
            .iter()
            .all(|line| expected.iter().any(|words| line.contains(words)))
}

/// Runs a migration and its derived rollback; says what is wrong with it.
fn check(session: &mut dyn Session, case: &Case) -> Result<(), String> {
    run(session, &case.given)?;
    let before = catalog(session);
    run(session, &case.forward)?;
    let now = catalog(session);
    let change = Change {
        before: &before,
        now: &now,
        renames: &[],
        sources: &Sources::default(),
    };
    let inverse = derive(EngineKind::Postgres, &change);
    judge(session, case, &before, &inverse).map_err(|fault| {
        let script = inverse.script().replace('\n', "\n    ");
        format!("{}\n  {fault}\n    {script}", case.forward.join("; "))
    })
}

fn judge(
    session: &mut dyn Session,
    case: &Case,
    before: &Catalog,
    inverse: &Inverse,
) -> Result<(), String> {
    let steps: Vec<&str> = inverse.steps.iter().map(|step| step.sql.as_str()).collect();
    run(session, &steps)?;
    let left = before.differences(&catalog(session));
    let mut left: Vec<String> = left.iter().map(ToString::to_string).collect();
    let losses = inverse.losses.iter();
    let mut losses: Vec<String> = losses
        .map(|loss| format!("{}: {}: {}", loss.object, loss.reason, loss.lost))
        .collect();
    if case.lenient && !losses.is_empty() {
        left.retain(|line| !line.contains(DIFFERENT));
        losses.retain(|line| !LOST.iter().any(|words| line.contains(words)));
    }
    if !agree(&case.differences, &left) {
        return Err(format!("left: {}", left.join("\n  ")));
    }
    if !agree(&case.losses, &losses) {
        return Err(format!("losses: {}", losses.join("\n  ")));
    }
    run(session, &case.then)
}

/// Tries all cases of a file on every server; if `lenient`, they may lose what cannot be kept without saying so.
fn check_all(file: &'static str, lenient: bool) {
    let mut cases: Vec<Case> = file.split("\n\n").map(Case::of).collect();
    for case in &mut cases {
        case.lenient = lenient;
    }
    let cases: Vec<&Case> = cases
        .iter()
        .filter(|case| !case.forward.is_empty())
        .collect();
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
        for case in cases.iter().filter(|case| case.since <= major) {
            session.begin().unwrap();
            let fault = check(session.as_mut(), case).err();
            session.roll_back().unwrap();
            faults.extend(fault.map(|fault| format!("{major}: {fault}")));
        }
    }
    assert!(
        faults.is_empty(),
        "{} of {} cases\n{}",
        faults.len(),
        cases.len(),
        faults.join("\n")
    );
}

/// What some of the mutations lose, and what is different then.
const LOST: [&str; 2] = ["only their digest is kept", "filled anew"];
const DIFFERENT: &str = "options digest";

#[test]
fn every_mutation_is_taken_back() {
    check_all(MUTATIONS, true);
}

macro_rules! cases {
    ($($name:ident: $file:literal,)*) => {$(
        #[test]
        fn $name() {
            check_all(include_str!(concat!("cases/", $file, ".sql")), false);
        }
    )*};
}

cases! {
    tables_come_back: "tables",
    columns_come_back: "columns",
    enums_come_back: "enums",
    types_and_domains_come_back: "types",
    views_come_back: "views",
    routines_come_back: "routines",
    operators_come_back: "operators",
    what_hangs_on_tables_comes_back: "on_tables",
    foreign_data_comes_back: "foreign",
    the_rest_comes_back: "rest",
    odd_names_come_back: "odd_names",
}
