//! The columns of keys and indexes, and expressions in brackets.

use super::normal::{Names, normal};
use super::token::{Kind, Token, tokens};

/// The parts between commas outside brackets.
pub(super) fn parts<'t, 'a>(tokens: &'t [Token<'a>]) -> Vec<&'t [Token<'a>]> {
    let mut depth = 0_i32;
    tokens
        .split(|token| {
            if token.is("(") {
                depth += 1;
            } else if token.is(")") {
                depth -= 1;
            }
            depth == 0 && token.is(",")
        })
        .collect()
}

/// One column of a key; ascending is not said, and a column written as text is a name.
pub(super) fn column(part: &[Token<'_>], names: &Names) -> String {
    let part = match part {
        [start @ .., last] if last.is("asc") => start,
        whole => whole,
    };
    match part {
        [first, rest @ ..] if first.kind == Kind::Text => {
            let name = first.name().unwrap_or_default().to_ascii_lowercase();
            let quoted = crate::quote::quote_identifier(&name);
            let mut renamed = tokens(&quoted);
            renamed.extend_from_slice(rest);
            let names: Names = [name.as_str()].into_iter().collect();
            normal(&renamed, &names)
        }
        part => normal(part, names),
    }
}

/// An expression without brackets around the whole of it, and without a semicolon at its end.
pub(super) fn bare<'t, 'a>(expression: &'t [Token<'a>]) -> &'t [Token<'a>] {
    let mut inner = expression;
    while let [start @ .., last] = inner
        && last.is(";")
    {
        inner = start;
    }
    while let [first, middle @ .., last] = inner
        && first.is("(")
        && last.is(")")
        && closes_only_at_the_end(inner)
    {
        inner = middle;
    }
    inner
}

fn closes_only_at_the_end(tokens: &[Token<'_>]) -> bool {
    let mut depth = 0_i32;
    tokens.iter().enumerate().all(|(index, token)| {
        if token.is("(") {
            depth += 1;
        } else if token.is(")") {
            depth -= 1;
        }
        depth > 0 || index + 1 == tokens.len()
    })
}
