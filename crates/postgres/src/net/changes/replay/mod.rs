//! Replaying a log into a restored database, in one transaction.
//!
//! A change is replayed only where the row is to the letter what the log says that it was. So nothing is written over by mistake, and the
//! order within a statement finds itself: what does not follow from the row as it is waits until another change of its
//! transaction has been replayed. What waits at the end did not fit, and is given back.
//!
//! Foreign keys are taken away meanwhile, and are made again at the end, which checks every row. The user's triggers sleep: what
//! they wrote is in the log. Those of the net stay awake, for an open window has to learn what is written.

mod keys;
mod sequences;
mod table;

use std::collections::BTreeMap;

use tightrope_engine::{
    Change, ChangeKind, Counted, EngineError, LoggedTable, Replay, Replayed, Session as _,
    Unreplayed,
};
use tightrope_model::{TableName, Value};

use super::super::merge::counted;
use super::super::names;
use super::super::triggers::Quiet;
use crate::error;
use crate::session::PostgresSession;
use keys::{ForeignKeys, Orphan};
use table::Target;

/// Of all sessions one alone replays into a restored database, so its helpers can have plain names.
const SCHEMA: &str = "tightrope_replay";

/// A replay that goes on in the session's open transaction.
pub(super) struct Replaying<'s> {
    session: &'s mut PostgresSession,
    targets: BTreeMap<i64, Target>,
    across: bool,
    quiet: Quiet,
    keys: ForeignKeys,
    replayed: u64,
    unreplayed: Vec<Unreplayed>,
    ended: bool,
}

impl<'s> Replaying<'s> {
    /// Makes the helpers.
    pub(super) fn begin(
        session: &'s mut PostgresSession,
        across: bool,
    ) -> Result<Self, EngineError> {
        session.execute_own(&format!(
            "set local lock_timeout = 0; set local statement_timeout = 0; set local search_path = pg_catalog; \
             set local \"DateStyle\" = 'ISO, YMD'; set local \"IntervalStyle\" = 'postgres'; set local \"TimeZone\" = 'UTC'; \
             set local extra_float_digits = 3; set local bytea_output = 'hex'; set local lc_monetary = 'C'; \
             set local row_security = off; set local jit = off; set local plan_cache_mode = force_generic_plan; set constraints all deferred; \
             drop schema if exists {SCHEMA} cascade; create schema {SCHEMA}; \
             create table {SCHEMA}.entries (n bigint, x bigint, s bigint, k text, o text, w text); \
             create table {SCHEMA}.waiting (n bigint, x bigint, s bigint, k text, o text, w text, because text); \
             create index on {SCHEMA}.waiting (x); create table {SCHEMA}.lost (like {SCHEMA}.waiting); \
             create table {SCHEMA}.moved (name text)",
        ))?;
        Ok(Self {
            session,
            targets: BTreeMap::new(),
            across,
            quiet: Quiet::default(),
            keys: ForeignKeys::default(),
            replayed: 0,
            unreplayed: Vec::new(),
            ended: false,
        })
    }

    /// Makes ready for tables that were not there before.
    fn learn(&mut self, tables: &[LoggedTable]) -> Result<(), EngineError> {
        let mut fresh = false;
        for logged in tables {
            if self.targets.contains_key(&logged.number) {
                continue;
            }
            fresh = true;
            let target = Target::find(self.session, logged, self.across)?;
            if target.misfit.is_none() {
                self.keys.take_away(self.session, &logged.table)?;
                self.quiet.add(self.session, &logged.table, true)?;
                target.make_function(self.session)?;
            }
            self.targets.insert(logged.number, target);
        }
        match fresh {
            true => table::make_dispatch(self.session, self.targets.values()),
            false => Ok(()),
        }
    }

