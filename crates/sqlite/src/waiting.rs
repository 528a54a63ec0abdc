//! Waiting for the lock on a database file: bounded always, with jitter, never for good.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;

/// The longest pause between two tries; short, because nobody is told when a file lock is let go.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// How long a session waits for a lock before it gives up; shared with the busy handler.
#[derive(Clone, Debug)]
pub(crate) struct LockTimeout(Arc<AtomicU64>);

impl LockTimeout {
    /// What holds until the caller says otherwise, in milliseconds.
    pub(crate) const DEFAULT_MS: u64 = 5_000;

    /// The default.
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(Self::DEFAULT_MS)))
    }

    /// Changes it, also for a statement that waits now.
    pub(crate) fn set(&self, milliseconds: u64) {
        self.0.store(milliseconds, Ordering::Relaxed);
    }

    fn duration(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }

    /// Makes the connection wait that long, where SQLite does not see a deadlock.
    pub(crate) fn install(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        let timeout = self.clone();
        let random = RandomState::new();
        let mut began = Instant::now();
        connection.busy_handler(Some(move |tries: i32| {
            if tries == 0 {
                began = Instant::now();
            }
            let left = timeout.duration().saturating_sub(began.elapsed());
            if left.is_zero() {
                return false;
            }
            let longest = LONGEST_PAUSE.min(Duration::from_millis(1 << tries.clamp(0, 6)));
            let share = random.hash_one(tries) % 1_000;
            let jittered =
                longest.mul_f64(0.5 + f64::from(u16::try_from(share).unwrap_or(0)) / 2_000.0);
            std::thread::sleep(jittered.min(left));
            true
        }))
    }
}
