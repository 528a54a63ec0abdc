//! The pieces of SQL with which a table's rows find their pre-images. In all of them `t` is a row of the table, `l` its entry
//! in the touch log, and `p` its pre-image.

use tightrope_engine::{EngineError, KeptTable};
use tightrope_model::{TableName, TablePlan};

use super::columns::{Column, Columns, same};
use super::names;
use super::spread::not_as_planned;
use super::touch::numbered;
use crate::quote::quote;
use crate::session::PostgresSession;

/// Under which names the table is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// As it is since the migration.
    After,
    /// As it was before, and is again.
    Before,
}

/// One table with a key, its log and its pre-images.
pub(super) struct Terms<'k> {
    pub(super) plan: &'k TablePlan,
    shape: Shape,
    /// The table's columns now.
    pub(super) now: Columns,
    log: Option<(&'k TableName, Columns)>,
    rows: Option<(&'k TableName, Columns)>,
    inserted: Option<(&'k TableName, Columns)>,
}

impl<'k> Terms<'k> {
    /// Reads what the pieces depend on; `table` is what the rows are read from.
    pub(super) fn of(
        session: &mut PostgresSession,
        kept: &'k KeptTable,
        table: &TableName,
        shape: Shape,
    ) -> Result<Self, EngineError> {
        let mut own = |name: &'k Option<TableName>| match name {
            Some(name) => Ok::<_, EngineError>(Some((name, Columns::of(session, name)?))),
            None => Ok(None),
        };
        let (log, rows, inserted) = (own(&kept.touched)?, own(&kept.rows)?, own(&kept.inserted)?);
        Ok(Self {
            plan: &kept.plan,
            shape,
            now: Columns::of(session, table)?,
            log,
            rows,
            inserted,
        })
    }

    /// How many columns the key has.
    fn places(&self) -> impl Iterator<Item = usize> + use<> {
        1..=self.plan.key.len()
    }

    fn missing(&self, column: &str) -> EngineError {
        not_as_planned(self.plan, column)
    }

    /// The key's column of `t` in that place.
    fn of_table(&self, place: usize) -> Result<(String, &Column), EngineError> {
        let key = &self.plan.key[place - 1];
        let name = match self.shape {
            Shape::After => &key.after,
            Shape::Before => &key.before,
        };
        let column = self.now.get(name).ok_or_else(|| self.missing(name))?;
        Ok((format!("t.{}", quote(name)), column))
    }

    /// The key's column of the pre-image.
    fn of_rows(&self, place: usize) -> Result<(String, &Column), EngineError> {
        let name = &self.plan.key[place - 1].before;
        let column = self
            .rows
            .as_ref()
            .and_then(|(_, columns)| columns.get(name));
        Ok((
            format!("p.{}", quote(name)),
            column.ok_or_else(|| self.missing(name))?,
        ))
    }

    /// A key column of the log (`k` or `o`), under the alias.
    fn of_log(
        &self,
        alias: &str,
        letter: &str,
        place: usize,
    ) -> Result<(String, &Column), EngineError> {
        let name = format!("{letter}{place}");
        let column = self
            .log
            .as_ref()
            .and_then(|(_, columns)| columns.get(&name));
        Ok((
            format!("{alias}.{name}"),
            column.ok_or_else(|| self.missing(&name))?,
        ))
    }

    fn of_inserted(&self, place: usize) -> Result<(String, &Column), EngineError> {
        let name = format!("k{place}");
        let column = self
            .inserted
            .as_ref()
            .and_then(|(_, columns)| columns.get(&name));
        Ok((
            format!("i.{name}"),
            column.ok_or_else(|| self.missing(&name))?,
        ))
    }

    /// The key that `t` had when the window began.
    fn origin(&self, place: usize) -> Result<(String, Column), EngineError> {
        let (now, of_now) = self.of_table(place)?;
        if self.log.is_none() {
            return Ok((now, of_now.clone()));
        }
        let (origin, of_origin) = self.of_log("l", "o", place)?;
        let alike = of_now.built_in && of_now.kept_type() == of_origin.kept_type();
        let text = if alike { "" } else { "::text" };
        let expression =
            format!("case when l.k1 is null then ({now}){text} else ({origin}){text} end");
        let column = if alike {
            of_now.clone()
        } else {
            of_now.as_text()
        };
        Ok((expression, column))
    }

    fn all(
        &self,
        pair: impl Fn(usize) -> Result<String, EngineError>,
    ) -> Result<String, EngineError> {
        let pairs: Result<Vec<String>, EngineError> = self.places().map(pair).collect();
        Ok(pairs?.join(" and "))
    }

    /// Joins the log and the pre-images to `t`.
    pub(super) fn joins(&self) -> Result<String, EngineError> {
        let mut joins = Vec::new();
        if let Some((log, _)) = &self.log {
            joins.push(format!(
                "left join {} l on {}",
                names::sql(log),
                self.is_entry("l")?
            ));
        }
        if let Some((rows, _)) = &self.rows {
            let on = self.all(|place| {
                let (origin, of_origin) = self.origin(place)?;
                let (was, of_was) = self.of_rows(place)?;
                Ok(same((&was, of_was), (&origin, &of_origin)))
            })?;
            joins.push(format!("left join {} p on {on}", names::sql(rows)));
        }
        Ok(joins.join(" "))
    }

    /// The log's entry under that alias is about `t`.
    pub(super) fn is_entry(&self, alias: &str) -> Result<String, EngineError> {
        self.all(|place| {
            let (now, of_now) = self.of_table(place)?;
            let (key, of_key) = self.of_log(alias, "k", place)?;
            Ok(same((&key, of_key), (&now, of_now)))
        })
    }

    /// `t` is the row that the migration inserted under the key `i`.
    fn is_inserted(&self) -> Result<String, EngineError> {
        self.all(|place| {
            let (now, of_now) = self.of_table(place)?;
            let (key, of_key) = self.of_inserted(place)?;
            Ok(same((&key, of_key), (&now, of_now)))
        })
    }

    /// `t` is a row of the migration that nobody has touched; none if it inserted no row.
    pub(super) fn only_the_migrations(&self) -> Result<Option<String>, EngineError> {
        let Some((inserted, _)) = &self.inserted else {
            return Ok(None);
        };
        let untouched = match &self.log {
            Some((log, _)) => format!(
                " and not exists (select from {} l where {})",
                names::sql(log),
                self.is_entry("l")?
            ),
            None => String::new(),
        };
        Ok(Some(format!(
            "exists (select from {} i where {}){untouched}",
            names::sql(inserted),
            self.is_inserted()?
        )))
    }

    /// The entry `l` is about the row that was `p`.
    pub(super) fn began_as(&self, alias: &str) -> Result<String, EngineError> {
        self.all(|place| {
            let (was, of_was) = self.of_rows(place)?;
            let (origin, of_origin) = self.of_log(alias, "o", place)?;
            Ok(same((&origin, of_origin), (&was, of_was)))
        })
    }

    /// The pre-image `p` is gone, and not by the application: its row is no more in the table (as `{now}` stands for it),
    /// and the log knows nothing of it.
    pub(super) fn gone(&self, now: &str) -> Result<Option<String>, EngineError> {
        if self.now.is_empty() {
            return Ok(None);
        }
        let at_its_key = self.all(|place| {
            let (was, of_was) = self.of_rows(place)?;
            let (key, of_key) = self.of_table(place)?;
            Ok(same((&key, of_key), (&was, of_was)))
        })?;
        let gone = format!("not exists (select from only {now} t where {at_its_key})");
        Ok(Some(match self.unknown_to_log()? {
            Some(unknown) => format!("{gone} and {unknown}"),
            None => gone,
        }))
    }

    /// The log knows nothing of the row that was `p`; none if there is no log.
    fn unknown_to_log(&self) -> Result<Option<String>, EngineError> {
        let Some((log, _)) = &self.log else {
            return Ok(None);
        };
        let log = names::sql(log);
        Ok(Some(format!(
            "not exists (select from {log} l where {}) and not exists (select from {log} l where l.k1 is null and l.o1 is null)",
            self.began_as("l")?
        )))
    }

    /// The pre-image `p` was deleted by the migration, and its key is another row's now; none if that cannot be.
    pub(super) fn displaced(&self) -> Result<Option<String>, EngineError> {
        let (Some(unknown), Some((log, _))) = (self.unknown_to_log()?, &self.log) else {
            return Ok(None);
        };
        let taken = self.all(|place| {
            let (was, of_was) = self.of_rows(place)?;
            let (key, of_key) = self.of_log("l", "k", place)?;
            Ok(same((&key, of_key), (&was, of_was)))
        })?;
        Ok(Some(format!(
            "{unknown} and exists (select from {} l where {taken})",
            names::sql(log)
        )))
    }

    /// The application has written that column (its number in the log) of `t`; never true where it cannot have.
    pub(super) fn written(&self, number: usize) -> String {
        let logged = numbered(self.plan)
            .iter()
            .any(|(logged, _)| *logged == number);
        if self.log.is_some() && logged {
            format!("l.w{number}")
        } else {
            "false".to_owned()
        }
    }

    /// There is a pre-image of `t`.
    pub(super) fn has_before(&self) -> String {
        match self.plan.key.first() {
            Some(key) if self.rows.is_some() => format!("p.{} is not null", quote(&key.before)),
            _ => "false".to_owned(),
        }
    }

    /// The value of a column of before in the pre-image.
    pub(super) fn before(&self, column: usize) -> String {
        let column = &self.plan.columns[column];
        format!("(p.{})::{}", quote(&column.before), column.type_before)
    }

    /// Whether the pre-images have that column.
    pub(super) fn keeps(&self, column: usize) -> bool {
        let name = &self.plan.columns[column].before;
        let rows = self.rows.as_ref();
        rows.is_some_and(|(_, columns)| columns.get(name).is_some())
    }

    /// Whether that column is of the key.
    pub(super) fn is_key(&self, column: usize) -> bool {
        let name = &self.plan.columns[column].before;
        self.plan.key.iter().any(|key| &key.before == name)
    }
}
