//! Rows that come back, and whose parents the application deleted or moved in the window: what their foreign keys say of that
//! happens to them before, as it would have happened in the table.

use rusqlite::Connection;
use tightrope_engine::{EngineError, KeptNet, KeptTable, Quarantined, Window};
use tightrope_model::{ObjectId, ObjectKind, TableName};

use super::json::row_of;
use super::key::Key;
use super::names::{all, any, list, of, sql};
use super::references::is;
use super::terms::default_of;
use crate::error::from_sqlite;

/// The mark of a row of before that does not come back.
const LOST: u8 = 2;

/// Lets all rows that come back (of a dropped table, or deleted by the migration) follow their parents, and gives those that
/// cannot.
pub(super) fn follow_parents(
    connection: &Connection,
    kept: &KeptNet,
    window: &Window<'_>,
) -> Result<Vec<Quarantined>, EngineError> {
    let enforced: bool = connection
        .query_row("select foreign_keys from pragma_foreign_keys", [], |row| {
            row.get(0)
        })
        .map_err(from_sqlite)?;
    let mut quarantined = Vec::new();
    if !enforced {
        return Ok(quarantined);
    }
    // Living parents are asked once, by the keys of before. A row that goes may be a parent itself, of another that was to come
    // back: as often as there are tables is enough.
    for pass in 0..kept.tables.len() {
        let mut changed = false;
        for table in &kept.tables {
            let Some(rows) = &table.rows else {
                continue;
            };
            let orphans = Orphans {
                connection,
                kept,
                window,
                table,
                rows: sql(rows),
            };
            for reference in orphans.references().map_err(from_sqlite)? {
                changed |= orphans.follow(&reference, pass == 0, &mut quarantined)?;
            }
        }
        if !changed && pass > 0 {
            break;
        }
    }
    Ok(quarantined)
}

/// A foreign key of the table as it was, with what it does.
struct Reference {
    parent: TableName,
    on_update: String,
    on_delete: String,
    /// The columns of the kept rows, each with the column of the parent.
    columns: Vec<(usize, String)>,
}

struct Orphans<'a> {
    connection: &'a Connection,
    kept: &'a KeptNet,
    window: &'a Window<'a>,
    table: &'a KeptTable,
    rows: String,
}

