//! Taking rows in conflict out of their tables, with all that refers to them.

use std::collections::BTreeMap;

use tightrope_engine::{EngineError, ErrorKind, KeptNet, KeptTable, Quarantined, Window};
use tightrope_model::{TableName, Value};

use super::merge::as_json;
use super::terms::{Shape, Terms};
use super::triggers::Quiet;
use super::{conflicts, names};
use crate::quote::{literal, quote};
use crate::session::PostgresSession;

/// Taking rows out can bring others into conflict that referred to them; each pass takes at least one row away.
const MOST_PASSES: usize = 100;

/// Takes out what the gauge counts, until there is nothing left to count.
pub(super) fn take_out(
    session: &mut PostgresSession,
    kept: &KeptNet,
    window: &Window<'_>,
) -> Result<Vec<Quarantined>, EngineError> {
    let mut taken = Taken {
        kept,
        quarantined: Vec::new(),
    };
    session.execute_own("set constraints all immediate")?;
    for _ in 0..MOST_PASSES {
        let before = taken.quarantined.len();
        for rule in conflicts::rules(session, kept, window)? {
            let places =
                session.query_own(&format!("select place::text from ({}) r", rule.places), &[])?;
            let places: Vec<&str> = places
                .iter()
                .filter_map(|row| row.first()?.text())
                .collect();
            taken.take(session, rule.table, &places, &rule.breaks, 0)?;
        }
        if taken.quarantined.len() == before {
            return Ok(taken.quarantined);
        }
    }
    Err(EngineError::new(
        ErrorKind::Other,
        "rows in conflict lead to ever more rows in conflict",
    ))
}

struct Taken<'k> {
    kept: &'k KeptNet,
    quarantined: Vec<Quarantined>,
}

/// Chains of references that are followed: as deep as any schema goes.
const DEEPEST: usize = 100;

impl<'k> Taken<'k> {
    /// Takes rows out, those that refer to them first.
    fn take(
        &mut self,
        session: &mut PostgresSession,
        table: &TableName,
        places: &[&str],
        reason: &str,
        depth: usize,
    ) -> Result<(), EngineError> {
        if places.is_empty() {
            return Ok(());
        }
        if depth > DEEPEST {
            return Err(EngineError::new(
                ErrorKind::Other,
                format!("rows of {table} refer to each other in a circle"),
            ));
        }
        let list = format!("{}::tid[]", literal(&format!("{{{}}}", quoted(places))));
        for (child, rows) in children(session, table, &list)? {
            let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
            let why = format!("it refers to a row of {table} that goes to quarantine ({reason})");
            self.take(session, &child, &rows, &why, depth + 1)?;
        }
        let kept = self
            .kept
            .tables
            .iter()
            .find(|kept| kept.plan.after.as_ref() == Some(table));
        if let Some(kept) = kept {
            forget(session, kept, table, &list)?;
        }
        let quiet = Quiet::make(session, [table].into_iter())?;
        let columns = columns(session, table)?;
        let rows = session.query_own(
            &format!(
                "delete from only {} t where t.ctid = any ({list}) returning {}",
                names::sql(table),
                as_json("t", columns.iter().map(String::as_str)),
            ),
            &[],
        )?;
        quiet.end(session)?;
        self.quarantined.extend(rows.iter().filter_map(|row| {
            Some(Quarantined {
                table: table.clone(),
                reason: reason.to_owned(),
                row: row.first()?.text()?.to_owned(),
            })
        }));
        Ok(())
    }
}

fn quoted(places: &[&str]) -> String {
    let places: Vec<String> = places.iter().map(|place| format!("\"{place}\"")).collect();
    places.join(",")
}

/// The columns of a table that hold values of their own.
pub(super) fn columns(
    session: &mut PostgresSession,
    table: &TableName,
) -> Result<Vec<String>, EngineError> {
    let rows = session.query_own(
        &format!(
            "select attname::text from pg_catalog.pg_attribute where attrelid = pg_catalog.to_regclass({}) \
             and attnum > 0 and not attisdropped and attgenerated = '' order by attnum",
            literal(&names::sql(table))
        ),
        &[],
    )?;
    let names = rows.iter().filter_map(|row| row.first()?.text());
    Ok(names.map(str::to_owned).collect())
}

