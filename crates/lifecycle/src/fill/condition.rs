//! The text of a CHECK as a tree of conditions.

use super::token::{Kind, Token, split};

/// A condition over a table's columns, which are numbers here.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Condition {
    /// All must hold.
    All(Vec<Condition>),
    /// One must hold.
    Any(Vec<Condition>),
    /// It must not hold.
    Not(Box<Condition>),
    /// Something that is no combination.
    Leaf(Vec<Item>),
}

/// What a leaf is made of.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Item {
    Column(usize),
    Token(Token),
}

impl Item {
    /// Whether it is this word or symbol.
    pub(super) fn is(&self, word: &str) -> bool {
        matches!(self, Self::Token(token) if token.is(word))
    }

    /// Whether it is one of these words or symbols.
    pub(super) fn is_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }

    /// The literal, if it is one.
    pub(super) fn literal(&self) -> Option<&Token> {
        match self {
            Self::Token(token) if token.is_literal() => Some(token),
            _ => None,
        }
    }
}

impl Condition {
    /// Reads a condition; `column` says which column a token names.
    pub(super) fn read(tokens: &[Token], column: &dyn Fn(&Token) -> Option<usize>) -> Self {
        read(tokens, column, 0)
    }

    /// The columns that it is about.
    pub(super) fn columns(&self) -> Vec<usize> {
        let mut found = Vec::new();
        self.gather(&mut found);
        found.sort_unstable();
        found.dedup();
        found
    }

    fn gather(&self, found: &mut Vec<usize>) {
        match self {
            Self::All(parts) | Self::Any(parts) => {
                for part in parts {
                    part.gather(found);
                }
            }
            Self::Not(part) => part.gather(found),
            Self::Leaf(items) => found.extend(items.iter().filter_map(|item| match item {
                Item::Column(column) => Some(*column),
                Item::Token(_) => None,
            })),
        }
    }
}

/// Deeper nesting than anybody writes is left as it stands.
const DEEPEST: usize = 60;

fn read(tokens: &[Token], column: &dyn Fn(&Token) -> Option<usize>, depth: usize) -> Condition {
    let tokens = bare(tokens);
    if depth < DEEPEST {
        let again = |parts: Vec<&[Token]>| {
            let parts = parts.into_iter();
            parts.map(|part| read(part, column, depth + 1)).collect()
        };
        let parts = split_words(tokens, "or");
        if parts.len() > 1 {
            return Condition::Any(again(parts));
        }
        let parts = split_words(tokens, "and");
        if parts.len() > 1 {
            return Condition::All(again(parts));
        }
        if let [not, rest @ ..] = tokens
            && not.is("not")
            && !rest.is_empty()
        {
            return Condition::Not(Box::new(read(rest, column, depth + 1)));
        }
    }
    Condition::Leaf(plain(tokens, column))
}

/// Without brackets around the whole.
fn bare(mut tokens: &[Token]) -> &[Token] {
    while let Some(inner) = super::token::inside(tokens, 0)
        && inner.len() + 2 == tokens.len()
    {
        tokens = inner;
    }
    tokens
}

/// The parts between this word outside brackets; an AND that belongs to BETWEEN, and whatever is in CASE … END, divides nothing.
fn split_words<'t>(tokens: &'t [Token], word: &str) -> Vec<&'t [Token]> {
    let (mut cases, mut between) = (0_usize, false);
    let mut ends = Vec::new();
    let mut depth = 0_i32;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            token if token.is("(") || token.is("[") => depth += 1,
            token if token.is(")") || token.is("]") => depth -= 1,
            _ if depth > 0 => {}
            token if token.is("case") => cases += 1,
            token if token.is("end") => cases = cases.saturating_sub(1),
            _ if cases > 0 => {}
            token if token.is("between") => between = true,
            token if token.is("and") && between => between = false,
            token if token.is(word) => ends.push(at),
            _ => {}
        }
    }
    let mut parts = Vec::new();
    let mut start = 0;
    for end in ends {
        parts.push(&tokens[start..end]);
        start = end + 1;
    }
    parts.push(&tokens[start..]);
    parts
}

/// A leaf without casts and without brackets around single items, signs drawn into numbers.
fn plain(tokens: &[Token], column: &dyn Fn(&Token) -> Option<usize>) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let token = &tokens[at];
        if token.is("::") {
            at += 1 + type_length(&tokens[at + 1..]);
            continue;
        }
        let called = tokens.get(at + 1).is_some_and(|next| next.is("("));
        let item = match column(token).filter(|_| token.is_name() && !called) {
            Some(number) => Item::Column(number),
            None => Item::Token(token.clone()),
        };
        items.push(item);
        at += 1;
    }
    loop {
        let before = items.len();
        sign_numbers(&mut items);
        unwrap_single(&mut items);
        if items.len() == before {
            return items;
        }
    }
}

fn sign_numbers(items: &mut Vec<Item>) {
    for at in 1..items.len() {
        let is_operand = at > 1
            && match &items[at - 2] {
                Item::Column(_) => true,
                Item::Token(token) => {
                    token.is(")") || token.is_literal() || token.kind == Kind::Quoted
                }
            };
        let Item::Token(number) = &items[at] else {
            continue;
        };
        if items[at - 1].is("-") && !is_operand && number.kind == Kind::Number {
            let signed = Token {
                kind: Kind::Number,
                text: format!("-{}", number.text),
            };
            items.splice(at - 1..=at, [Item::Token(signed)]);
            return;
        }
    }
}

