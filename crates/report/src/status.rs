//! Where things stand.

use serde_json::{Value, json};
use tightrope_engine::Server;
use tightrope_lifecycle::{AppliedStatus, DriftReport, HalfDone, OpenRunReport, Status};
use tightrope_store::Direction;

use crate::check::short_findings;
use crate::page::{Page, pad};
use crate::words::{ago, cut, duration, plural_of, seconds};
use crate::{Style, readiness};

/// How many of the newest applied migrations are shown.
const MOST_APPLIED: usize = 10;

/// Where a database stands.
pub fn status(status: &Status, exit: u8, style: &Style) -> String {
    let mut page = Page::new(style);
    let (name, product) = server_in_words(&status.server);
    let ledger = match &status.ledger_break {
        None => "ledger intact".to_owned(),
        Some(_) => style.bad("ledger broken"),
    };
    page.spread(&format!("{}   {product}", style.bold(&name)), &ledger);
    if let Some(broken) = &status.ledger_break {
        page.field(
            &format!("{}  ", style.bad("tampering")),
            &broken.to_string(),
        );
    }
    at_work(&mut page, status);
    if let Some(watch) = &status.watch {
        crate::watch::open_watch(&mut page, watch);
    }
    if let Some(open) = &status.open_run {
        interrupted(&mut page, open);
    }
    if let Some(drift) = &status.drift {
        drift_lines(&mut page, drift);
        page.hint(
            "put it into a migration, or take it back; `--accept-drift REASON` goes on as it is",
        );
    }
    applied(&mut page, &status.applied);
    folder(&mut page, status);
    page.gap();
    page.end(&next(status), exit)
}

/// `shop@staging:5432` and `PostgreSQL 15.18`.
pub(crate) fn server_in_words(server: &Server) -> (String, String) {
    let name = match server.host.is_empty() {
        true => server.database.clone(),
        false => format!("{}@{}", server.database, server.host),
    };
    (
        name,
        format!("{} {}", server.engine.product(), server.version),
    )
}

fn at_work(page: &mut Page<'_>, status: &Status) {
    let Some(work) = &status.at_work else { return };
    let for_s = seconds(u64::try_from(work.seconds).unwrap_or(0));
    let life = match work.alive {
        Some(true) => "at work",
        Some(false) => "gone; its lease is free to take",
        None => "perhaps at work: it cannot be seen from here",
    };
    page.field("lease    ", &format!("{}, for {for_s}: {life}", work.by));
}

/// A run whose process died: what is done, what is not, what to do.
pub(crate) fn interrupted(page: &mut Page<'_>, open: &OpenRunReport) {
    let style = page.style;
    let begun = ago(&open.begun_at, style.now);
    page.gap();
    if open.alive == Some(true) {
        page.field(
            "running  ",
            &format!("{} of {}, begun {begun}", plural_run(open), open.by),
        );
    }
    let Some(half) = &open.half_done else {
        if open.alive != Some(true) {
            let done = match open.direction {
                Direction::Forward => "applied",
                Direction::Rollback => "rolled back",
            };
            page.field(
                "",
                &format!(
                    "A run was interrupted. Nothing is half done: {} of {} migrations were {done} before it died. The next \
                     `tightrope apply` or `tightrope rollback` clears it up.",
                    open.done, open.migrations
                ),
            );
            page.field(
                "",
                &style.faint(&format!("It was begun {begun} by {}.", open.by)),
            );
        }
        return;
    };
    half_done(page, half, open, &begun);
}

fn plural_run(open: &OpenRunReport) -> String {
    let many = if open.migrations == 1 {
        "migration"
    } else {
        "migrations"
    };
    format!("{} {many} {}", open.migrations, open.direction)
}

fn half_done(page: &mut Page<'_>, half: &HalfDone, open: &OpenRunReport, begun: &str) {
    let style = page.style;
    if open.alive != Some(true) {
        let done = half
            .steps
            .iter()
            .filter(|step| step.standing == "done and recorded")
            .count();
        let back = if open.direction == Direction::Rollback {
            "the rollback of "
        } else {
            ""
        };
        page.field(
            "",
            &format!(
                "{back}{} was interrupted after {done} of {} (run begun {begun} by {}).",
                style.bold(&half.label),
                plural_of(&half.steps, "step", "steps"),
                open.by
            ),
        );
    }
    for step in &half.steps {
        page.field(
            &format!("  step {:<3} ", step.number),
            &format!("{}: {}", step.what, step.standing),
        );
    }
    if open.alive == Some(true) {
        return;
    }
    let ways = match (open.direction, half.can_undo) {
        (Direction::Rollback, _) => "Finish it with `tightrope rollback`.",
        (_, true) => "Finish with `tightrope apply`, or go back with `tightrope rollback`.",
        (_, false) => "Finish with `tightrope apply`; there is no rollback script to go back with.",
    };
    page.field("", &format!("{ways} Nothing needs repair by hand."));
}

