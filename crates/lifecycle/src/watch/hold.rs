//! Invariants: what must be the same right before and right after the forward script, measured in its own transaction.
//!
//! Nobody else writes to the measured tables in between, so that a difference is the script's doing and no coincidence.

use std::collections::BTreeMap;

use tightrope_engine::{EngineError, ErrorKind, Session};
use tightrope_judge::{Condition, Criteria, Invariant, Look, Observation, Policy, ProbeSource};
use tightrope_model::{Catalog, TableName, TableShape};

use super::report::WatchError;

/// An invariant that is broken: the migration's transaction is undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The criterion, as it is written.
    pub criterion: String,
    /// What it was.
    pub before: String,
    /// What the script made of it.
    pub after: String,
}

/// What is measured around every forward script of a watch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    /// The watch.
    pub(super) watch: i64,
    /// What is measured, by criterion.
    what: Vec<(String, Measure)>,
    /// Whether a broken invariant undoes the transaction.
    stops: bool,
}

#[derive(Clone, Debug)]
enum Measure {
    /// A query that gives one value, and the tables that it is about.
    Query(String, Vec<TableName>),
    Checksum(TableShape),
}

/// What was measured before a script.
pub(crate) type Measured = Vec<String>;

impl Held {
    /// Finds out how each invariant is measured.
    pub(super) fn of(
        watch: i64,
        criteria: &Criteria,
        catalog: &Catalog,
        session: &mut dyn Session,
    ) -> Result<Self, WatchError> {
        // A server lets others write while a transaction is open; an engine without one has only one writer.
        let can_write_meanwhile = session.vitals().is_some();
        let mut held = Self {
            watch,
            what: Vec::new(),
            stops: criteria.policy != Policy::Alert,
        };
        for criterion in &criteria.criteria {
            let Condition::Invariant(invariant) = &criterion.condition else {
                continue;
            };
            let measure = measure(invariant, criteria, catalog, session, can_write_meanwhile);
            let measure = measure.map_err(|because| WatchError::NotMeasurable {
                criterion: criterion.text.clone(),
                because,
            })?;
            held.what.push((criterion.text.clone(), measure));
        }
        Ok(held)
    }

    /// The same for a watch that has its number.
    pub(super) fn for_watch(mut self, watch: i64) -> Self {
        self.watch = watch;
        self
    }

    /// Measures, inside the open transaction; first it is made sure that nobody else changes what is measured.
    pub(crate) fn before(&self, session: &mut dyn Session) -> Result<Measured, EngineError> {
        let tables: Vec<TableName> = self
            .what
            .iter()
            .flat_map(|(_, measure)| measure.tables())
            .collect();
        if let Some(vitals) = session.vitals() {
            vitals.hold_still(&tables)?;
        }
        self.measure(session)
    }

    /// Measures again after the script, and gives the look to keep with it, or the invariant that is broken.
    pub(crate) fn after(
        &self,
        session: &mut dyn Session,
        before: &Measured,
    ) -> Result<Result<(i64, Option<String>), Broken>, EngineError> {
        let after = self.measure(session)?;
        let mut seen = BTreeMap::new();
        for (((criterion, _), before), after) in self.what.iter().zip(before).zip(after) {
            if self.stops && *before != after {
                return Ok(Err(Broken {
                    criterion: criterion.clone(),
                    before: before.clone(),
                    after,
                }));
            }
            let both = Observation::Both {
                before: before.clone(),
                after,
            };
            seen.insert(criterion.clone(), both);
        }
        if seen.is_empty() {
            return Ok(Ok((self.watch, None)));
        }
        let look = Look {
            after: true,
            elapsed_ms: 0,
            seen,
            unreachable: false,
        };
        Ok(Ok((
            self.watch,
            Some(serde_json::to_string(&look).unwrap_or_default()),
        )))
    }

    fn measure(&self, session: &mut dyn Session) -> Result<Measured, EngineError> {
        self.what
            .iter()
            .map(|(criterion, measure)| {
                measure.value(session).map_err(|mut error| {
                    error.message = format!(
                        "the criterion `{criterion}` cannot be measured: {}",
                        error.message
                    );
                    error
                })
            })
            .collect()
    }
}

impl Measure {
    fn value(&self, session: &mut dyn Session) -> Result<String, EngineError> {
        match self {
            Self::Query(sql, _) => one_value(session, sql),
            Self::Checksum(shape) => {
                let sums = session.checksums(std::slice::from_ref(shape))?;
                let sum = sums
                    .first()
                    .map(|sum| format!("{} rows, {} {}", sum.rows, sum.first, sum.second));
                Ok(sum.unwrap_or_default())
            }
        }
    }

