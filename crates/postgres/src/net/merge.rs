//! Bringing together what was before and what the application has written since, in tables that have their old shape again.
//!
//! Rows that the migration deleted come first, then rows get their values of before, and rows that only the migration made
//! go last: so no foreign key is broken on the way.

use tightrope_engine::{EngineError, KeptNet, KeptTable, Merged, Quarantined};
use tightrope_model::{Keep, TableName};

use super::columns::rows_differ;
use super::terms::{Shape, Terms};
use super::triggers::Quiet;
use super::{names, references, stand_in};
use crate::quote::{literal, quote};
use crate::session::PostgresSession;

/// Merges all tables but the rebuilt ones.
pub(super) fn merge(
    session: &mut PostgresSession,
    kept: &KeptNet,
    rebuilt: &[TableName],
    after_script: bool,
) -> Result<(Merged, Vec<Quarantined>), EngineError> {
    let mut merged = Merged::default();
    let mut displaced = Vec::new();
    let mut merges = Vec::new();
    for table in &kept.tables {
        if let Some(log) = &table.touched {
            let written = format!(
                "select count(*) from {} where k1 is not null",
                names::sql(log)
            );
            merged.kept += counted(session, &written)?;
        }
        let has_rows = table.rows.is_some() && !table.plan.is_made;
        if !has_rows || stand_in::took_its_place(session, table)? {
            continue;
        }
        let terms = Terms::of_closed(session, table, &table.plan.before, Shape::Before)?;
        displaced.extend(quarantine_displaced(session, table, &terms)?);
        if !rebuilt.contains(&table.plan.before) {
            merges.push(TableMerge {
                kept: table,
                terms,
                after_script,
            });
        }
    }
    session.execute_own("set constraints all immediate")?;
    let quiet = Quiet::make(session, merges.iter().map(|merge| &merge.kept.plan.before))?;
    let tables: Vec<&TableName> = merges.iter().map(|merge| &merge.kept.plan.before).collect();
    let references = references::to_tables(session, tables.iter().copied())?;
    let (order, unheeded) = references::parents_first(&tables, &references);
    references::defer(session, &unheeded, true)?;
    for merge in order.iter().map(|at| &merges[*at]) {
        merged.returned += merge.bring_back(session)?;
    }
    for merge in order.iter().map(|at| &merges[*at]) {
        merged.given_back += merge.give_back(session)?;
    }
    for merge in order.iter().rev().map(|at| &merges[*at]) {
        merged.removed += merge.remove(session)?;
    }
    session.execute_own("set constraints all immediate")?;
    references::defer(session, &unheeded, false)?;
    quiet.end(session)?;
    Ok((merged, displaced))
}

pub(super) fn counted(session: &mut PostgresSession, sql: &str) -> Result<u64, EngineError> {
    let rows = session.query_own(sql, &[])?;
    let count = rows.first().and_then(|row| row.first()?.integer());
    Ok(count
        .and_then(|count| u64::try_from(count).ok())
        .unwrap_or_default())
}

/// Rows of before that the migration deleted and whose keys the application has given to others.
fn quarantine_displaced(
    session: &mut PostgresSession,
    kept: &KeptTable,
    terms: &Terms<'_>,
) -> Result<Vec<Quarantined>, EngineError> {
    let (Some(rows), Some(displaced)) = (&kept.rows, &terms.joins.displaced) else {
        return Ok(Vec::new());
    };
    let columns = kept
        .plan
        .columns
        .iter()
        .map(|column| column.before.as_str());
    let found = session.query_own(
        &format!(
            "select {} from {} p where {displaced}",
            as_json("p", columns),
            names::sql(rows)
        ),
        &[],
    )?;
    let table = kept.plan.after.as_ref().unwrap_or(&kept.plan.before);
    let rows = found.iter().filter_map(|row| row.first()?.text());
    Ok(rows
        .map(|row| Quarantined {
            table: table.clone(),
            reason: "the migration deleted this row, and its key is taken by another".to_owned(),
            row: row.to_owned(),
        })
        .collect())
}

/// A row as JSON text, its values as text.
pub(super) fn as_json<'c>(alias: &str, columns: impl Iterator<Item = &'c str>) -> String {
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for column in columns {
        names.push(literal(column));
        values.push(format!("({alias}.{})::text", quote(column)));
    }
    format!(
        "pg_catalog.json_object(array[{}]::text[], array[{}]::text[])::text",
        names.join(", "),
        values.join(", ")
    )
}

