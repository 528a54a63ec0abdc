use tightrope_engine::BackupWatch;

use crate::Event;
use crate::run::Watchers;

/// Tells the engine's words on to those who watch the command.
#[derive(Clone, Copy)]
pub(crate) struct Watch<'a>(pub(crate) Watchers<'a>);

impl BackupWatch for Watch<'_> {
    fn progress(&self, what: &str, done: u64, of: u64) {
        self.0.listener.event(&Event::Working {
            what: what.to_owned(),
            done,
            of,
        });
    }

    fn reached(&self, edge: &'static str) {
        self.0.edges.reached(edge);
    }
}

impl Watch<'_> {
    /// Progress on files, in bytes.
    pub(crate) fn bytes(&self, what: &'static str) -> impl Fn(u64, u64) + '_ {
        move |done, of| self.progress(what, done, of)
    }
}
