//! The queries beside the rehearsal of one migration.

use tightrope_engine::{EngineError, RunStatement, Session};
use tightrope_model::{TableChange, TableName};

use super::call::analyze;
use super::load::Witness;
use super::prepare::{failure, prepare, ways};
use super::replay::{Reference, Replayer};
use super::report::{Moment, QueryFailure, WorkloadTrial};
use super::settings::OnHarm;
use crate::{Event, Listener};

/// A trial that has been begun: which queries work before the migration, and how.
pub(crate) struct Trial<'w> {
    witness: &'w Witness,
    listener: &'w dyn Listener,
    /// The query's number in the workload, and the way in which it is prepared.
    working: Vec<(usize, String)>,
    replayer: Replayer<'w>,
    has_rolled_back: bool,
    report: WorkloadTrial,
}

impl<'w> Trial<'w> {
    /// Tries all queries in the state before the migration. `analyzed` says that the copy has the statistics of its source.
    pub(crate) fn begin(
        witness: &'w Witness,
        session: &mut dyn Session,
        listener: &'w dyn Listener,
        analyzed: bool,
    ) -> Result<Self, EngineError> {
        let mut trial = Self {
            witness,
            listener,
            working: Vec::new(),
            replayer: Replayer::new(witness),
            has_rolled_back: false,
            report: WorkloadTrial {
                queries: witness.workload.queries.len(),
                ..WorkloadTrial::default()
            },
        };
        look_in(witness, session)?;
        for (number, query) in witness.workload.queries.iter().enumerate() {
            trial.tell(number);
            let texts = ways(query, session);
            match prepare(session, &texts)? {
                Ok(way) => trial.working.push((number, texts[way].clone())),
                Err((error, text)) => trial.report.set_aside.push(failure(query, &error, &text)),
            }
        }
        let working: Vec<usize> = trial.working.iter().map(|(number, _)| *number).collect();
        trial.replayer.begin(session, &working, analyzed)?;
        session.reset()?;
        Ok(trial)
    }

    /// Tries them after the forward script, which has written those rows.
    pub(crate) fn forward(
        &mut self,
        session: &mut dyn Session,
        written: &[(TableName, TableChange)],
        reference: Reference<'_>,
    ) -> Result<(), EngineError> {
        self.report.broken = self.again(session, Moment::Forward, written, reference)?;
        Ok(())
    }

    /// Tries them after the rollback.
    pub(crate) fn rollback(
        &mut self,
        session: &mut dyn Session,
        reference: Reference<'_>,
    ) -> Result<(), EngineError> {
        self.has_rolled_back = true;
        self.report.broken_after_rollback =
            self.again(session, Moment::Rollback, &[], reference)?;
        Ok(())
    }

    /// Tries them on the other server.
    pub(crate) fn upgrade(
        &mut self,
        session: &mut dyn Session,
        reference: Reference<'_>,
    ) -> Result<(), EngineError> {
        analyze(session)?;
        self.report.broken = self.again(session, Moment::Upgrade, &[], reference)?;
        Ok(())
    }

    /// Whether they were tried after a rollback.
    pub(crate) fn has_rolled_back(&self) -> bool {
        self.has_rolled_back
    }

    /// What was found.
    pub(crate) fn finish(mut self) -> WorkloadTrial {
        self.report.replay = self.replayer.finish();
        let settings = &self.witness.settings;
        self.report.fails = self.report.breaks() && settings.broken_queries == OnHarm::Fail
            || self.report.changes() && settings.changed_queries == OnHarm::Fail;
        self.report
    }

    fn again(
        &mut self,
        session: &mut dyn Session,
        when: Moment,
        written: &[(TableName, TableChange)],
        reference: Reference<'_>,
    ) -> Result<Vec<QueryFailure>, EngineError> {
        look_in(self.witness, session)?;
        let mut broken = Vec::new();
        let mut working = Vec::new();
        for (number, text) in &self.working {
            self.tell(*number);
            match prepare(session, std::slice::from_ref(text))? {
                Ok(_) => working.push(*number),
                Err((error, text)) => {
                    broken.push(failure(
                        &self.witness.workload.queries[*number],
                        &error,
                        &text,
                    ));
                }
            }
        }
        let witness = self.witness;
        let mut located = || {
            let mut session = reference()?;
            look_in(witness, session.as_mut())?;
            Ok(session)
        };
        let replayer = &mut self.replayer;
        broken.extend(replayer.again(session, &working, when, written, &mut located)?);
        session.reset()?;
        Ok(broken)
    }

    fn tell(&self, number: usize) {
        self.listener.event(&Event::Working {
            what: "queries tried".to_owned(),
            done: number as u64 + 1,
            of: self.report.queries as u64,
        });
    }
}

/// Lets names be looked for where the application's sessions do.
fn look_in(witness: &Witness, session: &mut dyn Session) -> Result<(), EngineError> {
    let path = witness.settings.search_path.as_ref();
    if let Some(path) = path.filter(|_| session.row_dialect().has_schemas) {
        let schemas = path.split(',').map(|name| session.quote(name.trim()));
        let sql = format!(
            "set search_path = {}",
            schemas.collect::<Vec<_>>().join(", ")
        );
        session.run(RunStatement {
            sql: &sql,
            copy_data: None,
        })?;
    }
    Ok(())
}
