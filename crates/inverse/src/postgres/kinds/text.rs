//! Reading what the server writes: names with their arguments.

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
}
