//! CHECK constraints of before.

use super::definition::check;
use super::lost_constraints;
use super::truth::Truth;

/// The rules of one table.
pub(super) fn broken(truth: &Truth<'_, '_>) -> Vec<(String, String)> {
    let (before, after) = (&truth.table.plan.before, truth.after);
    let lost = lost_constraints(
        truth.window,
        [&before.schema, &before.name],
        [&after.schema, &after.name],
        "CHECK",
    );
    let rules = lost.filter_map(|(name, definition)| {
        let condition = check(definition)?;
        let row = truth.row(&[condition]);
        let rows = truth.written_where(&format!("(select ({condition}) is false from {row})"))?;
        Some((format!("check constraint `{name}`"), rows))
    });
    rules.collect()
}
