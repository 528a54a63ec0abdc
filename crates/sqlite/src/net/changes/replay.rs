//! Replaying a log into a restored file, in one transaction: every row becomes what the log says that it was.

use std::collections::BTreeMap;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use tightrope_engine::{
    Change, ChangeKind, Counted, EngineError, LoggedTable, Replay, Replayed, Session as _,
    Unreplayed,
};
use tightrope_model::TableName;

use super::super::json::value_of;
use super::super::live::Live;
use super::super::names::{all, list, sql};
use super::super::quiet::Quiet;
use super::read::unreadable;
use crate::error::from_sqlite;
use crate::quote::quote_identifier;
use crate::session::SqliteSession;

/// A table of the restored file, as changes of one shape find it.
struct Target {
    table: TableName,
    /// The columns of the log; those that have no place here are lost.
    columns: Vec<String>,
    lost: Vec<String>,
    place: Vec<String>,
    /// The rowid has to be said: no column is another name of it.
    rowid: Option<String>,
    misfit: Option<String>,
}

/// A replay that goes on in the session's open transaction.
pub(super) struct Replaying<'s> {
    session: &'s mut SqliteSession,
    targets: BTreeMap<i64, Target>,
    across: bool,
    /// A migration has been passed: rowids that no column tells may be other ones.
    migrated: bool,
    quiet: Option<Quiet>,
    replayed: u64,
    unreplayed: Vec<Unreplayed>,
    ended: bool,
}

impl<'s> Replaying<'s> {
    /// Puts the user's triggers to sleep: what they wrote is in the log. Those of the net stay awake.
    pub(super) fn begin(session: &'s mut SqliteSession, across: bool) -> Result<Self, EngineError> {
        let quiet = Quiet::but_own(session.connection())?;
        Ok(Self {
            session,
            targets: BTreeMap::new(),
            across,
            migrated: false,
            quiet: Some(quiet),
            replayed: 0,
            unreplayed: Vec::new(),
            ended: false,
        })
    }

    fn learn(&mut self, tables: &[LoggedTable]) -> Result<(), EngineError> {
        for logged in tables {
            if !self.targets.contains_key(&logged.number) {
                let target = Target::find(self.session.connection(), logged, self.across)
                    .map_err(from_sqlite)?;
                self.targets.insert(logged.number, target);
            }
        }
        Ok(())
    }
}

impl Replay for Replaying<'_> {
    fn apply(&mut self, tables: &[LoggedTable], changes: Vec<Change>) -> Result<(), EngineError> {
        self.learn(tables)?;
        for change in changes {
            if change.kind == ChangeKind::Migration {
                self.migrated = true;
                continue;
            }
            let because = match self.targets.get(&change.table) {
                None => Some(Unreplayed::NO_SHAPE.to_owned()),
                Some(Target {
                    misfit: Some(misfit),
                    ..
                }) => Some(misfit.clone()),
                Some(target) if self.migrated && target.rowid.is_some() => Some(
                    "its rows are told by their rowids alone, which a migration may have changed"
                        .to_owned(),
                ),
                Some(target) => target
                    .write(self.session.connection(), &change)?
                    .err()
                    .map(|error| error.to_string()),
            };
            match because {
                None => {
                    self.replayed += 1;
                    let target = self.targets.get(&change.table);
                    if let Some(lost) = target.and_then(|target| target.loses(&change)) {
                        self.unreplayed.push(lost);
                    }
                }
                Some(because) => self.unreplayed.push(Unreplayed {
                    table: self
                        .targets
                        .get(&change.table)
                        .map(|target| target.table.to_string())
                        .unwrap_or_default(),
                    change,
                    because,
                }),
            }
        }
        Ok(())
    }

    fn end(mut self: Box<Self>, _: &[Counted]) -> Result<Replayed, EngineError> {
        let connection = self.session.connection();
        if let Some(quiet) = self.quiet.take() {
            quiet.end(connection)?;
        }
        let mut rows: Vec<(TableName, u64)> = Vec::new();
        for target in self
            .targets
            .values()
            .filter(|target| target.misfit.is_none())
        {
            if rows.iter().any(|(table, _)| *table == target.table) {
                continue;
            }
            let count: i64 = connection
                .query_row(
                    &format!("select count(*) from {}", sql(&target.table)),
                    [],
                    |row| row.get(0),
                )
                .map_err(from_sqlite)?;
            rows.push((
                target.table.clone(),
                u64::try_from(count).unwrap_or_default(),
            ));
        }
        self.session.commit()?;
        self.ended = true;
        Ok(Replayed {
            changes: self.replayed,
            rows,
            unreplayed: std::mem::take(&mut self.unreplayed),
            remarks: match self.migrated {
                true => vec![
                    "rows that were written after a migration are as they were then, with what the migration had changed in them"
                        .to_owned(),
                ],
                false => Vec::new(),
            },
        })
    }
}

impl Drop for Replaying<'_> {
    fn drop(&mut self) {
        if !self.ended {
            // The library undoes by itself what is not committed.
            let _ = self.session.roll_back();
        }
    }
}

