//! Rows in the text form of COPY: a line each, columns between tabs, `\N` for NULL.

use std::borrow::Cow;

/// Splits a line, without its end, into its columns.
pub(super) fn split(line: &[u8]) -> Vec<&[u8]> {
    if line.is_empty() {
        // A line of one empty text; a table without columns has such lines, too.
        return vec![line];
    }
    line.split(|byte| *byte == b'\t').collect()
}

/// The value of a column; none if it is NULL.
pub(super) fn value(raw: &[u8]) -> Option<Cow<'_, [u8]>> {
    if raw == br"\N" {
        return None;
    }
    if !raw.contains(&b'\\') {
        return Some(Cow::Borrowed(raw));
    }
    let mut value = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter();
    while let Some(byte) = bytes.next() {
        if *byte != b'\\' {
            value.push(*byte);
            continue;
        }
        // The server writes no other escapes than these, and itself for anything else.
        match bytes.next() {
            Some(b'b') => value.push(8),
            Some(b'f') => value.push(12),
            Some(b'n') => value.push(b'\n'),
            Some(b'r') => value.push(b'\r'),
            Some(b't') => value.push(b'\t'),
            Some(b'v') => value.push(11),
            Some(other) => value.push(*other),
            None => {}
        }
    }
    Some(Cow::Owned(value))
}

/// Appends a value as COPY reads it.
pub(super) fn write(value: Option<&[u8]>, line: &mut Vec<u8>) {
    let Some(value) = value else {
        line.extend_from_slice(br"\N");
        return;
    };
    for byte in value {
        match byte {
            b'\\' => line.extend_from_slice(br"\\"),
            b'\n' => line.extend_from_slice(br"\n"),
            b'\r' => line.extend_from_slice(br"\r"),
            b'\t' => line.extend_from_slice(br"\t"),
            other => line.push(*other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive() {
        for text in ["", "a", "a\tb\nc\r\\d", r"\N", r"\\", "\u{8}x", "ñ"] {
            let mut line = Vec::new();
            write(Some(text.as_bytes()), &mut line);
            assert!(!line.contains(&b'\n') && !line.contains(&b'\t'));
            assert_eq!(value(&line).as_deref(), Some(text.as_bytes()), "{text:?}");
        }
        let mut line = Vec::new();
        write(None, &mut line);
        assert_eq!(value(&line), None);
        assert_eq!(value(br"a\bb"), Some(Cow::Owned(b"a\x08b".to_vec())));
    }

    #[test]
    fn lines_are_split_at_tabs() {
        assert_eq!(split(b"a\t\\N\t"), [&b"a"[..], br"\N", b""]);
        assert_eq!(split(b""), [b""]);
    }
}
