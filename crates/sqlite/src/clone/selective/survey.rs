//! What there is to be selected from: tables, the keys that others refer to, and the references.

use rusqlite::Connection;
use tightrope_engine::{EngineError, ErrorKind};
use tightrope_selection::{ColumnShape, KeyShape, ReferenceShape, Survey, TableShape, ValueClass};

use crate::error::from_sqlite;
use crate::quote::quote_identifier as quote;

/// What is this engine's own about a table.
pub(super) struct FileTable {
    /// The name that its rows are numbered by, where it has row numbers that are no column of its own.
    pub(super) rowid: Option<&'static str>,
    /// The columns that tell rows apart, for picking: their own, or the row number.
    pub(super) key: Vec<String>,
}

/// A virtual table, whose rows are copied through it, or made anew by it.
pub(super) struct VirtualTable {
    pub(super) name: String,
    pub(super) columns: Vec<String>,
    pub(super) rows: VirtualRows,
    /// Whether its rows have numbers beside their columns; those of an R*Tree are its first column.
    pub(super) is_full_text: bool,
}

/// Where the rows of a virtual table come from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum VirtualRows {
    /// They are in it.
    Own,
    /// They are those of another table, from which it is built anew.
    OfAnother,
    /// It has none to give: what was put in can be searched for, and not be read.
    None,
}

/// All of it, in the same places.
pub(super) struct FileSurvey {
    pub(super) shape: Survey,
    pub(super) tables: Vec<FileTable>,
    pub(super) virtual_tables: Vec<VirtualTable>,
    /// The statements that make tables, in their order.
    pub(super) tables_first: Vec<String>,
    /// Those that make what is about tables.
    pub(super) then_the_rest: Vec<String>,
}

/// Modules whose tables can be copied by what they show.
const MODULES: [&str; 5] = ["fts3", "fts4", "fts5", "rtree", "rtree_i32"];

/// What the primary key is called among the unique indexes.
const PRIMARY: &str = "primary key";

