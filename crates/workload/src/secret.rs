//! What looks like a secret, and is not kept.

use tightrope_model::EngineKind;
use tightrope_script::{Token, Tokens};

/// Words in a query that make all its parameters suspicious.
const NAMES: [&str; 23] = [
    "crypt",
    "pin",
    "auth",
    "hash",
    "digest",
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "api_key",
    "apikey",
    "access_key",
    "private_key",
    "credential",
    "session_key",
    "otp",
    "ssn",
    "iban",
    "card_number",
    "cvv",
    "salt",
];

/// From this many digits on, hexadecimal text is a key rather than a number.
const LONG_HEX: usize = 16;
/// From this many letters and digits on, a text without spaces that mixes both is a key rather than a word.
const LONG_MIX: usize = 24;

/// Whether a query handles secrets, by the names in its text: none of its parameters is kept then.
pub(crate) fn handles_secrets(sql: &str) -> bool {
    let words = sql.to_lowercase();
    let words = words.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.into_iter().any(|word| {
        NAMES.iter().any(|name| {
            word == *name
                || word.split('_').any(|part| part == *name)
                || word.contains(name) && name.len() > 4
        })
    })
}

/// Whether a query writes values into columns that it does not name: any of them may be a secret.
pub(crate) fn writes_unnamed(sql: &str, dialect: EngineKind) -> bool {
    let tokens: Vec<Token<'_>> = Tokens::of(sql, dialect)
        .filter(Token::is_significant)
        .collect();
    let is_word = |at: usize, words: &[&str]| {
        tokens
            .get(at)
            .is_some_and(|token| words.iter().any(|word| token.is_word(word)))
    };
    let symbol = |at: usize, symbol: &str| tokens.get(at).is_some_and(|it| it.is_symbol(symbol));
    (0..tokens.len()).any(|at| {
        // `merge` inserts into the table that it names elsewhere.
        let into_nothing = is_word(at, &["insert"]) && is_word(at + 1, &["values"]);
        if into_nothing || !is_word(at, &["into"]) {
            return into_nothing;
        }
        let mut next = at + 2;
        while symbol(next, ".") {
            next += 2;
        }
        if is_word(next, &["as"]) {
            next += 2;
        }
        is_word(next, &["values", "select", "with", "table", "overriding"])
            || symbol(next, "(") && is_word(next + 1, &["values", "select", "with", "table"])
    })
}

/// Whether a literal looks like an address, a key or a token.
pub(crate) fn looks_secret(literal: &str) -> bool {
    let text = literal.trim_matches('\'');
    let is_mail = text.split_once('@').is_some_and(|(user, host)| {
        !user.is_empty() && host.contains('.') && !host.starts_with('.')
    });
    let is_login = text
        .split_once("://")
        .and_then(|(_, rest)| rest.split_once('@'))
        .is_some_and(|(user, _)| user.contains(':'));
    let is_header = ["basic ", "bearer "]
        .iter()
        .any(|start| text.to_lowercase().contains(start));
    let digits: String = text.chars().filter(|c| !" -".contains(*c)).collect();
    is_mail
        || is_login
        || is_header
        || handles_secrets(text)
        || is_card(&digits)
        || is_iban(&digits)
        || parts(text).any(is_key)
}

/// The parts of a text between spaces and punctuation that no key has.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || "\"'{}[](),;:&=<>".contains(c))
}

fn is_key(word: &str) -> bool {
    let hex = word
        .strip_prefix("\\x")
        .or_else(|| word.strip_prefix("0x"))
        .unwrap_or(word);
    let digits = hex.chars().filter(char::is_ascii_digit).count();
    let is_hex = hex.len() >= LONG_HEX
        && hex.chars().all(|c| c.is_ascii_hexdigit())
        && (digits < hex.len() || hex.len() >= 2 * LONG_HEX);
    let allowed = |c: char| c.is_ascii_alphanumeric() || "+/_-.".contains(c);
    let letters = word.chars().filter(char::is_ascii_alphabetic).count();
    let numbers = word.chars().filter(char::is_ascii_digit).count();
    let is_mix = word.len() >= LONG_MIX
        && word.chars().all(allowed)
        && letters >= 4
        && numbers >= 3
        && !is_uuid(word);
    let has_prefix = [
        "eyJ", "sk_", "pk_", "ghp_", "xox", "AKIA", "$2a$", "$2b$", "$2y$", "$argon2",
    ]
    .iter()
    .any(|start| word.starts_with(start) && word.len() > 12);
    is_hex || is_mix || has_prefix || is_card(word) || is_iban(word)
}

