//! Looking for something in a text of SQL that the server has written.

/// Which places count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// All.
    Anywhere,
    /// Those outside of brackets that are opened in the text.
    Outside,
}

/// Where something begins in a text, outside of quotes.
pub fn find(text: &str, which: Where, begins: impl Fn(&str) -> bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0_i32);
    while at < bytes.len() {
        if !text.is_char_boundary(at) {
            at += 1;
            continue;
        }
        let rest = &text[at..];
        if (depth == 0 || which == Where::Anywhere) && begins(rest) {
            return Some(at);
        }
        match bytes[at] {
            quote @ (b'\'' | b'"') => {
                let escapes = quote == b'\'' && at > 0 && matches!(bytes[at - 1], b'E' | b'e');
                at += quoted(rest, quote, escapes);
                continue;
            }
            b'$' => {
                if let Some(length) = dollar_quoted(rest) {
                    at += length;
                    continue;
                }
            }
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    None
}

/// The length of a quoted text at the start; of all where it has no end.
fn quoted(text: &str, quote: u8, escapes: bool) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if escapes => at += 1,
            byte if byte == quote => {
                if bytes.get(at + 1) != Some(&quote) {
                    return at + 1;
                }
                at += 1;
            }
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// The length of a text in dollar quotes at the start; none if it is none.
fn dollar_quoted(text: &str) -> Option<usize> {
    let end = text[1..].find('$')? + 2;
    let tag = &text[..end];
    let inner = &tag[1..end - 1];
    let is_tag = !inner.starts_with(|c: char| c.is_ascii_digit())
        && inner.chars().all(|c| c.is_alphanumeric() || c == '_');
    let closes = text[end..].find(tag)?;
    is_tag.then_some(end + closes + end)
}

/// The members of a list, cut at commas outside of quotes and brackets, without the white space around them.
pub fn members(list: &str) -> Vec<&str> {
    let mut members = Vec::new();
    let mut rest = list;
    while let Some(end) = find(rest, Where::Outside, |rest| rest.starts_with(',')) {
        members.push(rest[..end].trim());
        rest = &rest[end + 1..];
    }
    let last = rest.trim();
    if !last.is_empty() {
        members.push(last);
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_cut_at_commas_that_count() {
        let check = |list, expect: &[&str]| assert_eq!(members(list), expect);
        check("", &[]);
        check("a, b", &["a", "b"]);
        check("'a,b', \"c,d\", f(1, 2)", &["'a,b'", "\"c,d\"", "f(1, 2)"]);
        check("'it''s, so', b", &["'it''s, so'", "b"]);
    }
}
