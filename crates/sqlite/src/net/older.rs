//! Stacked migrations: while a newer one has its window over a table, the older one's touch log rests; what was touched
//! meanwhile is handed down to it when the newer one goes back.

use rusqlite::Connection;
use tightrope_engine::{EngineError, ErrorKind, KeptNet, KeptTable};
use tightrope_model::TableName;

use super::key::{Key, equal};
use super::names::{all, list, sql};
use super::references::is;
use super::touch::numbered;
use super::window::{HOLD, TRIGGERS, stop};
use super::{about, owed};
use crate::error::from_sqlite;

/// The older net stops writing down in these tables, and keeps what it has: whole, for nobody tells it of a first touch now.
pub(super) fn suspend(
    connection: &Connection,
    older: &KeptNet,
    tables: &[TableName],
) -> Result<(), EngineError> {
    for (table, log) in watched(older, tables) {
        stop(connection, log)?;
        owed::complete_untouched(connection, older, table)?;
    }
    Ok(())
}

/// Hands down what the newer log has, and lets the older net write down again.
pub(super) fn resume(
    connection: &Connection,
    older: &KeptNet,
    newer: &KeptNet,
    tables: &[TableName],
) -> Result<(), EngineError> {
    for (table, log) in watched(older, tables) {
        let shared = newer.tables.iter().find(|newer| {
            table
                .plan
                .after
                .as_ref()
                .is_some_and(|after| is(&newer.plan.before, after))
        });
        if let Some(newer_table) = shared
            && let Some(newer_log) = &newer_table.touched
        {
            let hand = HandDown {
                connection,
                older: (table, log, Key::read(connection, older.number, table)?),
                newer: (
                    newer_table,
                    newer_log,
                    Key::read(connection, newer.number, newer_table)?,
                ),
            };
            hand.down()?;
        }
        stop(connection, log)?;
        for item in TRIGGERS.into_iter().chain([HOLD]) {
            let text = about::read(connection, older.number, &table.plan, item);
            if let Some(text) = text.map_err(from_sqlite)? {
                connection.execute_batch(&text).map_err(from_sqlite)?;
            }
        }
    }
    Ok(())
}

/// The watched tables of a net among these, by their names after it.
fn watched<'a>(
    net: &'a KeptNet,
    tables: &'a [TableName],
) -> impl Iterator<Item = (&'a KeptTable, &'a TableName)> {
    net.tables.iter().filter_map(|table| {
        let after = table.plan.after.as_ref()?;
        let named = tables.iter().any(|name| is(name, after));
        Some((table, table.touched.as_ref()?)).filter(|_| named)
    })
}

type Side<'a> = (&'a KeptTable, &'a TableName, Key);

struct HandDown<'a> {
    connection: &'a Connection,
    older: Side<'a>,
    newer: Side<'a>,
}

impl HandDown<'_> {
    fn down(&self) -> Result<(), EngineError> {
        let (_, log, key) = &self.older;
        let (_, newer_log, newer_key) = &self.newer;
        self.is_same_identity()?;
        let (log, newer) = (sql(log), sql(newer_log));
        let (k, o) = (key.own("", "k"), key.own("", "o"));
        let began = newer_key.own("n", "o");
        let is_known = |side: &[String]| all(side.iter().map(|part| format!("{part} is not null")));
        let inserted = format!(
            "{} and not ({})",
            is_known(&newer_key.own("n", "k")),
            is_known(&began)
        );
        let at = equal(&key.own("l", "k"), &began);
        let values = newer_key
            .own("n", "k")
            .into_iter()
            .zip(&k)
            .map(|(new, k)| format!("{k} = {new}"));
        let flags = self.flags();
        let flags = flags
            .iter()
            .map(|(old, new)| format!("w${old} = l.w${old} or n.w${new}"));
        // One statement moves all keys, so that swaps do not meet themselves.
        let batch = format!(
            "insert into {log} ({k}, {o}) select {began}, {began} from {newer} n where {is_there}
               and not exists (select 1 from {log} l where {at}) and not exists (select 1 from {log} l where {at_origin});
             update {log} as l set {sets} from {newer} n where {is_there} and {at};
             delete from {log} where not ({k_known}) and not ({o_known});
             insert into {log} ({k}) select {now} from {newer} n where {inserted};",
            k = list(&k),
            o = list(&o),
            began = list(&began),
            is_there = is_known(&began),
            at_origin = equal(&key.own("l", "o"), &began),
            sets = list(flags.chain(values)),
            k_known = is_known(&k),
            o_known = is_known(&o),
            now = list(newer_key.own("n", "k")),
        );
        self.connection.execute_batch(&batch).map_err(from_sqlite)
    }

    /// Whether both tell rows apart by the same columns.
    fn is_same_identity(&self) -> Result<(), EngineError> {
        let older = self
            .older
            .2
            .parts
            .iter()
            .map(|part| Some(part.after.to_lowercase()));
        let newer = self.newer.2.parts.iter();
        let newer = newer.map(|part| part.before.as_ref().map(|name| name.to_lowercase()));
        if older.eq(newer) {
            return Ok(());
        }
        Err(EngineError::new(
            ErrorKind::Unsupported,
            format!(
                "two migrations tell the rows of {} apart by other keys, so what was touched cannot be handed down",
                self.newer.0.plan.before
            ),
        )
        .hint("seal the older migration, then roll back the newer one"))
    }

    /// The numbers of the columns that both log.
    fn flags(&self) -> Vec<(usize, usize)> {
        let logged = numbered(&self.newer.0.plan);
        let newer = (1..).zip(&self.newer.0.plan.columns);
        let newer: Vec<(usize, &str)> = newer
            .filter(|(n, _)| logged.iter().any(|(number, _)| number == n))
            .map(|(n, column)| (n, column.before.as_str()))
            .collect();
        numbered(&self.older.0.plan)
            .into_iter()
            .filter_map(|(old, name)| {
                let found = newer
                    .iter()
                    .find(|(_, before)| before.eq_ignore_ascii_case(name))?;
                Some((old, found.0))
            })
            .collect()
    }
}
