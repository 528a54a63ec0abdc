//! Rows that cannot stay: written ones that the old schema cannot hold, with those that refer to them, and rows of before that
//! have lost their place.

use std::collections::BTreeSet;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use tightrope_engine::{EngineError, KeptNet, KeptTable, Quarantined, Window};
use tightrope_model::TableName;

use super::conflicts::{self, Before};
use super::json::row_of;
use super::key::{Key, equal};
use super::live::Live;
use super::names::{all, list, of, sql};
use super::orphans::{LOST, follow_parents};
use super::quiet::Quiet;
use super::references::{ForeignKey, all_keys, is};
use super::terms::{Shape, Terms};
use crate::error::from_sqlite;

/// Takes them out of their tables, and gives them whole.
pub(super) fn take_out(
    connection: &Connection,
    kept: &KeptNet,
    window: &Window<'_>,
) -> Result<Vec<Quarantined>, EngineError> {
    let mut quarantined = Vec::new();
    for pass in 0..MOST_PASSES {
        let taken = take(connection, kept, window, pass == 0)?;
        let is_done = taken.is_empty() && pass > 0;
        quarantined.extend(taken);
        if is_done {
            break;
        }
        quarantined.extend(follow_parents(connection, kept, window, pass == 0)?);
    }
    for table in &kept.tables {
        let key = Key::read(connection, kept.number, table)?;
        if let Some(terms) = Terms::of(table, &key, Shape::After) {
            quarantined.extend(displaced_rows(connection, table, &terms)?);
        }
    }
    Ok(quarantined)
}

/// Taking rows out, and rows of before that do not come back, can bring others into conflict that referred to them.
const MOST_PASSES: usize = 100;

/// Takes out what is in conflict. The first time that is all that the gauge counts; later, what refers to rows that have gone
/// since.
fn take(
    connection: &Connection,
    kept: &KeptNet,
    window: &Window<'_>,
    first: bool,
) -> Result<Vec<Quarantined>, EngineError> {
    let mut victims = Victims {
        connection,
        keys: all_keys(connection).map_err(from_sqlite)?,
        found: Vec::new(),
        seen: BTreeSet::new(),
    };
    let (mut displaced, mut going) = (Vec::new(), Vec::new());
    for table in &kept.tables {
        let key = Key::read(connection, kept.number, table)?;
        let Some(after) = &table.plan.after else {
            continue;
        };
        let misfits = match first {
            true => conflicts::of_table(connection, kept, table, &key, window)?,
            false => conflicts::of_foreign_keys(connection, kept, table, &key, (window, false))?,
        };
        for misfit in misfits {
            // Who refers to a row that is there again, with the same key, still refers to it.
            let again = first && misfit.before == Before::ComesBack;
            let alone = again && misfit.began.as_ref() == Some(&misfit.now);
            let names: Vec<&str> = key.parts.iter().map(|part| part.after.as_str()).collect();
            let place = victims
                .place_of(after, &names, &misfit.now)
                .map_err(from_sqlite)?;
            for place in place {
                victims
                    .add(after, place, &misfit.breaks, alone)
                    .map_err(from_sqlite)?;
            }
            match (misfit.before, misfit.began) {
                (_, None) => {}
                (Before::LosesItsPlace, Some(began)) => displaced.push((table, began)),
                (Before::Goes, Some(began)) => going.push((table, began)),
                (Before::ComesBack, Some(_)) => {}
            }
        }
    }
    for (table, began) in going {
        mark(connection, kept, table, &began, LOST)?;
    }
    let quarantined = victims.remove(kept, first)?;
    for (table, began) in displaced {
        mark(connection, kept, table, &began, LOSES)?;
    }
    Ok(quarantined)
}

/// A row that goes.
struct Victim {
    table: TableName,
    place: Vec<Value>,
    reason: String,
}

/// The rows that go, those that are referred to before those that refer.
struct Victims<'a> {
    connection: &'a Connection,
    keys: Vec<ForeignKey>,
    found: Vec<Victim>,
    seen: BTreeSet<String>,
}

