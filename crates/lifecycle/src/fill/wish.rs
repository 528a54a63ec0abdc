//! What values a row must have to satisfy a condition, as far as its text tells. The database has the last word.

use std::collections::BTreeMap;

use super::comparison::{mirrored, negated};
use super::condition::{Condition, Item, list};
use super::dice::Dice;
use super::token::{Kind, Token};

/// What one column's value shall be.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Wish {
    /// NULL, or not NULL.
    pub(super) null: Option<bool>,
    /// One of these.
    pub(super) one_of: Option<Vec<Token>>,
    /// None of these.
    pub(super) none_of: Vec<Token>,
    /// At least this.
    pub(super) low: Option<Bound>,
    /// At most this.
    pub(super) high: Option<Bound>,
    /// The least length.
    pub(super) shortest: Option<usize>,
    /// The greatest length.
    pub(super) longest: Option<usize>,
    /// A regular expression, or a LIKE pattern.
    pub(super) pattern: Option<Pattern>,
    /// Values and keys that stand somewhere in the condition.
    pub(super) mentioned: Vec<Token>,
}

/// An end of a range.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bound {
    pub(super) value: String,
    pub(super) is_included: bool,
}

/// A pattern that a text shall match.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Pattern {
    Regular(String),
    Like(String),
}

/// How two columns stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// The first is not above the second.
    Ordered(usize, usize),
    /// Both are the same.
    Same(usize, usize),
}

/// What a row shall be like.
#[derive(Clone, Debug, Default)]
pub(super) struct Wishes {
    pub(super) columns: BTreeMap<usize, Wish>,
    pub(super) relations: Vec<Relation>,
}

impl Wishes {
    /// Takes up what makes the condition hold (or not). Where several ways lead there, the dice take one.
    pub(super) fn add(&mut self, condition: &Condition, holds: bool, dice: &mut Dice) {
        match condition {
            Condition::Not(part) => self.add(part, !holds, dice),
            Condition::All(parts) if holds => self.add_all(parts, true, dice),
            Condition::Any(parts) if !holds => self.add_all(parts, false, dice),
            Condition::All(parts) | Condition::Any(parts) => {
                if let Some(part) = dice.pick(parts) {
                    self.add(part, holds, dice);
                }
            }
            Condition::Leaf(items) => self.add_leaf(items, holds, dice),
        }
    }

    fn add_all(&mut self, parts: &[Condition], holds: bool, dice: &mut Dice) {
        for part in parts {
            self.add(part, holds, dice);
        }
    }

    fn of(&mut self, column: usize) -> &mut Wish {
        self.columns.entry(column).or_default()
    }

    fn add_leaf(&mut self, items: &[Item], holds: bool, dice: &mut Dice) {
        match items {
            [Item::Column(column)] => self.of(*column).must_be(boolean(holds)),
            [Item::Column(column), is, rest @ ..] if is.is("is") => {
                self.add_is(*column, rest, holds);
            }
            [Item::Column(column), word] if word.is_any(&["isnull", "notnull"]) => {
                self.of(*column).null = Some(word.is("isnull") == holds);
            }
            [Item::Column(column), between, low, _, high] if between.is("between") => {
                let wish = self.of(*column);
                if let (Some(low), Some(high), true) = (low.literal(), high.literal(), holds) {
                    wish.compare(">=", low, true);
                    wish.compare("<=", high, true);
                }
            }
            [Item::Column(column), words @ .., _] if is_list(words) => {
                let negated = words[0].is_any(&["not", "<>", "!="]);
                let listed = list(words);
                self.of(*column).member(listed, negated != holds);
            }
            _ => self.add_comparison(items, holds, dice),
        }
    }

    fn add_is(&mut self, column: usize, rest: &[Item], holds: bool) {
        let (negated, rest) = match rest {
            [not, rest @ ..] if not.is("not") => (true, rest),
            rest => (false, rest),
        };
        match rest {
            [null] if null.is("null") => self.of(column).null = Some(negated != holds),
            [value] if value.is_any(&["true", "false"]) => {
                let truth = value.is("true") == (negated != holds);
                self.of(column).must_be(boolean(truth));
            }
            // IS DISTINCT FROM, in either sense, and SQLite's IS.
            [_, _, value] | [value] => {
                if let Some(value) = value.literal() {
                    let is_distinct = rest.len() == 3;
                    let same = (negated == is_distinct) == holds;
                    self.of(column)
                        .compare(if same { "=" } else { "<>" }, value, true);
                }
            }
            _ => {}
        }
    }

