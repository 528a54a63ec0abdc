//! The pulse of a watch: a thread with a session of its own that says that the watcher lives, also while a script runs for minutes,
//! a rollback works or a person is asked.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use tightrope_engine::{ConnectOptions, DatabaseUrl, Engine, Session};
use tightrope_store::{Lease, Store};

/// How often it beats: several times before a silent holder counts as dead.
const EVERY: Duration = Duration::from_secs(5);
/// How long a beat waits for a lock: whoever moves the watch on holds the lease's row while it commits.
const LOCK_TIMEOUT_MS: u64 = 500;

/// It beats until the value is dropped; nobody waits for a beat that hangs in a dead connection.
pub(super) struct Pulse {
    _stop: Sender<()>,
}

impl Pulse {
    pub(super) fn start(engine: Arc<dyn Engine>, url: DatabaseUrl, lease: Lease) -> Self {
        let (stop, stopped) = channel();
        std::thread::spawn(move || {
            let mut session = None;
            while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                // One that cannot be written is tried again at the next; the guard before every commit decides, not this.
                if session.is_none() {
                    session = open(engine.as_ref(), &url);
                }
                if let Some(open) = session.as_mut()
                    && Store::new(open.as_mut()).watch_heartbeat(&lease).is_err()
                {
                    session = None;
                }
            }
        });
        Self { _stop: stop }
    }
}

fn open(engine: &dyn Engine, url: &DatabaseUrl) -> Option<Box<dyn Session>> {
    let options = ConnectOptions {
        application_name: Some("tightrope watch's pulse".to_owned()),
        read_only: false,
        ..ConnectOptions::default()
    };
    let mut session = engine.connect(url, &options).ok()?;
    session.set_lock_timeout(LOCK_TIMEOUT_MS).ok()?;
    Some(session)
}
