use tightrope_lifecycle::{CalledOff, WatchError};

use super::engine::engine_exit;
use super::{CommandError, UNCHANGED};
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
            WatchError::Variable { .. } => Self::of(Exit::Refused, error)
                .hint("set it where the watch runs; nothing is judged without it"),
            WatchError::Blind { .. } => Self::of(Exit::Refused, error)
                .hint("a probe that does not work before says nothing after: mend it under [watch.probes]"),
            WatchError::InDoubt { .. } => Self::of(Exit::Interrupted, error),
            WatchError::HalfDone => Self::of(Exit::Interrupted, error)
                .hint("`tightrope apply` finishes it, `tightrope rollback` goes back; then `tightrope watch` goes on"),
            WatchError::Held { .. } => Self::of(Exit::Held, error)
                .hint("`tightrope log` shows what it decides; when it ends, `tightrope watch` goes on with what it has seen"),
            WatchError::Open { .. } => {
                Self::of(Exit::Refused, error).hint("go on with it first: `tightrope watch`")
            }
        }
    }
}

impl CommandError {
    /// An error of a watch whose migrations are applied, as far as it knows: it stays open.
    pub(crate) fn while_watching(self) -> Self {
        self.state("the migrations are as the watch has left them, and it is open.")
            .hint("go on with it: `tightrope watch`")
    }

    /// Says what has become of the watch of a run that failed.
    pub(crate) fn called_off(mut self, left: &CalledOff) -> Self {
        if *left == CalledOff::NothingApplied {
            return self;
        }
        let state = self.state.take().filter(|state| state != UNCHANGED);
        let and = |more: &str| match &state {
            Some(state) => format!("{state} {more}"),
            None => more.to_owned(),
        };
        match left {
            CalledOff::NothingApplied => self,
            CalledOff::Alert { applied } => {
                let names = applied.join(", ");
                let state = and(&format!("{names} stays applied, and is not watched."));
                Self {
                    exit: Exit::Alert,
                    ..self.state(state)
                }
                .hint("decide now: `tightrope rollback` goes back, doing nothing keeps it")
            }
            CalledOff::LeftOpen => {
                let state = and("the watch is open.");
                self.state(state).hint(
                    "when nothing is half done any more, `tightrope watch` watches what is applied",
                )
            }
        }
    }
}