/// The rows that refer to these rows through foreign keys, by table. (A row that refers to itself is taken with itself.)
fn children(
    session: &mut PostgresSession,
    table: &TableName,
    places: &str,
) -> Result<BTreeMap<TableName, Vec<String>>, EngineError> {
    let name = names::sql(table);
    let keys = session.query_own(
        &format!(
            "select c.conrelid::regclass::text, \
             (select string_agg(format('c.%I = t.%I', a.attname, b.attname), ' and ') \
              from unnest(c.conkey, c.confkey) u (own, other) \
              join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and a.attnum = u.own \
              join pg_catalog.pg_attribute b on b.attrelid = c.confrelid and b.attnum = u.other) \
             from pg_catalog.pg_constraint c where c.contype = 'f' and c.confrelid = pg_catalog.to_regclass({})",
            literal(&name)
        ),
        &[],
    )?;
    let mut children: BTreeMap<TableName, Vec<String>> = BTreeMap::new();
    for key in &keys {
        let text = |at: usize| key.get(at).and_then(Value::text).unwrap_or_default();
        let rows = session.query_own(
            &format!(
                "select n.nspname::text, r.relname::text, c.ctid::text from {} c join only {name} t on {} \
                 join pg_catalog.pg_class r on r.oid = c.tableoid join pg_catalog.pg_namespace n on n.oid = r.relnamespace \
                 where t.ctid = any ({places}) and not (c.tableoid = t.tableoid and c.ctid = any ({places})) for update of c",
                text(0),
                text(1)
            ),
            &[],
        )?;
        for row in &rows {
            let text = |at: usize| row.get(at).and_then(Value::text).unwrap_or_default();
            let places = children
                .entry(TableName::new(text(0), text(1)))
                .or_default();
            if !places.iter().any(|place| place == text(2)) {
                places.push(text(2).to_owned());
            }
        }
    }
    Ok(children)
}

/// Lets the log say that these rows are gone, so that nothing brings them back.
fn forget(
    session: &mut PostgresSession,
    kept: &KeptTable,
    table: &TableName,
    places: &str,
) -> Result<(), EngineError> {
    let Some(log) = &kept.touched else {
        return Ok(());
    };
    let terms = Terms::of(session, kept, table, Shape::After)?;
    let (from, log, entry) = (terms.from(), names::sql(log), &terms.joins.entry);
    let numbers = 1..=kept.plan.key.len().max(1);
    let list = |then: &str| {
        let letters = numbers.clone().map(|n| then.replace('#', &n.to_string()));
        letters.collect::<Vec<_>>().join(", ")
    };
    session.execute_own(&format!(
        "insert into {log} ({}) select {} from {from} where t.ctid = any ({places}) and l.k1 is null",
        list("o#"),
        terms.joins.key.join(", "),
    ))?;
    // What was inserted just now has no key any more, so it is no entry of a row.
    let entries = |which: &str| {
        format!(
            "select {entry} from {from} where t.ctid = any ({places}) and l.k1 is not null and {which}"
        )
    };
    session.execute_own(&format!(
        "delete from {log} where ctid in ({}); update {log} set {} where ctid in ({})",
        entries("l.o1 is null"),
        list("k# = null"),
        entries("l.o1 is not null"),
    ))
}

/// Puts a row back that had been taken out.
pub(super) fn put_back(
    session: &mut PostgresSession,
    row: &Quarantined,
) -> Result<(), EngineError> {
    let there = super::columns::Columns::of(session, &row.table)?;
    let own = columns(session, &row.table)?;
    let names = session.query_own(
        "select key::text from pg_catalog.json_each_text($1::json) where value is not null",
        &[Value::from(row.row.as_str())],
    )?;
    let names: Vec<&str> = names.iter().filter_map(|row| row.first()?.text()).collect();
    if let Some(missing) = names
        .iter()
        .find(|name| !own.iter().any(|own| own == *name))
    {
        return Err(EngineError::new(
            ErrorKind::DoesNotExist,
            format!(
                "table {} has no column {missing:?}, which the row has",
                row.table
            ),
        )
        .hint("add the column, or take the row from the quarantine by hand"));
    }
    let (mut columns, mut values) = (Vec::new(), Vec::new());
    for column in names.iter().filter_map(|name| there.get(name)) {
        columns.push(quote(&column.name));
        values.push(format!(
            "(r.row ->> {})::{}",
            literal(&column.name),
            column.type_name
        ));
    }
    session.execute_own(&format!(
        "insert into {} ({}) overriding system value select {} from (select {}::json as row) r",
        names::sql(&row.table),
        columns.join(", "),
        values.join(", "),
        literal(&row.row),
    ))
}
