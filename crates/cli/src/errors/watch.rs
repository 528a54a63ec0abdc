use tightrope_lifecycle::WatchError;

use super::CommandError;
use super::engine::engine_exit;
use crate::exit::Exit;

impl From<WatchError> for CommandError {
    fn from(error: WatchError) -> Self {
        match error {
            WatchError::Scheme(error) => error.into(),
            WatchError::Situation(error) => error.into(),
            WatchError::Store(error) => error.into(),
            WatchError::Run(error) => error.into(),
            WatchError::Rollback(error) => error.into(),
            WatchError::Engine(ref engine) => {
                let exit = engine_exit(engine);
                Self::of(exit, error).hint_for_engine()
            }
            WatchError::Criteria(ref findings) => {
                let findings = findings.clone();
                Self::of(Exit::Error, error).findings(findings)
            }
            WatchError::NoCriteria => Self::of(Exit::Refused, error)
                .hint("write them into tightrope.toml: `criteria = [\"more than 10 errors\"]` under [watch]"),
            WatchError::NotMeasurable { .. } => {
                Self::of(Exit::Refused, error).hint("mend the criterion, or take it out")
            }
            WatchError::Blind { .. } => Self::of(Exit::Refused, error)
                .hint("a probe that does not work before says nothing after: mend it under [watch.probes]"),
            WatchError::Held { .. } => Self::of(Exit::Held, error)
                .hint("`tightrope log` shows what it decides; when it ends, `tightrope watch` goes on with what it has seen"),
            WatchError::Open { .. } => {
                Self::of(Exit::Refused, error).hint("go on with it first: `tightrope watch`")
            }
        }
    }
}