    /// Takes out what has no place in the restored database.
    fn sort_out(&mut self, changes: Vec<Change>) -> Vec<Change> {
        let mut fit = Vec::with_capacity(changes.len());
        for change in changes {
            if change.kind == ChangeKind::Migration {
                continue;
            }
            let target = self.targets.get(&change.table);
            let misfit = match target {
                None => Some(Unreplayed::NO_SHAPE.to_owned()),
                Some(target) => target.misfit_of(&change),
            };
            match misfit {
                None => fit.push(change),
                Some(because) => self.unreplayed.push(Unreplayed {
                    table: target.map(|target| target.name()).unwrap_or_default(),
                    change,
                    because,
                }),
            }
        }
        fit
    }

    fn copy_in(&mut self, changes: &[Change]) -> Result<(), EngineError> {
        use std::io::Write as _;
        let mut text = String::new();
        for change in changes {
            let kind = table::kind(change.kind);
            text.push_str(&format!(
                "{}\t{}\t{}\t{kind}\t{}\t{}\n",
                change.number,
                change.transaction,
                change.table,
                copied(change.old.as_deref()),
                copied(change.new.as_deref()),
            ));
        }
        let failed = |error: postgres::Error| error::of_own(&error);
        let mut writer = self
            .session
            .client
            .copy_in(&format!("copy {SCHEMA}.entries from stdin"))
            .map_err(failed)?;
        writer.write_all(text.as_bytes()).map_err(|error| {
            EngineError::new(
                tightrope_engine::ErrorKind::ConnectionLost,
                "changes cannot be handed to the server",
            )
            .detail(error.to_string())
        })?;
        writer.finish().map_err(failed)?;
        Ok(())
    }

    /// Replays what was handed over: all at once, and one by one where something does not fit.
    fn run(&mut self) -> Result<(), EngineError> {
        self.session.execute_own("savepoint tightrope_chunk")?;
        let run = |session: &mut PostgresSession, careful: bool| {
            counted(session, &format!("select {SCHEMA}.run({careful})"))
        };
        let done = match run(self.session, false) {
            Ok(done) => done,
            Err(error) if error.kind == tightrope_engine::ErrorKind::ConnectionLost => {
                return Err(error);
            }
            Err(_) => {
                self.session
                    .execute_own("rollback to savepoint tightrope_chunk")?;
                run(self.session, true)?
            }
        };
        self.replayed += done;
        self.session.execute_own(&format!(
            "release savepoint tightrope_chunk; truncate {SCHEMA}.entries"
        ))
    }

    /// What has waited for nothing.
    fn left_over(&mut self) -> Result<(), EngineError> {
        if self.across && !self.targets.is_empty() {
            self.replayed += counted(self.session, &format!("select {SCHEMA}.merge()"))?;
        }
        let rows = self.session.query_own(
            &format!(
                "select n, x, s, k, o, w, because from {SCHEMA}.waiting \
                 union all select n, x, s, k, o, w, because from {SCHEMA}.lost order by n"
            ),
            &[],
        )?;
        for row in &rows {
            let number = |at: usize| row.get(at).and_then(Value::integer).unwrap_or_default();
            let text = |at: usize| row.get(at).and_then(Value::text).map(str::to_owned);
            let target = self.targets.get(&number(2));
            self.unreplayed.push(Unreplayed {
                change: Change {
                    number: number(0),
                    transaction: number(1),
                    at: 0,
                    table: number(2),
                    kind: table::kind_of(text(3).as_deref()),
                    old: text(4),
                    new: text(5),
                },
                table: target.map(Target::name).unwrap_or_default(),
                because: text(6).unwrap_or_default(),
            });
        }
        Ok(())
    }

