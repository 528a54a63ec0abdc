use std::sync::Arc;

use tightrope_engine::{CopyReport, DatabaseUrl, EngineError, Scratch};

use super::source::ThrowAway;

/// A scratch database on a throw-away server, which it keeps running.
pub(super) struct OnServer {
    /// Dropped first: the server is needed for that.
    scratch: Box<dyn Scratch>,
    server: ThrowAway,
}

impl OnServer {
    /// The same scratch database, which holds the server from now on.
    pub(super) fn hold(scratch: Box<dyn Scratch>, server: &ThrowAway) -> Box<dyn Scratch> {
        Box::new(Self {
            scratch,
            server: Arc::clone(server),
        })
    }
}

impl Scratch for OnServer {
    fn url(&self) -> &DatabaseUrl {
        self.scratch.url()
    }

    fn name(&self) -> &str {
        self.scratch.name()
    }

    fn report(&self) -> &CopyReport {
        self.scratch.report()
    }

    fn fork(&self) -> Result<Box<dyn Scratch>, EngineError> {
        Ok(Self::hold(self.scratch.fork()?, &self.server))
    }

    fn is_beside_source(&self) -> bool {
        self.scratch.is_beside_source()
    }

    fn mark(&self) -> Option<&str> {
        self.scratch.mark()
    }

    fn drop_roles(&self, except: &[String]) -> Result<(), EngineError> {
        self.scratch.drop_roles(except)
    }
}
