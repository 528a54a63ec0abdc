use tightrope_model::{Finding, Severity};

use crate::statement::ClusterEffect;

use super::Rule;
use super::subject::Subject;

pub(super) const RULE: Rule = Rule {
    name: "cluster-wide",
    severity: Severity::Warning,
    summary: "a statement acts on the whole server, so a copy of the database is no safe place to rehearse it",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for side in subject.sides() {
        for part in side.statements.iter().flat_map(|s| &s.cluster_wide) {
            let severity = match part.effect {
                ClusterEffect::Server | ClusterEffect::CreatesRole(None) => Severity::Warning,
                ClusterEffect::Roles(_) | ClusterEffect::CreatesRole(Some(_)) => Severity::Note,
            };
            let message = format!("`{}` acts on the whole server", part.what);
            findings.push(
                side.finding((RULE.name, severity), part.span.start, message)
                    .hint("roles and settings of a server are best kept apart from the migrations of one database"),
            );
        }
    }
}
