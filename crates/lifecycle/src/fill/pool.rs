//! Values that satisfy a table's checks: many are tried at once, and the database says which hold.

use std::collections::BTreeSet;

use tightrope_engine::{EngineError, Session};

use super::row::{Cells, RowMaker};
use super::table::{Check, Table};
use super::value::Taste;
use crate::execute::Quietly;

/// How many rows are tried in one question.
const TRIED: usize = 160;

/// How many questions are asked for columns for which nothing was found yet.
const QUESTIONS: usize = 5;

/// Columns that stand under common checks, with values that satisfy them.
pub(super) struct Pool {
    columns: Vec<usize>,
    checks: Vec<usize>,
    values: Vec<Cells>,
    next: usize,
}

impl Pool {
    /// Gives a row's columns values that go together.
    pub(super) fn pour(&mut self, cells: &mut Cells) {
        if let Some(values) = self.values.get(self.next % self.values.len().max(1)) {
            self.next += 1;
            for (column, value) in self.columns.iter().zip(values) {
                cells[*column].clone_from(value);
            }
        }
    }

    /// Whether a column's value comes from here.
    pub(super) fn holds(&self, column: usize) -> bool {
        self.columns.contains(&column)
    }
}

/// Columns that belong together, since a check or a key is about them: the pools, still empty.
fn groups(table: &Table) -> Vec<Pool> {
    let mut groups: Vec<BTreeSet<usize>> = Vec::new();
    let mut join = |columns: BTreeSet<usize>| {
        let (touching, mut apart): (Vec<_>, Vec<_>) = std::mem::take(&mut groups)
            .into_iter()
            .partition(|group| !group.is_disjoint(&columns));
        apart.push(touching.into_iter().flatten().chain(columns).collect());
        groups = apart;
    };
    for check in &table.checks {
        join(check.columns.iter().copied().collect());
    }
    for foreign in table.foreigns.iter().filter(|foreign| !foreign.is_own) {
        join(foreign.columns.iter().copied().collect());
    }
    let pools = groups.into_iter().map(|columns| Pool {
        checks: (0..table.checks.len())
            .filter(|check| {
                table.checks[*check]
                    .columns
                    .iter()
                    .any(|c| columns.contains(c))
            })
            .collect(),
        columns: columns.into_iter().collect(),
        values: Vec::new(),
        next: 0,
    });
    pools.filter(|pool| !pool.checks.is_empty()).collect()
}

/// Fills the pools of a table with about as many values as there shall be rows. An inner error says which rows are missing.
pub(super) fn pools(
    session: &mut dyn Session,
    maker: &mut RowMaker<'_>,
    rows: usize,
) -> Result<Result<Vec<Pool>, String>, EngineError> {
    let mut pools = groups(maker.table);
    let taste = maker.taste;
    for pool in &mut pools {
        for question in 0..QUESTIONS {
            let enough = if question < 2 { rows } else { 1 };
            if pool.values.len() >= enough {
                break;
            }
            maker.taste = if question < 3 { taste } else { Taste::Plain };
            let tried: Result<Vec<Cells>, String> = (0..TRIED).map(|_| maker.row()).collect();
            let tried = match tried {
                Ok(tried) => tried,
                Err(missing) => return Ok(Err(missing)),
            };
            let holds = match ask(session, maker.table, pool, &tried) {
                Ok(holds) => holds,
                Err(error) if error.kind.is_fatal() => return Err(error),
                // A value over which the condition itself stumbles.
                Err(_) => continue,
            };
            for row in holds.into_iter().filter_map(|at| tried.get(at)) {
                let values = pool.columns.iter().map(|column| row[*column].clone());
                pool.values.push(values.collect());
            }
        }
    }
    maker.taste = taste;
    Ok(Ok(pools))
}

/// Which of the tried rows satisfy all checks of the pool.
fn ask(
    session: &mut dyn Session,
    table: &Table,
    pool: &Pool,
    tried: &[Cells],
) -> Result<Vec<usize>, EngineError> {
    let is_typed = session.row_dialect().is_typed;
    let checks: Vec<&Check> = pool
        .checks
        .iter()
        .map(|check| &table.checks[*check])
        .collect();
    session.run_quietly("savepoint tightrope_ask")?;
    let sql = question(table, &pool.columns, &checks, tried, is_typed);
    let answer = session.query(&sql, &[]);
    if answer.is_err() {
        session.run_quietly("rollback to savepoint tightrope_ask")?;
    }
    session.run_quietly("release savepoint tightrope_ask")?;
    let numbers = answer?;
    let numbers = numbers.iter().filter_map(|row| row.first()?.integer());
    Ok(numbers
        .filter_map(|number| usize::try_from(number).ok())
        .collect())
}

fn question(
    table: &Table,
    columns: &[usize],
    checks: &[&Check],
    tried: &[Cells],
    is_typed: bool,
) -> String {
    let names: Vec<&str> = columns
        .iter()
        .map(|c| table.columns[*c].sql.as_str())
        .collect();
    let rows: Vec<String> = tried
        .iter()
        .enumerate()
        .map(|(at, row)| {
            let cells = columns.iter().map(|column| {
                let cell = row[*column].as_deref().unwrap_or("null");
                match is_typed && at == 0 {
                    true => format!("cast({cell} as {})", table.columns[*column].cast),
                    false => cell.to_owned(),
                }
            });
            let cells: Vec<String> = cells.collect();
            format!("(cast({at} as bigint), {})", cells.join(", "))
        })
        .collect();
    let generated = table.columns.iter().filter_map(|column| {
        let expression = column.generated.as_ref()?;
        let is_needed = checks.iter().any(|check| check.sql.contains(&column.name));
        is_needed.then(|| format!(", ({expression}) as {}", column.sql))
    });
    let holds: Vec<String> = checks
        .iter()
        .map(|check| {
            format!(
                "case when ({}) then 1 when not ({}) then 0 else 1 end = 1",
                check.sql, check.sql
            )
        })
        .collect();
    format!(
        "with tightrope_tried (tightrope_row, {}) as (values {}), tightrope_all as (select *{} from tightrope_tried) \
         select tightrope_row from tightrope_all where {} order by 1",
        names.join(", "),
        rows.join(", "),
        generated.collect::<String>(),
        holds.join(" and ")
    )
}
