//! The pieces of SQL with which a table's rows find their pre-images. In all of them `t` is a row of the table, `l` its entry
//! in the touch log, `p` its pre-image, and `i` says that the migration inserted it.
//!
//! A table with a key is joined by it ([`super::by_key`]); rows of a table without one are told apart by their text and
//! counted ([`super::by_row`]).

use tightrope_engine::{EngineError, KeptTable};
use tightrope_model::{Keep, TableName, TablePlan};

use super::columns::Columns;
use super::touch::numbered;
use super::{by_key, by_row, names};
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

/// Pre-images whose rows are no more in the table, and not by the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gone {
    /// The FROM clause; `{now}` stands for the table.
    pub(super) from: String,
    pub(super) filter: String,
}

/// The joins and conditions of one table.
#[derive(Clone, Debug, Default)]
pub(super) struct Joins {
    /// What follows `only … t` in a FROM clause, for its entry, its pre-image and its being the migration's own; `{now}`
    /// stands for the table.
    pub(super) all: String,
    /// A FROM clause of rows that the application has written and that are there, with their pre-images; none if nothing is
    /// watched.
    pub(super) written: Option<String>,
    /// `t` has been written.
    pub(super) touched: String,
    /// Where its entry is in the log.
    pub(super) entry: String,
    /// The key of `t` as the log keeps that of a row when the window began.
    pub(super) key: Vec<String>,
    /// There is a pre-image of `t`.
    pub(super) has_before: String,
    /// `t` is a row of the migration that nobody has touched; none if it inserted no row.
    pub(super) own: Option<String>,
    /// None if no whole rows are kept.
    pub(super) gone: Option<Gone>,
    /// A condition on `p`: the migration deleted it, and its key is another row's now; none if that cannot be.
    pub(super) displaced: Option<String>,
    /// A FROM clause of pre-images whose rows have not been touched, with these rows where they are there (`t`), and the
    /// condition that a row is missing.
    pub(super) untouched: Option<(String, String)>,
}

/// What is known of one table when the pieces are put together.
#[derive(Clone)]
pub(super) struct Facts<'k> {
    pub(super) plan: &'k TablePlan,
    pub(super) shape: Shape,
    /// The table that the rows are read from, as it stands in SQL.
    pub(super) table: String,
    /// The table's columns now.
    pub(super) now: Columns,
    pub(super) log: Option<(String, Columns)>,
    pub(super) rows: Option<(String, Columns)>,
    pub(super) inserted: Option<(String, Columns)>,
    /// It is a part that was gone and has its rows again: what the application has written is known, and the rest is kept whole or
    /// the migration's.
    pub(super) came_home: bool,
    /// What has become of keys, until rows have those of before again.
    pub(super) keys: Option<(String, Columns)>,
}

/// One table, its log and its pre-images.
pub(super) struct Terms<'k> {
    pub(super) facts: Facts<'k>,
    pub(super) joins: Joins,
}

impl Facts<'_> {
    /// The condition that `t` is a row of the migration that nobody has touched; none if it inserted no row.
    pub(super) fn own(&self, touched: &str, has_before: &str) -> Option<String> {
        let rest = format!("not ({touched}) and not ({has_before})");
        match self.inserted {
            Some(_) => Some(format!("i.k1 is not null and {rest}")),
            None => self.came_home.then_some(rest),
        }
    }
}

impl<'k> Terms<'k> {
    /// Reads what the pieces depend on; `table` is what the rows are read from.
    pub(super) fn of(
        session: &mut PostgresSession,
        kept: &'k KeptTable,
        table: &TableName,
        shape: Shape,
    ) -> Result<Self, EngineError> {
        let mut own = |name: &Option<TableName>| of_own(session, name.as_ref());
        let (log, rows, inserted) = (own(&kept.touched)?, own(&kept.rows)?, own(&kept.inserted)?);
        let keys = own(&kept.rekeyed)?;
        let plan = &kept.plan;
        let came_home = plan.after.is_none() && plan.divided.is_some() && log.is_some();
        Self::put_together(Facts {
            plan,
            shape,
            came_home: came_home && rows.is_some(),
            table: names::sql(table),
            now: Columns::of(session, table)?,
            log,
            rows,
            inserted,
            keys,
        })
    }

