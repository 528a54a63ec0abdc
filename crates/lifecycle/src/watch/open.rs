//! A watch that is not over, as others see it.

use serde::Serialize;
use tightrope_engine::{Alive, Session};
use tightrope_judge::{Criteria, Judge, Look, Ruling};
use tightrope_store::{OpenWatch, Store, StoreError, WatchPhase};

/// A watch that is not over, as its looks say by now.
#[derive(Clone, Debug, Serialize)]
pub struct WatchReport {
    /// The migrations' labels.
    pub migrations: Vec<String>,
    /// When the criteria were fixed.
    pub begun_at: String,
    /// Where it stands: `before`, `watching` or `rolling-back`.
    pub phase: &'static str,
    /// The process that watches, if one does.
    pub by: Option<String>,
    /// Whether it lives, as far as can be seen.
    pub alive: Option<bool>,
    /// For how long was watched, in milliseconds.
    pub watched_ms: u64,
    /// How much longer, in milliseconds.
    pub left_ms: u64,
    /// How many looks were taken.
    pub looks: usize,
    /// What the looks come to.
    pub rulings: Vec<Ruling>,
}

/// The open watch of a target; none where nothing is watched.
pub(crate) fn open_watch(session: &mut dyn Session) -> Result<Option<WatchReport>, StoreError> {
    let mut store = Store::new(session);
    let Some(open) = store.open_watch()? else {
        return Ok(None);
    };
    let looks = store.looks(open.number)?;
    let looks: Vec<Look> = looks
        .iter()
        .filter_map(|(_, text)| serde_json::from_str(text).ok())
        .collect();
    let watcher = store.watcher()?;
    let alive = watcher.as_ref().and_then(|(_, _, alive)| match alive {
        Alive::Yes => Some(true),
        Alive::No => Some(false),
        Alive::Unknown => None,
    });
    let by = watcher.map(|(by, _, _)| by.to_string());
    let judge = judged(&open, &looks);
    let watched_ms = judge.as_ref().map_or(0, Judge::elapsed_ms);
    let watch_ms = judge.as_ref().map_or(0, |judge| judge.criteria().watch_ms);
    Ok(Some(WatchReport {
        phase: match open.phase {
            WatchPhase::Before => "before",
            WatchPhase::Watching => "watching",
            WatchPhase::RollingBack => "rolling-back",
            WatchPhase::Ended => "ended",
        },
        alive: alive.or(by.is_none().then_some(false)),
        by,
        watched_ms,
        left_ms: watch_ms.saturating_sub(watched_ms),
        looks: looks.len(),
        rulings: judge.map(|judge| judge.rulings(false)).unwrap_or_default(),
        migrations: open.record.migrations,
        begun_at: open.begun_at,
    }))
}

/// The judge of a watch after these looks; none where its criteria cannot be read.
fn judged(open: &OpenWatch, looks: &[Look]) -> Option<Judge> {
    let criteria: Criteria = serde_json::from_str(&open.record.criteria).ok()?;
    let mut judge = Judge::new(criteria);
    for look in looks {
        judge.add(look);
    }
    Some(judge)
}