impl FileSurvey {
    pub(super) fn read(from: &Connection) -> Result<Self, EngineError> {
        let mut survey = Self {
            shape: Survey::default(),
            tables: Vec::new(),
            virtual_tables: Vec::new(),
            tables_first: Vec::new(),
            then_the_rest: Vec::new(),
        };
        let listed = "select s.type, s.name, s.sql, l.type, l.wr from sqlite_schema s \
             left join pragma_table_list l on l.schema = 'main' and l.name = s.name and s.type = 'table' \
             where s.sql is not null and s.name not like 'sqlite\\_%' escape '\\' order by s.rowid";
        let mut statement = from.prepare(listed).map_err(from_sqlite)?;
        let rows = statement
            .query_map([], |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, String>(1)?,
                    row.get::<_, String>(2)?,
                    row.get::<_, Option<String>>(3)?,
                    row.get::<_, Option<bool>>(4)?.unwrap_or(false),
                ))
            })
            .map_err(from_sqlite)?;
        for row in rows {
            let (kind, name, sql, sort, without_rowid) = row.map_err(from_sqlite)?;
            match (kind.as_str(), sort.as_deref()) {
                // Its virtual table makes it.
                ("table", Some("shadow")) => {}
                ("table", Some("virtual")) => {
                    survey.add_virtual(from, &name, &sql)?;
                    survey.tables_first.push(sql);
                }
                ("table", _) => {
                    survey
                        .add_table(from, &name, without_rowid)
                        .map_err(from_sqlite)?;
                    survey.tables_first.push(sql);
                }
                _ => survey.then_the_rest.push(sql),
            }
        }
        for table in 0..survey.tables.len() {
            survey.add_references(from, table).map_err(from_sqlite)?;
        }
        Ok(survey)
    }

    fn add_table(
        &mut self,
        from: &Connection,
        name: &str,
        without_rowid: bool,
    ) -> rusqlite::Result<()> {
        let (mut columns, mut key, mut hidden) = (Vec::new(), Vec::new(), Vec::new());
        let mut statement =
            from.prepare("select name, type, \"notnull\", pk, hidden from pragma_table_xinfo(?1)")?;
        let mut rows = statement.query([name])?;
        let mut key_types = Vec::new();
        while let Some(row) = rows.next()? {
            let (column, type_name): (String, String) = (row.get(0)?, row.get(1)?);
            let place: i64 = row.get(3)?;
            if place > 0 {
                key.push((place, column.clone()));
                key_types.push(type_name.to_ascii_lowercase());
            }
            if row.get::<_, i64>(4)? != 0 {
                hidden.push(column);
                continue;
            }
            columns.push(ColumnShape {
                name: column,
                class: class(&type_name),
                type_name,
                not_null: row.get::<_, bool>(2)? || without_rowid && place > 0,
            });
        }
        key.sort();
        let key: Vec<String> = key.into_iter().map(|(_, column)| column).collect();
        let is_number = key.len() == 1 && key_types == ["integer"] && !without_rowid;
        let taken = |name: &str| {
            let own = columns.iter().map(|column| &column.name);
            own.chain(&hidden)
                .any(|column| column.eq_ignore_ascii_case(name))
        };
        let free = ["rowid", "_rowid_", "oid"];
        let rowid = free.into_iter().find(|name| !taken(name));
        let rowid = rowid.filter(|_| !without_rowid && !is_number);
        let mut uniques = uniques(from, name)?;
        if !key.is_empty() {
            uniques.push((PRIMARY.to_owned(), key.clone()));
        }
        self.tables.push(FileTable {
            key: match rowid {
                Some(rowid) => vec![rowid.to_owned()],
                None => key.iter().map(|column| quote(column)).collect(),
            },
            rowid,
        });
        self.shape.tables.push(TableShape {
            names: vec![name.to_owned()],
            is_part: false,
            columns,
            uniques,
        });
        Ok(())
    }

    fn add_virtual(&mut self, from: &Connection, name: &str, sql: &str) -> Result<(), EngineError> {
        let words = sql.to_ascii_lowercase();
        let module = words.split(" using ").nth(1).unwrap_or_default().trim();
        let module: String = module
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        if !MODULES.contains(&module.as_str()) {
            return Err(EngineError::new(
                ErrorKind::Unsupported,
                format!("the virtual table `{name}` of module {module} cannot be copied in parts or masked"),
            )
            .hint("copy the database whole: leave out `sample`, and set `masked = false` for rehearsals"));
        }
        let rows = match content(&words) {
            Some("") => VirtualRows::None,
            Some(_) => VirtualRows::OfAnother,
            None => VirtualRows::Own,
        };
        let columns = "select name from pragma_table_xinfo(?1) where hidden = 0";
        let mut statement = from.prepare(columns).map_err(from_sqlite)?;
        let columns = statement
            .query_map([name], |row| row.get(0))
            .and_then(Iterator::collect)
            .map_err(from_sqlite)?;
        self.virtual_tables.push(VirtualTable {
            name: name.to_owned(),
            columns,
            rows,
            is_full_text: module.starts_with("fts"),
        });
        Ok(())
    }

    fn add_references(&mut self, from: &Connection, table: usize) -> rusqlite::Result<()> {
        let name = self.shape.tables[table].name().to_owned();
        let mut statement = from.prepare(
            "select id, \"table\", \"from\", \"to\" from pragma_foreign_key_list(?1) order by id, seq",
        )?;
        let rows = statement.query_map([&name], |row| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, String>(2)?,
                row.get::<_, Option<String>>(3)?,
            ))
        })?;
        let rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
        for one in rows.chunk_by(|left, right| left.0 == right.0) {
            let Some((_, parent, ..)) = one.first() else {
                continue;
            };
            let same = |known: &TableShape| known.name().eq_ignore_ascii_case(parent);
            // What refers to a table that is not there is written nowhere else either.
            let Some(parent) = self.shape.tables.iter().position(same) else {
                continue;
            };
            let places = |table: usize, names: &[String]| -> Option<Vec<usize>> {
                let known = &self.shape.tables[table].columns;
                let place = |name: &String| {
                    known
                        .iter()
                        .position(|column| column.name.eq_ignore_ascii_case(name))
                };
                names.iter().map(place).collect()
            };
            let own: Vec<String> = one.iter().map(|row| row.2.clone()).collect();
            let other: Option<Vec<String>> = one.iter().map(|row| row.3.clone()).collect();
            let mut uniques = self.shape.tables[parent].uniques.iter();
            let primary = uniques.find(|(index, _)| index == PRIMARY);
            let other = other.or_else(|| primary.map(|(_, columns)| columns.clone()));
            let (Some(own), Some(other)) = (
                places(table, &own),
                other.and_then(|other| places(parent, &other)),
            ) else {
                continue;
            };
            if own.len() != other.len() {
                continue;
            }
            let known = |key: &KeyShape| key.tables == [parent] && key.columns == other;
            let key = self.shape.keys.iter().position(known).unwrap_or_else(|| {
                self.shape.keys.push(KeyShape {
                    relation: self.shape.tables[parent].name().to_owned(),
                    columns: other.clone(),
                    tables: vec![parent],
                });
                self.shape.keys.len() - 1
            });
            self.shape.references.push(ReferenceShape {
                name: "a foreign key".to_owned(),
                from: table,
                key,
                columns: own,
            });
        }
        Ok(())
    }
}

