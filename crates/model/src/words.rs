/// A number with a blank between its thousands, from five digits on: `184 203`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) && digits.len() > 4 {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// Two values, each cut to so many characters. What both begin with is left out as far as needed to show where they differ.
pub fn cut_where_they_differ(left: &str, right: &str, longest: usize) -> (String, String) {
    let same = left
        .chars()
        .zip(right.chars())
        .take_while(|(left, right)| left == right)
        .count();
    let longer = left.chars().count().max(right.chars().count());
    let start = if longer <= longest || same < longest * 2 / 3 {
        0
    } else {
        same - longest / 3
    };
    (window(left, start, longest), window(right, start, longest))
}

fn window(text: &str, start: usize, longest: usize) -> String {
    let rest = text.chars().count().saturating_sub(start);
    let before = if start > 0 { "…" } else { "" };
    let room = longest.saturating_sub(before.chars().count());
    let kept = text.chars().skip(start);
    if rest <= room {
        return before.chars().chain(kept).collect();
    }
    let cut: String = kept.take(room.saturating_sub(1)).collect();
    format!("{before}{}…", cut.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_show_where_they_differ() {
        let check = |left: &str, right: &str, expect: (&str, &str)| {
            let (left, right) = cut_where_they_differ(left, right, 10);
            assert_eq!((left.as_str(), right.as_str()), expect);
        };
        check("short", "shor", ("short", "shor"));
        check("abcdefghijklm", "x", ("abcdefghi…", "x"));
        check("aaaaaaaaaaaaaaab", "aaaaaaaaaaaaaaac", ("…aaab", "…aaac"));
        check(
            "aaaaaaaaaabbbbbbbbbbb",
            "aaaaaaaaaa",
            ("…aaabbbbb…", "…aaa"),
        );
    }

    #[test]
    fn thousands_stand_apart() {
        let check = |number, expect| assert_eq!(grouped(number), expect);
        check(0, "0");
        check(4000, "4000");
        check(184_203, "184 203");
        check(1_000_000, "1 000 000");
    }
}
