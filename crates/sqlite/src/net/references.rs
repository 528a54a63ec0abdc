//! Foreign keys, as the tables have them at this moment, and as they had them before.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension};
use tightrope_engine::{EngineError, KeptNet, Window};

use super::key::{Key, equal};
use super::live::Live;
use super::names::{all, of, sql};
use crate::error::from_sqlite;
use tightrope_model::{ObjectId, TableName, TablePlan};

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

/// A foreign key of a table as it was, with what it does.
pub(super) struct KeyOfBefore {
    pub(super) parent: TableName,
    pub(super) on_update: String,
    pub(super) on_delete: String,
    /// The places of the table's columns in the plan, each with the column of the parent.
    pub(super) columns: Vec<(usize, String)>,
}

/// The foreign keys that a table had, read from its text.
pub(super) fn keys_of_before(
    window: &Window<'_>,
    plan: &TablePlan,
) -> rusqlite::Result<Vec<KeyOfBefore>> {
    let Some(place) = made_of_before(window, &plan.before)? else {
        return Ok(Vec::new());
    };
    let mut statement = place.prepare(
        "select id, seq, \"table\", \"from\", \"to\", on_update, on_delete from pragma_foreign_key_list(?1) order by id, seq",
    )?;
    let mut rows = statement.query([&plan.before.name])?;
    let mut keys: BTreeMap<i64, KeyOfBefore> = BTreeMap::new();
    let mut unknown = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, sequence, parent): (i64, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (from, to): (String, Option<String>) = (row.get(3)?, row.get(4)?);
        let parent = TableName::new("", parent);
        let to = match to {
            Some(to) => Some(to),
            None => part_of_key(window, &parent, sequence)?,
        };
        let columns = &mut plan.columns.iter();
        let at = columns.position(|column| column.before.eq_ignore_ascii_case(&from));
        let (on_update, on_delete) = (row.get(5)?, row.get(6)?);
        let key = keys.entry(id).or_insert_with(|| KeyOfBefore {
            parent,
            on_update,
            on_delete,
            columns: Vec::new(),
        });
        match at.zip(to) {
            Some(column) => key.columns.push(column),
            None => unknown.push(id),
        }
    }
    // A key with a column that is not of the plan, or whose parent is not there, says nothing.
    keys.retain(|id, _| !unknown.contains(id));
    Ok(keys.into_values().collect())
}

/// A database with nothing in it but a table as it was, if it was there.
fn made_of_before(window: &Window<'_>, table: &TableName) -> rusqlite::Result<Option<Connection>> {
    let mut shapes = window.before.tables().iter();
    let shape = shapes.find(|shape| is(&shape.table, table));
    let object = shape.and_then(|shape| window.before.object(&ObjectId::of_table(&shape.table)));
    let Some(text) = object.and_then(|object| object.attribute("text")) else {
        return Ok(None);
    };
    let place = Connection::open_in_memory()?;
    place.execute_batch(text)?;
    Ok(Some(place))
}

/// The column at that place of a table's primary key.
fn part_of_key(
    window: &Window<'_>,
    table: &TableName,
    place: i64,
) -> rusqlite::Result<Option<String>> {
    let Some(made) = made_of_before(window, table)? else {
        return Ok(None);
    };
    let sql = "select name from pragma_table_info(?1) where pk = ?2 + 1";
    let found = made.query_row(sql, (&table.name, place), |row| row.get(0));
    found.optional()
}

/// Whether this session enforces foreign keys.
pub(super) fn are_enforced(connection: &Connection) -> Result<bool, EngineError> {
    let sql = "select foreign_keys from pragma_foreign_keys";
    let enforced = connection.query_row(sql, [], |row| row.get(0));
    enforced.map_err(from_sqlite)
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
