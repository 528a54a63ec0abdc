//! What a comparison says of one column.

use super::token::Token;
use super::wish::{Bound, Pattern, Wish};

impl Wish {
    pub(super) fn must_be(&mut self, value: Token) {
        self.member(vec![value], true);
    }

    pub(super) fn member(&mut self, listed: Vec<Token>, holds: bool) {
        if !holds {
            self.none_of.extend(listed);
            return;
        }
        self.null = self.null.or(Some(false));
        self.one_of = Some(match self.one_of.take() {
            None => listed,
            Some(before) => {
                let both = before.iter().filter(|value| listed.contains(value));
                let both: Vec<Token> = both.cloned().collect();
                if both.is_empty() { listed } else { both }
            }
        });
    }

    pub(super) fn compare(&mut self, operator: &str, value: &Token, holds: bool) {
        let operator = if holds { operator } else { negated(operator) };
        match operator {
            "=" | "==" => self.must_be(value.clone()),
            "<>" | "!=" => self.none_of.push(value.clone()),
            "<" | "<=" => {
                self.high = Some(self.tighter(self.high.as_ref(), operator, value, false));
                self.null = self.null.or(Some(false));
            }
            ">" | ">=" => {
                self.low = Some(self.tighter(self.low.as_ref(), operator, value, true));
                self.null = self.null.or(Some(false));
            }
            "~" | "~*" | "regexp" => self.pattern = Some(Pattern::Regular(value.text.clone())),
            "~~" | "~~*" | "like" | "ilike" => {
                self.pattern = Some(Pattern::Like(value.text.clone()));
            }
            _ => self.mentioned.push(value.clone()),
        }
    }

    pub(super) fn tighter(
        &self,
        before: Option<&Bound>,
        operator: &str,
        value: &Token,
        low: bool,
    ) -> Bound {
        let now = Bound {
            value: value.text.clone(),
            is_included: operator.ends_with('='),
        };
        let Some(before) = before else { return now };
        let is_tighter = match (before.value.parse::<f64>(), now.value.parse::<f64>()) {
            (Ok(before), Ok(now)) => (now > before) == low,
            _ => (now.value > before.value) == low,
        };
        if is_tighter { now } else { before.clone() }
    }

    pub(super) fn measure(&mut self, operator: &str, value: &str, holds: bool) {
        let Ok(length) = value.parse::<usize>() else {
            return;
        };
        let operator = if holds { operator } else { negated(operator) };
        let (shortest, longest) = match operator {
            "=" | "==" => (Some(length), Some(length)),
            "<" => (None, Some(length.saturating_sub(1))),
            "<=" => (None, Some(length)),
            ">" | "<>" | "!=" => (Some(length + 1), None),
            ">=" => (Some(length), None),
            _ => (None, None),
        };
        self.shortest = self.shortest.max(shortest);
        self.longest = match (self.longest, longest) {
            (Some(before), Some(now)) => Some(before.min(now)),
            (before, now) => before.or(now),
        };
        self.null = self.null.or(Some(false));
    }
}

/// The operator with its sides exchanged.
pub(super) fn mirrored(operator: &str) -> &str {
    match operator {
        "<" => ">",
        "<=" => ">=",
        ">" => "<",
        ">=" => "<=",
        other => other,
    }
}

/// The operator that holds where this one does not; empty where there is none to use.
pub(super) fn negated(operator: &str) -> &str {
    match operator {
        "=" | "==" => "<>",
        "<>" | "!=" => "=",
        "<" => ">=",
        "<=" => ">",
        ">" => "<=",
        ">=" => "<",
        "~" | "~*" | "regexp" | "~~" | "~~*" | "like" | "ilike" => "",
        "!~" | "!~*" | "!regexp" => "~",
        "!~~" | "!~~*" | "!like" | "!ilike" => "like",
        other => other,
    }
}
