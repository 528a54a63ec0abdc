//! Reading the definitions that the server writes of constraints and indexes, as far as their parts have to be put into other
//! statements. The server's own text is regular: what is not understood gives none.

/// The text inside the parentheses that open at the beginning, and what follows them.
pub(super) fn parenthesised(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('(')?;
    let mut depth = 1_usize;
    let mut quote = None;
    for (at, character) in inner.char_indices() {
        match (quote, character) {
            (Some(open), _) => {
                if character == open {
                    quote = None;
                }
            }
            (None, '\'' | '"') => quote = Some(character),
            (None, '(') => depth += 1,
            (None, ')') => {
                depth -= 1;
                if depth == 0 {
                    return Some((&inner[..at], &inner[at + 1..]));
                }
            }
            (None, _) => {}
        }
    }
    None
}

/// The items of a list, split at the commas that stand in no parentheses and no quotes.
pub(super) fn items(list: &str) -> Vec<&str> {
    let (mut items, mut begin, mut depth) = (Vec::new(), 0, 0_usize);
    let mut quote = None;
    for (at, character) in list.char_indices() {
        match (quote, character) {
            (Some(open), _) => {
                if character == open {
                    quote = None;
                }
            }
            (None, '\'' | '"') => quote = Some(character),
            (None, '(' | '[') => depth += 1,
            (None, ')' | ']') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                items.push(list[begin..at].trim());
                begin = at + 1;
            }
            (None, _) => {}
        }
    }
    items.push(list[begin..].trim());
    items
}

/// The condition of a CHECK constraint.
pub(super) fn check(definition: &str) -> Option<&str> {
    let (condition, rest) = parenthesised(definition.strip_prefix("CHECK ")?)?;
    (!rest.contains("NOT ENFORCED")).then_some(condition)
}

/// A unique index: its expressions and its predicate.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unique<'d> {
    pub(super) expressions: Vec<String>,
    pub(super) nulls_are_equal: bool,
    pub(super) predicate: Option<&'d str>,
}

/// What is unique, from `CREATE UNIQUE INDEX`.
pub(super) fn unique(definition: &str) -> Option<Unique<'_>> {
    let (_, rest) = definition
        .strip_prefix("CREATE UNIQUE INDEX ")?
        .split_once(" USING ")?;
    let (list, mut rest) = parenthesised(&rest[rest.find('(')?..])?;
    if let Some(included) = rest.strip_prefix(" INCLUDE ") {
        rest = parenthesised(included)?.1;
    }
    let predicate = rest.find(" WHERE ").map(|at| &rest[at + " WHERE ".len()..]);
    Some(Unique {
        expressions: items(list)
            .into_iter()
            .map(indexed)
            .collect::<Option<_>>()?,
        nulls_are_equal: rest.contains(" NULLS NOT DISTINCT"),
        predicate,
    })
}

/// An index element without its operator class and order; the collation stays.
fn indexed(element: &str) -> Option<String> {
    let end = value_end(element)?;
    let (value, rest) = element.split_at(end);
    let Some(collated) = rest.trim_start().strip_prefix("COLLATE ") else {
        return Some(value.to_owned());
    };
    let name = collated.split(' ').next()?;
    Some(format!("{value} COLLATE {name}"))
}

/// Where a column's name, a function call or an expression in parentheses ends.
fn value_end(element: &str) -> Option<usize> {
    if element.starts_with('(') {
        let (_, rest) = parenthesised(element)?;
        return Some(element.len() - rest.len());
    }
    let mut quoted = false;
    for (at, character) in element.char_indices() {
        match character {
            '"' => quoted = !quoted,
            '(' if !quoted => {
                let (_, rest) = parenthesised(&element[at..])?;
                return Some(element.len() - rest.len());
            }
            ' ' if !quoted => return Some(at),
            _ => {}
        }
    }
    Some(element.len())
}

/// An exclusion constraint: expressions with their operators, and its predicate.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Exclusion<'d> {
    pub(super) elements: Vec<(String, &'d str)>,
    pub(super) predicate: Option<&'d str>,
}

/// What excludes each other.
pub(super) fn exclusion(definition: &str) -> Option<Exclusion<'_>> {
    let rest = definition.strip_prefix("EXCLUDE ")?;
    let (list, rest) = parenthesised(&rest[rest.find('(')?..])?;
    let element = |item: &'_ str| -> Option<(String, usize)> {
        let at = item.rfind(" WITH ")?;
        Some((indexed(&item[..at])?, at + " WITH ".len()))
    };
    let elements = items(list).into_iter().map(|item| {
        let (expression, operator) = element(item)?;
        Some((expression, &item[operator..]))
    });
    let predicate = rest
        .find(" WHERE ")
        .and_then(|at| parenthesised(&rest[at + " WHERE ".len()..]));
    Some(Exclusion {
        elements: elements.collect::<Option<_>>()?,
        predicate: predicate.map(|(predicate, _)| predicate),
    })
}

