use std::collections::BTreeMap;
use std::fmt;

use tightrope_model::nearest;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// How much of a table is taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Share {
    /// All of it.
    Whole,
    /// So many of a hundred rows, picked at random.
    Percent(f64),
    /// About so many rows, picked at random.
    Rows(u64),
}

impl Share {
    /// Reads `5 %`, `0.1%`, `whole`.
    ///
    /// # Errors
    /// When it is none of them, or not above 0 and up to 100.
    pub fn parse(text: &str) -> Result<Self, SampleError> {
        let trimmed = text.trim();
        if trimmed == "whole" {
            return Ok(Self::Whole);
        }
        let number = trimmed.strip_suffix('%').map(str::trim_end);
        let percent = number.and_then(|number| number.parse::<f64>().ok());
        match percent {
            Some(percent) if percent > 0.0 && percent < 100.0 => Ok(Self::Percent(percent)),
            Some(100.0) => Ok(Self::Whole),
            _ => Err(SampleError::Share(text.to_owned())),
        }
    }

    /// The share as a part of 1, of a table with so many rows.
    pub fn of(self, rows: u64) -> f64 {
        match self {
            Self::Whole => 1.0,
            Self::Rows(0) => 0.0,
            Self::Percent(percent) => percent / 100.0,
            Self::Rows(wanted) if rows <= wanted => 1.0,
            Self::Rows(wanted) => wanted as f64 / rows as f64,
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("whole"),
            Self::Percent(percent) => write!(f, "{percent} %"),
            Self::Rows(rows) => write!(f, "{rows} rows a table"),
        }
    }
}

/// Which rows a copy holds: a random share of every table, and whatever these rows refer to.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The share of every table that is not named.
    pub share: Share,
    /// What decides which rows are picked: the same seed picks the same rows of the same database.
    pub seed: u64,
    /// A table with so many rows or fewer is taken whole.
    pub whole_up_to: u64,
    /// Tables with a share of their own, by their display names.
    pub tables: BTreeMap<String, Share>,
}

/// What is wrong with a sample as it was written down.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SampleError {
    /// It is no share.
    #[error("`{0}` is no sample: it is a share above 0 % and up to 100 %, or `whole`")]
    Share(String),
    /// The table is not there.
    #[error("there is no table `{table}` to take a sample of")]
    NoTable {
        /// As it was written.
        table: String,
        /// The one that may have been meant.
        near: Option<String>,
    },
}

impl Sample {
    /// How many rows make a table small enough to be taken whole, if nobody says.
    pub const WHOLE_UP_TO: u64 = 1_000;

    /// A sample of no rows at all: the schema alone.
    pub fn without_rows() -> Self {
        Self {
            share: Share::Rows(0),
            seed: 0,
            whole_up_to: 0,
            tables: BTreeMap::new(),
        }
    }

    /// Whether no row is taken of any table, so that none need be counted.
    pub fn is_without_rows(&self) -> bool {
        self.share == Share::Rows(0) && self.whole_up_to == 0 && self.tables.is_empty()
    }

    /// The share that is taken of a table: of the first of its names (its own, then those of its parents) that has one, else the
    /// share of all. `rows` is what the whole of it has.
    pub fn share_of<'n>(&self, names: impl IntoIterator<Item = &'n str>, rows: u64) -> Share {
        let named = names.into_iter().find_map(|name| self.tables.get(name));
        match named {
            Some(share) => *share,
            None if rows <= self.whole_up_to && self.whole_up_to > 0 => Share::Whole,
            None => self.share,
        }
    }

    /// A seed for one table, which fits into 31 bits.
    pub fn seed_of(&self, table: &str) -> u32 {
        (xxh3_64_with_seed(table.as_bytes(), self.seed) >> 33) as u32
    }

    /// Refuses a share for a table that is not there.
    ///
    /// # Errors
    /// With the nearest name.
    pub fn know(&self, tables: &[&str]) -> Result<(), SampleError> {
        match self
            .tables
            .keys()
            .find(|table| !tables.contains(&table.as_str()))
        {
            None => Ok(()),
            Some(table) => Err(SampleError::NoTable {
                near: nearest(table, tables).map(str::to_owned),
                table: table.clone(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read() {
        let check = |text: &str, expect: Share| assert_eq!(Share::parse(text), Ok(expect));
        check("5 %", Share::Percent(5.0));
        check("0.1%", Share::Percent(0.1));
        check("100 %", Share::Whole);
        check("whole", Share::Whole);
        for wrong in ["5", "0 %", "-1 %", "101 %", "NaN %", "many", ""] {
            assert!(Share::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn small_tables_are_whole_unless_they_are_named() {
        let sample = Sample {
            share: Share::Percent(5.0),
            seed: 1,
            whole_up_to: 10,
            tables: BTreeMap::from([("log".to_owned(), Share::Rows(3))]),
        };
        assert_eq!(sample.share_of(["countries"], 10), Share::Whole);
        assert_eq!(sample.share_of(["orders"], 11), Share::Percent(5.0));
        assert_eq!(sample.share_of(["log_2026", "log"], 5), Share::Rows(3));
        assert_eq!(Share::Rows(3).of(6), 0.5);
        assert_eq!(Share::Rows(3).of(2), 1.0);
        assert_eq!(Share::Rows(0).of(0), 0.0);
        assert_eq!(Sample::without_rows().share_of(["a"], 0).of(0), 0.0);
    }

    #[test]
    fn a_table_that_is_not_there_comes_back_with_the_nearest() {
        let sample = Sample {
            share: Share::Whole,
            seed: 1,
            whole_up_to: 0,
            tables: BTreeMap::from([("ordres".to_owned(), Share::Whole)]),
        };
        let Err(SampleError::NoTable { near, .. }) = sample.know(&["orders", "customers"]) else {
            unreachable!("it is not there");
        };
        assert_eq!(near.as_deref(), Some("orders"));
        assert_eq!(sample.know(&["ordres"]), Ok(()));
    }
}
