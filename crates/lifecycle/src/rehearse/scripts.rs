//! Running a script on the copy: step by step as in production, observed instead of journalled.

use std::time::Instant;

use tightrope_engine::{EngineError, ErrorKind, Session};
use tightrope_model::{Catalog, Footprint, TableChange, TableName};
use tightrope_script::{Migration, Script};

use super::cluster::MadeRoles;
use super::one::Rehearsal;
use super::outcome::Ran;
use crate::execute::{Ready, ScriptFailure, elapsed_ms, is_transaction, may_change_settings};
use crate::{net, verify};

impl Rehearsal<'_> {
    pub(super) fn run_forward(
        &self,
        session: &mut dyn Session,
        migration: &Migration,
        before: &Catalog,
    ) -> Result<Ran, RunStop> {
        let sequences = net::sequences(session, before)?;
        let mut ran = self.run(session, &migration.forward)?;
        ran.sequences = net::moved(&sequences, &net::sequences(session, before)?);
        if let Some(script) = &migration.verify {
            session.begin()?;
            let held = verify::run(session, script, self.dialect, self.listener);
            session.roll_back()?;
            held?;
        }
        Ok(ran)
    }

    /// Runs a script step by step, observing what it touches.
    pub(super) fn run(&self, session: &mut dyn Session, script: &Script) -> Result<Ran, RunStop> {
        let ready = Ready::new(script, self.dialect, session);
        ready.refusal()?;
        let roles = MadeRoles::watch(session, &ready.parsed, self.mark.as_deref())?;
        let mut footprint = Footprint::default();
        let mut rows = Vec::new();
        let begun = Instant::now();
        let mut observing_ms = 0;
        ready.run_prelude(session, self.listener)?;
        for step in &ready.steps.steps {
            if is_transaction(step) {
                session.begin()?;
                session.start_counting_rows()?;
                if let Err(failure) = ready.run_step(session, step, self.listener) {
                    session.roll_back()?;
                    return Err(failure.into());
                }
                let observing = Instant::now();
                observe(session, &mut footprint, &mut rows)?;
                roles.mark(session)?;
                observing_ms += elapsed_ms(observing);
                if let Err(error) = session.commit() {
                    let last = step.statements.end.saturating_sub(1);
                    return Err(ready.failure(last, error).into());
                }
            } else {
                let ran = ready.run_step(session, step, self.listener);
                let marked = roles.mark_alone(session);
                ran?;
                marked?;
            }
        }
        ready.run_epilogue(session, self.listener)?;
        let milliseconds = elapsed_ms(begun).saturating_sub(observing_ms);
        if may_change_settings(&ready) {
            session.reset()?;
        }
        Ok(Ran {
            milliseconds,
            footprint,
            rows,
            sequences: Vec::new(),
        })
    }
}

/// Why a script's run ended early: its own fault, or the engine's.
pub(super) enum RunStop {
    Script(ScriptFailure),
    Engine(EngineError),
}

impl From<EngineError> for RunStop {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl From<ScriptFailure> for RunStop {
    fn from(failure: ScriptFailure) -> Self {
        match failure.error.kind {
            // These are the copy's troubles, not the script's.
            ErrorKind::ConnectionLost | ErrorKind::OutOfSpace => Self::Engine(failure.error),
            _ => Self::Script(failure),
        }
    }
}

fn observe(
    session: &mut dyn Session,
    footprint: &mut Footprint,
    rows: &mut Vec<(TableName, TableChange)>,
) -> Result<(), EngineError> {
    for (table, change) in session.rows_changed()? {
        rows.push((table.clone(), change));
        let sum = footprint.rows.entry(table.to_string()).or_default();
        sum.inserted += change.inserted;
        sum.updated += change.updated;
        sum.deleted += change.deleted;
    }
    footprint.locks.extend(session.locks_held()?);
    footprint.locks.sort();
    footprint.locks.dedup();
    Ok(())
}
