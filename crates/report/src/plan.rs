//! What would run, and how one would get back.

use serde_json::{Value, json};
use tightrope_engine::Server;
use tightrope_lifecycle::{
    CertificateStanding, EXTRAPOLATED, Plan, PlannedMigration, PlannedStatement, PlannedStep,
    WayBack,
};

use crate::check::short_findings;
use crate::page::{Page, pad};
use crate::rehearsal::rows_in_words;
use crate::status::{drift_lines, interrupted, server_in_words};
use crate::words::{ago, bytes, cut, duration, plural};
use crate::{Style, keeps, selection};

/// How many statements of one step are shown.
const MOST_STATEMENTS: usize = 12;

/// The plan; `next` is what to do with it.
pub fn plan(plan: &Plan, next: &str, exit: u8, style: &Style) -> String {
    let mut page = Page::new(style);
    head(&mut page, plan);
    if let Some(open) = &plan.open_run {
        interrupted(&mut page, open);
    }
    if let Some(drift) = &plan.drift {
        drift_lines(&mut page, drift);
    }
    for (labels, words) in [
        (&plan.changed, "changed in the folder after it was applied"),
        (&plan.missing, "applied, but not in the folder"),
    ] {
        for label in labels {
            page.line(format!("{}  {label}: {words}", style.careful("warning")));
        }
    }
    short_findings(&mut page, &plan.findings);
    copies(&mut page, plan);
    for migration in &plan.migrations {
        page.gap();
        planned(&mut page, migration);
    }
    page.gap();
    if plan.migrations.is_empty() && plan.open_run.is_none() {
        return page.end("Nothing to do.", exit);
    }
    page.end(next, exit)
}

fn head(page: &mut Page<'_>, plan: &Plan) {
    let style = page.style;
    let Some(server) = &plan.server else {
        return page.line("The database is not there yet.");
    };
    let at = match &plan.at {
        Some(at) => format!("at {at}"),
        None => "nothing applied".to_owned(),
    };
    let tables = plural(plan.tables as u64, "table", "tables");
    page.spread(&format!("{}, {tables}", head_of(server, style)), &at);
}

fn head_of(server: &Server, style: &Style) -> String {
    let (name, product) = server_in_words(server);
    format!("{}   {product}", style.bold(&name))
}

/// What copies cost, while one has to be made.
fn copies(page: &mut Page<'_>, plan: &Plan) {
    let to_prove = |migration: &PlannedMigration| {
        matches!(migration.proof, CertificateStanding::Unproven { .. })
    };
    let Some(copies) = &plan.copies else {
        return;
    };
    if !plan.migrations.iter().any(to_prove) {
        return;
    }
    let style = page.style;
    page.gap();
    let time = match copies.milliseconds {
        Some(milliseconds) => format!("about {}", duration(milliseconds)),
        None => "time unknown".to_owned(),
    };
    let what = match copies.provider {
        "command" => copies.of.clone(),
        _ => format!("{} of {}", copies.method, copies.of),
    };
    page.spread(&format!("{}   {what}", style.bold("copies")), &time);
    if let Some(because) = &copies.because {
        page.field("  because  ", because);
    }
    if copies.milliseconds.is_some() {
        page.field("  time     ", copies.source);
    }
    for room in &copies.room {
        let free = match room.free_bytes {
            Some(free) => format!(", {} free", bytes(free)),
            None => String::new(),
        };
        let words = format!("{} on {}: {}{free}", bytes(room.bytes), room.at, room.what);
        let too_little = room.free_bytes.is_some_and(|free| free < room.bytes);
        let words = if too_little {
            style.careful(&words)
        } else {
            words
        };
        page.field("  room     ", &words);
    }
    for (number, notice) in copies.on_target.iter().enumerate() {
        let label = if number == 0 {
            "  target   "
        } else {
            "           "
        };
        page.field(label, notice);
    }
}

