//! Random schemas with references of every kind, random rows, samples of any size and masks: every constraint holds in the copy, and no masked
//! value is in it, nor in its files.
//!
//! `TIGHTROPE_SEED` repeats one case, `TIGHTROPE_CASES` runs more of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use tightrope_engine::{BackupWatch, ConnectOptions, CopyPlace, DatabaseUrl, Engine};
use tightrope_postgres::PostgresEngine;
use tightrope_selection::{FakeKind, MaskKey, MaskKind, Masks, Sample, Selection, Share};
use tightrope_sqlite::SqliteEngine;

use crate::stage::Stage;

/// The number that decides a case (SplitMix64, Steele and others 2014).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }

    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// Text that is nowhere else.
    fn secret(&mut self) -> String {
        let letters: Vec<char> =
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789äößé"
                .chars()
                .collect();
        (0..14)
            .map(|_| letters[self.below(letters.len())])
            .collect()
    }
}

/// What a table's rows are known by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum KeyKind {
    Number,
    Pair,
    Text,
}

struct Reference {
    to: usize,
    /// To the unique column instead of the key.
    to_unique: bool,
}

struct Table {
    key: KeyKind,
    has_unique: bool,
    without_rowid: bool,
    references: Vec<Reference>,
    rows: Vec<Row>,
}

struct Row {
    key: Vec<String>,
    unique: Option<String>,
    secret: String,
    /// For each reference the row of the table that is referred to.
    refers: Vec<Option<usize>>,
}

fn draw(dice: &mut Dice) -> Vec<Table> {
    let count = 2 + dice.below(5);
    let mut tables: Vec<Table> = (0..count)
        .map(|_| Table {
            key: [KeyKind::Number, KeyKind::Pair, KeyKind::Text][dice.below(3)],
            has_unique: dice.one_in(2),
            without_rowid: dice.one_in(3),
            references: Vec::new(),
            rows: Vec::new(),
        })
        .collect();
    for at in 0..count {
        for _ in 0..dice.below(4) {
            let to = dice.below(count);
            let to_unique = tables[to].has_unique && dice.one_in(3);
            tables[at].references.push(Reference { to, to_unique });
        }
        let rows = [3, 40, 250][dice.below(3)];
        for number in 0..rows {
            let key = match tables[at].key {
                KeyKind::Number => vec![(number * 3 + 1).to_string()],
                KeyKind::Pair => vec![(number / 5).to_string(), (number % 5).to_string()],
                KeyKind::Text => vec![format!("'{}'", dice.secret())],
            };
            let unique = tables[at].has_unique && !dice.one_in(5);
            let row = Row {
                key,
                unique: unique.then(|| dice.secret()),
                secret: dice.secret(),
                refers: Vec::new(),
            };
            tables[at].rows.push(row);
        }
    }
    for at in 0..count {
        for row in 0..tables[at].rows.len() {
            let refers: Vec<Option<usize>> = tables[at]
                .references
                .iter()
                .map(|reference| {
                    let to = &tables[reference.to];
                    let found = dice.below(to.rows.len());
                    let is_there = !reference.to_unique || to.rows[found].unique.is_some();
                    (is_there && !dice.one_in(4)).then_some(found)
                })
                .collect();
            tables[at].rows[row].refers = refers;
        }
    }
    tables
}

fn key_columns(key: KeyKind) -> &'static [(&'static str, &'static str)] {
    match key {
        KeyKind::Number => &[("id", "integer")],
        KeyKind::Pair => &[("part", "integer"), ("place", "integer")],
        KeyKind::Text => &[("code", "varchar(40)")],
    }
}

/// The columns that a reference is to.
fn referred(tables: &[Table], reference: &Reference) -> Vec<(&'static str, &'static str)> {
    match reference.to_unique {
        true => vec![("label", "varchar(40)")],
        false => key_columns(tables[reference.to].key).to_vec(),
    }
}

