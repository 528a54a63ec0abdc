//! The watcher's post: its session on the target, the right to watch, and everything that it makes durable.

use std::time::{Duration, Instant};

use tightrope_engine::{ErrorKind, Session};
use tightrope_judge::Look;
use tightrope_store::{
    AppliedMark, Holder, Lease, LeaseOutcome, Store, StoreError, WatchPhase, WatchRecord,
};

use super::pulse::Pulse;
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
    /// Beats while there is a session: a lease whose session is gone must not look alive.
    pulse: Option<Pulse>,
    lease: Lease,
    /// How often the right to watch was asked for since it was last surely had: each may have counted the fencing number up.
    asked: i64,
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
            pulse: Some(pulse(project, &lease)?),
            lease,
            asked: 0,
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

    /// Makes a look durable. Where the target cannot be reached it says so in the look, which waits, and comes first when it can be
    /// again.
    pub(super) fn keep(&mut self, look: &mut Look) -> Result<(), WatchError> {
        let lives = self.says_that_it_lives();
        look.unreachable = lives.as_ref().is_err_and(is_unreachable);
        let text = serde_json::to_string(look).unwrap_or_default();
        if self.waiting.len() < MOST_WAITING {
            self.waiting.push((self.next, text));
        }
        self.next += 1;
        lives?;
        let number = self.number;
        while !self.waiting.is_empty() {
            let (look, text) = self.waiting[0].clone();
            if let Err(error) = Store::new(self.reach()?).add_look(number, look, &text) {
                self.session = None;
                return Err(error.into());
            }
            self.waiting.remove(0);
        }
        Ok(())
    }

    fn says_that_it_lives(&mut self) -> Result<(), WatchError> {
        self.reach()?;
        let lease = self.lease.clone();
        let lives = Store::new(self.reach()?).watch_heartbeat(&lease);
        if lives.is_err() {
            self.session = None;
        }
        Ok(lives?)
    }

    /// The session; opened anew, with the right to watch, where it broke.
    fn reach(&mut self) -> Result<&mut dyn Session, WatchError> {
        if let Some(session) = self.session.take() {
            return Ok(self.session.insert(session).as_mut());
        }
        self.pulse = None;
        let engine = self.project.engine()?;
        let mut session = self.project.connect(engine.as_ref(), Access::Write)?;
        session.set_lock_timeout(self.project.policy.lock_timeout_ms)?;
        self.asked += 1;
        let (lease, from) = take_lease(self.project, session.as_mut())?;
        let fencing = self.lease.fencing;
        let lost = || Err(StoreError::LeaseLost { ours: fencing }.into());
        // Between the two nobody else may have watched, or what they saw and decided is not known here. An asking of ours whose
        // answer was lost may have counted, too.
        if lease.fencing > fencing + self.asked
            || from.is_some_and(|from| from != self.project.holder)
        {
            return lost();
        }
        // The same goes for a look: what is there already is not written again.
        let last = Store::new(session.as_mut()).last_look(self.number)?;
        if last >= self.next {
            return lost();
        }
        self.waiting.retain(|(number, _)| *number > last);
        self.pulse = Some(pulse(self.project, &lease)?);
        (self.lease, self.asked) = (lease, 0);
        Ok(self.session.insert(session).as_mut())
    }

    /// What of the watched migrations is still applied.
    pub(super) fn still_applied(
        &mut self,
        record: &WatchRecord,
    ) -> Result<Vec<AppliedMark>, WatchError> {
        let applied = Store::new(self.reach()?).still_applied(record);
        if applied.is_err() {
            self.session = None;
        }
        Ok(applied?)
    }

    /// The same under the run's lease: a commit of a run that broke has either happened by then, or never will.
    pub(super) fn surely_applied(
        &self,
        watchers: Watchers<'_>,
        record: &WatchRecord,
    ) -> Result<Vec<AppliedMark>, WatchError> {
        let engine = self.project.engine()?;
        let session = self.project.connect(engine.as_ref(), Access::Write)?;
        let mut run = Run::take(self.project, &engine, session, watchers)?;
        let applied = run.in_transaction(|run| Ok(run.store().still_applied(record)?));
        run.leave()?;
        Ok(applied?)
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
        step: &WatchStep<'_>,
    ) -> Result<Moved, WatchError> {
        self.reach()?;
        let (number, lease) = (self.number, self.lease.clone());
        let engine = self.project.engine()?;
        let session = self.project.connect(engine.as_ref(), Access::Write)?;
        let mut run = Run::take(self.project, &engine, session, watchers)?;
        watchers.edges.reached("before the watch moves on");
        let is_half_done = step.unless_applied.is_some() && run.is_half_done();
        let done = run.in_transaction(|run| {
            run.store().guard_watch(&lease)?;
            // Only we move it while it is ours: it is there already when the answer to our commit was lost.
            if phase_of(run.store(), number)? == step.phase {
                return Ok(Moved::Yes);
            }
            if let Some(record) = step.unless_applied {
                let applied = run.store().still_applied(record)?;
                if is_half_done || !applied.is_empty() {
                    return Ok(Moved::Not {
                        applied,
                        is_half_done,
                    });
                }
            }
            if let Some(record) = step.update {
                run.store().update_watch(number, record)?;
            }
            run.store().move_watch(number, step.phase, step.outcome)?;
            run.record(step.action, None, step.detail.clone())?;
            if step.phase == WatchPhase::Ended {
                run.store().release_watch(&lease)?;
            }
            Ok(Moved::Yes)
        });
        watchers.edges.reached("watch moved on");
        run.leave()?;
        Ok(done?)
    }
}

/// A step from one phase to the next.
pub(super) struct WatchStep<'a> {
    pub(super) phase: WatchPhase,
    /// The ledger's word for it.
    pub(super) action: &'static str,
    pub(super) detail: serde_json::Value,
    pub(super) outcome: Option<&'a str>,
    /// What is known of the watch from now on.
    pub(super) update: Option<&'a WatchRecord>,
    /// The step is not taken if something of that is applied or half done.
    pub(super) unless_applied: Option<&'a WatchRecord>,
}

/// Whether a step was taken.
pub(super) enum Moved {
    Yes,
    Not {
        applied: Vec<AppliedMark>,
        is_half_done: bool,
    },
}

fn phase_of(mut store: Store<'_>, number: i64) -> Result<WatchPhase, StoreError> {
    let open = store.open_watch()?;
    let ours = open.filter(|open| open.number == number);
    Ok(ours.map_or(WatchPhase::Ended, |open| open.phase))
}

/// Whether it was the target that did not answer.
fn is_unreachable(error: &WatchError) -> bool {
    let (WatchError::Engine(error) | WatchError::Store(StoreError::Engine(error))) = error else {
        return false;
    };
    matches!(
        error.kind,
        ErrorKind::Unreachable | ErrorKind::ConnectionLost
    )
}

fn pulse(project: &Project, lease: &Lease) -> Result<Pulse, WatchError> {
    Ok(Pulse::start(
        project.engine()?,
        project.url.clone(),
        lease.clone(),
    ))
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
