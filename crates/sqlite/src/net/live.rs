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
        let mut statement = connection
            .prepare("select name, type, pk from pragma_table_xinfo(?1, 'main') where hidden <> 1 order by cid")?;
        let columns = statement
            .query_map([&name], |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, String>(1)?,
                    row.get::<_, i64>(2)?,
                ))
            })?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        let indexed: bool = connection.query_row(
            "select exists (select 1 from pragma_index_list(?1, 'main') where origin = 'pk')",
            [&name],
            |row| row.get(0),
        )?;
        let key: Vec<&(String, String, i64)> = columns.iter().filter(|(.., pk)| *pk > 0).collect();
        let alias = match key[..] {
            [(name, declared, _)]
                if declared.eq_ignore_ascii_case("integer") && !indexed && !without_rowid =>
            {
                Some(name.clone())
            }
            _ => None,
        };
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

    /// Whether rows can be watched by triggers.
    pub(super) fn is_ordinary(&self) -> bool {
        self.kind == "table"
    }
}

/// Whether the kept rows have rowids of their own.
pub(super) fn keeps_rowids(connection: &Connection, rows: &str) -> rusqlite::Result<bool> {
    let statement = connection.prepare(&format!("select * from {rows}"))?;
    let mut names = statement.column_names();
    Ok(names.any(|name| name == "r$"))
}
