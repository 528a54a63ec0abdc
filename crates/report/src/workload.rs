//! The queries of an application: what was captured, and what they have to say about a migration or an upgrade.

use serde_json::{Value, json};
use tightrope_lifecycle::{
    Captured, CollationChange, CostChange, QueryFailure, QueryName, Upgraded, WorkloadTrial,
};
use tightrope_model::grouped;

use crate::page::Page;
use crate::words::{cut, plural};
use crate::{Style, rehearsal};

/// How many queries of each sort are shown; `--json` has all of them.
const MOST: usize = 12;
/// How much of a query is shown.
const LONGEST: usize = 160;

/// What was captured.
pub fn captured(captured: &Captured, style: &Style) -> String {
    let mut page = Page::new(style);
    page.field("from     ", &captured.source);
    for (why, calls) in &captured.left_out {
        page.field(
            "left out ",
            &format!("{}: {why}", plural(*calls, "call", "calls")),
        );
    }
    if captured.masked > 0 {
        let text = format!(
            "{} masked or not kept: they look like secrets",
            plural(captured.masked, "sample", "samples")
        );
        page.field("masked   ", &text);
    }
    for remark in &captured.remarks {
        page.field("note     ", remark);
    }
    page.gap();
    page.line(format!(
        "{} with {} written to {}; {} can be replayed with parameters.",
        plural(captured.queries as u64, "query", "queries"),
        plural(captured.calls, "call", "calls"),
        captured.file.display(),
        grouped(captured.with_samples as u64)
    ));
    page.line("Read the file before you share it. Then: `tightrope rehearse --workload FILE`.");
    page.end("", 0)
}

/// The same as JSON.
pub fn captured_json(captured: &Captured) -> Value {
    json!(captured)
}

/// What the queries have to say about one migration.
pub(crate) fn trial(page: &mut Page<'_>, trial: &WorkloadTrial) {
    page.field("  queries  ", &tried(trial));
    if let Some(sentence) = trial.sentence() {
        let said = page.style.pass(&sentence, false);
        page.field("           ", &format!("{said}:"));
    }
    failures(page, "  broken   ", &trial.broken);
    failures(page, "  rollback ", &trial.broken_after_rollback);
    let aside = trial.set_aside.iter();
    let aside: Vec<&QueryFailure> = match &trial.replay {
        Some(replay) => aside.chain(&replay.set_aside).collect(),
        None => aside.collect(),
    };
    for failure in aside.iter().take(3) {
        let text = format!("{} ({})", named(&failure.query), failure.message);
        page.field("  aside    ", &text);
    }
    if aside.len() > 3 {
        page.field(
            "           ",
            &format!("and {} more (all of them: `--json`)", aside.len() - 3),
        );
    }
    if let Some(replay) = &trial.replay {
        for query in replay.outside.iter().take(3) {
            page.field("  outside  ", &named(query));
        }
        if replay.outside.len() > 3 {
            let text = format!(
                "and {} more (all of them: `--json`)",
                replay.outside.len() - 3
            );
            page.field("           ", &text);
        }
        replayed(page, replay);
    }
}

fn tried(trial: &WorkloadTrial) -> String {
    let mut parts = vec![format!("{} tried", grouped(trial.queries as u64))];
    if !trial.set_aside.is_empty() {
        parts.push(format!(
            "{} set aside, for they fail already before",
            trial.set_aside.len()
        ));
    }
    match &trial.replay {
        Some(replay) => {
            parts.push(format!(
                "{} replayed with {}",
                grouped(replay.queries as u64),
                plural(replay.calls, "call", "calls")
            ));
            if !replay.outside.is_empty() {
                parts.push(format!(
                    "{} not replayed, for they act where no rollback reaches",
                    replay.outside.len()
                ));
            }
            if !replay.volatile.is_empty() {
                parts.push(format!(
                    "the rows of {} not compared, for they differ from call to call",
                    replay.volatile.len()
                ));
            }
        }
        None => parts.push("none replayed: there are no samples of parameters".to_owned()),
    }
    parts.join(", ")
}

fn failures(page: &mut Page<'_>, label: &str, failures: &[QueryFailure]) {
    for failure in failures.iter().take(MOST) {
        page.field(label, &named(&failure.query));
        let at = match failure.at {
            Some((line, column)) => format!(" (line {line}, column {column} of the query)"),
            None => String::new(),
        };
        page.field("           ", &format!("{}{at}", failure.message));
        if let Some(hint) = &failure.hint {
            page.field("           ", hint);
        }
    }
    more(page, failures.len());
}

fn more(page: &mut Page<'_>, number: usize) {
    if number > MOST {
        let text = format!("and {} more (all of them: `--json`)", number - MOST);
        page.field("           ", &text);
    }
}

fn replayed(page: &mut Page<'_>, replay: &tightrope_lifecycle::Replay) {
    for change in replay.results.iter().take(MOST) {
        let label = if change.expected {
            "  note     "
        } else {
            "  rows     "
        };
        page.field(label, &named(&change.query));
        let why = match change.expected {
            true => " (the forward script writes rows of its tables)",
            false => "",
        };
        page.field(
            "           ",
            &format!("{}: {}{why}", change.when.in_words(), change.text),
        );
    }
    more(page, replay.results.len());
    for open in replay.open_orders.iter().take(MOST) {
        page.field("  order    ", &named(&open.query));
        let text = format!("{}: {}", open.when.in_words(), open.text);
        page.field("           ", &text);
    }
    more(page, replay.open_orders.len());
    for change in replay.costs.iter().take(MOST) {
        let label = if change.expected {
            "  note     "
        } else {
            "  cost     "
        };
        page.field(label, &named(&change.query));
        let why = match change.expected {
            true => " (by the same plan: the forward script writes rows of its tables)",
            false => "",
        };
        page.field("           ", &format!("{}{why}", cost(change)));
    }
    more(page, replay.costs.len());
    for change in replay.plans.iter().take(3) {
        page.field("  plan     ", &named(&change.query));
        let (before, after) = &change.plan;
        page.field(
            "           ",
            &format!("{}: {before} → {after}", change.when.in_words()),
        );
    }
}

