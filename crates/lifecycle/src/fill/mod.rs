//! Generated rows: every table of a scratch database gets some, so that a rehearsal from an empty database sees what a
//! migration does to data.
//!
//! What a row must be like is read from the catalog: types, NOT NULL, keys, and the text of checks, from which values are
//! taken that may satisfy them. The text is only a guide. Whether values hold is asked of the database, many at once, before
//! they are inserted, and what it still refuses is tried anew, row by row. The same seed gives the same rows.
//!
//! **Invariant:** the schema is afterwards what it was; a table that cannot be filled is a remark, and no error.

mod bounds;
mod check;
mod comparison;
mod condition;
mod cycle;
mod dice;
mod insert;
mod kind;
mod moment;
mod nested;
mod pattern;
mod pool;
mod read;
mod refer;
mod row;
mod table;
mod token;
mod value;
mod wish;

use std::collections::{BTreeMap, BTreeSet};

use crate::execute::Quietly;
use tightrope_engine::{EngineError, Session};
use tightrope_model::{Catalog, TableName, Value};

use dice::Dice;
use insert::Inserted;
use table::{Foreign, Table};

/// What shall be filled.
#[derive(Clone, Debug)]
pub(crate) struct Filling {
    /// How many rows every table shall have at least.
    pub(crate) rows: usize,
    /// What the values depend on.
    pub(crate) seed: u64,
    /// Tables that stay as they are.
    pub(crate) except: BTreeSet<TableName>,
}

/// What was filled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filled {
    /// How many rows each table got; tables that got none are left out.
    pub(crate) rows: BTreeMap<TableName, usize>,
    /// Tables without any row, with the reason.
    pub(crate) unfilled: BTreeMap<TableName, String>,
}

/// How many rows of another table are looked at for references.
const MOST_PARENTS: usize = 200;

/// Gives every table rows until it has as many as wanted; one that has them is left alone. No transaction may be open.
///
/// # Errors
/// When the connection breaks. A table that cannot be filled is no error.
pub(crate) fn fill(
    session: &mut dyn Session,
    catalog: &Catalog,
    filling: &Filling,
) -> Result<Filled, EngineError> {
    let tables = read::tables(catalog, session);
    session.begin()?;
    match fill_all(session, &tables, filling) {
        Ok(filled) => session.commit().map(|()| filled),
        Err(error) => {
            session.roll_back()?;
            Err(error)
        }
    }
}

fn fill_all(
    session: &mut dyn Session,
    tables: &[Table],
    filling: &Filling,
) -> Result<Filled, EngineError> {
    let mut filled = Filled::default();
    let counts = counts(session, tables)?;
    if counts.iter().all(|count| *count >= filling.rows) {
        return Ok(filled);
    }
    let mut done = BTreeSet::new();
    let mut later = Vec::new();
    for at in in_order(tables) {
        let table = &tables[at];
        let there = counts.get(at).copied().unwrap_or_default();
        let is_skipped = filling.except.contains(&table.name) || there >= filling.rows;
        if !is_skipped {
            let dice = Dice::new(filling.seed, &format!("{} {there}", table.name));
            let parents = parents(session, table)?;
            let inserted = insert::insert(session, table, &parents, filling.rows - there, dice)?;
            let is_early = |foreign: &&Foreign| {
                let may_wait = foreign.is_nullable && !foreign.is_guess;
                may_wait && !foreign.is_own && !done.contains(&foreign.parent)
            };
            if inserted.rows > 0 && table.foreigns.iter().any(|foreign| is_early(&foreign)) {
                later.push(at);
            }
            note(&mut filled, table, there, inserted);
        }
        done.insert(table.name.clone());
    }
    for at in later {
        let dice = Dice::new(filling.seed, &format!("{} later", tables[at].name));
        cycle::close(session, &tables[at], dice)?;
    }
    Ok(filled)
}

fn note(filled: &mut Filled, table: &Table, there: usize, inserted: Inserted) {
    if inserted.rows > 0 {
        filled.rows.insert(table.name.clone(), inserted.rows);
    } else if there == 0 {
        let reason = inserted
            .reason
            .unwrap_or_else(|| "every row is refused".to_owned());
        filled.unfilled.insert(table.name.clone(), reason);
    }
}

