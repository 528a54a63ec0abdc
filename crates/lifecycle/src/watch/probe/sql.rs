//! A query on the target.

use tightrope_engine::Session;
use tightrope_judge::{FailureKind, Observation};
use tightrope_model::Value;

use super::line::Line;
use super::{Blindness, Eye};

/// So many raw samples of a look are kept: the latest.
const MOST_SAMPLES: usize = 500;

pub(super) struct Sql {
    line: Line,
    sql: String,
    cursor_sql: Option<String>,
    cursor: Option<Value>,
}

impl Sql {
    pub(super) fn new(
        line: Line,
        sql: &str,
        cursor_sql: Option<&str>,
        cursor: Option<&String>,
    ) -> Self {
        Self {
            line,
            sql: sql.to_owned(),
            cursor_sql: cursor_sql.map(str::to_owned),
            cursor: cursor.and_then(|cursor| serde_json::from_str(cursor).ok()),
        }
    }

    /// The rows that have come since the look before; the first look only finds out where to begin.
    fn new_rows(&mut self, cursor_sql: &str) -> Result<Observation, Blindness> {
        let (sql, before) = (self.sql.clone(), self.cursor.clone());
        let (values, now) = self.line.on(|session| {
            let cursor = session.query(&as_texts(cursor_sql, session), &[])?;
            let now = cursor
                .first()
                .and_then(|row| row.first())
                .cloned()
                .unwrap_or(Value::Null);
            let rows = match before {
                Some(before) if before != now => {
                    session.query(&as_texts(&sql, session), &[before, now.clone()])?
                }
                _ => Vec::new(),
            };
            Ok((rows, now))
        })?;
        let values = numbers(&values)?;
        let cursor = serde_json::to_string(&now).ok();
        self.cursor = Some(now);
        Ok(Observation::Samples { values, cursor })
    }
}

impl Eye for Sql {
    fn look(&mut self) -> Result<Observation, Blindness> {
        if let Some(cursor_sql) = self.cursor_sql.clone() {
            return self.new_rows(&cursor_sql);
        }
        let sql = self.sql.clone();
        let rows = self
            .line
            .on(|session| session.query(&as_texts(&sql, session), &[]))?;
        let values = numbers(&rows)?;
        match values.as_slice() {
            [] => Err(Blindness::Words(
                FailureKind::Down,
                "the query gave no row".to_owned(),
            )),
            [value] => Ok(Observation::level(*value)),
            _ => Ok(Observation::Samples {
                values,
                cursor: None,
            }),
        }
    }
}

/// A query of one column so that its values come as text, whatever their type.
pub(crate) fn as_texts(sql: &str, session: &dyn Session) -> String {
    let sql = sql.trim().trim_end_matches(';');
    match session.row_dialect().is_typed {
        true => format!("select probed.value::text from ({sql}\n) as probed (value)"),
        false => sql.to_owned(),
    }
}

fn numbers(rows: &[Vec<Value>]) -> Result<Vec<f64>, Blindness> {
    let latest = rows.len().saturating_sub(MOST_SAMPLES);
    let values: Result<Vec<f64>, String> = rows[latest..]
        .iter()
        .map(|row| number(row.first()))
        .collect();
    values.map_err(|why| Blindness::Words(FailureKind::NotANumber, why))
}

fn number(value: Option<&Value>) -> Result<f64, String> {
    let number = match value {
        Some(Value::Integer(number)) => Some(*number as f64),
        Some(Value::Text(text)) => text.trim().parse().ok(),
        Some(Value::Null) | None => None,
    };
    let words = || value.map_or("nothing".to_owned(), ToString::to_string);
    number
        .filter(|number: &f64| number.is_finite())
        .ok_or_else(|| format!("it gave {}", words()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_none() {
        let check = |value: Value, expect: Result<f64, &str>| {
            assert_eq!(
                number(Some(&value)).as_ref().map_err(String::as_str),
                expect.as_ref().map_err(|why| *why)
            );
        };
        check(Value::Integer(3), Ok(3.0));
        check(Value::from("2.5"), Ok(2.5));
        check(Value::from("NaN"), Err("it gave NaN"));
        check(Value::from("Infinity"), Err("it gave Infinity"));
        check(Value::Null, Err("it gave NULL"));
        check(Value::from("many"), Err("it gave many"));
    }

    #[test]
    fn the_latest_samples_are_kept() {
        let rows: Vec<Vec<Value>> = (0..600)
            .map(|number| vec![Value::Integer(number)])
            .collect();
        let values = numbers(&rows).unwrap();
        assert_eq!((values.len(), values[499]), (500, 599.0));
    }
}
