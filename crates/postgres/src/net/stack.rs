//! Windows above one another. While a later migration's window is open, what the application writes is in its log alone: the
//! tables may look different now, and the logs of the migrations before are left as they are. What the later script and its
//! rollback write is in neither. After the rollback, the later log is added to the earlier ones, and these go on.

use tightrope_engine::{EngineError, ErrorKind, KeptNet, KeptTable};
use tightrope_model::{TableName, Value};

use super::names;
use super::window::attach;
use crate::quote::literal;
use crate::session::PostgresSession;

/// Takes the triggers of earlier windows off the tables, and writes down where they were.
pub(super) fn suspend(session: &mut PostgresSession, kept: &KeptNet) -> Result<(), EngineError> {
    let list = names::sql(&names::of_all(kept.number, "suspended"));
    session.execute_own(&format!(
        "create table {list} (function_name text not null, table_number bigint not null)"
    ))?;
    for table in &kept.tables {
        let name = names::sql(&table.plan.before);
        let triggers = session.query_own(
            &format!(
                "select pg_catalog.quote_ident(g.tgname), p.proname::text from pg_catalog.pg_trigger g \
                 join pg_catalog.pg_proc p on p.oid = g.tgfoid join pg_catalog.pg_namespace n on n.oid = p.pronamespace \
                 where g.tgrelid = pg_catalog.to_regclass({}) and n.nspname = 'tightrope' and p.proname ~ '^net_[0-9]+_[0-9]+_(touch|truncate)$'",
                literal(&name)
            ),
            &[],
        )?;
        for trigger in &triggers {
            let text = |at: usize| trigger.get(at).and_then(Value::text).unwrap_or_default();
            session.execute_own(&format!(
                "drop trigger {} on {name}; insert into {list} values ({}, {})",
                text(0),
                literal(text(1)),
                table.plan.number,
            ))?;
        }
    }
    Ok(())
}

/// After a rollback: what was written since is added to the earlier logs, whose triggers come back. (When a window is sealed,
/// its triggers are still there, and the way back through it is at its end.)
pub(super) fn resume(session: &mut PostgresSession, kept: &KeptNet) -> Result<(), EngineError> {
    let list = names::of_all(kept.number, "suspended");
    let there = session.query_own(
        &format!(
            "select 1::bigint where pg_catalog.to_regclass({}) is not null and not exists \
             (select from pg_catalog.pg_proc p where p.pronamespace = 'tightrope'::regnamespace \
              and p.prorettype = 'trigger'::regtype and pg_catalog.starts_with(p.proname::text, {}))",
            literal(&names::sql(&list)),
            literal(&names::prefix(kept.number)),
        ),
        &[],
    )?;
    if there.is_empty() {
        return Ok(());
    }
    let suspended = session.query_own(
        &format!(
            "select function_name, table_number from {} order by 1",
            names::sql(&list)
        ),
        &[],
    )?;
    for row in &suspended {
        let function = row.first().and_then(Value::text).unwrap_or_default();
        let number = row.get(1).and_then(Value::integer);
        let table = kept
            .tables
            .iter()
            .find(|table| i64::try_from(table.plan.number).ok() == number);
        let Some(table) = table else { continue };
        let function = TableName::new(names::SCHEMA, function);
        if let Some(stem) = function.name.strip_suffix("_touch") {
            let log = TableName::new(names::SCHEMA, format!("{stem}_touched"));
            fold(session, table, &log)?;
            attach(
                session,
                &table.plan.before,
                &function,
                "after insert or update or delete",
                "",
                "row",
            )?;
        } else {
            attach(
                session,
                &table.plan.before,
                &function,
                "after truncate",
                "",
                "statement",
            )?;
        }
    }
    Ok(())
}

/// A column of a log: its name, what it stands for, and its type.
struct Logged {
    name: String,
    of: String,
    type_name: String,
}

/// What the columns of a log stand for is said in their comments.
fn logged(session: &mut PostgresSession, log: &TableName) -> Result<Vec<Logged>, EngineError> {
    let rows = session.query_own(
        &format!(
            "select a.attname::text, coalesce(pg_catalog.col_description(a.attrelid, a.attnum), '')::text, \
             pg_catalog.format_type(a.atttypid, a.atttypmod)::text from pg_catalog.pg_attribute a \
             where a.attrelid = pg_catalog.to_regclass({}) and a.attnum > 0 and not a.attisdropped order by a.attnum",
            literal(&names::sql(log))
        ),
        &[],
    )?;
    let logged = rows.iter().filter_map(|row| {
        let text = |at: usize| row.get(at).and_then(Value::text).map(str::to_owned);
        Some(Logged {
            name: text(0)?,
            of: text(1)?,
            type_name: text(2)?,
        })
    });
    Ok(logged.collect())
}

