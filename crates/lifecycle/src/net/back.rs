//! The way back inside one transaction: the written script or the derived steps, the merge, and the proof.

use std::collections::BTreeMap;

use serde::Serialize;
use tightrope_engine::{
    EngineError, ErrorKind, Fill, Gauge, KeptNet, Merged, Quarantined, RunStatement, Session,
    Window,
};
use tightrope_inverse::{Change, Inverse, Loss, Phase, Rename, Sources, derive};
use tightrope_model::{Catalog, EngineKind, TableName};
use tightrope_store::ForwardImage;

use super::forward::keep_images;
use crate::Listener;
use crate::execute::{Ready, ScriptFailure, may_change_settings, run_derived};

/// What a way back starts from.
pub(crate) struct Back<'a> {
    pub(crate) dialect: EngineKind,
    /// The schema to return to.
    pub(crate) before: &'a Catalog,
    /// The schema that the migration left.
    pub(crate) after: &'a Catalog,
    pub(crate) kept: Option<&'a KeptNet>,
    pub(crate) fill: &'a Fill,
    pub(crate) renames: &'a [Rename],
    /// The rollback script, if one is written.
    pub(crate) written: Option<&'a Ready<'a>>,
    pub(crate) listener: &'a dyn Listener,
    /// Whether what only the new schema has a place for is kept.
    pub(crate) keeps_images: bool,
}

/// Which script led back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// The written one.
    Written,
    /// The derived one.
    Derived,
    /// The derived one, since the written one failed.
    DerivedInstead,
}

/// How a way back went.
pub(crate) struct Returned {
    pub(crate) way: Way,
    pub(crate) merged: Merged,
    pub(crate) quarantined: Vec<Quarantined>,
    pub(crate) losses: Vec<Loss>,
    /// Why the written script did not lead back, if it did not.
    pub(crate) instead_of: Option<String>,
    /// What only the new schema had a place for.
    pub(crate) images: Vec<ForwardImage>,
    /// The schema as it is now.
    pub(crate) catalog: Catalog,
}

/// Why a way back ended early; the transaction has to be undone.
pub(crate) enum BackStop {
    /// The written script failed, and there was no other way.
    Script(ScriptFailure),
    /// A derived statement failed.
    Derived {
        sql: String,
        error: EngineError,
    },
    Engine(EngineError),
    /// Rows that nobody touched are not what they were.
    Unlike(Vec<(TableName, u64)>),
}

impl From<EngineError> for BackStop {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl BackStop {
    /// What went wrong, in one line.
    pub(crate) fn in_words(&self) -> String {
        match self {
            Self::Script(failure) => format!("{}: {}", failure.place, failure.error),
            Self::Derived { sql, error } => format!("{error}, at `{}`", one_line(sql)),
            Self::Engine(error) => error.to_string(),
            Self::Unlike(tables) => {
                let tables = tables
                    .iter()
                    .map(|(table, rows)| format!("{table} ({rows} rows)"));
                format!(
                    "rows did not come back: {}",
                    tables.collect::<Vec<_>>().join(", ")
                )
            }
        }
    }
}

/// A statement on one line, cut to a readable length.
pub(crate) fn one_line(statement: &str) -> String {
    const LONGEST: usize = 160;
    let line = statement.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None => line,
    }
}

/// Counts what stands between now and the old schema.
pub(crate) fn gauge(session: &mut dyn Session, back: &Back<'_>) -> Result<Gauge, EngineError> {
    match (back.kept, session.net()) {
        (Some(kept), Some(net)) => net.gauge(kept, &back.window()),
        _ => Ok(Gauge::default()),
    }
}

/// Goes back in the open transaction. What does not fit into the old schema is taken out and given whole.
pub(crate) fn come_back(session: &mut dyn Session, back: &Back<'_>) -> Result<Returned, BackStop> {
    let mut quarantined = Vec::new();
    if let (Some(kept), Some(net)) = (back.kept, session.net()) {
        net.close_window(kept)?;
        quarantined = net.take_out(kept, &back.window())?;
    }
    let images = match back.kept.filter(|_| back.keeps_images) {
        Some(kept) => {
            let now = session.catalog()?;
            keep_images(session, kept, back.before, &now, back.renames)?
        }
        None => Vec::new(),
    };
    let mut returned = match back.written {
        Some(ready) => match back.by_script(session, ready)? {
            Ok(returned) => returned,
            Err(because) => Returned {
                way: Way::DerivedInstead,
                instead_of: Some(because),
                ..back.by_derivation(session)?
            },
        },
        None => back.by_derivation(session)?,
    };
    quarantined.append(&mut returned.quarantined);
    returned.quarantined = quarantined;
    returned.images = images;
    if let (Some(kept), Some(net)) = (back.kept, session.net()) {
        let unlike = net.unlike(kept)?;
        if !unlike.is_empty() {
            return Err(BackStop::Unlike(unlike));
        }
    }
    returned.catalog = session.catalog()?;
    Ok(returned)
}

