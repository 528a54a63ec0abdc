use serde::Serialize;
use tightrope_judge::Ruling;
use tightrope_store::Holder;

use super::way_back::WayBackNow;

/// Something that happened while watching; the terminal, the JSON stream and the hook are told the same.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum WatchEvent {
    /// The criteria are fixed, and the baseline is being taken.
    BaselineBegun {
        /// The migrations' labels.
        migrations: Vec<String>,
        /// The criteria's digest.
        digest: String,
        /// For how long it is taken, in milliseconds.
        milliseconds: u64,
    },
    /// The baseline was taken.
    Baseline {
        /// For each probe that something is compared with: its name, how many samples there are, how many are wanted.
        quality: Vec<(String, usize, usize)>,
        /// For each comparison without a control group the rise, in percent, that would nearly always be found on sixty samples.
        finds: Vec<(String, f64)>,
    },
    /// Watching begins.
    Watching {
        /// The migrations' labels.
        migrations: Vec<String>,
        /// For how long, in milliseconds.
        milliseconds: u64,
    },
    /// A look was taken.
    Look {
        /// Every criterion's ruling.
        rulings: Vec<Ruling>,
        /// How much longer, in milliseconds.
        left_ms: u64,
        /// The way back, as of its last look.
        way_back: WayBackNow,
    },
    /// Another process's watch was taken over.
    TookOver {
        /// Whose, if somebody had it.
        from: Option<Holder>,
        /// How many looks it had taken.
        looks: usize,
    },
    /// The target cannot be reached; it is tried again.
    Unreachable {
        /// Why.
        because: String,
    },
    /// A criterion fails.
    Failed {
        /// Which ones, and why.
        because: Vec<String>,
    },
    /// It is being rolled back.
    RollingBack {
        /// The migrations' labels.
        migrations: Vec<String>,
        /// The way back.
        way_back: WayBackNow,
    },
    /// The watch is over.
    Ended {
        /// How: `kept`, `rolled-back`, `rolled-back-by-hand`, `alert`, `undecided`.
        outcome: &'static str,
        /// Why.
        because: Vec<String>,
    },
    /// The hook did not work.
    HookFailed {
        /// Why.
        because: String,
    },
}

/// Whoever wants to know what happens while watching.
pub trait WatchListener {
    /// Takes one event.
    fn event(&self, event: &WatchEvent);
}
