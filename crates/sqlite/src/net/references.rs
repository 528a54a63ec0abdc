//! Foreign keys, as the tables have them at this moment.

use std::collections::BTreeMap;

use rusqlite::Connection;
use tightrope_engine::{EngineError, KeptNet};

use super::key::{Key, equal};
use super::live::Live;
use super::names::{all, of, sql};
use crate::error::from_sqlite;
use tightrope_model::TableName;

/// A foreign key of a table.
#[derive(Clone, Debug)]
pub(super) struct ForeignKey {
    pub(super) child: TableName,
    pub(super) parent: TableName,
    /// The child's columns, each with the parent's.
    pub(super) columns: Vec<(String, String)>,
}

impl ForeignKey {
    /// Whether a row of the child refers to a row of the parent.
    pub(super) fn meets(&self, child: &str, parent: &str) -> String {
        let pairs = self.columns.iter();
        all(pairs.map(|(from, to)| format!("{} = {}", of(child, from), of(parent, to))))
    }
}

/// All foreign keys of all tables of a database, whether or not they are enforced.
pub(super) fn all_keys(connection: &Connection) -> rusqlite::Result<Vec<ForeignKey>> {
    let mut statement = connection.prepare(
        "select s.name, f.id, f.\"table\", f.\"from\", f.\"to\", f.seq from sqlite_schema s
         join pragma_foreign_key_list(s.name) f where s.type = 'table' and s.rootpage > 0
         order by s.name, f.id, f.seq",
    )?;
    let mut rows = statement.query([])?;
    let mut keys: BTreeMap<(String, i64), ForeignKey> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let (child, id, parent): (String, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let parent = TableName::new("", parent);
        let from: String = row.get(3)?;
        let to = match row.get::<_, Option<String>>(4)? {
            Some(to) => Some(to),
            None => {
                let seq = usize::try_from(row.get::<_, i64>(5)?).unwrap_or(usize::MAX);
                Live::read(connection, &parent)?.and_then(|live| live.key.get(seq).cloned())
            }
        };
        let key = keys
            .entry((child.clone(), id))
            .or_insert_with(|| ForeignKey {
                child: TableName::new("", child),
                parent,
                columns: Vec::new(),
            });
        key.columns.extend(to.map(|to| (from, to)));
    }
    Ok(keys
        .into_values()
        .filter(|key| !key.columns.is_empty())
        .collect())
}

/// Rows that the migration made and that the application refers to are no longer the migration's alone.
pub(super) fn release_referenced(
    connection: &Connection,
    kept: &KeptNet,
) -> Result<(), EngineError> {
    let keys = all_keys(connection).map_err(from_sqlite)?;
    for table in &kept.tables {
        let (Some(inserted), Some(after)) = (&table.inserted, &table.plan.after) else {
            continue;
        };
        let key = Key::read(connection, kept.number, table)?;
        let identity: Vec<String> = key.parts.iter().map(|part| of("t", &part.after)).collect();
        for reference in keys.iter().filter(|known| is(&known.parent, after)) {
            let written = written(connection, kept, &reference.child)?;
            let release = format!(
                "delete from {} as i where exists (select 1 from {} t join {} c on {} where {} and {written})",
                sql(inserted),
                sql(after),
                sql(&reference.child),
                reference.meets("c", "t"),
                equal(&identity, &key.own("i", "k")),
            );
            connection.execute_batch(&release).map_err(from_sqlite)?;
        }
    }
    Ok(())
}

/// Whether a row `c` of a table was written in the window. In a table that the migration has not touched, a row that refers to
/// one of the migration's cannot be older.
fn written(
    connection: &Connection,
    kept: &KeptNet,
    child: &TableName,
) -> Result<String, EngineError> {
    let watched = kept.tables.iter().find(|table| {
        table
            .plan
            .after
            .as_ref()
            .is_some_and(|after| is(after, child))
    });
    let Some((table, log)) = watched.and_then(|table| Some((table, table.touched.as_ref()?)))
    else {
        return Ok("true".to_owned());
    };
    let key = Key::read(connection, kept.number, table)?;
    Ok(format!(
        "exists (select 1 from {} l where {})",
        sql(log),
        equal(&key.own("l", "k"), &key.after("c"))
    ))
}

/// Whether two names name the same table.
pub(super) fn is(left: &TableName, right: &TableName) -> bool {
    left.name.eq_ignore_ascii_case(&right.name)
}
