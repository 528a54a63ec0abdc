//! What the application's queries have to say about a migration's rehearsal.

use tightrope_engine::{EngineError, Session};
use tightrope_model::Verdict;
use tightrope_store::{Certificate, WitnessedWorkload};

use super::one::Rehearsal;
use super::report::MigrationRehearsal;
use crate::workload::Trial;

/// How a copy is made that has the statistics of its source, by which queries are planned.
const WITH_STATISTICS: &str = "template";

impl Rehearsal<'_> {
    /// Tries the queries in the state before the migration, if there are any.
    pub(super) fn begin_trial(
        &self,
        session: &mut dyn Session,
    ) -> Result<Option<Trial<'_>>, EngineError> {
        let Some(witness) = self.witness else {
            return Ok(None);
        };
        let analyzed = self.copy.method == WITH_STATISTICS;
        Trial::begin(witness, session, self.listener, analyzed).map(Some)
    }

    /// Puts what the queries have to say into the report: a migration that harms them earns no certificate, unless the policy only warns.
    pub(super) fn hear(&self, trial: Option<Trial<'_>>, rehearsal: &mut MigrationRehearsal) {
        let (Some(trial), Some(witness)) = (trial, self.witness) else {
            return;
        };
        let report = trial.finish();
        rehearsal.certificate = match rehearsal.certificate.take() {
            Some(certificate) if !report.fails => Some(
                Certificate {
                    workload: Some(WitnessedWorkload {
                        digest: witness.digest,
                        queries: report.queries,
                        set_aside: report.set_aside.len(),
                        broken: report
                            .broken
                            .iter()
                            .map(|one| one.query.fingerprint.clone())
                            .collect(),
                        replayed: report.replay.as_ref().map_or(0, |replay| replay.queries),
                    }),
                    ..certificate
                }
                .sealed(),
            ),
            _ => None,
        };
        // What is wrong with the way back comes first.
        if let (true, true, Some(sentence)) =
            (report.fails, rehearsal.verdict.passes(), report.sentence())
        {
            let way_back = rehearsal.verdict.meaning();
            let (verdict, hint) = match report.breaks() {
                true => (
                    Verdict::BreaksQueries,
                    "let the application stop running them first; what it does not run any more can be taken out of the workload's file",
                ),
                false => (
                    Verdict::ChangesQueries,
                    "look at each: an index that is gone, a type or a collation that has changed; what is meant passes with \
                     `changed_queries = \"warn\"` under [workload]",
                ),
            };
            rehearsal.verdict = verdict;
            rehearsal.because = format!("{way_back}, but {sentence}");
            rehearsal.hint = Some(hint.to_owned());
        }
        rehearsal.workload = Some(report);
    }
}
