//! Rows that the old schema cannot hold.

use tightrope_model::Conflict;

use crate::page::Page;
use crate::words::{cut, plural};

/// How much of one value is shown.
const LONGEST: usize = 40;

/// `users: 2 rows break unique constraint …`, and a few of the rows.
pub(crate) fn conflict_lines(page: &mut Page<'_>, indent: &str, conflict: &Conflict) {
    let Conflict {
        table,
        breaks,
        rows,
        samples,
    } = conflict;
    let rows = plural(*rows, "row breaks", "rows break");
    page.field(indent, &format!("{table}: {rows} {breaks}"));
    for sample in samples {
        let below = format!("{indent}  ");
        page.field(&below, &page.style.faint(&values(sample)));
    }
}

/// `id = 7, email = ana@example.org`.
pub(crate) fn values(row: &[(String, Option<String>)]) -> String {
    let shown = row.iter().map(|(column, value)| match value {
        Some(value) => format!("{column} = {}", cut(value, LONGEST)),
        None => format!("{column} is null"),
    });
    shown.collect::<Vec<_>>().join(", ")
}