/// A number of rows, as most of them are: they are needed for a replay.
fn is_uuid(word: &str) -> bool {
    let groups: Vec<usize> = word.split('-').map(str::len).collect();
    groups == [8, 4, 4, 4, 12] && word.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
}

/// The number of a bank account whose check digits are right.
fn is_iban(word: &str) -> bool {
    let is_made_so = (15..=34).contains(&word.len())
        && word.chars().all(|c| c.is_ascii_alphanumeric())
        && word.chars().take(2).all(|c| c.is_ascii_alphabetic())
        && word.chars().skip(2).take(2).all(|c| c.is_ascii_digit());
    if !is_made_so {
        return false;
    }
    let (head, rest) = word.split_at(4);
    let values = rest.chars().chain(head.chars());
    let rest = values
        .filter_map(|c| c.to_digit(36))
        .fold(0, |rest, value| {
            let shift = if value < 10 { 10 } else { 100 };
            (rest * shift + value) % 97
        });
    rest == 1
}

/// Thirteen to nineteen digits whose check digit is right.
fn is_card(word: &str) -> bool {
    let digits: Vec<u32> = word
        .chars()
        .filter(|c| *c != '-')
        .map_while(|c| c.to_digit(10))
        .collect();
    let is_number = word.chars().all(|c| c.is_ascii_digit() || c == '-');
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| match at % 2 {
            0 => *digit,
            _ if digit * 2 > 9 => digit * 2 - 9,
            _ => digit * 2,
        })
        .sum();
    is_number && (13..=19).contains(&digits.len()) && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(literal: &str, expect: bool) {
        assert_eq!(looks_secret(literal), expect, "{literal}");
    }

    #[test]
    fn addresses_keys_and_tokens_are_told_from_words_and_numbers() {
        check("'ana@example.org'", true);
        check("'deadbeefdeadbeefdeadbeefdeadbeef'", true);
        check("'\\x0123456789abcdef0123456789abcdef'", true);
        check("'eyJhbGciOiJIUzI1NiJ9.e30'", true);
        check("'sk_live_51H8xq2eZvKYlo'", true);
        check("'Bearer abcDEF123456ghiJKL7890mn'", true);
        check("'{\"key\": \"0123456789abcdef\"}'", true);
        check("'4111-1111-1111-1111'", true);
        check("'$2b$12$abcdefghijklmnopqrstuv'", true);
        check("'{\"password\": \"x\"}'", true);
        check("'db://ana:geheim@host/x'", true);
        check("'Basic YTpi'", true);
        check("'4111 1111 1111 1111'", true);
        check("'DE89 3704 0044 0532 0130 00'", true);
        check("'GB82WEST12345698765432'", true);
        check("'to GB82WEST12345698765432, please'", true);
        check("'GB82WEST12345698765433'", false);
        check("'article 12 of the contract'", false);
        check("42", false);
        check("1234567890123456", false);
        check("'Ana Núñez'", false);
        check("'2026-01-02 03:04:05.123456+00'", false);
        check("'123e4567-e89b-12d3-a456-426614174000'", false);
        check("'a@b'", false);
    }

    #[test]
    fn a_query_that_handles_secrets_is_known_by_its_names() {
        assert!(handles_secrets("update users set password_hash = $1"));
        assert!(handles_secrets(
            "select id from sessions where \"accessToken\" = $1"
        ));
        assert!(handles_secrets("select id from u where pwd = $1"));
        assert!(!handles_secrets(
            "select id from orders where customer = $1"
        ));
        assert!(!handles_secrets("select salty from snacks"));
    }
}
