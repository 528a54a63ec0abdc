//! Trying an application's queries, and what the server remembers of them.

use postgres::SimpleQueryMessage;
use tightrope_engine::{EngineError, Queries, QueryRows, StatementRecord};
use tightrope_model::{Part, Value};

use super::PostgresSession;
use super::vitals::{number, unseen};
use super::watched::HERE;
use crate::error;

impl Queries for PostgresSession {
    fn prepare(&mut self, sql: &str) -> Result<(), EngineError> {
        let prepared = self.client.prepare(sql);
        self.take_notices();
        prepared
            .map(drop)
            .map_err(|error| error::of_statement(&error, sql))
    }

    fn rows_of(&mut self, sql: &str, most: usize) -> Result<QueryRows, EngineError> {
        let messages = self
            .client
            .simple_query(sql)
            .map_err(|error| error::of_statement(&error, sql))?;
        self.take_notices();
        let mut found = QueryRows::default();
        for message in messages {
            match message {
                SimpleQueryMessage::RowDescription(columns) => {
                    let names = columns.iter().map(|column| column.name().to_owned());
                    found.columns = names.collect();
                }
                SimpleQueryMessage::Row(row) => {
                    found.count += 1;
                    if found.rows.len() < most {
                        let value = |at| row.get(at).map(str::to_owned);
                        found.rows.push((0..row.len()).map(value).collect());
                    }
                }
                SimpleQueryMessage::CommandComplete(rows) if found.columns.is_empty() => {
                    found.count = rows;
                }
                _ => {}
            }
        }
        Ok(found)
    }

    fn explain(&mut self, sql: &str) -> Result<Option<String>, EngineError> {
        let explained = format!("explain (analyze, buffers, timing off, format json) {sql}");
        let found = self.rows_of(&explained, usize::MAX)?;
        let lines = found
            .rows
            .into_iter()
            .filter_map(|row| row.into_iter().next().flatten());
        Ok(Some(lines.collect::<Vec<_>>().join("\n")))
    }

    fn statements(&mut self) -> Result<Vec<StatementRecord>, EngineError> {
        let (schema, time) = self.statements_view()?;
        let sql = format!(
            "select query, sum(calls)::bigint, sum({time})::text, bool_or(query = '<insufficient privilege>') \
             from {schema}.pg_stat_statements \
             where {HERE} group by query order by 2 desc, 1"
        );
        let rows = self.query_own(&sql, &[])?;
        let mut records = Vec::with_capacity(rows.len());
        for row in &rows {
            // A text that was lost with the server's file of texts is none.
            let Some(text) = row[0].text() else { continue };
            if row[3] == Value::Integer(1) {
                return Err(unseen("the statements of other users"));
            }
            records.push(StatementRecord {
                text: text.to_owned(),
                calls: row[1].integer().map_or(0, i64::unsigned_abs),
                total_ms: number(&row[2])?,
            });
        }
        Ok(records)
    }

    fn collations(&mut self) -> Result<Vec<(String, String)>, EngineError> {
        let rows = self.query_own(include_str!("collations.sql"), &[])?;
        Ok(rows
            .iter()
            .map(|row| (text(&row[0]), text(&row[1])))
            .collect())
    }

    fn parts(&mut self) -> Result<Vec<Part>, EngineError> {
        let rows = self.query_own(include_str!("parts.sql"), &[])?;
        Ok(rows.iter().map(|row| part(row)).collect())
    }
}

fn text(value: &Value) -> String {
    value.text().unwrap_or_default().to_owned()
}

fn part(row: &[Value]) -> Part {
    let (kind, name, source) = (text(&row[0]), text(&row[1]), text(&row[2]));
    match kind.as_str() {
        "function" | "free" => Part::Function {
            name,
            is_free: kind == "free",
            source,
        },
        "view" => Part::View { name, source },
        "reaches" => Part::Reaches {
            table: name,
            other: source,
        },
        "foreign" => Part::Foreign { table: name },
        _ => Part::OnWrite {
            table: name,
            source,
        },
    }
}