impl Orphans<'_> {
    /// The foreign keys, read from the table's text.
    fn references(&self) -> rusqlite::Result<Vec<Reference>> {
        let name = &self.table.plan.before.name;
        let id = ObjectId::new(ObjectKind::Table, [name]);
        let text = self
            .window
            .before
            .object(&id)
            .and_then(|object| object.attribute("text"));
        let Some(text) = text else {
            return Ok(Vec::new());
        };
        let place = Connection::open_in_memory()?;
        place.execute_batch(text)?;
        let mut statement = place.prepare(
            "select id, seq, \"table\", \"from\", \"to\", on_update, on_delete from pragma_foreign_key_list(?1) order by id, seq",
        )?;
        let mut rows = statement.query([name])?;
        let mut references: Vec<Reference> = Vec::new();
        while let Some(row) = rows.next()? {
            let (sequence, parent): (i64, String) = (row.get(1)?, row.get(2)?);
            let (from, to): (String, Option<String>) = (row.get(3)?, row.get(4)?);
            let parent = TableName::new("", parent);
            let to = to.or_else(|| {
                let mut shapes = self.window.before.tables().iter();
                let shape = shapes.find(|shape| is(&shape.table, &parent))?;
                shape.key.get(usize::try_from(sequence).ok()?).cloned()
            });
            let columns = &mut self.table.plan.columns.iter();
            let at = columns.position(|column| column.before.eq_ignore_ascii_case(&from));
            let (Some(at), Some(to)) = (at, to) else {
                continue;
            };
            if sequence == 0 {
                references.push(Reference {
                    parent,
                    on_update: row.get(5)?,
                    on_delete: row.get(6)?,
                    columns: vec![(at, to)],
                });
            } else if let Some(last) = references.last_mut() {
                last.columns.push((at, to));
            }
        }
        Ok(references)
    }

    /// Does what the key says; whether that changed a row.
    fn follow(
        &self,
        reference: &Reference,
        living: bool,
        quarantined: &mut Vec<Quarantined>,
    ) -> Result<bool, EngineError> {
        let mut tables = self.kept.tables.iter();
        let Some(parent) = tables.find(|table| is(&table.plan.before, &reference.parent)) else {
            return Ok(false);
        };
        let mut changed = match self.gone_with_parent(reference, parent) {
            Some(gone) => self.act(reference, &reference.on_delete, &gone, None, quarantined)?,
            None => false,
        };
        let Some(log) = parent.touched.as_ref().filter(|_| living) else {
            return Ok(changed);
        };
        let key = Key::read(self.connection, self.kept.number, parent)?;
        let mut pairs = Vec::new();
        for (at, to) in &reference.columns {
            let named = |name: &Option<String>| {
                name.as_ref()
                    .is_some_and(|name| name.eq_ignore_ascii_case(to))
            };
            match key.parts.iter().position(|part| named(&part.before)) {
                Some(place) => pairs.push((*at, place + 1)),
                None => return Ok(changed),
            }
        }
        let same = all(pairs
            .iter()
            .map(|(at, n)| format!("l.o${n} = p.c${}", at + 1)));
        let there = all(key.own("l", "k").iter().map(|k| format!("{k} is not null")));
        let mut deleted = format!(
            "exists (select 1 from {} l where {same} and not ({there}))",
            sql(log)
        );
        if let Some(returns) = self.kept_parent(reference, parent, 1) {
            // It was not there in the window: who took its key has not deleted it.
            deleted.push_str(&format!(" and not {returns}"));
        }
        changed |= self.act(reference, &reference.on_delete, &deleted, None, quarantined)?;
        let differs = any(pairs.iter().map(|(_, n)| format!("l.k${n} is not l.o${n}")));
        let moved = format!("{same} and {there} and {differs}");
        let new = pairs.iter().map(|(at, n)| {
            format!(
                "c${0} = (select l.k${n} from {1} l where {moved})",
                at + 1,
                sql(log)
            )
        });
        let new = list(new);
        let moved = format!("exists (select 1 from {} l where {moved})", sql(log));
        changed |= self.act(
            reference,
            &reference.on_update,
            &moved,
            Some(&new),
            quarantined,
        )?;
        Ok(changed)
    }

    /// The parent's row was to come back, too, and does not; nor has another its key.
    fn gone_with_parent(&self, reference: &Reference, parent: &KeptTable) -> Option<String> {
        let mut gone = self.kept_parent(reference, parent, LOST)?;
        if let Some(after) = &parent.plan.after {
            let pairs = reference.columns.iter().map(|(at, to)| {
                let mut columns = parent.plan.columns.iter();
                let column = columns.find(|column| column.before.eq_ignore_ascii_case(to))?;
                Some(format!(
                    "{} = p.c${}",
                    of("t", column.after.as_ref()?),
                    at + 1
                ))
            });
            let same = all(pairs.collect::<Option<Vec<_>>>()?);
            gone.push_str(&format!(
                " and not exists (select 1 from {} t where {same})",
                sql(after)
            ));
        }
        Some(gone)
    }

    /// Whether the parent's row of before has that mark.
    fn kept_parent(&self, reference: &Reference, parent: &KeptTable, mark: u8) -> Option<String> {
        let rows = parent.rows.as_ref()?;
        let pairs = reference.columns.iter().map(|(at, to)| {
            let columns = &mut parent.plan.columns.iter();
            let place = columns.position(|column| column.before.eq_ignore_ascii_case(to))?;
            Some(format!("q.c${} = p.c${}", place + 1, at + 1))
        });
        let same = all(pairs.collect::<Option<Vec<_>>>()?);
        Some(format!(
            "exists (select 1 from {} q where q.gone$ = {mark} and {same})",
            sql(rows)
        ))
    }

    /// Carries one action out on the rows that a condition finds.
    fn act(
        &self,
        reference: &Reference,
        action: &str,
        found: &str,
        moved: Option<&str>,
        quarantined: &mut Vec<Quarantined>,
    ) -> Result<bool, EngineError> {
        let plan = &self.table.plan;
        let set = |value: &dyn Fn(&str) -> String| {
            list(
                reference
                    .columns
                    .iter()
                    .map(|(at, _)| format!("c${} = {}", at + 1, value(&plan.columns[*at].before))),
            )
        };
        let sets = match (action, moved) {
            ("CASCADE", Some(moved)) => moved.to_owned(),
            ("CASCADE", None) => format!("gone$ = {LOST}"),
            ("SET NULL", _) => set(&|_| "null".to_owned()),
            ("SET DEFAULT", _) => {
                set(&|column| default_of(self.window.before, &plan.before, column))
            }
            _ => {
                quarantined.extend(self.read(found, &reference.parent)?);
                format!("gone$ = {LOST}")
            }
        };
        let update = format!(
            "update {} as p set {sets} where p.gone$ = 1 and {found}",
            self.rows
        );
        let changed = self.connection.execute(&update, []).map_err(from_sqlite)?;
        Ok(changed > 0)
    }

    fn read(&self, found: &str, parent: &TableName) -> Result<Vec<Quarantined>, EngineError> {
        let plan = &self.table.plan;
        let names: Vec<&str> = plan
            .columns
            .iter()
            .map(|column| column.before.as_str())
            .collect();
        let query = format!(
            "select {} from {} p where p.gone$ = 1 and {found}",
            list((1..=names.len()).map(|n| format!("p.c${n}"))),
            self.rows
        );
        let read = || {
            let mut statement = self.connection.prepare(&query)?;
            let rows = statement.query_map([], |row| row_of(&names, row))?;
            rows.collect::<rusqlite::Result<Vec<String>>>()
        };
        let rows = read().map_err(from_sqlite)?;
        let quarantined = rows.into_iter().map(|row| Quarantined {
            table: plan.before.clone(),
            reason: format!("the row of {parent} that it refers to is gone"),
            row,
        });
        Ok(quarantined.collect())
    }
}
