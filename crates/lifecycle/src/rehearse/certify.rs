//! The certificate that a passing rehearsal earns.

use tightrope_engine::Server;
use tightrope_model::{Digest, Footprint, Verdict};
use tightrope_script::{Migration, Script};
use tightrope_store::Certificate;

use super::one::{Rehearsal, RehearsalStage};
use super::outcome::{Outcome, Ran};
use super::report::MigrationRehearsal;
use super::state::State;

impl Rehearsal<'_> {
    /// The certificate of the written rollback, not sealed yet.
    pub(super) fn certificate(
        &self,
        stage: &RehearsalStage,
        after: &State,
        migration: &Migration,
        outcome: &Outcome,
        forward: &Ran,
        server: &Server,
    ) -> Option<Certificate> {
        let earned = outcome.verdict == Verdict::Exact || outcome.verdict.passes() && !self.strict;
        let (ran, rollback) = (outcome.rollback.as_ref()?, migration.rollback.as_ref()?);
        if !earned {
            return None;
        }
        let touched = (forward.milliseconds, &forward.footprint);
        Some(Certificate {
            verdict: outcome.verdict,
            after_rollback: outcome.after_rollback?,
            rollback_ms: ran.milliseconds,
            rollback_footprint: ran.footprint.clone(),
            ..self.draft(stage, after, migration, touched, rollback.digest(), server)
        })
    }

    /// The certificate of a derived rollback whose script has that digest, not sealed yet.
    pub(super) fn derived_certificate(
        &self,
        stage: &RehearsalStage,
        after: &State,
        migration: &Migration,
        rehearsal: &MigrationRehearsal,
        script: Digest,
        server: &Server,
    ) -> Certificate {
        let touched = (rehearsal.forward_ms, &rehearsal.footprint);
        Certificate {
            derived: true,
            net: rehearsal.net.clone(),
            ..self.draft(stage, after, migration, touched, script, server)
        }
    }

    /// What both have in common; the verdict and what the rollback did are still to be said.
    fn draft(
        &self,
        stage: &RehearsalStage,
        after: &State,
        migration: &Migration,
        (forward_ms, footprint): (u64, &Footprint),
        rollback: Digest,
        server: &Server,
    ) -> Certificate {
        Certificate {
            tightrope_certificate: Certificate::LAYOUT,
            version: migration.version.as_str().to_owned(),
            name: migration.name.clone(),
            verdict: Verdict::Exact,
            issued_at: jiff::Timestamp::now().to_string(),
            tool_version: self.tool_version.to_owned(),
            engine: self.engine.kind(),
            server_version: server.version.clone(),
            server_major: server.major.clone(),
            forward: migration.forward.digest(),
            rollback,
            verify: migration.verify.as_ref().map(Script::digest),
            before: stage.state.fingerprint,
            after: after.fingerprint,
            after_rollback: stage.state.fingerprint,
            forward_ms,
            rollback_ms: 0,
            footprint: footprint.clone(),
            rollback_footprint: Footprint::default(),
            rows: stage.state.row_counts(),
            copy: self.copy.clone(),
            derived: false,
            net: None,
            losses: Vec::new(),
            workload: None,
            extrapolated: None,
            seal: None,
        }
    }
}