/// The statements that make it all.
fn statements(tables: &[Table], is_sqlite: bool) -> String {
    let (mut made, mut filled, mut tied) = (String::new(), String::new(), String::new());
    for (at, table) in tables.iter().enumerate() {
        let mut columns: Vec<String> = key_columns(table.key)
            .iter()
            .map(|(name, kind)| format!("{name} {kind} not null"))
            .collect();
        if table.has_unique {
            columns.push("label varchar(40) unique".to_owned());
        }
        columns.push("secret text not null".to_owned());
        let mut ties = Vec::new();
        for (number, reference) in table.references.iter().enumerate() {
            let (mut own, mut other) = (Vec::new(), Vec::new());
            for (name, kind) in referred(tables, reference) {
                columns.push(format!("r{number}_{name} {kind}"));
                own.push(format!("r{number}_{name}"));
                other.push(name);
            }
            ties.push(format!(
                "foreign key ({}) references t{} ({})",
                own.join(", "),
                reference.to,
                other.join(", ")
            ));
        }
        let key: Vec<&str> = key_columns(table.key)
            .iter()
            .map(|(name, _)| *name)
            .collect();
        columns.push(format!("primary key ({})", key.join(", ")));
        let rowid = if is_sqlite && table.without_rowid {
            " without rowid"
        } else {
            ""
        };
        if is_sqlite {
            columns.append(&mut ties);
        }
        let _ = writeln!(made, "create table t{at} ({}){rowid};", columns.join(", "));
        for (number, tie) in ties.iter().enumerate() {
            let how = ["", " deferrable initially deferred", " not valid"][number % 3];
            let _ = writeln!(tied, "alter table t{at} add {tie}{how};");
        }
        for row in &table.rows {
            let text = |text: &Option<String>| {
                text.as_ref()
                    .map_or("null".to_owned(), |text| format!("'{text}'"))
            };
            let mut values = row.key.clone();
            if table.has_unique {
                values.push(text(&row.unique));
            }
            values.push(format!("'{}'", row.secret));
            for (reference, to) in table.references.iter().zip(&row.refers) {
                let width = referred(tables, reference).len();
                match to.map(|to| &tables[reference.to].rows[to]) {
                    None => values.extend(vec!["null".to_owned(); width]),
                    Some(to) if reference.to_unique => values.push(text(&to.unique)),
                    Some(to) => values.extend(to.key.clone()),
                }
            }
            let _ = writeln!(filled, "insert into t{at} values ({});", values.join(", "));
        }
    }
    match is_sqlite {
        true => format!("pragma foreign_keys = off; begin; {made}{filled} commit;"),
        false => format!("{made}{filled}{tied}"),
    }
}

/// Masks for some of the columns, and the values that must not be seen then.
fn masks(tables: &[Table], dice: &mut Dice) -> (Masks, Vec<String>) {
    let kinds = [
        MaskKind::KeepFormat,
        MaskKind::Hash,
        MaskKind::Fake(FakeKind::Email),
    ];
    let (mut columns, mut hidden) = (BTreeMap::new(), Vec::new());
    // One kind for all keys, so that who refers to two of them is masked alike.
    let of_keys = kinds[dice.below(kinds.len())].clone();
    let masks_keys = dice.one_in(2);
    for (at, table) in tables.iter().enumerate() {
        if !dice.one_in(3) {
            let kind = kinds[dice.below(kinds.len())].clone();
            columns.insert(format!("t{at}.secret"), kind);
            hidden.extend(table.rows.iter().map(|row| row.secret.clone()));
        }
        if masks_keys && table.has_unique {
            columns.insert(format!("t{at}.label"), of_keys.clone());
            hidden.extend(table.rows.iter().filter_map(|row| row.unique.clone()));
        }
        if masks_keys && table.key == KeyKind::Text {
            columns.insert(format!("t{at}.code"), of_keys.clone());
            let code = |row: &Row| row.key[0].trim_matches('\'').to_owned();
            hidden.extend(table.rows.iter().map(code));
        }
    }
    let key = MaskKey::from_secret("long and random");
    (Masks { key, columns }, hidden)
}

struct Quiet;

