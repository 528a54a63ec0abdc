//! Whether a query itself says in which order its rows come, asked of the database in the state before.

use tightrope_engine::{EngineError, Session};
use tightrope_model::EngineKind;
use tightrope_workload::{Answer, Ranked, RowsDiffer, Ties};

use super::call::{MOST_ROWS, aside, is_counted};

/// What an answer is that differs from the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Another one: no rows that tie explain it.
    Other,
    /// One that the query allows as well: only rows that tie stand, or have come, in each other's places.
    Allowed,
    /// It may be either.
    Unknown,
}

/// Says what has become of the answer to a call with an order. The session is on a database in the state before.
pub(super) fn judge(
    session: &mut dyn Session,
    call: &str,
    engine: EngineKind,
    (before, now): (&Answer, &Answer),
    difference: &RowsDiffer,
) -> Result<Order, EngineError> {
    let ranked = Ranked::of(call, &before.columns, engine);
    let may_be_ties = match difference {
        _ if is_counted(before) || is_counted(now) => false,
        RowsDiffer::Order { .. } => true,
        // Where all rows come, other ones are no question of their order.
        RowsDiffer::Rows { .. } => {
            before.rows.len() == now.rows.len() && ranked.as_ref().is_none_or(Ranked::is_cut)
        }
        RowsDiffer::Column { .. } => false,
    };
    if !may_be_ties {
        return Ok(Order::Other);
    }
    let Some(ties) = ranked
        .map(|ranked| ties(session, &ranked))
        .transpose()?
        .flatten()
        // What does not even explain the answer of before explains nothing.
        .filter(|ties| ties.allow(before, before))
    else {
        return Ok(Order::Unknown);
    };
    Ok(match ties.allow(before, now) {
        true => Order::Allowed,
        false => Order::Other,
    })
}

/// The ties of a query; none where the database does not tell them.
fn ties(session: &mut dyn Session, ranked: &Ranked) -> Result<Option<Ties>, EngineError> {
    let Some(shown) = rows(session, &ranked.shown())? else {
        return Ok(None);
    };
    let all = match Ties::ends(&shown).filter(|_| ranked.is_cut()) {
        Some((first, last)) => match rows(session, &ranked.between(first, last))? {
            Some(all) => Some(all),
            None => return Ok(None),
        },
        None => None,
    };
    Ok(Ties::of(shown, all))
}

/// All rows of a query of ours; none where it fails, or there are too many.
fn rows(
    session: &mut dyn Session,
    sql: &str,
) -> Result<Option<Vec<Vec<Option<String>>>>, EngineError> {
    let found = aside(session, sql, |queries| queries.rows_of(sql, MOST_ROWS))?;
    // A query that cannot be asked this way is not the migration's fault.
    let whole = found
        .ok()
        .filter(|found| found.count == found.rows.len() as u64);
    Ok(whole.map(|found| found.rows))
}
