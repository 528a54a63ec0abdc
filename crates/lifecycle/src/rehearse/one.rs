use tightrope_engine::{
    ConnectOptions, CopyReport, Engine, EngineError, ErrorKind, Role, Scratch, Session,
};
use tightrope_model::{EngineKind, Footprint, Verdict};
use tightrope_script::{Migration, Script};
use tightrope_store::Certificate;

use super::cluster;
use super::outcome::{Outcome, Ran, report};
use super::report::{MigrationRehearsal, RehearsalDifference, how_to_keep, how_to_restore};
use super::scripts::RunStop;
use super::state::State;
use crate::execute::{FailureReport, Ready, ScriptFailure};
use crate::workload::{Trial, Witness};
use crate::{DroppedColumns, Listener};

/// Where a history of rehearsals has come to: a scratch database nobody is connected to, and its state.
pub(crate) struct RehearsalStage {
    pub(crate) base: Box<dyn Scratch>,
    pub(crate) state: State,
    /// The roles that the rehearsal's scripts have made by then.
    pub(super) roles: Vec<String>,
    /// A second scratch database in the same state, if the last rehearsal has left one: the next works on it instead of a
    /// new copy, since making and dropping databases is what takes the time in a long history.
    pub(super) spare: Option<Box<dyn Scratch>>,
}

/// What a rehearsal needs besides the migration.
pub(crate) struct Rehearsal<'a> {
    pub(crate) engine: &'a dyn Engine,
    pub(crate) dialect: EngineKind,
    pub(crate) listener: &'a dyn Listener,
    pub(crate) tool_version: &'a str,
    pub(crate) strict: bool,
    pub(crate) copy: CopyReport,
    /// With what roles are marked that the scripts make; none where there are no roles.
    pub(crate) mark: Option<String>,
    /// The roles that were there before, if a script acts on roles.
    pub(crate) roles: Vec<Role>,
    /// Whether the derived rollback is rehearsed, too.
    pub(crate) derived: Derive,
    /// What becomes of dropped columns.
    pub(crate) dropped_columns: DroppedColumns,
    /// The queries of the application that are tried on the way, if any are.
    pub(crate) witness: Option<&'a Witness>,
}

/// When the derived rollback is rehearsed beside the written one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Derive {
    /// Never: the written ones are what is asked about.
    Never,
    /// Where the written one does not pass.
    WhereNeeded,
    /// Always; where it does better, it earns the certificate.
    Always,
}

/// Connects to a scratch database.
pub(super) fn connect_to(
    engine: &dyn Engine,
    scratch: &dyn Scratch,
) -> Result<Box<dyn Session>, EngineError> {
    let options = ConnectOptions {
        application_name: Some("tightrope rehearse".to_owned()),
        read_only: false,
        ..ConnectOptions::default()
    };
    engine.connect(scratch.url(), &options)
}

