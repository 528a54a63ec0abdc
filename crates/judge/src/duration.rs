/// Milliseconds of a duration as people write it: `1h`, `90 s`, `2min`, `500ms`, `1h 30min`; none if it is none.
pub fn duration_ms(text: &str) -> Option<u64> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut sum = 0_u64;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .filter(|digits| *digits > 0)?;
        let number: u64 = rest[..digits].parse().ok()?;
        rest = rest[digits..].trim_start();
        let letters = rest
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(rest.len());
        let unit = unit_ms(&rest[..letters])?;
        sum = sum.checked_add(number.checked_mul(unit)?)?;
        rest = rest[letters..].trim_start();
    }
    Some(sum)
}

/// Milliseconds of a unit of time.
pub(crate) fn unit_ms(unit: &str) -> Option<u64> {
    Some(match unit {
        "ms" => 1,
        "s" | "sec" | "second" | "seconds" => 1_000,
        "m" | "min" | "minute" | "minutes" => 60_000,
        "h" | "hour" | "hours" => 3_600_000,
        "d" | "day" | "days" => 86_400_000,
        _ => return None,
    })
}

/// The same back: `1 h 30 min`.
pub fn duration_in_words(milliseconds: u64) -> String {
    if milliseconds < 1_000 {
        return format!("{milliseconds} ms");
    }
    let seconds = milliseconds / 1_000;
    let parts = [
        (seconds / 3_600, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    let words: Vec<String> = parts
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, unit)| format!("{number} {unit}"))
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written() {
        let check = |text, expect| assert_eq!(duration_ms(text), expect, "{text}");
        check("1h", Some(3_600_000));
        check("90 s", Some(90_000));
        check("1h 30min", Some(5_400_000));
        check("500ms", Some(500));
        check("10", None);
        check("", None);
        check("5 parsecs", None);
        check("99999999999999999999h", None);
        assert_eq!(duration_in_words(5_400_000), "1 h 30 min");
        assert_eq!(duration_in_words(250), "250 ms");
    }
}
