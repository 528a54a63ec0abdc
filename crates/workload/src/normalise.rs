//! Normalising: literals become parameters, comments go, and the query gets its fingerprint.
//!
//! It works on tokens, not on a tree, so that a query which no parser knows is normalised all the same. A literal stays where the grammar
//! takes nothing else: in the modifier of a type (`numeric(10, 2)`), as a column's number (`order by 1`).

use std::collections::HashSet;

use tightrope_model::{Digest, EngineKind};
use tightrope_script::{Token, TokenKind, Tokens};

use crate::quoted::{self, Quotes};
use crate::tables::{is_own, is_system, tables};

/// How many digits of the digest are kept.
const DIGITS: usize = 16;

/// A query whose literals are parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Normalised {
    /// The text with `$1`, `$2`, …, in their order.
    pub sql: String,
    /// The same for every text that differs in literals, letter case, spacing or the length of a list only.
    pub fingerprint: String,
    /// What each parameter stands for.
    pub slots: Vec<Slot>,
    /// The tables that the text names, as far as its words show them.
    pub tables: Vec<String>,
}

/// What a parameter stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot {
    /// A parameter of the text, by the number that it had (or would have had, where it has none).
    Given(usize),
    /// A literal of the text.
    Literal(String),
}

/// Why a text is not kept as a query of the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum NotAQuery {
    /// It defines, sets, begins, copies or the like.
    #[error("utility statements")]
    Utility,
    /// It is tightrope's.
    #[error("tightrope's own queries")]
    Own,
    /// It reads only what the server says about itself.
    #[error("queries of the system catalogs only")]
    System,
    /// A quote or a comment is never closed, or there is nothing.
    #[error("texts that are cut or empty")]
    Cut,
    /// Several statements in one text.
    #[error("texts of several statements")]
    Several,
    /// A word in double quotes may be a name or a value, and what the database has is not known.
    #[error(
        "texts with words in double quotes, which may be values: their database could not be asked"
    )]
    Doubtful,
}

/// Normalises a query; says why if it is none of the application's.
///
/// # Errors
/// What it is instead.
pub fn normalise(text: &str, dialect: EngineKind) -> Result<Normalised, NotAQuery> {
    normalise_with(text, dialect, Quotes::Names)
}

/// The same for a text whose words in double quotes may be values.
pub(crate) fn normalise_with(
    text: &str,
    dialect: EngineKind,
    quotes: Quotes<'_>,
) -> Result<Normalised, NotAQuery> {
    let mut tokens: Vec<Token<'_>> = Tokens::of(text, dialect).collect();
    if tokens.iter().any(|token| {
        matches!(token.kind, TokenKind::Unterminated(_)) || is_doubtful(token, dialect)
    }) {
        return Err(NotAQuery::Cut);
    }
    while tokens
        .last()
        .is_some_and(|token| !token.is_significant() || token.is_symbol(";"))
    {
        tokens.pop();
    }
    let first = tokens
        .iter()
        .find(|token| token.is_significant() && !token.is_symbol("("))
        .ok_or(NotAQuery::Cut)?;
    if !QUERIES.iter().any(|word| first.is_word(word)) {
        return Err(NotAQuery::Utility);
    }
    if tokens.iter().any(|token| token.is_symbol(";")) {
        return Err(NotAQuery::Several);
    }
    let tables = tables(&tokens);
    if is_own(&tokens, text) {
        return Err(NotAQuery::Own);
    }
    if is_system(&tokens, &tables) {
        return Err(NotAQuery::System);
    }
    let values = quoted::values(&tokens, dialect, quotes).ok_or(NotAQuery::Doubtful)?;
    let mut writer = Writer::new(dialect, values);
    writer.write(&tokens);
    let parts: Vec<String> = writer.meaning;
    let mut fingerprint = Digest::of_parts(&parts).to_string();
    fingerprint.truncate(DIGITS);
    Ok(Normalised {
        sql: writer.sql.trim().to_owned(),
        fingerprint,
        slots: writer.slots,
        tables,
    })
}

