//! Bringing rows into one table: all in one statement if that works, and one by one where it does not.

use tightrope_engine::{EngineError, RunStatement, Session};

use super::dice::Dice;
use super::pool::{Pool, pools};
use super::row::{Cells, RowMaker};
use super::table::Table;
use super::value::Taste;
use crate::execute::Quietly;

/// How often the whole is tried in one statement, since rows with a key that is there already are passed over.
const ROUNDS: usize = 4;

/// How many rows in a row may fail before a table is given up.
const MOST_FAILURES: usize = 12;

/// How many rows a table got, and why not all.
#[derive(Debug, Default)]
pub(super) struct Inserted {
    pub(super) rows: usize,
    pub(super) reason: Option<String>,
}

/// Inserts so many rows into a table.
pub(super) fn insert(
    session: &mut dyn Session,
    table: &Table,
    parents: &[Vec<Vec<String>>],
    rows: usize,
    mut dice: Dice,
) -> Result<Inserted, EngineError> {
    // Far from what people write by hand, and different each time.
    let serial = 1000 * (dice.next() % 50_000);
    let mut maker = RowMaker {
        table,
        dialect: session.row_dialect(),
        parents,
        dice,
        taste: Taste::Nasty,
        serial,
        made: 0,
    };
    session.run_quietly("savepoint tightrope_table")?;
    let triggers = switch_off_triggers(session, table)?;
    let mut inserted = attempt(session, &mut maker, rows)?;
    let settled = settle(session, table, triggers);
    match settled {
        Ok(()) => {}
        Err(error) if error.kind.is_fatal() => return Err(error),
        Err(error) => {
            session.run_quietly("rollback to savepoint tightrope_table")?;
            inserted = Inserted {
                rows: 0,
                reason: Some(error.message),
            };
        }
    }
    session.run_quietly("release savepoint tightrope_table")?;
    Ok(inserted)
}

fn attempt(
    session: &mut dyn Session,
    maker: &mut RowMaker<'_>,
    rows: usize,
) -> Result<Inserted, EngineError> {
    let mut pools = match pools(session, maker, rows)? {
        Ok(pools) => pools,
        Err(missing) => return Ok(no_parent(0, &missing)),
    };
    let mut inserted = Inserted::default();
    for round in 0..ROUNDS {
        let wanted = rows - inserted.rows;
        if wanted == 0 {
            return Ok(inserted);
        }
        maker.taste = if round == 1 {
            Taste::Plain
        } else {
            Taste::Nasty
        };
        let made = match several(maker, &mut pools, wanted) {
            Ok(made) => made,
            Err(missing) => return Ok(no_parent(inserted.rows, &missing)),
        };
        match together(session, maker.table, &made)? {
            Ok(0) => break,
            Ok(count) => inserted.rows += count,
            Err(reason) => {
                inserted.reason = Some(reason);
                if round > 0 {
                    break;
                }
            }
        }
    }
    if inserted.rows < rows {
        one_by_one(session, maker, &mut pools, rows, &mut inserted)?;
    }
    Ok(inserted)
}

fn no_parent(rows: usize, parent: &str) -> Inserted {
    Inserted {
        rows,
        reason: Some(format!(
            "it needs rows of {parent}, which has none that fit"
        )),
    }
}

/// Rows that refer to each other at most backwards.
fn several(
    maker: &mut RowMaker<'_>,
    pools: &mut [Pool],
    count: usize,
) -> Result<Vec<Cells>, String> {
    let mut rows: Vec<Cells> = Vec::new();
    for _ in 0..count {
        let row = one(maker, pools, &rows)?;
        rows.push(row);
    }
    Ok(rows)
}

fn one(maker: &mut RowMaker<'_>, pools: &mut [Pool], before: &[Cells]) -> Result<Cells, String> {
    let mut cells = maker.row()?;
    for pool in pools.iter_mut() {
        pool.pour(&mut cells);
    }
    refer_to_own(maker, pools, &mut cells, before);
    Ok(cells)
}

/// Lets a row refer to an earlier one of its table, or to itself.
fn refer_to_own(maker: &mut RowMaker<'_>, pools: &[Pool], cells: &mut Cells, before: &[Cells]) {
    let table = maker.table;
    for foreign in table.foreigns.iter().filter(|foreign| foreign.is_own) {
        let find = |name: &String| table.columns.iter().position(|column| &column.name == name);
        let keys: Option<Vec<usize>> = foreign.parent_columns.iter().map(find).collect();
        let Some(keys) = keys else { continue };
        let is_fixed = |column: usize| {
            let other =
                |other: &&super::table::Foreign| !other.is_own && other.columns.contains(&column);
            table.foreigns.iter().any(|foreign| other(&foreign))
                || table.uniques.iter().any(|unique| unique.contains(&column))
                || pools.iter().any(|pool| pool.holds(column))
        };
        let nullable: Vec<usize> = foreign
            .columns
            .iter()
            .copied()
            .filter(|column| !table.columns[*column].not_null && !is_fixed(*column))
            .collect();
        let wants_null = match maker.taste {
            Taste::Bare => true,
            _ => maker.dice.percent(25),
        };
        let earlier = maker.dice.below(before.len() + 1);
        let own = cells.clone();
        let parent = before.get(earlier).unwrap_or(&own);
        let fits = foreign.columns.iter().zip(&keys).all(|(column, key)| {
            parent[*key].is_some() && (!is_fixed(*column) || cells[*column] == parent[*key])
        });
        if !nullable.is_empty() && (wants_null || !fits) {
            for column in nullable {
                cells[column] = Some("null".to_owned());
            }
            continue;
        }
        let parent = if fits { parent.clone() } else { own };
        for (column, key) in foreign.columns.iter().zip(&keys) {
            if !is_fixed(*column) {
                cells[*column].clone_from(&parent[*key]);
            }
        }
    }
}

