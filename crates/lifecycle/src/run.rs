//! A run: one process at work on the target, with the lease, its journal and its ledger entries.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tightrope_engine::{Blocker, Engine, EngineError, ErrorKind, Session};
use tightrope_model::{Fingerprint, Place, Version};
use tightrope_script::{Script, Step, TransactionMode};
use tightrope_store::{
    Direction, Edge, Holder, Lease, LeaseOutcome, LedgerTail, OpenRun, Record, RunBegun, Store,
    StoreError, StoredScript,
};

use crate::companion::{Alarm, Budgets, Cancelled, Companion};
use crate::execute::{Ready, ScriptFailure};
use crate::{Edges, Event, Listener, Project};

/// What helps against a script that costs others too much.
pub(crate) const OVER_BUDGET: &str = "do it in smaller steps, or when less is going on: `stall_budget_ms`, `script_budget_ms` and `statement_budget_ms` under \
     [policy] are what it may take";
/// The same where it runs in steps already.
pub(crate) const STEP_OVER_BUDGET: &str = "it runs in steps already, and each is held to the budgets by itself: divide what this step does, or apply when less is \
     going on: `stall_budget_ms`, `script_budget_ms` and `statement_budget_ms` under [policy] are what a step may take";

/// The same where a criterion failed meanwhile.
const ALARMED: &str =
    "find out what has failed and why, then apply again: the criterion is under [watch]";

/// The error of getting a run going, whatever it is for.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The engine.
    #[error("cannot work on the database")]
    Engine(#[from] EngineError),
    /// tightrope's own tables.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Somebody else is at work.
    #[error("another run is at work: {by}, for {seconds} s")]
    Held {
        /// Who.
        by: Holder,
        /// Since when, by the server's clock.
        since: String,
        /// For how many seconds.
        seconds: i64,
    },
}

/// Who wants to know, and where the process may be killed.
#[derive(Clone, Copy)]
pub struct Watchers<'a> {
    /// Hears the events.
    pub listener: &'a dyn Listener,
    /// Is told of the edges.
    pub edges: &'a dyn Edges,
}

impl Watchers<'_> {
    /// Watchers that do nothing.
    pub const SILENT: Watchers<'static> = Watchers {
        listener: &crate::Silent,
        edges: &crate::Silent,
    };
}

/// A run that holds the lease.
pub(crate) struct Run<'a> {
    pub(crate) session: Box<dyn Session>,
    pub(crate) lease: Lease,
    pub(crate) name: String,
    pub(crate) watchers: Watchers<'a>,
    pub(crate) actor: String,
    companion: Companion,
    taken: Instant,
    lock_timeout_ms: u64,
    pub(crate) lock_tries: u32,
    /// What was last said of the schema that the next command should find; none if nothing was.
    expected: Option<Option<Fingerprint>>,
    /// The end of the ledger as of this run's last entry.
    ledger_tail: Option<LedgerTail>,
}

/// How long to pause between two looks at a lease that somebody else holds.
const LEASE_PAUSE: Duration = Duration::from_millis(100);

impl<'a> Run<'a> {
    /// Takes the lease, waiting for it as long as the policy says; makes tightrope's tables if they are not there.
    pub(crate) fn take(
        project: &Project,
        engine: &Arc<dyn Engine>,
        mut session: Box<dyn Session>,
        watchers: Watchers<'a>,
    ) -> Result<Self, RunError> {
        session.set_lock_timeout(project.policy.lock_timeout_ms)?;
        Store::new(session.as_mut()).ensure()?;
        let lease = wait_for_lease(project, session.as_mut(), watchers)?;
        watchers.edges.reached("lease taken");
        let taken = Instant::now();
        let companion = Companion::start(
            Arc::clone(engine),
            project.url.clone(),
            session.id(),
            lease.fencing,
        );
        let user = session.server().user.clone();
        let actor = match user {
            Some(user) => format!("{user} ({})", lease.holder),
            None => lease.holder.to_string(),
        };
        Ok(Self {
            session,
            name: format!("{}-{}", lease.fencing, lease.taken_at),
            lease,
            watchers,
            actor,
            companion,
            taken,
            lock_timeout_ms: project.policy.lock_timeout_ms,
            lock_tries: project.policy.lock_tries,
            expected: None,
            ledger_tail: None,
        })
    }