/// A foreign key: its columns, the table that they refer to as the server writes it, and that table's columns.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::net) struct ForeignKey<'d> {
    pub(in crate::net) columns: Vec<String>,
    pub(in crate::net) parent: &'d str,
    pub(in crate::net) parent_columns: Vec<String>,
    /// What follows, as in `ON DELETE CASCADE`.
    pub(in crate::net) rest: &'d str,
}

/// What refers to what.
pub(in crate::net) fn foreign_key(definition: &str) -> Option<ForeignKey<'_>> {
    let (columns, rest) = parenthesised(definition.strip_prefix("FOREIGN KEY ")?)?;
    let rest = rest.strip_prefix(" REFERENCES ")?;
    let open = value_before_parenthesis(rest)?;
    let (parent_columns, tail) = parenthesised(&rest[open..])?;
    let names = |list: &str| items(list).into_iter().map(unquoted).collect();
    Some(ForeignKey {
        columns: names(columns),
        parent: &rest[..open],
        parent_columns: names(parent_columns),
        rest: tail,
    })
}

fn value_before_parenthesis(text: &str) -> Option<usize> {
    let mut quoted = false;
    text.char_indices().find_map(|(at, character)| {
        if character == '"' {
            quoted = !quoted;
        }
        (character == '(' && !quoted).then_some(at)
    })
}

/// A name without its quotes.
pub(super) fn unquoted(name: &str) -> String {
    match name
        .strip_prefix('"')
        .and_then(|name| name.strip_suffix('"'))
    {
        Some(inner) => inner.replace("\"\"", "\""),
        None => name.to_owned(),
    }
}

/// Schema and name of a qualified table.
pub(in crate::net) fn qualified(table: &str) -> Option<(String, String)> {
    let mut quoted = false;
    let dot = table.char_indices().find_map(|(at, character)| {
        if character == '"' {
            quoted = !quoted;
        }
        (character == '.' && !quoted).then_some(at)
    })?;
    Some((unquoted(&table[..dot]), unquoted(&table[dot + 1..])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_ends_where_its_parenthesis_does() {
        assert_eq!(
            check("CHECK ((a > ')'::text)) NOT VALID"),
            Some("(a > ')'::text)")
        );
        assert_eq!(check("CHECK ((a > 0)) NOT ENFORCED"), None);
        assert_eq!(check("UNIQUE (a)"), None);
    }

    #[test]
    fn an_index_loses_what_is_only_about_order() {
        let index = unique(
            "CREATE UNIQUE INDEX \"I\" ON public.t USING btree (a DESC, lower(b) text_pattern_ops, \"C d\" COLLATE \"C\" NULLS FIRST, ((a + 1))) INCLUDE (e) NULLS NOT DISTINCT WHERE (a > 0)",
        )
        .unwrap_or_else(|| panic!("not read"));
        assert_eq!(
            index.expressions,
            ["a", "lower(b)", "\"C d\" COLLATE \"C\"", "((a + 1))"]
        );
        assert!(index.nulls_are_equal);
        assert_eq!(index.predicate, Some("(a > 0)"));
    }

    #[test]
    fn an_exclusion_has_operators() {
        let exclusion =
            exclusion("EXCLUDE USING gist (room WITH =, tsrange(a, b) WITH &&) WHERE ((room > 0))");
        let exclusion = exclusion.unwrap_or_else(|| panic!("not read"));
        assert_eq!(
            exclusion.elements,
            [("room".to_owned(), "="), ("tsrange(a, b)".to_owned(), "&&")]
        );
        assert_eq!(exclusion.predicate, Some("(room > 0)"));
    }

    #[test]
    fn a_foreign_key_names_both_sides() {
        let key = foreign_key(
            "FOREIGN KEY (a, \"B\") REFERENCES public.\"P(x)\"(c, d) ON DELETE CASCADE",
        );
        let key = key.unwrap_or_else(|| panic!("not read"));
        assert_eq!(key.columns, ["a", "B"]);
        assert_eq!(
            qualified(key.parent),
            Some(("public".to_owned(), "P(x)".to_owned()))
        );
        assert_eq!(key.parent_columns, ["c", "d"]);
        assert_eq!(key.rest, " ON DELETE CASCADE");
    }
}
