//! Rows of virtual tables: of full-text and R*Tree indexes.
//!
//! A virtual table can have no triggers, so nobody can write down what is written into it. Where the migration has written into one,
//! what its rows are when the window opens is kept whole beside what they were: a row that is the same at the rollback was left alone,
//! another one is the application's. A full-text table whose rows are those of another table has none of its own, and is told to read
//! that table again.

use rusqlite::Connection;
use tightrope_engine::{EngineError, KeptNet, KeptTable, Merged};
use tightrope_model::TableName;

use super::about;
use super::live::Live;
use super::merge::change;
use super::names::{all, any, differ, list, of, own, sql};
use crate::catalog::full_text_of_others;
use crate::error::from_sqlite;
use crate::quote::quote_identifier;

/// Under what the text is noted that made the table.
const TEXT: &str = "text";

/// A virtual table and what is kept of it.
struct Kept<'a> {
    number: i64,
    table: &'a KeptTable,
    /// The columns, as they are kept in `c$1`, …
    columns: Vec<String>,
    /// The column that tells its rows apart, and where that is kept.
    key: (String, String),
}

impl<'a> Kept<'a> {
    fn of(number: i64, table: &'a KeptTable, live: &Live) -> Option<Self> {
        table.rows.as_ref()?;
        let columns = live.kept_columns(&table.plan);
        let key = match live.rowid {
            Some(rowid) => (rowid.to_owned(), "r$".to_owned()),
            None => (columns.first()?.clone(), "c$1".to_owned()),
        };
        Some(Self {
            number,
            table,
            columns,
            key,
        })
    }

    fn since(&self) -> TableName {
        own(self.number, &self.table.plan, "since")
    }

    /// The columns of what is kept, and those of the table that they are of.
    fn pairs(&self) -> impl Iterator<Item = (String, &str)> {
        let (name, own) = &self.key;
        let rowid = (own == "r$").then(|| (own.clone(), name.as_str()));
        let columns = (1..).zip(&self.columns);
        let columns = columns.map(|(n, column)| (format!("c${n}"), column.as_str()));
        rowid.into_iter().chain(columns)
    }

    /// The condition that a row `t` of the table is the kept row of an alias.
    fn is(&self, alias: &str) -> String {
        format!("{} = {alias}.{}", of("t", &self.key.0), self.key.1)
    }

    /// The condition that it is so in all columns.
    fn is_whole(&self, alias: &str) -> String {
        let pairs = self.pairs();
        let same = pairs.map(|(own, name)| format!("{} is {alias}.{own}", of("t", name)));
        all(same)
    }
}

fn text_of(connection: &Connection, table: &TableName) -> Result<String, EngineError> {
    let query = "select coalesce(max(sql), '') from main.sqlite_schema where type = 'table' and lower(name) = lower(?1)";
    connection
        .query_row(query, [&table.name], |row| row.get(0))
        .map_err(from_sqlite)
}

/// Keeps what the rows are since the migration; gives whether it has.
pub(super) fn keep(
    connection: &Connection,
    number: i64,
    table: &KeptTable,
    after: &TableName,
    live: &Live,
) -> Result<bool, EngineError> {
    let Some(kept) = Kept::of(number, table, live) else {
        return Ok(false);
    };
    let (own, names): (Vec<String>, Vec<String>) = kept
        .pairs()
        .map(|(own, name)| (own, quote_identifier(name)))
        .unzip();
    let since = sql(&kept.since());
    let batch = format!(
        "create table {since} ({columns}); insert into {since} select {names} from {after};
         create index main.{index} on {since_name} ({key})",
        columns = list(&own),
        names = list(&names),
        after = sql(after),
        index = quote_identifier(&format!("{}_key", kept.since().name)),
        since_name = quote_identifier(&kept.since().name),
        key = kept.key.1,
    );
    connection.execute_batch(&batch).map_err(from_sqlite)?;
    about::keep(
        connection,
        number,
        &table.plan,
        TEXT,
        &text_of(connection, after)?,
    )
    .map_err(from_sqlite)?;
    Ok(true)
}