impl Rehearsal<'_> {
    /// Opens a session on a scratch database.
    pub(crate) fn connect(&self, scratch: &dyn Scratch) -> Result<Box<dyn Session>, EngineError> {
        connect_to(self.engine, scratch)
    }

    /// The stage at the beginning: a scratch database as it is.
    pub(crate) fn begin(&self, base: Box<dyn Scratch>) -> Result<RehearsalStage, EngineError> {
        let state = State::read(self.connect(base.as_ref())?.as_mut())?;
        Ok(RehearsalStage {
            base,
            state,
            roles: Vec::new(),
            spare: None,
        })
    }

    /// Only forward, without proof: to come to where a rehearsal shall begin.
    pub(crate) fn skip(
        &self,
        stage: &mut RehearsalStage,
        migration: &Migration,
    ) -> Result<(), RehearsalStop> {
        let mut session = self.connect(stage.base.as_ref())?;
        self.run(session.as_mut(), &migration.forward)
            .map_err(|stop| match stop {
                RunStop::Script(failure) => RehearsalStop::Script(failure),
                RunStop::Engine(error) => RehearsalStop::Engine(error),
            })?;
        stage.state = State::read(session.as_mut())?;
        stage.roles = self.own_roles(session.as_mut())?;
        Ok(())
    }

    /// The roles that scripts have made here and that are there now.
    fn own_roles(&self, session: &mut dyn Session) -> Result<Vec<String>, EngineError> {
        cluster::own_roles(session, self.mark.as_deref())
    }

    /// Rehearses one migration; the stage moves on to the state after it, if its forward script runs at all.
    pub(crate) fn rehearse(
        &self,
        stage: &mut RehearsalStage,
        migration: &Migration,
    ) -> Result<MigrationRehearsal, EngineError> {
        let work = match stage.spare.take() {
            Some(spare) => spare,
            None => stage.base.fork()?,
        };
        let mut session = self.connect(work.as_ref())?;
        // Objects have the numbers of this copy.
        let before = session.catalog()?;
        let mut trial = self.begin_trial(session.as_mut())?;
        let forward = match self.run_forward(session.as_mut(), migration, &before) {
            Ok(ran) => ran,
            Err(RunStop::Engine(error)) => return Err(error),
            Err(RunStop::Script(failure)) => {
                drop((session, work));
                stage.base.drop_roles(&stage.roles)?;
                let mut outcome = Outcome::failed(Verdict::ForwardFails, &failure);
                outcome.remarks = cluster::remarks(migration, self.dialect, &self.roles);
                return Ok(report(
                    migration,
                    outcome,
                    Ran {
                        milliseconds: 0,
                        footprint: Footprint::default(),
                        rows: Vec::new(),
                        sequences: Vec::new(),
                    },
                ));
            }
        };
        let after = State::read(session.as_mut())?;
        let mut reference = || self.connect(stage.base.as_ref());
        if let Some(trial) = &mut trial {
            trial.forward(session.as_mut(), &forward.rows, &mut reference)?;
        }
        let plan = self.plan(
            stage,
            session.as_mut(),
            migration,
            (&before, &after.catalog),
            &forward,
        )?;
        let mut outcome =
            self.there_and_back(stage, &after, session.as_mut(), migration, trial.as_mut())?;
        let remarks = cluster::remarks(migration, self.dialect, &self.roles);
        outcome.remarks.extend(remarks);
        let (is_forward, is_twin) = (outcome.is_forward, outcome.is_twin);
        let roles = self.own_roles(session.as_mut())?;
        let server = session.server().clone();
        drop(session);
        let derived = match self.derives(&outcome) {
            true => {
                let trial = trial.as_mut().filter(|trial| !trial.has_rolled_back());
                Some(self.rehearse_derived(stage, &after, migration, &plan, trial)?)
            }
            false => None,
        };
        let certificate = self
            .certificate(stage, &after, migration, &outcome, &forward, &server)
            .map(|certificate| Certificate {
                net: Some(plan.clone()),
                ..certificate
            });
        let mut rehearsal = report(migration, outcome, forward);
        rehearsal.certificate = certificate.map(Certificate::sealed);
        rehearsal.net = Some(plan);
        if let Some(derived) = derived {
            self.judge_derived(stage, &after, migration, &mut rehearsal, derived, &server);
        }
        self.hear(trial, &mut rehearsal);
        if is_forward {
            let keeps_both = is_twin && roles.is_empty() && self.goes_forward(stage, migration)?;
            if keeps_both {
                stage.spare = Some(work);
            } else {
                stage.base = work;
            }
            stage.state = after;
            stage.roles = roles;
        } else {
            drop(work);
            stage.base.drop_roles(&stage.roles)?;
            self.forward_only(stage, migration)?;
        }
        Ok(rehearsal)
    }

    /// Takes the base forward too, so that both scratch databases are in the state after the migration. False if its script
    /// fails there: the base is of no use then.
    fn goes_forward(
        &self,
        stage: &RehearsalStage,
        migration: &Migration,
    ) -> Result<bool, EngineError> {
        let mut session = self.connect(stage.base.as_ref())?;
        match self.run(session.as_mut(), &migration.forward) {
            Ok(_) => Ok(true),
            Err(RunStop::Script(_)) => Ok(false),
            Err(RunStop::Engine(error)) => Err(error),
        }
    }

    /// The work copy is of no use any more: the base itself goes forward.
    fn forward_only(
        &self,
        stage: &mut RehearsalStage,
        migration: &Migration,
    ) -> Result<(), EngineError> {
        self.skip(stage, migration).or_else(|stop| match stop {
            RehearsalStop::Engine(error) => Err(error),
            // It ran once; if it does not run a second time, the history goes on from what there is.
            RehearsalStop::Script(_) => {
                stage.state = State::read(self.connect(stage.base.as_ref())?.as_mut())?;
                Ok(())
            }
        })
    }

    fn there_and_back(
        &self,
        stage: &RehearsalStage,
        after: &State,
        session: &mut dyn Session,
        migration: &Migration,
        trial: Option<&mut Trial<'_>>,
    ) -> Result<Outcome, EngineError> {
        if let Some(reason) = &migration.settings.irreversible {
            return Ok(Outcome::new(
                Verdict::Irreversible,
                format!("declared irreversible: {reason}"),
            )
            .forward());
        }
        let Some(rollback) = &migration.rollback else {
            let outcome =
                Outcome::new(Verdict::NoRollback, "there is no rollback script").forward();
            return Ok(outcome.hint(
                "write one beside the forward script, or declare the migration irreversible",
            ));
        };
        let changed_nothing = after.fingerprint == stage.state.fingerprint
            && after.checksums == stage.state.checksums;
        if rollback.is_empty(self.dialect) && !changed_nothing {
            let outcome = Outcome::new(
                Verdict::EmptyRollback,
                "the rollback script holds no statement",
            )
            .forward();
            return Ok(outcome.hint("write the statements that take the forward script back"));
        }
        let back = match self.run(session, rollback) {
            Ok(ran) => ran,
            Err(RunStop::Engine(error)) => return Err(error),
            Err(RunStop::Script(failure)) => {
                return Ok(self.rollback_failed(&failure, rollback, session));
            }
        };
        let returned = State::read(session)?;
        if let Some(trial) = trial {
            trial.rollback(session, &mut || self.connect(stage.base.as_ref()))?;
        }
        let mut outcome = self.compare(stage, &returned, session)?;
        outcome.rollback = Some(back);
        outcome.after_rollback = Some(returned.fingerprint);
        let left = self.own_roles(session)?;
        let left = left.iter().filter(|role| !stage.roles.contains(role));
        let left = left.map(|role| format!("the rollback leaves role {role} on the server"));
        outcome.remarks.extend(left);
        if outcome.verdict.passes() {
            self.forward_again(&mut outcome, after, session, migration)?;
        }
        Ok(outcome)
    }

    fn rollback_failed(
        &self,
        failure: &ScriptFailure,
        rollback: &Script,
        session: &dyn Session,
    ) -> Outcome {
        let mut outcome = match failure.error.kind {
            ErrorKind::Raised => {
                let mut outcome = Outcome::new(
                    Verdict::Irreversible,
                    format!(
                        "the rollback script raises an error by itself: {}",
                        failure.error.message
                    ),
                );
                outcome.failure = Some(FailureReport::from(failure));
                outcome
            }
            _ => Outcome::failed(Verdict::RollbackFails, failure),
        };
        // A transaction left the copy in the state after the forward script; steps may have left it anywhere.
        outcome.is_forward = Ready::new(rollback, self.dialect, session).is_one_transaction();
        outcome
    }

    pub(super) fn compare(
        &self,
        stage: &RehearsalStage,
        returned: &State,
        session: &mut dyn Session,
    ) -> Result<Outcome, EngineError> {
        let schema = stage.state.differences(returned);
        let base = stage.base.as_ref();
        let data = stage
            .state
            .data_differences(returned, &mut || self.connect(base), session)?;
        let verdict = match schema.verdict() {
            Verdict::SchemaDiffers => Verdict::SchemaDiffers,
            _ if !data.is_empty() => Verdict::DataDiffers,
            verdict => verdict,
        };
        let mut outcome = Outcome::new(verdict, verdict.meaning());
        outcome.differences = schema
            .iter()
            .map(RehearsalDifference::schema)
            .chain(data.iter().map(RehearsalDifference::data))
            .collect();
        outcome.hint = match verdict {
            Verdict::SchemaDiffers => schema.iter().next().map(how_to_restore),
            Verdict::DataDiffers => data.first().map(how_to_keep),
            _ => None,
        };
        Ok(outcome)
    }

    /// Forward once more from where the rollback ended: it must run, and give the same schema and as many rows.
    ///
    /// Values may differ from the first time (`now()`, random keys): that is said, and no fault.
    pub(super) fn forward_again(
        &self,
        outcome: &mut Outcome,
        after: &State,
        session: &mut dyn Session,
        migration: &Migration,
    ) -> Result<(), EngineError> {
        if self.strict && outcome.verdict != Verdict::Exact {
            outcome
                .remarks
                .push("the policy is strict: only an exact return earns a certificate".to_owned());
        }
        match self.run(session, &migration.forward) {
            Ok(_) => {}
            Err(RunStop::Engine(error)) => return Err(error),
            Err(RunStop::Script(failure)) => {
                *outcome = Outcome {
                    rollback: outcome.rollback.take(),
                    ..Outcome::failed(Verdict::RollbackFails, &failure)
                };
                outcome.because = format!(
                    "after the rollback the forward script fails: {}",
                    failure.error.message
                );
                return Ok(());
            }
        }
        let again = State::read(session)?;
        if again.fingerprint.logical != after.fingerprint.logical {
            outcome.verdict = Verdict::SchemaDiffers;
            outcome.because =
                "forward a second time gives another schema than the first time".to_owned();
            outcome.differences = after
                .differences(&again)
                .iter()
                .map(|difference| RehearsalDifference::again(difference.to_string()))
                .collect();
            return Ok(());
        }
        for (table, first) in &after.checksums {
            let Some(second) = again.checksums.get(table) else {
                continue;
            };
            if second.rows != first.rows {
                outcome.verdict = Verdict::DataDiffers;
                outcome.because =
                    "forward a second time gives other rows than the first time".to_owned();
                let text = format!("{table} has {} rows, had {}", second.rows, first.rows);
                outcome.differences.push(RehearsalDifference::again(text));
            } else if second != first {
                outcome.remarks.push(format!(
                    "rows of {table} differ from run to run (a clock or chance is in them)"
                ));
            }
        }
        if !outcome.verdict.passes() {
            return Ok(());
        }
        outcome.is_forward = true;
        // A script that gave the same twice, to the letter, gives it a third time on the base.
        outcome.is_twin = outcome.verdict == Verdict::Exact
            && again.fingerprint == after.fingerprint
            && again.checksums == after.checksums;
        Ok(())
    }
}

/// Why a migration could not be passed over.
pub(crate) enum RehearsalStop {
    Script(ScriptFailure),
    Engine(EngineError),
}

impl From<EngineError> for RehearsalStop {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}
