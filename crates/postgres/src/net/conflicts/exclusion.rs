//! Exclusion constraints of before.

use super::definition::exclusion;
use super::lost_constraints;
use super::truth::Truth;

/// The rules of one table.
pub(super) fn broken(truth: &Truth<'_, '_>) -> Vec<(String, String)> {
    let (before, after) = (&truth.table.plan.before, truth.after);
    let lost = lost_constraints(
        truth.window,
        [&before.schema, &before.name],
        [&after.schema, &after.name],
        "EXCLUDE",
    );
    let rules = lost.filter_map(|(name, definition)| {
        let parsed = exclusion(definition)?;
        let texts: Vec<&str> = parsed
            .elements
            .iter()
            .map(|(expression, _)| expression.as_str())
            .chain(parsed.predicate)
            .collect();
        let elements = (1..).zip(&parsed.elements);
        let selected: Vec<String> = elements
            .clone()
            .map(|(number, (expression, _))| format!("{expression} as u{number}"))
            .collect();
        let excluded: Vec<String> = elements
            .map(|(number, (_, operator))| format!("a.u{number} {operator} o.u{number}"))
            .collect();
        let (from, stays) = truth.staying();
        let places = format!(
            "with r as (select t.ctid as place, {} as touched, u.* from {from}, \
             lateral (select {}, {} as counts from {}) u where {stays} and u.counts) \
             select a.place from r a where a.touched and exists (select from r o \
             where o.place <> a.place and (not o.touched or o.place < a.place) and {})",
            truth.terms.joins.touched,
            selected.join(", "),
            parsed.predicate.unwrap_or("true"),
            truth.row(&texts),
            excluded.join(" and "),
        );
        Some((format!("exclusion constraint `{name}`"), places))
    });
    rules.collect()
}
