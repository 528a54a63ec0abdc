//! Values as keys, and masks over values of any type: a column may hold others than its own here.

use rusqlite::types::{Value, ValueRef};
use tightrope_engine::{EngineError, ErrorKind};
use tightrope_selection::{MaskKind, Masker, ValueClass};

/// A value in bytes that say of what type it is; none of NULL.
pub(super) fn key(value: ValueRef<'_>) -> Option<Vec<u8>> {
    let (kind, bytes) = match value {
        ValueRef::Null => return None,
        ValueRef::Integer(number) => (b'i', number.to_le_bytes().to_vec()),
        ValueRef::Real(number) => (b'r', number.to_bits().to_le_bytes().to_vec()),
        ValueRef::Text(text) => (b't', text.to_vec()),
        ValueRef::Blob(blob) => (b'b', blob.to_vec()),
    };
    Some([&[kind][..], &bytes].concat())
}

/// The value back.
pub(super) fn of_key(key: &[u8]) -> Value {
    let (kind, bytes) = key.split_first().unwrap_or((&b'b', &[]));
    let number = || <[u8; 8]>::try_from(bytes).unwrap_or_default();
    match kind {
        b'i' => Value::Integer(i64::from_le_bytes(number())),
        b'r' => Value::Real(f64::from_bits(u64::from_le_bytes(number()))),
        b't' => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
        _ => Value::Blob(bytes.to_vec()),
    }
}

/// What stands instead of a value.
pub(super) fn mask(
    masker: &Masker,
    value: ValueRef<'_>,
    column: &str,
) -> Result<Value, EngineError> {
    const ANY: ValueClass = ValueClass::Integer(i64::MIN, i64::MAX);
    if *masker.kind() == MaskKind::Null {
        return Ok(Value::Null);
    }
    let keeps = *masker.kind() == MaskKind::KeepFormat;
    let masked = match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) if keeps => {
            let text = masker.mask_as(ANY, &number.to_string());
            return Ok(text
                .and_then(|text| text.parse().ok())
                .map_or(Value::Null, Value::Integer));
        }
        ValueRef::Real(number) if keeps => {
            let text = masker.mask_as(ValueClass::Number, &number.to_string());
            return Ok(text
                .and_then(|text| text.parse().ok())
                .map_or(Value::Null, Value::Real));
        }
        ValueRef::Integer(number) => masker.mask(&number.to_string()),
        ValueRef::Real(number) => masker.mask(&number.to_string()),
        ValueRef::Text(text) => {
            let text = String::from_utf8_lossy(text);
            match masker.class() {
                // Text among numbers is masked as text.
                ValueClass::Integer(..) | ValueClass::Number => {
                    masker.mask_as(ValueClass::Text(None), &text)
                }
                _ => masker.mask(&text),
            }
        }
        ValueRef::Blob(_) => {
            return Err(EngineError::new(
                ErrorKind::Unsupported,
                format!(
                    "the mask `{}` of `{column}` is for text and numbers, and there is a blob",
                    masker.kind()
                ),
            )
            .hint("mask the column with `null`, or in SQL"));
        }
    };
    Ok(masked.map_or(Value::Null, Value::Text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_survive() {
        for value in [
            Value::Integer(-7),
            Value::Real(1.5),
            Value::Text("ñ".to_owned()),
            Value::Blob(vec![0, 255]),
        ] {
            assert_eq!(
                key(ValueRef::from(&value)).map(|key| of_key(&key)),
                Some(value)
            );
        }
        assert_eq!(key(ValueRef::Null), None);
        let (one, text) = (Value::Integer(1), Value::Text("1".to_owned()));
        assert_ne!(key(ValueRef::from(&one)), key(ValueRef::from(&text)));
    }
}
