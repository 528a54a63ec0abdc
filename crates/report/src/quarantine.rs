//! The quarantine: rows that the old schema could not hold, until a person decides.

use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Value, json};
use tightrope_engine::Quarantined;
use tightrope_store::QuarantinedRow;

use crate::Style;
use crate::conflicts::values;
use crate::page::{Page, pad};
use crate::words::{ago, cut, plural_of};

/// How many columns of a row tell it from the others in a list.
const TELLING: usize = 2;

/// Every row in quarantine, in a few lines each.
pub fn quarantine(rows: &[QuarantinedRow], style: &Style) -> String {
    let mut page = Page::new(style);
    if rows.is_empty() {
        return page.end("The quarantine is empty.", 0);
    }
    for row in rows {
        head(&mut page, row);
        let columns = columns(&row.row.row);
        let telling = values(&columns[..columns.len().min(TELLING)]);
        page.field("       row  ", &telling);
        page.field("       why  ", &row.row.reason);
    }
    page.gap();
    let sum = plural_of(rows, "row", "rows");
    let next = format!(
        "{sum} in quarantine, whole. See one with `tightrope quarantine show NUMBER`, put it back with \
         `tightrope quarantine restore NUMBER`, give it up with `tightrope quarantine discard NUMBER`."
    );
    page.field("", &next);
    page.end("", 0)
}

fn head(page: &mut Page<'_>, row: &QuarantinedRow) {
    let style = page.style;
    let number = style.bold(&format!("{:>5}", row.number));
    let when = format!("{}, {}", ago(&row.at, style.now), row.migration);
    page.spread(&format!("{number}  {}", row.row.table), &when);
}

/// One row, column by column.
pub fn quarantined_row(row: &QuarantinedRow, style: &Style) -> String {
    let mut page = Page::new(style);
    head(&mut page, row);
    page.field("       why  ", &row.row.reason);
    page.gap();
    let columns = columns(&row.row.row);
    let names = columns.iter().map(|(name, _)| name.chars().count());
    let widest = names.max().unwrap_or(0).min(30);
    for (name, value) in &columns {
        let label = format!("       {}  ", pad(&cut(name, 60), widest));
        match value {
            Some(value) => page.field(&label, &cut(value, usize::MAX)),
            None => page.field(&label, &style.faint("null")),
        }
    }
    page.gap();
    let number = row.number;
    let next = format!(
        "Put it back with `tightrope quarantine restore {number}`, give it up with `tightrope quarantine discard {number}`."
    );
    page.field("", &next);
    page.end("", 0)
}

/// What became of rows.
pub fn decided(rows: &[QuarantinedRow], restored: bool, style: &Style) -> String {
    let mut page = Page::new(style);
    let done = if restored { "put back" } else { "discarded" };
    for row in rows {
        let number = style.bold(&format!("{:>5}", row.number));
        page.spread(&format!("{number}  {}", row.row.table), done);
    }
    page.gap();
    let sum = plural_of(rows, "row", "rows");
    let text = match restored {
        true => format!("{sum} put back. It is on the record: `tightrope log`."),
        false => format!("{sum} given up for good. It is on the record: `tightrope log`."),
    };
    page.end(&text, 0)
}

/// Rows in quarantine as JSON: `row` is an object of columns and values.
pub fn quarantine_json(rows: &[QuarantinedRow]) -> Value {
    json!({ "rows": rows.iter().map(one_json).collect::<Vec<_>>() })
}

/// What became of rows, as JSON.
pub fn decided_json(rows: &[QuarantinedRow], restored: bool) -> Value {
    let decision = if restored { "restore" } else { "discard" };
    json!({ "decision": decision, "rows": rows.iter().map(one_json).collect::<Vec<_>>() })
}

fn one_json(row: &QuarantinedRow) -> Value {
    json!({
        "number": row.number,
        "at": row.at,
        "migration": row.migration,
        "table": row.row.table.to_string(),
        "reason": row.row.reason,
        "row": values_json(&row.row),
    })
}

/// The row as an object; text that is none stays text.
pub(crate) fn values_json(row: &Quarantined) -> Value {
    serde_json::from_str(&row.row).unwrap_or_else(|_| Value::from(row.row.as_str()))
}

/// The columns of a row in the order in which they were written down; text that is no object is one nameless column.
pub(crate) fn columns(row: &str) -> Vec<(String, Option<String>)> {
    let mut reader = serde_json::Deserializer::from_str(row);
    let read = reader.deserialize_map(Columns);
    read.unwrap_or_else(|_| vec![(String::new(), Some(row.to_owned()))])
}

struct Columns;

impl<'de> Visitor<'de> for Columns {
    type Value = Vec<(String, Option<String>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of columns and values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut columns = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            let value = match value {
                Value::Null => None,
                Value::String(text) => Some(text),
                other => Some(other.to_string()),
            };
            columns.push((name, value));
        }
        Ok(columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::style::test_style;
    use tightrope_model::TableName;

    fn row(number: i64, text: &str) -> QuarantinedRow {
        QuarantinedRow {
            number,
            at: "2026-01-02T11:00:00Z".to_owned(),
            migration: "0042_drop_unique".to_owned(),
            row: Quarantined {
                table: TableName::new("public", "users"),
                reason: "unique constraint `users_email_key`".to_owned(),
                row: text.to_owned(),
            },
        }
    }

    const ANA: &str =
        r#"{"id": "7", "email": "ana@example.org", "name": "Ana María Núñez", "left_at": null}"#;

    #[test]
    fn the_list_tells_rows_apart() {
        let rows = [
            row(1, ANA),
            row(12, r#"{"id": 8, "email": "li@example.org"}"#),
        ];
        insta::assert_snapshot!(quarantine(&rows, &test_style()), @r"
            1  users                                           1 h ago, 0042_drop_unique
               row  id = 7, email = ana@example.org
               why  unique constraint `users_email_key`
           12  users                                           1 h ago, 0042_drop_unique
               row  id = 8, email = li@example.org
               why  unique constraint `users_email_key`

        2 rows in quarantine, whole. See one with `tightrope quarantine show NUMBER`,
        put it back with `tightrope quarantine restore NUMBER`, give it up with
        `tightrope quarantine discard NUMBER`.
        ");
        insta::assert_snapshot!(quarantine(&[], &test_style()), @r"The quarantine is empty.");
    }

    #[test]
    fn a_row_is_shown_whole() {
        insta::assert_snapshot!(quarantined_row(&row(1, ANA), &test_style()), @r"
            1  users                                           1 h ago, 0042_drop_unique
               why  unique constraint `users_email_key`

               id       7
               email    ana@example.org
               name     Ana María Núñez
               left_at  null

        Put it back with `tightrope quarantine restore 1`, give it up with
        `tightrope quarantine discard 1`.
        ");
    }

    #[test]
    fn what_became_of_rows() {
        insta::assert_snapshot!(decided(&[row(1, ANA)], true, &test_style()), @r"
            1  users                                                            put back

        1 row put back. It is on the record: `tightrope log`.
        ");
        insta::assert_snapshot!(decided(&[row(1, ANA), row(2, ANA)], false, &test_style()), @r"
            1  users                                                           discarded
            2  users                                                           discarded

        2 rows given up for good. It is on the record: `tightrope log`.
        ");
        assert_eq!(
            decided_json(&[row(1, ANA)], true)["rows"][0]["row"]["id"],
            "7"
        );
        assert_eq!(
            quarantine_json(&[row(1, "{}")])["rows"][0]["table"],
            "users"
        );
    }
}