impl Victims<'_> {
    /// Where the rows with these values are.
    fn place_of(
        &self,
        table: &TableName,
        names: &[&str],
        values: &[Value],
    ) -> rusqlite::Result<Vec<Vec<Value>>> {
        let Some(live) = Live::read(self.connection, table)? else {
            return Ok(Vec::new());
        };
        let same = all((1..)
            .zip(names)
            .map(|(n, name): (usize, _)| format!("{} = ?{n}", of("t", name))));
        let columns = live.place();
        let query = format!(
            "select {} from {} t where {same}",
            list(columns.iter().map(|column| of("t", column))),
            sql(table)
        );
        places(self.connection, &query, values, columns.len())
    }

    /// Adds a row and all that refer to it, unless it goes alone.
    fn add(
        &mut self,
        table: &TableName,
        place: Vec<Value>,
        reason: &str,
        alone: bool,
    ) -> rusqlite::Result<()> {
        if !self
            .seen
            .insert(format!("{} {place:?}", table.name.to_ascii_lowercase()))
        {
            return Ok(());
        }
        let from = self.found.len();
        self.found.push(Victim {
            table: table.clone(),
            place,
            reason: reason.to_owned(),
        });
        let mut at = from;
        while at < self.found.len() && !alone {
            for (child, place) in self.children(at)? {
                if self
                    .seen
                    .insert(format!("{} {place:?}", child.name.to_ascii_lowercase()))
                {
                    let reason = format!(
                        "it refers to a row of {} that was taken out",
                        self.found[at].table
                    );
                    self.found.push(Victim {
                        table: child,
                        place,
                        reason,
                    });
                }
            }
            at += 1;
        }
        Ok(())
    }

    fn children(&self, at: usize) -> rusqlite::Result<Vec<(TableName, Vec<Value>)>> {
        let victim = &self.found[at];
        let mut children = Vec::new();
        let Some(parent) = Live::read(self.connection, &victim.table)? else {
            return Ok(children);
        };
        for key in self
            .keys
            .iter()
            .filter(|key| is(&key.parent, &victim.table))
        {
            let Some(child) = Live::read(self.connection, &key.child)? else {
                continue;
            };
            let columns = child.place();
            let place = parent.place();
            let same = all((1..)
                .zip(&place)
                .map(|(n, name): (usize, _)| format!("{} = ?{n}", of("t", name))));
            let query = format!(
                "select {} from {} c join {} t on {} where {same}",
                list(columns.iter().map(|column| of("c", column))),
                sql(&key.child),
                sql(&victim.table),
                key.meets("c", "t")
            );
            let found = places(self.connection, &query, &victim.place, columns.len())?;
            children.extend(found.into_iter().map(|place| (key.child.clone(), place)));
        }
        Ok(children)
    }

    /// Takes them all out, the last found first: so nothing cascades. What they were before comes back the first time; later
    /// nobody would ask what has become of its parents.
    fn remove(self, kept: &KeptNet, first: bool) -> Result<Vec<Quarantined>, EngineError> {
        if self.found.is_empty() {
            return Ok(Vec::new());
        }
        let quiet = Quiet::make(self.connection)?;
        let defer = "pragma defer_foreign_keys = on";
        self.connection.execute_batch(defer).map_err(from_sqlite)?;
        let mut quarantined = Vec::new();
        for victim in self.found.iter().rev() {
            quarantined.extend(remove(self.connection, kept, victim, first)?);
        }
        quiet.end(self.connection)?;
        quarantined.reverse();
        Ok(quarantined)
    }
}

fn places(
    connection: &Connection,
    query: &str,
    values: &[Value],
    width: usize,
) -> rusqlite::Result<Vec<Vec<Value>>> {
    let mut statement = connection.prepare_cached(query)?;
    let rows = statement.query_map(params_from_iter(values), |row| {
        (0..width)
            .map(|at| row.get(at))
            .collect::<rusqlite::Result<Vec<Value>>>()
    })?;
    rows.collect()
}

