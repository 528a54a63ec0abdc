//! How a query is prepared whose parameters' types the server cannot tell, and whether its rows have an order.

use tightrope_model::EngineKind;
use tightrope_script::{Token, TokenKind, Tokens};

/// The ways in which a query is prepared, in the order in which they are tried: as it is, with numbers and with texts for its parameters.
///
/// `generate_series($1, $2)` or `$1 + $2` can mean several things; the application's driver says which.
pub fn variants(sql: &str, engine: EngineKind) -> Vec<String> {
    let mut variants = vec![sql.to_owned()];
    if engine == EngineKind::Postgres && sql.contains('$') {
        variants.extend(["int", "text"].map(|name| typed(sql, name)));
    }
    variants
}

fn typed(sql: &str, name: &str) -> String {
    let mut text = String::new();
    let mut last_is_dollar = false;
    for token in Tokens::of(sql, EngineKind::Postgres) {
        text.push_str(token.text);
        if last_is_dollar && token.kind == TokenKind::Number {
            text.push_str("::");
            text.push_str(name);
        }
        last_is_dollar = token.is_symbol("$");
    }
    text
}

/// Whether the outermost query says in which order its rows come.
pub fn has_outer_order(sql: &str, engine: EngineKind) -> bool {
    let mut depth = 0_usize;
    let mut last_is_order = false;
    for token in Tokens::of(sql, engine).filter(Token::is_significant) {
        if token.is_symbol("(") {
            depth += 1;
        } else if token.is_symbol(")") {
            depth = depth.saturating_sub(1);
        }
        if depth == 0 && last_is_order && token.is_word("by") {
            return true;
        }
        last_is_order = token.is_word("order");
    }
    false
}

/// Whether the outermost query takes only some of its rows, so that without an order any may come.
pub fn picks_any_rows(sql: &str, engine: EngineKind) -> bool {
    let mut words = Tokens::of(sql, engine).filter(Token::is_significant);
    words.any(|token| token.is_word("limit") || token.is_word("fetch") || token.is_word("offset"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_typed_where_the_server_cannot_tell() {
        let texts = variants("select '$1', generate_series($1, $2)", EngineKind::Postgres);
        assert_eq!(texts[1], "select '$1', generate_series($1::int, $2::int)");
        assert_eq!(variants("select 1", EngineKind::Postgres).len(), 1);
    }

    #[test]
    fn what_picks_some_rows_is_known() {
        assert!(picks_any_rows(
            "select a from t limit $1",
            EngineKind::Postgres
        ));
        assert!(!picks_any_rows("select a from t", EngineKind::Postgres));
    }

    #[test]
    fn only_the_outermost_order_counts() {
        let check =
            |sql: &str, expect| assert_eq!(has_outer_order(sql, EngineKind::Postgres), expect);
        check("select a from t order by a", true);
        check("select a from (select a from t order by a) x", false);
        check("select row_number() over (order by a) from t", false);
        check(
            "with x as (select 1 order by 1) select * from x Order /* c */ By 1 limit 3",
            true,
        );
    }
}
