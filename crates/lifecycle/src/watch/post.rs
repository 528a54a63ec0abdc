//! The watcher's post: its session on the target, the right to watch, and everything that it makes durable.

use std::time::{Duration, Instant};

use tightrope_engine::Session;
use tightrope_judge::Look;
use tightrope_store::{Holder, Lease, LeaseOutcome, Store, StoreError, WatchPhase};

use super::report::WatchError;
use crate::project::{Access, Project};
use crate::run::{Run, Watchers};

/// How long to pause between two looks at a watch that somebody else has.
const LEASE_PAUSE: Duration = Duration::from_millis(100);
/// How many looks are kept in memory while the target cannot be reached.
const MOST_WAITING: usize = 10_000;

pub(super) struct Post<'p> {
    project: &'p Project,
    session: Option<Box<dyn Session>>,
    lease: Lease,
    pub(super) number: i64,
    /// The next look's number.
    next: i64,
    /// Looks that are not durable yet, oldest first.
    waiting: Vec<(i64, String)>,
}

impl<'p> Post<'p> {
    /// Takes the right to watch; gives whose it was, too.
    pub(super) fn take(
        project: &'p Project,
        mut session: Box<dyn Session>,
    ) -> Result<(Self, Option<Holder>), WatchError> {
        session.set_lock_timeout(project.policy.lock_timeout_ms)?;
        let begun = Instant::now();
        // The server notices only after a moment that a process is gone.
        let (lease, from) = loop {
            match take_lease(project, session.as_mut()) {
                Err(WatchError::Held { .. })
                    if begun.elapsed().as_secs() < project.policy.lease_wait_s =>
                {
                    std::thread::sleep(LEASE_PAUSE);
                }
                taken => break taken?,
            }
        };
        let post = Self {
            project,
            session: Some(session),
            lease,
            number: 0,
            next: 1,
            waiting: Vec::new(),
        };
        Ok((post, from))
    }

    /// The same post for a watch that has taken so many looks.
    pub(super) fn at(mut self, number: i64, last_look: i64) -> Self {
        self.number = number;
        self.next = last_look.max(0) + 1;
        self
    }

    /// Makes a look durable. Where the target cannot be reached it waits, and comes first when it can be again.
    pub(super) fn keep(&mut self, look: &Look) -> Result<(), WatchError> {
        let text = serde_json::to_string(look).unwrap_or_default();
        if self.waiting.len() < MOST_WAITING {
            self.waiting.push((self.next, text));
        }
        self.next += 1;
        self.reach()?;
        let (number, lease) = (self.number, self.lease.clone());
        while !self.waiting.is_empty() {
            let (look, text) = self.waiting[0].clone();
            let mut store = Store::new(self.reach()?);
            let kept = store
                .watch_heartbeat(&lease)
                .and_then(|()| store.add_look(number, look, &text));
            if let Err(error) = kept {
                self.session = None;
                return Err(error.into());
            }
            self.waiting.remove(0);
        }
        Ok(())
    }

    /// The session; opened anew, with the right to watch, where it broke.
    fn reach(&mut self) -> Result<&mut dyn Session, WatchError> {
        if let Some(session) = self.session.take() {
            return Ok(self.session.insert(session).as_mut());
        }
        let engine = self.project.engine()?;
        let mut session = self.project.connect(engine.as_ref(), Access::Write)?;
        session.set_lock_timeout(self.project.policy.lock_timeout_ms)?;
        let fencing = self.lease.fencing;
        let (lease, from) = take_lease(self.project, session.as_mut())?;
        // Between the two nobody else may have watched, or what they saw and decided is not known here.
        if lease.fencing != fencing + 1 || from.is_some_and(|from| from != self.project.holder) {
            return Err(StoreError::LeaseLost { ours: fencing }.into());
        }
        self.lease = lease;
        Ok(self.session.insert(session).as_mut())
    }

    /// The keys of the applied versions.
    pub(super) fn applied_keys(&mut self) -> Result<Vec<String>, WatchError> {
        let keys = Store::new(self.reach()?).applied_keys();
        if keys.is_err() {
            self.session = None;
        }
        Ok(keys?)
    }

    /// What was measured inside the migrations' transactions.
    pub(super) fn measured(&mut self) -> Result<Vec<String>, WatchError> {
        let number = self.number;
        let looks = Store::new(self.reach()?).looks(number)?;
        let inside = looks.into_iter().filter(|(number, _)| *number < 0);
        Ok(inside.map(|(_, look)| look).collect())
    }

    /// Moves the watch on, with an entry in the ledger, in one transaction that commits only while both the run's lease and the
    /// watch's are ours.
    pub(super) fn record(
        &mut self,
        watchers: Watchers<'_>,
        phase: WatchPhase,
        action: &str,
        version: Option<&str>,
        detail: serde_json::Value,
        outcome: Option<&str>,
    ) -> Result<(), WatchError> {
        self.reach()?;
        let (number, lease) = (self.number, self.lease.clone());
        let engine = self.project.engine()?;
        let session = self.project.connect(engine.as_ref(), Access::Write)?;
        let mut run = Run::take(self.project, &engine, session, watchers)?;
        watchers.edges.reached("before the watch moves on");
        let done = run.in_transaction(|run| {
            run.store().guard_watch(&lease)?;
            run.store().move_watch(number, phase, outcome)?;
            run.record(action, version, detail)?;
            if phase == WatchPhase::Ended {
                run.store().release_watch(&lease)?;
            }
            Ok(())
        });
        watchers.edges.reached("watch moved on");
        run.leave()?;
        Ok(done?)
    }
}

fn take_lease(
    project: &Project,
    session: &mut dyn Session,
) -> Result<(Lease, Option<Holder>), WatchError> {
    match Store::new(session).take_watch(&project.holder)? {
        LeaseOutcome::Taken { lease, from } => Ok((lease, from)),
        LeaseOutcome::Held { by, seconds, .. } => Err(WatchError::Held { by, seconds }),
    }
}
