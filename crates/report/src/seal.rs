//! What sealing would free, and what it freed.

use serde_json::{Value, json};
use tightrope_lifecycle::{Sealable, Sealed};

use crate::Style;
use crate::page::Page;
use crate::words::{ago, bytes, plural_of};

/// What would be sealed; `next` is what to do with it.
pub fn seal_plan(migrations: &[Sealable], next: &str, style: &Style) -> String {
    let mut page = Page::new(style);
    if migrations.is_empty() {
        return page.end(NOTHING, 0);
    }
    for one in migrations {
        let applied = format!("applied {}", ago(&one.applied_at, style.now));
        page.spread(&style.bold(&one.label), &applied);
        frees(&mut page, one);
    }
    page.gap();
    let windows = plural_of(migrations, "migration", "migrations");
    let text = format!(
        "Sealing {windows} frees {}. The way back through the net (c) ends there: what the migration destroyed is gone \
         for good, and `tightrope rollback` refuses.",
        bytes(sum(migrations))
    );
    page.field("", &text);
    page.gap();
    page.end(next, 0)
}

const NOTHING: &str = "Nothing to seal: no net is spread.";

fn frees(page: &mut Page<'_>, one: &Sealable) {
    if one.frees.is_empty() {
        return page.line("  frees    nothing: only the window is watched");
    }
    for (number, (what, size)) in one.frees.iter().enumerate() {
        let label = if number == 0 {
            "  frees    "
        } else {
            "           "
        };
        page.field(label, &format!("{what}, {}", bytes(*size)));
    }
}

fn sum(migrations: &[Sealable]) -> u64 {
    migrations.iter().map(Sealable::bytes).sum()
}

/// What was sealed.
pub fn sealed(sealed: &Sealed, style: &Style) -> String {
    let mut page = Page::new(style);
    if sealed.migrations.is_empty() {
        return page.end(NOTHING, 0);
    }
    for one in &sealed.migrations {
        let facts = format!("sealed, {} freed", bytes(one.bytes()));
        page.spread(&style.bold(&one.label), &facts);
    }
    page.gap();
    let windows = plural_of(&sealed.migrations, "migration", "migrations");
    let size = bytes(sum(&sealed.migrations));
    let text =
        format!("{windows} sealed, {size} freed. From here on, fix forward: `tightrope new NAME`.");
    page.field("", &text);
    page.end("", 0)
}

/// What would be sealed, as JSON.
pub fn seal_plan_json(migrations: &[Sealable]) -> Value {
    json!({ "dry_run": true, "migrations": each(migrations), "bytes": sum(migrations) })
}

/// What was sealed, as JSON.
pub fn sealed_json(sealed: &Sealed) -> Value {
    let migrations = &sealed.migrations;
    json!({ "dry_run": false, "migrations": each(migrations), "bytes": sum(migrations) })
}

fn each(migrations: &[Sealable]) -> Vec<Value> {
    let one = |one: &Sealable| {
        let frees = one.frees.iter();
        let frees: Vec<Value> = frees
            .map(|(what, bytes)| json!({ "what": what, "bytes": bytes }))
            .collect();
        json!({
            "version": one.version,
            "label": one.label,
            "applied_at": one.applied_at,
            "frees": frees,
            "bytes": one.bytes(),
        })
    };
    migrations.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::style::test_style;

    fn example() -> Vec<Sealable> {
        let one = |label: &str, frees: &[(&str, u64)]| Sealable {
            version: "0042".to_owned(),
            label: label.to_owned(),
            applied_at: "2026-01-02T10:00:00Z".to_owned(),
            frees: frees
                .iter()
                .map(|(what, bytes)| ((*what).to_owned(), *bytes))
                .collect(),
        };
        vec![
            one(
                "0042_drop_legacy_status",
                &[
                    ("rows of orders as they were", 480_000_000),
                    ("what was touched in orders", 1_200_000),
                ],
            ),
            one("0043_index", &[]),
        ]
    }

    #[test]
    fn what_sealing_frees_and_ends() {
        insta::assert_snapshot!(seal_plan(&example(), "Nothing was changed.", &test_style()), @r"
        0042_drop_legacy_status                                          applied 2 h ago
          frees    rows of orders as they were, 480 MB
                   what was touched in orders, 1.2 MB
        0043_index                                                       applied 2 h ago
          frees    nothing: only the window is watched

        Sealing 2 migrations frees 481 MB. The way back through the net (c) ends there:
        what the migration destroyed is gone for good, and `tightrope rollback` refuses.

        Nothing was changed.
        ");
    }

    #[test]
    fn what_was_sealed() {
        let done = Sealed {
            migrations: example(),
        };
        insta::assert_snapshot!(sealed(&done, &test_style()), @r"
        0042_drop_legacy_status                                     sealed, 481 MB freed
        0043_index                                                     sealed, 0 B freed

        2 migrations sealed, 481 MB freed. From here on, fix forward:
        `tightrope new NAME`.
        ");
        let nothing = Sealed {
            migrations: Vec::new(),
        };
        insta::assert_snapshot!(sealed(&nothing, &test_style()), @r"Nothing to seal: no net is spread.");
        assert_eq!(
            sealed_json(&done)["migrations"][0]["frees"][1]["bytes"],
            1_200_000
        );
    }
}
