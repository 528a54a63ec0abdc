//! The quarantine: rows that the old schema could not hold, kept whole until a person decides.

use tightrope_engine::{EngineError, ErrorKind, Session, UnknownScheme};
use tightrope_store::{QuarantinedRow, Store, StoreError};

use crate::project::{Access, Project};
use crate::run::{Run, RunError, Watchers};

/// The error of looking at, or deciding about, quarantined rows.
#[derive(Debug, thiserror::Error)]
pub enum QuarantineError {
    /// No engine for the URL.
    #[error(transparent)]
    Scheme(#[from] UnknownScheme),
    /// The engine.
    #[error("cannot work on the database")]
    Engine(#[from] EngineError),
    /// tightrope's own tables.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Getting the run going.
    #[error(transparent)]
    Run(#[from] RunError),
    /// There is no such row.
    #[error("there is no row {0} in quarantine")]
    Unknown(i64),
    /// The row still does not fit.
    #[error("row {number} cannot be put back into {table}")]
    DoesNotFit {
        /// Its number.
        number: i64,
        /// The table.
        table: String,
        /// Why.
        #[source]
        error: EngineError,
    },
}

/// What becomes of rows in quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// They are put back into their tables.
    Restore,
    /// They are given up.
    Discard,
}

/// The rows in quarantine, oldest first: all, or those with these numbers.
///
/// # Errors
/// When the database cannot be read, or a number is not there.
pub fn quarantined(
    project: &Project,
    numbers: &[i64],
) -> Result<Vec<QuarantinedRow>, QuarantineError> {
    let engine = project.engine()?;
    let mut session = project.connect(engine.as_ref(), Access::Read)?;
    look(session.as_mut(), numbers)
}

fn look(
    session: &mut dyn Session,
    numbers: &[i64],
) -> Result<Vec<QuarantinedRow>, QuarantineError> {
    if !session.has_store()? {
        return match numbers.first() {
            Some(number) => Err(QuarantineError::Unknown(*number)),
            None => Ok(Vec::new()),
        };
    }
    let rows = Store::new(session).quarantined(numbers)?;
    let missing = numbers
        .iter()
        .find(|number| rows.iter().all(|row| row.number != **number));
    match missing {
        Some(number) => Err(QuarantineError::Unknown(*number)),
        None => Ok(rows),
    }
}

/// Puts rows back or gives them up, all in one transaction and on the record; gives the rows.
///
/// # Errors
/// When a row is not there or does not fit; nothing was changed then.
pub fn decide(
    project: &Project,
    numbers: &[i64],
    decision: Decision,
    watchers: Watchers<'_>,
) -> Result<Vec<QuarantinedRow>, QuarantineError> {
    let engine = project.engine()?;
    let session = project.connect(engine.as_ref(), Access::Write)?;
    let mut run = Run::take(project, &engine, session, watchers)?;
    let decided = match look(run.session.as_mut(), numbers) {
        Ok(rows) => carry_out(&mut run, rows, decision),
        Err(error) => Err(error),
    };
    match decided {
        Ok(rows) => {
            run.leave()?;
            Ok(rows)
        }
        Err(error) => {
            // The lease is given back if the connection still stands; the error is what matters.
            let _ = run.leave();
            Err(error)
        }
    }
}

fn carry_out(
    run: &mut Run<'_>,
    rows: Vec<QuarantinedRow>,
    decision: Decision,
) -> Result<Vec<QuarantinedRow>, QuarantineError> {
    let mut unfit = None;
    run.watchers.edges.reached("before the transaction");
    let done = run.in_transaction(|run| {
        for row in &rows {
            let put_back = match (decision, run.session.net()) {
                (Decision::Discard, _) => Ok(()),
                (Decision::Restore, Some(net)) => net.put_back(&row.row),
                (Decision::Restore, None) => Err(EngineError::new(
                    ErrorKind::Other,
                    "this engine cannot put rows back",
                )),
            };
            if let Err(error) = put_back {
                let message = error.message.clone();
                let kind = error.kind;
                unfit = Some(QuarantineError::DoesNotFit {
                    number: row.number,
                    table: row.row.table.to_string(),
                    error,
                });
                return Err(EngineError::new(kind, message).into());
            }
            run.store().release_quarantined(row.number)?;
            let action = match decision {
                Decision::Restore => "quarantine-restored",
                Decision::Discard => "quarantine-discarded",
            };
            let detail = serde_json::json!({
                "number": row.number,
                "migration": row.migration,
                "table": row.row.table.to_string(),
                "reason": row.row.reason,
            });
            run.record(action, None, detail)?;
        }
        Ok(())
    });
    match (done, unfit) {
        (Ok(()), _) => {
            run.watchers.edges.reached("committed");
            Ok(rows)
        }
        (Err(_), Some(unfit)) => Err(unfit),
        (Err(error), None) => Err(error.into()),
    }
}
