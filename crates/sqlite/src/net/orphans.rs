//! Rows of before whose parents the application deleted or moved in the window: rows that come back, and rows that are there and
//! to which the migration gave another parent. What their foreign keys say of that happens to them before, as it would have
//! happened in the table.

use rusqlite::Connection;
use rusqlite::types::Value;
use tightrope_engine::{EngineError, KeptNet, KeptTable, Quarantined, Window};
use tightrope_model::TableName;

use super::conflicts::{Before, Misfit};
use super::json::row_of;
use super::key::Key;
use super::names::{all, any, differ, list, of, sql};
use super::references::{KeyOfBefore, are_enforced, is, keys_of_before};
use super::terms::{Shape, Terms, default_of};
use crate::error::from_sqlite;

/// The mark of a row of before that does not come back.
pub(super) const LOST: u8 = 2;

/// Lets all rows of before follow their parents: those that come back (of a dropped table, or deleted by the migration), and
/// those that are there and get their reference back. Gives those that come back and cannot.
///
/// Living parents are asked the first time only, by the keys of before.
pub(super) fn follow_parents(
    connection: &Connection,
    kept: &KeptNet,
    window: &Window<'_>,
    first: bool,
) -> Result<Vec<Quarantined>, EngineError> {
    let mut quarantined = Vec::new();
    if !are_enforced(connection)? {
        return Ok(quarantined);
    }
    // A row that goes may be a parent itself, of another that was to come back: as often as there are tables is enough.
    for pass in 0..kept.tables.len() {
        let mut changed = false;
        for table in &kept.tables {
            let Some(rows) = &table.rows else {
                continue;
            };
            let key = Key::read(connection, kept.number, table)?;
            let orphans = Orphans {
                connection,
                kept,
                window,
                table,
                key: &key,
                rows: sql(rows),
            };
            for reference in keys_of_before(window, &table.plan).map_err(from_sqlite)? {
                changed |= orphans.follow(&reference, first && pass == 0, &mut quarantined)?;
            }
        }
        if !changed && pass > 0 {
            break;
        }
    }
    Ok(quarantined)
}

/// Rows that are there, to which the migration gave another parent, and whose parent of before is gone: their foreign key
/// would have taken them along, or would have forbidden it. Living parents are asked the first time only, as above.
pub(super) fn standing(
    connection: &Connection,
    kept: &KeptNet,
    table: &KeptTable,
    key: &Key,
    (window, first): (&Window<'_>, bool),
) -> Result<Vec<Misfit>, EngineError> {
    let Some(rows) = &table.rows else {
        return Ok(Vec::new());
    };
    let orphans = Orphans {
        connection,
        kept,
        window,
        table,
        key,
        rows: sql(rows),
    };
    let mut found = Vec::new();
    for reference in keys_of_before(window, &table.plan).map_err(from_sqlite)? {
        found.extend(orphans.standing(&reference, first)?);
    }
    Ok(found)
}

struct Orphans<'a> {
    connection: &'a Connection,
    kept: &'a KeptNet,
    window: &'a Window<'a>,
    table: &'a KeptTable,
    key: &'a Key,
    rows: String,
}

/// What has become of the parent to which a row `p` refers, as conditions on `p`.
struct Fate {
    /// It was deleted, or does not come back itself.
    gone: Vec<String>,
    /// It has another key, with the assignments that follow it.
    moved: Option<(String, String)>,
}

