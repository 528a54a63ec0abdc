//! A whole history of migrations, looked at: a page that one would show to one's team.

use serde_json::{Value, json};
use tightrope_lifecycle::{FailureReport, MigrationRehearsal, Review};
use tightrope_model::Verdict;

use crate::Style;
use crate::page::{Page, pad};
use crate::rehearsal::label;
use crate::words::{cut, duration, plural, plural_of};

/// The review of a history.
pub fn review(review: &Review, exit: u8, style: &Style) -> String {
    let mut page = Page::new(style);
    let server = &review.server;
    page.line(format!(
        "{} reviewed on {} {}, {}",
        plural_of(&review.migrations, "migration", "migrations"),
        server.engine.product(),
        server.version,
        duration(review.milliseconds)
    ));
    counts(&mut page, review);
    generated(&mut page, review);
    skipped(&mut page, &review.skipped_failures);
    let bad = worst_first(review);
    if !bad.is_empty() {
        page.gap();
        page.line(style.bold("worst first"));
        for one in &bad {
            bad_one(&mut page, one);
        }
    }
    almost(&mut page, review);
    page.gap();
    let proven = review
        .migrations
        .iter()
        .filter(|one| one.verdict.passes())
        .count();
    let sum = format!(
        "{proven} of {} have a way back that is proven.",
        review.migrations.len()
    );
    page.end(&sum, exit)
}

fn counts(page: &mut Page<'_>, review: &Review) {
    let style = page.style;
    let count = |verdict: &Verdict| {
        review
            .migrations
            .iter()
            .filter(|one| one.verdict == *verdict)
            .count()
    };
    let counted = Verdict::ALL
        .iter()
        .map(|verdict| (verdict, count(verdict)))
        .filter(|(_, count)| *count > 0);
    for (verdict, count) in counted {
        let name = style.pass(&pad(verdict.name(), 15), verdict.passes());
        page.field(&format!("  {count:>5}  {name}  "), verdict.meaning());
    }
}

/// Which rows were generated, and which tables got none.
fn generated(page: &mut Page<'_>, review: &Review) {
    let Some(generated) = &review.generated else {
        return;
    };
    page.gap();
    page.line(format!(
        "{} generated rows a table (seed {}); {} tables had rows before the last migration",
        generated.rows, generated.seed, generated.filled
    ));
    for (table, reason) in &generated.unfilled {
        page.field("  ", &format!("{table} got none: {reason}"));
    }
}

fn skipped(page: &mut Page<'_>, failures: &[(String, FailureReport)]) {
    if failures.is_empty() {
        return;
    }
    page.gap();
    let before = plural_of(
        failures,
        "migration before them fails",
        "migrations before them fail",
    );
    page.line(format!("{before} to run forward:"));
    for (label, failure) in failures {
        page.line(format!("  {}", page.style.bold(label)));
        page.field("      ", &format!("{}: {}", failure.place, failure.message));
    }
}

fn worst_first(review: &Review) -> Vec<&MigrationRehearsal> {
    let mut bad: Vec<&MigrationRehearsal> = review
        .migrations
        .iter()
        .filter(|one| !one.verdict.passes())
        .collect();
    let rank = |verdict: Verdict| Verdict::ALL.iter().position(|known| *known == verdict);
    bad.sort_by_key(|one| std::cmp::Reverse(rank(one.verdict)));
    bad
}

fn bad_one(page: &mut Page<'_>, one: &MigrationRehearsal) {
    let style = page.style;
    let verdict = style.bad(&pad(one.verdict.name(), 15));
    page.line(format!("  {verdict}  {}", style.bold(&label(one))));
    page.field("      ", &first_reason(one));
}

/// The first thing that is wrong, and how many more there are.
fn first_reason(one: &MigrationRehearsal) -> String {
    let reason = match (&one.failure, one.differences.first()) {
        (Some(failure), _) => format!("{} ({})", failure.message, failure.place),
        (None, Some(difference)) => difference.text().to_owned(),
        (None, None) => one.because.clone(),
    };
    match one.differences.len() {
        0 | 1 => reason,
        several => {
            let more = plural(several as u64 - 1, "more difference", "more differences");
            format!("{reason} (and {more})")
        }
    }
}

/// Those that pass without being exact, in short.
fn almost(page: &mut Page<'_>, review: &Review) {
    let almost: Vec<&MigrationRehearsal> = review
        .migrations
        .iter()
        .filter(|one| one.verdict.passes() && one.verdict != Verdict::Exact)
        .collect();
    if almost.is_empty() {
        return;
    }
    page.gap();
    page.line(page.style.bold("proven, though not to the letter"));
    for one in almost {
        let width = page.style.width.saturating_sub(19);
        page.line(format!(
            "  {}  {}",
            pad(one.verdict.name(), 15),
            cut(&label(one), width)
        ));
    }
}

/// The review as JSON: `migrations`, `summary` (verdict: count), and what they were made on.
pub fn review_json(review: &Review) -> Value {
    json!({
        "migrations": review.migrations,
        "summary": review.summary,
        "generated": review.generated,
        "skipped_failures": review.skipped_failures.iter().map(|(label, failure)| json!({
            "label": label,
            "failure": failure,
        })).collect::<Vec<_>>(),
        "server": review.server,
        "milliseconds": review.milliseconds,
        "passed": review.passed(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rehearsal::tests::{data_differs, failed, one, server};
    use crate::style::test_style;

    fn example() -> Review {
        let migrations = vec![
            one("0040", "a", Verdict::Exact),
            data_differs(),
            failed(),
            one("0043", "order", Verdict::ColumnOrder),
        ];
        let mut summary = std::collections::BTreeMap::new();
        for migration in &migrations {
            *summary.entry(migration.verdict.name()).or_insert(0) += 1;
        }
        Review {
            server: server(),
            migrations,
            skipped_failures: Vec::new(),
            summary,
            derived: std::collections::BTreeMap::new(),
            generated: None,
            milliseconds: 161_000,
        }
    }

    #[test]
    fn a_review_is_a_page_for_the_team() {
        insta::assert_snapshot!(review(&example(), 3, &test_style()), @r#"
        4 migrations reviewed on PostgreSQL 15.18, 2 min 41 s
              1  exact            schema and every row come back exactly
              1  column-order     everything comes back, but columns stand in another
                                  order
              1  data-differs     the schema comes back, but rows do not
              1  rollback-fails   the rollback script fails

        worst first
          rollback-fails   0042_b
              table "custmers" does not exist (migrations/0042_b/down.sql:2:13)
          data-differs     0041_split_name
              table customers: 184 203 of 184 203 rows differ in `name`

        proven, though not to the letter
          column-order     0043_order

        2 of 4 have a way back that is proven.                                    exit 3
        "#);
    }

    #[test]
    fn the_json_has_its_promised_shape() {
        let value = review_json(&example());
        assert_eq!(value["summary"]["data-differs"], 1);
        assert_eq!(value["summary"]["exact"], 1);
        let migration = &value["migrations"][1];
        for key in [
            "version",
            "name",
            "verdict",
            "differences",
            "forward_ms",
            "rollback_ms",
        ] {
            assert!(migration.get(key).is_some(), "{key}");
        }
        assert_eq!(migration["differences"][0]["in"], "data");
        assert_eq!(migration["verdict"], "data-differs");
    }
}
