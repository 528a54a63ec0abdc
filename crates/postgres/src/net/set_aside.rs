//! What a script drops, set aside: a table moved into the net's schema, a column renamed out of sight.
//!
//! Both cost nothing, whatever their size, and come back as they were: a table with its indexes, sequences and rights, a column
//! in its place. What a table set aside refers to, and what refers to it, lets go of it: a foreign key that stayed would go
//! on acting.

use tightrope_engine::{EngineError, KeptNet, KeptTable, Window};
use tightrope_inverse::Sources;
use tightrope_model::{TableName, Value};

use super::columns::not_as_planned;
use super::sources::value_of_new;
use super::triggers::Quiet;
use super::{columns, names};
use crate::quote::quote;
use crate::session::PostgresSession;

/// Moves a table out of sight.
pub(super) fn table(
    session: &mut PostgresSession,
    kept: &KeptNet,
    table: &TableName,
) -> Result<(), EngineError> {
    let Some(aside) = kept.table(table).and_then(|kept| kept.set_aside.as_ref()) else {
        return Ok(());
    };
    let here = names::sql(table);
    let keys = session.query_own(
        "select c.conrelid::regclass::text, pg_catalog.quote_ident(c.conname) from pg_catalog.pg_constraint c \
         where c.contype = 'f' and pg_catalog.to_regclass($1) in (c.conrelid, c.confrelid)",
        &[Value::from(here.as_str())],
    )?;
    for key in &keys {
        if let [Value::Text(of), Value::Text(name)] = &key[..] {
            session.execute_own(&format!("alter table {of} drop constraint {name}"))?;
        }
    }
    let moved = quote(&aside.name);
    session.execute_own(&format!(
        "alter table {here} rename to {moved}; alter table {}.{moved} set schema {}",
        quote(&table.schema),
        quote(&aside.schema),
    ))
}

/// The name under which a column is out of sight.
fn hidden_name(kept: &KeptTable, column: &str) -> Option<String> {
    let columns = &kept.plan.columns;
    let place = columns
        .iter()
        .position(|one| one.hidden && one.before == column)?;
    Some(format!(
        "tightrope_hidden_{}_{}",
        kept.plan.number,
        place + 1
    ))
}

/// Renames a column out of sight; it asks nothing of new rows there.
pub(super) fn column(
    session: &mut PostgresSession,
    kept: &KeptNet,
    table: &TableName,
    column: &str,
) -> Result<(), EngineError> {
    let Some(kept) = kept.table(table) else {
        return Ok(());
    };
    let hidden = hidden_name(kept, column).ok_or_else(|| not_as_planned(&kept.plan, column))?;
    let (here, hidden) = (names::sql(table), quote(&hidden));
    let name = quote(column);
    session.execute_own(&format!(
        "alter table {here} alter column {name} drop not null, alter column {name} drop default; \
         alter table {here} rename column {name} to {hidden}"
    ))
}

/// Tells a derived rollback where what was set aside is.
pub(super) fn add_sources(sources: &mut Sources, kept: &KeptNet) {
    for table in &kept.tables {
        let hidden = table.plan.columns.iter().filter_map(|column| {
            Some((column.before.clone(), hidden_name(table, &column.before)?))
        });
        let hidden: Vec<_> = hidden.collect();
        if hidden.is_empty() && table.set_aside.is_none() {
            continue;
        }
        let source = sources.tables.entry(table.plan.before.clone()).or_default();
        source.set_aside.clone_from(&table.set_aside);
        source.hidden.extend(hidden);
    }
}

/// Gives rows that were written while a column was hidden the value that it has in such rows.
pub(super) fn give_values(
    session: &mut PostgresSession,
    kept: &KeptNet,
    window: &Window<'_>,
) -> Result<(), EngineError> {
    for table in &kept.tables {
        let plan = &table.plan;
        let Some(log) = &table.touched else { continue };
        let hidden: Vec<_> = plan.columns.iter().filter(|column| column.hidden).collect();
        if hidden.is_empty() || plan.key.is_empty() {
            continue;
        }
        let quiet = Quiet::make(session, std::iter::once(&plan.before))?;
        for column in hidden {
            let value = value_of_new(session, &plan.before, column, window)?;
            if value == "null" {
                continue;
            }
            let name = quote(&column.before);
            let same = same_key(session, table, log)?;
            session.execute_own(&format!(
                "update only {here} t set {name} = {value} from {log} l where l.o1 is null and l.k1 is not null and {same}",
                here = names::sql(&plan.before),
                log = names::sql(log),
            ))?;
        }
        quiet.end(session)?;
    }
    Ok(())
}

/// Whether a row `t` of the table is the one of which an entry `l` of the touch log tells.
fn same_key(
    session: &mut PostgresSession,
    kept: &KeptTable,
    log: &TableName,
) -> Result<String, EngineError> {
    let now = columns::Columns::of(session, &kept.plan.before)?;
    let logged = columns::Columns::of(session, log)?;
    let mut same = Vec::new();
    for (place, key) in kept.plan.key.iter().enumerate() {
        let own = format!("k{}", place + 1);
        let (Some(left), Some(right)) = (now.get(&key.before), logged.get(&own)) else {
            return Err(not_as_planned(&kept.plan, &key.before));
        };
        let names = (format!("t.{}", quote(&key.before)), format!("l.{own}"));
        same.push(columns::same((&names.0, left), (&names.1, right)));
    }
    Ok(same.join(" and "))
}