impl Back<'_> {
    fn window(&self) -> Window<'_> {
        Window {
            before: self.before,
            after: self.after,
            fill: self.fill,
        }
    }

    /// The written script as it is; then the net makes untouched rows exact, and derived steps the schema. If the script
    /// fails and a net is spread, what it did is taken back and the reason given.
    fn by_script(
        &self,
        session: &mut dyn Session,
        ready: &Ready<'_>,
    ) -> Result<Result<Returned, String>, BackStop> {
        let Some(kept) = self.kept else {
            for step in &ready.steps.steps {
                ready
                    .run_step(session, step, self.listener)
                    .map_err(BackStop::Script)?;
            }
            let catalog = self.regained(session, ready)?;
            return Ok(Ok(self.returned(catalog)));
        };
        control(session, "savepoint tightrope_back")?;
        for step in &ready.steps.steps {
            match ready.run_step(session, step, self.listener) {
                Ok(()) => {}
                Err(failure) if passes_on(&failure.error) => return Err(BackStop::Script(failure)),
                Err(failure) => {
                    control(session, "rollback to savepoint tightrope_back")?;
                    return Ok(Err(format!("{}: {}", failure.place, failure.error)));
                }
            }
        }
        let now = self.regained(session, ready)?;
        control(session, "release savepoint tightrope_back")?;
        if self.lacks_columns(kept, &now) {
            let returned = self.by_derivation(session)?;
            return Ok(Ok(Returned {
                way: Way::Written,
                ..returned
            }));
        }
        let (merged, quarantined) = match session.net() {
            Some(net) => net.merge_after_script(kept, &self.window())?,
            None => Default::default(),
        };
        let inverse = self.inverse(session, &Sources::default())?;
        self.run(session, inverse.steps.iter())?;
        Ok(Ok(Returned {
            merged,
            quarantined,
            losses: inverse.losses,
            ..self.returned(now)
        }))
    }

    fn regained(
        &self,
        session: &mut dyn Session,
        ready: &Ready<'_>,
    ) -> Result<Catalog, EngineError> {
        if may_change_settings(ready) {
            session.regain()?;
        }
        session.catalog()
    }

    fn returned(&self, catalog: Catalog) -> Returned {
        Returned {
            way: Way::Written,
            merged: Merged::default(),
            quarantined: Vec::new(),
            losses: Vec::new(),
            instead_of: None,
            images: Vec::new(),
            catalog,
        }
    }

    /// Whether a table that is kept has not got all its columns back.
    fn lacks_columns(&self, kept: &KeptNet, now: &Catalog) -> bool {
        kept.tables.iter().any(|table| {
            now.table(&table.plan.before).is_none_or(|shape| {
                let mut columns = table.plan.columns.iter();
                columns.any(|column| !shape.columns.contains(&column.before))
            })
        })
    }

    fn by_derivation(&self, session: &mut dyn Session) -> Result<Returned, BackStop> {
        let sources = match (self.kept, session.net()) {
            (Some(kept), Some(net)) => net.sources(kept, &self.window())?,
            _ => Sources::default(),
        };
        let inverse = self.inverse(session, &sources)?;
        self.run(session, inverse.phase(Phase::Clear))?;
        self.run(session, inverse.phase(Phase::Reshape))?;
        let (merged, quarantined) = match self.kept {
            Some(kept) => self.merge(session, kept, &inverse.rebuilt)?,
            None => Default::default(),
        };
        self.run(session, inverse.phase(Phase::Restore))?;
        Ok(Returned {
            way: Way::Derived,
            merged,
            quarantined,
            losses: inverse.losses,
            instead_of: None,
            images: Vec::new(),
            catalog: Catalog::default(),
        })
    }

    fn inverse(
        &self,
        session: &mut dyn Session,
        sources: &Sources,
    ) -> Result<Inverse, EngineError> {
        let now = session.catalog()?;
        Ok(derive(
            self.dialect,
            &Change {
                before: self.before,
                now: &now,
                renames: self.renames,
                sources,
            },
        ))
    }

    fn run<'s>(
        &self,
        session: &mut dyn Session,
        steps: impl Iterator<Item = &'s tightrope_inverse::Step>,
    ) -> Result<(), BackStop> {
        for step in steps {
            run_derived(session, &step.sql, self.listener).map_err(|error| BackStop::Derived {
                sql: step.sql.clone(),
                error,
            })?;
        }
        Ok(())
    }

    fn merge(
        &self,
        session: &mut dyn Session,
        kept: &KeptNet,
        rebuilt: &[TableName],
    ) -> Result<(Merged, Vec<Quarantined>), EngineError> {
        match session.net() {
            Some(net) => net.merge(kept, &self.window(), rebuilt),
            None => Ok(Default::default()),
        }
    }
}

/// Whether another way back would meet the same.
fn passes_on(error: &EngineError) -> bool {
    error.kind.may_pass()
        || matches!(
            error.kind,
            ErrorKind::ConnectionLost | ErrorKind::OutOfSpace | ErrorKind::Cancelled
        )
}

/// The derived rollback as a script to read and to keep: values come back from the net.
pub(crate) fn derived_script(
    dialect: EngineKind,
    before: &Catalog,
    after: &Catalog,
    renames: &[Rename],
) -> Inverse {
    derive(
        dialect,
        &Change {
            before,
            now: after,
            renames,
            sources: &Sources::default(),
        },
    )
}

/// The fill expressions by table and column of before; the names that nothing there has.
pub(crate) fn fill_of(
    settings: &BTreeMap<String, String>,
    before: &Catalog,
) -> (Fill, Vec<String>) {
    let mut fill = Fill::new();
    let mut unknown = Vec::new();
    for (name, expression) in settings {
        let parts = name.rsplit_once('.');
        let table = parts.and_then(|(table, column)| {
            let shape = before.tables().iter().find(|shape| {
                let full = format!("{}.{}", shape.table.schema, shape.table.name);
                let named =
                    table == shape.table.to_string() || table == full || table == shape.table.name;
                named && shape.columns.iter().any(|known| known == column)
            })?;
            Some((shape.table.clone(), column.to_owned()))
        });
        match table {
            Some(key) => {
                fill.insert(key, expression.clone());
            }
            None => unknown.push(name.clone()),
        }
    }
    (fill, unknown)
}

fn control(session: &mut dyn Session, sql: &str) -> Result<(), EngineError> {
    let statement = RunStatement {
        sql,
        copy_data: None,
    };
    session.run(statement).map(drop)
}
