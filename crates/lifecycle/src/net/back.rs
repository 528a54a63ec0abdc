//! The way back inside one transaction: the written script or the derived steps, the merge, and the proof.

use serde::Serialize;
use tightrope_engine::{EngineError, Fill, Gauge, KeptNet, Merged, Quarantined, Session, Window};
use tightrope_inverse::{Change, Inverse, Loss, Phase, Rename, Sources, derive};
use tightrope_model::{Catalog, EngineKind, ObjectId, TableName};
use tightrope_store::ForwardImage;

use super::foreign::Foreign;
use super::forward::keep_images;
use crate::Listener;
use crate::execute::{Quietly, Ready, ScriptFailure, may_change_settings, run_derived};

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
    /// What others have made since, and is left alone.
    pub(crate) foreign: Foreign,
}

impl Returned {
    fn by(way: Way, (merged, quarantined): (Merged, Vec<Quarantined>), losses: Vec<Loss>) -> Self {
        Self {
            way,
            merged,
            quarantined,
            losses,
            instead_of: None,
            images: Vec::new(),
            foreign: Foreign::default(),
        }
    }
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
    /// Others have made what would go with its values.
    MadeByOthers(Vec<ObjectId>),
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
            Self::MadeByOthers(things) => {
                let things: Vec<String> = things.iter().map(ObjectId::to_string).collect();
                format!("others made {} since", things.join(", "))
            }
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
    let (mut quarantined, mut positions) = (Vec::new(), Vec::new());
    if let (Some(kept), Some(net)) = (back.kept, session.net()) {
        net.close_window(kept)?;
        positions = net.positions(kept)?;
        if back.written.is_none() {
            net.bring_keys_home(kept, false)?;
        }
        quarantined = net.take_out(kept, &back.window())?;
    }
    let now = session.catalog()?;
    let foreign = Foreign::of(back.before, back.after, &now).map_err(BackStop::MadeByOthers)?;
    let beside;
    let back = match foreign.is_empty() {
        true => back,
        false => {
            beside = foreign.beside(back.before, &now);
            &Back {
                before: &beside,
                ..*back
            }
        }
    };
    let (now, taken) = match back.written {
        // It is to find what the migration has left.
        Some(_) => (now, Vec::new()),
        None => back.flatten(session, now)?,
    };
    quarantined.extend(taken);
    let images = match back.kept.filter(|_| back.keeps_images) {
        Some(kept) => keep_images(session, kept, back.before, &now, back.renames)?,
        None => Vec::new(),
    };
    let mut returned = match back.written {
        Some(ready) => match back.by_script(session, ready)? {
            Ok(returned) => returned,
            Err(because) => {
                back.bring_keys_home(session, false)?;
                let now = session.catalog()?;
                let (now, taken) = back.flatten(session, now)?;
                quarantined.extend(taken);
                Returned {
                    way: Way::DerivedInstead,
                    instead_of: Some(because),
                    ..back.by_derivation(session, &now)?
                }
            }
        },
        None => back.by_derivation(session, &now)?,
    };
    quarantined.append(&mut returned.quarantined);
    returned.quarantined = quarantined;
    returned.images = images;
    returned.foreign = foreign;
    if let (Some(kept), Some(net)) = (back.kept, session.net()) {
        net.go_on(kept, &positions, &back.window())?;
        let unlike = net.unlike(kept)?;
        if !unlike.is_empty() {
            return Err(BackStop::Unlike(unlike));
        }
    }
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

    fn bring_keys_home(
        &self,
        session: &mut dyn Session,
        after_script: bool,
    ) -> Result<(), EngineError> {
        match (self.kept, session.net()) {
            (Some(kept), Some(net)) => net.bring_keys_home(kept, after_script),
            _ => Ok(()),
        }
    }

