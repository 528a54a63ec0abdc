//! A row as JSON text, every value to the letter, and back.

use rusqlite::Row;
use rusqlite::types::Value;
use serde_json::Value as Json;

use crate::value::exact;

/// An object of the row's values under these names and in their order, each as SQL would write it where it is not plain text: `1`, `1.0`,
/// `x'00ff'`, `'1'`; NULL is null.
pub(super) fn row_of(names: &[&str], row: &Row<'_>) -> rusqlite::Result<String> {
    let mut members = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let value = exact(row.get_ref(index)?).map_or(Json::Null, Json::String);
        members.push(format!("{}:{value}", Json::from(*name)));
    }
    Ok(format!("{{{}}}", members.join(",")))
}

/// The columns and values of a row; none if the text is no row.
pub(super) fn values_of(row: &str) -> Option<Vec<(String, Value)>> {
    let Json::Object(object) = serde_json::from_str(row).ok()? else {
        return None;
    };
    object
        .into_iter()
        .map(|(name, value)| {
            let value = match value {
                Json::Null => Value::Null,
                Json::String(text) => value_of(&text)?,
                _ => return None,
            };
            Some((name, value))
        })
        .collect()
}

/// The value that a text stands for.
pub(super) fn value_of(text: &str) -> Option<Value> {
    match text.bytes().next() {
        Some(b'\'') => {
            let inner = text.strip_prefix('\'')?.strip_suffix('\'')?;
            Some(Value::Text(inner.replace("''", "'")))
        }
        Some(b'0'..=b'9' | b'-') => number(text),
        _ if text.starts_with("x'") => blob(text).map(Value::Blob),
        _ if text.starts_with("cast(x'") => {
            let bytes = blob(text.strip_prefix("cast(")?.strip_suffix(" as text)")?)?;
            // Text that is no UTF-8 is bound as bytes, and cast.
            Some(Value::Blob(bytes))
        }
        _ => Some(Value::Text(text.to_owned())),
    }
}

fn number(text: &str) -> Option<Value> {
    if let Ok(integer) = text.parse() {
        return Some(Value::Integer(integer));
    }
    match text {
        "9e999" => Some(Value::Real(f64::INFINITY)),
        "-9e999" => Some(Value::Real(f64::NEG_INFINITY)),
        other => other.parse().ok().map(Value::Real),
    }
}

fn blob(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("x'")?.strip_suffix('\'')?;
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sql: &str) {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let (value, row): (Value, String) = connection
            .query_row(&format!("select {sql}"), [], |row| {
                Ok((row.get(0)?, row_of(&["a"], row)?))
            })
            .unwrap();
        assert_eq!(
            values_of(&row),
            Some(vec![("a".to_owned(), value)]),
            "{row}"
        );
    }

    #[test]
    fn columns_stay_in_their_order() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let row = connection.query_row("select 1, null, 'a \"b\"'", [], |row| {
            row_of(&["z", "a", "it's \"m\""], row)
        });
        assert_eq!(row.unwrap(), r#"{"z":"1","a":null,"it's \"m\"":"a \"b\""}"#);
    }

    #[test]
    fn every_value_survives() {
        for value in [
            "null",
            "1",
            "-1",
            "1.0",
            "0.1",
            "-1e300",
            "9e999",
            "-9e999",
            "9223372036854775807",
            "-9223372036854775808",
            "''",
            "'1'",
            "'x''00'''",
            "x''",
            "x'00ff'",
            "'O''Brien'",
            "'a' || char(0) || 'b'",
            "'cast(x''00'' as text)'",
            "'-'",
            "'é \" \\ '",
        ] {
            check(value);
        }
    }
}