fn planned(page: &mut Page<'_>, migration: &PlannedMigration) {
    let style = page.style;
    let proof = match &migration.proof {
        CertificateStanding::Fresh {
            issued_at,
            verdict,
            copy,
        } => {
            let when = ago(issued_at, style.now);
            style.good(&format!(
                "certified {when} ({verdict}, on a copy by {copy})"
            ))
        }
        CertificateStanding::Unproven { because } => {
            style.careful(&format!("not proven: {because}"))
        }
    };
    page.spread(&style.bold(&migration.label), &proof);
    let several = migration.steps.len() > 1;
    for (number, step) in migration.steps.iter().enumerate() {
        planned_step(page, step, several.then_some(number + 1));
    }
    if let Some(footprint) = &migration.footprint {
        let rows = rows_in_words(footprint);
        if !rows.is_empty() {
            page.field("  rows     ", &format!("{rows} (in rehearsal)"));
        }
    }
    if !migration.destroys.is_empty() {
        let destroys = migration.destroys.join("; ");
        page.field("  destroys ", &style.careful(&destroys));
    }
    keeps::show(page, migration);
    if let Some(forward_ms) = migration.forward_ms {
        page.line(format!("  forward  {} in rehearsal", duration(forward_ms)));
    }
    if migration.sample.is_some() {
        let forward = migration.extrapolated.as_ref().map(|both| both.forward);
        page.field("           ", &selection::on_all_rows(forward.as_ref()));
    }
    ways_back(page, &migration.ways_back);
    if let Some(decision) = &migration.decision {
        page.field("  decide   ", &style.careful(decision));
    }
}

fn planned_step(page: &mut Page<'_>, step: &PlannedStep, number: Option<usize>) {
    if let Some(number) = number {
        let how = if step.in_transaction {
            "one transaction"
        } else {
            "alone, journalled"
        };
        page.line(format!("  step {number}, {how}"));
    }
    for statement in step.statements.iter().take(MOST_STATEMENTS) {
        planned_statement(page, statement);
    }
    if step.statements.len() > MOST_STATEMENTS {
        page.line(format!(
            "  … and {} more statements",
            step.statements.len() - MOST_STATEMENTS
        ));
    }
}

fn planned_statement(page: &mut Page<'_>, statement: &PlannedStatement) {
    let width = page.style.width.saturating_sub(2);
    page.line(format!("  {}", cut(&statement.text, width)));
    if !statement.locks.is_empty() {
        let locks = page
            .style
            .faint(&format!("locks {}", statement.locks.join(", ")));
        page.field("      ", &locks);
    }
}

fn ways_back(page: &mut Page<'_>, ways: &[WayBack]) {
    let style = page.style;
    page.line("  ways back");
    for way in ways {
        let time = match (way.open, way.milliseconds) {
            (false, _) => "not open".to_owned(),
            (true, Some(0)) if way.way == 'a' => "instant".to_owned(),
            (true, Some(milliseconds)) => duration(milliseconds),
            (true, None) => "time unknown".to_owned(),
        };
        let line = format!("    {}  {}  {}", way.way, pad(way.what, 28), pad(&time, 13));
        if way.open {
            let proven = if way.proven == "no" {
                "not proven".to_owned()
            } else {
                format!("proven {}", way.proven)
            };
            page.line(format!("{line} {proven}"));
            page.field("       ", &format!("loses {}", way.loses));
            // Of the others the line says where the time is from.
            if (way.way == 'd' || way.source == EXTRAPOLATED) && way.milliseconds.is_some() {
                page.field("       ", &format!("time  {}", way.source));
            }
        } else {
            page.line(style.faint(&line));
        }
    }
}

