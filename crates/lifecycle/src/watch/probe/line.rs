use std::sync::Arc;

use tightrope_engine::{ConnectOptions, DatabaseUrl, Engine, EngineError, Session};

use crate::project::Project;

/// A probe's line to the target: a session that only reads, opened when it is needed and again after it broke.
pub(super) struct Line {
    engine: Arc<dyn Engine>,
    url: DatabaseUrl,
    name: String,
    timeout_ms: u64,
    lock_timeout_ms: u64,
    session: Option<Box<dyn Session>>,
}

impl Line {
    pub(super) fn new(
        project: &Project,
        engine: &Arc<dyn Engine>,
        probe: &str,
        timeout_ms: u64,
        lock_timeout_ms: u64,
    ) -> Self {
        Self {
            engine: Arc::clone(engine),
            url: project.url.clone(),
            name: format!("tightrope probe {probe}"),
            timeout_ms,
            lock_timeout_ms,
            session: None,
        }
    }

    /// Does something on the line. After an error the next call opens it anew.
    pub(super) fn on<T>(
        &mut self,
        work: impl FnOnce(&mut dyn Session) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let mut session = match self.session.take() {
            Some(session) => session,
            None => self.open()?,
        };
        let done = work(session.as_mut())?;
        self.session = Some(session);
        Ok(done)
    }

    fn open(&self) -> Result<Box<dyn Session>, EngineError> {
        let options = ConnectOptions {
            application_name: Some(self.name.clone()),
            read_only: true,
            ..ConnectOptions::default()
        };
        let mut session = self.engine.connect(&self.url, &options)?;
        session.set_lock_timeout(self.lock_timeout_ms)?;
        if let Some(vitals) = session.vitals() {
            vitals.bound_statements(self.timeout_ms)?;
        }
        Ok(session)
    }
}