/// Adds the log of a table to an earlier one of it.
fn fold(
    session: &mut PostgresSession,
    table: &KeptTable,
    earlier: &TableName,
) -> Result<(), EngineError> {
    let Some(later) = &table.touched else {
        return Ok(());
    };
    let plan = &table.plan;
    let (mut keys, mut bits) = (Vec::new(), Vec::new());
    for column in logged(session, earlier)? {
        if column.name.starts_with('k') {
            let place = plan.key.iter().position(|key| key.before == column.of);
            let whole_row = plan.key.is_empty() && column.of.is_empty();
            match place.or(whole_row.then_some(0)) {
                Some(place) => {
                    keys.push((column.name[1..].to_owned(), place + 1, column.type_name))
                }
                None => return Err(other_key(table)),
            }
        } else if column.name.starts_with('w') {
            let known = plan
                .columns
                .iter()
                .position(|planned| planned.before == column.of);
            let known = known.filter(|at| plan.columns[*at].after.is_some());
            bits.push((column.name, known.map(|at| format!("w{}", at + 1))));
        }
    }
    session.execute_own(&statements(
        &names::sql(earlier),
        &names::sql(later),
        &keys,
        &bits,
    ))
}

fn other_key(table: &KeptTable) -> EngineError {
    EngineError::new(
        ErrorKind::Unsupported,
        format!(
            "table {} had another key in an earlier migration's touch log, so both logs cannot become one",
            table.plan.before
        ),
    )
    .hint("seal the earlier migrations first")
}

/// `keys` are the earlier log's numbers with the later one's and their type; `bits` its flags with the later one's.
fn statements(
    earlier: &str,
    later: &str,
    keys: &[(String, usize, String)],
    bits: &[(String, Option<String>)],
) -> String {
    let each = |between: &str, of: &dyn Fn(&str, usize, &str) -> String| {
        let parts = keys
            .iter()
            .map(|(own, other, type_name)| of(own, *other, type_name));
        parts.collect::<Vec<_>>().join(between)
    };
    let value = |letter: &str, other: usize, type_name: &str| {
        format!("(j.{letter}{other})::text::{type_name}")
    };
    let matches = each(" and ", &|own, other, _| {
        format!("(e.k{own})::text = (l.o{other})::text")
    });
    let no_key = each(", ", &|own, _, _| format!("k{own} = null"));
    let follow = each(", ", &|own, other, kind| {
        format!("k{own} = {}", value("k", other, kind))
    });
    let columns = each(", ", &|own, _, _| format!("k{own}, o{own}"));
    let values = each(", ", &|_, other, kind| {
        format!("{}, {}", value("k", other, kind), value("o", other, kind))
    });
    let only_keys = each(", ", &|own, _, _| format!("k{own}"));
    let new_keys = each(", ", &|_, other, kind| value("k", other, kind));
    let known = bits
        .iter()
        .filter_map(|(own, other)| Some((own, other.as_ref()?)));
    let (mut or, mut flags, mut given) = (String::new(), String::new(), String::new());
    for (own, other) in known {
        or.push_str(&format!(", {own} = e.{own} or j.{other}"));
        flags.push_str(&format!(", {own}"));
        given.push_str(&format!(", j.{other}"));
    }
    let truncated = format!("exists (select from {later} where k1 is null and o1 is null)");
    format!(
        "delete from {earlier} where {truncated} and o1 is null and k1 is not null; \
         insert into {earlier} select from {later} where k1 is null and o1 is null; \
         update {earlier} set {no_key} where {truncated}; \
         with joined as (select l.*, e.ctid as place, e.o1 is null as fresh from {later} l left join {earlier} e on {matches} \
           where l.o1 is not null), \
         undone as (delete from {earlier} where ctid in (select place from joined where k1 is null and fresh)), \
         gone as (update {earlier} set {no_key} where ctid in (select place from joined where k1 is null and not fresh)), \
         moved as (update {earlier} e set {follow}{or} from joined j where e.ctid = j.place and j.k1 is not null), \
         touched as (insert into {earlier} ({columns}{flags}) select {values}{given} from joined j where j.place is null) \
         insert into {earlier} ({only_keys}) select {new_keys} from {later} j where j.o1 is null and j.k1 is not null"
    )
}
