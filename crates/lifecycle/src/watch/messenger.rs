//! The messenger: tells hooks what happens, from a thread of its own, so that a slow one holds up no decision.

use std::cell::Cell;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use super::events::WatchEvent;

/// How long the messages that are on their way are waited for when the watch is over.
const PATIENCE: Duration = Duration::from_secs(40);

/// Tells one event, as JSON; gives why it did not work.
pub(super) type Teller = Box<dyn Fn(&str) -> Result<(), String> + Send>;

pub(super) struct Messenger {
    send: Option<Sender<String>>,
    /// For every message how telling it went.
    told: Receiver<Result<(), String>>,
    on_their_way: Cell<usize>,
}

impl Messenger {
    /// A messenger that tells everybody; without anybody it tells nothing.
    pub(super) fn start(everybody: Vec<Teller>) -> Self {
        let (send, messages) = channel::<String>();
        let (tell, told) = channel();
        let send = (!everybody.is_empty()).then_some(send);
        std::thread::spawn(move || {
            while let Ok(message) = messages.recv() {
                let failed: Vec<String> = everybody
                    .iter()
                    .filter_map(|teller| teller(&message).err())
                    .collect();
                let done = match failed.is_empty() {
                    true => Ok(()),
                    false => Err(failed.join("; ")),
                };
                if tell.send(done).is_err() {
                    return;
                }
            }
        });
        Self {
            send,
            told,
            on_their_way: Cell::new(0),
        }
    }

    /// Sends a messenger with an event; looks are too many to be told.
    pub(super) fn tell(&self, event: &WatchEvent) {
        let is_told = !matches!(
            event,
            WatchEvent::Look { .. } | WatchEvent::HookFailed { .. }
        );
        if let (Some(send), true) = (&self.send, is_told) {
            let text = serde_json::to_string(event).unwrap_or_default();
            // The thread lives as long as this value.
            if send.send(text).is_ok() {
                self.on_their_way.set(self.on_their_way.get() + 1);
            }
        }
    }

    /// What has failed since the last call.
    pub(super) fn failures(&self) -> Vec<String> {
        let come: Vec<Result<(), String>> = self.told.try_iter().collect();
        self.on_their_way
            .set(self.on_their_way.get().saturating_sub(come.len()));
        come.into_iter().filter_map(Result::err).collect()
    }

    /// Waits for the messages that are on their way, and gives what has failed.
    pub(super) fn settle(&self) -> Vec<String> {
        self.settle_for(PATIENCE)
    }

    fn settle_for(&self, patience: Duration) -> Vec<String> {
        let until = Instant::now() + patience;
        let mut failures = self.failures();
        while self.on_their_way.get() > 0 {
            let left = until.saturating_duration_since(Instant::now());
            match self.told.recv_timeout(left) {
                Ok(told) => {
                    self.on_their_way.set(self.on_their_way.get() - 1);
                    failures.extend(told.err());
                }
                Err(RecvTimeoutError::Timeout) => {
                    failures.push(format!(
                        "{} events were not told in time",
                        self.on_their_way.replace(0)
                    ));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    failures.push("it has ended".to_owned());
                    self.on_their_way.set(0);
                }
            }
        }
        failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(milliseconds: u64) -> WatchEvent {
        WatchEvent::Watching {
            migrations: Vec::new(),
            milliseconds,
        }
    }

    /// The hook hangs until it is let go, and whoever tells goes on.
    #[test]
    fn a_slow_hook_holds_up_nobody_and_is_told_in_order() {
        let (let_go, held) = channel::<()>();
        let (hear, heard) = channel();
        let messenger = Messenger::start(vec![Box::new(move |text| {
            held.recv().unwrap();
            hear.send(text.to_owned()).unwrap();
            Err("it said no".to_owned())
        })]);
        for milliseconds in 1..=3 {
            messenger.tell(&event(milliseconds));
        }
        assert!(messenger.failures().is_empty() && heard.try_recv().is_err());
        (0..3).for_each(|_| let_go.send(()).unwrap());
        assert_eq!(messenger.settle().len(), 3);
        let heard: Vec<String> = heard.try_iter().collect();
        let expect = (1..=3).map(|ms| serde_json::to_string(&event(ms)).unwrap());
        assert_eq!(heard, expect.collect::<Vec<_>>());
    }

    #[test]
    fn what_is_not_told_in_time_is_said() {
        let (_let_go, held) = channel::<()>();
        let messenger = Messenger::start(vec![Box::new(move |_| {
            let _ = held.recv();
            Ok(())
        })]);
        messenger.tell(&event(1));
        let failures = messenger.settle_for(Duration::from_millis(1));
        assert_eq!(failures, ["1 events were not told in time"]);
        assert!(messenger.settle().is_empty());
    }

    #[test]
    fn looks_are_not_told() {
        let messenger = Messenger::start(vec![Box::new(|_| Err("told".to_owned()))]);
        messenger.tell(&WatchEvent::HookFailed {
            because: String::new(),
        });
        assert!(messenger.settle().is_empty());
    }
}
