//! Opening: one round trip after the login tells all that planning wants to know.

use std::collections::{HashMap, HashSet};

use tightrope_engine::{Capabilities, ConnectOptions, DatabaseUrl, EngineError, ErrorKind, Server};
use tightrope_model::EngineKind;

use super::PostgresSession;
use super::activity::Identity;
use super::own::Statements;
use super::pin::{ResultSet, result_sets};
use crate::connect::{self, Target};
use crate::error;

const OLDEST: u32 = 12;

/// Everything at once. Where a statement's client is gone, the server notices within two seconds (from version 14 on).
fn hello(read_only: bool) -> String {
    format!(
        "select current_setting('server_version_num') as version_number, \
         current_setting('server_version') as version, current_database() as database, session_user as \"user\", \
         current_setting('server_encoding') as encoding, pg_backend_pid() as pid, \
         (select extract(epoch from backend_start)::numeric::text from pg_stat_get_activity(pg_backend_pid())) as started, \
         extract(epoch from pg_postmaster_start_time())::numeric::text as server_started; {}",
        settings(read_only)
    )
}

/// Settings of our own that every session has, after a reset too. (A server on Windows cannot look after its clients.)
fn settings(read_only: bool) -> String {
    let read_only = if read_only {
        ", set_config('default_transaction_read_only', 'on', false)"
    } else {
        ""
    };
    format!(
        "select case when current_setting('client_connection_check_interval', true) is not null \
         and version() !~* 'visual c|msvc|mingw' then set_config('client_connection_check_interval', '2000', false) end, \
         {NEVER_IDLE}{read_only}"
    )
}

/// Keeps the server from ending a session because it is waiting for a slow copy or for a person (from version 14 on).
pub(crate) const NEVER_IDLE: &str = "case when current_setting('idle_session_timeout', true) is not null \
     then set_config('idle_session_timeout', '0', false) end";

impl PostgresSession {
    /// Connects, and asks the server who it is.
    pub(crate) fn open(url: &DatabaseUrl, options: &ConnectOptions) -> Result<Self, EngineError> {
        let target = Target::parse(url)?;
        let name = options.application_name.as_deref().unwrap_or("tightrope");
        let mut connected = connect::open(&target, name)?;
        let messages = connected
            .client
            .simple_query(&hello(options.read_only))
            .map_err(|error| error::of_own(&error))?;
        let sets = result_sets(messages);
        let answer = sets.first().ok_or_else(no_answer)?;
        let number: u32 = value(answer, "version_number")?
            .parse()
            .map_err(|_| no_answer())?;
        let major = number / 10_000;
        let version = value(answer, "version")?;
        if major < OLDEST {
            return Err(EngineError::new(
                ErrorKind::Unsupported,
                format!(
                    "PostgreSQL {version} is older than {OLDEST}, the oldest version that is supported"
                ),
            ));
        }
        Ok(Self {
            server: Server {
                engine: EngineKind::Postgres,
                // Distributions add their own words after the version.
                version: version
                    .split_whitespace()
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
                major: major.to_string(),
                database: value(answer, "database")?,
                host: connect::place(&target.config),
                user: Some(value(answer, "user")?),
            },
            capabilities: capabilities(),
            major,
            utf8: value(answer, "encoding")? == "UTF8",
            identity: Identity {
                pid: value(answer, "pid")?.parse().map_err(|_| no_answer())?,
                started: value(answer, "started")?,
                server_started: value(answer, "server_started")?,
            },
            settings: settings(options.read_only),
            client: connected.client,
            notices: connected.notices,
            in_transaction: false,
            statements: Statements::default(),
            prepared: HashSet::new(),
            has_foreign_statements: false,
            watched: HashMap::new(),
            counts: None,
        })
    }
}

fn capabilities() -> Capabilities {
    Capabilities {
        transactional_ddl: true,
        concurrent_index: true,
        enum_value_in_transaction: true,
        lock_timeout: true,
        names_lock_holders: true,
        lists_locks: true,
        object_numbers: true,
        sets_aside: true,
    }
}

fn no_answer() -> EngineError {
    EngineError::new(ErrorKind::Other, "the server did not say who it is")
}

fn value(answer: &ResultSet, name: &str) -> Result<String, EngineError> {
    let row = answer.rows.first().ok_or_else(no_answer)?;
    let column = answer.column(name).ok_or_else(no_answer)?;
    Ok(row.get(column).unwrap_or_default().to_owned())
}