/// What others changed.
pub(crate) fn drift_lines(page: &mut Page<'_>, drift: &DriftReport) {
    page.gap();
    let style = page.style;
    page.line(style.careful("drift: the schema is not what the last migration left"));
    match &drift.differences {
        None => page.line("  what it was is not known in detail: the old schema was not kept"),
        Some(differences) => {
            page.some("  ", &differences.in_words());
        }
    }
}

fn applied(page: &mut Page<'_>, applied: &[AppliedStatus]) {
    page.gap();
    if applied.is_empty() {
        return page.line("applied  nothing yet");
    }
    let more = applied.len().saturating_sub(MOST_APPLIED);
    let shown = if more > 0 {
        format!(", the newest {MOST_APPLIED}")
    } else {
        String::new()
    };
    page.line(format!(
        "applied  {}{shown}",
        plural_of(applied, "migration", "migrations")
    ));
    for one in &applied[more..] {
        applied_one(page, one);
    }
}

fn applied_one(page: &mut Page<'_>, one: &AppliedStatus) {
    let style = page.style;
    let proof = match (&one.rehearsed, &one.unrehearsed) {
        (Some(verdict), _) => verdict.to_string(),
        (None, Some(_)) => "unrehearsed".to_owned(),
        (None, None) => "no certificate".to_owned(),
    };
    let back = match (&one.sealed_at, one.can_roll_back, one.rollback_ms) {
        (Some(at), _, _) => format!("sealed {}", ago(at, style.now)),
        // The gauge below says more.
        _ if one.readiness.is_some() => String::new(),
        (None, true, Some(milliseconds)) => format!("way back {}", duration(milliseconds)),
        (None, true, None) => "way back not proven".to_owned(),
        (None, false, _) => "no way back".to_owned(),
    };
    let facts = format!(
        "{}  {}  {back}",
        pad(&ago(&one.applied_at, style.now), 11),
        pad(&proof, 12)
    );
    let room = style.width.saturating_sub(50).max(12);
    if one.label.chars().count() > room {
        page.line(format!("  {}", one.label));
        page.line(format!("  {}  {facts}", " ".repeat(room)));
    } else {
        page.line(format!("  {}  {facts}", pad(&one.label, room)));
    }
    if let Some(reason) = &one.unrehearsed {
        page.field("      ", &format!("applied unrehearsed: {reason}"));
    }
    if let Some(readiness) = &one.readiness {
        readiness::show(page, "      ", readiness, one.rollback_ms);
    }
}

fn folder(page: &mut Page<'_>, status: &Status) {
    let style = page.style;
    match &status.pending {
        None => page.line("pending  not known: there is no folder to compare with"),
        Some(pending) if pending.is_empty() => page.line("pending  nothing"),
        Some(pending) => {
            page.line(format!(
                "pending  {}",
                plural_of(pending, "migration", "migrations")
            ));
            for label in pending.iter().take(MOST_APPLIED) {
                page.line(format!("  {}", cut(label, style.width - 2)));
            }
            if pending.len() > MOST_APPLIED {
                page.line(format!("  … and {} more", pending.len() - MOST_APPLIED));
            }
        }
    }
    for label in &status.changed {
        page.line(format!(
            "{}  {label}: changed in the folder after it was applied",
            style.bad("changed")
        ));
    }
    for label in &status.missing {
        page.line(format!(
            "{}  {label}: applied, but not in the folder",
            style.careful("missing")
        ));
    }
    short_findings(page, &status.findings);
}

fn next(status: &Status) -> String {
    let half_done = status
        .open_run
        .as_ref()
        .is_some_and(|open| open.half_done.is_some());
    let text = match (&status.pending, &status.applied.last()) {
        _ if half_done => "A migration is half done; the journal knows where.",
        _ if status.drift.is_some() => "Apply and rollback are refused while the schema drifts.",
        _ if !status.changed.is_empty() => {
            "Apply is refused until the changed script is brought back to what ran."
        }
        (Some(pending), _) if !pending.is_empty() => "See what would run with `tightrope plan`.",
        (_, Some(last)) if last.sealed_at.is_some() => {
            "Up to date. The newest migration is sealed: go on with a new one."
        }
        (_, Some(last)) if last.can_roll_back => {
            "Up to date. Go back one step with `tightrope rollback`."
        }
        (_, Some(_)) => "Up to date. The newest migration has no rollback script.",
        (_, None) => "Nothing is applied, and nothing is pending.",
    };
    text.to_owned()
}