/// What stands behind `content =` of a full-text index: a table's name, or nothing.
fn content(sql: &str) -> Option<&str> {
    sql.match_indices("content").find_map(|(at, word)| {
        let rest = sql[at + word.len()..].trim_start().strip_prefix('=')?;
        let rest = rest.trim_start();
        let end = rest.find([',', ')']).unwrap_or(rest.len());
        Some(rest[..end].trim().trim_matches(['\'', '"']))
    })
}

fn uniques(from: &Connection, table: &str) -> rusqlite::Result<Vec<(String, Vec<String>)>> {
    let mut statement = from.prepare(
        "select l.name, i.name from pragma_index_list(?1) l, pragma_index_info(l.name) i where l.\"unique\" and l.origin <> 'pk' \
         and i.name is not null order by l.seq, i.seqno",
    )?;
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    let mut rows = statement.query([table])?;
    while let Some(row) = rows.next()? {
        let (index, column): (String, String) =
            (format!("index {}", row.get::<_, String>(0)?), row.get(1)?);
        match found.last_mut().filter(|last| last.0 == index) {
            Some((_, columns)) => columns.push(column),
            None => found.push((index, vec![column])),
        }
    }
    Ok(found)
}

/// What a column of a declared type is meant to hold.
fn class(type_name: &str) -> ValueClass {
    let name = type_name.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let characters = name
        .split_once('(')
        .and_then(|(_, rest)| rest.split([')', ',']).next()?.trim().parse().ok());
    match () {
        () if has(&["int"]) => ValueClass::Integer(i64::MIN, i64::MAX),
        () if has(&["char", "clob", "text"]) => ValueClass::Text(characters),
        () if has(&["blob"]) => ValueClass::Other,
        () if has(&["date", "time"]) => ValueClass::Time,
        () if has(&["uuid"]) => ValueClass::Uuid,
        () if has(&["real", "floa", "doub", "num", "dec"]) => ValueClass::Number,
        () if has(&["bool", "json"]) => ValueClass::Other,
        () => ValueClass::Text(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_told_by_their_names() {
        assert_eq!(class("VARCHAR(60)"), ValueClass::Text(Some(60)));
        assert_eq!(class("bigint"), ValueClass::Integer(i64::MIN, i64::MAX));
        assert_eq!(class("DATETIME"), ValueClass::Time);
        assert_eq!(class("decimal(10,2)"), ValueClass::Number);
        assert_eq!(class(""), ValueClass::Text(None));
    }

    #[test]
    fn the_content_of_an_index_is_told() {
        assert_eq!(
            content("using fts5(a, content='posts', content_rowid='id')"),
            Some("posts")
        );
        assert_eq!(content("using fts5(a, content = '')"), Some(""));
        assert_eq!(content("using fts5(content)"), None);
    }
}
