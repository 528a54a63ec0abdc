//! Reading without a trace: the settings that decide how the server writes values are pinned for the reading only.

use std::sync::Arc;

use postgres::{SimpleQueryMessage, SimpleQueryRow};
use tightrope_engine::EngineError;
use tokio_postgres::SimpleColumn;

use super::PostgresSession;
use crate::error;
use crate::quote::literal;

/// One statement's rows out of a batch.
pub(crate) struct ResultSet {
    pub(crate) columns: Arc<[SimpleColumn]>,
    pub(crate) rows: Vec<SimpleQueryRow>,
}

impl ResultSet {
    /// The column of that name, by number.
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name() == name)
    }
}

/// Settings that change how a value or a definition is written, or that would get in a reader's way.
const PINS: &str = "select \
    set_config('search_path', 'pg_catalog', true), \
    set_config('DateStyle', 'ISO, YMD', true), \
    set_config('IntervalStyle', 'postgres', true), \
    set_config('TimeZone', 'UTC', true), \
    set_config('extra_float_digits', '3', true), \
    set_config('bytea_output', 'hex', true), \
    set_config('xmlbinary', 'base64', true), \
    set_config('xmloption', 'content', true), \
    set_config('lc_monetary', 'C', true), \
    set_config('quote_all_identifiers', 'off', true), \
    set_config('standard_conforming_strings', 'on', true), \
    set_config('transform_null_equals', 'off', true), \
    set_config('row_security', 'off', true), \
    set_config('statement_timeout', '0', true), \
    set_config('idle_in_transaction_session_timeout', '0', true), \
    set_config('jit', 'off', true)";

/// Those of them that decide how values are written, and that all rows are seen.
const VALUE_PINS: [(&str, &str); 9] = [
    ("DateStyle", "ISO, YMD"),
    ("IntervalStyle", "postgres"),
    ("TimeZone", "UTC"),
    ("extra_float_digits", "3"),
    ("bytea_output", "hex"),
    ("lc_monetary", "C"),
    ("row_security", "off"),
    ("transform_null_equals", "off"),
    ("jit", "off"),
];

const SAVEPOINT: &str = "tightrope_read";

impl PostgresSession {
    /// What opens a pinned reading: a savepoint in the open transaction, or a transaction of its own.
    pub(crate) fn pinned_begin(&self) -> String {
        if self.in_transaction {
            format!("savepoint {SAVEPOINT}; {PINS};")
        } else {
            format!("begin isolation level repeatable read read only; {PINS};")
        }
    }

    /// What ends it, and takes every setting back.
    pub(crate) fn pinned_end(&self) -> String {
        if self.in_transaction {
            format!("rollback to savepoint {SAVEPOINT}; release savepoint {SAVEPOINT};")
        } else {
            // A rollback would count as one among the application's in the server's statistics.
            "commit;".to_owned()
        }
    }

    /// Runs a batch of our own reading statements under pinned settings, in one round trip; one result set a statement
    /// that gives rows.
    pub(crate) fn read_pinned(&mut self, statements: &str) -> Result<Vec<ResultSet>, EngineError> {
        self.read_pinned_raw(statements)
            .map_err(|error| error::of_own(&error))
    }

    /// As [`Self::read_pinned`], with the driver's own error.
    pub(crate) fn read_pinned_raw(
        &mut self,
        statements: &str,
    ) -> Result<Vec<ResultSet>, postgres::Error> {
        let batch = format!(
            "{} {statements}; {}",
            self.pinned_begin(),
            self.pinned_end()
        );
        match self.client.simple_query(&batch) {
            // The first set is that of the pins.
            Ok(messages) => Ok(result_sets(messages).into_iter().skip(1).collect()),
            Err(error) => {
                self.abandon_pinned();
                Err(error)
            }
        }
    }

    /// Writes under the settings that decide how values are turned into text, and takes them back afterwards. Inside a
    /// transaction only.
    pub(crate) fn writing_pinned<T>(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let names = VALUE_PINS.map(|(name, _)| format!("current_setting('{name}')"));
        let before = self.query_own(&format!("select {}", names.join(", ")), &[])?;
        let pins = VALUE_PINS.map(|(name, value)| format!("set_config('{name}', '{value}', true)"));
        self.execute_own(&format!("select {}", pins.join(", ")))?;
        let written = write(self)?;
        let before = before.first().map(Vec::as_slice).unwrap_or_default();
        let back: Vec<String> = VALUE_PINS
            .iter()
            .zip(before)
            .map(|((name, _), value)| {
                format!(
                    "set_config('{name}', {}, true)",
                    literal(value.text().unwrap_or_default())
                )
            })
            .collect();
        self.execute_own(&format!("select {}", back.join(", ")))?;
        Ok(written)
    }

    /// Ends a reading that failed; what the transaction was before it stands.
    pub(crate) fn abandon_pinned(&mut self) {
        // If the connection is what broke, or the transaction had failed before, the first error tells more than this one.
        let _ = self.client.batch_execute(&self.pinned_end());
    }
}

/// Sorts a batch's messages into result sets.
pub(crate) fn result_sets(messages: Vec<SimpleQueryMessage>) -> Vec<ResultSet> {
    let mut sets: Vec<ResultSet> = Vec::new();
    for message in messages {
        match message {
            SimpleQueryMessage::RowDescription(columns) => sets.push(ResultSet {
                columns,
                rows: Vec::new(),
            }),
            SimpleQueryMessage::Row(row) => {
                if let Some(set) = sets.last_mut() {
                    set.rows.push(row);
                }
            }
            _ => {}
        }
    }
    sets
}
