//! References that had to wait, since tables refer to each other in a circle.

use tightrope_engine::{EngineError, Session};

use super::dice::Dice;
use super::table::{Foreign, Table};
use crate::execute::Quietly;

/// How many rows get their reference afterwards.
const MOST_ROWS: usize = 12;

/// Lets some rows of a table refer to tables that were filled after it. What is refused stays NULL.
pub(super) fn close(
    session: &mut dyn Session,
    table: &Table,
    mut dice: Dice,
) -> Result<(), EngineError> {
    if table.key.is_empty() || !table.triggers.is_empty() {
        return Ok(());
    }
    let rows = super::literals(session, &table.sql, &table.key, MOST_ROWS)?;
    let is_key = |column: usize| table.key.contains(&table.columns[column].name);
    let waiting = table.foreigns.iter().filter(|foreign| {
        let single = foreign
            .columns
            .iter()
            .filter(|column| !is_key(**column))
            .count();
        let may_wait = foreign.is_nullable && !foreign.is_guess;
        may_wait && !foreign.is_own && single == foreign.columns.len()
    });
    for foreign in waiting {
        let parents = super::keys(session, foreign)?;
        for row in &rows {
            let Some(parent) = dice.pick(&parents) else {
                break;
            };
            if !update(session, table, foreign, row, parent)? {
                break;
            }
        }
    }
    Ok(())
}

fn update(
    session: &mut dyn Session,
    table: &Table,
    foreign: &Foreign,
    row: &[String],
    parent: &[String],
) -> Result<bool, EngineError> {
    let set: Vec<String> = foreign
        .columns
        .iter()
        .zip(parent)
        .map(|(column, value)| format!("{} = {value}", table.columns[*column].sql))
        .collect();
    let mut is: Vec<String> = table
        .key
        .iter()
        .zip(row)
        .map(|(column, value)| format!("{} = {value}", session.quote(column)))
        .collect();
    is.push(format!("{} is null", table.columns[foreign.columns[0]].sql));
    let sql = format!(
        "update {} set {} where {}",
        table.sql,
        set.join(", "),
        is.join(" and ")
    );
    session.run_quietly("savepoint tightrope_update")?;
    let check = session.row_dialect().check_now;
    let mut outcome = session.run_quietly(&sql);
    if let (Ok(()), Some(check)) = (&outcome, check) {
        outcome = session.run_quietly(check);
    }
    match &outcome {
        Ok(()) => {}
        Err(error) if error.kind.is_fatal() => return outcome.map(|()| false),
        Err(_) => session.run_quietly("rollback to savepoint tightrope_update")?,
    }
    session.run_quietly("release savepoint tightrope_update")?;
    Ok(outcome.is_ok())
}
