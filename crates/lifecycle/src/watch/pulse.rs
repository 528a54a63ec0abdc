//! The pulse of a watch: a thread with a session of its own that says that the watcher lives, also while a script runs for minutes,
//! a rollback works or a person is asked.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};

use tightrope_engine::{DatabaseUrl, Engine};
use tightrope_store::{Lease, Store};

use crate::companion::{HEARTBEAT, session_beside};

/// It beats until the value is dropped; nobody waits for a beat that hangs in a dead connection.
pub(super) struct Pulse {
    _stop: Sender<()>,
}

impl Pulse {
    pub(super) fn start(engine: Arc<dyn Engine>, url: DatabaseUrl, lease: Lease) -> Self {
        let (stop, stopped) = channel();
        std::thread::spawn(move || {
            let mut session = None;
            while stopped.recv_timeout(HEARTBEAT) == Err(RecvTimeoutError::Timeout) {
                // One that cannot be written is tried again at the next; the guard before every commit decides, not this.
                if session.is_none() {
                    session = session_beside(engine.as_ref(), &url, "tightrope watch's pulse");
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
