//! Which written rows the old schema cannot hold: tried out in a database of its own.
//!
//! The table is made from its text of before in a temporary database, with all its unique indexes; the rows that nobody wrote
//! go in first, then those that were there and were written, then the new ones. Whatever the table refuses is in conflict,
//! for the reason that the library gives: so checks, strict types, partial and expression indexes, conversions and collations
//! count as they are.

use rusqlite::types::{ToSqlOutput, Value};
use rusqlite::{Connection, Row, params_from_iter};
use tightrope_engine::{EngineError, KeptTable, Window};
use tightrope_model::{Object, ObjectId, ObjectKind};

use super::conflicts::{Before, Misfit};
use super::key::Key;
use super::names::{all, list, sql};
use super::terms::{COMES_BACK, Shape, Terms};
use crate::error::from_sqlite;
use crate::quote::quote_identifier;

/// Tries the written rows of one table.
pub(super) fn misfits(
    connection: &Connection,
    table: &KeptTable,
    key: &Key,
    window: &Window<'_>,
) -> Result<Vec<Misfit>, EngineError> {
    let (Some(log), Some(_)) = (&table.touched, &table.plan.after) else {
        return Ok(Vec::new());
    };
    let Some(terms) = Terms::of(table, key, Shape::After) else {
        return Ok(Vec::new());
    };
    let there = all(key.own("", "k").iter().map(|k| format!("{k} is not null")));
    let any = format!("select exists (select 1 from {} where {there})", sql(log));
    let any: bool = connection
        .query_row(&any, [], |row| row.get(0))
        .map_err(from_sqlite)?;
    let id = ObjectId::new(ObjectKind::Table, [&table.plan.before.name]);
    let text = window
        .before
        .object(&id)
        .and_then(|object| object.attribute("text"));
    let Some(text) = text.filter(|_| any) else {
        return Ok(Vec::new());
    };
    let trial = Trial {
        connection,
        table,
        terms,
        window,
        place: place(text, table, window).map_err(from_sqlite)?,
    };
    trial.run().map_err(from_sqlite)
}

/// A database with nothing in it but the table as it was.
fn place(text: &str, table: &KeptTable, window: &Window<'_>) -> rusqlite::Result<Connection> {
    // An empty name is a file that goes with the connection.
    let place = Connection::open("")?;
    place.execute_batch(
        "pragma foreign_keys = off; pragma synchronous = off; pragma journal_mode = off;",
    )?;
    place.execute_batch(text)?;
    let unique = |object: &&Object| {
        object.id.kind == ObjectKind::Index
            && object.attribute("unique").is_some()
            && object.attribute("table") == Some(table.plan.before.name.as_str())
    };
    for index in window.before.objects().filter(unique) {
        if let Some(text) = index.attribute("text") {
            place.execute_batch(text)?;
        }
    }
    Ok(place)
}

struct Trial<'a> {
    connection: &'a Connection,
    table: &'a KeptTable,
    terms: Terms<'a>,
    window: &'a Window<'a>,
    place: Connection,
}