fn unwrap_single(items: &mut Vec<Item>) {
    let single = (0..items.len().saturating_sub(2)).find(|&at| {
        let is_call = at > 0
            && matches!(&items[at - 1], Item::Token(token)
                if token.is_name() && !is_operator_word(token));
        items[at].is("(") && items[at + 2].is(")") && !is_call
    });
    if let Some(at) = single {
        items.remove(at + 2);
        items.remove(at);
    }
}

fn is_operator_word(token: &Token) -> bool {
    [
        "like", "ilike", "is", "between", "and", "or", "not", "glob", "when", "then", "else",
        "from",
    ]
    .iter()
    .any(|word| token.is(word))
}

/// How many tokens a type's name takes.
fn type_length(tokens: &[Token]) -> usize {
    let is = |at: usize, word: &str| tokens.get(at).is_some_and(|token: &Token| token.is(word));
    let mut at = 1;
    while is(at, ".") {
        at += 2;
    }
    let first = tokens
        .first()
        .map(|token| token.text.as_str())
        .unwrap_or_default();
    if matches!(first, "character" | "bit") && is(at, "varying")
        || first == "double" && is(at, "precision")
    {
        at += 1;
    }
    if let Some(inner) = super::token::inside(tokens, at) {
        at += inner.len() + 2;
    }
    if matches!(first, "time" | "timestamp") && (is(at, "with") || is(at, "without")) {
        at += 3;
    }
    while is(at, "[") && is(at + 1, "]") {
        at += 2;
    }
    at.min(tokens.len())
}

/// The literals of a list: `('a', 'b')`, `(array['a', 'b'])`, or an array written as text: `('{a,b}')`.
pub(super) fn list(items: &[Item]) -> Vec<Token> {
    let literals: Vec<&Token> = items.iter().filter_map(Item::literal).collect();
    match literals[..] {
        [one] if one.text.starts_with('{') && one.text.ends_with('}') => {
            let inner = &one.text[1..one.text.len() - 1];
            let elements = inner.split(',').map(|element| Token {
                kind: Kind::Text,
                text: element.trim_matches('"').to_owned(),
            });
            elements.collect()
        }
        _ => literals.into_iter().cloned().collect(),
    }
}

/// The condition of `CHECK (…)`, as tokens.
pub(super) fn of_check(tokens: &[Token]) -> Option<&[Token]> {
    let at = tokens.iter().position(|token| token.is("check"))?;
    super::token::inside(tokens, at + 1)
}

/// The parts of a list between commas.
pub(super) fn parts(tokens: &[Token]) -> Vec<&[Token]> {
    split(tokens, |token| token.is(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fill::token::tokens;

    fn column(token: &Token) -> Option<usize> {
        ["a", "b", "c"].iter().position(|name| token.text == *name)
    }

    fn check(text: &str, expect: &str) {
        let condition = Condition::read(&tokens(text), &column);
        assert_eq!(shown(&condition), expect, "{text}");
    }

    fn shown(condition: &Condition) -> String {
        let all = |parts: &[Condition], word: &str| {
            let parts: Vec<String> = parts.iter().map(shown).collect();
            format!("({})", parts.join(word))
        };
        match condition {
            Condition::All(parts) => all(parts, " & "),
            Condition::Any(parts) => all(parts, " | "),
            Condition::Not(part) => format!("!{}", shown(part)),
            Condition::Leaf(items) => {
                let words = items.iter().map(|item| match item {
                    Item::Column(number) => format!("#{number}"),
                    Item::Token(token) => token.text.clone(),
                });
                words.collect::<Vec<_>>().join(" ")
            }
        }
    }

    #[test]
    fn conditions_are_read() {
        check("((a > 0) AND (b < 10))", "(#0 > 0 & #1 < 10)");
        check(
            "(a IS NULL) OR ((b)::text = 'x'::text)",
            "(#0 IS NULL | #1 = x)",
        );
        check("NOT (a AND b)", "!(#0 & #1)");
        check("a between 1 and 2 and b", "(#0 between 1 and 2 & #1)");
        check("a > (-1)", "#0 > -1");
        check("a > '-1'::integer", "#0 > -1");
        check("(a)::character varying(3) = 'x'", "#0 = x");
        check("char_length((a)::text) <= 5", "char_length ( #0 ) <= 5");
        check(
            "CASE WHEN a OR b THEN c ELSE true END",
            "CASE WHEN #0 OR #1 THEN #2 ELSE true END",
        );
        check(
            "a = ANY (ARRAY['x'::text, 'y'::text])",
            "#0 = ANY ( ARRAY [ x , y ] )",
        );
        check(
            "a > '2020-01-01 00:00:00'::timestamp without time zone",
            "#0 > 2020-01-01 00:00:00",
        );
        check("b - 1 > 0", "#1 - 1 > 0");
    }

    #[test]
    fn columns_and_lists_are_found() {
        let text = "a = ANY ('{x,y}'::text[]) or lower(c) = 'q'";
        let condition = Condition::read(&tokens(text), &column);
        assert_eq!(condition.columns(), [0, 2]);
        let Condition::Any(parts) = &condition else {
            panic!("{condition:?}");
        };
        let Condition::Leaf(items) = &parts[0] else {
            panic!("{parts:?}");
        };
        let texts: Vec<String> = list(items).into_iter().map(|token| token.text).collect();
        assert_eq!(texts, ["x", "y"]);
    }
}
