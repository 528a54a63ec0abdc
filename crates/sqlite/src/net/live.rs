//! What a table is at this moment.

use rusqlite::{Connection, OptionalExtension};
use tightrope_model::{TableName, TablePlan};

/// A table of the database, as the pragmas tell it.
#[derive(Clone, Debug)]
pub(super) struct Live {
    /// `table`, `virtual` or `shadow`.
    pub(super) kind: String,
    /// All columns, generated ones included; those that a virtual table hides left out.
    pub(super) columns: Vec<String>,
    /// The columns with values of their own.
    pub(super) stored: Vec<String>,
    /// The columns of the primary key in their order.
    pub(super) key: Vec<String>,
    /// A name of the rowid that no column has taken; none where there is no rowid.
    pub(super) rowid: Option<&'static str>,
    /// The column that is another name of the rowid.
    pub(super) alias: Option<String>,
    /// Where its rows begin in the file: it stays when the table is altered, and is another one when it is made again.
    pub(super) root: i64,
}

impl Live {
    /// The table of that name, if it is there.
    pub(super) fn read(
        connection: &Connection,
        table: &TableName,
    ) -> rusqlite::Result<Option<Self>> {
        let found = connection
            .query_row(
                "select l.name, l.type, l.wr or (l.type = 'virtual' and s.sql not like '%using%fts%'), s.rootpage from pragma_table_list as l
                 join main.sqlite_schema as s on s.name = l.name and s.type = 'table'
                 where l.schema = 'main' and lower(l.name) = lower(?1)",
                [&table.name],
                |row| {
                    Ok((
                        row.get::<_, String>(0)?,
                        row.get::<_, String>(1)?,
                        row.get::<_, bool>(2)?,
                        row.get::<_, i64>(3)?,
                    ))
                },
            )
            .optional()?;
        let Some((name, kind, without_rowid, root)) = found else {
            return Ok(None);
        };
        let columns = columns(connection, &name)?;
        let indexed: bool = connection.query_row(
            "select exists (select 1 from pragma_index_list(?1, 'main') where origin = 'pk')",
            [&name],
            |row| row.get(0),
        )?;
        let mut key: Vec<_> = columns.iter().filter(|(_, _, pk, _)| *pk > 0).collect();
        key.sort_by_key(|(_, _, pk, _)| *pk);
        let alias = match key[..] {
            [(name, declared, ..)]
                if declared.eq_ignore_ascii_case("integer") && !indexed && !without_rowid =>
            {
                Some(name.clone())
            }
            _ => None,
        };
        let key = key.into_iter().map(|(name, ..)| name.clone()).collect();
        let stored = columns.iter().filter(|(.., hidden)| *hidden == 0);
        let stored = stored.map(|(name, ..)| name.clone()).collect();
        let columns: Vec<String> = columns.into_iter().map(|(name, ..)| name).collect();
        let rowid = ["rowid", "_rowid_", "oid"]
            .into_iter()
            .filter(|_| !without_rowid)
            .find(|name| {
                !columns
                    .iter()
                    .any(|column| column.eq_ignore_ascii_case(name))
            });
        Ok(Some(Self {
            kind,
            columns,
            stored,
            key,
            rowid,
            alias,
            root,
        }))
    }

    /// The columns whose values are kept: those of the plan; of a virtual table, of which a catalog knows no columns, all.
    pub(super) fn kept_columns(&self, plan: &TablePlan) -> Vec<String> {
        if plan.columns.is_empty() && !self.is_ordinary() {
            return self.columns.clone();
        }
        plan.columns
            .iter()
            .map(|column| column.before.clone())
            .collect()
    }

    /// The columns by which a row is found at this moment: its rowid, or the primary key where there is none.
    pub(super) fn place(&self) -> Vec<String> {
        match self.rowid.map(str::to_owned).or_else(|| self.alias.clone()) {
            Some(rowid) => vec![rowid],
            None => self.key.clone(),
        }
    }

    /// Whether it has no rowids.
    pub(super) fn is_without_rowid(&self) -> bool {
        self.rowid.is_none() && self.alias.is_none()
    }

    /// Whether rows can be watched by triggers.
    pub(super) fn is_ordinary(&self) -> bool {
        self.kind == "table"
    }
}

/// Name, declared type, place in the primary key and kind of each column.
fn columns(
    connection: &Connection,
    table: &str,
) -> rusqlite::Result<Vec<(String, String, i64, i64)>> {
    let mut statement = connection.prepare(
        "select name, type, pk, hidden from pragma_table_xinfo(?1, 'main') where hidden <> 1 order by cid",
    )?;
    let rows = statement.query_map([table], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    })?;
    rows.collect()
}

/// Whether the kept rows have rowids of their own.
pub(super) fn keeps_rowids(connection: &Connection, rows: &str) -> rusqlite::Result<bool> {
    let statement = connection.prepare(&format!("select * from {rows}"))?;
    let mut names = statement.column_names();
    Ok(names.any(|name| name == "r$"))
}
