use std::collections::BTreeMap;

use crate::Answer;
use crate::answer::{Row, aligned};

/// The rows of a query by the ranks that its keys give them: those of one rank tie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ties {
    /// From the first rank that the answer has to its last one.
    ranks: BTreeMap<u64, Tied>,
}

/// The rows of one rank.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Tied {
    /// How many of them the answer has.
    shown: usize,
    /// All that there are, and how often.
    rows: BTreeMap<Vec<Option<String>>, usize>,
}

impl Ties {
    /// Reads rows with their ranks in the last column: those that the query gives, and, where it takes only some, all that could be in
    /// their places. None where they do not belong together.
    pub fn of(
        shown: Vec<Vec<Option<String>>>,
        all: Option<Vec<Vec<Option<String>>>>,
    ) -> Option<Self> {
        let mut ranks: BTreeMap<u64, Tied> = BTreeMap::new();
        for row in &shown {
            ranks.entry(rank(row)?).or_default().shown += 1;
        }
        for mut row in all.unwrap_or(shown) {
            let tied = ranks.get_mut(&rank(&row)?)?;
            row.pop();
            *tied.rows.entry(row).or_default() += 1;
        }
        let is_whole = |tied: &Tied| tied.rows.values().sum::<usize>() >= tied.shown;
        ranks.values().all(is_whole).then_some(Self { ranks })
    }

    /// The first and the last rank of rows that carry theirs; none where there are none.
    pub fn ends(shown: &[Vec<Option<String>>]) -> Option<(u64, u64)> {
        Some((rank(shown.first()?)?, rank(shown.last()?)?))
    }

    /// Whether an answer differs from the one before in nothing but what ties.
    pub fn allow(&self, before: &Answer, now: &Answer) -> bool {
        let Ok(rows) = aligned(&before.columns, now) else {
            return false;
        };
        let shown = self.ranks.values().map(|tied| tied.shown).sum::<usize>();
        let mut rest = &rows[..];
        let fits = |tied: &Tied| {
            let (these, after) = rest.split_at(tied.shown);
            rest = after;
            let mut counts: BTreeMap<&Row<'_>, usize> = BTreeMap::new();
            for row in these {
                *counts.entry(row).or_default() += 1;
            }
            counts.into_iter().all(|(row, count)| {
                let known: Vec<Option<String>> = row.iter().map(|value| (*value).clone()).collect();
                tied.rows.get(&known).is_some_and(|there| count <= *there)
            })
        };
        rows.len() == shown && self.ranks.values().all(fits)
    }
}

fn rank(row: &[Option<String>]) -> Option<u64> {
    row.last()?.as_ref()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<Vec<Option<String>>> {
        let row = |row: &str| row.chars().map(|value| Some(value.to_string())).collect();
        text.split_whitespace().map(row).collect()
    }

    fn answer(text: &str) -> Answer {
        Answer {
            columns: vec!["a".to_owned()],
            rows: rows(text),
        }
    }

    fn check(shown: &str, all: Option<&str>, now: &str, expect: bool) {
        let ties = Ties::of(rows(shown), all.map(rows)).unwrap();
        let before = answer("");
        assert_eq!(ties.allow(&before, &answer(now)), expect, "{shown}: {now}");
    }

    #[test]
    fn rows_that_tie_may_change_places_and_no_others() {
        let shown = "x1 y2 z2 z2 w3";
        check(shown, None, "x z y z w", true);
        check(shown, None, "x y z z w", true);
        check(shown, None, "y x z z w", false);
        check(shown, None, "x y z w z", false);
        check(shown, None, "x y y z w", false);
        check(shown, None, "x y z z", false);
        check("", None, "", true);
    }

    #[test]
    fn where_some_rows_are_taken_any_that_tie_may_come() {
        let (shown, all) = ("b1 c2 d2", Some("a1 b1 c2 d2 e2 f2"));
        check(shown, all, "a e f", true);
        check(shown, all, "a e e", false);
        check(shown, all, "a b c", false);
        check(shown, all, "a c x", false);
    }

    #[test]
    fn rows_that_do_not_belong_together_are_no_ties() {
        assert_eq!(Ties::of(rows("a1 b2"), Some(rows("a1"))), None);
        assert_eq!(Ties::of(rows("a1"), Some(rows("a1 b2"))), None);
        assert_eq!(Ties::of(rows("ax"), None), None);
        assert_eq!(Ties::ends(&rows("a2 b3")), Some((2, 3)));
    }
}
