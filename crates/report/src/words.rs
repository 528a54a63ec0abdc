//! Numbers and times as people read them.

use jiff::Timestamp;
use tightrope_model::grouped;

/// `<1 ms`, `8 ms`, `1.8 s`, `2 min 41 s`.
pub(crate) fn duration(milliseconds: u64) -> String {
    match milliseconds {
        0 => "<1 ms".to_owned(),
        1..1_000 => format!("{milliseconds} ms"),
        // 9 995 ms would round to `10.0 s`.
        1_000..9_950 => {
            let tenths = (milliseconds + 50) / 100;
            format!("{}.{} s", tenths / 10, tenths % 10)
        }
        _ => seconds((milliseconds + 500) / 1_000),
    }
}

/// `14 s`, `2 min 41 s`, `2 h 14 min`, `3 days`.
pub(crate) fn seconds(seconds: u64) -> String {
    let two = |big: u64, big_unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{big} {big_unit}"),
        _ => format!("{big} {big_unit} {small} {small_unit}"),
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => two(seconds / 60, "min", seconds % 60, "s"),
        3_600..86_400 => two(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
        _ => plural(seconds / 86_400, "day", "days"),
    }
}

/// `3 min ago`; a time that cannot be read is shown as it is.
pub(crate) fn ago(time: &str, now: Timestamp) -> String {
    let Ok(then) = time.parse::<Timestamp>() else {
        return time.to_owned();
    };
    let passed = u64::try_from(now.as_second() - then.as_second()).unwrap_or(0);
    match passed {
        0..2 => "just now".to_owned(),
        60..3_600 => format!("{} min ago", passed / 60),
        3_600..86_400 => format!("{} h ago", passed / 3_600),
        _ => format!("{} ago", seconds(passed)),
    }
}

/// `2026-01-02 14:02:11`, in UTC.
pub(crate) fn instant(time: &str) -> String {
    match time.parse::<Timestamp>() {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => time.to_owned(),
    }
}

/// `812 B`, `2.1 GB`.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1_000 {
        return format!("{bytes} B");
    }
    let (mut tenths, mut unit) = (bytes / 100, 0);
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1_000;
        unit += 1;
    }
    if tenths < 100 {
        format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
    } else {
        format!("{} {}", tenths / 10, UNITS[unit])
    }
}

/// `1 migration`, `3 migrations`.
pub(crate) fn plural(number: u64, one: &str, many: &str) -> String {
    format!(
        "{} {}",
        grouped(number),
        if number == 1 { one } else { many }
    )
}

/// The same for a length.
pub(crate) fn plural_of<T>(items: &[T], one: &str, many: &str) -> String {
    plural(items.len() as u64, one, many)
}

/// A text on one line, cut to so many characters; what would steer a terminal is replaced.
pub(crate) fn cut(text: &str, longest: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = line.replace(char::is_control, "\u{fffd}");
    match line.char_indices().nth(longest) {
        Some(_) => {
            let kept: String = line.chars().take(longest.saturating_sub(1)).collect();
            format!("{}…", kept.trim_end())
        }
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        let check = |milliseconds, expect: &str| assert_eq!(duration(milliseconds), expect);
        check(0, "<1 ms");
        check(999, "999 ms");
        check(1_800, "1.8 s");
        check(9_949, "9.9 s");
        check(9_999, "10 s");
        check(161_000, "2 min 41 s");
        check(8_040_000, "2 h 14 min");
        check(259_200_000, "3 days");
    }

    #[test]
    fn sizes_and_counts_are_grouped() {
        let check = |size, expect: &str| assert_eq!(bytes(size), expect);
        check(812, "812 B");
        check(2_150_000_000, "2.1 GB");
        check(20_480, "20 kB");
        check(999_999, "999 kB");
        check(3_000_000_000_000_000, "3000 TB");
        assert_eq!(grouped(184_203), "184 203");
        assert_eq!(grouped(4_203), "4203");
        assert_eq!(plural(1, "row", "rows"), "1 row");
    }

    #[test]
    fn the_past_is_rounded() {
        let now: Timestamp = "2026-01-02T12:00:00Z".parse().unwrap();
        let check = |time: &str, expect: &str| assert_eq!(ago(time, now), expect);
        check("2026-01-02T11:59:59.9Z", "just now");
        check("2026-01-02T11:59:20Z", "40 s ago");
        check("2026-01-02T11:46:20Z", "13 min ago");
        check("2026-01-02T09:46:20Z", "2 h ago");
        check("2025-12-30T09:46:20Z", "3 days ago");
        check("2027-01-01T00:00:00Z", "just now");
        check("yesterday", "yesterday");
    }

    #[test]
    fn long_text_is_cut_on_one_line() {
        assert_eq!(cut("a  b\nc", 10), "a b c");
        assert_eq!(cut("abcdefgh", 5), "abcd…");
        assert_eq!(cut("a\u{1b}[2Jb", 9), "a\u{fffd}[2Jb");
        assert_eq!(cut("ñandúes", 7), "ñandúes");
    }
}