    pub(crate) fn store(&mut self) -> Store<'_> {
        Store::new(self.session.as_mut())
    }

    /// The server's time now, counted on from when the lease was taken.
    pub(crate) fn now(&self) -> String {
        let elapsed = SignedDuration::try_from(self.taken.elapsed()).unwrap_or_default();
        self.lease
            .taken_at
            .checked_add(elapsed)
            .unwrap_or(Timestamp::MAX)
            .to_string()
    }

    /// A run that a dead process left open: ours to finish, since we hold the lease.
    pub(crate) fn left_open(&mut self) -> Result<Option<OpenRun>, StoreError> {
        self.store().open_run()
    }

    /// Writes the intent, before anything is done.
    pub(crate) fn begin(
        &mut self,
        direction: Direction,
        versions: Vec<String>,
    ) -> Result<(), RunError> {
        let begun = RunBegun {
            direction,
            versions,
            holder: self.lease.holder.clone(),
        };
        self.watchers.edges.reached("before the intent");
        self.journal(None, &Edge::RunBegun(begun))?;
        self.watchers.edges.reached("intent written");
        Ok(())
    }

    /// Says that nothing is open any more, and gives the lease back.
    pub(crate) fn end(mut self, outcome: &str) -> Result<Box<dyn Session>, RunError> {
        let (lease, name) = (self.lease.clone(), self.name.clone());
        self.watchers.edges.reached("before the end");
        self.in_transaction(|run| {
            let mut store = run.store();
            store.journal(
                &lease,
                &name,
                None,
                &Edge::RunEnded {
                    outcome: outcome.to_owned(),
                },
            )?;
            let expected = store.expected_schema()?;
            let used: Vec<_> = store
                .applied()?
                .iter()
                .flat_map(|applied| [applied.before, applied.after])
                .chain([expected])
                .flatten()
                .collect();
            store.drop_unused_snapshots(&used)?;
            store.release_lease(&lease)?;
            Ok(())
        })?;
        self.watchers.edges.reached("ended");
        Ok(self.session)
    }

    /// Whether the journal knows a migration in steps that is neither done nor undone. Where it cannot be asked, there may be.
    pub(crate) fn is_half_done(&mut self) -> bool {
        self.left_open().map_or(true, |open| {
            open.is_some_and(|open| open.open_migration().is_some())
        })
    }

    /// Ends a run that failed: the failure goes on the record, and only what is half done stays open.
    ///
    /// That it cannot be recorded is the broken connection's doing: the failure itself is what a person has to see, and the
    /// open journal tells the next command.
    pub(crate) fn fail(
        mut self,
        action: &str,
        migration: Option<(&Version, &str)>,
        error: &dyn std::error::Error,
    ) {
        let message = std::iter::successors(Some(error), |error| error.source())
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(": ");
        let stays_open = self.is_half_done();
        let recorded = self.in_transaction(|run| {
            let name = migration.map(|(_, name)| name);
            let detail =
                serde_json::json!({ "name": name, "error": message, "left_open": stays_open });
            run.record(
                action,
                migration.map(|(version, _)| version.as_str()),
                detail,
            )?;
            Ok(())
        });
        let _ = match (recorded, stays_open) {
            (Ok(()), false) => self.end(&format!("failed: {message}")).map(drop),
            (Ok(()), true) => self.leave(),
            (Err(_), _) => Ok(()),
        };
    }

    /// Says which schema the next command should find, inside the open transaction; written only where it changes.
    pub(crate) fn expect_schema(&mut self, schema: Option<Fingerprint>) -> Result<(), StoreError> {
        if self.expected != Some(schema) {
            self.store().expect_schema(schema.as_ref())?;
            self.expected = Some(schema);
        }
        Ok(())
    }

    /// Gives the lease back and the session with it.
    pub(crate) fn leave_with_session(mut self) -> Result<Box<dyn Session>, RunError> {
        let lease = self.lease.clone();
        self.in_transaction(|run| Ok(run.store().release_lease(&lease)?))?;
        Ok(self.session)
    }

    /// Gives the lease back without a word in the journal: nothing was begun, or what is open stays open.
    pub(crate) fn leave(self) -> Result<(), RunError> {
        self.leave_with_session().map(drop)
    }

    /// Appends to the journal.
    pub(crate) fn journal(
        &mut self,
        version_key: Option<&str>,
        edge: &Edge,
    ) -> Result<(), StoreError> {
        let (lease, name) = (self.lease.clone(), self.name.clone());
        self.store().journal(&lease, &name, version_key, edge)
    }

    /// Appends to the ledger, inside the open transaction.
    pub(crate) fn record(
        &mut self,
        action: &str,
        version: Option<&str>,
        detail: serde_json::Value,
    ) -> Result<(), StoreError> {
        let record = Record {
            at: self.now(),
            actor: self.actor.clone(),
            action: action.to_owned(),
            version: version.map(str::to_owned),
            detail,
        };
        let tail = match self.ledger_tail {
            Some(tail) => tail,
            None => self.store().ledger_tail()?,
        };
        self.ledger_tail = Some(self.store().record(&record, tail)?);
        Ok(())
    }

    /// Does something in a transaction of its own, which commits only while the lease is ours.
    pub(crate) fn in_transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, RunError>,
    ) -> Result<T, RunError> {
        self.session.begin()?;
        let done = work(self).and_then(|value| {
            let lease = self.lease.clone();
            self.store().guard_lease(&lease)?;
            Ok(value)
        });
        match done {
            Ok(value) => {
                self.session.commit()?;
                Ok(value)
            }
            Err(error) => {
                self.undo_transaction();
                Err(error)
            }
        }
    }

    /// Undoes the open transaction after something in it failed.
    pub(crate) fn undo_transaction(&mut self) {
        self.expected = None;
        self.ledger_tail = None;
        // If the connection is gone, the server has rolled back by itself.
        let _ = self.session.roll_back();
    }

    /// Bounds what the scripts that follow may cost others.
    pub(crate) fn keep_budgets(&self, policy: &crate::project::Policy) {
        self.companion.keep(Budgets {
            stall_ms: policy.stall_budget_ms,
            script_ms: policy.script_budget_ms,
            statement_ms: policy.statement_budget_ms,
        });
    }

    /// Says what ends the scripts that follow, beside their budgets.
    pub(crate) fn heed(&self, alarm: Option<Alarm>) {
        self.companion.heed(alarm);
    }

    /// Runs a step's statements while the companion looks who keeps them waiting; the caller opens and ends the transaction.
    pub(crate) fn run_step(&mut self, ready: &Ready<'_>, step: &Step) -> Result<(), ScriptFailure> {
        self.watched(|session, listener| ready.run_step(session, step, listener))
    }

    pub(crate) fn watched(
        &mut self,
        work: impl FnOnce(&mut dyn Session, &dyn Listener) -> Result<(), ScriptFailure>,
    ) -> Result<(), ScriptFailure> {
        let (done, blockers) = self.looked_after(|run| {
            run.companion.script_begins();
            let paced = run.companion.pace(run.watchers.listener);
            work(run.session.as_mut(), &paced)
        });
        done.map_err(|mut failure| {
            held_by(&mut failure.error, blockers);
            failure
        })
    }

    /// Does something within the budgets, and says why it was cancelled, if it was.
    pub(crate) fn within_budgets<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> T,
    ) -> (T, Option<Cancelled>) {
        self.companion.guard_begins();
        let done = work(self);
        (done, self.companion.guard_ends())
    }

    /// Does something while the companion looks who keeps it waiting, and gives those whom it saw last.
    pub(crate) fn looked_after<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> T,
    ) -> (T, Vec<Blocker>) {
        self.companion.statement_begins();
        let done = work(self);
        (done, self.companion.statement_ends())
    }

    /// Bounds the waiting for locks again, after a script may have changed it.
    pub(crate) fn bound_lock_waits(&mut self, own: Option<u64>) -> Result<(), EngineError> {
        let milliseconds = own.unwrap_or(self.lock_timeout_ms);
        self.session.set_lock_timeout(milliseconds)
    }

    /// The pause before the next try: longer each time, and never the same for two processes.
    pub(crate) fn pause_before_retry(&self, attempt: u32, failure: &EngineError) {
        let longest_ms = 250_u64.saturating_mul(1 << attempt.min(5));
        let pause_ms = rand::random_range(longest_ms / 2..=longest_ms);
        self.watchers.listener.event(&Event::LockRetry {
            attempt,
            of: self.lock_tries,
            held_by: failure
                .blockers
                .first()
                .map(|blocker| format!("pid {}, {}, {}", blocker.pid, blocker.user, blocker.state)),
            pause_ms,
        });
        std::thread::sleep(Duration::from_millis(pause_ms));
    }
}