/// `after the forward script: 4 blocks a call → 310 (77.5 times as many); Index Scan using x on t → Seq Scan on t`.
fn cost(change: &CostChange) -> String {
    let mut parts = Vec::new();
    if let Some((before, after)) = change.blocks {
        parts.push(format!(
            "{before:.0} blocks a call → {after:.0} ({:.1} times as many)",
            after / before.max(1.0)
        ));
    }
    if let Some(speed) = change.speed {
        parts.push(format!(
            "median {:.1} ms → {:.1} ms ({:.1} times as long)",
            speed.before_ms, speed.after_ms, speed.ratio
        ));
    }
    if let Some((before, after)) = &change.plan {
        parts.push(format!("{before} → {after}"));
    }
    format!("{}: {}", change.when.in_words(), parts.join("; "))
}

fn named(query: &QueryName) -> String {
    let calls = plural(query.calls, "call", "calls");
    format!("{} [{calls}]", cut(&query.sql, LONGEST))
}

/// What an upgrade would change.
pub fn upgraded(upgraded: &Upgraded, exit: u8, style: &Style) -> String {
    let mut page = Page::new(style);
    let server = |server: &tightrope_engine::Server| {
        format!("{} {}", server.engine.product(), server.version)
    };
    page.field(
        "from     ",
        &format!("{} at {}", server(&upgraded.from), upgraded.from.host),
    );
    page.field(
        "to       ",
        &format!("{} at {}", server(&upgraded.to), upgraded.to.host),
    );
    for copy in [&upgraded.copy, &upgraded.copy_there] {
        rehearsal::copy_remarks(&mut page, copy);
    }
    page.gap();
    for change in &upgraded.collations {
        page.field("  collation ", &collation(change));
    }
    trial(&mut page, &upgraded.workload);
    page.gap();
    let end = match (upgraded.passed(), upgraded.workload.sentence()) {
        (true, None) => "Every query that works here works there, and says the same.".to_owned(),
        (_, Some(sentence)) => sentence.replace("this migration", "the upgrade"),
        (false, None) => "The upgrade does not pass.".to_owned(),
    };
    page.end(&end, exit)
}

fn collation(change: &CollationChange) -> String {
    let word = |side: &Option<String>| side.clone().unwrap_or_else(|| "not there".to_owned());
    format!(
        "{}: {} → {} (text may be ordered and compared otherwise)",
        change.what,
        word(&change.from),
        word(&change.to)
    )
}

/// The same as JSON.
pub fn upgraded_json(upgraded: &Upgraded) -> Value {
    let mut value = json!(upgraded);
    value["passed"] = Value::from(upgraded.passed());
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::style::test_style;
    use tightrope_lifecycle::{Moment, Replay};

    fn query(sql: &str, calls: u64) -> QueryName {
        QueryName {
            fingerprint: "0123456789abcdef".to_owned(),
            sql: sql.to_owned(),
            calls,
        }
    }

    fn failure(sql: &str, message: &str) -> QueryFailure {
        QueryFailure {
            query: query(sql, 12_000),
            message: message.to_owned(),
            hint: None,
            code: Some("42703".to_owned()),
            line: Some(sql.to_owned()),
            at: Some((1, 8)),
        }
    }

    #[test]
    fn what_breaks_comes_first_and_costs_show_their_plans() {
        let found = WorkloadTrial {
            queries: 52,
            set_aside: vec![failure("select odd", "column \"odd\" does not exist")],
            broken: vec![failure(
                "select note from orders where customer = $1",
                "column \"note\" does not exist",
            )],
            broken_after_rollback: Vec::new(),
            replay: Some(Replay {
                queries: 40,
                calls: 200,
                costs: vec![CostChange {
                    query: query("select id from orders where day = $1", 1),
                    when: Moment::Forward,
                    blocks: Some((4.0, 310.0)),
                    speed: None,
                    plan: Some((
                        "Index Scan using orders_day on orders".to_owned(),
                        "Seq Scan on orders".to_owned(),
                    )),
                    expected: false,
                }],
                ..Replay::default()
            }),
            fails: true,
        };
        let style = test_style();
        let mut page = Page::new(&style);
        trial(&mut page, &found);
        insta::assert_snapshot!(page.end("", 0), @r#"
        queries  52 tried, 1 set aside, for they fail already before, 40 replayed with
                 200 calls
                 this migration breaks 1 query that your application runs:
        broken   select note from orders where customer = $1 [12 000 calls]
                 column "note" does not exist (line 1, column 8 of the query)
        aside    select odd [12 000 calls] (column "odd" does not exist)
        cost     select id from orders where day = $1 [1 call]
                 after the forward script: 4 blocks a call → 310 (77.5 times as many);
                 Index Scan using orders_day on orders → Seq Scan on orders
        "#);
    }
}
