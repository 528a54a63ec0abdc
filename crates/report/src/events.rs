//! What happens on the way, a line each.

use tightrope_lifecycle::Event;
use tightrope_store::Direction;

use crate::Style;
use crate::words::{bytes, duration, plural, seconds};

/// Who wants to read an event's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loudness {
    /// Only somebody who watches, and only until the next line.
    Passing,
    /// Somebody who watches.
    Progress,
    /// Everybody: it explains a delay, or something unexpected.
    Notable,
}

/// How loud an event is.
pub fn loudness(event: &Event) -> Loudness {
    match event {
        // What the command's result says too is only for now.
        Event::Recovered { .. }
        | Event::RehearsalBegun { .. }
        | Event::MigrationBegun { .. }
        | Event::MigrationDone { .. }
        | Event::Working { .. }
        | Event::Copying { .. } => Loudness::Passing,
        Event::Rehearsed { verdict, .. } if verdict.passes() => Loudness::Passing,
        Event::Rehearsed { .. }
        | Event::StepBegun { .. }
        | Event::KeptBeside { .. }
        | Event::Copied { .. } => Loudness::Progress,
        Event::Swept { .. }
        | Event::Notice { .. }
        | Event::LockRetry { .. }
        | Event::WaitingForLease { .. }
        | Event::TookOver { .. } => Loudness::Notable,
    }
}

/// The line of an event, without a line break.
pub fn event(event: &Event, style: &Style) -> String {
    match event {
        Event::KeptBeside {
            path,
            bytes: size,
            tables,
            milliseconds,
        } => format!(
            "the database is kept beside as {path} ({}, {} proven, {})",
            bytes(*size),
            plural(*tables as u64, "table", "tables"),
            duration(*milliseconds)
        ),
        Event::Swept { names } => format!(
            "removed what dead rehearsals had left: {}",
            names.join(", ")
        ),
        Event::Working { what, done, of } if what.starts_with("bytes") => {
            let what = what.trim_start_matches("bytes").trim_start();
            format!("{what}: {} of {}", bytes(*done), bytes(*of))
        }
        Event::Working { what, done, of: 0 } => format!("{what}: {done}"),
        Event::Working { what, done, of } => format!("{what}: {done} of {of}"),
        Event::Copying { source } => format!("copying {source}"),
        Event::Copied { name, report } => {
            let size = report
                .bytes
                .map(|size| format!(", {}", bytes(size)))
                .unwrap_or_default();
            format!(
                "copied to {name} by {}{size} in {}",
                report.method,
                duration(report.milliseconds)
            )
        }
        Event::RehearsalBegun {
            migration,
            number,
            of,
        } => format!("[{number}/{of}] rehearsing {migration}"),
        Event::Rehearsed {
            migration, verdict, ..
        } => {
            format!(
                "{}  {migration}",
                style.pass(&format!("{:<15}", verdict.name()), verdict.passes())
            )
        }
        Event::MigrationBegun {
            migration,
            direction: Direction::Forward,
        } => format!("applying {migration}"),
        Event::MigrationBegun {
            migration,
            direction: Direction::Rollback,
        } => format!("rolling back {migration}"),
        Event::StepBegun { number, of, what } => format!("step {number} of {of}: {what}"),
        // The server's own word for its severity stands first already.
        Event::Notice { message } => message.clone(),
        Event::LockRetry {
            attempt,
            of,
            held_by,
            pause_ms,
        } => {
            let holder = held_by
                .as_ref()
                .map(|holder| format!(" (held by {holder})"))
                .unwrap_or_default();
            let pause = duration(*pause_ms);
            format!(
                "lock not granted{holder}: undone, try {} of {of} in {pause}",
                attempt + 1
            )
        }
        Event::WaitingForLease { by, seconds: for_s } => {
            let for_s = seconds(u64::try_from(*for_s).unwrap_or(0));
            format!("waiting for another run: {by}, at work for {for_s}")
        }
        Event::TookOver { from } => format!("took over from a run that died: {from}"),
        Event::Recovered { what } => what.lines().next().unwrap_or_default().to_owned(),
        Event::MigrationDone {
            migration,
            direction,
            milliseconds,
        } => {
            let verb = match direction {
                Direction::Forward => "applied",
                Direction::Rollback => "rolled back",
            };
            format!("{verb} {migration} in {}", duration(*milliseconds))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::style::test_style;

    #[test]
    fn a_delay_is_explained() {
        let retry = Event::LockRetry {
            attempt: 1,
            of: 12,
            held_by: Some("pid 8123, report, idle in transaction".to_owned()),
            pause_ms: 412,
        };
        let line = event(&retry, &test_style());
        insta::assert_snapshot!(line, @r"lock not granted (held by pid 8123, report, idle in transaction): undone, try 2 of 12 in 412 ms");
        assert_eq!(loudness(&retry), Loudness::Notable);
    }
}
