//! One value of a row as exact text.

use rusqlite::types::ValueRef;

/// What a value looks like to a person, where its storage class does not matter; NULL is none.
pub(crate) fn shown(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
        other => exact(other),
    }
}

/// A value as text that no other value has, storage class included: NULL is none, numbers and blobs are as SQL writes them,
/// text is plain unless it could be taken for one of those: then it is quoted as in SQL.
pub(crate) fn exact(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(real(number)),
        ValueRef::Blob(bytes) => Some(blob(bytes)),
        ValueRef::Text(bytes) => Some(match std::str::from_utf8(bytes) {
            Ok(text) if is_unmistakable(text) => text.to_owned(),
            Ok(text) => format!("'{}'", text.replace('\'', "''")),
            Err(_) => format!("cast({} as text)", blob(bytes)),
        }),
    }
}

fn is_unmistakable(text: &str) -> bool {
    let first = text.bytes().next();
    first.is_some_and(|first| !matches!(first, b'0'..=b'9' | b'-' | b'\''))
        && !text.starts_with("x'")
        && !text.starts_with("cast(x'")
}

/// Always with a point, an exponent, or both, so that it is no integer; minus zero is zero, as SQLite stores it in a REAL column.
fn real(number: f64) -> String {
    if number.is_infinite() {
        return if number > 0.0 { "9e999" } else { "-9e999" }.to_owned();
    }
    format!("{:?}", number + 0.0)
}

fn blob(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(3 + 2 * bytes.len());
    text.push_str("x'");
    for byte in bytes {
        for digit in [byte >> 4, byte & 0xf] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
    }
    text.push('\'');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rusqlite::types::Value;

    fn check(value: ValueRef<'_>, expect: &str) {
        assert_eq!(exact(value).as_deref(), Some(expect));
    }

    #[test]
    fn storage_classes_stay_apart() {
        check(ValueRef::Integer(1), "1");
        check(ValueRef::Real(1.0), "1.0");
        check(ValueRef::Real(-0.0), "0.0");
        check(ValueRef::Real(f64::NEG_INFINITY), "-9e999");
        check(ValueRef::Text(b"1"), "'1'");
        check(ValueRef::Text(b"9e999"), "'9e999'");
        check(ValueRef::Text(b""), "''");
        check(ValueRef::Text(b"O'Brien"), "O'Brien");
        check(ValueRef::Text(b"x'31'"), "'x''31'''");
        check(ValueRef::Blob(b"1"), "x'31'");
        check(ValueRef::Text(b"\xff"), "cast(x'ff' as text)");
        check(ValueRef::Text(b"a\0b"), "a\0b");
        assert_eq!(exact(ValueRef::Null), None);
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            (-20_i64..20).prop_map(Value::Integer),
            (-20_i32..20).prop_map(|half| Value::Real(f64::from(half) / 2.0)),
            "[-0-9.ex']{0,3}".prop_map(Value::Text),
            proptest::collection::vec(any::<u8>(), 0..2).prop_map(Value::Blob),
        ]
    }

    proptest! {
        #[test]
        fn different_values_have_different_texts(left in value(), right in value()) {
            let same_text = exact((&left).into()) == exact((&right).into());
            prop_assert_eq!(same_text, left == right);
        }
    }
}
