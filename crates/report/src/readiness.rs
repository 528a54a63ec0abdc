//! The readiness gauge: can I roll back now, how, and what would not fit.

use std::collections::BTreeMap;

use tightrope_lifecycle::Readiness;
use tightrope_model::Conflict;

use crate::conflicts::conflict_lines;
use crate::page::Page;
use crate::words::{bytes, duration, plural};

/// How many tables are named with the number of their rows.
const MOST_TABLES: usize = 4;
/// How many conflicts are shown.
const MOST_CONFLICTS: usize = 4;

/// The gauge of one migration, each line behind the same indent; `milliseconds` is how long the way back takes.
pub(crate) fn show(
    page: &mut Page<'_>,
    indent: &str,
    readiness: &Readiness,
    milliseconds: Option<u64>,
) {
    let style = page.style;
    let below = format!("{indent}  ");
    let time = milliseconds
        .map(|milliseconds| format!(" {},", duration(milliseconds)))
        .unwrap_or_default();
    if let Some(newer) = &readiness.below {
        let text =
            format!("way back: c,{time} after {newer} is rolled back; its rows are counted then");
        page.field(indent, &style.careful(&text));
    } else {
        let conflicts = plural(readiness.in_conflict, "row in conflict", "rows in conflict");
        let text = format!("way back: c,{time} {conflicts}");
        page.field(indent, &style.pass(&text, readiness.in_conflict == 0));
    }
    page.field(&below, &facts(readiness));
    conflicts(page, &below, &readiness.gauge.conflicts);
}

/// Which script leads back, and what was written since.
fn facts(readiness: &Readiness) -> String {
    let by = match readiness.derived {
        true => "by the derived rollback",
        false => "by the written rollback and the net",
    };
    let mut facts = by.to_owned();
    if readiness.below.is_none() {
        facts.push_str(&format!("; {}", written(&readiness.gauge.written)));
    }
    if readiness.net_bytes > 0 {
        let size = bytes(readiness.net_bytes);
        facts.push_str(&format!("; the net keeps {size} until `tightrope seal`"));
    }
    facts
}

/// `1912 rows written since (orders 1900, users 12)`.
fn written(tables: &BTreeMap<String, u64>) -> String {
    let mut tables: Vec<(&String, u64)> = tables
        .iter()
        .map(|(table, rows)| (table, *rows))
        .filter(|(_, rows)| *rows > 0)
        .collect();
    let sum = tables.iter().map(|(_, rows)| rows).sum();
    if sum == 0 {
        return "nothing written since".to_owned();
    }
    tables.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
    let mut named: Vec<String> = tables
        .iter()
        .take(MOST_TABLES)
        .map(|(table, rows)| format!("{table} {}", tightrope_model::grouped(*rows)))
        .collect();
    if tables.len() > MOST_TABLES {
        let more = tables.len() - MOST_TABLES;
        named.push(plural(more as u64, "more table", "more tables"));
    }
    let rows = plural(sum, "row", "rows");
    format!("{rows} written since ({})", named.join(", "))
}

fn conflicts(page: &mut Page<'_>, indent: &str, conflicts: &[Conflict]) {
    if conflicts.is_empty() {
        return;
    }
    for conflict in conflicts.iter().take(MOST_CONFLICTS) {
        conflict_lines(page, indent, conflict);
    }
    if conflicts.len() > MOST_CONFLICTS {
        let more = conflicts.len() - MOST_CONFLICTS;
        page.line(format!("{indent}and {more} more (all of them: `--json`)"));
    }
    page.field(
        indent,
        "a rollback puts them whole into quarantine, or stops with `--conflicts stop`",
    );
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::style::test_style;
    use tightrope_engine::Gauge;
    use tightrope_model::TableName;

    /// A gauge with so many rows written and so many in conflict.
    pub(crate) fn readiness(written: &[(&str, u64)], in_conflict: u64) -> Readiness {
        let row = |id: &str, email: &str| {
            vec![
                ("id".to_owned(), Some(id.to_owned())),
                ("email".to_owned(), Some(email.to_owned())),
            ]
        };
        let conflict = Conflict {
            table: TableName::new("public", "users"),
            breaks: "unique constraint `users_email_key`".to_owned(),
            rows: in_conflict,
            samples: vec![row("7", "ana@example.org"), row("9", "ana@example.org")],
        };
        let gauge = Gauge {
            written: written
                .iter()
                .map(|(table, rows)| ((*table).to_owned(), *rows))
                .collect(),
            conflicts: if in_conflict > 0 {
                vec![conflict]
            } else {
                Vec::new()
            },
        };
        Readiness {
            derived: true,
            in_conflict,
            gauge,
            net_bytes: 480_000_000,
            below: None,
        }
    }

    fn shown(readiness: &Readiness) -> String {
        let style = test_style();
        let mut page = Page::new(&style);
        show(&mut page, "  ", readiness, Some(40));
        page.end("", 0)
    }

    #[test]
    fn a_quiet_window_is_green() {
        insta::assert_snapshot!(shown(&readiness(&[("orders", 1_900), ("users", 12)], 0)), @r"
        way back: c, 40 ms, 0 rows in conflict
          by the derived rollback; 1912 rows written since (orders 1900, users 12);
          the net keeps 480 MB until `tightrope seal`
        ");
    }

    #[test]
    fn rows_in_conflict_are_named() {
        insta::assert_snapshot!(shown(&readiness(&[], 12_000)), @r"
        way back: c, 40 ms, 12 000 rows in conflict
          by the derived rollback; nothing written since; the net keeps 480 MB until
          `tightrope seal`
          users: 12 000 rows break unique constraint `users_email_key`
            id = 7, email = ana@example.org
            id = 9, email = ana@example.org
          a rollback puts them whole into quarantine, or stops with `--conflicts stop`
        ");
    }

    #[test]
    fn an_older_migration_waits_for_the_newer_one() {
        let below = Readiness {
            derived: false,
            below: Some("0043_more".to_owned()),
            ..readiness(&[], 0)
        };
        insta::assert_snapshot!(shown(&below), @r"
        way back: c, 40 ms, after 0043_more is rolled back; its rows are counted then
          by the written rollback and the net; the net keeps 480 MB until
          `tightrope seal`
        ");
    }
}
