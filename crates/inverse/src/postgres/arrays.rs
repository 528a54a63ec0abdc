//! Definitions that the server writes and reads back as something else.
//!
//! `a in ('x', 'y')` on a column of type `varchar` becomes `(a)::text = any ((array['x'::varchar, 'y'::varchar])::text[])`. Read back, the cast
//! behind the array is applied to each element instead (`transformTypeCast` in the server's `parse_expr.c`), and the definition is another
//! one from then on. A cast of the array to the type that it has anyway keeps the two apart.

use tightrope_model::sql_text::{Where, find};

/// A statement in which arrays that are cast are arrays of their own type first.
pub(super) fn with_own_types(sql: &str) -> String {
    const BEGIN: &str = "(ARRAY[";
    let mut written = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(at) = find(rest, Where::Anywhere, |rest| rest.starts_with(BEGIN)) {
        let inside = at + BEGIN.len();
        let Some(length) = find(&rest[inside..], Where::Outside, |rest| {
            rest.starts_with(']')
        }) else {
            break;
        };
        let (elements, after) = (&rest[inside..inside + length], &rest[inside + length + 1..]);
        written.push_str(&rest[..inside]);
        written.push_str(&with_own_types(elements));
        written.push(']');
        if let Some(target) = after.strip_prefix(")::")
            && let Some(own) = own_type(elements, target)
        {
            written.push_str(&format!("::{own}[]"));
        }
        rest = after;
    }
    written.push_str(rest);
    written
}

/// The type of an array's elements, as far as the text tells, if the array is cast to one of another.
fn own_type(elements: &str, target: &str) -> Option<String> {
    let first = match find(elements, Where::Outside, |rest| rest.starts_with(',')) {
        Some(end) => &elements[..end],
        None => elements,
    };
    let first = first.trim();
    let mut cast = None;
    let mut from = 0;
    while let Some(at) = find(&first[from..], Where::Outside, |rest| {
        rest.starts_with("::")
    }) {
        from += at + 2;
        cast = Some(&first[from..]);
    }
    let is_number = |text: &str| {
        let digits = text.strip_prefix('-').unwrap_or(text);
        digits.starts_with(|c: char| c.is_ascii_digit())
    };
    let own = match cast {
        Some(cast) => without_modifier(cast),
        None if first.parse::<i32>().is_ok() => "integer".to_owned(),
        None if is_number(first) && first.parse::<f64>().is_ok() => "numeric".to_owned(),
        None if ["true", "false"].contains(&first) => "boolean".to_owned(),
        // A column, most likely of the type for which the server does this.
        None if target.starts_with("text[]") => "character varying".to_owned(),
        None => return None,
    };
    let is_same = target
        .strip_prefix(own.as_str())
        .is_some_and(|rest| rest.starts_with("[]"));
    (!is_same && !own.ends_with(']')).then_some(own)
}

/// A type without its length: `character varying(10)`, `timestamp(3) without time zone`.
fn without_modifier(name: &str) -> String {
    let name = name.trim();
    match name.split_once('(') {
        Some((before, rest)) if !name.contains('"') => match rest.split_once(')') {
            Some((_, after)) => format!("{before}{after}"),
            None => name.to_owned(),
        },
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sql: &str, expect: &str) {
        assert_eq!(with_own_types(sql), expect);
    }

    fn stays(sql: &str) {
        check(sql, sql);
    }

    #[test]
    fn an_array_that_is_cast_is_one_of_its_own_type_first() {
        check(
            "CHECK (((a)::text = ANY ((ARRAY['x'::character varying, 'y,)'::character varying(3)])::text[])))",
            "CHECK (((a)::text = ANY ((ARRAY['x'::character varying, 'y,)'::character varying(3)]::character varying[])::text[])))",
        );
        check(
            "x = ANY ((ARRAY['a'::character varying(9)])::text[]) AND y = ANY ((ARRAY[1, 2])::bigint[])",
            "x = ANY ((ARRAY['a'::character varying(9)]::character varying[])::text[]) AND y = ANY ((ARRAY[1, 2]::integer[])::bigint[])",
        );
        check(
            "(ARRAY[t.b, t.c])::text[]",
            "(ARRAY[t.b, t.c]::character varying[])::text[]",
        );
        check(
            "(ARRAY['1'::s.\"Mood (x)\"])::text[]",
            "(ARRAY['1'::s.\"Mood (x)\"]::s.\"Mood (x)\"[])::text[]",
        );
        check(
            "(ARRAY[f((ARRAY[1.5])::double precision[])])::text[]",
            "(ARRAY[f((ARRAY[1.5]::numeric[])::double precision[])]::character varying[])::text[]",
        );
    }

    #[test]
    fn everything_else_stays() {
        stays("x = ANY (ARRAY['a'::text, 'b'::text])");
        stays("x = ANY ((ARRAY['a'::text])::text[])");
        stays("(ARRAY[a, b])::bigint[]");
        stays(
            "select '(ARRAY[1])::bigint[]', \"(ARRAY[1])::bigint[]\", E'\\'(ARRAY[1])::bigint[]'",
        );
        stays("create function f() as $f$ (ARRAY[1])::bigint[] $f$");
        stays("(ARRAY['{1}'::integer[]])::bigint[]");
        stays("select 'ünïcødé 漢字', (ARRAY[");
        stays("(ARRAY[1])");
    }
}
