use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

/// A migration's version, as its author wrote it.
///
/// Ordering and equality go by the numbers in it: dashes, dots and underscores part groups, leading zeros do not count,
/// so `2` comes before `10`, and `2024-04-12-144536` equals `20240412144536` (diesel compares versions without dashes,
/// Flyway by dotted numbers). Versions that hold letters compare as text after all numeric ones.
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

fn compare_numbers(left: &str, right: &str) -> Ordering {
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
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
        check("0", "00", Ordering::Equal);
    }
}
