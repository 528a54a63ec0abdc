//! Several statements as one.

/// A DO block of these statements.
pub(super) fn block(statements: &[String]) -> String {
    let body: String = statements.iter().map(|sql| format!("{sql}; ")).collect();
    let mut tag = "$$".to_owned();
    while body.contains(&tag) {
        tag = format!("$t{}", &tag[1..]);
    }
    format!("do {tag} begin {body}end {tag}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_ends_where_it_should() {
        assert_eq!(block(&["a".to_owned()]), "do $$ begin a; end $$");
        assert_eq!(block(&["'$$'".to_owned()]), "do $t$ begin '$$'; end $t$");
        assert_eq!(
            block(&["'$$t$'".to_owned()]),
            "do $tt$ begin '$$t$'; end $tt$"
        );
    }
}
