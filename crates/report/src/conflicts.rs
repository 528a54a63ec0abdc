//! Rows that the old schema cannot hold.

use tightrope_engine::Gauge;
use tightrope_model::Conflict;

/// Each conflict in a line, with its first rows below.
pub fn conflicts(gauge: &Gauge) -> String {
    let lines = gauge.conflicts.iter().flat_map(lines_of);
    lines.collect::<Vec<_>>().join("\n")
}

fn lines_of(conflict: &Conflict) -> Vec<String> {
    let Conflict {
        table,
        breaks,
        rows,
        samples,
    } = conflict;
    let head = format!("{table}: {rows} rows break {breaks}");
    let samples = samples.iter().map(|sample| {
        let values = sample
            .iter()
            .map(|(column, value)| format!("{column} = {}", value.as_deref().unwrap_or("null")));
        format!("  {}", values.collect::<Vec<_>>().join(", "))
    });
    std::iter::once(head).chain(samples).collect()
}