/// The merge of one table.
struct TableMerge<'k> {
    kept: &'k KeptTable,
    terms: Terms<'k>,
    /// A written script has been at the rows.
    after_script: bool,
}

impl TableMerge<'_> {
    fn table(&self) -> String {
        names::sql(&self.kept.plan.before)
    }

    /// Rows that the migration deleted.
    fn bring_back(&self, session: &mut PostgresSession) -> Result<u64, EngineError> {
        let Some(gone) = &self.terms.joins.gone else {
            return Ok(0);
        };
        let plan = &self.kept.plan;
        let columns: Vec<String> = plan.columns.iter().map(|c| quote(&c.before)).collect();
        let values: Vec<String> = (0..plan.columns.len())
            .map(|at| self.terms.before(at))
            .collect();
        // A table may have no columns.
        let listed = match columns.is_empty() {
            true => String::new(),
            false => format!("({}) overriding system value", columns.join(", ")),
        };
        session.change(&format!(
            "insert into {} {listed} select {} from {} where {}",
            self.table(),
            values.join(", "),
            gone.from.replace("{now}", &self.table()),
            gone.filter,
        ))
    }

    /// Values that the application has not written are what they were.
    fn give_back(&self, session: &mut PostgresSession) -> Result<u64, EngineError> {
        let plan = &self.kept.plan;
        let lossy = |at: usize| plan.keep != Keep::Columns || plan.columns[at].is_lost();
        let given: Vec<usize> = (0..plan.columns.len())
            .filter(|at| lossy(*at) && self.terms.keeps(*at) && !self.terms.is_key(*at))
            .collect();
        if given.is_empty() {
            return Ok(0);
        }
        let (mut sets, mut now, mut then, mut given_back) = (vec![], vec![], vec![], vec![]);
        for at in given {
            let name = quote(&plan.columns[at].before);
            sets.push(format!("{name} = v.c{at}"));
            given_back.push(format!("v.c{at}"));
            now.push(format!("t.{name}"));
            then.push(format!(
                "case when {} then t.{name} else {} end as c{at}",
                self.stays(at),
                self.terms.before(at),
            ));
        }
        let (now, then) = (now.join(", "), then.join(", "));
        session.change(&format!(
            "update only {table} t set {sets} from (select t.ctid as place, {then} from {from} where {found}) v \
             where t.ctid = v.place and {differ}",
            table = self.table(),
            sets = sets.join(", "),
            from = self.terms.from(),
            found = self.terms.joins.has_before,
            differ = rows_differ(&now, &given_back.join(", ")),
        ))
    }

    /// The condition that a column keeps the value that it has: the application wrote it, or a script computed it from what
    /// the application wrote.
    fn stays(&self, at: usize) -> String {
        let plan = &self.kept.plan;
        if !self.after_script || plan.columns[at].after.is_some() {
            return self.terms.written(at + 1);
        }
        let changed = (0..plan.columns.len()).filter(|at| plan.columns[*at].is_lost());
        let added = plan.columns.len()..plan.columns.len() + plan.added.len();
        let written: Vec<String> = changed
            .chain(added)
            .map(|at| self.terms.written(at + 1))
            .collect();
        written.join(" or ")
    }

    /// Rows that only the migration made.
    fn remove(&self, session: &mut PostgresSession) -> Result<u64, EngineError> {
        match &self.terms.joins.own {
            None => Ok(0),
            Some(own) => session.change(&format!(
                "delete from only {} where ctid in (select t.ctid from {} where {own})",
                self.table(),
                self.terms.from(),
            )),
        }
    }
}

impl PostgresSession {
    /// Runs a statement of our own, and gives the rows that it changed.
    pub(super) fn change(&mut self, sql: &str) -> Result<u64, EngineError> {
        let changed = self.client.execute(sql, &[]);
        changed.map_err(|error| crate::error::of_statement(&error, sql))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_becomes_an_object_of_text() {
        assert_eq!(
            as_json("t", ["a", "it's"].into_iter()),
            "pg_catalog.json_object(array['a', 'it''s']::text[], array[(t.\"a\")::text, (t.\"it's\")::text]::text[])::text"
        );
    }
}
