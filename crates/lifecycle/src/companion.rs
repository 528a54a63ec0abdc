//! The companion of a run: a thread with a session of its own that keeps the lease alive and looks who holds a lock while a
//! statement waits. It cancels a forward script that stalls others, or takes, longer than it may, or when an alarm is raised.
//!
//! It connects only when it is first needed: a run that is over in a moment never pays for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tightrope_engine::{Blocker, ConnectOptions, DatabaseUrl, Engine, Session, SessionId};
use tightrope_store::Store;

use crate::{Event, Listener};

/// How often the companion wakes.
const TICK: Duration = Duration::from_millis(100);
/// How often it is said that the holder of a lease lives: several times before a silent one counts as dead.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(5);
/// After what time a statement is looked at: shorter waits are nobody's business.
const PATIENCE: Duration = Duration::from_millis(150);
/// How long a session beside a run waits for a lock: the run may hold the lease's row while it commits.
const OWN_LOCK_TIMEOUT_MS: u64 = 500;

/// What a forward script may cost others.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Budgets {
    /// How long others may wait for it, in milliseconds.
    pub(crate) stall_ms: Option<u64>,
    /// How long it may take, in milliseconds.
    pub(crate) script_ms: Option<u64>,
    /// How long one statement of it may take, in milliseconds.
    pub(crate) statement_ms: Option<u64>,
}

/// Raised when something that was agreed beforehand happens while a script runs: the script has to go. The first reason stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct Alarm(Arc<Mutex<Option<String>>>);

impl Alarm {
    /// Raises it.
    pub(crate) fn raise(&self, why: String) {
        lock(&self.0).get_or_insert(why);
    }

    fn why(&self) -> Option<String> {
        lock(&self.0).clone()
    }
}

/// Why what ran was cancelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cancelled {
    /// In words.
    pub(crate) why: String,
    /// It was no budget that was exceeded, but an alarm that was raised.
    pub(crate) by_alarm: bool,
}

#[derive(Default)]
struct Shared {
    stopped: bool,
    statement_since: Option<Instant>,
    /// Since when the script's own statements run, and the one that runs now.
    script_since: Option<Instant>,
    own_since: Option<Instant>,
    /// Since when there may be locks that others wait for.
    guarded_since: Option<Instant>,
    blockers: Vec<Blocker>,
    budgets: Budgets,
    alarm: Option<Alarm>,
    /// Why what is guarded was cancelled.
    cancelled: Option<Cancelled>,
}

/// Tells the companion when a statement of the script begins, and a listener everything else.
pub(crate) struct Paced<'l> {
    listener: &'l dyn Listener,
    shared: Arc<(Mutex<Shared>, Condvar)>,
}

impl Listener for Paced<'_> {
    fn event(&self, event: &Event) {
        self.listener.event(event);
    }

    fn statement_begins(&self) {
        lock(&self.shared.0).own_since = Some(Instant::now());
    }
}

/// The companion; it ends when the value is dropped.
pub(crate) struct Companion {
    shared: Arc<(Mutex<Shared>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

struct Work {
    engine: Arc<dyn Engine>,
    url: DatabaseUrl,
    watched: Option<SessionId>,
    fencing: i64,
    session: Option<Box<dyn Session>>,
    /// Who waits for the run, and since when it is seen.
    waiting: BTreeMap<i64, Instant>,
    /// For which of the guarded times that is.
    waiting_since: Option<Instant>,
}

impl Companion {
    pub(crate) fn start(
        engine: Arc<dyn Engine>,
        url: DatabaseUrl,
        watched: Option<SessionId>,
        fencing: i64,
    ) -> Self {
        let shared = Arc::new((Mutex::new(Shared::default()), Condvar::new()));
        let for_thread = Arc::clone(&shared);
        let mut work = Work {
            engine,
            url,
            watched,
            fencing,
            session: None,
            waiting: BTreeMap::new(),
            waiting_since: None,
        };
        let thread = std::thread::spawn(move || work.go_on(&for_thread));
        Self {
            shared,
            thread: Some(thread),
        }
    }

    /// Says that a statement begins.
    pub(crate) fn statement_begins(&self) {
        let mut shared = lock(&self.shared.0);
        shared.statement_since = Some(Instant::now());
        shared.blockers.clear();
    }

    /// Says that the script's own statements begin: their time counts.
    pub(crate) fn script_begins(&self) {
        lock(&self.shared.0).script_since = Some(Instant::now());
    }

    /// Listens for it to the script's statements.
    pub(crate) fn pace<'l>(&self, listener: &'l dyn Listener) -> Paced<'l> {
        Paced {
            listener,
            shared: Arc::clone(&self.shared),
        }
    }

    /// Says that something begins that may stall others, up to its end.
    pub(crate) fn guard_begins(&self) {
        let mut shared = lock(&self.shared.0);
        shared.guarded_since = Some(Instant::now());
        shared.cancelled = None;
    }

    /// Says that it is over, and why it was cancelled, if it was.
    pub(crate) fn guard_ends(&self) -> Option<Cancelled> {
        let mut shared = lock(&self.shared.0);
        shared.guarded_since = None;
        shared.cancelled.take()
    }

    /// Says what the statements that follow may cost others.
    pub(crate) fn keep(&self, budgets: Budgets) {
        lock(&self.shared.0).budgets = budgets;
    }

    /// Says what else ends the statements that follow.
    pub(crate) fn heed(&self, alarm: Option<Alarm>) {
        lock(&self.shared.0).alarm = alarm;
    }

