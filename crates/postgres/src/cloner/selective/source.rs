//! The source while it is read: one snapshot, pinned settings, no writes.

use postgres::{Client, SimpleQueryMessage};
use tightrope_engine::EngineError;

use super::survey::{PostgresSurvey, Table};
use crate::connect::{self, Target};
use crate::error;
use crate::quote::literal;

/// How long tables are waited for that somebody is changing.
const LOCK_WAIT: &str = "60s";

/// Up to which size a table's rows are counted; of a larger one the statistics have to do.
const COUNTED_BYTES: u64 = 256 << 20;

/// Tables, or sequences, in one statement.
const TOGETHER: usize = 100;

/// Settings that decide how values are written and read: the same on both sides. Without `row_security`, whoever may not see all rows is told
/// so instead of being shown some of them.
const PINS: &str = "set search_path = pg_catalog; set DateStyle = 'ISO, YMD'; set IntervalStyle = postgres; set TimeZone = 'UTC'; \
    set extra_float_digits = 3; set bytea_output = hex; set xmloption = content; set lc_monetary = 'C'; set row_security = off; \
    set statement_timeout = 0; set idle_in_transaction_session_timeout = 0; set jit = off; set client_encoding = 'UTF8'";

/// An open reading of the source.
pub(super) struct Reading {
    pub(super) client: Client,
    /// By which others read the same.
    pub(super) snapshot: String,
    /// Whether the source is a standby: it has no rows of unlogged tables.
    pub(super) is_standby: bool,
}

/// Opens a session on either side, with the settings that both have.
pub(super) fn open(target: &Target) -> Result<Client, EngineError> {
    let mut client = connect::open(target, "tightrope copy")?.client;
    client
        .batch_execute(PINS)
        .map_err(|error| error::of_own(&error))?;
    Ok(client)
}

impl Reading {
    pub(super) fn begin(target: &Target) -> Result<Self, EngineError> {
        let mut client = open(target)?;
        client
            .batch_execute(&format!(
                "set lock_timeout = '{LOCK_WAIT}'; begin isolation level repeatable read, read only"
            ))
            .map_err(|error| error::of_own(&error))?;
        let row = client
            .query_one("select pg_export_snapshot(), pg_is_in_recovery()", &[])
            .map_err(|error| error::of_own(&error))?;
        Ok(Self {
            snapshot: row.get(0),
            is_standby: row.get(1),
            client,
        })
    }

    /// Keeps the tables as they are until everything is read: nobody can change or drop one meanwhile.
    pub(super) fn lock(&mut self, survey: &PostgresSurvey) -> Result<(), EngineError> {
        for tables in survey.tables.chunks(TOGETHER) {
            let names: Vec<String> = tables
                .iter()
                .map(|table| format!("only {}", table.quoted()))
                .collect();
            self.client
                .batch_execute(&format!(
                    "lock table {} in access share mode",
                    names.join(", ")
                ))
                .map_err(|error| error::of_own(&error))?;
        }
        Ok(())
    }

    /// How many rows a table has, and whether that is an estimate.
    pub(super) fn count(&mut self, table: &Table) -> Result<(u64, bool), EngineError> {
        if let Some(estimate) = table.estimate
            && table.bytes > COUNTED_BYTES
        {
            return Ok((estimate, true));
        }
        let sql = format!(
            "select count(*) from only {} t {}",
            table.quoted(),
            table.condition
        );
        let row = self
            .client
            .query_one(&sql, &[])
            .map_err(|error| error::of_own(&error))?;
        let rows: i64 = row.get(0);
        Ok((u64::try_from(rows).unwrap_or(0), false))
    }

    /// What a person should know that is not in the copy.
    pub(super) fn remarks(&mut self, survey: &PostgresSurvey) -> Result<Vec<String>, EngineError> {
        let row = self
            .client
            .query_one("select count(*) from pg_largeobject_metadata", &[])
            .map_err(|error| error::of_own(&error))?;
        let objects: i64 = row.get(0);
        let mut remarks = Vec::new();
        if objects > 0 {
            remarks.push(format!(
                "{objects} large objects are not copied: no row says which of them belong to it"
            ));
        }
        if self.is_standby && survey.tables.iter().any(|table| table.unlogged) {
            remarks.push(
                "unlogged tables are empty: the source is a standby, which has no rows of them"
                    .to_owned(),
            );
        }
        Ok(remarks)
    }
}

/// Gives the sequences of the copy the positions of the source's.
pub(super) fn positions(reading: &mut Reading, place: &Target) -> Result<(), EngineError> {
    let names = column(&mut reading.client, include_str!("sql/sequences.sql"))?;
    let mut there = open(place)?;
    for names in names.chunks(TOGETHER) {
        // What moves a sequence is no part of a transaction, so neither is what is read here.
        let sets: Vec<String> = names
            .iter()
            .map(|name| {
                format!(
                    "select format('select setval(%L, %s, %L);', {}, last_value, is_called) from {name}",
                    literal(name)
                )
            })
            .collect();
        let statements = column(&mut reading.client, &sets.join(" union all "))?;
        there
            .batch_execute(&statements.join(" "))
            .map_err(|error| error::of_own(&error))?;
    }
    Ok(())
}

fn column(client: &mut Client, sql: &str) -> Result<Vec<String>, EngineError> {
    let messages = client
        .simple_query(sql)
        .map_err(|error| error::of_own(&error))?;
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    Ok(rows.collect())
}
