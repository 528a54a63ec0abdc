//! Words that mean the same to the server, so that they are one in fingerprints and differences.
//!
//! PostgreSQL writes `a in ('x', 'y')` on a column of type `varchar` as `(a)::text = any ((array['x'::varchar, 'y'::varchar])::text[])`. Where that
//! was read back, as in a copy made with `pg_dump` or in a restored backup, the cast stands at each element (`transformTypeCast` in the
//! server's `parse_expr.c`). Neither is a change of the schema.

use std::borrow::Cow;

use crate::sql_text::{Where, find, members};

const BEGIN: &str = "(ARRAY[";

/// A text in which a cast of an array stands at each of its elements.
pub(super) fn canonical(text: &str) -> Cow<'_, str> {
    if !text.contains(BEGIN) {
        return Cow::Borrowed(text);
    }
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = find(rest, Where::Anywhere, |rest| rest.starts_with(BEGIN)) {
        let inside = at + BEGIN.len();
        let end = find(&rest[inside..], Where::Outside, |rest| {
            rest.starts_with(']')
        });
        let Some(length) = end else {
            break;
        };
        let (elements, after) = (&rest[inside..inside + length], &rest[inside + length + 1..]);
        if let Some((target, after)) = array_cast(after) {
            written.push_str(&rest[..at]);
            written.push_str(&cast_each(elements, target));
            rest = after;
        } else {
            written.push_str(&rest[..inside]);
            rest = &rest[inside..];
        }
    }
    written.push_str(rest);
    Cow::Owned(written)
}

/// The type of the elements that an array is cast to, if it is, and what comes after that.
fn array_cast(after: &str) -> Option<(&str, &str)> {
    let target = after.strip_prefix(")::")?;
    let end = find(target, Where::Outside, |rest| rest.starts_with("[]"))?;
    let name = &target[..end];
    let is_name = name
        .chars()
        .all(|c| c.is_alphanumeric() || " _.,()\"".contains(c));
    is_name.then_some((name, &target[end + 2..]))
}

/// An array whose elements are cast.
fn cast_each(elements: &str, target: &str) -> String {
    let cast = members(elements).into_iter().map(|element| {
        let element = canonical(element);
        let inner = element
            .strip_prefix("ARRAY[")
            .and_then(|inner| inner.strip_suffix(']'));
        match inner {
            Some(inner) => cast_each(inner, target),
            None => format!("({element})::{target}"),
        }
    });
    format!("ARRAY[{}]", cast.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cast_of_an_array_stands_at_its_elements() {
        for (one, other) in [
            (
                "CHECK (((v)::text = ANY ((ARRAY['a,'::character varying, 'b]'::character varying])::text[])))",
                "CHECK (((v)::text = ANY (ARRAY[('a,'::character varying)::text, ('b]'::character varying)::text])))",
            ),
            (
                "(x = ANY ((ARRAY[1, 2])::bigint[])) AND (y = ANY ((ARRAY['a'::text])::character varying(3)[]))",
                "(x = ANY (ARRAY[(1)::bigint, (2)::bigint])) AND (y = ANY (ARRAY[('a'::text)::character varying(3)]))",
            ),
            (
                "((ARRAY[ARRAY[1], ARRAY[2]])::bigint[])",
                "(ARRAY[ARRAY[(1)::bigint], ARRAY[(2)::bigint]])",
            ),
            (
                "(ARRAY[f((ARRAY[1])::bigint[])])::text[]",
                "ARRAY[(f(ARRAY[(1)::bigint]))::text]",
            ),
        ] {
            assert_eq!(canonical(one), other);
            assert_eq!(canonical(other), other);
        }
    }

    #[test]
    fn everything_else_stays() {
        for text in [
            "'(ARRAY[1])::bigint[]'",
            "(ARRAY[1, 2])",
            "(ARRAY[1])::numbers",
            "(ARRAY[1])::numbers = (ARRAY[2])",
            "(ARRAY[",
            "",
        ] {
            assert_eq!(canonical(text), text);
        }
    }
}
