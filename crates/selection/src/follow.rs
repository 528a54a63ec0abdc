//! Which rows are still missing, so that every foreign key of a sample holds.
//!
//! Rows are told by hashes of their keys, 128 bits each, and only of keys that somebody refers to and whose table is not whole: a
//! sample of a hundred million rows is followed in a few gigabytes. A value is kept as text only as long as its row is missing.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use xxhash_rust::xxh3::Xxh3Default;

/// A key that a table's rows hold: one that others refer to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The key's number.
    pub key: usize,
    /// The places of its columns in a row.
    pub columns: Vec<usize>,
}

/// A reference from a table's rows to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refer {
    /// The key's number.
    pub key: usize,
    /// By which foreign key; references of several to one key are asked for apart, for their types may differ.
    pub reference: usize,
    /// The places of its columns in a row.
    pub columns: Vec<usize>,
}

/// Rows that others refer to and that are not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The key by which they are asked for.
    pub key: usize,
    /// The foreign key whose values these are.
    pub reference: usize,
    /// The values of its columns, row by row.
    pub values: Vec<Vec<Vec<u8>>>,
}

/// What is known of one key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Somebody refers to it.
    Wanted,
    /// It was asked for.
    Asked,
    /// Its row is in the copy.
    Present,
}

/// Follows the references of the rows that come by.
#[derive(Default)]
pub struct Follow {
    /// The keys by their hashes; none for keys of tables that are whole.
    keys: Vec<Option<HashMap<u128, State>>>,
    /// The values of what is missing, by key and reference.
    missing: BTreeMap<(usize, usize), Vec<Vec<Vec<u8>>>>,
}

impl Follow {
    /// Begins to follow; of each key is said whether its table is whole.
    pub fn new(whole: &[bool]) -> Self {
        let keys = whole.iter().map(|whole| (!whole).then(HashMap::new));
        Self {
            keys: keys.collect(),
            missing: BTreeMap::new(),
        }
    }

    /// Whether references to a key have to be followed at all.
    pub fn follows(&self, key: usize) -> bool {
        self.keys.get(key).is_some_and(Option::is_some)
    }

    /// Takes a row in, unless it is in the copy already: whether it has to be written.
    pub fn admit(&mut self, holds: &[Hold], refers: &[Refer], row: &[Option<&[u8]>]) -> bool {
        let mut own = Vec::with_capacity(holds.len());
        for hold in holds {
            let Some(known) = self.keys.get(hold.key).and_then(Option::as_ref) else {
                continue;
            };
            let Some(values) = values(row, &hold.columns) else {
                continue;
            };
            let hash = hash(&values);
            if known.get(&hash) == Some(&State::Present) {
                return false;
            }
            own.push((hold.key, hash));
        }
        for (key, hash) in own {
            if let Some(Some(known)) = self.keys.get_mut(key) {
                known.insert(hash, State::Present);
            }
        }
        for refer in refers {
            let Some(Some(known)) = self.keys.get_mut(refer.key) else {
                continue;
            };
            // With a NULL in it a reference refers to nothing; in a whole one of MATCH FULL all are NULL then.
            let Some(values) = values(row, &refer.columns) else {
                continue;
            };
            if let Entry::Vacant(entry) = known.entry(hash(&values)) {
                entry.insert(State::Wanted);
                let values = values.into_iter().map(<[u8]>::to_vec).collect();
                let missing = self.missing.entry((refer.key, refer.reference));
                missing.or_default().push(values);
            }
        }
        true
    }

    /// Up to so many missing rows of one reference; none when all that is referred to is there, or was asked for in vain.
    pub fn missing(&mut self, most: usize) -> Option<Missing> {
        while let Some(mut entry) = self.missing.first_entry() {
            let (key, reference) = *entry.key();
            let mut batch = Vec::new();
            while batch.len() < most
                && let Some(one) = entry.get_mut().pop()
            {
                let Some(Some(known)) = self.keys.get_mut(key) else {
                    continue;
                };
                let borrowed: Vec<&[u8]> = one.iter().map(Vec::as_slice).collect();
                // It may have come by since.
                let state = known.entry(hash(&borrowed)).or_insert(State::Wanted);
                if *state == State::Wanted {
                    *state = State::Asked;
                    batch.push(one);
                }
            }
            if entry.get().is_empty() {
                entry.remove();
            }
            if !batch.is_empty() {
                return Some(Missing {
                    key,
                    reference,
                    values: batch,
                });
            }
        }
        None
    }
}

