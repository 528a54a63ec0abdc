//! How the server is doing: its statistics, who waits, how far behind its standbys are.

use std::collections::BTreeMap;

use tightrope_engine::{EngineError, ErrorKind, Session as _, SessionId, Vital, Vitals};
use tightrope_model::{TableName, Value};

use super::PostgresSession;
use super::watched::HERE;

/// From this major on a statement's time is called `total_exec_time`.
const EXEC_TIME: u32 = 13;
/// From this major on it is known when the statements' statistics were reset.
const STATEMENTS_INFO: u32 = 14;
/// From this major on it is known since when a statement is counted.
const STATEMENTS_SINCE: u32 = 17;

impl Vitals for PostgresSession {
    fn bound_statements(&mut self, milliseconds: u64) -> Result<(), EngineError> {
        self.execute_own(&format!("set statement_timeout = {milliseconds}"))
    }

    fn vital(&mut self, what: &str) -> Result<Vital, EngineError> {
        match what {
            "deadlocks" => self.database_total("deadlocks"),
            "rollbacks" => self.database_total("xact_rollback"),
            "waiting sessions" => self.waiting_sessions(),
            "replication lag" => self.replication_lag(),
            other => Err(EngineError::new(
                ErrorKind::Unsupported,
                format!("PostgreSQL has no {other}"),
            )),
        }
    }

    fn statement(&mut self, pattern: &str) -> Result<Vital, EngineError> {
        let (schema, time) = self.statements_view()?;
        // The oldest of them is a new one when it was evicted and has come back.
        let since = match self.major >= STATEMENTS_SINCE {
            true => "min(stats_since)::text",
            false => "null::text",
        };
        let sql = format!(
            "select count(*)::bigint, {since}, sum(calls)::text, sum({time})::text, \
             sum(shared_blks_hit + shared_blks_read)::text from {schema}.pg_stat_statements(false) \
             where {HERE} and queryid = any ($1::text::bigint[])"
        );
        let alike = self.statements_like(&schema, pattern)?;
        let rows = self.query_own(&sql, &[Value::from(alike)])?;
        let row = rows.first().map_or(&[][..], |row| &row[..]);
        if row.first().and_then(Value::integer).unwrap_or(0) == 0 {
            let why = format!("no statement like `{pattern}` has run since the statistics began");
            return Ok(Vital::Absent { why });
        }
        let mut values = BTreeMap::new();
        for (name, value) in ["calls", "time", "blocks"].into_iter().zip(&row[2..]) {
            values.insert(name.to_owned(), number(value)?);
        }
        let since = row[1].text().map(str::to_owned);
        let reset = match self.major >= STATEMENTS_INFO {
            true => {
                let sql = format!("select stats_reset::text from {schema}.pg_stat_statements_info");
                text(&self.query_own(&sql, &[])?)
            }
            false => None,
        };
        let epoch = match (reset, since) {
            (Some(reset), Some(since)) => Some(format!("{reset}, {since}")),
            (reset, since) => reset.or(since),
        };
        Ok(Vital::Totals { values, epoch })
    }

    fn waiting_for(&mut self, session: &SessionId) -> Result<Vec<i64>, EngineError> {
        let sql = "select a.pid::bigint from pg_catalog.pg_stat_activity a where a.wait_event_type = 'Lock' \
                   and $1::int = any (pg_catalog.pg_blocking_pids(a.pid))";
        let rows = self.query_own(sql, &[Value::from(session.0.as_str())])?;
        Ok(rows.iter().filter_map(|row| row[0].integer()).collect())
    }

    fn cancel(&mut self, session: &SessionId) -> Result<bool, EngineError> {
        let sql = "select pg_catalog.pg_cancel_backend($1::int)::int::bigint";
        let rows = self.query_own(sql, &[Value::from(session.0.as_str())])?;
        Ok(rows.first().and_then(|row| row[0].integer()) == Some(1))
    }

