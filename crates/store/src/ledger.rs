use serde::{Deserialize, Serialize};
use tightrope_model::{Digest, Value};

use crate::{Store, StoreError};

/// What is to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The server's time, in RFC 3339.
    pub at: String,
    /// Who: database user and holder.
    pub actor: String,
    /// What: `applied`, `rolled-back`, `failed`, `recovered`, …
    pub action: String,
    /// The version that it is about.
    pub version: Option<String>,
    /// More, as JSON.
    pub detail: serde_json::Value,
}

/// One entry of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// Its number, from 1 without gaps.
    pub sequence: i64,
    /// The server's time, in RFC 3339.
    pub at: String,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// The version that it is about.
    pub version: Option<String>,
    /// More, as JSON, to the letter as it was digested.
    pub detail: String,
    /// The digest of the entry before; of nothing for the first.
    pub previous: Digest,
    /// The digest over all the fields above.
    pub digest: Digest,
}

impl LedgerEntry {
    fn new(sequence: i64, record: &Record, previous: Digest) -> Self {
        let mut entry = Self {
            sequence,
            at: record.at.clone(),
            actor: record.actor.clone(),
            action: record.action.clone(),
            version: record.version.clone(),
            detail: record.detail.to_string(),
            previous,
            digest: previous,
        };
        entry.digest = entry.expected_digest();
        entry
    }

    /// The digest that the entry should carry.
    pub fn expected_digest(&self) -> Digest {
        let version = match &self.version {
            Some(version) => format!("version {version}"),
            None => "no version".to_owned(),
        };
        Digest::of_parts([
            self.sequence.to_string().as_str(),
            &self.at,
            &self.actor,
            &self.action,
            &version,
            &self.detail,
            &self.previous.to_string(),
        ])
    }
}

/// The end of the ledger's chain: only the holder of the lease appends, so that it can be kept between two entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerTail {
    sequence: i64,
    digest: Digest,
}

/// Where a ledger stops being whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("ledger entry {sequence}: {what}")]
pub struct LedgerBreak {
    /// The first entry that does not fit.
    pub sequence: i64,
    /// What does not fit.
    pub what: String,
}

impl Store<'_> {
    /// The end of the ledger's chain, to which the next entry is tied.
    ///
    /// # Errors
    /// When the connection breaks or the last entry cannot be read.
    pub fn ledger_tail(&mut self) -> Result<LedgerTail, StoreError> {
        let table = self.table("ledger");
        let last = self.session.query(
            &format!("select sequence, digest from {table} order by sequence desc limit 1"),
            &[],
        )?;
        match last.first() {
            None => Ok(LedgerTail {
                sequence: 0,
                digest: Digest::of(""),
            }),
            Some(row) => Ok(LedgerTail {
                sequence: row[0].integer().unwrap_or_default(),
                digest: parse_digest(&row[1])?,
            }),
        }
    }

    /// Appends to the ledger, inside the open transaction, and gives the new end of its chain.
    ///
    /// # Errors
    /// When the connection breaks, or the tail is not the end any more.
    pub fn record(&mut self, record: &Record, tail: LedgerTail) -> Result<LedgerTail, StoreError> {
        let table = self.table("ledger");
        let entry = LedgerEntry::new(tail.sequence + 1, record, tail.digest);
        self.session.query(
            &format!(
                "insert into {table} (sequence, at, actor, action, version, detail, previous, digest) \
                 values ($1, $2, $3, $4, $5, $6, $7, $8)"
            ),
            &[
                Value::from(entry.sequence),
                Value::from(entry.at.as_str()),
                Value::from(entry.actor.as_str()),
                Value::from(entry.action.as_str()),
                Value::from(entry.version.clone()),
                Value::from(entry.detail.as_str()),
                Value::from(entry.previous.to_string()),
                Value::from(entry.digest.to_string()),
            ],
        )?;
        Ok(LedgerTail {
            sequence: entry.sequence,
            digest: entry.digest,
        })
    }

    /// All entries, oldest first, and where the chain breaks, if it does.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn ledger(&mut self) -> Result<(Vec<LedgerEntry>, Option<LedgerBreak>), StoreError> {
        let table = self.table("ledger");
        let rows = self.session.query(
            &format!("select sequence, at, actor, action, version, detail, previous, digest from {table} order by sequence"),
            &[],
        )?;
        let entries = rows
            .iter()
            .map(|row| read(row))
            .collect::<Result<Vec<_>, _>>()?;
        let broken = first_break(&entries);
        Ok((entries, broken))
    }
}

fn read(row: &[Value]) -> Result<LedgerEntry, StoreError> {
    let text = |index: usize| row[index].text().unwrap_or_default().to_owned();
    Ok(LedgerEntry {
        sequence: row[0].integer().unwrap_or_default(),
        at: text(1),
        actor: text(2),
        action: text(3),
        version: row[4].text().map(str::to_owned),
        detail: text(5),
        previous: parse_digest(&row[6])?,
        digest: parse_digest(&row[7])?,
    })
}

fn parse_digest(value: &Value) -> Result<Digest, StoreError> {
    let text = value.text().unwrap_or_default();
    text.parse().map_err(|_| StoreError::Damaged {
        table: "ledger",
        what: format!("{text:?} is no digest"),
    })
}

/// The first entry that is missing, out of place or changed.
fn first_break(entries: &[LedgerEntry]) -> Option<LedgerBreak> {
    let mut previous = Digest::of("");
    for (entry, expected) in entries.iter().zip(1_i64..) {
        let what = if entry.sequence != expected {
            format!("entry {expected} is missing")
        } else if entry.previous != previous {
            "it does not follow the entry before it".to_owned()
        } else if entry.digest != entry.expected_digest() {
            "its content was changed after it was written".to_owned()
        } else {
            previous = entry.digest;
            continue;
        };
        return Some(LedgerBreak {
            sequence: entry.sequence,
            what,
        });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(actions: &[&str]) -> Vec<LedgerEntry> {
        let mut previous = Digest::of("");
        let mut entries = Vec::new();
        for (action, sequence) in actions.iter().zip(1..) {
            let record = Record {
                at: "2026-01-01T00:00:00Z".to_owned(),
                actor: "me".to_owned(),
                action: (*action).to_owned(),
                version: Some("1".to_owned()),
                detail: serde_json::json!({"n": sequence}),
            };
            let entry = LedgerEntry::new(sequence, &record, previous);
            previous = entry.digest;
            entries.push(entry);
        }
        entries
    }

    #[test]
    fn a_whole_chain_has_no_break() {
        assert_eq!(
            first_break(&chain(&["applied", "rolled-back", "applied"])),
            None
        );
    }

    #[test]
    fn every_tampering_is_found_at_its_entry() {
        type Tamper = fn(&mut Vec<LedgerEntry>);
        let tamper: [(Tamper, i64); 5] = [
            (|entries| entries[1].detail = "{}".to_owned(), 2),
            (|entries| entries[0].actor = "you".to_owned(), 1),
            (|entries| entries[2].version = None, 3),
            (|entries| drop(entries.remove(1)), 3),
            (
                |entries| {
                    entries[1].action = "kept".to_owned();
                    entries[1].digest = entries[1].expected_digest();
                },
                3,
            ),
        ];
        for (change, at) in tamper {
            let mut entries = chain(&["applied", "rolled-back", "applied"]);
            change(&mut entries);
            assert_eq!(
                first_break(&entries).map(|broken| broken.sequence),
                Some(at)
            );
        }
    }
}
