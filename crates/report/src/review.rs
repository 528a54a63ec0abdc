//! A whole history of migrations, looked at: a page that one would show to one's team.

use serde_json::{Value, json};
use tightrope_lifecycle::{DerivedRehearsal, FailureReport, MigrationRehearsal, Review};
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
    bad_derived(&mut page, review);
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
    if review.derived.is_empty() {
        return page.end(&sum, exit);
    }
    page.line(sum);
    page.field("", &derived_sum(review));
    page.end("", exit)
}

fn derived_sum(review: &Review) -> String {
    let rehearsed = derived_ones(review).count();
    let passing = derived_ones(review)
        .filter(|(_, derived)| derived.verdict.passes())
        .count();
    let sum = format!("derived rollbacks: {passing} of {rehearsed} are proven.");
    match passing {
        0 => sum,
        _ => format!("{sum} Write them with `tightrope new --derive --all`."),
    }
}

fn derived_ones(review: &Review) -> impl Iterator<Item = (&MigrationRehearsal, &DerivedRehearsal)> {
    let migrations = review.migrations.iter();
    migrations.filter_map(|one| Some((one, one.derived.as_ref()?)))
}

/// How many migrations got each verdict; where derived rollbacks were rehearsed, too, both side by side.
fn counts(page: &mut Page<'_>, review: &Review) {
    let style = page.style;
    let both = !review.derived.is_empty();
    if both {
        page.line("  written  derived");
    }
    for verdict in Verdict::ALL {
        let written = review.migrations.iter();
        let written = written.filter(|one| one.verdict == verdict).count();
        let derived = review.derived.get(verdict.name()).copied().unwrap_or(0);
        if written + derived == 0 {
            continue;
        }
        let numbers = match both {
            true => format!("{written:>9}{derived:>9}"),
            false => format!("{written:>7}"),
        };
        let name = style.pass(&pad(verdict.name(), 15), verdict.passes());
        page.field(&format!("{numbers}  {name}  "), verdict.meaning());
    }
}

/// Derived rollbacks that do not lead back.
fn bad_derived(page: &mut Page<'_>, review: &Review) {
    let bad: Vec<_> = derived_ones(review)
        .filter(|(_, derived)| !derived.verdict.passes())
        .collect();
    if bad.is_empty() {
        return;
    }
    page.gap();
    page.line(page.style.bold("derived rollbacks that do not lead back"));
    for (one, derived) in bad {
        let verdict = page.style.bad(&pad(derived.verdict.name(), 15));
        page.line(format!("  {verdict}  {}", page.style.bold(&label(one))));
        let reason = derived.differences.first();
        let reason = reason.map_or(derived.because.as_str(), |difference| difference.text());
        page.field("      ", reason);
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
        "derived_summary": review.derived,
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
    use crate::rehearsal::tests::{data_differs, derived, failed, one, server};
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
    fn derived_rollbacks_stand_beside_the_written_ones() {
        let mut both = example();
        for migration in &mut both.migrations {
            let verdict = match migration.verdict {
                Verdict::ColumnOrder => Verdict::SchemaDiffers,
                _ => Verdict::Exact,
            };
            migration.derived = Some(derived(verdict));
            *both.derived.entry(verdict.name()).or_default() += 1;
        }
        insta::assert_snapshot!(review(&both, 3, &test_style()), @r#"
        4 migrations reviewed on PostgreSQL 15.18, 2 min 41 s
          written  derived
                1        3  exact            schema and every row come back exactly
                1        0  column-order     everything comes back, but columns stand in
                                             another order
                0        1  schema-differs   the rollback runs, but the schema is not
                                             what it was
                1        0  data-differs     the schema comes back, but rows do not
                1        0  rollback-fails   the rollback script fails

        worst first
          rollback-fails   0042_b
              table "custmers" does not exist (migrations/0042_b/down.sql:2:13)
          data-differs     0041_split_name
              table customers: 184 203 of 184 203 rows differ in `name`

        proven, though not to the letter
          column-order     0043_order

        derived rollbacks that do not lead back
          schema-differs   0043_order
              the rollback runs, but the schema is not what it was

        2 of 4 have a way back that is proven.
        derived rollbacks: 3 of 4 are proven. Write them with
        `tightrope new --derive --all`.                                           exit 3
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
