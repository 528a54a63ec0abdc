use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

/// A migration's version, as its author wrote it.
///
/// Ordering and equality go by the numbers in it: dots and underscores part groups, dashes and leading zeros do not count,
/// so `2` comes before `10`, and `2024-04-12-144536` equals `20240412144536` (diesel compares versions without dashes,
/// Flyway by dotted numbers). Numbers that begin with a date are times of different precision, as diesel takes them:
/// `2024-03-06-170000` comes before `2024-03-13`. Versions that hold letters compare as text after all numeric ones.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(String);

impl Version {
    /// Wraps a version as written.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The version as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form that identifies the version: dashes removed, leading and trailing empty groups dropped.
    ///
    /// This is what the journal and the applied table hold, so that two spellings are one version.
    pub fn key(&self) -> String {
        match self.groups() {
            Some(groups) => groups.join("."),
            None => self.0.clone(),
        }
    }

    fn groups(&self) -> Option<Vec<String>> {
        let joined: String = self.0.chars().filter(|&c| c != '-').collect();
        if joined.is_empty()
            || !joined
                .chars()
                .all(|c| c.is_ascii_digit() || c == '.' || c == '_')
        {
            return None;
        }
        let mut groups: Vec<String> = joined
            .split(['.', '_'])
            .map(|group| {
                let trimmed = group.trim_start_matches('0');
                if trimmed.is_empty() {
                    "0".to_owned()
                } else {
                    trimmed.to_owned()
                }
            })
            .collect();
        while groups.len() > 1 && groups.last().is_some_and(|group| group == "0") {
            groups.pop();
        }
        Some(groups)
    }
}

/// Numbers by their value; a date stands for the beginning of its day, so that it is filled up to a time first.
fn compare_numbers(left: &str, right: &str) -> Ordering {
    let (full_left, full_right) = (filled(left), filled(right));
    let by_value = full_left
        .len()
        .cmp(&full_right.len())
        .then_with(|| full_left.cmp(&full_right));
    by_value.then_with(|| left.len().cmp(&right.len()))
}

/// As many digits as a time has down to the nanosecond.
const FULL_TIME: usize = 23;

fn filled(number: &str) -> Cow<'_, str> {
    if number.len() < FULL_TIME && begins_with_date(number) {
        Cow::Owned(format!("{number:0<FULL_TIME$}"))
    } else {
        Cow::Borrowed(number)
    }
}

/// Whether the first eight digits read as year, month and day, or as a day of one digit and what follows (`2020-12-7-190800`): such a version stands
/// where its digits put it, as diesel has it.
fn begins_with_date(number: &str) -> bool {
    let part = |range| {
        number
            .get(range)
            .and_then(|digits: &str| digits.parse::<u32>().ok())
    };
    let (year, month, day) = (part(0..4), part(4..6), part(6..8));
    year.is_some_and(|year| (1970..2100).contains(&year))
        && month.is_some_and(|month| (1..=12).contains(&month))
        && day.is_some_and(|day| day > 0)
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.groups(), other.groups()) {
            (Some(left), Some(right)) => {
                for (a, b) in left.iter().zip(&right) {
                    let order = compare_numbers(a, b);
                    if order != Ordering::Equal {
                        return order;
                    }
                }
                left.len().cmp(&right.len())
            }
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => self.0.cmp(&other.0),
        }
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl Hash for Version {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(left: &str, right: &str, expect: Ordering) {
        let (left, right) = (Version::new(left), Version::new(right));
        assert_eq!(left.cmp(&right), expect, "{left} against {right}");
        assert_eq!(
            left.key() == right.key(),
            expect == Ordering::Equal,
            "keys of {left} and {right}"
        );
    }

    #[test]
    fn versions_sort_as_numbers() {
        check("2", "10", Ordering::Less);
        check("0002", "2", Ordering::Equal);
        check("1.10", "1.9", Ordering::Greater);
        check("1_1", "1.1", Ordering::Equal);
        check("1", "1.0", Ordering::Equal);
        check("2024-04-12-144536", "20240412144536", Ordering::Equal);
        check(
            "99999999999999999999999",
            "100000000000000000000000",
            Ordering::Less,
        );
        check("10", "alpha", Ordering::Less);
        check("2024-03-06-170000", "2024-03-13", Ordering::Less);
        check("20240306170000", "20240313", Ordering::Less);
        check("20240313", "20240313000000", Ordering::Less);
        check(
            "2024-07-01-000000-0000",
            "2024-07-01-000001",
            Ordering::Less,
        );
        check("2020-12-7-190800", "2020-12-29-170803", Ordering::Greater);
        check("2020-12-7-190800", "2021-01-01-000000", Ordering::Less);
        check("99999999", "20240313", Ordering::Less);
        check("0", "00", Ordering::Equal);
    }
}
