//! Values between bounds, and of a certain length.

use super::kind::Type;
use super::row::RowMaker;
use super::value::Taste;
use super::wish::{Bound, Wish};

impl RowMaker<'_> {
    /// A number or a time within bounds.
    pub(super) fn between(&mut self, kind: &Type, wish: &Wish, is_serial: bool) -> Option<String> {
        match kind {
            Type::Integer(least, most) => {
                let (low, high) = whole_bounds(wish, *least, *most);
                let (low, high) = match (&wish.low, &wish.high) {
                    (Some(_), None) => (low, high.min(low.saturating_add(1_000_000_000))),
                    (None, Some(_)) => (low.max(high.saturating_sub(1000)), high),
                    _ => (low, high),
                };
                if low > high {
                    return None;
                }
                if is_serial {
                    let width = high.saturating_sub(low).saturating_add(1);
                    return Some((low + i128::from(self.serial).rem_euclid(width)).to_string());
                }
                let ends = [low, high, low.saturating_add(1).min(high)];
                let number = match self.taste == Taste::Nasty && self.dice.percent(40) {
                    true => self.dice.pick(&ends).copied()?,
                    false => self.dice.between(low, high.min(low.saturating_add(500))),
                };
                Some(number.to_string())
            }
            Type::Float(_) | Type::Decimal(_) | Type::Money => self.fraction(kind, wish, is_serial),
            Type::Date | Type::Timestamp(_) => self.day_between(wish),
            _ => None,
        }
    }

    fn fraction(&mut self, kind: &Type, wish: &Wish, is_serial: bool) -> Option<String> {
        let parsed =
            |bound: &Option<Bound>| bound.as_ref().and_then(|b| b.value.parse::<f64>().ok());
        let scale = match kind {
            Type::Decimal(Some((_, scale))) => usize::try_from(*scale).unwrap_or(0),
            _ => 2,
        };
        let room = match kind {
            Type::Decimal(Some((precision, scale))) => {
                10_f64.powi(precision - scale) - 10_f64.powi(-scale)
            }
            _ => f64::from(i32::MAX),
        };
        let (low, high) = match (parsed(&wish.low), parsed(&wish.high)) {
            (Some(low), Some(high)) => (low, high),
            (Some(low), None) => (low, room.min(low + 1e6)),
            (None, Some(high)) => (high - 1000.0, high),
            (None, None) => return None,
        };
        if is_serial && high - low > 1000.0 {
            return None;
        }
        let ends = [0.0, 1.0, 0.5, 0.25];
        let part = match self.dice.percent(40) {
            true => self.dice.pick(&ends).copied().unwrap_or(0.5),
            false => f64::from(u32::try_from(self.dice.below(1000)).unwrap_or(500)) / 1000.0,
        };
        Some(format!("{:.scale$}", low + (high - low) * part))
    }

    fn day_between(&mut self, wish: &Wish) -> Option<String> {
        let day = |bound: &Option<Bound>| {
            let text = &bound.as_ref()?.value;
            text.get(..10)?.parse::<jiff::civil::Date>().ok()
        };
        let (low, high) = match (day(&wish.low), day(&wish.high)) {
            (Some(low), Some(high)) => (low, high),
            (Some(low), None) => (low, low.saturating_add(jiff::Span::new().days(400))),
            (None, Some(high)) => (high.saturating_sub(jiff::Span::new().days(400)), high),
            (None, None) => return None,
        };
        let days = low.until(high).ok()?.get_days();
        let at = self
            .dice
            .between(0, i128::from(days.saturating_sub(1).max(0)));
        let found = low.saturating_add(jiff::Span::new().days(i32::try_from(at).ok()?));
        Some(found.to_string())
    }
}

fn whole_bounds(wish: &Wish, least: i128, most: i128) -> (i128, i128) {
    let parsed = |bound: &Bound| {
        let number = bound.value.parse::<i128>().ok()?;
        Some((number, bound.is_included))
    };
    let low = wish
        .low
        .as_ref()
        .and_then(parsed)
        .map_or(least, |(number, is_included)| {
            number.saturating_add(i128::from(!is_included))
        });
    let high = wish
        .high
        .as_ref()
        .and_then(parsed)
        .map_or(most, |(number, is_included)| {
            number.saturating_sub(i128::from(!is_included))
        });
    (low.max(least), high.min(most))
}

/// Text of the length that is wished for.
pub(super) fn measured(text: String, wish: &Wish) -> String {
    let length = text.chars().count();
    let text = match wish.shortest {
        Some(shortest) if length < shortest => {
            let more = "x".repeat(shortest.min(100_000) - length.min(shortest.min(100_000)));
            format!("{text}{more}")
        }
        _ => text,
    };
    match wish.longest {
        Some(longest) => {
            // The end tells serial values apart.
            let length = text.chars().count();
            text.chars().skip(length.saturating_sub(longest)).collect()
        }
        None => text,
    }
}

/// Bytes of the length that is wished for; the first of them tell serial values apart.
pub(super) fn measured_bytes(text: String, wish: &Wish) -> String {
    let mut digits = text.trim_start_matches("\\x").to_owned();
    let shortest = wish.shortest.unwrap_or(0).min(100_000);
    while digits.len() < 2 * shortest {
        digits.push_str("5a");
    }
    if let Some(longest) = wish.longest
        && digits.len() > 2 * longest
    {
        digits.truncate(2 * longest);
    }
    format!("\\x{digits}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_counted_in() {
        let bound = |value: &str, is_included| {
            Some(Bound {
                value: value.to_owned(),
                is_included,
            })
        };
        let wish = Wish {
            low: bound("0", false),
            high: bound("10", true),
            ..Wish::default()
        };
        assert_eq!(whole_bounds(&wish, -100, 100), (1, 10));
        assert_eq!(whole_bounds(&wish, 5, 7), (5, 7));
    }

    #[test]
    fn texts_are_brought_to_length() {
        let wish = Wish {
            shortest: Some(3),
            longest: Some(5),
            ..Wish::default()
        };
        assert_eq!(measured("a".to_owned(), &wish), "axx");
        assert_eq!(measured("abcdefg".to_owned(), &wish), "cdefg");
        assert_eq!(measured_bytes("\\x01".to_owned(), &wish), "\\x015a5a");
    }
}
