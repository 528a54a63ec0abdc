//! The readiness gauge of a watch, read from a thread of its own: it counts rows, which takes long where there are many, and no look
//! and no decision waits for it.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use tightrope_store::WatchRecord;

use super::way_back::{self, WayBackNow};
use crate::project::Project;

/// How often the way back is looked at.
const EVERY: Duration = Duration::from_secs(30);

pub(super) struct Gauge {
    ask: Sender<WatchRecord>,
    answers: Receiver<WayBackNow>,
    /// Since when an answer is waited for.
    asked: Option<Instant>,
    /// When the last answer came.
    gauged: Option<Instant>,
}

impl Gauge {
    /// The gauge of a project's target.
    pub(super) fn start(project: &Project) -> Self {
        let project = project.clone();
        Self::reading(move |record| match way_back::look(&project, record) {
            Ok((way_back, _)) => way_back,
            Err(error) => WayBackNow {
                because: Some(way_back::in_words(&error)),
                ..WayBackNow::default()
            },
        })
    }

    fn reading(read: impl Fn(&WatchRecord) -> WayBackNow + Send + 'static) -> Self {
        let (ask, asked) = channel::<WatchRecord>();
        let (answer, answers) = channel();
        // It ends when nobody can ask any more; one that hangs in a dead connection ends with the process.
        std::thread::spawn(move || {
            while let Ok(record) = asked.recv() {
                if answer.send(read(&record)).is_err() {
                    return;
                }
            }
        });
        Self {
            ask,
            answers,
            asked: None,
            gauged: None,
        }
    }

    /// What has come since the last call, if something has; asks again when it is time.
    pub(super) fn look(&mut self, record: &WatchRecord) -> Option<WayBackNow> {
        let answer = self.answers.try_recv().ok();
        if answer.is_some() {
            (self.asked, self.gauged) = (None, Some(Instant::now()));
        }
        let is_due = self.gauged.is_none_or(|gauged| gauged.elapsed() >= EVERY);
        if is_due && self.asked.is_none() {
            // A thread that has panicked answers nothing, and the way back is read anew before anything is rolled back.
            let _ = self.ask.send(record.clone());
            self.asked = Some(Instant::now());
        }
        answer
    }

    /// Waits until nothing is being read any more: what it reads must not stand in the way of the rollback.
    pub(super) fn settle(&mut self, patience: Duration) {
        if self.asked.take().is_some() {
            // Whatever it says, the way back is read anew.
            let _ = self.answers.recv_timeout(patience);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tightrope_model::Digest;

    fn record() -> WatchRecord {
        WatchRecord {
            criteria: String::new(),
            digest: Digest::of_parts(["nothing"]),
            migrations: Vec::new(),
            version_keys: Vec::new(),
            forwards: Vec::new(),
            applied: Vec::new(),
            stays: None,
            verify: Vec::new(),
        }
    }

    /// The gauge hangs until it is let go: nobody who looks is held up meanwhile.
    #[test]
    fn a_slow_gauge_holds_up_nobody() {
        let (let_go, held) = channel::<()>();
        let (began, begun) = channel();
        let mut gauge = Gauge::reading(move |_| {
            began.send(()).unwrap();
            held.recv().unwrap();
            WayBackNow {
                lossless: true,
                ..WayBackNow::default()
            }
        });
        assert_eq!(gauge.look(&record()), None);
        begun.recv().unwrap();
        for _ in 0..100 {
            assert_eq!(gauge.look(&record()), None);
        }
        // It was asked once, not a hundred times.
        assert!(begun.try_recv().is_err());
        let_go.send(()).unwrap();
        let answer = std::iter::repeat_with(|| gauge.look(&record()))
            .inspect(|_| std::thread::yield_now())
            .find_map(|answer| answer);
        assert!(answer.unwrap().lossless);
        assert_eq!(gauge.look(&record()), None);
    }

    #[test]
    fn what_is_being_read_is_waited_for_before_a_rollback() {
        let (let_go, held) = channel::<()>();
        let mut gauge = Gauge::reading(move |_| {
            held.recv().unwrap();
            WayBackNow::default()
        });
        gauge.settle(Duration::from_secs(100));
        gauge.look(&record());
        let_go.send(()).unwrap();
        gauge.settle(Duration::from_secs(100));
        assert!(gauge.asked.is_none());
    }
}