    /// Lets tables without parts take the place of those that the migration has partitioned; gives what the schema is then, and what of
    /// their rows does not fit into the old one.
    fn flatten(
        &self,
        session: &mut dyn Session,
        now: Catalog,
    ) -> Result<(Catalog, Vec<Quarantined>), EngineError> {
        let (Some(kept), Some(net)) = (self.kept, session.net()) else {
            return Ok((now, Vec::new()));
        };
        if !net.flatten(kept, &self.window())? {
            return Ok((now, Vec::new()));
        }
        let taken = net.take_out(kept, &self.window())?;
        Ok((session.catalog()?, taken))
    }

    /// The written script as it is; then the net makes untouched rows exact, and derived steps the schema. If the script
    /// fails and a net is spread, what it did is taken back and the reason given.
    fn by_script(
        &self,
        session: &mut dyn Session,
        ready: &Ready<'_>,
    ) -> Result<Result<Returned, String>, BackStop> {
        session.run_quietly("savepoint tightrope_back")?;
        for step in &ready.steps.steps {
            match ready.run_step(session, step, self.listener) {
                Ok(()) => {}
                // Another way back would meet the same.
                Err(failure) if failure.error.kind.may_pass() || failure.error.kind.is_fatal() => {
                    return Err(BackStop::Script(failure));
                }
                Err(failure) => {
                    session.run_quietly("rollback to savepoint tightrope_back")?;
                    return Ok(Err(format!("{}: {}", failure.place, failure.error)));
                }
            }
        }
        if may_change_settings(ready) {
            session.regain()?;
        }
        session.run_quietly("release savepoint tightrope_back")?;
        self.bring_keys_home(session, true)?;
        let now = session.catalog()?;
        if self.lacks_columns(&now) {
            let returned = self.by_derivation(session, &now)?;
            return Ok(Ok(Returned {
                way: Way::Written,
                ..returned
            }));
        }
        let merged = match (self.kept, session.net()) {
            (Some(kept), Some(net)) => net.merge_after_script(kept, &self.window())?,
            _ => Default::default(),
        };
        // What has its name back is not what has it after the renames of the migration.
        let still = self
            .renames
            .iter()
            .filter(|rename| now.object(&rename.before).is_none());
        let renames: Vec<Rename> = still.cloned().collect();
        let inverse = Back {
            renames: &renames,
            ..*self
        }
        .inverse(&now, &Sources::default());
        self.run(session, inverse.steps.iter())?;
        Ok(Ok(Returned::by(Way::Written, merged, inverse.losses)))
    }

    /// Whether a table that is kept has not got all its columns back.
    fn lacks_columns(&self, now: &Catalog) -> bool {
        let kept = self.kept.map_or(&[][..], |kept| &kept.tables);
        let mut kept = kept.iter().filter(|table| !table.plan.is_made);
        kept.any(|table| {
            now.table(&table.plan.before).is_none_or(|shape| {
                let mut columns = table.plan.columns.iter();
                columns.any(|column| !shape.columns.contains(&column.before))
            })
        })
    }

    /// The derived steps from the schema as it is now, with the merge in their middle.
    fn by_derivation(
        &self,
        session: &mut dyn Session,
        now: &Catalog,
    ) -> Result<Returned, BackStop> {
        let sources = match (self.kept, session.net()) {
            (Some(kept), Some(net)) => net.sources(kept, &self.window())?,
            _ => Sources::default(),
        };
        let inverse = self.inverse(now, &sources);
        self.run(session, inverse.phase(Phase::Clear))?;
        self.run(session, inverse.phase(Phase::Reshape))?;
        let merged = match (self.kept, session.net()) {
            (Some(kept), Some(net)) => net.merge(kept, &self.window(), &inverse.rebuilt)?,
            _ => Default::default(),
        };
        self.run(session, inverse.phase(Phase::Restore))?;
        Ok(Returned::by(Way::Derived, merged, inverse.losses))
    }

    fn inverse(&self, now: &Catalog, sources: &Sources) -> Inverse {
        derive(
            self.dialect,
            &Change {
                before: self.before,
                now,
                renames: self.renames,
                sources,
            },
        )
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