impl Target {
    fn find(connection: &Connection, logged: &LoggedTable, across: bool) -> rusqlite::Result<Self> {
        let mut target = Self {
            table: logged.table.clone(),
            columns: logged.columns.clone(),
            lost: Vec::new(),
            place: Vec::new(),
            rowid: None,
            misfit: None,
        };
        let Some(live) = Live::read(connection, &logged.table)? else {
            target.misfit = Some(Unreplayed::NO_TABLE.to_owned());
            return Ok(target);
        };
        let (mut then, mut here) = (logged.columns.clone(), live.stored.clone());
        then.sort();
        here.sort();
        let missing = logged
            .columns
            .iter()
            .filter(|name| !live.stored.contains(name));
        target.lost = missing.cloned().collect();
        if then != here && !across {
            target.misfit = Some(format!(
                "the table has other columns in the backup: {}",
                live.stored.join(", ")
            ));
        }
        target.place = live.place();
        target.rowid = match live.alias {
            Some(_) => None,
            None => live.rowid.map(str::to_owned),
        };
        Ok(target)
    }

    /// Makes the row what the change says; the inner error says why it does not fit.
    fn write(
        &self,
        connection: &Connection,
        change: &Change,
    ) -> Result<rusqlite::Result<()>, EngineError> {
        let place = Values::read(change.old.as_deref())?;
        let found = all(self
            .place
            .iter()
            .zip(&place.0)
            .map(|(name, value)| format!("{} = {}", quote_identifier(name), value.sign())));
        if change.kind == ChangeKind::Delete {
            let delete = format!("delete from {} where {found}", sql(&self.table));
            return Ok(execute(connection, &delete, [&place]));
        }
        let values = Values::read(change.new.as_deref())?;
        let both = self.columns.iter().zip(values.0);
        let (names, values): (Vec<&String>, Vec<One>) =
            both.filter(|(name, _)| !self.lost.contains(name)).unzip();
        Ok(self.put(connection, &found, &place, (&names, &Values(values))))
    }

    /// What the change has written into columns that have no place here.
    fn loses(&self, change: &Change) -> Option<Unreplayed> {
        if self.lost.is_empty() || change.new.is_none() {
            return None;
        }
        let values = Values::read(change.new.as_deref()).ok()?;
        let mut both = self.columns.iter().zip(&values.0);
        let is_lost = both.any(|(name, one)| self.lost.contains(name) && one.value != Value::Null);
        is_lost.then(|| Unreplayed {
            change: change.clone(),
            table: self.table.to_string(),
            because: Unreplayed::no_column(&self.lost),
        })
    }

    /// Changes the row if it is there, so that an open window learns what was changed; inserts it if it is not.
    fn put(
        &self,
        connection: &Connection,
        found: &str,
        place: &Values,
        (columns, values): (&[&String], &Values),
    ) -> rusqlite::Result<()> {
        let table = sql(&self.table);
        let pairs = columns.iter().zip(&values.0);
        let pairs = list(
            pairs.map(|(name, value)| format!("{} = {}", quote_identifier(name), value.sign())),
        );
        let exists = format!("select 1 from {table} where {found}");
        let is_there = connection
            .prepare_cached(&exists)?
            .exists(params_from_iter(place.0.iter().map(|one| &one.value)))?;
        if is_there {
            let update = format!("update or replace {table} set {pairs} where {found}");
            return execute(connection, &update, [values, place]);
        }
        let mut names: Vec<String> = columns.iter().map(|name| quote_identifier(name)).collect();
        let mut signs: Vec<&str> = values.0.iter().map(One::sign).collect();
        let mut all = vec![values];
        if let Some(rowid) = &self.rowid {
            names.push(rowid.clone());
            signs.push("?");
            all.push(place);
        }
        let insert = format!(
            "insert or replace into {table} ({}) values ({})",
            list(names),
            list(signs)
        );
        execute(connection, &insert, all)
    }
}

fn execute<'v>(
    connection: &Connection,
    sql: &str,
    values: impl IntoIterator<Item = &'v Values>,
) -> rusqlite::Result<()> {
    let values = values.into_iter().flat_map(|values| &values.0);
    connection
        .prepare_cached(sql)?
        .execute(params_from_iter(values.map(|one| &one.value)))
        .map(drop)
}

/// Values as they are bound.
struct Values(Vec<One>);

struct One {
    value: Value,
    /// Text that is no UTF-8 is bound as bytes, and cast.
    is_cast: bool,
}

impl One {
    fn sign(&self) -> &'static str {
        if self.is_cast { "cast(? as text)" } else { "?" }
    }
}

impl Values {
    fn read(text: Option<&str>) -> Result<Self, EngineError> {
        let values: Vec<Option<String>> =
            serde_json::from_str(text.unwrap_or("[]")).map_err(|_| unreadable())?;
        let one = |text: Option<String>| match text {
            None => Ok(One {
                value: Value::Null,
                is_cast: false,
            }),
            Some(text) => Ok(One {
                value: value_of(&text).ok_or_else(unreadable)?,
                is_cast: text.starts_with("cast(x'"),
            }),
        };
        values
            .into_iter()
            .map(one)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}
