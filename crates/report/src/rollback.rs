//! What a rollback would do, and what it did.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tightrope_engine::{Merged, Quarantined};
use tightrope_lifecycle::{NetReturn, Readiness, Return, RolledBack, RolledBackOne, Way};
use tightrope_store::AppliedMigration;

use crate::conflicts::values;
use crate::page::Page;
use crate::quarantine::{columns, values_json};
use crate::words::{ago, cut, duration, plural, plural_of};
use crate::{Style, readiness};

/// How many reasons, and rows of one reason, are shown of what went to quarantine.
const MOST: usize = 3;

/// The gauges of migrations, by their version's key.
pub type Gauges = BTreeMap<String, Readiness>;

/// What would be rolled back; `interrupted` is the half-done migration that would be dealt with instead.
pub fn rollback_plan(
    migrations: &[AppliedMigration],
    gauges: &Gauges,
    interrupted: Option<&str>,
    next: &str,
    style: &Style,
) -> String {
    let mut page = Page::new(style);
    if let Some(label) = interrupted {
        page.field(
            "",
            &format!(
                "{} is half done: it would be undone from the journal.",
                style.bold(label)
            ),
        );
    }
    for migration in migrations {
        page.gap();
        one_planned(&mut page, migration, gauges.get(&migration.version_key));
    }
    page.gap();
    page.end(next, 0)
}

fn one_planned(page: &mut Page<'_>, migration: &AppliedMigration, gauge: Option<&Readiness>) {
    let style = page.style;
    let applied = format!("applied {}", ago(&migration.applied_at, style.now));
    page.spread(
        &style.bold(&label(&migration.version, &migration.name)),
        &applied,
    );
    match &migration.certificate {
        Some(certificate) => page.line(format!(
            "  proven   in rehearsal: {}, {}",
            certificate.verdict,
            duration(certificate.rollback_ms)
        )),
        None => page.line(format!(
            "  proven   {}",
            style.careful("no: it was applied unrehearsed")
        )),
    }
    if let Some(gauge) = gauge {
        let rollback_ms = migration.certificate.as_ref().map(|one| one.rollback_ms);
        readiness::show(page, "  ", gauge, rollback_ms);
    }
    let Some(rollback) = &migration.rollback else {
        return page.line("  script   none");
    };
    let from = match migration.derived {
        true => "derived, as it is stored in the database:".to_owned(),
        false => format!("{}, as stored in the database:", rollback.file),
    };
    page.line(format!("  script   {from}"));
    for line in rollback.text.trim().lines() {
        page.line(format!("    {}", style.faint(line)));
    }
}

fn label(version: &str, name: &str) -> String {
    if name.is_empty() {
        version.to_owned()
    } else {
        format!("{version}_{name}")
    }
}

/// What would be rolled back, as JSON.
pub fn rollback_plan_json(
    migrations: &[AppliedMigration],
    gauges: &Gauges,
    interrupted: Option<&str>,
) -> Value {
    let planned: Vec<Value> = migrations
        .iter()
        .map(|migration| {
            json!({
                "version": migration.version,
                "name": migration.name,
                "applied_at": migration.applied_at,
                "applied_by": migration.applied_by,
                "verdict": migration.certificate.as_ref().map(|certificate| certificate.verdict),
                "rollback_ms": migration.certificate.as_ref().map(|certificate| certificate.rollback_ms),
                "script": migration.rollback.as_ref().map(|script| &script.text),
                "file": migration.rollback.as_ref().map(|script| &script.file),
                "derived": migration.derived,
                "readiness": gauges.get(&migration.version_key),
            })
        })
        .collect();
    json!({ "dry_run": true, "interrupted": interrupted, "migrations": planned })
}

/// What rolling back did.
pub fn rolled_back(rolled_back: &RolledBack, style: &Style) -> String {
    let mut page = Page::new(style);
    if let Some(recovered) = &rolled_back.recovered {
        page.field("", recovered);
        page.gap();
    }
    if rolled_back.migrations.is_empty() {
        return page.end("Nothing to roll back.", 0);
    }
    for one in &rolled_back.migrations {
        one_done(&mut page, one);
    }
    page.gap();
    let sum = plural_of(&rolled_back.migrations, "migration", "migrations");
    page.end(
        &format!("{sum} rolled back. Forward again with `tightrope apply`."),
        0,
    )
}

fn one_done(page: &mut Page<'_>, one: &RolledBackOne) {
    let style = page.style;
    let schema = match one.schema {
        Return::Exact => style.good("schema exact"),
        Return::Logical => style.good("schema back, though not to the letter"),
        Return::Differs => style.bad("schema differs, on the record"),
        Return::Unmeasured => style.careful("schema not compared: it was not measured before"),
    };
    let facts = format!("rolled back in {}, {schema}", duration(one.rollback_ms));
    page.spread(&style.bold(&label(&one.version, &one.name)), &facts);
    if let Some(net) = &one.net {
        net_return(page, net);
    }
}