impl BackupWatch for Quiet {
    fn progress(&self, _: &str, _: u64, _: u64) {}
    fn reached(&self, _: &'static str) {}
}

#[expect(clippy::print_stdout, reason = "the test runner keeps it for failures")]
fn one_case(seed: u64, is_sqlite: bool) {
    println!("TIGHTROPE_SEED={seed}");
    let mut dice = Dice(seed);
    let tables = draw(&mut dice);
    let stage = match is_sqlite {
        true => Stage::sqlite(),
        false => Stage::postgres(),
    };
    stage.sql(&statements(&tables, is_sqlite));
    let (masks, hidden) = masks(&tables, &mut dice);
    let share = [
        Share::Percent(2.0),
        Share::Percent(30.0),
        Share::Rows(10),
        Share::Whole,
    ][dice.below(4)];
    let selection = Selection {
        sample: Some(Sample {
            share,
            seed: dice.below(1 << 30) as u64,
            whole_up_to: [0, 5][dice.below(2)],
            tables: BTreeMap::new(),
        }),
        masks,
    };
    let engine: Box<dyn Engine> = match is_sqlite {
        true => Box::new(SqliteEngine::new()),
        false => Box::new(PostgresEngine::new()),
    };
    let cloner = engine.cloner().unwrap();
    let copy = cloner.copy_selected(
        &DatabaseUrl::new(&stage.url),
        &CopyPlace::default(),
        &selection,
        &Quiet,
    );
    // PostgreSQL has made every foreign key again by now, and would have refused one that does not hold.
    let copy = copy.unwrap_or_else(|error| panic!("{error}: {error:?}"));
    let url = copy.url().secret().to_owned();
    let (before, after) = (stage.state(), stage.state_of(&url).unwrap());
    assert_eq!(before.0, after.0, "the schema");
    let said = copy.report().selection.clone().unwrap();
    for (at, table) in tables.iter().enumerate() {
        let (rows, of) = said.rows_of(&format!("t{at}")).unwrap();
        assert_eq!(of, table.rows.len() as u64);
        let count = stage.one_on(&url, &format!("select count(*) || '' from t{at}"));
        assert_eq!(count, rows.to_string(), "t{at}");
        if share == Share::Whole {
            assert_eq!(rows, of, "t{at}");
        }
    }
    for (at, table) in tables.iter().enumerate() {
        for (number, reference) in table.references.iter().enumerate() {
            let columns = referred(&tables, reference);
            let names = columns.iter().map(|(name, _)| *name);
            let given: Vec<String> = names
                .clone()
                .map(|name| format!("c.r{number}_{name} is not null"))
                .collect();
            let same: Vec<String> = names
                .map(|name| format!("p.{name} = c.r{number}_{name}"))
                .collect();
            let dangling = format!(
                "select count(*) || '' from t{at} c where {} and not exists (select 1 from t{} p where {})",
                given.join(" and "),
                reference.to,
                same.join(" and ")
            );
            assert_eq!(stage.one_on(&url, &dangling), "0", "{dangling}");
        }
    }
    let bytes = match is_sqlite {
        true => fs::read(
            url.trim_start_matches("sqlite://")
                .split('?')
                .next()
                .unwrap(),
        )
        .unwrap(),
        false => stage.dump(&url).into_bytes(),
    };
    let text = String::from_utf8_lossy(&bytes);
    for value in hidden {
        assert!(!text.contains(&value), "{value} is in the copy");
    }
    let options = ConnectOptions::default();
    drop(engine.connect(copy.url(), &options).unwrap());
}

fn cases(fewest: u64, is_sqlite: bool) {
    let read = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|value| value.parse().ok())
    };
    if let Some(seed) = read("TIGHTROPE_SEED") {
        return one_case(seed, is_sqlite);
    }
    let begins = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    for number in 0..read("TIGHTROPE_CASES").unwrap_or(fewest) {
        one_case(begins.wrapping_add(number), is_sqlite);
    }
}

#[test]
fn any_sample_of_any_schema_satisfies_it_and_shows_no_masked_value_on_sqlite() {
    cases(25, true);
}

#[test]
fn any_sample_of_any_schema_satisfies_it_and_shows_no_masked_value_on_postgres() {
    cases(5, false);
}