/// Inserts rows in one statement; rows whose key is there already are passed over. An inner error is why none came in.
fn together(
    session: &mut dyn Session,
    table: &Table,
    rows: &[Cells],
) -> Result<Result<usize, String>, EngineError> {
    let Some(sql) = statement(table, rows) else {
        return Ok(Err("a value is missing that has no default".to_owned()));
    };
    session.run_quietly("savepoint tightrope_rows")?;
    let mut outcome = try_run(session, &format!("{sql} on conflict do nothing"));
    if let Err(error) = &outcome
        && error.message.to_ascii_lowercase().contains("conflict")
    {
        // A rule on the table, or a key that is only checked later.
        session.run_quietly("rollback to savepoint tightrope_rows")?;
        outcome = try_run(session, &sql);
    }
    let found = match outcome {
        Ok(count) => Ok(count),
        Err(error) if error.kind.is_fatal() => return Err(error),
        Err(error) => {
            session.run_quietly("rollback to savepoint tightrope_rows")?;
            Err(error.message)
        }
    };
    session.run_quietly("release savepoint tightrope_rows")?;
    Ok(found)
}

fn try_run(session: &mut dyn Session, sql: &str) -> Result<usize, EngineError> {
    let statement = RunStatement {
        sql,
        copy_data: None,
    };
    let outcome = session.run(statement)?;
    let count = outcome.rows_affected.unwrap_or_default();
    if let Some(check) = session.row_dialect().check_now {
        session.run_quietly(check)?;
    }
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

fn statement(table: &Table, rows: &[Cells]) -> Option<String> {
    let first = rows.first()?;
    let columns: Vec<usize> = (0..first.len()).filter(|at| first[*at].is_some()).collect();
    if columns.is_empty() {
        return (rows.len() == 1).then(|| format!("insert into {} default values", table.sql));
    }
    let names: Vec<&str> = columns
        .iter()
        .map(|at| table.columns[*at].sql.as_str())
        .collect();
    let values: Option<Vec<String>> = rows
        .iter()
        .map(|row| {
            let cells: Option<Vec<&str>> = columns.iter().map(|at| row[*at].as_deref()).collect();
            let left_out = row
                .iter()
                .enumerate()
                .any(|(at, cell)| cell.is_some() && first[at].is_none());
            Some(format!("({})", cells.filter(|_| !left_out)?.join(", ")))
        })
        .collect();
    let overriding = columns
        .iter()
        .any(|at| table.columns[*at].is_always_identity);
    let overriding = if overriding {
        " overriding system value"
    } else {
        ""
    };
    Some(format!(
        "insert into {} ({}){overriding} values {}",
        table.sql,
        names.join(", "),
        values?.join(", ")
    ))
}

fn one_by_one(
    session: &mut dyn Session,
    maker: &mut RowMaker<'_>,
    pools: &mut [Pool],
    rows: usize,
    inserted: &mut Inserted,
) -> Result<(), EngineError> {
    let mut failures = 0;
    let mut accepted: Vec<Cells> = Vec::new();
    while inserted.rows < rows && failures < MOST_FAILURES {
        let mut came = false;
        for taste in [Taste::Nasty, Taste::Plain, Taste::Bare] {
            maker.taste = taste;
            let row = match one(maker, pools, &accepted) {
                Ok(row) => row,
                Err(missing) => {
                    *inserted = no_parent(inserted.rows, &missing);
                    return Ok(());
                }
            };
            match together(session, maker.table, std::slice::from_ref(&row))? {
                Ok(0) => {}
                Ok(_) => {
                    came = true;
                    accepted.push(row);
                    break;
                }
                Err(reason) => inserted.reason = Some(reason),
            }
        }
        if came {
            inserted.rows += 1;
            failures = 0;
        } else {
            failures += 1;
        }
    }
    Ok(())
}

/// Whether the table's own triggers are off now: they would change what is inserted, or refuse it.
fn switch_off_triggers(session: &mut dyn Session, table: &Table) -> Result<bool, EngineError> {
    let Some(words) = session.row_dialect().disable_triggers else {
        return Ok(false);
    };
    if table.triggers.is_empty() {
        return Ok(false);
    }
    match session.run_quietly(&format!("alter table {} {words}", table.sql)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind.is_fatal() => Err(error),
        Err(_) => {
            session.run_quietly("rollback to savepoint tightrope_table")?;
            Ok(false)
        }
    }
}

/// Checks what is checked late, and switches triggers on again as they were.
fn settle(session: &mut dyn Session, table: &Table, triggers_off: bool) -> Result<(), EngineError> {
    if let Some(check) = session.row_dialect().check_now {
        session.run_quietly(check)?;
    }
    if triggers_off {
        for (trigger, how) in &table.triggers {
            let trigger = session.quote(trigger);
            session.run_quietly(&format!(
                "alter table {} {how} trigger {trigger}",
                table.sql
            ))?;
        }
    }
    Ok(())
}
