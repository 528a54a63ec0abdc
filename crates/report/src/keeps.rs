//! What the net keeps of a migration, and what it cannot keep.

use tightrope_lifecycle::PlannedMigration;
use tightrope_model::{ColumnPlan, Keep, NetPlan, TablePlan};

use crate::page::Page;
use crate::words::plural;

/// How many tables and sequences are shown.
const MOST: usize = 8;

/// What is kept of each table, what a person should know about it, and what is asked for.
pub(crate) fn show(page: &mut Page<'_>, migration: &PlannedMigration) {
    if let Some(net) = &migration.net {
        kept(page, net);
        for remark in &net.remarks {
            page.field("  note     ", remark);
        }
    }
    let style = page.style;
    if let Some(no_net) = &migration.no_net {
        let place = no_net.place.as_ref();
        let place = place.map_or(String::new(), |place| format!(" ({place})"));
        let text = format!("{}{place}", no_net.because);
        page.field("  no net   ", &style.careful(&text));
        if let Some(hint) = &no_net.hint {
            page.hint(hint);
        }
    }
    for loss in &migration.losses {
        let text = format!("{}: {} ({})", loss.object, loss.reason, loss.lost);
        page.field("  loses    ", &style.careful(&text));
    }
    if !migration.asks_fill.is_empty() {
        asks_fill(page, &migration.asks_fill);
    }
}

fn kept(page: &mut Page<'_>, net: &NetPlan) {
    let positions = net.sequences.iter().filter(|sequence| sequence.anew);
    let positions = positions.map(|sequence| format!("{}: where it stands", sequence.name));
    let tables = net.tables.iter().filter_map(in_words);
    let kept: Vec<String> = tables.chain(positions).collect();
    for (number, words) in kept.iter().take(MOST).enumerate() {
        let label = if number == 0 {
            "  keeps    "
        } else {
            "           "
        };
        page.field(label, words);
    }
    if kept.len() > MOST {
        let more = kept.len() - MOST;
        page.line(format!(
            "           and {more} more (all of them: `--json`)"
        ));
    }
    let watched = net.tables.iter().filter(|table| table.is_watched());
    let watched: Vec<String> = watched
        .filter_map(|table| table.after.as_ref().map(ToString::to_string))
        .collect();
    if !watched.is_empty() {
        let shown = watched[..watched.len().min(MOST)].join(", ");
        let rest = match watched.len().saturating_sub(MOST) {
            0 => String::new(),
            more => format!(" and {}", plural(more as u64, "more table", "more tables")),
        };
        page.field(
            "  watches  ",
            &format!("writes to {shown}{rest}, until sealed"),
        );
    }
}

/// `orders: legacy_status of 31 204 112 rows`; none where nothing is kept.
fn in_words(table: &TablePlan) -> Option<String> {
    let name = &table.before;
    let rows = plural(table.rows_before, "row", "rows");
    let kept = match table.keep {
        Keep::Nothing => None,
        Keep::Changed => Some(format!("the rows that the script changes, of {rows}")),
        Keep::Columns => {
            let lost = names(table, ColumnPlan::is_lost);
            Some(format!("{lost} of {rows}"))
        }
        Keep::Whole if table.after.is_none() => Some(format!("dropped, all {rows}")),
        Keep::Whole => Some(format!("all {rows} whole")),
        Keep::Tombstone => Some(format!("the table itself, set aside with {rows}")),
    };
    let hidden = match names(table, |column| column.hidden) {
        hidden if hidden.is_empty() => None,
        hidden => Some(format!("{hidden} hidden in place, nothing is copied")),
    };
    let parts: Vec<String> = kept.into_iter().chain(hidden).collect();
    match parts.is_empty() {
        true => None,
        false => Some(format!("{name}: {}", parts.join("; "))),
    }
}

fn names(table: &TablePlan, which: impl Fn(&ColumnPlan) -> bool) -> String {
    let columns = table.columns.iter().filter(|column| which(column));
    let names: Vec<&str> = columns.map(|column| column.before.as_str()).collect();
    names.join(", ")
}

fn asks_fill(page: &mut Page<'_>, columns: &[String]) {
    let columns: Vec<String> = columns.iter().map(|column| format!("`{column}`")).collect();
    let style = page.style;
    let text = format!(
        "rows written since will need a value for {}: the schema of before demands one and has no default",
        columns.join(", ")
    );
    page.field("  asks     ", &style.careful(&text));
    page.hint(
        "give an expression under [fill] in metadata.toml; without it those rows count as in conflict",
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::planned;
    use crate::style::test_style;
    use tightrope_inverse::Loss;
    use tightrope_model::{ObjectId, ObjectKind, SequencePlan, TableChange, TableName};

    fn table(name: &str, keep: Keep, dropped: bool) -> TablePlan {
        let before = TableName::new("public", name);
        TablePlan {
            number: 1,
            after: (!dropped).then(|| before.clone()),
            before,
            key: Vec::new(),
            columns: vec![ColumnPlan {
                before: "legacy_status".to_owned(),
                after: None,
                type_before: "text".to_owned(),
                type_after: None,
                hidden: false,
            }],
            added: Vec::new(),
            keep,
            rows: TableChange::default(),
            truncated: false,
            key_changes: false,
            key_in_doubt: false,
            rows_before: 31_204_112,
            divided: None,
            is_made: false,
        }
    }

    #[test]
    fn what_is_kept_and_what_is_asked_for() {
        let net = NetPlan {
            tables: vec![
                table("orders", Keep::Columns, false),
                table("old_orders", Keep::Whole, true),
                table("users", Keep::Changed, false),
                table("items", Keep::Nothing, false),
            ],
            sequences: vec![SequencePlan {
                name: TableName::new("public", "old_orders_id_seq"),
                anew: true,
            }],
            remarks: vec![
                "items has no key that stays: its rows are compared whole and counted".to_owned(),
            ],
        };
        let migration = PlannedMigration {
            net: Some(net),
            derived: true,
            losses: vec![Loss {
                object: ObjectId::new(ObjectKind::Extension, ["hstore"]),
                reason: "it is not installed here".to_owned(),
                lost: "the extension".to_owned(),
            }],
            no_net: None,
            asks_fill: vec!["orders.legacy_status".to_owned()],
            ..planned()
        };
        let style = test_style();
        let mut page = Page::new(&style);
        show(&mut page, &migration);
        insta::assert_snapshot!(page.end("", 0), @r"
        keeps    orders: legacy_status of 31 204 112 rows
                 old_orders: dropped, all 31 204 112 rows
                 users: the rows that the script changes, of 31 204 112 rows
                 old_orders_id_seq: where it stands
        watches  writes to orders, users, items, until sealed
        note     items has no key that stays: its rows are compared whole and counted
        loses    extension hstore: it is not installed here (the extension)
        asks     rows written since will need a value for `orders.legacy_status`: the
                 schema of before demands one and has no default
        hint: give an expression under [fill] in metadata.toml; without it those rows
              count as in conflict
        ");
    }
}
