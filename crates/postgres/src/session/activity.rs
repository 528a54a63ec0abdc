//! Who lives: evidence of a session's life, and the end of a session whose client is gone.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use tightrope_engine::{Alive, EngineError, ErrorKind, Liveness};
use tightrope_model::Value;

use super::PostgresSession;

/// How long a terminated session may take to go.
const LONGEST_GOODBYE: Duration = Duration::from_secs(10);

/// What tells a session from every other that ever was: its process, when that began, and when its server began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) pid: i32,
    pub(super) started: String,
    pub(super) server_started: String,
}

impl Identity {
    pub(super) fn evidence(&self) -> String {
        json!({"pid": self.pid, "started": self.started, "server_started": self.server_started})
            .to_string()
    }

    fn from_evidence(evidence: &Liveness) -> Option<Self> {
        let value: serde_json::Value = serde_json::from_str(&evidence.0).ok()?;
        Some(Self {
            pid: value.get("pid")?.as_i64()?.try_into().ok()?,
            started: value.get("started")?.as_str()?.to_owned(),
            server_started: value.get("server_started")?.as_str()?.to_owned(),
        })
    }
}

impl PostgresSession {
    pub(super) fn look_for(&mut self, evidence: &Liveness) -> Result<Alive, EngineError> {
        let Some(identity) = Identity::from_evidence(evidence) else {
            return Ok(Alive::Unknown);
        };
        if identity.server_started != self.identity.server_started {
            // No session outlives its server.
            return Ok(Alive::No);
        }
        let sql = "select extract(epoch from backend_start)::numeric::text from pg_catalog.pg_stat_activity where pid = $1::int";
        let rows = self.query_own(sql, &[Value::from(i64::from(identity.pid))])?;
        Ok(match rows.first().map(|row| &row[..]) {
            None => Alive::No,
            Some([Value::Text(started)]) if *started == identity.started => Alive::Yes,
            Some([Value::Text(_)]) => Alive::No,
            // Its start is not shown to users without the right to see it.
            Some(_) => Alive::Unknown,
        })
    }

    /// Ends the session and waits until it is gone.
    pub(super) fn terminate(&mut self, evidence: &Liveness) -> Result<bool, EngineError> {
        let Some(identity) = Identity::from_evidence(evidence) else {
            return Ok(false);
        };
        if identity == self.identity || self.look_for(evidence)? != Alive::Yes {
            return Ok(false);
        }
        let sql = "select pg_catalog.pg_terminate_backend($1::int)::int::bigint";
        self.query_own(sql, &[Value::from(i64::from(identity.pid))])?;
        let deadline = Instant::now() + LONGEST_GOODBYE;
        while self.look_for(evidence)? == Alive::Yes {
            if Instant::now() > deadline {
                return Err(EngineError::new(
                    ErrorKind::Other,
                    format!(
                        "session {} was told to end and is still there after {LONGEST_GOODBYE:?}",
                        identity.pid
                    ),
                ));
            }
            // The server tells nobody when a session ends.
            thread::sleep(Duration::from_millis(5));
        }
        Ok(true)
    }
}
