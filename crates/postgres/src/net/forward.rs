//! Forward images: values that only the new schema has a place for, kept as text, for their types may go with it.

use tightrope_engine::{EngineError, ForwardColumn};
use tightrope_model::{TableName, Value};

use super::merge::counted;
use super::names;
use super::triggers::Quiet;
use crate::quote::{literal, quote};
use crate::session::PostgresSession;

fn own_table(own: &str) -> String {
    names::sql(&TableName::new(names::SCHEMA, own))
}

/// Keeps the rows in which one of the telling columns (or anything, if none are told) holds a value.
pub(super) fn keep(
    session: &mut PostgresSession,
    own: &str,
    table: &TableName,
    columns: &[ForwardColumn],
    telling: &[String],
) -> Result<u64, EngineError> {
    let own = own_table(own);
    let values = columns.iter().map(|column| {
        let name = quote(&column.name);
        format!("t.{name}::text as {name}")
    });
    let tells: Vec<String> = telling
        .iter()
        .map(|column| format!("t.{} is not null", quote(column)))
        .collect();
    let filter = match tells.is_empty() {
        true => "true".to_owned(),
        false => tells.join(" or "),
    };
    session.execute_own(&format!(
        "create table {own} as select {} from only {} t where {filter}; revoke all on {own} from public",
        values.collect::<Vec<_>>().join(", "),
        names::sql(table),
    ))?;
    let rows = counted(session, &format!("select count(*) from {own}"))?;
    if rows == 0 {
        session.execute_own(&format!("drop table {own}"))?;
    }
    Ok(rows)
}

/// Puts the values back.
pub(super) fn bring(
    session: &mut PostgresSession,
    own: &str,
    table: &TableName,
    columns: &[ForwardColumn],
    key: &[String],
) -> Result<u64, EngineError> {
    let (own, here) = (own_table(own), names::sql(table));
    let typed = |column: &ForwardColumn| format!("f.{}::{}", quote(&column.name), column.type_name);
    let quiet = Quiet::make(session, std::iter::once(table))?;
    let rows = if key.is_empty() {
        let names: Vec<String> = columns.iter().map(|column| quote(&column.name)).collect();
        let values: Vec<String> = columns.iter().map(typed).collect();
        let rows = session.change(&format!(
            "insert into {here} ({}) overriding system value select {} from {own} f where not exists (select from {here})",
            names.join(", "),
            values.join(", "),
        ))?;
        for column in columns {
            advance(session, table, &column.name)?;
        }
        rows
    } else {
        let (keys, added): (Vec<&ForwardColumn>, Vec<&ForwardColumn>) = columns
            .iter()
            .partition(|column| key.contains(&column.name));
        let sets: Vec<String> = added
            .iter()
            .map(|column| format!("{} = {}", quote(&column.name), typed(column)))
            .collect();
        let same: Vec<String> = keys
            .iter()
            .map(|column| format!("t.{} = {}", quote(&column.name), typed(column)))
            .collect();
        session.change(&format!(
            "update only {here} t set {} from {own} f where {}",
            sets.join(", "),
            same.join(" and "),
        ))?
    };
    quiet.end(session)?;
    Ok(rows)
}

/// Leaves no value behind that the sequence of a column would give again.
fn advance(
    session: &mut PostgresSession,
    table: &TableName,
    column: &str,
) -> Result<(), EngineError> {
    let here = names::sql(table);
    let sequence = session.query_own(
        "select pg_catalog.pg_get_serial_sequence($1, $2)",
        &[Value::from(here.as_str()), Value::from(column)],
    )?;
    if let Some(sequence) = sequence.first().and_then(|row| row.first()?.text()) {
        let name = quote(column);
        session.execute_own(&format!(
            "select pg_catalog.setval({0}::regclass, m.largest) from (select max({name})::bigint as largest from {here}) m \
             where m.largest > (select last_value from {sequence})",
            literal(sequence),
        ))?;
    }
    Ok(())
}

/// Drops an image.
pub(super) fn free(session: &mut PostgresSession, own: &str) -> Result<(), EngineError> {
    session.execute_own(&format!("drop table if exists {}", own_table(own)))
}