/// Says who was in the way, where an error is a lock that was not granted and does not say so itself.
pub(crate) fn held_by(error: &mut EngineError, blockers: Vec<Blocker>) {
    if error.kind == ErrorKind::LockNotGranted && error.blockers.is_empty() {
        error.blockers = blockers;
    }
}

/// Says why it was cancelled and what helps, where that is the error and we did it.
pub(crate) fn cancelled_because(error: &mut EngineError, why: Option<Cancelled>, helps: &str) {
    if let (ErrorKind::Cancelled, Some(cancelled)) = (error.kind, why) {
        error.message = cancelled.why;
        let helps = if cancelled.by_alarm { ALARMED } else { helps };
        error.hint = Some(helps.to_owned());
    }
}

fn wait_for_lease(
    project: &Project,
    session: &mut dyn Session,
    watchers: Watchers<'_>,
) -> Result<Lease, RunError> {
    let deadline = Instant::now() + Duration::from_secs(project.policy.lease_wait_s);
    let mut told = false;
    loop {
        match Store::new(session).take_lease(&project.holder) {
            Ok(LeaseOutcome::Taken { lease, from }) => {
                if let Some(from) = from
                    && !is_told_by_its_run(session, &from)?
                {
                    watchers.listener.event(&Event::TookOver { from });
                }
                return Ok(lease);
            }
            Ok(LeaseOutcome::Held { by, since, seconds }) => {
                if Instant::now() >= deadline {
                    return Err(RunError::Held { by, since, seconds });
                }
                if !told {
                    watchers
                        .listener
                        .event(&Event::WaitingForLease { by, seconds });
                    told = true;
                }
            }
            Err(StoreError::Engine(error)) if error.kind == ErrorKind::LockNotGranted => {
                if Instant::now() >= deadline {
                    return Err(error.into());
                }
            }
            Err(error) => return Err(error.into()),
        }
        std::thread::sleep(LEASE_PAUSE);
    }
}

