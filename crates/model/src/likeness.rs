use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// What a database stands in, and how large it is: what may make a copy behave otherwise, though it holds the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The server's whole version.
    pub version: String,
    /// The settings that decide about plans, times and what values look like.
    pub settings: BTreeMap<String, String>,
    /// The extensions with their versions.
    pub extensions: BTreeMap<String, String>,
    /// Rows, by the server's statistics; none where these do not know.
    pub rows: Option<u64>,
    /// The size.
    pub bytes: u64,
}

/// How like its source a copy is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Likeness {
    /// 100 where nothing differs: 30 for the version (half of it for the same major version), 20 each for the settings and the extensions that
    /// are the same, 15 each for rows and size.
    pub percent: u8,
    /// What differs.
    pub differences: Vec<Unlike>,
}

/// One thing in which a copy is not like its source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unlike {
    /// What it is: `version`, `rows`, `size`, `setting work_mem`, `extension pg_trgm`.
    pub what: String,
    /// What the source has; none if nothing.
    pub source: Option<String>,
    /// What the copy has; none if nothing.
    pub copy: Option<String>,
}

/// Rows and sizes that are so near count as the same: statistics are estimates, and a copy has no dead rows.
const NEAR: f64 = 0.9;

impl Likeness {
    /// Compares a copy's surroundings with its source's.
    pub fn of(source: &Surroundings, copy: &Surroundings) -> Self {
        let mut differences = Vec::new();
        let mut score = 30.0 * version(source, copy, &mut differences);
        score += 20.0
            * share(
                "setting",
                &source.settings,
                &copy.settings,
                &mut differences,
            );
        score += 20.0
            * share(
                "extension",
                &source.extensions,
                &copy.extensions,
                &mut differences,
            );
        score += 15.0
            * match (source.rows, copy.rows) {
                (Some(source), Some(copy)) => ratio("rows", source, copy, &mut differences),
                _ => 1.0,
            };
        score += 15.0 * ratio("size", source.bytes, copy.bytes, &mut differences);
        let most = if differences.is_empty() { 100.0 } else { 99.0 };
        Self {
            percent: f64::min(score, most) as u8,
            differences,
        }
    }

    /// The same of a copy whose columns are masked: each is named with its mask, as in `customers.email: hash`.
    #[must_use]
    pub fn masked(mut self, columns: &[String]) -> Self {
        for column in columns {
            let (name, mask) = column.split_once(": ").unwrap_or((column, "masked"));
            self.differences.push(Unlike {
                what: format!("values of {name}"),
                source: Some("as they are".to_owned()),
                copy: Some(format!("masked: {mask}")),
            });
        }
        if !columns.is_empty() {
            self.percent = self.percent.min(99);
        }
        self
    }

    /// What differs, in words: so many of the differences, and how many more.
    pub fn in_words(&self, most: usize) -> String {
        let shown = self.differences.iter().take(most).map(Unlike::in_words);
        let more = self.differences.len().saturating_sub(most);
        let more = (more > 0).then(|| format!("{more} more"));
        shown.chain(more).collect::<Vec<_>>().join(", ")
    }
}

impl Unlike {
    /// `version (15.13, on the copy 18.0)`.
    fn in_words(&self) -> String {
        let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
        format!(
            "{} ({}, on the copy {})",
            self.what,
            value(&self.source),
            value(&self.copy)
        )
    }
}

fn version(source: &Surroundings, copy: &Surroundings, differences: &mut Vec<Unlike>) -> f64 {
    if source.version == copy.version {
        return 1.0;
    }
    differences.push(Unlike {
        what: "version".to_owned(),
        source: Some(source.version.clone()),
        copy: Some(copy.version.clone()),
    });
    let major = |version: &str| version.split('.').next().unwrap_or_default().to_owned();
    match major(&source.version) == major(&copy.version) {
        true => 0.5,
        false => 0.0,
    }
}

