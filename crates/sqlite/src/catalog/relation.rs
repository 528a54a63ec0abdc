use std::collections::BTreeMap;

use rusqlite::{Connection, Row};

/// What a relation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An ordinary table.
    Table,
    /// A view.
    View,
    /// A virtual table.
    Virtual,
    /// A table in which a virtual table keeps its data.
    Shadow,
}

/// A table or view.
#[derive(Clone, Debug)]
pub(super) struct Relation {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) without_rowid: bool,
    pub(super) strict: bool,
    pub(super) sql: String,
}

/// A table's column, as the pragma tells it.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) table: String,
    pub(super) position: i64,
    pub(super) name: String,
    pub(super) declared_type: String,
    pub(super) not_null: bool,
    pub(super) key_place: i64,
    pub(super) generated: bool,
}

/// An index, as the pragmas tell it.
#[derive(Clone, Debug)]
pub(super) struct Index {
    pub(super) table: String,
    pub(super) name: String,
    pub(super) unique: bool,
    /// `c` if a statement of its own made it, `u` or `pk` if a constraint did.
    pub(super) origin: String,
    pub(super) partial: bool,
    pub(super) sql: Option<String>,
    pub(super) columns: Vec<IndexColumn>,
}

/// A column of an index; an expression has no name.
#[derive(Clone, Debug)]
pub(super) struct IndexColumn {
    pub(super) name: Option<String>,
    pub(super) collation: String,
}

pub(super) fn relations(connection: &Connection) -> rusqlite::Result<Vec<Relation>> {
    rows(connection, include_str!("sql/relations.sql"), |row| {
        let kind: String = row.get(1)?;
        Ok(Relation {
            name: row.get(0)?,
            kind: match kind.as_str() {
                "view" => Kind::View,
                "virtual" => Kind::Virtual,
                "shadow" => Kind::Shadow,
                _ => Kind::Table,
            },
            without_rowid: row.get(2)?,
            strict: row.get(3)?,
            sql: row.get(4)?,
        })
    })
}

pub(super) fn columns(connection: &Connection) -> rusqlite::Result<Vec<Column>> {
    rows(connection, include_str!("sql/columns.sql"), |row| {
        Ok(Column {
            table: row.get(0)?,
            position: row.get(1)?,
            name: row.get(2)?,
            declared_type: row.get(3)?,
            not_null: row.get(4)?,
            key_place: row.get(5)?,
            generated: row.get::<_, i64>(6)? >= 2,
        })
    })
}

pub(super) fn indexes(connection: &Connection) -> rusqlite::Result<Vec<Index>> {
    let mut indexes: Vec<Index> = Vec::new();
    let read = rows(connection, include_str!("sql/indexes.sql"), |row| {
        let index = Index {
            table: row.get(0)?,
            name: row.get(1)?,
            unique: row.get(2)?,
            origin: row.get(3)?,
            partial: row.get(4)?,
            sql: row.get(5)?,
            columns: Vec::new(),
        };
        let column = IndexColumn {
            name: row.get("column_name")?,
            collation: row.get("coll")?,
        };
        Ok((index, column))
    })?;
    for (index, column) in read {
        match indexes.last_mut() {
            Some(last) if last.name == index.name => last.columns.push(column),
            _ => indexes.push(Index {
                columns: vec![column],
                ..index
            }),
        }
    }
    Ok(indexes)
}

/// The tables that each table refers to by a foreign key, by their names as the key writes them.
pub(super) fn parents(connection: &Connection) -> rusqlite::Result<BTreeMap<String, Vec<String>>> {
    let read = rows(connection, include_str!("sql/foreign_keys.sql"), |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
    })?;
    let mut parents: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (table, parent) in read {
        parents.entry(table).or_default().push(parent);
    }
    Ok(parents)
}

/// The items of each table, in their order.
pub(super) fn by_table<T>(
    items: Vec<T>,
    table: impl Fn(&T) -> &String,
) -> BTreeMap<String, Vec<T>> {
    let mut tables: BTreeMap<String, Vec<T>> = BTreeMap::new();
    for item in items {
        tables.entry(table(&item).clone()).or_default().push(item);
    }
    tables
}

pub(super) fn rows<T>(
    connection: &Connection,
    sql: &str,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([], read)?;
    rows.collect()
}