/// Gives rows that nobody else has written what they were.
pub(super) fn merge(
    connection: &Connection,
    number: i64,
    table: &KeptTable,
    live: &Live,
    merged: &mut Merged,
) -> Result<(), EngineError> {
    let (Some(kept), Some(rows)) = (Kept::of(number, table, live), &table.rows) else {
        return Ok(());
    };
    if Live::read(connection, &kept.since())
        .map_err(from_sqlite)?
        .is_none()
    {
        return Ok(());
    }
    let text = about::read(connection, number, &table.plan, TEXT).map_err(from_sqlite)?;
    let (before, since, here) = (sql(rows), sql(&kept.since()), sql(&table.plan.before));
    if text != Some(text_of(connection, &table.plan.before)?) {
        // Made again: nothing of what was in it is there.
        change(connection, &format!("delete from {since}"))?;
    }
    let (own, names): (Vec<String>, Vec<String>) = kept
        .pairs()
        .map(|(own, name)| (format!("b.{own}"), quote_identifier(name)))
        .unzip();
    let left_alone = format!(
        "exists (select 1 from {since} a where {} and {})",
        kept.is("a"),
        kept.is_whole("a")
    );
    // Row by row: a virtual table may not be read by the statement that writes into it.
    let keys = |condition: &str| -> Result<Vec<i64>, EngineError> {
        let query = format!(
            "select {} from {here} t where {condition}",
            of("t", &kept.key.0)
        );
        let mut statement = connection.prepare(&query).map_err(from_sqlite)?;
        let rows = statement.query_map([], |row| row.get(0));
        rows.and_then(|rows| rows.collect::<rusqlite::Result<Vec<i64>>>())
            .map_err(from_sqlite)
    };
    let key = quote_identifier(&kept.key.0);
    let of_the_migration = format!(
        "not exists (select 1 from {before} b where {}) and {left_alone}",
        kept.is("b")
    );
    for row in keys(&of_the_migration)? {
        let delete = format!("delete from {here} where {key} = {row}");
        merged.removed += change(connection, &delete)?;
    }
    let differs = kept
        .columns
        .iter()
        .zip(1..)
        .map(|(column, n)| differ(&of("t", column), &format!("b.c${n}")));
    let changed = format!(
        "exists (select 1 from {before} b where {} and {}) and {left_alone}",
        kept.is("b"),
        any(differs)
    );
    let sets = kept.columns.iter().zip(1..).map(|(column, n)| {
        format!(
            "{} = (select b.c${n} from {before} b where b.{} = ?1)",
            quote_identifier(column),
            kept.key.1
        )
    });
    let update = format!("update {here} set {} where {key} = ?1", list(sets));
    for row in keys(&changed)? {
        let changed = connection.execute(&update, [row]).map_err(from_sqlite)?;
        merged.given_back += u64::try_from(changed).unwrap_or_default();
    }
    let missing = format!(
        "insert into {here} ({}) select {} from {before} b where not exists (select 1 from {since} a where a.{k} = b.{k}) \
         and b.{k} not in (select {key} from {here})",
        list(&names),
        list(&own),
        k = kept.key.1,
    );
    merged.returned += change(connection, &missing)?;
    Ok(())
}

/// Lets full-text tables read again the rows of other tables, where these were merged.
pub(super) fn read_again(connection: &Connection, kept: &KeptNet) -> Result<(), EngineError> {
    for (index, content) in full_text_of_others(connection).map_err(from_sqlite)? {
        let mut merged = kept.tables.iter().filter(|table| table.rows.is_some());
        if !merged.any(|table| table.plan.before.name.eq_ignore_ascii_case(&content)) {
            continue;
        }
        if Live::read(connection, &TableName::new("", content))
            .map_err(from_sqlite)?
            .is_none()
        {
            continue;
        }
        let name = quote_identifier(&index);
        let rebuild = format!("insert into main.{name} ({name}) values ('rebuild')");
        connection.execute_batch(&rebuild).map_err(from_sqlite)?;
    }
    Ok(())
}