/// Whether a string ends otherwise where a server takes backslashes as escapes: what follows may be a part of it.
fn is_doubtful(token: &Token<'_>, dialect: EngineKind) -> bool {
    let Some(inner) = token
        .text
        .strip_prefix('\'')
        .and_then(|text| text.strip_suffix('\''))
    else {
        return false;
    };
    let slashes = inner.len() - inner.trim_end_matches('\\').len();
    dialect == EngineKind::Postgres && token.kind == TokenKind::String && slashes % 2 == 1
}

/// The first words of what an application asks or changes.
const QUERIES: [&str; 9] = [
    "select", "with", "values", "table", "insert", "update", "delete", "merge", "replace",
];

/// Types before whose literals no cast stands: `date '2026-01-02'`.
const TYPES: [&str; 30] = [
    "date",
    "time",
    "timetz",
    "timestamp",
    "timestamptz",
    "interval",
    "json",
    "jsonb",
    "uuid",
    "numeric",
    "decimal",
    "inet",
    "cidr",
    "point",
    "box",
    "bytea",
    "float4",
    "float8",
    "int2",
    "int4",
    "int8",
    "integer",
    "bigint",
    "smallint",
    "bool",
    "boolean",
    "text",
    "money",
    "real",
    "precision",
];

/// Types that have a modifier in parentheses.
const MODIFIED: [&str; 15] = [
    "numeric",
    "decimal",
    "dec",
    "varchar",
    "char",
    "character",
    "varying",
    "bpchar",
    "bit",
    "varbit",
    "timestamp",
    "timestamptz",
    "time",
    "interval",
    "float",
];

/// What may stand after the literal of an interval.
const FIELDS: [&str; 7] = ["year", "month", "day", "hour", "minute", "second", "to"];

/// A number with more digits is a value wherever it stands.
const LONGEST_KEPT: usize = 4;

/// What `extract` takes: anything else in quotes is no field.
const EXTRACTED: [&str; 22] = [
    "century",
    "day",
    "decade",
    "dow",
    "doy",
    "epoch",
    "hour",
    "isodow",
    "isoyear",
    "julian",
    "microseconds",
    "millennium",
    "milliseconds",
    "minute",
    "month",
    "quarter",
    "second",
    "timezone",
    "timezone_hour",
    "timezone_minute",
    "week",
    "year",
];

struct Writer {
    dialect: EngineKind,
    /// Where words in double quotes begin that are values.
    values: HashSet<usize>,
    sql: String,
    /// Tokens by what they mean: one spelling of words, one sign for parameters.
    meaning: Vec<String>,
    slots: Vec<Slot>,
    /// Whether the last thing that was written is a parameter.
    ends_in_parameter: bool,
    /// How many parameters without a number have been met.
    unnumbered: usize,
    /// The depth of parentheses, and at which a modifier, a list of columns by number or a list of values is open.
    depth: usize,
    modifier: Option<usize>,
    by: Option<usize>,
}

impl Writer {
    fn new(dialect: EngineKind, values: HashSet<usize>) -> Self {
        Self {
            dialect,
            values,
            sql: String::new(),
            meaning: Vec::new(),
            slots: Vec::new(),
            ends_in_parameter: false,
            unnumbered: 0,
            depth: 0,
            modifier: None,
            by: None,
        }
    }

