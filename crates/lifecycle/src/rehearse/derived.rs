//! The derived rollback on the copy: the net is spread, and everything happens as it would in production.

use std::time::Instant;

use tightrope_engine::{EngineError, KeptNet, Server, Session};
use tightrope_model::{Catalog, NetPlan, Object, ObjectId, Verdict};
use tightrope_script::{Migration, Script, TransactionMode};
use tightrope_store::{Certificate, Store};

use super::one::{Derive, Rehearsal, RehearsalStage};
use super::outcome::{Outcome, Ran};
use super::report::{DerivedRehearsal, MigrationRehearsal};
use super::scripts::RunStop;
use super::state::State;
use crate::execute::{Ready, elapsed_ms, may_change_settings};
use crate::net::{self, Back, BackStop, Returned, SetAside};
use crate::workload::Trial;

/// What the forward script left on the copy, with the net around it.
struct Forward {
    before: Catalog,
    after: Catalog,
    kept: Option<KeptNet>,
}

impl Rehearsal<'_> {
    /// Whether the derived rollback is rehearsed after a written one that went like that.
    pub(super) fn derives(&self, written: &Outcome) -> bool {
        match self.derived {
            Derive::Always => true,
            Derive::WhereNeeded => !written.verdict.passes(),
            Derive::Never => false,
        }
    }

    /// What the net would keep, measured against the base.
    pub(super) fn plan(
        &self,
        stage: &RehearsalStage,
        session: &mut dyn Session,
        migration: &Migration,
        catalogs: (&Catalog, &Catalog),
        forward: &Ran,
    ) -> Result<NetPlan, EngineError> {
        let parsed = migration.forward.parse(self.dialect);
        let mut plan = net::plan_of(
            session,
            forward.rows.clone(),
            &parsed,
            self.dialect,
            catalogs,
            Some(&|| self.connect(stage.base.as_ref())),
        )?;
        plan.sequences.clone_from(&forward.sequences);
        for table in &mut plan.tables {
            table.rows_before = stage.state.rows(&table.before);
        }
        if session.capabilities().sets_aside {
            let how = SetAside {
                columns: self.dropped_columns,
                budget_s: migration.settings.rollback_budget_s,
            };
            net::mark_set_aside(&mut plan, catalogs, &migration.forward, self.dialect, how);
        }
        Ok(plan)
    }

    /// Forward with the net and back by derivation, on a copy of its own.
    pub(super) fn rehearse_derived(
        &self,
        stage: &RehearsalStage,
        after: &State,
        migration: &Migration,
        plan: &NetPlan,
        trial: Option<&mut Trial<'_>>,
    ) -> Result<DerivedRehearsal, EngineError> {
        let work = stage.base.fork()?;
        let mut session = self.connect(work.as_ref())?;
        let failed = |because: String, script: String| DerivedRehearsal {
            verdict: Verdict::RollbackFails,
            because,
            differences: Vec::new(),
            losses: Vec::new(),
            rollback_ms: 0,
            script,
        };
        let forward = match self.forward_with_net(session.as_mut(), migration, plan) {
            Ok(forward) => forward,
            Err(RunStop::Engine(error)) => {
                return Ok(failed(
                    format!("the net cannot be spread: {error}"),
                    String::new(),
                ));
            }
            Err(RunStop::Script(failure)) => {
                let because = format!(
                    "with the net spread the forward script fails: {}",
                    failure.error
                );
                return Ok(failed(because, String::new()));
            }
        };
        let in_steps =
            !Ready::new(&migration.forward, self.dialect, session.as_ref()).is_one_transaction();
        let taken = net::takes_values(&forward.before, &forward.after, plan).filter(|_| in_steps);
        if let Some(taken) = taken {
            let because = format!(
                "the migration runs in steps, so there is no net, and {taken}: write a rollback script, or put the statement \
                 that cannot be in a transaction into a migration of its own"
            );
            return Ok(failed(because, String::new()));
        }
        let renames = net::renames_of(&migration.forward.parse(self.dialect));
        if let Some(table) = net::partitioned_gives_way(&forward.before, &forward.after, &renames) {
            let because = format!(
                "{table} is partitioned, and a table without parts takes its place: what the application writes there could only be kept \
                 aside by a derived rollback; write a rollback script"
            );
            return Ok(failed(because, String::new()));
        }
        let inverse = net::derived_script(self.dialect, &forward.before, &forward.after, &renames);
        let script = inverse.script();
        let clock = Instant::now();
        let returned = match self.back(session.as_mut(), migration, &forward) {
            Ok(returned) => returned,
            Err(stop) => {
                let mut because = stop.in_words();
                let states = [&forward.before, &forward.after];
                if let Some((child, parent)) = states.into_iter().find_map(dangling_reference) {
                    because = format!(
                        "{because}: the {child} refers to the {parent}, which is not there, and where foreign keys are on SQLite does not write \
                         to such a table; write a rollback script, or rehearse and roll back with foreign keys off"
                    );
                }
                return Ok(failed(because, script));
            }
        };
        let rollback_ms = elapsed_ms(clock);
        let now = State::read(session.as_mut())?;
        if let Some(trial) = trial {
            trial.rollback(session.as_mut(), &mut || self.connect(stage.base.as_ref()))?;
        }
        let mut outcome = self.compare(stage, &now, session.as_mut())?;
        if outcome.verdict.passes() {
            self.forward_again(&mut outcome, after, session.as_mut(), migration)?;
        }
        Ok(DerivedRehearsal {
            verdict: outcome.verdict,
            because: outcome.because,
            differences: outcome.differences,
            losses: returned.losses,
            rollback_ms,
            script,
        })
    }

    /// The forward script as `apply` would run it.
    fn forward_with_net(
        &self,
        session: &mut dyn Session,
        migration: &Migration,
        plan: &NetPlan,
    ) -> Result<Forward, RunStop> {
        let before = session.catalog()?;
        let ready = Ready::new(&migration.forward, self.dialect, session);
        if session.net().is_none() || !ready.is_one_transaction() {
            self.run(session, &migration.forward)?;
            let after = session.catalog()?;
            let kept = None;
            return Ok(Forward {
                before,
                after,
                kept,
            });
        }
        let unstored = |error: tightrope_store::StoreError| match error {
            tightrope_store::StoreError::Engine(error) => error,
            other => EngineError::new(tightrope_engine::ErrorKind::Other, other.to_string()),
        };
        Store::new(session).ensure().map_err(unstored)?;
        ready.run_prelude(session, self.listener)?;
        session.begin()?;
        // Migrations are numbered from 1: no net of the target's has this number.
        let mut kept = net::spread(session, 0, plan, &before)?;
        ready.run_with_net(session, kept.as_ref(), plan, self.listener)?;
        if may_change_settings(&ready) {
            session.regain()?;
        }
        let after = session.catalog()?;
        if let Some(kept) = &mut kept {
            net::open_window(session, kept, &before, &after)?;
        }
        session.commit()?;
        ready.run_epilogue(session, self.listener)?;
        if may_change_settings(&ready) {
            session.reset()?;
        }
        Ok(Forward {
            before,
            after,
            kept,
        })
    }

    fn back(
        &self,
        session: &mut dyn Session,
        migration: &Migration,
        forward: &Forward,
    ) -> Result<Returned, BackStop> {
        let fill = net::fill_of(&migration.settings.fill, &forward.before);
        let renames = net::renames_of(&migration.forward.parse(self.dialect));
        let back = Back {
            dialect: self.dialect,
            before: &forward.before,
            after: &forward.after,
            kept: forward.kept.as_ref(),
            fill: &fill,
            renames: &renames,
            written: None,
            listener: self.listener,
            keeps_images: false,
        };
        session.begin()?;
        let returned = net::come_back(session, &back)?;
        if let (Some(kept), Some(net)) = (&forward.kept, session.net()) {
            net.free(kept)?;
        }
        session.commit()?;
        Ok(returned)
    }

    /// Says how the derived rollback did beside the written one. Where none is written, or it was asked for and does better,
    /// it earns the certificate.
    pub(super) fn judge_derived(
        &self,
        stage: &RehearsalStage,
        after: &State,
        migration: &Migration,
        rehearsal: &mut MigrationRehearsal,
        derived: DerivedRehearsal,
        server: &Server,
    ) {
        let unwritten = matches!(
            rehearsal.verdict,
            Verdict::NoRollback | Verdict::EmptyRollback
        );
        let better = derived.is_better_than(rehearsal.verdict);
        let takes_over = better && (unwritten || self.derived == Derive::Always);
        if takes_over && (derived.verdict == Verdict::Exact || !self.strict) {
            let file = migration.home.join("derived.sql");
            let script = Script::whole(file, derived.script.clone(), TransactionMode::Required);
            let certificate = Certificate {
                verdict: derived.verdict,
                rollback_ms: derived.rollback_ms,
                losses: derived.losses.clone(),
                ..self.derived_certificate(
                    stage,
                    after,
                    migration,
                    rehearsal,
                    script.digest(),
                    server,
                )
            };
            rehearsal.certificate = Some(certificate.sealed());
        }
        if unwritten && self.derived == Derive::WhereNeeded {
            rehearsal.verdict = derived.verdict;
            rehearsal.because = format!("no rollback is written; derived: {}", derived.because);
            rehearsal.differences.clone_from(&derived.differences);
            rehearsal.rollback_ms = Some(derived.rollback_ms);
            rehearsal.hint = None;
        } else if better {
            let version = &migration.version;
            rehearsal.hint = Some(format!(
                "the derived rollback is {}: see it with `tightrope plan {version} --derived`, keep it with `tightrope new --derive {version}`",
                derived.verdict
            ));
        }
        rehearsal.derived = Some(derived);
    }
}

/// A table that refers to one that is not there, where foreign keys are enforced: only SQLite lets a table that others refer to go.
fn dangling_reference(catalog: &Catalog) -> Option<(&ObjectId, &ObjectId)> {
    let enforced = |table: &&Object| table.attribute("foreign_keys") == Some("enforced");
    let mut children = catalog.objects().filter(enforced);
    children.find_map(|child| {
        let mut parents = child.depends_on.iter();
        let missing = parents.find(|parent| catalog.object(parent).is_none())?;
        Some((&child.id, missing))
    })
}
