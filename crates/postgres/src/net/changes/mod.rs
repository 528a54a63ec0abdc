//! The change log of a backup: every committed change of every table, from before the backup's snapshot on.
//!
//! One trigger function, which names no column, writes rows down as the server writes a whole row; `changes_<number>_tables` says
//! which columns the table had then. So a table can be altered, renamed or dropped while it is logged, and the log stays whole.
//!
//! *Which changes:* a log is read from one mark to the next. A mark is a snapshot of transactions, not a place in the log, for
//! transactions commit in another order than they write. *In which order:* the number of an entry is drawn while the row is
//! locked, so that of two transactions that write the same row (or the same unique value) the later one has the higher number.
//! Within one statement the server may fire triggers in another order than rows were written; a replay therefore holds
//! back what does not follow from the row as it is (see `replay`).

mod attached;
mod begin;
mod read;
mod replay;

use tightrope_engine::{
    Change, Changes, EngineError, LogNumber, LogThere, ReadUpTo, Replay, Session as _,
};
use tightrope_model::{TableName, Value};

use super::names::SCHEMA;
use crate::quote::literal;
use crate::session::PostgresSession;
pub(crate) use read::mark as log_mark;

/// The log's own table, by the end of its name: nothing, `tables`, `attached`, `note`.
fn own(log: LogNumber, what: &str) -> TableName {
    let name = format!(
        "changes_{log}{}{what}",
        if what.is_empty() { "" } else { "_" }
    );
    TableName::new(SCHEMA, name)
}

/// The name of what writes the rows of a plain table down. It has to fire before all others after a row: what they change is to be
/// logged after it.
fn row_trigger_name(log: LogNumber) -> String {
    format!("!tightrope_changes_{log}")
}

/// How the name begins of what writes the rows of a partitioned table down; the table's oid ends it. Its partitions get a trigger
/// of the same name, also one that is attached later and has a trigger of its own.
fn whole_trigger_name(log: LogNumber) -> String {
    format!("!tightrope_changes_{log}_of_")
}

/// The condition by which the triggers are known that write rows down, in SQL.
fn is_row_trigger(log: LogNumber, trigger: &str) -> String {
    format!(
        "({trigger}.tgname = {} or pg_catalog.starts_with({trigger}.tgname::text, {}))",
        literal(&row_trigger_name(log)),
        literal(&whole_trigger_name(log)),
    )
}

fn truncate_trigger_name(log: LogNumber) -> String {
    format!("!tightrope_changes_{log}_truncate")
}

impl Changes for PostgresSession {
    fn begin_log(&mut self, log: LogNumber) -> Result<(), EngineError> {
        begin::begin(self, log)
    }

    fn logs(&mut self) -> Result<Vec<LogThere>, EngineError> {
        read::logs(self)
    }

    fn read_log(
        &mut self,
        log: LogNumber,
        since: &str,
        sink: &mut dyn FnMut(Change) -> bool,
    ) -> Result<ReadUpTo, EngineError> {
        read::read(self, log, since, sink)
    }

    fn forget(&mut self, log: LogNumber, up_to: &str) -> Result<(), EngineError> {
        read::forget(self, log, up_to)
    }

    fn end_log(&mut self, log: LogNumber) -> Result<(), EngineError> {
        begin::end(self, log)
    }

    fn before_script(&mut self, label: &str) -> Result<(), EngineError> {
        for there in self.logs()? {
            let sql = format!(
                "insert into {} (x, at, s, k, w) values (txid_current(), clock_timestamp(), 0, 'M', $1)",
                super::names::sql(&own(there.log, ""))
            );
            self.query_own(&sql, &[Value::from(label)])?;
            attached::make_if_missing(self, there.log)?;
            attached::note_gaps(self, there.log)?;
        }
        Ok(())
    }

    fn after_script(&mut self) -> Result<(), EngineError> {
        for there in self.logs()? {
            begin::go_on(self, there.log)?;
        }
        Ok(())
    }

    fn replay(&mut self, across: bool) -> Result<Box<dyn Replay + '_>, EngineError> {
        self.begin()?;
        Ok(Box::new(replay::Replaying::begin(self, across)?))
    }
}