/// The plan as JSON.
pub fn plan_json(plan: &Plan) -> Value {
    json!(plan)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::rehearsal::tests::server;
    use crate::style::test_style;
    use tightrope_lifecycle::{CopiesPlanned, CopyRoom};
    use tightrope_model::{Place, Verdict};

    pub(crate) fn planned() -> PlannedMigration {
        let statement = PlannedStatement {
            what: "alter table".to_owned(),
            text: "alter table orders drop column legacy_status".to_owned(),
            place: Place::file("migrations/0042_drop_legacy_status/up.sql"),
            locks: vec!["access exclusive on orders".to_owned()],
            destroys: vec!["column orders.legacy_status".to_owned()],
        };
        let way = |way, what, milliseconds, open: bool| WayBack {
            way,
            what,
            milliseconds,
            source: "measured in rehearsal",
            loses: "nothing".to_owned(),
            proven: "in rehearsal".to_owned(),
            open,
        };
        PlannedMigration {
            version: "0042".to_owned(),
            name: "drop_legacy_status".to_owned(),
            label: "0042_drop_legacy_status".to_owned(),
            destroys: statement.destroys.clone(),
            steps: vec![PlannedStep {
                in_transaction: true,
                statements: vec![statement],
            }],
            proof: CertificateStanding::Fresh {
                issued_at: "2026-01-02T10:00:00Z".to_owned(),
                verdict: Verdict::Exact,
                copy: "template".to_owned(),
            },
            forward_ms: Some(20),
            extrapolated: None,
            sample: None,
            footprint: None,
            net: None,
            no_net: None,
            derived: false,
            losses: Vec::new(),
            asks_fill: Vec::new(),
            ways_back: vec![
                way('a', "inside the transaction", Some(0), true),
                way('c', "rollback script", Some(40), true),
                way('d', "restore a backup of your own", None, false),
            ],
            decision: None,
        }
    }

    fn example() -> Plan {
        Plan {
            server: Some(server()),
            tables: 48,
            applied: 40,
            at: Some("0040".to_owned()),
            migrations: vec![planned()],
            copies: None,
            changed: Vec::new(),
            missing: Vec::new(),
            drift: None,
            open_run: None,
            findings: Vec::new(),
        }
    }

    #[test]
    fn a_plan_says_how_one_gets_back() {
        insta::assert_snapshot!(plan(&example(), "Apply with `tightrope apply`.", 2, &test_style()), @r"
        shop@staging:5432   PostgreSQL 15.18, 48 tables                          at 0040

        0042_drop_legacy_status         certified 2 h ago (exact, on a copy by template)
          alter table orders drop column legacy_status
              locks access exclusive on orders
          destroys column orders.legacy_status
          forward  20 ms in rehearsal
          ways back
            a  inside the transaction        instant       proven in rehearsal
               loses nothing
            c  rollback script               40 ms         proven in rehearsal
               loses nothing
            d  restore a backup of your own  not open

        Apply with `tightrope apply`.                                             exit 2
        ");
    }

    #[test]
    fn a_plan_says_what_copies_cost_while_one_is_needed() {
        let copies = CopiesPlanned {
            provider: "target",
            of: "the target".to_owned(),
            method: "dump and restore".to_owned(),
            because: Some("others are connected to \"shop\": web".to_owned()),
            room: vec![CopyRoom {
                at: "rehearsal:5432".to_owned(),
                bytes: 424_000_000_000,
                free_bytes: Some(90_000_000_000),
                what: "two at a time, each as large as the database".to_owned(),
            }],
            milliseconds: Some(1_000_000),
            source: "estimated from the size, roughly",
            on_target: vec![
                "every table is read once".to_owned(),
                "reads and writes go on".to_owned(),
            ],
        };
        let certified = Plan {
            copies: Some(copies),
            ..example()
        };
        let text = plan(&certified, "", 2, &test_style());
        assert!(!text.contains("copies"), "{text}");
        let because = "it has no certificate".to_owned();
        let mut unproven = certified;
        unproven.migrations[0].proof = CertificateStanding::Unproven { because };
        let text = plan(&unproven, "", 2, &test_style());
        let lines: Vec<&str> = text.lines().skip(2).take(9).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        copies   dump and restore of the target                        about 16 min 40 s
          because  others are connected to "shop": web
          time     estimated from the size, roughly
          room     424 GB on rehearsal:5432: two at a time, each as large as the
                   database, 90 GB free
          target   every table is read once
                   reads and writes go on

        0042_drop_legacy_status                        not proven: it has no certificate
        "#);
    }

    #[test]
    fn an_empty_plan_is_short() {
        let nothing = Plan {
            migrations: Vec::new(),
            ..example()
        };
        insta::assert_snapshot!(plan(&nothing, "", 0, &test_style()), @r"
        shop@staging:5432   PostgreSQL 15.18, 48 tables                          at 0040

        Nothing to do.
        ");
    }
}