    fn hold_still(&mut self, tables: &[TableName]) -> Result<(), EngineError> {
        for table in tables {
            let name = match table.schema.is_empty() {
                true => self.quote(&table.name),
                false => format!("{}.{}", self.quote(&table.schema), self.quote(&table.name)),
            };
            self.execute_own(&format!("lock table {name} in share mode"))?;
        }
        Ok(())
    }
}

impl PostgresSession {
    /// A counter of this database; `column` is one of ours.
    fn database_total(&mut self, column: &str) -> Result<Vital, EngineError> {
        let sql = format!(
            "select {column}::text, stats_reset::text from pg_catalog.pg_stat_database \
             where datname = pg_catalog.current_database()"
        );
        let rows = self.query_own(&sql, &[])?;
        let row = rows
            .first()
            .ok_or_else(|| unseen("the statistics of this database"))?;
        Ok(Vital::Totals {
            values: BTreeMap::from([("count".to_owned(), number(&row[0])?)]),
            epoch: row[1].text().map(str::to_owned),
        })
    }

    fn waiting_sessions(&mut self) -> Result<Vital, EngineError> {
        let sql = "select count(*) filter (where wait_event_type = 'Lock')::bigint, \
                   count(*) filter (where backend_type is null)::bigint from pg_catalog.pg_stat_activity \
                   where datname = pg_catalog.current_database()";
        let rows = self.query_own(sql, &[])?;
        let of = |index: usize| {
            rows.first()
                .and_then(|row| row[index].integer())
                .unwrap_or(0)
        };
        match of(1) {
            0 => Ok(Vital::Level(of(0) as f64)),
            _ => Err(unseen("what other users' sessions wait for")),
        }
    }

    /// The lag of the standby that is furthest behind. One that has replayed everything has none; without a standby there is no
    /// lag to be seen.
    fn replication_lag(&mut self) -> Result<Vital, EngineError> {
        let sql = "select count(*)::bigint, count(state)::bigint, \
                   coalesce(max(extract(epoch from replay_lag)), 0)::text from pg_catalog.pg_stat_replication";
        let rows = self.query_own(sql, &[])?;
        let row = rows.first().ok_or_else(|| unseen("replication"))?;
        match (row[0].integer(), row[1].integer()) {
            (Some(0), _) => Err(EngineError::new(
                ErrorKind::DoesNotExist,
                "no standby is connected",
            )),
            (all, seen) if all != seen => Err(unseen("how far behind the standbys are")),
            _ => Ok(Vital::Level(number(&row[2])?)),
        }
    }

    /// The quoted schema of the statements' statistics, and the name of their time.
    pub(super) fn statements_view(&mut self) -> Result<(String, &'static str), EngineError> {
        let Some(schema) = self.statements_schema()? else {
            return Err(EngineError::new(
                ErrorKind::DoesNotExist,
                "the extension pg_stat_statements is not in this database",
            )
            .hint("create extension pg_stat_statements; it has to be in shared_preload_libraries, too"));
        };
        let time = match self.major >= EXEC_TIME {
            true => "total_exec_time",
            false => "total_time",
        };
        Ok((self.quote(&schema), time))
    }

    fn statements_schema(&mut self) -> Result<Option<String>, EngineError> {
        let sql = "select n.nspname::text from pg_catalog.pg_extension e \
                   join pg_catalog.pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_stat_statements'";
        Ok(text(&self.query_own(sql, &[])?))
    }
}

pub(super) fn unseen(what: &str) -> EngineError {
    EngineError::new(
        ErrorKind::PermissionDenied,
        format!("the server does not show {what} to this user"),
    )
    .hint("grant pg_monitor to the user")
}

fn text(rows: &[Vec<Value>]) -> Option<String> {
    rows.first()?.first()?.text().map(str::to_owned)
}

pub(super) fn number(value: &Value) -> Result<f64, EngineError> {
    let number = value.text().and_then(|text| text.parse().ok());
    number.ok_or_else(|| {
        EngineError::new(
            ErrorKind::Other,
            format!("the server gave {value} where a number is wanted"),
        )
    })
}