/// Whether a dead holder left a run open: what becomes of that is told, and by whom it was begun with it.
fn is_told_by_its_run(session: &mut dyn Session, holder: &Holder) -> Result<bool, StoreError> {
    let open = Store::new(session).open_run()?;
    Ok(open.is_some_and(|open| open.begun.holder == *holder))
}

/// A script as it is kept in the database.
pub(crate) fn stored(script: &Script, dialect: tightrope_model::EngineKind) -> StoredScript {
    StoredScript {
        file: script.file.display().to_string(),
        first_line: script.start().line,
        text: script.source().to_owned(),
        transaction: match script.transaction {
            TransactionMode::Auto => "auto",
            TransactionMode::Required => "required",
            TransactionMode::Never => "never",
        }
        .to_owned(),
        digest: script.digest(),
        meaning: script.meaning_digest(dialect),
    }
}

/// A script out of the database, so that its places are those of the file it came from.
pub(crate) fn unstored(stored: &StoredScript) -> Script {
    let transaction = match stored.transaction.as_str() {
        "required" => TransactionMode::Required,
        "never" => TransactionMode::Never,
        _ => TransactionMode::Auto,
    };
    let above = "\n".repeat(stored.first_line.saturating_sub(1));
    let mut script = Script::whole(&stored.file, format!("{above}{}", stored.text), transaction);
    script.range.start = above.len();
    debug_assert_eq!(
        script.start(),
        Place {
            line: stored.first_line,
            ..script.start()
        }
    );
    script
}
