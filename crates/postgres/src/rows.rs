//! A table's rows in the order of their keys, through a cursor on the server.

use tightrope_engine::{EngineError, ErrorKind, Row, RowStream};
use tightrope_model::TableShape;

use crate::error;
use crate::quote::{quote, quote_qualified};
use crate::session::{PostgresSession, result_sets};

/// Rows a round trip.
const BATCH: usize = 2000;

const CURSOR: &str = "tightrope_rows";

/// An open cursor; settings stay pinned until it is dropped, because values are written out as they are fetched.
pub(crate) struct Cursor<'a> {
    session: &'a mut PostgresSession,
    keys: usize,
    columns: usize,
    finished: bool,
}

impl<'a> Cursor<'a> {
    /// Opens a cursor over a table.
    pub(crate) fn open(
        session: &'a mut PostgresSession,
        table: &TableShape,
    ) -> Result<Self, EngineError> {
        let key = if table.key.is_empty() {
            &table.columns
        } else {
            &table.key
        };
        let statement = format!(
            "{} declare {CURSOR} no scroll cursor for {}",
            session.pinned_begin(),
            select(table, key, session.utf8)
        );
        if let Err(error) = session.client.batch_execute(&statement) {
            session.abandon_pinned();
            return Err(error::of_own(&error));
        }
        Ok(Self {
            session,
            keys: key.len(),
            columns: table.columns.len(),
            finished: false,
        })
    }
}

fn select(table: &TableShape, key: &[String], utf8: bool) -> String {
    let text = |name: &String| format!("t.{}::text", quote(name));
    let selected: Vec<String> = key.iter().chain(&table.columns).map(text).collect();
    let order: Vec<String> = key
        .iter()
        .map(|name| match utf8 {
            true => format!("{} collate \"C\" nulls first", text(name)),
            // Bytes of another encoding order differently from the UTF-8 that we get.
            false => format!("convert_to({}, 'UTF8') nulls first", text(name)),
        })
        .collect();
    let order = match order.is_empty() {
        true => String::new(),
        false => format!(" order by {}", order.join(", ")),
    };
    let from = quote_qualified(&table.table.schema, &table.table.name);
    format!("select {} from only {from} t{order}", selected.join(", "))
}

impl RowStream for Cursor<'_> {
    fn next_batch(&mut self) -> Result<Vec<Row>, EngineError> {
        if self.finished {
            return Ok(Vec::new());
        }
        let messages = self
            .session
            .client
            .simple_query(&format!("fetch {BATCH} from {CURSOR}"))
            .map_err(|error| error::of_own(&error))?;
        let sets = result_sets(messages);
        let set = sets
            .first()
            .ok_or_else(|| EngineError::new(ErrorKind::Other, "the cursor gave no result"))?;
        self.finished = set.rows.len() < BATCH;
        let value = |row: &postgres::SimpleQueryRow, at: usize| row.get(at).map(str::to_owned);
        let rows = set.rows.iter().map(|row| Row {
            key: (0..self.keys).map(|at| value(row, at)).collect(),
            values: (self.keys..self.keys + self.columns)
                .map(|at| value(row, at))
                .collect(),
        });
        Ok(rows.collect())
    }
}

impl Drop for Cursor<'_> {
    fn drop(&mut self) {
        self.session.abandon_pinned();
    }
}
