use std::collections::BTreeMap;

use rusqlite::Connection;
use tightrope_engine::{EngineError, ErrorKind, Unfit};

use crate::connect;
use crate::error::from_sqlite;
use crate::url::FileUrl;
use crate::waiting::LockTimeout;

/// The encoding of text, for good once a file has content.
const ENCODING: &str = "encoding";

/// The collations that the schema uses, with commas between.
const COLLATIONS: &str = "collations";

/// Whether sessions enforced foreign keys: what a schema means depends on it.
const FOREIGN_KEYS: &str = "foreign_keys";

/// How the file is written to.
const JOURNAL_MODE: &str = "journal_mode";

/// What a database file is apart from its content.
pub(super) fn read(
    connection: &Connection,
    url: &FileUrl,
) -> rusqlite::Result<BTreeMap<String, String>> {
    let pragma =
        |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, String>(0));
    Ok(BTreeMap::from([
        (ENCODING.to_owned(), pragma(ENCODING)?),
        (JOURNAL_MODE.to_owned(), pragma(JOURNAL_MODE)?),
        (COLLATIONS.to_owned(), collations(connection)?.join(",")),
        (FOREIGN_KEYS.to_owned(), url.foreign_keys.to_string()),
    ]))
}

/// Collations by which columns and indexes are ordered.
fn collations(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(
        "select distinct upper(x.coll) from main.sqlite_schema s, pragma_index_xinfo(s.name) x \
         where s.type = 'index' and x.coll is not null order by 1",
    )?;
    let names = statement.query_map([], |row| row.get(0))?;
    names.collect()
}

/// Whether sessions on the restored file enforce foreign keys.
pub(super) fn enforces_foreign_keys(properties: &BTreeMap<String, String>) -> bool {
    properties
        .get(FOREIGN_KEYS)
        .is_some_and(|word| word == "true")
}

/// Whether the file had a write-ahead log.
pub(super) fn has_write_ahead_log(properties: &BTreeMap<String, String>) -> bool {
    properties
        .get(JOURNAL_MODE)
        .is_some_and(|mode| mode == "wal")
}

/// Collations that this library does not have, and the encoding of a file that is there already, unless it is damaged.
pub(super) fn unfit(
    properties: &BTreeMap<String, String>,
    into: &FileUrl,
) -> Result<Vec<Unfit>, EngineError> {
    let mut unfit = missing_collations(properties)?;
    if let Some(wanted) = properties.get(ENCODING)
        && into.path.is_file()
    {
        let there = match connect::open(into, true, true, &LockTimeout::new()) {
            Ok(there) => there,
            // Nobody can read it any more: it has no encoding that could be lost.
            Err(error) if error.kind == ErrorKind::Damaged => return Ok(unfit),
            Err(error) => return Err(error),
        };
        let found: String = there
            .pragma_query_value(None, ENCODING, |row| row.get(0))
            .map_err(from_sqlite)?;
        if found != *wanted {
            unfit.push(Unfit {
                what: ENCODING.to_owned(),
                wanted: wanted.clone(),
                found,
            });
        }
    }
    Ok(unfit)
}

fn missing_collations(properties: &BTreeMap<String, String>) -> Result<Vec<Unfit>, EngineError> {
    let used = properties
        .get(COLLATIONS)
        .map(String::as_str)
        .unwrap_or_default();
    let library = Connection::open_in_memory().map_err(from_sqlite)?;
    let mut statement = library
        .prepare("select upper(name) from pragma_collation_list")
        .map_err(from_sqlite)?;
    let known = statement
        .query_map([], |row| row.get(0))
        .and_then(Iterator::collect::<rusqlite::Result<Vec<String>>>)
        .map_err(from_sqlite)?;
    let missing = used
        .split(',')
        .filter(|name| !name.is_empty() && !known.iter().any(|known| known == name));
    Ok(missing
        .map(|name| Unfit {
            what: "collation".to_owned(),
            wanted: name.to_owned(),
            found: "not there".to_owned(),
        })
        .collect())
}