    /// Rows that had to go for a foreign key are told like changes that were not replayed.
    fn tell_orphans(&mut self, orphans: Vec<Orphan>) {
        for orphan in orphans {
            let of = |target: &&Target| target.table == orphan.table;
            let number = self.targets.values().rfind(of).map(Target::number);
            self.unreplayed.push(Unreplayed {
                change: Change {
                    number: 0,
                    transaction: 0,
                    at: 0,
                    table: number.unwrap_or_default(),
                    kind: ChangeKind::Insert,
                    old: None,
                    new: Some(orphan.row),
                },
                table: orphan.table.to_string(),
                because: "the row was taken out: its parent was not replayed".to_owned(),
            });
        }
    }

    fn count(&mut self) -> Result<Vec<(TableName, u64)>, EngineError> {
        let mut names: Vec<TableName> = self
            .targets
            .values()
            .filter(|target| target.misfit.is_none())
            .map(|target| target.table.clone())
            .collect();
        names.sort();
        names.dedup();
        let mut rows = Vec::new();
        for name in names {
            let count = format!("select count(*) from only {}", names::sql(&name));
            let count = counted(self.session, &count)?;
            rows.push((name, count));
        }
        Ok(rows)
    }
}

/// A value in the text format of COPY.
fn copied(value: Option<&str>) -> String {
    match value {
        None => "\\N".to_owned(),
        Some(text) => text
            .replace('\\', "\\\\")
            .replace('\t', "\\t")
            .replace('\n', "\\n")
            .replace('\r', "\\r"),
    }
}

impl Replay for Replaying<'_> {
    fn apply(&mut self, tables: &[LoggedTable], changes: Vec<Change>) -> Result<(), EngineError> {
        self.learn(tables)?;
        let changes = self.sort_out(changes);
        if changes.is_empty() {
            return Ok(());
        }
        self.copy_in(&changes)?;
        self.run()
    }

    fn leave_out(
        &mut self,
        tables: &[LoggedTable],
        changes: Vec<Change>,
    ) -> Result<(), EngineError> {
        self.learn(tables)?;
        let changes: Vec<Change> = changes
            .into_iter()
            .filter(|change| {
                let target = self.targets.get(&change.table);
                target.is_some_and(|target| target.misfit.is_none())
            })
            .collect();
        self.copy_in(&changes)?;
        self.session.query_own(
            &format!("select count({SCHEMA}.note_move(s, k, o, w)) from {SCHEMA}.entries"),
            &[],
        )?;
        self.session
            .execute_own(&format!("truncate {SCHEMA}.entries"))
    }

    fn end(mut self: Box<Self>, counted: &[Counted]) -> Result<Replayed, EngineError> {
        self.left_over()?;
        self.session.execute_own("set constraints all immediate")?;
        let orphans = std::mem::take(&mut self.keys).make_again(self.session)?;
        self.tell_orphans(orphans);
        let rows = self.count()?;
        let mut remarks = sequences::count_on(self.session, counted)?;
        for (name, _) in &rows {
            sequences::past_the_rows(self.session, name)?;
        }
        std::mem::take(&mut self.quiet).end(self.session)?;
        remarks.extend(views(self.session)?);
        self.session
            .execute_own(&format!("drop schema {SCHEMA} cascade"))?;
        self.session.commit()?;
        self.ended = true;
        Ok(Replayed {
            changes: self.replayed,
            rows,
            unreplayed: std::mem::take(&mut self.unreplayed),
            remarks,
        })
    }
}

impl Drop for Replaying<'_> {
    fn drop(&mut self) {
        if !self.ended {
            // Where the connection broke, the server undoes it by itself.
            let _ = self.session.roll_back();
        }
    }
}

/// Materialised views hold what the backup held.
fn views(session: &mut PostgresSession) -> Result<Vec<String>, EngineError> {
    let rows = session.query_own(
        "select c.oid::regclass::text from pg_catalog.pg_class c where c.relkind = 'm' order by 1",
        &[],
    )?;
    Ok(rows
        .iter()
        .filter_map(|row| row.first()?.text())
        .map(|name| {
            format!("the materialised view {name} shows the rows of the backup: refresh it")
        })
        .collect())
}