impl Orphans<'_> {
    /// What has become of the parents; none where nobody knows of them.
    fn fate(&self, reference: &KeyOfBefore, living: bool) -> Result<Option<Fate>, EngineError> {
        let mut tables = self.kept.tables.iter();
        let Some(parent) = tables.find(|table| is(&table.plan.before, &reference.parent)) else {
            return Ok(None);
        };
        let mut fate = Fate {
            gone: self
                .gone_with_parent(reference, parent)
                .into_iter()
                .collect(),
            moved: None,
        };
        let Some(log) = parent.touched.as_ref().filter(|_| living) else {
            return Ok(Some(fate));
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
                None => return Ok(Some(fate)),
            }
        }
        let direct = pairs
            .iter()
            .map(|(at, n)| format!("l.o${n} = p.c${}", at + 1));
        let same = match (&parent.rows, self.row_referred_to(reference, parent)) {
            // The migration has given it another key, by which the application knew it.
            (Some(rows), Some(referred_to)) if parent.plan.key_changes => {
                let began = key.own("l", "o").into_iter().zip(key.kept("q"));
                let began = all(began.map(|(entry, kept)| format!("{entry} = {kept}")));
                format!(
                    "exists (select 1 from {} q where {referred_to} and {began})",
                    sql(rows)
                )
            }
            _ => all(direct),
        };
        let there = all(key.own("l", "k").iter().map(|k| format!("{k} is not null")));
        let mut deleted = format!(
            "exists (select 1 from {} l where {same} and not ({there}))",
            sql(log)
        );
        if let Some(returns) = self.kept_parent(reference, parent, 1) {
            // It was not there in the window: who took its key has not deleted it.
            deleted.push_str(&format!(" and not {returns}"));
        }
        fate.gone.push(deleted);
        let differs = any(pairs.iter().map(|(_, n)| format!("l.k${n} is not l.o${n}")));
        let moved = format!("{same} and {there} and {differs}");
        let new = pairs.iter().map(|(at, n)| {
            format!(
                "c${0} = (select l.k${n} from {1} l where {moved})",
                at + 1,
                sql(log)
            )
        });
        fate.moved = Some((
            format!("exists (select 1 from {} l where {moved})", sql(log)),
            list(new),
        ));
        Ok(Some(fate))
    }

    /// Does what the key says; whether that changed a row.
    fn follow(
        &self,
        reference: &KeyOfBefore,
        living: bool,
        quarantined: &mut Vec<Quarantined>,
    ) -> Result<bool, EngineError> {
        let Some(fate) = self.fate(reference, living)? else {
            return Ok(false);
        };
        let mut changed = false;
        for gone in &fate.gone {
            changed |= self.act(reference, &reference.on_delete, gone, None, quarantined)?;
        }
        if let Some((moved, new)) = &fate.moved {
            let action = &reference.on_update;
            changed |= self.act(reference, action, moved, Some(new), quarantined)?;
        }
        Ok(changed)
    }

    /// The rows that are there and that the key does not let stay.
    fn standing(&self, reference: &KeyOfBefore, living: bool) -> Result<Vec<Misfit>, EngineError> {
        let (Some(fate), Some(standing)) =
            (self.fate(reference, living)?, self.standing_rows(reference))
        else {
            return Ok(Vec::new());
        };
        let mut broken = Vec::new();
        if !lets_go(&reference.on_delete) {
            broken.extend(fate.gone);
        }
        if let Some((moved, _)) = fate.moved.filter(|_| forbids(&reference.on_update)) {
            broken.push(moved);
        }
        if broken.is_empty() || !self.has_lost_keys(reference)? {
            return Ok(Vec::new());
        }
        let columns = reference.columns.iter();
        let columns = list(columns.map(|(at, _)| &self.table.plan.columns[*at].before));
        let breaks = format!(
            "foreign key `{columns}` to {}, for what they referred to before is gone",
            reference.parent
        );
        let width = self.key.parts.len();
        let query = format!(
            "select {}, {} from {standing} and {}",
            list(self.key.after("t")),
            list(self.key.kept("p")),
            any(broken),
        );
        let read = || {
            let mut statement = self.connection.prepare(&query)?;
            let rows = statement.query_map([], |row| {
                let values = |from: usize| {
                    let values = (from..from + width).map(|at| row.get(at));
                    values.collect::<rusqlite::Result<Vec<Value>>>()
                };
                Ok(Misfit {
                    now: values(0)?,
                    began: Some(values(width)?),
                    breaks: breaks.clone(),
                    before: Before::Goes,
                })
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(from_sqlite)
    }

    /// Whether rows of the parent have gone or have other keys: without that no row can have lost what it referred to, and
    /// none is looked at.
    fn has_lost_keys(&self, reference: &KeyOfBefore) -> Result<bool, EngineError> {
        let mut tables = self.kept.tables.iter();
        let Some(parent) = tables.find(|table| is(&table.plan.before, &reference.parent)) else {
            return Ok(false);
        };
        let key = Key::read(self.connection, self.kept.number, parent)?;
        let mut lost = Vec::new();
        if let Some(log) = parent.touched.as_ref().filter(|_| key.is_known()) {
            let other = any((1..=key.parts.len()).map(|n| format!("k${n} is not o${n}")));
            let was = all((1..=key.parts.len()).map(|n| format!("o${n} is not null")));
            lost.push(format!(
                "exists (select 1 from {} where {was} and {other})",
                sql(log)
            ));
        }
        if let Some(rows) = &parent.rows {
            lost.push(format!(
                "exists (select 1 from {} where gone$ = {LOST})",
                sql(rows)
            ));
        }
        let query = format!("select {}", any(lost));
        let found = self.connection.query_row(&query, [], |row| row.get(0));
        found.map_err(from_sqlite)
    }

    /// Rows `t` that are there with their rows `p` of before, and get the columns of a key back; none if there can be none.
    fn standing_rows(&self, reference: &KeyOfBefore) -> Option<String> {
        let after = self.table.plan.after.as_ref()?;
        let terms = Terms::of(self.table, self.key, Shape::After).filter(Terms::has_rows)?;
        let (mut unwritten, mut others) = (Vec::new(), Vec::new());
        for (at, _) in &reference.columns {
            let column = &self.table.plan.columns[*at];
            let was = format!("p.c${}", at + 1);
            unwritten.extend(terms.written(*at).map(|w| format!("{w} is not 1")));
            if self.table.left.contains(&column.before) {
                // The migration could not change it.
                continue;
            }
            others.push(match &column.after {
                Some(now) => differ(&of("t", now), &was),
                None => format!("{was} is not null"),
            });
        }
        (!others.is_empty()).then(|| {
            format!(
                "{} t {} where {} and {} and {}",
                sql(after),
                terms.joins(),
                terms.was_there(),
                all(unwritten),
                any(others)
            )
        })
    }

    /// The parent's row was to come back, too, and does not; nor has another its key.
    fn gone_with_parent(&self, reference: &KeyOfBefore, parent: &KeptTable) -> Option<String> {
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
    fn kept_parent(&self, reference: &KeyOfBefore, parent: &KeptTable, mark: u8) -> Option<String> {
        let rows = parent.rows.as_ref()?;
        let same = self.row_referred_to(reference, parent)?;
        Some(format!(
            "exists (select 1 from {} q where q.gone$ = {mark} and {same})",
            sql(rows)
        ))
    }

    /// The condition that `q`, a row of the parent as it was before, is the one to which `p` refers.
    fn row_referred_to(&self, reference: &KeyOfBefore, parent: &KeptTable) -> Option<String> {
        let pairs = reference.columns.iter().map(|(at, to)| {
            let columns = &mut parent.plan.columns.iter();
            let place = columns.position(|column| column.before.eq_ignore_ascii_case(to))?;
            Some(format!("q.c${} = p.c${}", place + 1, at + 1))
        });
        Some(all(pairs.collect::<Option<Vec<_>>>()?))
    }

    /// Carries one action out on the rows that a condition finds.
    fn act(
        &self,
        reference: &KeyOfBefore,
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
        let mut which = "p.gone$ = 1".to_owned();
        let stays = lets_go(action) || action == "CASCADE" && moved.is_some();
        if stays && self.has_lost_keys(reference)? {
            let standing = self.standing_rows(reference);
            which = standing.map_or(which, |rows| {
                format!("(p.gone$ = 1 or p.rowid in (select p.rowid from {rows}))")
            });
        }
        let update = format!(
            "update {} as p set {sets} where {which} and {found}",
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

/// Whether the row stays, and refers to nothing or to what its default says.
fn lets_go(action: &str) -> bool {
    matches!(action, "SET NULL" | "SET DEFAULT")
}

/// Whether what happened to the parent would not have been allowed.
fn forbids(action: &str) -> bool {
    action != "CASCADE" && !lets_go(action)
}