    /// Says that the statement is over, and gives those who kept it waiting when it was last looked at.
    pub(crate) fn statement_ends(&self) -> Vec<Blocker> {
        let mut shared = lock(&self.shared.0);
        shared.statement_since = None;
        (shared.script_since, shared.own_since) = (None, None);
        std::mem::take(&mut shared.blockers)
    }
}

impl Drop for Companion {
    fn drop(&mut self) {
        lock(&self.shared.0).stopped = true;
        self.shared.1.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic of the companion costs a name in a message, not the run.
            let _ = thread.join();
        }
    }
}

impl Work {
    fn go_on(&mut self, shared: &(Mutex<Shared>, Condvar)) {
        let mut last_beat = Instant::now();
        loop {
            let guard = lock(&shared.0);
            if guard.stopped {
                return;
            }
            let (guard, _) = shared
                .1
                .wait_timeout(guard, TICK)
                .unwrap_or_else(PoisonError::into_inner);
            let (stopped, since) = (guard.stopped, guard.statement_since);
            let (budgets, guarded) = (guard.budgets, guard.guarded_since);
            let running = [guard.script_since, guard.own_since];
            let alarm = guard.alarm.as_ref().and_then(Alarm::why);
            drop(guard);
            if stopped {
                return;
            }
            if since.is_some_and(|since| since.elapsed() > PATIENCE) {
                let found = self.blockers();
                let mut guard = lock(&shared.0);
                if guard.statement_since == since && !found.is_empty() {
                    guard.blockers = found;
                }
            }
            if self.waiting_since != guarded {
                self.waiting_since = guarded;
                self.waiting.clear();
            }
            if guarded.is_some()
                && let Some(why) = self.must_go(alarm, budgets, running)
            {
                let mut guard = lock(&shared.0);
                // Nothing else can have begun: whoever ends what is guarded waits for the lock. Between two statements a cancel
                // is lost, and is tried again at the next tick.
                let is_still = guard.guarded_since == guarded
                    && (running[0].is_none() || [guard.script_since, guard.own_since] == running);
                if is_still && self.cancel() {
                    guard.cancelled.get_or_insert(why);
                }
            }
            if last_beat.elapsed() > HEARTBEAT {
                last_beat = Instant::now();
                self.beat();
            }
        }
    }

    fn session(&mut self) -> Option<&mut Box<dyn Session>> {
        if self.session.is_none() {
            let name = "tightrope companion";
            self.session = Some(session_beside(self.engine.as_ref(), &self.url, name)?);
        }
        self.session.as_mut()
    }

    fn blockers(&mut self) -> Vec<Blocker> {
        let watched = self.watched.clone();
        self.session()
            .and_then(|session| session.blockers(watched.as_ref()).ok())
            .unwrap_or_default()
    }

    /// Why what runs has to go; none while it may go on.
    fn must_go(
        &mut self,
        alarm: Option<String>,
        budgets: Budgets,
        running: [Option<Instant>; 2],
    ) -> Option<Cancelled> {
        let by_alarm = alarm.is_some();
        let why = alarm.or_else(|| self.over_budget(budgets, running))?;
        Some(Cancelled { why, by_alarm })
    }

    /// Why what runs costs others more than it may.
    fn over_budget(
        &mut self,
        budgets: Budgets,
        [script, statement]: [Option<Instant>; 2],
    ) -> Option<String> {
        for (most_ms, since, what) in [
            (budgets.script_ms, script, "the script took longer than its"),
            (
                budgets.statement_ms,
                statement,
                "a statement took longer than its",
            ),
        ] {
            if let (Some(most_ms), Some(since)) = (most_ms, since)
                && since.elapsed() > Duration::from_millis(most_ms)
            {
                return Some(format!("{what} budget of {most_ms} ms, and was cancelled"));
            }
        }
        let most_ms = budgets.stall_ms?;
        let watched = self.watched.clone()?;
        let waiting = self.session()?.vitals()?.waiting_for(&watched).ok()?;
        self.waiting.retain(|pid, _| waiting.contains(pid));
        for pid in waiting {
            self.waiting.entry(pid).or_insert_with(Instant::now);
        }
        let (pid, longest) = self
            .waiting
            .iter()
            .map(|(pid, seen)| (pid, seen.elapsed()))
            .max_by_key(|(_, waited)| *waited)?;
        (longest > Duration::from_millis(most_ms)).then(|| {
            format!(
                "others waited for what the script has locked ({} of them, pid {pid} the longest) for more than the stall budget of \
                 {most_ms} ms, and it was cancelled",
                self.waiting.len()
            )
        })
    }

    /// Whether the cancel got through.
    fn cancel(&mut self) -> bool {
        let Some(watched) = self.watched.clone() else {
            return false;
        };
        self.session()
            .and_then(|session| session.vitals())
            .is_some_and(|vitals| vitals.cancel(&watched).is_ok_and(|sent| sent))
    }

    /// A heartbeat that cannot be written is tried again at the next; the guard before every commit decides, not this.
    fn beat(&mut self) {
        let fencing = self.fencing;
        if let Some(session) = self.session()
            && Store::new(session.as_mut()).heartbeat(fencing).is_err()
        {
            self.session = None;
        }
    }
}

/// A session of one's own beside a run, under a name; none where the database does not answer.
pub(crate) fn session_beside(
    engine: &dyn Engine,
    url: &DatabaseUrl,
    name: &str,
) -> Option<Box<dyn Session>> {
    let options = ConnectOptions {
        application_name: Some(name.to_owned()),
        read_only: false,
        ..ConnectOptions::default()
    };
    let mut session = engine.connect(url, &options).ok()?;
    session.set_lock_timeout(OWN_LOCK_TIMEOUT_MS).ok()?;
    Some(session)
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