    fn add_comparison(&mut self, items: &[Item], holds: bool, dice: &mut Dice) {
        let Some((left, operator, right)) = sides(items) else {
            return self.add_unknown(items, dice);
        };
        match (operand(left), operand(right)) {
            (Some((column, Through::Value)), None) if literal(right).is_some() => {
                if let Some(value) = literal(right) {
                    self.of(column).compare(&operator, value, holds);
                }
            }
            (None, Some((column, Through::Value))) if literal(left).is_some() => {
                if let Some(value) = literal(left) {
                    self.of(column).compare(mirrored(&operator), value, holds);
                }
            }
            (Some((column, Through::Length)), None) if literal(right).is_some() => {
                if let Some(value) = literal(right) {
                    self.of(column).measure(&operator, &value.text, holds);
                }
            }
            (None, Some((column, Through::Length))) if literal(left).is_some() => {
                if let Some(value) = literal(left) {
                    self.of(column)
                        .measure(mirrored(&operator), &value.text, holds);
                }
            }
            (Some((left, Through::Value)), Some((right, Through::Value))) => {
                let operator = if holds { &operator } else { negated(&operator) };
                match operator {
                    "=" => self.relations.push(Relation::Same(left, right)),
                    "<" | "<=" => self.relations.push(Relation::Ordered(left, right)),
                    ">" | ">=" => self.relations.push(Relation::Ordered(right, left)),
                    _ => {}
                }
            }
            _ => self.add_unknown(items, dice),
        }
    }

    /// A condition that is not understood: as many columns are NULL as chance says, and what stands in it is tried.
    fn add_unknown(&mut self, items: &[Item], dice: &mut Dice) {
        let mut columns: Vec<usize> = items
            .iter()
            .filter_map(|item| match item {
                Item::Column(column) => Some(*column),
                Item::Token(_) => None,
            })
            .collect();
        columns.sort_unstable();
        columns.dedup();
        let mentioned: Vec<Token> = items.iter().filter_map(Item::literal).cloned().collect();
        let filled = if columns.len() > 1 {
            dice.below(columns.len() + 1)
        } else {
            columns.len()
        };
        dice.shuffle(&mut columns);
        for (at, column) in columns.iter().enumerate() {
            let wish = self.of(*column);
            wish.null = wish.null.or(Some(at >= filled));
            wish.mentioned.extend(mentioned.iter().cloned());
        }
    }
}

fn boolean(truth: bool) -> Token {
    Token {
        kind: Kind::Word,
        text: if truth { "true" } else { "false" }.to_owned(),
    }
}

/// `in (…)`, `not in (…)`, `= any (…)`, `<> all (…)`, without the last bracket.
fn is_list(words: &[Item]) -> bool {
    match words {
        [first, ..] if first.is("in") => true,
        [not, second, ..] if not.is("not") => second.is("in"),
        [equal, any, ..] if equal.is("=") => any.is_any(&["any", "some"]),
        [other, all, ..] if other.is_any(&["<>", "!="]) => all.is("all"),
        _ => false,
    }
}

const OPERATORS: [&str; 18] = [
    "=", "==", "<>", "!=", "<", "<=", ">", ">=", "~", "~*", "!~", "!~*", "~~", "~~*", "!~~",
    "like", "ilike", "regexp",
];

/// The two sides of a leaf's one comparison.
fn sides(items: &[Item]) -> Option<(&[Item], String, &[Item])> {
    let mut depth = 0_i32;
    let mut found = None;
    for (at, item) in items.iter().enumerate() {
        if item.is("(") || item.is("[") {
            depth += 1;
        } else if item.is(")") || item.is("]") {
            depth -= 1;
        } else if depth == 0 && item.is_any(&OPERATORS) {
            if found.is_some() {
                return None;
            }
            found = Some(at);
        } else if depth == 0 && item.is("case") {
            return None;
        }
    }
    let at = found?;
    let Item::Token(operator) = &items[at] else {
        return None;
    };
    let mut left = &items[..at];
    let mut text = operator.text.to_ascii_lowercase();
    if let [before @ .., not] = left
        && not.is("not")
    {
        left = before;
        text = format!("!{text}");
    }
    Some((left, text, &items[at + 1..]))
}

/// What of a column is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Through {
    Value,
    Length,
}

