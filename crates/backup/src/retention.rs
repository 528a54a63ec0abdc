//! Which backups stay.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

/// How many backups stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// The newest so many.
    pub last: usize,
    /// The newest of each of so many days.
    pub daily: usize,
    /// The newest of each of so many weeks.
    pub weekly: usize,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            last: 3,
            daily: 7,
            weekly: 4,
        }
    }
}

/// A backup and why it stays; for no reason, it goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Its name.
    pub name: String,
    /// Why it stays.
    pub because: Vec<&'static str>,
}

impl Kept {
    /// Whether it stays because it may have to be restored, and not for its age alone.
    pub fn is_relied_on(&self) -> bool {
        let relied_on = [NEEDED, NEWEST_PROVEN];
        self.because.iter().any(|why| relied_on.contains(why))
    }
}

const NEEDED: &str = "a migration that is not sealed needs it";
const NEWEST_PROVEN: &str = "the newest that is proven";

/// Says of each backup (its name, the instant it is of, and whether it is proven) why it stays.
///
/// The newest one that was taken before each of the `needed` instants stays, whatever its age: a migration that is not sealed
/// could need it. So does the newest proven one: what is left must never be only hope.
pub fn retain(
    backups: &[(String, Timestamp, bool)],
    rules: &Retention,
    needed: &[Timestamp],
) -> Vec<Kept> {
    let mut newest_first: Vec<&(String, Timestamp, bool)> = backups.iter().collect();
    newest_first.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| b.0.cmp(&a.0)));
    let mut kept: Vec<Kept> = newest_first
        .iter()
        .map(|(name, _, _)| Kept {
            name: name.clone(),
            because: Vec::new(),
        })
        .collect();
    let mut keep = |at: usize, because: &'static str| {
        if !kept[at].because.contains(&because) {
            kept[at].because.push(because);
        }
    };
    (0..newest_first.len().min(rules.last)).for_each(|at| keep(at, "one of the last"));
    for (most, because, period) in [
        (
            rules.daily,
            "the last of its day",
            day as fn(Timestamp) -> i64,
        ),
        (rules.weekly, "the last of its week", week),
    ] {
        let mut seen = BTreeSet::new();
        for (at, (_, taken, _)) in newest_first.iter().enumerate() {
            if seen.len() < most && seen.insert(period(*taken)) {
                keep(at, because);
            }
        }
    }
    for instant in needed {
        let before = |found: &&(String, Timestamp, bool)| found.1 <= *instant;
        if let Some(at) = newest_first.iter().position(&before) {
            keep(at, NEEDED);
        }
        if let Some(at) = newest_first
            .iter()
            .position(|found| found.2 && before(found))
        {
            keep(at, NEEDED);
        }
    }
    if let Some(at) = newest_first.iter().position(|found| found.2) {
        keep(at, NEWEST_PROVEN);
    }
    kept
}

/// The day, counted in UTC.
fn day(time: Timestamp) -> i64 {
    time.as_second().div_euclid(86_400)
}

/// The week, which begins on Monday, counted in UTC.
fn week(time: Timestamp) -> i64 {
    let date = time.to_zoned(TimeZone::UTC).date().iso_week_date();
    i64::from(date.year()) * 100 + i64::from(date.week())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backups(times: &[&str]) -> Vec<(String, Timestamp, bool)> {
        let one = |time: &&str| {
            let (time, proven) = match time.strip_suffix('*') {
                Some(time) => (time, true),
                None => (*time, false),
            };
            (
                time.to_owned(),
                format!("{time}:00Z").parse().unwrap(),
                proven,
            )
        };
        times.iter().map(one).collect()
    }

    fn check(times: &[&str], rules: (usize, usize, usize), needed: &[&str], expect: &[&str]) {
        let needed: Vec<Timestamp> = needed
            .iter()
            .map(|time| format!("{time}:00Z").parse().unwrap())
            .collect();
        let rules = Retention {
            last: rules.0,
            daily: rules.1,
            weekly: rules.2,
        };
        let kept = retain(&backups(times), &rules, &needed);
        let stay: Vec<String> = kept
            .into_iter()
            .filter(|one| !one.because.is_empty())
            .map(|one| one.name)
            .collect();
        assert_eq!(stay, expect);
    }

    const TIMES: [&str; 6] = [
        "2026-01-01T01:00",
        "2026-01-08T01:00",
        "2026-01-09T01:00",
        "2026-01-09T13:00",
        "2026-01-10T01:00",
        "2026-01-10T13:00",
    ];

    #[test]
    fn the_last_the_days_and_the_weeks_stay() {
        check(
            &TIMES,
            (2, 0, 0),
            &[],
            &["2026-01-10T13:00", "2026-01-10T01:00"],
        );
        check(
            &TIMES,
            (0, 3, 0),
            &[],
            &["2026-01-10T13:00", "2026-01-09T13:00", "2026-01-08T01:00"],
        );
        check(
            &TIMES,
            (0, 0, 2),
            &[],
            &["2026-01-10T13:00", "2026-01-01T01:00"],
        );
        check(&TIMES, (0, 0, 0), &[], &[]);
    }

    #[test]
    fn what_an_unsealed_migration_needs_stays() {
        check(
            &TIMES,
            (1, 0, 0),
            &["2026-01-09T12:00"],
            &["2026-01-10T13:00", "2026-01-09T01:00"],
        );
        check(
            &TIMES,
            (1, 0, 0),
            &["2025-01-01T00:00"],
            &["2026-01-10T13:00"],
        );
    }

    #[test]
    fn the_newest_proven_one_stays() {
        let times = ["2026-01-01T01:00*", "2026-01-08T01:00*", "2026-01-09T01:00"];
        check(
            &times,
            (1, 0, 0),
            &[],
            &["2026-01-09T01:00", "2026-01-08T01:00"],
        );
        let needed = ["2026-01-09T02:00"];
        check(
            &times,
            (1, 0, 0),
            &needed,
            &["2026-01-09T01:00", "2026-01-08T01:00"],
        );
    }
}
