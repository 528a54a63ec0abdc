//! What the server knows of itself.

use tightrope_engine::{EngineError, ErrorKind, Vital};
use tightrope_judge::{FailureKind, Observation};

use super::line::Line;
use super::{Blindness, Eye};

enum What {
    Vital(String),
    Statement(String),
}

pub(super) struct Server {
    line: Line,
    what: What,
}

impl Server {
    pub(super) fn vital(line: Line, what: &str) -> Self {
        let what = What::Vital(what.to_owned());
        Self { line, what }
    }

    pub(super) fn statement(line: Line, pattern: &str) -> Self {
        let what = What::Statement(pattern.to_owned());
        Self { line, what }
    }
}

impl Eye for Server {
    fn look(&mut self) -> Result<Observation, Blindness> {
        let what = &self.what;
        let vital = self.line.on(|session| match (session.vitals(), what) {
            (Some(vitals), What::Vital(what)) => vitals.vital(what),
            (Some(vitals), What::Statement(pattern)) => vitals.statement(pattern),
            (None, _) => Err(EngineError::new(
                ErrorKind::Unsupported,
                "this engine has no server that counts",
            )),
        })?;
        Ok(match vital {
            Vital::Level(value) => Observation::level(value),
            Vital::Totals { values, epoch } => Observation::Totals { values, epoch },
            Vital::Absent { why } => return Err(Blindness::Words(FailureKind::Absent, why)),
        })
    }
}
