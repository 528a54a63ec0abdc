//! Settings that hold for one thing that the net does: reading a table whole, together with its pre-images, in the least time.

use tightrope_engine::EngineError;
use tightrope_inverse::Setting;
use tightrope_model::{TableName, Value};

use super::terms::Facts;
use crate::quote::literal;
use crate::session::PostgresSession;

/// From that on the statistics say that rows lie in the order of their key.
const IN_ORDER: f64 = 0.99;

/// The settings for one table.
///
/// Rows that lie in the order of their key are brought together by merging them: the index reads the table from its beginning
/// to its end. That costs little more than half of what hashing costs, but the planner cannot know it of a table that is new.
pub(super) fn for_whole_table(
    session: &mut PostgresSession,
    facts: &Facts<'_>,
    rows: &TableName,
) -> Result<Vec<Setting>, EngineError> {
    let mut wanted = vec![("jit", "'off'")];
    // A log adds joins on other expressions than the key.
    if facts.log.is_none() && lie_in_order(session, facts, rows)? {
        wanted.push(("enable_hashjoin", "'off'"));
        wanted.push(("random_page_cost", "current_setting('seq_page_cost')"));
    }
    let columns: Vec<String> = wanted
        .iter()
        .map(|(name, value)| format!("{value}, current_setting({})", literal(name)))
        .collect();
    let found = session.query_own(&format!("select {}", columns.join(", ")), &[])?;
    let found = found.first().map(Vec::as_slice).unwrap_or_default();
    let text = |value: Option<&Value>| value.and_then(Value::text).unwrap_or_default().to_owned();
    let settings = wanted.iter().zip(found.chunks(2));
    Ok(settings
        .map(|((name, _), values)| Setting {
            name: (*name).to_owned(),
            value: text(values.first()),
            otherwise: text(values.get(1)),
        })
        .collect())
}

/// Does something under a setting, which is in the open transaction what it was afterwards.
pub(super) fn under<T>(
    session: &mut PostgresSession,
    name: &str,
    value: &str,
    work: impl FnOnce(&mut PostgresSession) -> Result<T, EngineError>,
) -> Result<T, EngineError> {
    let was = session.query_own("select current_setting($1)", &[Value::from(name)])?;
    let was = was.first().and_then(|row| row.first()?.text());
    let set = |session: &mut PostgresSession, value: &str| {
        session.execute_own(&format!(
            "select pg_catalog.set_config({}, {}, true)",
            literal(name),
            literal(value)
        ))
    };
    set(session, value)?;
    let done = work(session)?;
    set(session, was.unwrap_or_default())?;
    Ok(done)
}

/// Whether the pre-images lie in the order of the key, as the table did from which they were copied, and an index can read
/// the table in that order.
fn lie_in_order(
    session: &mut PostgresSession,
    facts: &Facts<'_>,
    rows: &TableName,
) -> Result<bool, EngineError> {
    let [key] = facts.plan.key.as_slice() else {
        return Ok(false);
    };
    let kept = facts.rows.as_ref();
    let column = kept.and_then(|(_, columns)| columns.get(&key.before));
    if column.is_none_or(|column| !column.built_in || column.collatable) {
        return Ok(false);
    }
    let found = session.query_own(
        &format!(
            "select 1::bigint from pg_catalog.pg_stats where schemaname = $1 and tablename = $2 and attname = $3 \
             and correlation > {IN_ORDER}"
        ),
        &[
            Value::from(rows.schema.as_str()),
            Value::from(rows.name.as_str()),
            Value::from(key.before.as_str()),
        ],
    )?;
    Ok(!found.is_empty())
}
