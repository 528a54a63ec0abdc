//! tightrope's own statements: parameters as text, results as bigint or text, prepared from their second use on.

use std::collections::HashMap;

use postgres::types::private::BytesMut;
use postgres::types::{Format, FromSql, IsNull, ToSql, Type};
use postgres::{Row, Statement};
use tightrope_engine::{EngineError, ErrorKind};
use tightrope_model::{TableName, Value};

use super::PostgresSession;
use crate::error;

/// Own statements by their text. The first use of a text goes in one round trip without a name; whoever comes back is
/// prepared.
#[derive(Default)]
pub(super) struct Statements {
    known: HashMap<String, Option<Statement>>,
}

/// Own statements are a few dozen; if ever there are more, starting afresh costs a round trip each.
const MOST_STATEMENTS: usize = 200;

impl Statements {
    /// Forgets all: the server has dropped them.
    pub(super) fn clear(&mut self) {
        self.known.clear();
    }
}

impl PostgresSession {
    /// Runs an own statement with parameters.
    pub(crate) fn query_own(
        &mut self,
        sql: &str,
        parameters: &[Value],
    ) -> Result<Vec<Vec<Value>>, EngineError> {
        let result = self.query_rows(sql, parameters);
        let rows = result.map_err(|error| error::of_statement(&error, sql))?;
        rows.iter().map(values).collect()
    }

    /// The tables that an own statement gives, by their schema and their name.
    pub(crate) fn query_tables(&mut self, sql: &str) -> Result<Vec<TableName>, EngineError> {
        let rows = self.query_own(sql, &[])?;
        let text = |row: &[Value], at: usize| row.get(at)?.text().map(str::to_owned);
        let table = |row: &Vec<Value>| Some(TableName::new(text(row, 0)?, text(row, 1)?));
        Ok(rows.iter().filter_map(table).collect())
    }

    fn query_rows(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, postgres::Error> {
        let parameters: Vec<Parameter<'_>> = parameters.iter().map(Parameter).collect();
        if self.statements.known.len() > MOST_STATEMENTS {
            self.statements.clear();
        }
        match self.statements.known.get(sql) {
            None => {
                self.statements.known.insert(sql.to_owned(), None);
                let typed: Vec<(&(dyn ToSql + Sync), Type)> = parameters
                    .iter()
                    .map(|parameter| (parameter as &(dyn ToSql + Sync), Type::UNKNOWN))
                    .collect();
                self.client.query_typed(sql, &typed)
            }
            Some(known) => {
                let statement = match known {
                    Some(statement) => statement.clone(),
                    None => {
                        let statement = self.client.prepare(sql)?;
                        self.statements
                            .known
                            .insert(sql.to_owned(), Some(statement.clone()));
                        statement
                    }
                };
                let plain: Vec<&(dyn ToSql + Sync)> = parameters
                    .iter()
                    .map(|parameter| parameter as &(dyn ToSql + Sync))
                    .collect();
                self.client.query(&statement, &plain)
            }
        }
    }

    /// Runs own statements without results.
    pub(crate) fn execute_own(&mut self, sql: &str) -> Result<(), EngineError> {
        let result = self.client.batch_execute(sql);
        result.map_err(|error| error::of_statement(&error, sql))
    }
}

/// A parameter sent as text, which the server reads as whatever type stands there.
#[derive(Debug)]
struct Parameter<'a>(&'a Value);

impl ToSql for Parameter<'_> {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self.0 {
            Value::Null => return Ok(IsNull::Yes),
            Value::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Value::Text(text) => out.extend_from_slice(text.as_bytes()),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    postgres::types::to_sql_checked!();
}

/// A result value: integers of any width, booleans as 0 and 1, and text.
struct Answer(Value);

impl<'a> FromSql<'a> for Answer {
    fn from_sql(
        ty: &Type,
        raw: &'a [u8],
    ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        let integer = match *ty {
            Type::INT8 => i64::from_sql(ty, raw)?,
            Type::INT4 => i32::from_sql(ty, raw)?.into(),
            Type::INT2 => i16::from_sql(ty, raw)?.into(),
            Type::OID => u32::from_sql(ty, raw)?.into(),
            Type::BOOL => bool::from_sql(ty, raw)?.into(),
            _ => return Ok(Self(Value::Text(std::str::from_utf8(raw)?.to_owned()))),
        };
        Ok(Self(Value::Integer(integer)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(Value::Null))
    }

    fn accepts(ty: &Type) -> bool {
        matches!(
            *ty,
            Type::INT8
                | Type::INT4
                | Type::INT2
                | Type::OID
                | Type::BOOL
                | Type::TEXT
                | Type::VARCHAR
                | Type::BPCHAR
                | Type::NAME
                | Type::UNKNOWN
        )
    }
}

fn values(row: &Row) -> Result<Vec<Value>, EngineError> {
    (0..row.len())
        .map(|column| match row.try_get::<_, Answer>(column) {
            Ok(answer) => Ok(answer.0),
            Err(_) => Err(EngineError::new(
                ErrorKind::Unsupported,
                format!(
                    "column {:?} of an own statement is neither bigint nor text",
                    row.columns()[column].name()
                ),
            )),
        })
        .collect()
}
