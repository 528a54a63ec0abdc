use serde::Serialize;
use tightrope_engine::CopyReport;
use tightrope_model::Verdict;
use tightrope_store::{Direction, Holder};

/// Something that happened on the way; the terminal and the JSON stream render the same events.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// Scratch databases of dead processes were removed.
    Swept {
        /// Their names.
        names: Vec<String>,
    },
    /// A copy is being made.
    Copying {
        /// What is copied, redacted.
        source: String,
    },
    /// A copy was made.
    Copied {
        /// Its name.
        name: String,
        /// How.
        report: CopyReport,
    },
    /// A proven copy of the whole database was kept beside it.
    KeptBeside {
        /// Where it is.
        path: String,
        /// Its size.
        bytes: u64,
        /// How many tables were summed up on both sides, and are the same.
        tables: usize,
        /// How long copying and proving took.
        milliseconds: u64,
    },
    /// Long work goes on.
    Working {
        /// What is counted: `tables dumped`.
        what: String,
        /// How many are done.
        done: u64,
        /// How many there are; 0 where nobody knows.
        of: u64,
    },
    /// A migration's rehearsal begins.
    RehearsalBegun {
        /// Its label.
        migration: String,
        /// Its place in the run, from 1.
        number: usize,
        /// How many there are.
        of: usize,
    },
    /// A migration was rehearsed.
    Rehearsed {
        /// Its label.
        migration: String,
        /// The verdict.
        verdict: Verdict,
        /// How long forward took.
        forward_ms: u64,
        /// How long the rollback took, if it ran.
        rollback_ms: Option<u64>,
    },
    /// A migration begins, forward or back.
    MigrationBegun {
        /// Its label.
        migration: String,
        /// Which way.
        direction: Direction,
    },
    /// A step outside a transaction begins.
    StepBegun {
        /// Its place, from 1.
        number: usize,
        /// How many there are.
        of: usize,
        /// What it is: `create index concurrently`.
        what: String,
    },
    /// The server said something.
    Notice {
        /// What.
        message: String,
    },
    /// A lock was not granted in time; everything was undone and will be tried again.
    LockRetry {
        /// Which try failed, from 1.
        attempt: u32,
        /// How many there will be at most.
        of: u32,
        /// Who holds it, if known.
        held_by: Option<String>,
        /// How long the pause is, in milliseconds.
        pause_ms: u64,
    },
    /// Another process holds the lease; we wait.
    WaitingForLease {
        /// Who.
        by: Holder,
        /// Since how many seconds.
        seconds: i64,
    },
    /// A dead process's lease was taken over.
    TookOver {
        /// From whom.
        from: Holder,
    },
    /// An interrupted run was found and dealt with.
    Recovered {
        /// What was found and done.
        what: String,
    },
    /// A migration is done and durable.
    MigrationDone {
        /// Its label.
        migration: String,
        /// Which way.
        direction: Direction,
        /// How long its script took.
        milliseconds: u64,
    },
}

/// Whoever wants to know what happens on the way.
pub trait Listener: Sync {
    /// Takes one event.
    fn event(&self, event: &Event);

    /// A statement of a script begins. Whoever only tells has nothing to do with it.
    fn statement_begins(&self) {}
}

/// A listener that hears nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Listener for Silent {
    fn event(&self, _: &Event) {}
}

/// The instants at which a process may be killed: before and after everything that is made durable.
///
/// In production nothing happens there. The crash tests stop the process at the N-th instant, for every N, kill it, and
/// require that the next command finds the state before or the state after.
pub trait Edges: Sync {
    /// Says that the run has come to an edge.
    fn reached(&self, edge: &'static str);
}

impl Edges for Silent {
    fn reached(&self, _: &'static str) {}
}