/// The values of those columns; none if one of them is NULL.
fn values<'r>(row: &[Option<&'r [u8]>], columns: &[usize]) -> Option<Vec<&'r [u8]>> {
    let value = |column: &usize| row.get(*column).copied().flatten();
    columns.iter().map(value).collect()
}

fn hash(values: &[&[u8]]) -> u128 {
    let mut hasher = Xxh3Default::new();
    for value in values {
        hasher.update(&(value.len() as u64).to_le_bytes());
        hasher.update(value);
    }
    hasher.digest128()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row<'a>(values: &[Option<&'a str>]) -> Vec<Option<&'a [u8]>> {
        values
            .iter()
            .map(|value| value.map(str::as_bytes))
            .collect()
    }

    fn hold(columns: &[usize]) -> Vec<Hold> {
        vec![Hold {
            key: 0,
            columns: columns.to_vec(),
        }]
    }

    fn refer(columns: &[usize]) -> Vec<Refer> {
        vec![Refer {
            key: 0,
            reference: 0,
            columns: columns.to_vec(),
        }]
    }

    fn asked(follow: &mut Follow) -> Vec<Vec<u8>> {
        let missing = follow.missing(10).map(|missing| missing.values);
        let mut all: Vec<Vec<u8>> = missing.unwrap_or_default().into_iter().flatten().collect();
        all.sort();
        all
    }

    #[test]
    fn what_is_referred_to_is_asked_for_once() {
        let mut follow = Follow::new(&[false]);
        assert!(follow.admit(&hold(&[0]), &[], &row(&[Some("1")])));
        for parent in ["1", "2", "2", "3"] {
            assert!(follow.admit(&[], &refer(&[1]), &row(&[Some("x"), Some(parent)])));
        }
        assert!(follow.admit(&hold(&[0]), &[], &row(&[Some("3")])));
        assert_eq!(asked(&mut follow), [b"2".to_vec()]);
        assert!(follow.admit(&hold(&[0]), &[], &row(&[Some("2")])));
        assert!(!follow.admit(&hold(&[0]), &[], &row(&[Some("2")])));
        assert!(follow.admit(&[], &refer(&[0]), &row(&[Some("2")])));
        assert!(follow.missing(10).is_none());
    }

    #[test]
    fn chains_and_cycles_end() {
        let mut follow = Follow::new(&[false]);
        let link = |follow: &mut Follow, id: &str, next: &str| {
            follow.admit(&hold(&[0]), &refer(&[1]), &row(&[Some(id), Some(next)]))
        };
        link(&mut follow, "1", "2");
        assert_eq!(asked(&mut follow), [b"2".to_vec()]);
        link(&mut follow, "2", "3");
        assert_eq!(asked(&mut follow), [b"3".to_vec()]);
        link(&mut follow, "3", "1");
        link(&mut follow, "4", "4");
        assert!(follow.missing(10).is_none());
    }

    #[test]
    fn a_null_refers_to_nothing_and_a_whole_table_is_not_followed() {
        let mut follow = Follow::new(&[false, true]);
        follow.admit(&[], &refer(&[0, 1]), &row(&[Some("1"), None]));
        let whole = Refer {
            key: 1,
            reference: 1,
            columns: vec![0],
        };
        follow.admit(&[], &[whole], &row(&[Some("1")]));
        assert!(follow.missing(10).is_none());
    }

    #[test]
    fn what_does_not_exist_is_asked_for_once_and_batches_are_bounded() {
        let mut follow = Follow::new(&[false]);
        for parent in 0..25 {
            let text = parent.to_string();
            follow.admit(&[], &refer(&[0]), &row(&[Some(&text)]));
        }
        let mut sizes = Vec::new();
        while let Some(missing) = follow.missing(10) {
            sizes.push(missing.values.len());
        }
        assert_eq!(sizes, [10, 10, 5]);
        follow.admit(&[], &refer(&[0]), &row(&[Some("7")]));
        assert!(follow.missing(10).is_none());
    }

    #[test]
    fn pairs_are_no_sums() {
        let (one, other): ([&[u8]; 2], [&[u8]; 2]) = ([b"ab", b"c"], [b"a", b"bc"]);
        assert_ne!(hash(&one), hash(&other));
    }
}
