use std::io::{BufRead as _, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

/// What a command writes to one of its streams, as it comes.
#[derive(Clone, Default)]
pub(super) struct Lines(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    text: String,
    ended: bool,
}

impl Lines {
    /// Reads a stream to its end on a thread: a command must never wait for a reader.
    pub(super) fn of(stream: impl Read + Send + 'static) -> Self {
        let lines = Self::default();
        let theirs = lines.clone();
        thread::spawn(move || theirs.read(BufReader::new(stream)));
        lines
    }

    fn read(&self, mut stream: BufReader<impl Read>) {
        let mut line = Vec::new();
        while matches!(stream.read_until(b'\n', &mut line), Ok(read) if read > 0) {
            self.lock().text += &String::from_utf8_lossy(&line);
            self.0.changed.notify_all();
            line.clear();
        }
        self.lock().ended = true;
        self.0.changed.notify_all();
    }

    /// Waits for the stream's end; false if the deadline comes first.
    pub(super) fn wait_for_end(&self, deadline: Instant) -> bool {
        self.wait_until(deadline, |state| state.ended).ended
    }

    /// Waits for a whole line that contains the needle; none if the stream ends or the deadline comes first.
    pub(super) fn wait_for(&self, needle: &str, deadline: Instant) -> Option<String> {
        let find = |state: &State| {
            let line = state.text.lines().find(|line| line.contains(needle));
            line.map(str::to_owned)
        };
        let done = |state: &State| state.ended || find(state).is_some();
        find(&self.wait_until(deadline, done))
    }

    /// Everything so far.
    pub(super) fn text(&self) -> String {
        self.lock().text.clone()
    }

    fn wait_until(
        &self,
        deadline: Instant,
        done: impl Fn(&State) -> bool,
    ) -> MutexGuard<'_, State> {
        let left = deadline.saturating_duration_since(Instant::now());
        let waited = self
            .0
            .changed
            .wait_timeout_while(self.lock(), left, |state| !done(state));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