impl Trial<'_> {
    fn run(&self) -> rusqlite::Result<Vec<Misfit>> {
        self.place.execute_batch("begin")?;
        if self.needs_the_others()? {
            self.untouched()?;
            self.coming_back()?;
        }
        let mut misfits = self.written(true)?;
        misfits.extend(self.written(false)?);
        Ok(misfits)
    }

    /// Whether a row can be in the way of another one: there is a unique key beside the one that has stayed.
    fn needs_the_others(&self) -> rusqlite::Result<bool> {
        let mut statement = self.place.prepare(
            "select l.name, (select group_concat(lower(i.name), char(0)) from pragma_index_info(l.name) i)
             from pragma_index_list(?1) l where l.\"unique\"",
        )?;
        let mut keys = statement
            .query_map([&self.table.plan.before.name], |row| {
                row.get::<_, Option<String>>(1)
            })?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        let mut stays: Vec<String> = self
            .table
            .plan
            .key
            .iter()
            .map(|column| column.before.to_lowercase())
            .collect();
        stays.sort();
        if stays.is_empty() {
            return Ok(true);
        }
        keys.retain(|key| {
            let mut names: Vec<&str> = key.as_deref().unwrap_or_default().split('\0').collect();
            names.sort_unstable();
            names != stays
        });
        Ok(!keys.is_empty())
    }

    fn insert(&self) -> String {
        let columns = &self.table.plan.columns;
        format!(
            "insert or abort into {} ({}) values ({})",
            quote_identifier(&self.table.plan.before.name),
            list(
                columns
                    .iter()
                    .map(|column| quote_identifier(&column.before))
            ),
            list((1..=columns.len()).map(|n| format!("?{n}")))
        )
    }

    /// Puts a row's values, from that place on, into the table.
    fn put(&self, row: &Row<'_>, from: usize) -> rusqlite::Result<()> {
        let mut statement = self.place.prepare_cached(&self.insert())?;
        for at in 0..self.table.plan.columns.len() {
            statement.raw_bind_parameter(at + 1, ToSqlOutput::Borrowed(row.get_ref(from + at)?))?;
        }
        statement.raw_execute().map(drop)
    }

    fn finals(&self) -> String {
        list(
            self.terms
                .finals(self.window)
                .into_iter()
                .map(|(_, value)| value),
        )
    }

    fn after(&self) -> String {
        let plan = &self.table.plan;
        sql(plan.after.as_ref().unwrap_or(&plan.before))
    }

    fn untouched(&self) -> rusqlite::Result<()> {
        let stays = self.terms.only_the_migrations();
        let stays = stays
            .map(|own| format!(" and not ({own})"))
            .unwrap_or_default();
        let query = format!(
            "select {} from {} t {} where l.rowid is null{stays}",
            self.finals(),
            self.after(),
            self.terms.joins()
        );
        self.put_all(&query)
    }

    fn coming_back(&self) -> rusqlite::Result<()> {
        let Some(rows) = self.table.rows.as_ref().filter(|_| self.terms.has_rows()) else {
            return Ok(());
        };
        let values = list((1..=self.table.plan.columns.len()).map(|n| format!("p.c${n}")));
        let free = format!("not ({})", self.terms.lost_its_place(&self.after()));
        self.put_all(&format!(
            "select {values} from {} p where {COMES_BACK} and {free}",
            sql(rows)
        ))
    }

    /// Rows that were there before fit; one that does not is not in the way of others either.
    fn put_all(&self, query: &str) -> rusqlite::Result<()> {
        let mut statement = match self.connection.prepare(query) {
            // An expression that cannot be understood is told of each new row.
            Err(error) if is_a_failing_fill(&error) && !self.filled().is_empty() => return Ok(()),
            statement => statement?,
        };
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            match self.put(row, 0) {
                Err(error) if !is_refusal(&error) => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Tries the rows that were written: those that were there before, or the new ones.
    fn written(&self, were_there: bool) -> rusqlite::Result<Vec<Misfit>> {
        let key = self.terms.key;
        let is_there = all(key.own("l", "o").iter().map(|o| format!("{o} is not null")));
        let which = if were_there {
            is_there
        } else {
            format!("not ({is_there})")
        };
        let query = |finals: &str, which: &str| {
            format!(
                "select {now}, {began}, {has_before}, {finals} from {after} t {joins} where l.rowid is not null and {which} \
                 order by l.rowid",
                now = list(key.own("l", "k")),
                began = list(key.own("l", "o")),
                has_before = self.terms.was_there(),
                after = self.after(),
                joins = self.terms.joins(),
            )
        };
        if !self.filled().is_empty() {
            return self.written_one_by_one(
                &query("l.rowid", &which),
                &query(&self.finals(), "l.rowid = ?1"),
            );
        }
        let mut statement = self.connection.prepare(&query(&self.finals(), &which))?;
        let mut rows = statement.query([])?;
        let mut misfits = Vec::new();
        while let Some(row) = rows.next()? {
            if let Some(breaks) = self.refused(row)? {
                misfits.push(self.misfit(row, breaks)?);
            }
        }
        Ok(misfits)
    }

    /// The same where expressions of the user's give values: each row is read by itself, for such an expression can fail.
    fn written_one_by_one(&self, all: &str, one: &str) -> rusqlite::Result<Vec<Misfit>> {
        let place = 2 * self.terms.key.parts.len() + 1;
        let mut statement = self.connection.prepare(all)?;
        let mut rows = statement.query([])?;
        let mut misfits = Vec::new();
        while let Some(row) = rows.next()? {
            let entry: i64 = row.get(place)?;
            let tried = self
                .connection
                .prepare_cached(one)
                .and_then(|mut one| one.query_row([entry], |row| Ok(self.refused(row))));
            let breaks = match tried {
                Ok(refused) => refused?,
                Err(error) if is_a_failing_fill(&error) => Some(format!(
                    "the expression under [fill] for column {} fails: {}",
                    self.filled().join(" or "),
                    said(&error)
                )),
                Err(error) => return Err(error),
            };
            if let Some(breaks) = breaks {
                misfits.push(self.misfit(row, breaks)?);
            }
        }
        Ok(misfits)
    }

    /// The columns to which an expression of the user's gives values, in quotation marks.
    fn filled(&self) -> Vec<String> {
        let plan = &self.table.plan;
        let gone = plan.columns.iter().filter(|column| column.after.is_none());
        gone.filter(|column| {
            let name = (plan.before.clone(), column.before.clone());
            self.window.fill.contains_key(&name)
        })
        .map(|column| format!("`{}`", column.before))
        .collect()
    }

    /// Puts a row that was read into the table; what it breaks, if it is refused.
    fn refused(&self, row: &Row<'_>) -> rusqlite::Result<Option<String>> {
        match self.put(row, 2 * self.terms.key.parts.len() + 1) {
            Ok(()) => Ok(None),
            Err(error) if is_refusal(&error) => Ok(Some(in_words(&error))),
            Err(error) => Err(error),
        }
    }

    fn misfit(&self, row: &Row<'_>, breaks: String) -> rusqlite::Result<Misfit> {
        let width = self.terms.key.parts.len();
        let values = |from: usize| {
            let values = (from..from + width).map(|at| row.get(at));
            values.collect::<rusqlite::Result<Vec<Value>>>()
        };
        let now = values(0)?;
        let had: bool = row.get(2 * width)?;
        let began = had.then(|| values(width)).transpose()?;
        let before = match &began {
            Some(began) if !self.put_before(began)? => Before::LosesItsPlace,
            _ => Before::ComesBack,
        };
        Ok(Misfit {
            now,
            began,
            breaks,
            before,
        })
    }

    /// Puts the row of before in the place of the written one; whether it fits.
    fn put_before(&self, began: &[Value]) -> rusqlite::Result<bool> {
        let Some(rows) = &self.table.rows else {
            return Ok(false);
        };
        let key = self.terms.key.kept("p");
        let same = all((1..)
            .zip(&key)
            .map(|(n, part): (usize, _)| format!("{part} = ?{n}")));
        let values = list((1..=self.table.plan.columns.len()).map(|n| format!("p.c${n}")));
        let query = format!("select {values} from {} p where {same}", sql(rows));
        let mut statement = self.connection.prepare_cached(&query)?;
        let mut found = statement.query(params_from_iter(began))?;
        match found.next()? {
            None => Ok(false),
            Some(row) => match self.put(row, 0) {
                Ok(()) => Ok(true),
                Err(error) if is_refusal(&error) => Ok(false),
                Err(error) => Err(error),
            },
        }
    }
}

fn is_refusal(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(
        code,
        Some(rusqlite::ErrorCode::ConstraintViolation | rusqlite::ErrorCode::TypeMismatch)
    )
}

/// An expression fails on the values that it meets, or cannot be understood; all else that goes wrong has a code of its own.
pub(super) fn is_a_failing_fill(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(rusqlite::ErrorCode::Unknown | rusqlite::ErrorCode::TooBig)
    )
}

fn said(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(message))
        | rusqlite::Error::SqlInputError { msg: message, .. } => message.clone(),
        other => other.to_string(),
    }
}

/// What a row breaks, in words for people.
fn in_words(error: &rusqlite::Error) -> String {
    let message = said(error);
    let own = |names: &str| {
        let names = names
            .split(", ")
            .map(|name| name.rsplit_once('.').map_or(name, |(_, own)| own));
        list(names)
    };
    if let Some(names) = message.strip_prefix("NOT NULL constraint failed: ") {
        return format!("column `{}` must not be null", own(names));
    }
    if let Some(names) = message.strip_prefix("UNIQUE constraint failed: ") {
        return match names.strip_prefix("index '") {
            Some(index) => format!("unique index `{}`", index.trim_end_matches('\'')),
            None => format!("unique constraint `{}`", own(names)),
        };
    }
    match message.strip_prefix("CHECK constraint failed: ") {
        Some(check) => format!("check constraint `{check}`"),
        None => message,
    }
}