    fn write(&mut self, tokens: &[Token<'_>]) {
        let mut at = 0;
        let mut last: Vec<Token<'_>> = Vec::new();
        while at < tokens.len() {
            let token = tokens[at];
            at += 1;
            match token.kind {
                TokenKind::Space => self.space(token.text),
                TokenKind::Comment => self.space(" "),
                _ => {
                    at += self.significant(token, &tokens[at..], &last);
                    last.push(token);
                }
            }
        }
    }

    /// Writes a text so that it does not run into the one before it.
    fn push(&mut self, text: &str) {
        let joins = |c: char| c.is_alphanumeric() || "_$'\"".contains(c);
        let is_word = |c: char| c.is_alphanumeric() || "_$".contains(c);
        let runs_on = self.sql.ends_with(is_word) && text.starts_with(joins)
            || self.sql.ends_with(['\'', '"']) && text.starts_with(['\'', '"', '$']);
        // A point after a parameter would be taken for that of its number.
        let is_point = text.starts_with('.') && self.ends_in_parameter;
        if runs_on || is_point {
            self.sql.push(' ');
        }
        self.ends_in_parameter = false;
        self.sql.push_str(text);
    }

    fn space(&mut self, text: &str) {
        if !self.sql.ends_with(char::is_whitespace) {
            self.sql.push_str(match text.contains('\n') {
                true => text,
                false => " ",
            });
        }
    }

    /// Writes a token; gives how many of those after it belong to it.
    fn significant(&mut self, token: Token<'_>, rest: &[Token<'_>], last: &[Token<'_>]) -> usize {
        self.follow(&token, last);
        if let Some((slot, taken)) = self.given(token, rest) {
            return taken + self.parameter(slot, last, &rest[taken..]);
        }
        match token.kind {
            TokenKind::Quoted if self.values.contains(&token.start) => {
                self.parameter(Slot::Literal(quoted::literal(&token)), last, rest)
            }
            TokenKind::String | TokenKind::Quoted if is_field(last) && !is_known_field(&token) => {
                self.parameter(Slot::Literal(String::new()), last, rest)
            }
            TokenKind::String if self.takes_parameter(last) => {
                let slot = Slot::Literal(token.text.to_owned());
                self.parameter(slot, last, rest)
            }
            TokenKind::Number
                if token.text.len() > LONGEST_KEPT
                    || self.modifier.is_none() && !self.is_column_number(last, rest) =>
            {
                // The scanner ends a number at the sign of its exponent.
                let exponent = match rest {
                    [sign, digits, ..]
                        if token.text.ends_with(['e', 'E'])
                            && !token.text.starts_with("0x")
                            && (sign.is_symbol("-") || sign.is_symbol("+"))
                            && digits.kind == TokenKind::Number =>
                    {
                        format!("{}{}", sign.text, digits.text)
                    }
                    _ => String::new(),
                };
                let taken = if exponent.is_empty() { 0 } else { 2 };
                let slot = Slot::Literal(format!("{}{exponent}", token.text));
                taken + self.parameter(slot, last, &rest[taken..])
            }
            kind => {
                self.push(token.text);
                self.meaning.push(match kind {
                    TokenKind::Word => token.text.to_lowercase(),
                    _ => token.text.to_owned(),
                });
                0
            }
        }
    }

    /// Keeps up with parentheses and clauses.
    fn follow(&mut self, token: &Token<'_>, last: &[Token<'_>]) {
        if token.is_symbol("(") {
            self.depth += 1;
            let is_type = last
                .last()
                .is_some_and(|last| MODIFIED.iter().any(|word| last.is_word(word)));
            if is_type && self.modifier.is_none() {
                self.modifier = Some(self.depth);
            }
        } else if token.is_symbol(")") {
            if self.modifier == Some(self.depth) {
                self.modifier = None;
            }
            if self.by == Some(self.depth) {
                self.by = None;
            }
            self.depth = self.depth.saturating_sub(1);
        } else if token.is_word("by") {
            self.by = Some(self.depth);
        } else if self.by == Some(self.depth)
            && [
                "limit", "offset", "having", "fetch", "for", "union", "window", "rows", "range",
            ]
            .iter()
            .any(|word| token.is_word(word))
        {
            self.by = None;
        }
    }

