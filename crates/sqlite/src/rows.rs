//! A table's rows in the order of their keys.

use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, Statement};
use tightrope_engine::{EngineError, Row, RowStream};
use tightrope_model::TableShape;

use crate::error::from_sqlite;
use crate::quote::quote_identifier;
use crate::transaction::ReadTransaction;
use crate::value;

/// The scalar function's name in SQL; it gives a value's [`value::exact`] text as bytes, so that no collation or encoding of the database has a say in the order.
const FUNCTION: &str = "tightrope_exact_bytes";

const BATCH: usize = 2_000;

/// Makes the function known to a connection; it cannot be named in a schema.
pub(crate) fn register(connection: &Connection) -> rusqlite::Result<()> {
    connection.create_scalar_function(
        FUNCTION,
        1,
        FunctionFlags::SQLITE_UTF8
            | FunctionFlags::SQLITE_DETERMINISTIC
            | FunctionFlags::SQLITE_DIRECTONLY,
        |context| Ok(value::exact(context.get_raw(0)).map(String::into_bytes)),
    )
}

/// Selects the table's columns and then its key, in the order of the key's exact text, compared by bytes with NULL first.
///
/// The text of the key decides, not its value, so that rows of two databases meet whatever their collations are.
fn select(shape: &TableShape) -> String {
    let quoted = |names: &[String]| -> Vec<String> {
        names.iter().map(|name| quote_identifier(name)).collect()
    };
    let order = if shape.key.is_empty() {
        &shape.columns
    } else {
        &shape.key
    };
    let order: Vec<String> = quoted(order)
        .iter()
        .map(|column| format!("{FUNCTION}({column})"))
        .collect();
    let mut selected = quoted(&shape.columns);
    selected.extend(quoted(&shape.key));
    format!(
        "select {} from main.{} order by {}",
        selected.join(", "),
        quote_identifier(&shape.table.name),
        order.join(", ")
    )
}

/// The rows of one table, some thousand at a time.
pub(crate) struct FileRows<'a> {
    // Declared before the transaction, so that it is finished before the transaction ends.
    statement: Statement<'a>,
    _transaction: ReadTransaction<'a>,
    columns: usize,
    finished: bool,
}

impl<'a> FileRows<'a> {
    /// Opens the stream.
    pub(crate) fn open(connection: &'a Connection, shape: &TableShape) -> rusqlite::Result<Self> {
        let transaction = ReadTransaction::begin(connection)?;
        Ok(Self {
            statement: connection.prepare(&select(shape))?,
            _transaction: transaction,
            columns: shape.columns.len(),
            finished: false,
        })
    }

    fn read_batch(&mut self) -> rusqlite::Result<Vec<Row>> {
        let width = self.statement.column_count();
        let mut batch = Vec::new();
        let mut rows = self.statement.raw_query();
        while batch.len() < BATCH {
            let Some(row) = rows.next()? else {
                self.finished = true;
                return Ok(batch);
            };
            let mut values = (0..width)
                .map(|index| row.get_ref(index).map(value::exact))
                .collect::<rusqlite::Result<Vec<_>>>()?;
            let mut key = values.split_off(self.columns);
            if key.is_empty() {
                key.clone_from(&values);
            }
            batch.push(Row { key, values });
        }
        // Dropping the cursor would start the statement over; forgotten, it goes on with the next batch. It owns nothing.
        std::mem::forget(rows);
        Ok(batch)
    }
}

impl RowStream for FileRows<'_> {
    fn next_batch(&mut self) -> Result<Vec<Row>, EngineError> {
        if self.finished {
            return Ok(Vec::new());
        }
        self.read_batch().map_err(from_sqlite)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tightrope_model::TableName;

    fn connection(sql: &str) -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        register(&connection).unwrap();
        connection.execute_batch(sql).unwrap();
        connection
    }

    fn shape(columns: &[&str], key: &[&str]) -> TableShape {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        TableShape {
            table: TableName::new("", "t"),
            columns: owned(columns),
            key: owned(key),
        }
    }

    fn all(connection: &Connection, shape: &TableShape) -> Vec<Row> {
        let mut stream = FileRows::open(connection, shape).unwrap();
        let mut rows = Vec::new();
        loop {
            let batch = stream.next_batch().unwrap();
            assert!(batch.len() <= BATCH);
            if batch.is_empty() {
                return rows;
            }
            rows.extend(batch);
        }
    }

    #[test]
    fn batches_join_without_a_seam() {
        let connection = connection(
            "create table t (id integer primary key, v);
             with recursive n(i) as (select 1 union all select i + 1 from n where i < 4001)
             insert into t select i, i * 2 from n;",
        );
        let rows = all(&connection, &shape(&["id", "v"], &["id"]));
        let mut ids: Vec<String> = (1..=4001).map(|id| id.to_string()).collect();
        ids.sort();
        let read: Vec<String> = rows.iter().map(|row| row.key[0].clone().unwrap()).collect();
        assert_eq!(read, ids);
        assert!(connection.is_autocommit());
    }

    #[test]
    fn the_encoding_of_the_database_plays_no_part() {
        let texts = "insert into t values ('ab'), ('b'), ('é'), ('z'), ('\u{ffff}'), ('\u{10000}')";
        let read = |encoding: &str| {
            let connection = connection(&format!(
                "pragma encoding = '{encoding}'; create table t (a); {texts}"
            ));
            all(&connection, &shape(&["a"], &[]))
        };
        let rows = read("UTF-8");
        assert!(rows.is_sorted_by(|left, right| left.key <= right.key));
        assert_eq!(rows, read("UTF-16le"));
        assert_eq!(rows, read("UTF-16be"));
    }

    #[test]
    fn exactly_one_batch_ends() {
        let connection = connection(
            "create table t (v);
             with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000)
             insert into t select i from n;",
        );
        assert_eq!(all(&connection, &shape(&["v"], &[])).len(), BATCH);
    }

    #[test]
    fn rows_without_a_key_are_ordered_by_their_text() {
        let connection = connection(
            "create table t (a collate nocase, b);
             insert into t values ('b', 1), ('B', 2), (null, '1'), (null, 1), (null, null), (x'00', 1.0), (10, 2), (9, 2);",
        );
        let rows = all(&connection, &shape(&["a", "b"], &[]));
        let shown: Vec<Vec<Option<&str>>> = rows
            .iter()
            .map(|row| row.values.iter().map(Option::as_deref).collect())
            .collect();
        let expect: [[Option<&str>; 2]; 8] = [
            [None, None],
            [None, Some("'1'")],
            [None, Some("1")],
            [Some("10"), Some("2")],
            [Some("9"), Some("2")],
            [Some("B"), Some("2")],
            [Some("b"), Some("1")],
            [Some("x'00'"), Some("1.0")],
        ];
        assert_eq!(shown, expect);
        assert!(rows.is_sorted_by(|left, right| left.key <= right.key));
    }
}
