use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use tightrope_engine::Registry;

use super::case::TwinCase;
use super::runner::{Outcome, run_seed};
use super::shrink::shrink;
use super::stage::Stage;
use crate::contract::ContractDatabase;

/// After how many cases a hunt says how far it is.
const TOLD_EACH: u64 = 500;

/// After how many cases a thread works on with new databases. A server's session remembers every schema that it has seen, and its catalog
/// keeps the room of all of them: after 250 cases a copy of it is six times as large.
const FRESH_AFTER: u64 = 60;

/// How many cases to run, from which seed, on how many threads, and after how many failures to stop.
#[derive(Clone, Copy, Debug)]
pub struct Hunt {
    /// The first seed.
    pub seed: u64,
    /// How many.
    pub cases: u64,
    /// Threads, each with two databases of its own.
    pub threads: usize,
    /// Different failures that are enough.
    pub failures: usize,
    /// Whether the first case of each failure is made small; else each failing seed is told as it is.
    pub shrinks: bool,
}

/// Makes databases, on any thread.
pub type Make = dyn Fn() -> anyhow::Result<ContractDatabase> + Sync;

/// What a hunt found.
#[derive(Debug, Default)]
pub struct Bag {
    /// Cases that passed.
    pub passed: u64,
    /// Writes in their windows.
    pub writes: u64,
    /// Writes that were undone on both sides, for they did not mean the same.
    pub undone: u64,
    /// Cases that did not get as far as a rollback, by why.
    pub skipped: BTreeMap<String, u64>,
    /// How many cases failed, by what it was about.
    pub headings: BTreeMap<String, u64>,
    /// The first case of each heading, shrunk, with what is wrong.
    pub failed: Vec<(TwinCase, String)>,
}

impl Hunt {
    /// What the environment asks for (`TIGHTROPE_TWIN_CASES`, `_SEED`, `_THREADS`, `_FAILURES`, `_SHRINKS`), else these cases.
    pub fn from_environment(cases: u64) -> Self {
        let read = |name: &str| {
            let value = std::env::var(format!("TIGHTROPE_TWIN_{name}")).ok()?;
            value.parse::<u64>().ok()
        };
        let number = |name: &str, default: usize| {
            read(name)
                .and_then(|value| usize::try_from(value).ok())
                .unwrap_or(default)
        };
        Self {
            seed: read("SEED").unwrap_or(1),
            cases: read("CASES").unwrap_or(cases),
            threads: number("THREADS", 2),
            failures: number("FAILURES", 3),
            shrinks: read("SHRINKS") != Some(0),
        }
    }

    /// Runs the cases, and tells each shrunk failure at once.
    ///
    /// # Errors
    /// When a database breaks.
    pub fn run(
        &self,
        registry: &Registry,
        make: &Make,
        tell: &(dyn Fn(&str) + Sync),
    ) -> anyhow::Result<Bag> {
        let next = AtomicU64::new(self.seed);
        let bag = Mutex::new(Bag::default());
        std::thread::scope(|scope| {
            let worker = || self.work(&next, &bag, registry, make, tell);
            let workers: Vec<_> = (0..self.threads).map(|_| scope.spawn(worker)).collect();
            workers.into_iter().try_for_each(|worker| {
                worker
                    .join()
                    .map_err(|_| anyhow::anyhow!("a worker panicked"))?
            })
        })?;
        Ok(bag.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    fn work(
        &self,
        next: &AtomicU64,
        bag: &Mutex<Bag>,
        registry: &Registry,
        make: &Make,
        tell: &(dyn Fn(&str) + Sync),
    ) -> anyhow::Result<()> {
        let mut stage = Stage::new(registry.clone(), &make)?;
        for number in 1.. {
            if number % FRESH_AFTER == 0 {
                stage = Stage::new(registry.clone(), &make)?;
            }
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let enough = lock(bag).failed.len() >= self.failures;
            if seed >= self.seed + self.cases || enough {
                return Ok(());
            }
            let done = seed - self.seed;
            if done > 0 && done.is_multiple_of(TOLD_EACH) {
                tell(&format!("{done} of {} cases", self.cases));
            }
            let (case, outcome) =
                run_seed(&stage, seed).map_err(|error| error.context(format!("seed {seed}")))?;
            match &outcome {
                Outcome::Passed { writes, undone } => {
                    let mut bag = lock(bag);
                    bag.passed += 1;
                    bag.writes += *writes as u64;
                    bag.undone += *undone as u64;
                }
                Outcome::Skipped(why) => {
                    let why = why.lines().next().unwrap_or_default().to_owned();
                    *lock(bag).skipped.entry(why).or_default() += 1;
                }
                Outcome::Failed(why) if !self.shrinks => {
                    tell(&format!("-------- {why}\n{case}"));
                    let mut bag = lock(bag);
                    *bag.headings
                        .entry(outcome.heading().unwrap_or_default())
                        .or_default() += 1;
                    bag.failed.push((case, why.clone()));
                }
                Outcome::Failed(_) => {
                    let heading = outcome.heading().unwrap_or_default();
                    let count = {
                        let mut bag = lock(bag);
                        let count = bag.headings.entry(heading).or_default();
                        *count += 1;
                        *count
                    };
                    if count > 1 {
                        continue;
                    }
                    let (case, outcome) = shrink(&stage, &case, &outcome)?;
                    if let Outcome::Failed(why) = outcome {
                        tell(&format!("-------- {why}\n{case}"));
                        lock(bag).failed.push((case, why));
                    }
                }
            }
        }
        Ok(())
    }
}

fn lock(bag: &Mutex<Bag>) -> std::sync::MutexGuard<'_, Bag> {
    bag.lock().unwrap_or_else(PoisonError::into_inner)
}