/// What the net did: which script led back, what became of the rows, and what went to quarantine.
fn net_return(page: &mut Page<'_>, net: &NetReturn) {
    let style = page.style;
    match (net.way, &net.instead_of) {
        (Way::Written, _) => page.line("  by       the written rollback and the net"),
        (Way::Derived, _) => page.line("  by       the derived rollback and the net"),
        (Way::DerivedInstead, because) => {
            let because = because.as_deref().unwrap_or("it cannot run here");
            let text = format!(
                "the derived rollback, because the written one failed and was undone: {because}"
            );
            page.field("  by       ", &style.careful(&text));
        }
    }
    page.field("  rows     ", &rows(&net.merged));
    for image in &net.images {
        let rows = plural(image.rows, "row", "rows");
        let text = format!(
            "{rows} of {}, which only the new schema has a place for, until `tightrope apply` or `tightrope seal`",
            image.table
        );
        page.field("  kept     ", &text);
    }
    if !net.left_alone.is_empty() {
        let text = format!("{}, made by others since", net.left_alone.join(", "));
        page.field("  stays    ", &text);
    }
    for loss in &net.losses {
        let text = format!("{}: {} ({})", loss.object, loss.reason, loss.lost);
        page.field("  lost     ", &style.careful(&text));
    }
    quarantined(page, &net.quarantined);
}

fn rows(merged: &Merged) -> String {
    let parts: Vec<String> = [
        (merged.given_back, "row as before", "rows as before"),
        (merged.returned, "deleted row back", "deleted rows back"),
        (
            merged.removed,
            "row of the migration gone",
            "rows of the migration gone",
        ),
    ]
    .into_iter()
    .filter(|(rows, _, _)| *rows > 0)
    .map(|(rows, one, many)| plural(rows, one, many))
    .chain(std::iter::once(match merged.kept {
        0 => "nothing was written since".to_owned(),
        kept => plural(kept, "row written since kept", "rows written since kept"),
    }))
    .collect();
    parts.join(", ")
}

/// The rows in quarantine by table and reason, with the first of each.
fn quarantined(page: &mut Page<'_>, rows: &[Quarantined]) {
    if rows.is_empty() {
        return;
    }
    let style = page.style;
    let sum = plural_of(rows, "row", "rows");
    let text = format!("{sum} that the schema of before cannot hold went there, whole");
    page.field("  quarantine  ", &style.careful(&text));
    let mut by_reason: BTreeMap<(String, &str), Vec<&Quarantined>> = BTreeMap::new();
    for row in rows {
        let reason = (row.table.to_string(), row.reason.as_str());
        by_reason.entry(reason).or_default().push(row);
    }
    for ((table, reason), rows) in by_reason.iter().take(MOST) {
        let head = format!("{table}: {} ({reason})", plural_of(rows, "row", "rows"));
        page.field("           ", &head);
        for row in rows.iter().take(MOST) {
            let values = values(&columns(&row.row));
            page.line(style.faint(&format!("             {}", cut(&values, style.width - 13))));
        }
    }
    if by_reason.len() > MOST {
        let more = plural(
            (by_reason.len() - MOST) as u64,
            "more reason",
            "more reasons",
        );
        page.line(format!("           and {more}"));
    }
    page.hint("see them with `tightrope quarantine list`; put them back or give them up there");
}