    fn tables(&self) -> Vec<TableName> {
        match self {
            Self::Query(_, tables) => tables.clone(),
            Self::Checksum(shape) => vec![shape.table.clone()],
        }
    }
}

fn one_value(session: &mut dyn Session, sql: &str) -> Result<String, EngineError> {
    let rows = session.query(sql, &[])?;
    let value = rows.first().and_then(|row| row.first());
    value
        .map(ToString::to_string)
        .ok_or_else(|| EngineError::new(ErrorKind::Other, "the query of an invariant gave no row"))
}

fn measure(
    invariant: &Invariant,
    criteria: &Criteria,
    catalog: &Catalog,
    session: &dyn Session,
    can_write_meanwhile: bool,
) -> Result<Measure, String> {
    let quoted = |table: &TableName| match table.schema.is_empty() {
        true => session.quote(&table.name),
        false => format!(
            "{}.{}",
            session.quote(&table.schema),
            session.quote(&table.name)
        ),
    };
    match invariant {
        Invariant::Rows { table } => {
            let table = shape(catalog, table)?.table.clone();
            Ok(Measure::Query(
                format!("select count(*) from {}", quoted(&table)),
                vec![table],
            ))
        }
        Invariant::Sum { table, column } => {
            let table = match table {
                Some(table) => shape(catalog, table)?,
                None => only_with(catalog, column)?,
            };
            if !table.columns.contains(column) {
                return Err(format!("`{}` has no column `{column}`", table.table));
            }
            let sum = as_text(&format!("sum({})", session.quote(column)), session);
            Ok(Measure::Query(
                format!("select {sum} from {}", quoted(&table.table)),
                vec![table.table.clone()],
            ))
        }
        Invariant::Checksum { table } => Ok(Measure::Checksum(shape(catalog, table)?.clone())),
        Invariant::Probe { probe } => match criteria.probes.get(probe).map(|probe| &probe.source) {
            Some(ProbeSource::Sql { sql, tables, .. }) => {
                if tables.is_empty() && can_write_meanwhile {
                    return Err(format!(
                        "others may write to what `{probe}` reads while the script runs: name its tables, `tables = [\"orders\"]` under \
                         [watch.probes.{probe}]"
                    ));
                }
                let tables: Result<Vec<TableName>, String> = tables
                    .iter()
                    .map(|table| shape(catalog, table).map(|shape| shape.table.clone()))
                    .collect();
                Ok(Measure::Query(
                    super::probe::as_texts(sql, session),
                    tables?,
                ))
            }
            _ => Err(format!("`{probe}` is not measured by a query")),
        },
    }
}

/// The table of that name, with or without its schema.
fn shape<'c>(catalog: &'c Catalog, name: &str) -> Result<&'c TableShape, String> {
    let is_it = |shape: &&TableShape| match name.rsplit_once('.') {
        Some((schema, table)) => shape.table.schema == schema && shape.table.name == table,
        None => shape.table.name == name,
    };
    let found: Vec<&TableShape> = catalog.tables().iter().filter(is_it).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => {
            let known: Vec<&str> = catalog
                .tables()
                .iter()
                .map(|shape| shape.table.name.as_str())
                .collect();
            let near = tightrope_model::nearest(name, &known)
                .map(|near| format!(" (did you mean `{near}`?)"));
            Err(format!(
                "there is no table `{name}`{}",
                near.unwrap_or_default()
            ))
        }
        _ => Err(format!(
            "several tables are called `{name}`: say which, with its schema"
        )),
    }
}

fn only_with<'c>(catalog: &'c Catalog, column: &str) -> Result<&'c TableShape, String> {
    let has_it = |shape: &&TableShape| shape.columns.iter().any(|own| own == column);
    let found: Vec<&TableShape> = catalog.tables().iter().filter(has_it).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(format!("no table has a column `{column}`")),
        several => {
            let names: Vec<String> = several
                .iter()
                .map(|shape| shape.table.to_string())
                .collect();
            Err(format!(
                "several tables have a column `{column}` ({}): say which, `sum({column}) of {}`",
                names.join(", "),
                names[0]
            ))
        }
    }
}

/// An expression as text that is the same for the same value.
fn as_text(expression: &str, session: &dyn Session) -> String {
    match session.row_dialect().is_typed {
        true => format!("coalesce({expression}::text, 'nothing')"),
        false => format!("coalesce({expression}, 'nothing')"),
    }
}
