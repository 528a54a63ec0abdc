//! What a rollback would do, and what it did.

use serde_json::{Value, json};
use tightrope_lifecycle::{Return, RolledBack, RolledBackOne};
use tightrope_store::AppliedMigration;

use crate::Style;
use crate::page::Page;
use crate::words::{ago, duration, plural_of};

/// What would be rolled back; `interrupted` is the half-done migration that would be dealt with instead.
pub fn rollback_plan(
    migrations: &[AppliedMigration],
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
        one_planned(&mut page, migration);
    }
    page.gap();
    page.end(next, 0)
}

fn one_planned(page: &mut Page<'_>, migration: &AppliedMigration) {
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
    let Some(rollback) = &migration.rollback else {
        return page.line("  script   none");
    };
    page.line(format!(
        "  script   {}, as stored in the database:",
        rollback.file
    ));
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
pub fn rollback_plan_json(migrations: &[AppliedMigration], interrupted: Option<&str>) -> Value {
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
}

/// What rolling back did, as JSON.
pub fn rolled_back_json(rolled_back: &RolledBack) -> Value {
    json!(rolled_back)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::style::test_style;
    use tightrope_model::Digest;
    use tightrope_store::StoredScript;

    #[test]
    fn a_dry_run_shows_the_stored_script() {
        let digest = Digest::of("");
        let migration = AppliedMigration {
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
            renames: Vec::new(),
            fill: std::collections::BTreeMap::new(),
        };
        let next = "Nothing was changed: this was a dry run.";
        insta::assert_snapshot!(rollback_plan(&[migration], None, next, &test_style()), @r"
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
}
