//! What the words of a query show: the tables that it names, and whether it is the application's.

use tightrope_script::{Token, TokenKind};

/// The name that a token stands for.
pub(crate) fn name_of(token: &Token<'_>) -> Option<String> {
    match token.kind {
        TokenKind::Word => Some(token.text.to_lowercase()),
        TokenKind::Quoted => {
            let inner = token.text.trim_matches(['"', '`', '[', ']']);
            Some(inner.replace("\"\"", "\""))
        }
        _ => None,
    }
}

/// The tables that the words of a query show: after `from`, `join`, `into`, `update`, without those that `with` names.
pub(crate) fn tables(tokens: &[Token<'_>]) -> Vec<String> {
    let tokens: Vec<&Token<'_>> = tokens
        .iter()
        .filter(|token| token.is_significant())
        .collect();
    let mut found: Vec<String> = Vec::new();
    let mut named: Vec<String> = Vec::new();
    // Whether each open parenthesis is that of a function which has a `from` of its own.
    let mut calls: Vec<bool> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if token.is_symbol("(") {
            let words = ["extract", "substring", "trim", "overlay", "position"];
            calls.push(at > 0 && words.iter().any(|word| tokens[at - 1].is_word(word)));
        } else if token.is_symbol(")") {
            calls.pop();
        }
        let follows = |offset: usize| tokens.get(at + offset).copied();
        if token.is_word("as") && follows(1).is_some_and(|next| next.is_symbol("(")) && at > 0 {
            named.extend(name_of(tokens[at - 1]));
        }
        let opens = ["from", "join", "into", "update"]
            .iter()
            .any(|word| token.is_word(word))
            && !calls.last().copied().unwrap_or(false)
            // `on conflict do update set`, `for update`, `is distinct from`
            && !(at > 0 && ["do", "for", "distinct"].iter().any(|word| tokens[at - 1].is_word(word)));
        if !opens {
            continue;
        }
        let mut next = at + 1;
        if tokens.get(next).is_some_and(|token| token.is_word("only")) {
            next += 1;
        }
        let Some(mut table) = tokens.get(next).and_then(|token| name_of(token)) else {
            continue;
        };
        while tokens
            .get(next + 1)
            .is_some_and(|token| token.is_symbol("."))
        {
            let Some(rest) = tokens.get(next + 2).and_then(|token| name_of(token)) else {
                break;
            };
            table = format!("{table}.{rest}");
            next += 2;
        }
        let is_call = tokens
            .get(next + 1)
            .is_some_and(|token| token.is_symbol("("))
            && !token.is_word("into");
        if !is_call
            && !["select", "lateral", "set", "unnest"].contains(&table.as_str())
            && !found.contains(&table)
        {
            found.push(table);
        }
    }
    found.retain(|table| !named.contains(table));
    found.sort();
    found
}

/// Whether the query is one of tightrope's: it names its tables, or sums up rows as it does.
pub(crate) fn is_own(tokens: &[Token<'_>], text: &str) -> bool {
    let names = tokens.iter().any(|token| {
        matches!(token.kind, TokenKind::Word | TokenKind::Quoted)
            && token
                .text
                .trim_matches('"')
                .to_lowercase()
                .starts_with("tightrope")
    });
    names || text.contains("hashtextextended(r,")
}

/// Whether a query reads nothing but the system's catalogs and settings.
pub(crate) fn is_system(tokens: &[Token<'_>], tables: &[String]) -> bool {
    let is_system_name = |name: &str| {
        ["pg_", "information_schema.", "sqlite_"]
            .iter()
            .any(|start| name.starts_with(start))
    };
    let first = tokens.iter().find(|token| token.is_significant());
    if !first.is_some_and(|token| token.is_word("select") || token.is_word("with")) {
        return false;
    }
    match tables {
        [] => tokens.iter().any(|token| {
            token.kind == TokenKind::Word
                && (is_system_name(token.text)
                    || token.is_word("current_setting")
                    || token.is_word("set_config"))
        }),
        tables => tables.iter().all(|table| is_system_name(table)),
    }
}

#[cfg(test)]
mod tests {
    use tightrope_model::EngineKind;
    use tightrope_script::Tokens;

    use super::*;

    #[test]
    fn tables_are_read_from_the_words() {
        let of = |text: &str| tables(&Tokens::of(text, EngineKind::Postgres).collect::<Vec<_>>());
        let none: [&str; 0] = [];
        assert_eq!(
            of("with x as (select 1 from a) select * from x join s.\"B\" on true"),
            ["a", "s.B"]
        );
        assert_eq!(
            of("insert into t (a) values (1) on conflict do update set a = 2"),
            ["t"]
        );
        assert_eq!(of("select * from generate_series(1, 3)"), none);
        assert_eq!(of("update only t set a = 1"), ["t"]);
        assert_eq!(
            of("select extract(epoch from a), (select 1 from u) from t"),
            ["t", "u"]
        );
    }
}
