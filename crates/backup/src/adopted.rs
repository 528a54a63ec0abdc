//! Backups that another system keeps: what is recorded of them, and what a restored one is held against.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tightrope_model::{Digest, TableName, grouped};

/// What is known of a backup that another system has taken and keeps. Its files are there, and here is its record alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adopted {
    /// What that system calls it.
    pub id: String,
    /// When it was adopted, in RFC 3339.
    pub adopted_at: String,
    /// Its size, where that system has told it.
    pub bytes: Option<u64>,
    /// How many rows each table of the database had when the backup was adopted: after it was taken, so that these are near what is in it,
    /// and no more.
    pub rows: Vec<TableRows>,
    /// How the database's ledger begins, if it has one.
    pub ledger: Option<LedgerBegin>,
}

/// How many rows a table has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRows {
    /// The table.
    pub table: TableName,
    /// Its rows.
    pub rows: u64,
}

/// The first entry of a ledger, which no other database has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerBegin {
    /// When it was written, in RFC 3339.
    pub at: String,
    /// Its digest.
    pub digest: Digest,
}

/// A table that had so many rows is not empty by chance.
const MANY: u64 = 100;

/// What came out of comparing how many rows there are with how many there were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CountsCompared {
    /// What cannot be explained by what was written between.
    pub failures: Vec<String>,
    /// What can, and should be looked at.
    pub remarks: Vec<String>,
}

impl Adopted {
    /// Holds the rows of a restored database against those that were counted when the backup was adopted.
    ///
    /// The backup is of an earlier instant than the count, so other numbers alone are no damage: rows were written between. It is damage
    /// where a table is not there, where one is empty that had a hundred rows or more, and where all are empty that had any. Less
    /// than half of a hundred rows or more is remarked.
    pub fn compare_rows(&self, found: &BTreeMap<TableName, u64>) -> CountsCompared {
        let mut compared = CountsCompared::default();
        let there = self
            .rows
            .iter()
            .filter(|one| found.contains_key(&one.table));
        let had: u64 = there.clone().map(|table| table.rows).sum();
        let all_empty = had > 0 && there.map(|one| &found[&one.table]).all(|rows| *rows == 0);
        if all_empty {
            let words = format!(
                "every table is empty, and they had {} rows when it was adopted",
                grouped(had)
            );
            compared.failures.push(words);
        }
        let mut other = 0;
        for TableRows { table, rows } in &self.rows {
            let had = format!("had {} rows when it was adopted", grouped(*rows));
            match found.get(table) {
                None => compared
                    .failures
                    .push(format!("`{table}` is not there, and {had}")),
                Some(_) if all_empty => {}
                Some(0) if *rows >= MANY => {
                    compared
                        .failures
                        .push(format!("`{table}` is empty, and {had}"));
                }
                Some(now) if *rows >= MANY && *now < *rows / 2 => {
                    let now = grouped(*now);
                    compared.remarks.push(format!(
                        "`{table}` has {now} rows, and {had}: look at it, unless as many were written since"
                    ));
                }
                Some(now) => other += u64::from(now != rows),
            }
        }
        if other > 0 {
            let tables = if other == 1 {
                "table has"
            } else {
                "tables have"
            };
            compared.remarks.push(format!(
                "{other} {tables} other counts than when it was adopted: what was written between the two is not compared"
            ));
        }
        compared
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn adopted(rows: &[(&str, u64)]) -> Adopted {
        let table = |(name, rows): &(&str, u64)| TableRows {
            table: TableName::new("public", *name),
            rows: *rows,
        };
        Adopted {
            id: "20260102-030405F".to_owned(),
            adopted_at: "2026-01-02T04:00:00Z".to_owned(),
            bytes: None,
            rows: rows.iter().map(table).collect(),
            ledger: None,
        }
    }

    #[test]
    fn what_is_written_between_is_no_damage_and_a_table_that_is_empty_is() {
        let check =
            |had: &[(&str, u64)], has: &[(&str, u64)], failures: &[&str], remarks: &[&str]| {
                let found = has
                    .iter()
                    .map(|(name, rows)| (TableName::new("public", *name), *rows));
                let compared = adopted(had).compare_rows(&found.collect());
                let says = |lines: &[String], words: &[&str]| {
                    assert_eq!(lines.len(), words.len(), "{lines:?}");
                    for (line, words) in lines.iter().zip(words) {
                        assert!(line.contains(words), "{line:?} says nothing of {words:?}");
                    }
                };
                says(&compared.failures, failures);
                says(&compared.remarks, remarks);
            };
        check(&[("a", 500), ("b", 0)], &[("a", 500), ("b", 0)], &[], &[]);
        check(
            &[("a", 500), ("b", 3)],
            &[("a", 490), ("b", 0)],
            &[],
            &["2 tables have other counts"],
        );
        check(
            &[("a", 500)],
            &[("a", 700)],
            &[],
            &["1 table has other counts"],
        );
        check(
            &[("a", 500), ("b", 7)],
            &[("a", 0), ("b", 7)],
            &["`a` is empty"],
            &[],
        );
        check(
            &[("a", 99), ("b", 7)],
            &[("a", 0), ("b", 7)],
            &[],
            &["1 table has"],
        );
        check(
            &[("a", 500), ("b", 7)],
            &[("b", 7)],
            &["`a` is not there"],
            &[],
        );
        check(
            &[("a", 5_000)],
            &[("a", 2_400)],
            &[],
            &["`a` has 2400 rows"],
        );
        check(
            &[("a", 2), ("b", 0)],
            &[("a", 0), ("b", 0)],
            &["every table is empty"],
            &[],
        );
        check(&[("a", 0)], &[("a", 0)], &[], &[]);
        check(&[], &[], &[], &[]);
    }
}
