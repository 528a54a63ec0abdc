//! Reading what the server writes: names with their arguments, lists with quoted members.

/// A function's name without its argument types: `shop.f` of `shop.f(integer)`.
pub(super) fn routine(signature: &str) -> &str {
    let mut quoted = false;
    for (at, letter) in signature.char_indices() {
        match letter {
            '"' => quoted = !quoted,
            '(' if !quoted => return &signature[..at],
            _ => {}
        }
    }
    signature
}

/// An operator as a definition names it: `operator(shop.===)` of `shop.===(integer,integer)`.
pub(super) fn operator(signature: &str) -> String {
    format!("operator({})", routine(signature))
}

/// A name without the double quotes that the server puts around it.
pub(super) fn unquoted(name: &str) -> String {
    let inner = name
        .strip_prefix('"')
        .and_then(|name| name.strip_suffix('"'));
    inner.map_or_else(|| name.to_owned(), |inner| inner.replace("\"\"", "\""))
}

/// The members of a list, cut at commas outside of quotes and parentheses, without the white space around them.
pub(super) fn members(list: &str) -> Vec<&str> {
    let mut members = Vec::new();
    let (mut from, mut depth, mut quote) = (0, 0_usize, None);
    for (at, letter) in list.char_indices() {
        match (quote, letter) {
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), _) if open == letter => quote = None,
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                members.push(list[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    let last = list[from..].trim();
    if !last.is_empty() {
        members.push(last);
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_arguments() {
        let check = |signature, expect| assert_eq!(routine(signature), expect);
        check("shop.f(integer,text)", "shop.f");
        check("shop.\"f(x)\"(integer)", "shop.\"f(x)\"");
        check("shop.f", "shop.f");
        assert_eq!(unquoted("a"), "a");
        assert_eq!(unquoted("\"a \"\"b\"\"\""), "a \"b\"");
        assert_eq!(operator("shop.===(integer,integer)"), "operator(shop.===)");
    }

    #[test]
    fn lists_are_cut_at_commas_that_count() {
        let check = |list, expect: &[&str]| assert_eq!(members(list), expect);
        check("", &[]);
        check("a, b", &["a", "b"]);
        check("'a,b', \"c,d\", f(1, 2)", &["'a,b'", "\"c,d\"", "f(1, 2)"]);
        check("'it''s, so', b", &["'it''s, so'", "b"]);
    }
}