/// What rolling back did, as JSON.
pub fn rolled_back_json(rolled_back: &RolledBack) -> Value {
    let mut value = json!(rolled_back);
    for (one, done) in rolled_back.migrations.iter().enumerate() {
        let Some(net) = &done.net else { continue };
        let rows = net.quarantined.iter().map(|row| {
            json!({
                "table": row.table.to_string(),
                "reason": row.reason,
                "row": values_json(row),
            })
        });
        value["migrations"][one]["net"]["quarantined"] = rows.collect();
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::readiness::tests::readiness;
    use crate::style::test_style;
    use tightrope_inverse::Loss;
    use tightrope_model::{Digest, ObjectId, ObjectKind, TableName};
    use tightrope_store::StoredScript;

    fn applied() -> AppliedMigration {
        let digest = Digest::of("");
        AppliedMigration {
            version: "0042".to_owned(),
            version_key: "42".to_owned(),
            name: "drop_status".to_owned(),
            repeatable: false,
            sequence: 3,
            run: "1".to_owned(),
            forward: digest,
            forward_meaning: digest,
            rollback: Some(StoredScript {
                file: "migrations/0042_drop_status/down.sql".to_owned(),
                first_line: 1,
                text: "alter table orders\n  add column status text;\n".to_owned(),
                transaction: "auto".to_owned(),
                digest,
                meaning: digest,
            }),
            before: None,
            after: None,
            certificate: None,
            unrehearsed: Some("why".to_owned()),
            applied_at: "2026-01-02T11:00:00Z".to_owned(),
            applied_by: "me".to_owned(),
            forward_ms: 4,
            derived: false,
            net: None,
            sealed_at: None,
            kept_file: None,
            renames: Vec::new(),
            fill: BTreeMap::new(),
        }
    }

    #[test]
    fn a_dry_run_shows_the_gauge() {
        let migration = AppliedMigration {
            derived: true,
            ..applied()
        };
        let gauge = readiness(&[("orders", 1_912)], 2);
        let gauges = Gauges::from([(migration.version_key.clone(), gauge)]);
        let shown = rollback_plan(&[migration], &gauges, None, "Dry run.", &test_style());
        insta::assert_snapshot!(shown, @r"
        0042_drop_status                                                 applied 1 h ago
          proven   no: it was applied unrehearsed
          way back: c, 2 rows in conflict
            by the derived rollback; 1912 rows written since (orders 1912); the net
            keeps 480 MB until `tightrope seal`
            users: 2 rows break unique constraint `users_email_key`
              id = 7, email = ana@example.org
              id = 9, email = ana@example.org
            a rollback puts them whole into quarantine, or stops with `--conflicts stop`
          script   derived, as it is stored in the database:
            alter table orders
              add column status text;

        Dry run.
        ");
    }

    #[test]
    fn a_dry_run_shows_the_stored_script() {
        let migration = applied();
        let next = "Nothing was changed: this was a dry run.";
        insta::assert_snapshot!(rollback_plan(&[migration], &Gauges::new(), None, next, &test_style()), @r"
        0042_drop_status                                                 applied 1 h ago
          proven   no: it was applied unrehearsed
          script   migrations/0042_drop_status/down.sql, as stored in the database:
            alter table orders
              add column status text;

        Nothing was changed: this was a dry run.
        ");
    }

    #[test]
    fn what_came_back() {
        let one = |name: &str, schema| RolledBackOne {
            version: "0042".to_owned(),
            name: name.to_owned(),
            rollback_ms: 12,
            schema,
            fingerprint: "ab".to_owned(),
            net: None,
        };
        let done = RolledBack {
            migrations: vec![one("b", Return::Exact), one("a", Return::Unmeasured)],
            recovered: None,
        };
        insta::assert_snapshot!(rolled_back(&done, &test_style()), @r"
        0042_b                                        rolled back in 12 ms, schema exact
        0042_a     rolled back in 12 ms, schema not compared: it was not measured before

        2 migrations rolled back. Forward again with `tightrope apply`.
        ");
    }

    #[test]
    fn what_the_net_did() {
        let row = |id: u64| Quarantined {
            table: TableName::new("public", "users"),
            reason: "unique constraint `users_email_key`".to_owned(),
            row: format!(r#"{{"id": {id}, "email": "ana@example.org"}}"#),
        };
        let net = NetReturn {
            way: Way::DerivedInstead,
            instead_of: Some("migrations/0042_b/down.sql:2:1: no such table".to_owned()),
            merged: Merged {
                given_back: 31_204_112,
                returned: 1,
                removed: 0,
                kept: 1_912,
            },
            quarantined: (1..=5).map(row).collect(),
            losses: vec![Loss {
                object: ObjectId::new(ObjectKind::Extension, vec!["hstore".to_owned()]),
                reason: "it cannot be made again here".to_owned(),
                lost: "the extension".to_owned(),
            }],
            images: Vec::new(),
            left_alone: Vec::new(),
        };
        let one = |way, net: NetReturn| RolledBackOne {
            version: "0042".to_owned(),
            name: "drop_status".to_owned(),
            rollback_ms: 312,
            schema: Return::Exact,
            fingerprint: "ab".to_owned(),
            net: Some(NetReturn { way, ..net }),
        };
        let quiet = NetReturn {
            merged: Merged::default(),
            quarantined: Vec::new(),
            losses: Vec::new(),
            ..net.clone()
        };
        let done = RolledBack {
            migrations: vec![one(Way::DerivedInstead, net), one(Way::Written, quiet)],
            recovered: None,
        };
        insta::assert_snapshot!(rolled_back(&done, &test_style()), @r"
        0042_drop_status                             rolled back in 312 ms, schema exact
          by       the derived rollback, because the written one failed and was undone:
                   migrations/0042_b/down.sql:2:1: no such table
          rows     31 204 112 rows as before, 1 deleted row back, 1912 rows written
                   since kept
          lost     extension hstore: it cannot be made again here (the extension)
          quarantine  5 rows that the schema of before cannot hold went there, whole
                   users: 5 rows (unique constraint `users_email_key`)
                     id = 1, email = ana@example.org
                     id = 2, email = ana@example.org
                     id = 3, email = ana@example.org
          hint: see them with `tightrope quarantine list`; put them back or give them up
                there
        0042_drop_status                             rolled back in 312 ms, schema exact
          by       the written rollback and the net
          rows     nothing was written since

        2 migrations rolled back. Forward again with `tightrope apply`.
        ");
        let rows = &rolled_back_json(&done)["migrations"][0]["net"]["quarantined"];
        assert_eq!(rows[0]["row"]["id"], 1);
    }
}