/// Takes one row out. The row of before, if there is one, comes back in its place, or goes, too.
fn remove(
    connection: &Connection,
    kept: &KeptNet,
    victim: &Victim,
    comes_back: bool,
) -> Result<Option<Quarantined>, EngineError> {
    let Some(live) = Live::read(connection, &victim.table).map_err(from_sqlite)? else {
        return Ok(None);
    };
    let place = live.place();
    let same = all((1..)
        .zip(&place)
        .map(|(n, name): (usize, _)| format!("{} = ?{n}", of("t", name))));
    let names: Vec<&str> = live.stored.iter().map(String::as_str).collect();
    let read = || {
        let query = format!(
            "select {} from {} t where {same}",
            list(names.iter().map(|name| of("t", name))),
            sql(&victim.table)
        );
        let mut statement = connection.prepare_cached(&query)?;
        let mut rows = statement.query(params_from_iter(&victim.place))?;
        rows.next()?.map(|row| row_of(&names, row)).transpose()
    };
    let Some(row) = read().map_err(from_sqlite)? else {
        return Ok(None);
    };
    mark_before(
        connection,
        kept,
        victim,
        &same,
        if comes_back { 1 } else { LOST },
    )?;
    let delete = format!("delete from {} as t where {same}", sql(&victim.table));
    connection
        .execute(&delete, params_from_iter(&victim.place))
        .map_err(from_sqlite)?;
    Ok(Some(Quarantined {
        table: victim.table.clone(),
        reason: victim.reason.clone(),
        row,
    }))
}

/// Marks the row of before of a row that is about to go.
fn mark_before(
    connection: &Connection,
    kept: &KeptNet,
    victim: &Victim,
    same: &str,
    mark: u8,
) -> Result<(), EngineError> {
    let watched = kept.tables.iter().find(|table| {
        table
            .plan
            .after
            .as_ref()
            .is_some_and(|after| is(after, &victim.table))
    });
    let Some((table, rows, log)) =
        watched.and_then(|table| Some((table, table.rows.as_ref()?, table.touched.as_ref()?)))
    else {
        return Ok(());
    };
    let key = Key::read(connection, kept.number, table)?;
    let update = format!(
        "update {} as p set gone$ = {mark} where +p.gone$ = 0 and ({}) in
         (select {} from {} t join {} l on {} where {same})",
        sql(rows),
        list(key.kept("p")),
        list(key.own("l", "o")),
        sql(&victim.table),
        sql(log),
        equal(&key.own("l", "k"), &key.after("t")),
    );
    connection
        .execute(&update, params_from_iter(&victim.place))
        .map(drop)
        .map_err(from_sqlite)
}

/// Marks a row of before.
fn mark(
    connection: &Connection,
    kept: &KeptNet,
    table: &KeptTable,
    began: &[Value],
    mark: u8,
) -> Result<(), EngineError> {
    let Some(rows) = &table.rows else {
        return Ok(());
    };
    let key = Key::read(connection, kept.number, table)?;
    let same = all((1..)
        .zip(key.kept("p"))
        .map(|(n, part): (usize, _)| format!("{part} = ?{n}")));
    let update = format!("update {} as p set gone$ = {mark} where {same}", sql(rows));
    connection
        .execute(&update, params_from_iter(began))
        .map(drop)
        .map_err(from_sqlite)
}

/// The mark of a row of before that is about to be put aside.
const LOSES: u8 = 3;

/// Rows of before that the migration deleted and whose place the application has given to others.
fn displaced_rows(
    connection: &Connection,
    table: &KeptTable,
    terms: &Terms<'_>,
) -> Result<Vec<Quarantined>, EngineError> {
    let plan = &table.plan;
    let (Some(rows), Some(after)) = (&table.rows, &plan.after) else {
        return Ok(Vec::new());
    };
    if !terms.has_rows() {
        return Ok(Vec::new());
    }
    let lost = format!(
        "(p.gone$ = {LOSES} or {})",
        terms.lost_its_place(&sql(after))
    );
    let names: Vec<&str> = plan
        .columns
        .iter()
        .map(|column| column.before.as_str())
        .collect();
    let values = list((1..=names.len()).map(|n| format!("p.c${n}")));
    let read = || {
        let query = format!("select {values} from {} p where {lost}", sql(rows));
        let mut statement = connection.prepare(&query)?;
        let found = statement.query_map([], |row| row_of(&names, row))?;
        let found = found.collect::<rusqlite::Result<Vec<String>>>()?;
        drop(statement);
        let mark = format!("update {} as p set gone$ = {LOST} where {lost}", sql(rows));
        connection.execute(&mark, [])?;
        Ok(found)
    };
    let found = read().map_err(from_sqlite)?;
    let quarantined = found.into_iter().map(|row| Quarantined {
        table: after.clone(),
        reason: "this row of before has lost its place to one that was written since".to_owned(),
        row,
    });
    Ok(quarantined.collect())
}