/// Where a database stands, as JSON.
pub fn status_json(status: &Status) -> Value {
    json!(status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rehearsal::tests::server;
    use crate::style::test_style;
    use tightrope_lifecycle::StepStanding;
    use tightrope_model::Verdict;

    fn example() -> Status {
        let one = |label: &str, rehearsed: Option<Verdict>| AppliedStatus {
            label: label.to_owned(),
            version: label.split('_').next().unwrap_or_default().to_owned(),
            applied_at: "2026-01-02T10:00:00Z".to_owned(),
            applied_by: "me".to_owned(),
            rehearsed,
            unrehearsed: rehearsed.is_none().then(|| "first day".to_owned()),
            can_roll_back: true,
            rollback_ms: rehearsed.map(|_| 40),
            sealed_at: None,
            readiness: None,
        };
        Status {
            server: server(),
            fingerprint: "ab".to_owned(),
            applied: vec![
                one("0040_users", None),
                one("0041_orders", Some(Verdict::Exact)),
            ],
            pending: Some(vec!["0042_more".to_owned()]),
            changed: Vec::new(),
            missing: Vec::new(),
            at_work: None,
            watch: None,
            open_run: None,
            drift: None,
            ledger_break: None,
            findings: Vec::new(),
        }
    }

    #[test]
    fn a_quiet_database() {
        insta::assert_snapshot!(status(&example(), 0, &test_style()), @r"
        shop@staging:5432   PostgreSQL 15.18                               ledger intact

        applied  2 migrations
          0040_users                      2 h ago      unrehearsed   way back not proven
              applied unrehearsed: first day
          0041_orders                     2 h ago      exact         way back 40 ms
        pending  1 migration
          0042_more

        See what would run with `tightrope plan`.
        ");
    }

    #[test]
    fn a_window_is_open_or_sealed() {
        use crate::readiness::tests::readiness;
        let mut open = example();
        open.pending = Some(Vec::new());
        open.applied[0].sealed_at = Some("2026-01-02T11:00:00Z".to_owned());
        open.applied[1].readiness = Some(readiness(&[("orders", 1_912)], 0));
        insta::assert_snapshot!(status(&open, 0, &test_style()), @r"
        shop@staging:5432   PostgreSQL 15.18                               ledger intact

        applied  2 migrations
          0040_users                      2 h ago      unrehearsed   sealed 1 h ago
              applied unrehearsed: first day
          0041_orders                     2 h ago      exact
              way back: c, 40 ms, 0 rows in conflict
                by the derived rollback; 1912 rows written since (orders 1912); the net
                keeps 480 MB until `tightrope seal`
        pending  nothing

        Up to date. Go back one step with `tightrope rollback`.
        ");
    }

    #[test]
    fn where_things_stand_after_a_kill() {
        let step = |number, what: &str, standing| StepStanding {
            number,
            what: what.to_owned(),
            standing,
        };
        let half_done = HalfDone {
            label: "0043_add_indexes".to_owned(),
            steps: vec![
                step(1, "create table", "done and recorded"),
                step(
                    2,
                    "create index concurrently",
                    "begun; the index is there but invalid: it will be dropped and built again",
                ),
                step(3, "insert", "not begun"),
            ],
            can_undo: true,
        };
        let open_run = OpenRunReport {
            begun_at: "2026-01-02T11:57:00Z".to_owned(),
            by: "me@host, process 7, `tightrope apply`".to_owned(),
            direction: Direction::Forward,
            alive: Some(false),
            migrations: 1,
            done: 0,
            half_done: Some(half_done),
        };
        let killed = Status {
            open_run: Some(open_run),
            ..example()
        };
        insta::assert_snapshot!(status(&killed, 7, &test_style()), @r"
        shop@staging:5432   PostgreSQL 15.18                               ledger intact

        0043_add_indexes was interrupted after 1 of 3 steps (run begun 3 min ago by
        me@host, process 7, `tightrope apply`).
          step 1   create table: done and recorded
          step 2   create index concurrently: begun; the index is there but invalid: it
                   will be dropped and built again
          step 3   insert: not begun
        Finish with `tightrope apply`, or go back with `tightrope rollback`. Nothing
        needs repair by hand.

        applied  2 migrations
          0040_users                      2 h ago      unrehearsed   way back not proven
              applied unrehearsed: first day
          0041_orders                     2 h ago      exact         way back 40 ms
        pending  1 migration
          0042_more

        A migration is half done; the journal knows where.                        exit 7
        ");
    }
}