    /// The same for a table whose window is closed: a log that is empty is left out.
    pub(super) fn of_closed(
        session: &mut PostgresSession,
        kept: &'k KeptTable,
        table: &TableName,
        shape: Shape,
    ) -> Result<Self, EngineError> {
        let terms = Self::of(session, kept, table, shape)?;
        let Some((log, _)) = &terms.facts.log else {
            return Ok(terms);
        };
        let written = session.query_own(&format!("select 1::bigint from {log} limit 1"), &[])?;
        if !written.is_empty() {
            return Ok(terms);
        }
        Self::put_together(Facts {
            log: None,
            ..terms.facts
        })
    }

    fn put_together(facts: Facts<'k>) -> Result<Self, EngineError> {
        let joins = if !facts.now.of_table {
            Joins::default()
        } else if facts.plan.key.is_empty() {
            by_row::joins(&facts)
        } else {
            by_key::joins(&facts)?
        };
        Ok(Self { facts, joins })
    }

    /// `only … t` with everything joined.
    pub(super) fn from(&self) -> String {
        format!("only {{now}} t {}", self.joins.all).replace("{now}", &self.facts.table)
    }

    /// The application has written that column (its number in the log) of `t`; never true where it cannot have.
    pub(super) fn written(&self, number: usize) -> String {
        let logged = numbered(self.facts.plan)
            .iter()
            .any(|(logged, _)| *logged == number);
        if self.facts.log.is_some() && logged {
            format!("l.w{number} is true")
        } else {
            "false".to_owned()
        }
    }

    /// The value of a column of before in the pre-image.
    pub(super) fn before(&self, column: usize) -> String {
        before(self.facts.plan, column)
    }

    /// The same, its rows read from something else, as it stands in SQL.
    pub(super) fn read_from(&self, table: &str) -> Result<Self, EngineError> {
        Self::put_together(Facts {
            table: table.to_owned(),
            ..self.facts.clone()
        })
    }

    /// Whether the pre-images have that column, and it may be another one in the table.
    pub(super) fn keeps(&self, column: usize) -> bool {
        let plan = self.facts.plan;
        let planned = &plan.columns[column];
        let rows = self.facts.rows.as_ref();
        let wanted = plan.keep != Keep::Columns || planned.is_lost() || self.is_key(column);
        wanted && rows.is_some_and(|(_, columns)| columns.get(&planned.before).is_some())
    }

    /// Whether that column of `t` is the same in its pre-image, bit by bit, because the two were joined by it.
    pub(super) fn is_found_by(&self, column: usize) -> bool {
        let planned = &self.facts.plan.columns[column];
        let now = match self.facts.shape {
            Shape::After => planned.after.as_ref(),
            Shape::Before => Some(&planned.before),
        };
        let now = now.and_then(|name| self.facts.now.get(name));
        self.facts.log.is_none()
            && self.is_key(column)
            && !planned.is_lost()
            && now.is_some_and(|now| now.exact)
    }

    /// Whether that column is of the key.
    pub(super) fn is_key(&self, column: usize) -> bool {
        let name = &self.facts.plan.columns[column].before;
        self.facts.plan.key.iter().any(|key| &key.before == name)
    }
}

/// One of the net's tables as it stands in SQL, with its columns.
pub(super) fn of_own(
    session: &mut PostgresSession,
    name: Option<&TableName>,
) -> Result<Option<(String, Columns)>, EngineError> {
    name.map(|name| Ok((names::sql(name), Columns::of(session, name)?)))
        .transpose()
}

/// The value of a column of before in the pre-image `p`.
pub(super) fn before(plan: &TablePlan, column: usize) -> String {
    let column = &plan.columns[column];
    format!("(p.{})::{}", quote(&column.before), column.type_before)
}