/// The column that one side is about, itself or through a function that changes little.
fn operand(side: &[Item]) -> Option<(usize, Through)> {
    const LENGTHS: [&str; 9] = [
        "length",
        "char_length",
        "character_length",
        "octet_length",
        "cardinality",
        "array_length",
        "jsonb_array_length",
        "json_array_length",
        "array_upper",
    ];
    const SAME: [&str; 8] = [
        "coalesce", "lower", "upper", "trim", "btrim", "abs", "ifnull", "round",
    ];
    match side {
        [Item::Column(column)] => Some((*column, Through::Value)),
        [function, open, inner @ .., close] if open.is("(") && close.is(")") => {
            let through = if function.is_any(&LENGTHS) {
                Through::Length
            } else if function.is_any(&SAME) {
                Through::Value
            } else {
                return None;
            };
            // length(trim(a)) is about a's length as well.
            let first: Vec<usize> = inner
                .iter()
                .filter_map(|item| match item {
                    Item::Column(column) => Some(*column),
                    Item::Token(_) => None,
                })
                .collect();
            match first[..] {
                [column] => Some((column, through)),
                _ => None,
            }
        }
        _ => None,
    }
}

fn literal(side: &[Item]) -> Option<&Token> {
    match side {
        [item] => item.literal(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fill::token::tokens;

    fn wishes(text: &str) -> Wishes {
        let column = |token: &Token| ["a", "b", "c"].iter().position(|name| token.text == *name);
        let condition = Condition::read(&tokens(text), &column);
        let mut wishes = Wishes::default();
        wishes.add(&condition, true, &mut Dice::new(1, text));
        wishes
    }

    fn wish(text: &str) -> Wish {
        wishes(text).columns.remove(&0).unwrap_or_default()
    }

    fn texts(tokens: Option<Vec<Token>>) -> Vec<String> {
        tokens
            .into_iter()
            .flatten()
            .map(|token| token.text)
            .collect()
    }

    #[test]
    fn comparisons_become_bounds() {
        let found = wish("a > 0 and a <= 10 and 3 < a");
        assert_eq!(found.low.unwrap().value, "3");
        assert!(found.high.unwrap().is_included);
        let found = wish("not (a < 5)");
        assert_eq!(
            found.low,
            Some(Bound {
                value: "5".to_owned(),
                is_included: true
            })
        );
        assert_eq!(wish("a between 2 and 4").high.unwrap().value, "4");
    }

    #[test]
    fn lists_become_choices() {
        assert_eq!(texts(wish("a in ('x', 'y')").one_of), ["x", "y"]);
        let array =
            "(a)::text = ANY ((ARRAY['x'::character varying, 'y'::character varying])::text[])";
        assert_eq!(texts(wish(array).one_of), ["x", "y"]);
        assert_eq!(texts(wish("a = 'z'").one_of), ["z"]);
        assert_eq!(
            texts(Some(wish("a <> ALL (ARRAY[1, 2])").none_of)),
            ["1", "2"]
        );
        assert_eq!(texts(wish("a").one_of), ["true"]);
        assert_eq!(texts(wish("a is not true").one_of), ["false"]);
    }

    #[test]
    fn nulls_lengths_and_patterns() {
        assert_eq!(wish("a is not null").null, Some(false));
        assert_eq!(wish("not (a is not null)").null, Some(true));
        assert_eq!(wish("length(trim(a)) > 2").shortest, Some(3));
        assert_eq!(wish("10 >= char_length((a)::text)").longest, Some(10));
        assert_eq!(
            wish("a ~ '^x+$'").pattern,
            Some(Pattern::Regular("^x+$".to_owned()))
        );
        assert_eq!(
            wish("a like 'x%'").pattern,
            Some(Pattern::Like("x%".to_owned()))
        );
        assert_eq!(wish("a !~ 'x'").pattern, None);
    }

    #[test]
    fn columns_stand_to_each_other() {
        assert_eq!(wishes("a >= b").relations, [Relation::Ordered(1, 0)]);
        assert_eq!(wishes("lower(a) = b").relations, [Relation::Same(0, 1)]);
    }

    #[test]
    fn what_is_not_understood_is_tried() {
        let found = wishes("num_nonnulls(a, b, c) = 1");
        assert_eq!(found.columns.len(), 3);
        assert_eq!(found.columns[&0].mentioned[0].text, "1");
    }
}
