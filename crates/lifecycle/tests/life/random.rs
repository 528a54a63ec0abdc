//! Random migrations whose rollbacks are right by construction, and the same with one statement left out of the rollback.
//!
//! The right ones must be proven, applied and rolled back to the state of before; a rollback that lacks a statement must never
//! be called proven. `TIGHTROPE_SEED` repeats one case, `TIGHTROPE_CASES` runs more of them.

use tightrope_lifecycle::{RollbackOptions, Silent, rehearse};
use tightrope_testkit::phases::{Case, Phases};

use crate::{postgres, sqlite};

const CASES: u64 = 6;

/// A small generator of its own, so that a seed means the same for ever (SplitMix64, Steele and others 2014).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).expect("it is below a bound")
    }
}

/// A table that is there before the migration, as the migration has left it so far.
struct Table {
    name: String,
    columns: Vec<String>,
}

/// A statement and the one that takes it back; whether leaving that out must be noticed.
struct Pair {
    forward: String,
    rollback: String,
    counts: bool,
}

fn pair(forward: String, rollback: String) -> Pair {
    Pair {
        forward,
        rollback,
        counts: true,
    }
}

const BEFORE: &str = "
    create table t0 (id integer primary key, a text, b integer not null);
    create table t1 (id integer primary key, a text, b integer not null);
    insert into t0 values (1, 'x', 1), (2, null, 2), (3, 'ü', 3);
    insert into t1 values (1, '', 0);";

fn pairs(chance: &mut Chance) -> Vec<Pair> {
    let table = |name: &str| Table {
        name: name.to_owned(),
        columns: vec!["a".to_owned(), "b".to_owned()],
    };
    let mut tables = [table("t0"), table("t1")];
    let count = 1 + chance.below(5);
    (0..count)
        .map(|number| {
            let kind = chance.below(9);
            let table = &mut tables[chance.below(2)];
            one(kind, number, table, chance)
        })
        .collect()
}

fn one(kind: usize, number: usize, table: &mut Table, chance: &mut Chance) -> Pair {
    let name = table.name.clone();
    match kind {
        0 => pair(
            format!("create table n{number} (id integer primary key, v text)"),
            format!("drop table n{number}"),
        ),
        1 => {
            let column = format!("c{number}");
            table.columns.push(column.clone());
            pair(
                format!("alter table {name} add column {column} integer default {number}"),
                format!("alter table {name} drop column {column}"),
            )
        }
        2 => {
            let at = chance.below(table.columns.len());
            let (old, new) = (table.columns[at].clone(), format!("r{number}"));
            table.columns[at].clone_from(&new);
            pair(
                format!("alter table {name} rename column {old} to {new}"),
                format!("alter table {name} rename column {new} to {old}"),
            )
        }
        3 => {
            let column = &table.columns[chance.below(table.columns.len())];
            pair(
                format!("create index i{number} on {name} ({column})"),
                format!("drop index i{number}"),
            )
        }
        4 => pair(
            format!("create view v{number} as select id from {name}"),
            format!("drop view v{number}"),
        ),
        5 => pair(
            format!("update {name} set id = id + 100 where id = 1"),
            format!("update {name} set id = id - 100 where id = 101"),
        ),
        6 => {
            let number_column = table.columns[1].clone();
            pair(
                format!(
                    "insert into {name} (id, {number_column}) values ({}, 7)",
                    500 + number
                ),
                format!("delete from {name} where id = {}", 500 + number),
            )
        }
        7 => {
            table.name = format!("m{number}");
            let new = &table.name;
            pair(
                format!("alter table {name} rename to {new}"),
                format!("alter table {new} rename to {name}"),
            )
        }
        _ => Pair {
            forward: format!("select count(*) from {name}"),
            rollback: format!("select count(*) from {name}"),
            counts: false,
        },
    }
}

/// Moving row 1 away a second time finds nothing to move: only the first counts.
fn only_first_move(pairs: &mut Vec<Pair>) {
    let mut moves = 0;
    pairs.retain(|pair| {
        moves += usize::from(pair.forward.starts_with("update "));
        moves <= 1 || !pair.forward.starts_with("update ")
    });
}

fn seeds() -> std::ops::Range<u64> {
    let read = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|value| value.parse::<u64>().ok())
    };
    match read("TIGHTROPE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..read("TIGHTROPE_CASES").unwrap_or(CASES),
    }
}

fn scripts(pairs: &[Pair], left_out: Option<usize>) -> (String, String) {
    let forward: Vec<&str> = pairs.iter().map(|pair| pair.forward.as_str()).collect();
    let rollback: Vec<&str> = pairs
        .iter()
        .enumerate()
        .rev()
        .filter(|(index, _)| Some(*index) != left_out)
        .map(|(_, pair)| pair.rollback.as_str())
        .collect();
    (forward.join(";\n"), rollback.join(";\n"))
}

#[expect(clippy::print_stdout, reason = "the test runner keeps it for failures")]
fn check_seed(phases: &Phases, seed: u64) {
    println!("TIGHTROPE_SEED={seed}");
    let mut chance = Chance(seed);
    let mut pairs = pairs(&mut chance);
    only_first_move(&mut pairs);
    let (forward, rollback) = scripts(&pairs, None);
    let desk = phases.desk(&Case {
        before: BEFORE,
        forward: &forward,
        rollback: Some(&rollback),
        ..Case::default()
    });
    let before = desk.state();
    let rehearsal = desk.rehearse();
    assert!(
        rehearsal.verdict.passes(),
        "{forward}\n--\n{rollback}\n{rehearsal:#?}"
    );
    desk.apply(false);
    desk.try_roll_back(&RollbackOptions::default())
        .expect("it is rolled back");
    let after = desk.state();
    assert_eq!(after.0.logical, before.0.logical, "{forward}");
    assert_eq!(after.1, before.1, "{forward}");
    let counting: Vec<usize> = (0..pairs.len())
        .filter(|&index| pairs[index].counts)
        .collect();
    if counting.is_empty() {
        return;
    }
    let left_out = counting[chance.below(counting.len())];
    let (_, broken) = scripts(&pairs, Some(left_out));
    if broken.trim().is_empty() {
        // Where none is written, the derived one is rehearsed, and that is right.
        return;
    }
    desk.write(
        "0001_first",
        &Case {
            forward: &forward,
            rollback: Some(&broken),
            ..Case::default()
        },
    );
    let rehearsed = rehearse(
        &desk.project,
        &tightrope_lifecycle::RehearseOptions::default(),
        &Silent,
    )
    .expect("it is rehearsed");
    let verdict = rehearsed.migrations[0].verdict;
    assert!(
        !verdict.passes(),
        "without `{}`: {verdict}\n{forward}\n--\n{broken}",
        pairs[left_out].rollback
    );
    assert_eq!(desk.state(), after, "a rehearsal changed the target");
}

#[test]
fn right_rollbacks_are_proven_and_wrong_ones_never_on_postgres() {
    let servers = postgres();
    for seed in seeds() {
        let server = usize::try_from(seed).unwrap() % servers.len();
        check_seed(&servers[server], seed);
    }
}

#[test]
fn right_rollbacks_are_proven_and_wrong_ones_never_on_sqlite() {
    let phases = sqlite();
    for seed in seeds() {
        for seed in 10 * seed..10 * (seed + 1) {
            check_seed(&phases, seed);
        }
    }
}
