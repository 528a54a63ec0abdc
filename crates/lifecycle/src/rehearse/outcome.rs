//! How a rehearsal went, before it becomes a report.

use tightrope_engine::ErrorKind;
use tightrope_model::{Fingerprint, Footprint, SequencePlan, TableChange, TableName, Verdict};
use tightrope_script::Migration;

use super::report::{MigrationRehearsal, RehearsalDifference};
use crate::execute::{FailureReport, ScriptFailure};
use crate::verify::VERIFY_DOES_NOT_HOLD;

/// One script's run on the copy.
pub(super) struct Ran {
    pub(super) milliseconds: u64,
    pub(super) footprint: Footprint,
    /// Rows written, by table.
    pub(super) rows: Vec<(TableName, TableChange)>,
    /// The sequences that the forward script dropped, started anew or moved.
    pub(super) sequences: Vec<SequencePlan>,
}

/// How the way there and back went, before it is judged.
pub(super) struct Outcome {
    pub(super) verdict: Verdict,
    pub(super) because: String,
    pub(super) hint: Option<String>,
    pub(super) differences: Vec<RehearsalDifference>,
    pub(super) failure: Option<FailureReport>,
    pub(super) rollback: Option<Ran>,
    pub(super) after_rollback: Option<Fingerprint>,
    pub(super) remarks: Vec<String>,
    /// Whether the work copy is now in the state after the migration.
    pub(super) is_forward: bool,
    /// Whether the work copy is to the letter what a single forward run gives.
    pub(super) is_twin: bool,
}

impl Outcome {
    pub(super) fn new(verdict: Verdict, because: impl Into<String>) -> Self {
        Self {
            verdict,
            because: because.into(),
            hint: None,
            differences: Vec::new(),
            failure: None,
            rollback: None,
            after_rollback: None,
            remarks: Vec::new(),
            is_forward: false,
            is_twin: false,
        }
    }

    pub(super) fn failed(verdict: Verdict, failure: &ScriptFailure) -> Self {
        let report = FailureReport::from(failure);
        let hint = hint_for(failure).or_else(|| report.hint.clone());
        Self {
            failure: Some(report),
            hint,
            ..Self::new(verdict, failure.error.message.clone())
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(super) fn forward(mut self) -> Self {
        self.is_forward = true;
        self
    }
}

fn hint_for(failure: &ScriptFailure) -> Option<String> {
    let hint = match failure.error.kind {
        ErrorKind::DataViolation if failure.error.message == VERIFY_DOES_NOT_HOLD => {
            "mend the forward script, or the question in the verify script"
        }
        ErrorKind::NotInTransaction => {
            "say `run_in_transaction = false` in the migration's metadata.toml, or put the statement in a migration of its own"
        }
        ErrorKind::DoesNotExist => {
            "the script names something that is not there at this point; compare the forward script"
        }
        ErrorKind::AlreadyExists => {
            "the script makes something that is already there; compare the forward script"
        }
        ErrorKind::DependentObjects => {
            "drop what depends on it first, in the reverse order of the forward script"
        }
        ErrorKind::DataViolation => "rows do not fit; convert or keep them before the statement",
        ErrorKind::Syntax => "the statement cannot be parsed at the marked place",
        _ => return None,
    };
    Some(hint.to_owned())
}

pub(super) fn report(migration: &Migration, outcome: Outcome, forward: Ran) -> MigrationRehearsal {
    MigrationRehearsal {
        version: migration.version.as_str().to_owned(),
        name: migration.name.clone(),
        verdict: outcome.verdict,
        differences: outcome.differences,
        failure: outcome.failure,
        because: outcome.because,
        hint: outcome.hint,
        remarks: outcome.remarks,
        forward_ms: forward.milliseconds,
        rollback_ms: outcome.rollback.map(|ran| ran.milliseconds),
        footprint: forward.footprint,
        net: None,
        derived: None,
        workload: None,
        extrapolated: None,
        certificate: None,
    }
}