/// The numbers of the tables so that, where that is possible, each comes after those that it needs. In a circle, a reference that
/// may be NULL is the one that waits.
fn in_order(tables: &[Table]) -> Vec<usize> {
    let numbers: BTreeMap<&TableName, usize> = tables
        .iter()
        .enumerate()
        .map(|(at, table)| (&table.name, at))
        .collect();
    let needs = |strict: bool| -> Vec<Vec<usize>> {
        let of = |(at, table): (usize, &Table)| {
            let names = table.needs.iter();
            let names = names.filter(|name| !strict || !is_loose(table, name));
            let known = names.filter_map(|name| numbers.get(name).copied());
            known.filter(|need| *need != at).collect()
        };
        tables.iter().enumerate().map(of).collect()
    };
    let (all, strict) = (needs(false), needs(true));
    let mut open: Vec<usize> = (0..tables.len()).collect();
    let mut placed = vec![false; tables.len()];
    let mut order = Vec::new();
    while !open.is_empty() {
        let before = order.len();
        let ready = |needs: &[Vec<usize>], at: usize, placed: &[bool]| {
            needs[at].iter().all(|need| placed[*need])
        };
        open.retain(|at| {
            let is_ready = ready(&all, *at, &placed);
            if is_ready {
                placed[*at] = true;
                order.push(*at);
            }
            !is_ready
        });
        if order.len() == before {
            let next = open.iter().position(|at| ready(&strict, *at, &placed));
            let next = open.remove(next.unwrap_or(0));
            placed[next] = true;
            order.push(next);
        }
    }
    order
}

/// Whether all references to that table may be NULL.
fn is_loose(table: &Table, name: &TableName) -> bool {
    let to_it = || {
        table
            .foreigns
            .iter()
            .filter(|foreign| foreign.parent == *name)
    };
    to_it().next().is_some() && to_it().all(|foreign| foreign.is_nullable || foreign.is_guess)
}

/// How many rows each table has.
fn counts(session: &mut dyn Session, tables: &[Table]) -> Result<Vec<usize>, EngineError> {
    let mut all = vec![0; tables.len()];
    let numbered: Vec<(usize, &Table)> = tables.iter().enumerate().collect();
    for some in numbered.chunks(100) {
        let parts: Vec<String> = some
            .iter()
            .map(|(at, table)| {
                format!(
                    "select cast({at} as bigint), cast(count(*) as bigint) from {}",
                    table.sql
                )
            })
            .collect();
        for row in session.query(&parts.join(" union all "), &[])? {
            let numbers: Vec<usize> = row
                .iter()
                .filter_map(Value::integer)
                .filter_map(|number| usize::try_from(number).ok())
                .collect();
            if let [at, count] = numbers[..] {
                all[at] = count;
            }
        }
    }
    Ok(all)
}

/// For each foreign key of a table the rows to which it may refer, as SQL literals.
fn parents(session: &mut dyn Session, table: &Table) -> Result<Vec<Vec<Vec<String>>>, EngineError> {
    table
        .foreigns
        .iter()
        .map(|foreign| keys(session, foreign))
        .collect()
}

fn keys(session: &mut dyn Session, foreign: &Foreign) -> Result<Vec<Vec<String>>, EngineError> {
    let parent = match foreign.parent.schema.is_empty() {
        true => session.quote(&foreign.parent.name),
        false => {
            format!(
                "{}.{}",
                session.quote(&foreign.parent.schema),
                session.quote(&foreign.parent.name)
            )
        }
    };
    literals(session, &parent, &foreign.parent_columns, MOST_PARENTS)
}

/// Rows of a table as SQL literals, those with a NULL left out; none where the table cannot be read.
fn literals(
    session: &mut dyn Session,
    table: &str,
    columns: &[String],
    most: usize,
) -> Result<Vec<Vec<String>>, EngineError> {
    let (before, after) = session.row_dialect().literal;
    let columns: Vec<String> = columns.iter().map(|column| session.quote(column)).collect();
    let shown: Vec<String> = columns
        .iter()
        .map(|c| format!("{before}{c}{after}"))
        .collect();
    let filled: Vec<String> = columns.iter().map(|c| format!("{c} is not null")).collect();
    let sql = format!(
        "select {} from {table} where {} limit {most}",
        shown.join(", "),
        filled.join(" and ")
    );
    session.run_quietly("savepoint tightrope_read")?;
    let rows = match session.query(&sql, &[]) {
        Ok(rows) => rows,
        Err(error) if error.kind.is_fatal() => return Err(error),
        Err(_) => {
            session.run_quietly("rollback to savepoint tightrope_read")?;
            Vec::new()
        }
    };
    session.run_quietly("release savepoint tightrope_read")?;
    let rows = rows
        .iter()
        .map(|row| row.iter().map(Value::to_string).collect());
    Ok(rows.collect())
}
