//! The migrations' verify scripts, run again and again: 0 while they hold.

use tightrope_engine::ErrorKind;
use tightrope_judge::Observation;
use tightrope_model::EngineKind;
use tightrope_script::Script;

use super::line::Line;
use super::{Blindness, Eye};
use crate::Silent;

pub(super) struct Verify {
    line: Line,
    scripts: Vec<Script>,
    dialect: EngineKind,
}

impl Verify {
    pub(super) fn new(line: Line, scripts: Vec<Script>, dialect: EngineKind) -> Self {
        Self {
            line,
            scripts,
            dialect,
        }
    }
}

impl Eye for Verify {
    fn look(&mut self) -> Result<Observation, Blindness> {
        for script in &self.scripts {
            let dialect = self.dialect;
            let holds = self.line.on(|session| {
                session.begin()?;
                let verified = crate::verify::run(session, script, dialect, &Silent);
                // The session only reads. A rollback would count among the application's in the server's statistics.
                match verified {
                    Ok(()) => session.commit()?,
                    Err(_) => session.roll_back()?,
                }
                match verified {
                    Ok(()) => Ok(true),
                    Err(failure) if failure.error.kind.is_fatal() => Err(failure.error),
                    Err(failure) if failure.error.kind == ErrorKind::Unreachable => {
                        Err(failure.error)
                    }
                    Err(_) => Ok(false),
                }
            })?;
            if !holds {
                return Ok(Observation::level(1.0));
            }
        }
        Ok(Observation::level(0.0))
    }
}