    /// A parameter that stands in the text, and how many more tokens it takes.
    fn given(&mut self, token: Token<'_>, rest: &[Token<'_>]) -> Option<(Slot, usize)> {
        let number = |text: &str| text.parse::<usize>().ok().filter(|number| *number > 0);
        match self.dialect {
            EngineKind::Postgres => {
                let next = rest.first().filter(|next| next.kind == TokenKind::Number)?;
                (token.is_symbol("$") && next.start == token.end())
                    .then(|| number(next.text))?
                    .map(|number| (Slot::Given(number), 1))
            }
            EngineKind::Sqlite => {
                if let Some(number) = token.text.strip_prefix('$').and_then(number) {
                    return Some((Slot::Given(number), 0));
                }
                let before = token.text.strip_suffix('?')?;
                if token.kind != TokenKind::Symbol {
                    return None;
                }
                // Without its question mark an operator may be two.
                for part in Tokens::of(before, self.dialect) {
                    self.push(part.text);
                    self.meaning.push(part.text.to_owned());
                }
                let next = rest
                    .first()
                    .filter(|next| next.kind == TokenKind::Number && next.start == token.end());
                match next.and_then(|next| number(next.text)) {
                    Some(number) => Some((Slot::Given(number), 1)),
                    None => {
                        self.unnumbered += 1;
                        Some((Slot::Given(self.unnumbered), 0))
                    }
                }
            }
        }
    }

    /// Whether a string stands where a parameter may.
    fn takes_parameter(&self, last: &[Token<'_>]) -> bool {
        let is_alias = self.dialect == EngineKind::Sqlite
            && last.last().is_some_and(|token| token.is_word("as"));
        !is_alias && !is_field(last)
    }

    /// Whether a number names a column of the result: `order by 1, 2 desc`.
    fn is_column_number(&self, last: &[Token<'_>], rest: &[Token<'_>]) -> bool {
        let follows = last
            .last()
            .is_some_and(|token| token.is_word("by") || token.is_symbol(","));
        let next = rest.iter().find(|token| token.is_significant());
        let ends = next.is_none_or(|token| {
            token.kind == TokenKind::Word || token.is_symbol(",") || token.is_symbol(")")
        });
        self.by == Some(self.depth) && follows && ends
    }

    /// Writes a parameter; gives how many tokens after it were taken along.
    fn parameter(&mut self, slot: Slot, last: &[Token<'_>], rest: &[Token<'_>]) -> usize {
        // The statistics write a parameter where the grammar takes a word only.
        if is_field(last) {
            self.push("epoch");
            self.meaning.push("epoch".to_owned());
            return 0;
        }
        let number = match self.slots.iter().position(|known| *known == slot) {
            Some(at) if matches!(slot, Slot::Given(_)) => at + 1,
            _ => {
                self.slots.push(slot);
                self.slots.len()
            }
        };
        if let Some(start) = self.type_before(last) {
            return self.cast(start, number, last, rest);
        }
        self.push(&format!("${number}"));
        self.ends_in_parameter = true;
        // Lists of any length are one query.
        let is_next = self.meaning.ends_with(&["?".to_owned(), ",".to_owned()]);
        match is_next && self.is_in_list() {
            true => drop(self.meaning.pop()),
            false => self.meaning.push("?".to_owned()),
        }
        0
    }

    /// Whether the open parenthesis is that of `in (…)`, with parameters only so far.
    fn is_in_list(&self) -> bool {
        let mut back = self.meaning.iter().rev();
        let opened = back.find(|part| !["?", ","].contains(&part.as_str()));
        opened.is_some_and(|part| part == "(") && back.next().is_some_and(|part| part == "in")
    }

    /// Where the name of the type begins that stands before a literal; none where there is none.
    fn type_before(&self, last: &[Token<'_>]) -> Option<usize> {
        if self.dialect != EngineKind::Postgres {
            return None;
        }
        let word = |at: usize, word: &str| last.get(at).is_some_and(|token| token.is_word(word));
        let end = last.len().checked_sub(1)?;
        let start = if word(end, "zone") && end >= 3 && word(end - 1, "time") {
            end - 3
        } else if word(end, "precision") {
            end.checked_sub(1)?
        } else if TYPES.iter().any(|name| word(end, name)) {
            end
        } else {
            return None;
        };
        // After these a name is a column's, or the type belongs to what stands before.
        let before = start.checked_sub(1).map(|at| last[at]);
        let is_other = before.is_some_and(|token| {
            token.is_symbol("::") || token.is_symbol(".") || token.is_word("as")
        });
        // `zone` also ends `at time zone`.
        let is_at =
            start > 0 && word(end, "zone") && !word(end - 2, "with") && !word(end - 2, "without");
        (!is_other && !is_at).then_some(start)
    }

    /// Writes `cast($1 as interval day)` for `interval '1' day`, which takes no parameter.
    fn cast(
        &mut self,
        start: usize,
        number: usize,
        last: &[Token<'_>],
        rest: &[Token<'_>],
    ) -> usize {
        let words: Vec<&str> = last[start..].iter().map(|token| token.text).collect();
        let name = words.join(" ");
        // The words are the last thing that was written.
        let mut text = self.sql.trim_end().to_owned();
        for word in words.iter().rev() {
            text.truncate(text.trim_end().len() - word.len());
        }
        self.sql = text;
        let mut fields = Vec::new();
        let mut taken = 0;
        if last.last().is_some_and(|token| token.is_word("interval")) {
            for (index, token) in rest.iter().enumerate() {
                if !token.is_significant() {
                    continue;
                }
                if !FIELDS.iter().any(|field| token.is_word(field)) {
                    break;
                }
                fields.push(token.text);
                taken = index + 1;
            }
        }
        let end = self.meaning.len().saturating_sub(words.len());
        self.meaning.truncate(end);
        let meaning = ["cast", "(", "?", "as"]
            .into_iter()
            .chain(words)
            .chain(fields.clone());
        self.meaning.extend(meaning.map(str::to_lowercase));
        self.meaning.push(")".to_owned());
        let fields: String = fields.iter().map(|field| format!(" {field}")).collect();
        self.push(&format!("cast(${number} as {name}{fields})"));
        taken
    }
}

/// Whether a field stands behind these: `extract(`.
fn is_field(last: &[Token<'_>]) -> bool {
    matches!(last, [.., extract, open] if open.is_symbol("(") && extract.is_word("extract"))
}

fn is_known_field(token: &Token<'_>) -> bool {
    let name = token.text.trim_matches(['\'', '"']).to_lowercase();
    EXTRACTED.contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) -> Normalised {
        let normal = normalise(text, EngineKind::Postgres).unwrap();
        assert_eq!(normal.sql, expect);
        normal
    }

    fn refused(text: &str, expect: NotAQuery) {
        assert_eq!(normalise(text, EngineKind::Postgres), Err(expect), "{text}");
    }

    fn literals(normal: &Normalised) -> Vec<&str> {
        let literal = |slot: &'_ Slot| matches!(slot, Slot::Literal(_));
        let slots = normal.slots.iter().filter(|slot| literal(slot));
        slots
            .map(|slot| match slot {
                Slot::Literal(text) => text.as_str(),
                Slot::Given(_) => "",
            })
            .collect()
    }

    #[test]
    fn literals_become_parameters() {
        let normal = check(
            "select /* trace 17 */ name from customers where id = 1 and name <> 'it''s' -- x",
            "select name from customers where id = $1 and name <> $2",
        );
        assert_eq!(literals(&normal), ["1", "'it''s'"]);
        assert_eq!(normal.tables, ["customers"]);
        check(
            "select $$a'b$$, E'\\n', 1.5e-3, -7;",
            "select $1, $2, $3, -$4",
        );
    }

    #[test]
    fn parameters_of_the_text_keep_their_meaning() {
        let normal = check(
            "select 1, $2, $1, $2::int where a = 'x'",
            "select $1, $2, $3, $2::int where a = $4",
        );
        let given = [1, 2].map(|at| normal.slots[at].clone());
        assert_eq!(given, [Slot::Given(2), Slot::Given(1)]);
    }

    #[test]
    fn what_takes_no_parameter_stays() {
        check(
            "select a::numeric(10, 2), cast(b as varchar(20)) from t order by 1, 2 desc limit 5",
            "select a::numeric(10, 2), cast(b as varchar(20)) from t order by 1, 2 desc limit $1",
        );
        check(
            "select count(*) from t group by 1 having count(*) > 2",
            "select count(*) from t group by 1 having count(*) > $1",
        );
        check(
            "select extract('year' from a) from t",
            "select extract('year' from a) from t",
        );
        check(
            "select extract($1 from a) from t",
            "select extract(epoch from a) from t",
        );
        // No field has that name: it may be anything.
        for text in ["'geheim'", "\"geheim\"", "E'geheim'"] {
            let text = format!("select extract({text} from a) from t");
            let normal = check(&text, "select extract(epoch from a) from t");
            assert_eq!(literals(&normal), [""; 0]);
        }
    }

    #[test]
    fn literals_of_a_type_are_cast() {
        check(
            "select now() - interval '1' day, date $1 from t",
            "select now() - cast($1 as interval day), cast($2 as date) from t",
        );
        let of = |text: &str| normalise(text, EngineKind::Postgres).unwrap().fingerprint;
        assert_eq!(
            of("select INTERVAL '1' day"),
            of("select cast($1 as interval day)")
        );
        check(
            "select timestamp with time zone '2026-01-02', double precision '1' , a at time zone 'utc' from t",
            "select cast($1 as timestamp with time zone), cast($2 as double precision) , a at time zone $3 from t",
        );
    }

    #[test]
    fn calls_of_one_query_meet() {
        let of = |text: &str| normalise(text, EngineKind::Postgres).unwrap().fingerprint;
        assert_eq!(
            of("select a from t where id in (1, 2, 3)"),
            of("SELECT a\nFROM t WHERE id IN (7)")
        );
        assert_ne!(
            of("select a from t where id = 1"),
            of("select b from t where id = 1")
        );
        assert_ne!(of("select \"A\" from t"), of("select \"a\" from t"));
        assert_ne!(of("select f(1)"), of("select f(1, 2)"));
    }

    #[test]
    fn what_is_no_query_of_the_application_is_told_apart() {
        refused("create role app password 'hunter2'", NotAQuery::Utility);
        refused("begin", NotAQuery::Utility);
        refused("explain select 1", NotAQuery::Utility);
        refused("select 'cut", NotAQuery::Cut);
        refused("select 'it\\' and more '", NotAQuery::Cut);
        check(
            "select a from t order by 12345",
            "select a from t order by $1",
        );
        refused("-- only a comment", NotAQuery::Cut);
        refused("select 1; select 2", NotAQuery::Several);
        refused("select * from tightrope.journal", NotAQuery::Own);
        refused(
            "select relname from pg_catalog.pg_class c",
            NotAQuery::System,
        );
        refused(
            "select pg_catalog.set_config('search_path', '', false)",
            NotAQuery::System,
        );
        check("select 1", "select $1");
    }

    #[test]
    fn sqlite_s_parameters_get_numbers() {
        let normal = normalise(
            "select a as 'x', ? from t where b=? and c = 'y'",
            EngineKind::Sqlite,
        );
        assert_eq!(
            normal.unwrap().sql,
            "select a as 'x', $1 from t where b=$2 and c = $3"
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_normalised_or_refused(text in "[-a-z0-9'\"$;()?. /*\n:=,]{0,60}") {
            // Two parameters without anything between them are no SQL.
            proptest::prop_assume!(!text.contains("??"));
            for dialect in [EngineKind::Postgres, EngineKind::Sqlite] {
                if let Ok(normal) = normalise(&format!("select {text}"), dialect) {
                    // Normal is normal: once more changes nothing that counts.
                    let again = normalise(&normal.sql, dialect).map(|again| again.fingerprint);
                    proptest::prop_assert_eq!(again, Ok(normal.fingerprint), "{}", normal.sql);
                }
            }
        }
    }
}
