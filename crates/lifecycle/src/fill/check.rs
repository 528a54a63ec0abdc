//! The text of a CHECK as the server writes it.

/// The condition of `CHECK (…) NO INHERIT NOT VALID`, brackets included.
pub(super) fn check_text(definition: &str) -> String {
    let open = definition.find('(').unwrap_or(0);
    let close = definition.rfind(')').map_or(definition.len(), |at| at + 1);
    definition[open..close].to_owned()
}

/// A domain's condition with a column in the place of VALUE.
pub(super) fn with_value(text: &str, column: &str) -> String {
    let mut replaced = String::new();
    let mut quote = None;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let before = replaced.chars().next_back();
        let is_inside_word = before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '.'));
        let after = rest.get(5..).and_then(|rest| rest.chars().next());
        let goes_on = after.is_some_and(|c| c.is_alphanumeric() || c == '_');
        if quote.is_none() && rest.starts_with("VALUE") && !is_inside_word && !goes_on {
            replaced.push_str(column);
            rest = &rest[5..];
            continue;
        }
        match (quote, first) {
            (None, '\'' | '"') => quote = Some(first),
            (Some(open), closing) if open == closing => quote = None,
            _ => {}
        }
        replaced.push(first);
        rest = &rest[first.len_utf8()..];
    }
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_of_a_domain_becomes_a_column() {
        let text = "CHECK (((VALUE)::text <> 'VALUE'::text) AND (VALUES > VALUE))";
        let expect = "CHECK (((\"a\")::text <> 'VALUE'::text) AND (VALUES > \"a\"))";
        assert_eq!(with_value(text, "\"a\""), expect);
        assert_eq!(check_text("CHECK ((a > 0)) NOT VALID"), "((a > 0))");
    }
}
