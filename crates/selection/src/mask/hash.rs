//! Keyed hashes, in the form that a column can hold.

use super::MaskKey;

/// Letters and digits that nobody mistakes for others.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Characters of a whole hash: 130 bits.
const WHOLE: usize = 26;

/// How many characters keep values apart: with 65 bits, a hundred million values are the same with a chance of one in four thousand.
pub(super) const LEAST_UNIQUE: usize = 13;

fn bytes<const N: usize>(key: &MaskKey, what: &str, value: &str) -> [u8; N] {
    let mut hasher = key.hasher(what);
    hasher.update(value.as_bytes());
    let mut bytes = [0; N];
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}

/// The hash in so many letters and digits.
pub(super) fn letters(key: &MaskKey, what: &str, value: &str, length: usize) -> String {
    let bytes: [u8; WHOLE] = bytes(key, what, value);
    let letter = |byte: &u8| char::from(ALPHABET[usize::from(byte & 31)]);
    bytes.iter().take(length).map(letter).collect()
}

/// A number that the value decides, for choices.
pub(super) fn number(key: &MaskKey, what: &str, value: &str) -> u64 {
    u64::from_le_bytes(bytes(key, what, value))
}

pub(super) fn text(key: &MaskKey, value: &str, most: Option<usize>) -> String {
    letters(key, "hash", value, most.unwrap_or(WHOLE).min(WHOLE))
}

pub(super) fn hexadecimal(key: &MaskKey, value: &str) -> String {
    let bytes: [u8; 16] = bytes(key, "hash", value);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn uuid(key: &MaskKey, value: &str) -> String {
    let hex = hexadecimal(key, value);
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_stay_equal_and_the_key_decides() {
        let (key, other) = (MaskKey::from_secret("a"), MaskKey::from_secret("b"));
        assert_eq!(text(&key, "x", None), text(&key, "x", None));
        assert_ne!(text(&key, "x", None), text(&key, "y", None));
        assert_ne!(text(&key, "x", None), text(&other, "x", None));
        assert_eq!(text(&key, "x", None).len(), 26);
        assert_eq!(text(&key, "x", Some(5)), text(&key, "x", None)[..5]);
        assert_eq!(uuid(&key, "x").len(), 36);
    }
}