/// How many of the names have the same value on both sides.
fn share(
    kind: &str,
    source: &BTreeMap<String, String>,
    copy: &BTreeMap<String, String>,
    differences: &mut Vec<Unlike>,
) -> f64 {
    let names: BTreeSet<&String> = source.keys().chain(copy.keys()).collect();
    let mut same = 0;
    for name in &names {
        let (was, is) = (source.get(*name), copy.get(*name));
        if was == is {
            same += 1;
            continue;
        }
        differences.push(Unlike {
            what: format!("{kind} {name}"),
            source: was.cloned(),
            copy: is.cloned(),
        });
    }
    match names.len() {
        0 => 1.0,
        all => f64::from(same) / all as f64,
    }
}

/// The smaller of both by the larger; near enough is the same.
fn ratio(what: &str, source: u64, copy: u64, differences: &mut Vec<Unlike>) -> f64 {
    let (least, most) = (source.min(copy), source.max(copy));
    let ratio = if most == 0 {
        1.0
    } else {
        least as f64 / most as f64
    };
    if ratio >= NEAR {
        return 1.0;
    }
    differences.push(Unlike {
        what: what.to_owned(),
        source: Some(source.to_string()),
        copy: Some(copy.to_string()),
    });
    ratio
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surroundings() -> Surroundings {
        let map = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter();
            pairs
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect()
        };
        Surroundings {
            version: "15.13".to_owned(),
            settings: map(&[("work_mem", "4 MB"), ("jit", "on")]),
            extensions: map(&[("plpgsql", "1.0")]),
            rows: Some(1000),
            bytes: 10_000_000,
        }
    }

    fn check(change: impl FnOnce(&mut Surroundings), percent: u8, differences: &[&str]) {
        let mut copy = surroundings();
        change(&mut copy);
        let likeness = Likeness::of(&surroundings(), &copy);
        let named: Vec<&str> = likeness
            .differences
            .iter()
            .map(|one| one.what.as_str())
            .collect();
        assert_eq!(
            (likeness.percent, named.as_slice()),
            (percent, differences),
            "{likeness:?}"
        );
    }

    #[test]
    fn what_differs_costs_what_it_weighs_and_is_named() {
        check(|_| {}, 100, &[]);
        check(|copy| copy.version = "15.2".to_owned(), 85, &["version"]);
        check(|copy| copy.version = "18.0".to_owned(), 70, &["version"]);
        check(
            |copy| {
                copy.settings.insert("jit".to_owned(), "off".to_owned());
            },
            90,
            &["setting jit"],
        );
        check(
            |copy| {
                copy.extensions
                    .insert("pg_trgm".to_owned(), "1.6".to_owned());
            },
            90,
            &["extension pg_trgm"],
        );
        check(|copy| copy.rows = Some(500), 92, &["rows"]);
        check(|copy| copy.bytes = 0, 85, &["size"]);
    }

    #[test]
    fn what_is_near_or_unknown_is_no_difference() {
        check(|copy| copy.rows = Some(950), 100, &[]);
        check(|copy| copy.rows = None, 100, &[]);
        check(|copy| copy.bytes = 9_500_000, 100, &[]);
    }

    #[test]
    fn differences_are_told_with_both_values() {
        let mut copy = surroundings();
        copy.version = "18.0".to_owned();
        copy.extensions.clear();
        copy.settings.remove("jit");
        let likeness = Likeness::of(&surroundings(), &copy);
        assert_eq!(
            likeness.in_words(2),
            "version (15.13, on the copy 18.0), setting jit (on, on the copy none), 1 more"
        );
    }

    #[test]
    fn masked_columns_are_differences() {
        let same = Likeness::of(&surroundings(), &surroundings());
        assert_eq!(same.clone().masked(&[]), same);
        let masked = same.masked(&["customers.email: hash".to_owned()]);
        assert_eq!(masked.percent, 99);
        assert_eq!(
            masked.in_words(5),
            "values of customers.email (as they are, on the copy masked: hash)"
        );
    }

    #[test]
    fn whatever_differs_is_not_all_the_same() {
        let many = |value: &str| {
            let names = (0..1000).map(|number| (format!("s{number}"), value.to_owned()));
            names.collect::<BTreeMap<String, String>>()
        };
        let mut source = surroundings();
        source.settings = many("x");
        let mut copy = source.clone();
        copy.settings.insert("s7".to_owned(), "y".to_owned());
        assert_eq!(Likeness::of(&source, &copy).percent, 99);
    }
}
