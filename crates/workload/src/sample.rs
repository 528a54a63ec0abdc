use serde::{Deserialize, Serialize};
use tightrope_model::EngineKind;
use tightrope_script::{TokenKind, Tokens};

use crate::normalise::Slot;

/// The parameters of one call, each a literal of SQL; what was masked is `MASKED`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sample(pub Vec<String>);

/// What stands for a parameter that looked like a secret.
pub(crate) const MASKED: &str = "<masked>";

/// A value in its place; the domain is reserved, and nobody's.
const STAND_IN: &str = "'m@example.invalid'";

impl Sample {
    /// The sample of a call: what the slots stand for; none if one has no value.
    pub(crate) fn of(slots: &[Slot], given: &[String]) -> Option<Self> {
        let values = slots.iter().map(|slot| match slot {
            Slot::Literal(literal) => Some(literal.clone()),
            Slot::Given(number) => given.get(number - 1).cloned(),
        });
        values.collect::<Option<Vec<String>>>().map(Self)
    }

    /// The same with masks over what looks like a secret.
    pub(crate) fn masked(self) -> Self {
        let mask = |value: String| match crate::secret::looks_secret(&value) {
            true => MASKED.to_owned(),
            false => value,
        };
        Self(self.0.into_iter().map(mask).collect())
    }

    /// Whether nothing is masked, so that the call can be replayed as it was.
    pub fn is_whole(&self) -> bool {
        self.0.iter().all(|value| value != MASKED)
    }

    /// The same with a value that nobody has in the place of what was masked: a text that is an address, too.
    #[must_use]
    pub fn with_stand_ins(&self) -> Self {
        let value = |value: &String| match value == MASKED {
            true => STAND_IN.to_owned(),
            false => value.clone(),
        };
        Self(self.0.iter().map(value).collect())
    }

    /// Whether every value is one literal and nothing more.
    pub(crate) fn is_sound(&self, dialect: EngineKind) -> bool {
        self.0
            .iter()
            .all(|value| value == MASKED || is_literal(value, dialect))
    }
}

/// Whether a text is one literal of SQL: what is put into a query is never more than that.
fn is_literal(text: &str, dialect: EngineKind) -> bool {
    let tokens: Vec<_> = Tokens::of(text, dialect).collect();
    match &tokens[..] {
        [one] => {
            matches!(one.kind, TokenKind::String | TokenKind::Number)
                || ["null", "true", "false"]
                    .iter()
                    .any(|word| one.is_word(word))
        }
        // The exponent's sign ends a number for the scanner.
        [number, sign, digits] => {
            number.kind == TokenKind::Number
                && (sign.is_symbol("-") || sign.is_symbol("+"))
                && digits.kind == TokenKind::Number
                && number.text.ends_with(['e', 'E'])
        }
        _ => false,
    }
}

/// A query with the values of a call in the place of its parameters.
///
/// None if a value is missing or masked, or is anything but one literal.
pub fn fill_in(sql: &str, sample: &Sample, dialect: EngineKind) -> Option<String> {
    if !sample.is_whole() || !sample.is_sound(dialect) {
        return None;
    }
    let mut text = String::new();
    let mut tokens = Tokens::of(sql, dialect).peekable();
    while let Some(token) = tokens.next() {
        let inline = token
            .text
            .strip_prefix('$')
            .filter(|_| token.kind == TokenKind::Word);
        let number = match inline {
            Some(number) => number.parse::<usize>().ok(),
            None if token.is_symbol("$") => tokens
                .next_if(|next| next.kind == TokenKind::Number)
                .and_then(|next| next.text.parse().ok()),
            None => None,
        };
        match number {
            Some(number) => text.push_str(sample.0.get(number.checked_sub(1)?)?),
            None => text.push_str(token.text),
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(values: &[&str]) -> Sample {
        Sample(values.iter().map(|value| (*value).to_owned()).collect())
    }

    #[test]
    fn values_are_put_in_whole() {
        let fill = |sql: &str, values: &[&str]| fill_in(sql, &sample(values), EngineKind::Postgres);
        assert_eq!(
            fill(
                "select a from t where b = $1 and c in ($2,$10)",
                &["'x''y'", "1", "", "", "", "", "", "", "", "2"]
            ),
            None,
            "an empty value is no literal"
        );
        assert_eq!(
            fill(
                "select '$1', a from t where b = $1 and c = $2",
                &["'x''y'", "1.5e-3"]
            )
            .as_deref(),
            Some("select '$1', a from t where b = 'x''y' and c = 1.5e-3")
        );
        assert_eq!(fill("select $2", &["1"]), None);
        assert_eq!(fill("select $1", &[MASKED]), None);
        let stand_in = sample(&[MASKED, "2"]).with_stand_ins();
        assert_eq!(
            fill_in("select $1, $2", &stand_in, EngineKind::Postgres).as_deref(),
            Some("select 'm@example.invalid', 2")
        );
        assert_eq!(fill("select $1", &["1; drop table t"]), None);
        assert_eq!(fill("select $1", &["'a' || 'b'"]), None);
        let sqlite = fill_in("select $1, $2", &sample(&["1", "null"]), EngineKind::Sqlite);
        assert_eq!(sqlite.as_deref(), Some("select 1, null"));
    }
}
