//! Values of every type: ordinary ones, and those at which conversions break.

use std::fmt::Write as _;

use super::dice::Dice;
use super::kind::Type;

/// How values are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taste {
    /// Everything that the type allows.
    Nasty,
    /// What no function stumbles over.
    Plain,
    /// As plain, and nothing where nothing is needed.
    Bare,
}

/// Makes values as texts that the type reads.
pub(super) struct Maker<'d> {
    pub(super) dice: &'d mut Dice,
    pub(super) taste: Taste,
    /// The number by which the value shall differ from all others, if it shall.
    pub(super) serial: Option<u64>,
}

const WORDS: [&str; 12] = [
    "alpha", "Beta", "gamma-7", "delta", "Épsilon", "zeta", "eta x", "Theta", "iota", "kappa",
    "lambda", "mu9",
];

const NASTY: [&str; 30] = [
    "",
    " ",
    "O'Brien",
    "say \"hi\"",
    "naïve ☕ 🦀",
    "日本語テキスト",
    "مرحبا",
    "e\u{301}te\u{301}",
    "back\\slash",
    "100%_",
    "two\nlines\tand a tab",
    "NULL",
    "null",
    "0",
    "-1",
    "true",
    "<b>&amp;</b>",
    "'; drop table x; --",
    "$1 ${x} %s",
    "zero\u{200b}width",
    "ﬁ",
    "ẞ",
    "İ",
    " leading",
    "trailing ",
    "1e309",
    "{\"a\":1}",
    "{}",
    "2024-02-30",
    "ÿ\u{10fffd}",
];

impl Maker<'_> {
    /// Whether this value shall be one at which conversions break.
    pub(super) fn is_nasty(&mut self, chance: usize) -> bool {
        self.taste == Taste::Nasty && self.serial.is_none() && self.dice.percent(chance)
    }

    /// A value's text; none if none can be made.
    pub(super) fn text(&mut self, kind: &Type) -> Option<String> {
        Some(match kind {
            Type::Integer(low, high) => self.integer(*low, *high).to_string(),
            Type::Float(bits) => self.float(*bits),
            Type::Decimal(limits) => self.decimal(*limits),
            Type::Money => self.decimal(Some((8, 2))).replace("NaN", "0.00"),
            Type::Text(limit) => self.words(*limit),
            Type::Name => self.words(Some(12)),
            Type::Bytes => format!("\\x{}", self.hex()),
            Type::Boolean => self.dice.word(&["true", "false"]).to_owned(),
            Type::Date => self.date(),
            Type::Time(zone) => self.time(*zone),
            Type::Timestamp(zone) => self.timestamp(*zone),
            Type::Interval => self.interval(),
            Type::Uuid => self.uuid(),
            Type::Json(as_text) => self.json(*as_text),
            Type::JsonPath => self.dice.word(&["$.a[*] ? (@ > 1)", "$"]).to_owned(),
            Type::Xml => self.dice.word(&["<a b=\"1\">é</a>", "<x/>"]).to_owned(),
            Type::Inet => self.address(),
            Type::Cidr => self.network(),
            Type::Mac(bytes) => self.mac(*bytes),
            Type::Bits(length, varying) => self.bits(*length, *varying),
            Type::SearchVector => self
                .dice
                .word(&["'fat':2 'rat':3A", "'it''s':1", ""])
                .to_owned(),
            Type::SearchQuery => self.dice.word(&["'fat' & 'rat'", "!'cat'"]).to_owned(),
            Type::Geometric(shape) => self.shape(shape),
            Type::Range(inner) => self.range(inner)?,
            Type::MultiRange(inner) => format!("{{{}}}", self.range(inner)?),
            Type::Array(inner) => self.array(inner)?,
            Type::Enum(labels) => self.dice.pick(labels)?.clone(),
            Type::Composite(parts) => self.composite(parts)?,
            Type::Pairs => self
                .dice
                .word(&["\"a\"=>\"1\", \"b\"=>NULL", "", "\"k\"=>\"é\""])
                .to_owned(),
            Type::Path => match self.serial {
                Some(serial) => format!("top.n{serial}"),
                None => self.dice.word(&["top", "top.a.b", "x_1.y"]).to_owned(),
            },
            Type::Vector(size) => self.vector(*size),
            Type::Fixed(text) => (*text).to_owned(),
            Type::Unknown => return None,
        })
    }

    pub(super) fn number(&self) -> u64 {
        self.serial.unwrap_or_default()
    }

    fn integer(&mut self, low: i128, high: i128) -> i128 {
        if let Some(serial) = self.serial {
            let width = high.saturating_sub(low).saturating_add(1);
            // Small types are gone through from the top, where sequences come last.
            return if width < 1 << 17 {
                high - i128::from(serial).rem_euclid(width)
            } else {
                1_000_000 + i128::from(serial)
            };
        }
        let number = if self.is_nasty(25) {
            let ends = [low, high, 0, -1, 1, low + 1, high - 1, 255, 256, 65_536];
            self.dice.pick(&ends).copied().unwrap_or_default()
        } else {
            self.dice.between(1, 100)
        };
        number.clamp(low, high)
    }

    fn float(&mut self, bits: u32) -> String {
        if self.serial.is_some() {
            return format!("{}.5", self.number() % 4_000_000);
        }
        if self.is_nasty(30) {
            let largest = if bits == 32 {
                "3.4028235e38"
            } else {
                "1.7976931348623157e308"
            };
            let smallest = if bits == 32 {
                "-1.1754944e-38"
            } else {
                "2.2250738585072014e-308"
            };
            let some = [
                "NaN",
                "Infinity",
                "-Infinity",
                "-0",
                "0.1",
                largest,
                smallest,
                "-1",
            ];
            return self
                .dice
                .pick(&some)
                .map(|text| (*text).to_owned())
                .unwrap_or_default();
        }
        format!("{}.{}", self.dice.below(100), self.dice.below(10))
    }

    fn decimal(&mut self, limits: Option<(i32, i32)>) -> String {
        let (precision, scale) = limits.unwrap_or((18, 4));
        let whole = usize::try_from(precision - scale).unwrap_or(0).min(40);
        let scale = usize::try_from(scale).unwrap_or(0).min(20);
        if self.serial.is_some() {
            let digits = u32::try_from(whole + scale).unwrap_or(1).min(18);
            let number = self.number() % 10_u64.pow(digits);
            return scaled(i128::from(number), scale);
        }
        if self.is_nasty(25) {
            let largest = format!("{}.{}", "9".repeat(whole.max(1)), "9".repeat(scale));
            let largest = if whole == 0 {
                largest.replacen('9', "0", 1)
            } else {
                largest
            };
            let largest = largest.trim_end_matches('.').to_owned();
            let some = [
                largest.clone(),
                format!("-{largest}"),
                "0".to_owned(),
                "NaN".to_owned(),
            ];
            return self.dice.pick(&some).cloned().unwrap_or_default();
        }
        let digits = (whole.min(2) + scale.min(4)).max(1);
        let end = 10_usize.pow(u32::try_from(digits).unwrap_or(1));
        let number = i128::try_from(self.dice.below(end)).unwrap_or(0);
        let padded = number * 10_i128.pow(u32::try_from(scale.saturating_sub(4)).unwrap_or(0));
        scaled(padded, scale)
    }

    fn words(&mut self, limit: Option<usize>) -> String {
        let limit = limit.unwrap_or(usize::MAX);
        if self.serial.is_some() {
            let tail = base_36(self.number());
            if tail.len() + 7 > limit {
                let from = tail.len().saturating_sub(limit);
                return tail[from..].to_owned();
            }
            let word = self.dice.word(&["alpha", "Beta", "it's", "é☕", "mu"]);
            return format!("{word}-{tail}");
        }
        let text = if self.is_nasty(40) {
            match self.dice.below(12) {
                0 => "long ".repeat(60),
                1 => "ü".repeat(limit.min(120)),
                _ => self.dice.word(&NASTY).to_owned(),
            }
        } else {
            self.dice.word(&WORDS).to_owned()
        };
        text.chars().take(limit).collect()
    }

    fn hex(&mut self) -> String {
        if self.serial.is_some() {
            return format!("{:016x}", self.number());
        }
        let length = if self.is_nasty(30) {
            [0, 1, 300][self.dice.below(3)]
        } else {
            8
        };
        let mut text = String::new();
        for _ in 0..length {
            let _ = write!(text, "{:02x}", self.dice.below(256));
        }
        text
    }

    fn uuid(&mut self) -> String {
        if self.is_nasty(4) {
            return self
                .dice
                .word(&[
                    "00000000-0000-0000-0000-000000000000",
                    "ffffffff-ffff-ffff-ffff-ffffffffffff",
                ])
                .to_owned();
        }
        let (high, low) = (self.dice.next(), self.dice.next() & 0xffff_ffff_ffff);
        format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{low:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high >> 4 & 0xfff,
            self.number() & 0xfff
        )
    }

    fn json(&mut self, as_text: bool) -> String {
        if self.serial.is_some() {
            return format!("{{\"n\": {}}}", self.number());
        }
        let mut texts = vec![
            "{\"a\": 1, \"b\": \"x\"}",
            "{}",
            "{\"name\": \"é\", \"tags\": [\"a\", \"b\"]}",
        ];
        if self.taste == Taste::Nasty {
            texts.extend([
                "[]",
                "[1, 2, {\"c\": null}]",
                "null",
                "\"text\"",
                "1.10",
                "true",
                "{\"b\": {\"deep\": [[[]]]}, \"a\": 1e2}",
                "{\"\": \"empty key\", \"O'B\": \"\\\"\"}",
            ]);
            if as_text {
                texts.extend(["{\"b\":1,  \"a\":2, \"a\":3}", " [ 1 ] "]);
            }
        }
        self.dice
            .pick(&texts)
            .map(|text| (*text).to_owned())
            .unwrap_or_default()
    }

    fn address(&mut self) -> String {
        if self.serial.is_some() {
            let n = self.number();
            return format!("10.{}.{}.{}", n >> 16 & 255, n >> 8 & 255, n & 255);
        }
        if self.is_nasty(40) {
            return self
                .dice
                .word(&[
                    "0.0.0.0",
                    "::1",
                    "192.168.1.7/24",
                    "2001:db8::ff00:42:8329",
                    "255.255.255.255",
                ])
                .to_owned();
        }
        format!("192.0.2.{}", self.dice.below(256))
    }

    fn network(&mut self) -> String {
        let n = match self.serial {
            Some(serial) => serial,
            None => self.dice.next(),
        };
        format!("10.{}.{}.0/24", n >> 8 & 255, n & 255)
    }

    fn mac(&mut self, bytes: usize) -> String {
        let number = match self.serial {
            Some(serial) => serial,
            None => self.dice.next(),
        };
        let parts = (0..bytes)
            .rev()
            .map(|at| format!("{:02x}", number >> (8 * at).min(56) & 255));
        parts.collect::<Vec<_>>().join(":")
    }

    fn bits(&mut self, length: Option<usize>, varying: bool) -> String {
        let length = length.unwrap_or(16);
        let number = match self.serial {
            Some(serial) => serial,
            None => self.dice.next(),
        };
        let taken = if varying && self.serial.is_none() {
            self.dice.below(length + 1)
        } else {
            length
        };
        (0..taken)
            .map(|at| {
                if number >> (at % 64) & 1 == 1 {
                    '1'
                } else {
                    '0'
                }
            })
            .collect()
    }
}

fn scaled(number: i128, scale: usize) -> String {
    if scale == 0 {
        return number.to_string();
    }
    let digits = format!("{number:0>width$}", width = scale + 1);
    let (whole, part) = digits.split_at(digits.len() - scale);
    format!("{whole}.{part}")
}

fn base_36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        let digit = u32::try_from(number % 36).unwrap_or(0);
        digits.push(char::from_digit(digit, 36).unwrap_or('0'));
        number /= 36;
        if number == 0 {
            return digits.iter().rev().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fill::nested::array_of;

    fn texts(kind: &Type, taste: Taste, serial: Option<u64>) -> Vec<String> {
        let mut dice = Dice::new(1, "values");
        let make = |at: u64| {
            let serial = serial.map(|serial| serial + at);
            let mut maker = Maker {
                dice: &mut dice,
                taste,
                serial,
            };
            maker.text(kind).unwrap()
        };
        (0..300).map(make).collect()
    }

    #[test]
    fn texts_keep_their_limits() {
        for limit in [1, 2, 5, 20] {
            for serial in [None, Some(123_456)] {
                let all = texts(&Type::Text(Some(limit)), Taste::Nasty, serial);
                assert!(
                    all.iter().all(|text| text.chars().count() <= limit),
                    "{all:?}"
                );
            }
        }
    }

    #[test]
    fn decimals_keep_their_limits() {
        for (precision, scale) in [(4, 2), (2, 2), (10, 0), (30, 10)] {
            for serial in [None, Some(123_456)] {
                for text in texts(
                    &Type::Decimal(Some((precision, scale))),
                    Taste::Nasty,
                    serial,
                ) {
                    if text == "NaN" {
                        continue;
                    }
                    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
                    let whole = whole.trim_start_matches(['-', '0']).len();
                    assert!(part.len() <= usize::try_from(scale).unwrap(), "{text}");
                    assert!(
                        whole <= usize::try_from(precision - scale).unwrap(),
                        "{text}"
                    );
                }
            }
        }
    }

    #[test]
    fn serial_values_are_all_different() {
        let integer = Type::Integer(i128::from(i32::MIN), i128::from(i32::MAX));
        let small = Type::Integer(-32_768, 32_767);
        let kinds = [
            integer,
            small,
            Type::Text(None),
            Type::Text(Some(6)),
            Type::Uuid,
            Type::Date,
            Type::Timestamp(true),
            Type::Bytes,
            Type::Inet,
            Type::Cidr,
            Type::Mac(6),
            Type::Float(32),
            Type::Decimal(Some((8, 2))),
            Type::Interval,
            Type::Json(true),
            Type::Range(Box::new(Type::Date)),
            Type::Bits(Some(20), false),
        ];
        for kind in kinds {
            let mut all = texts(&kind, Taste::Nasty, Some(5_000_000));
            let lower = |text: &mut String| *text = text.to_lowercase();
            all.iter_mut().for_each(lower);
            all.sort();
            all.dedup();
            assert_eq!(all.len(), 300, "{kind:?}");
        }
    }

    #[test]
    fn nested_values_are_quoted() {
        assert_eq!(array_of(&["a\"b", "c\\"]), "{\"a\\\"b\",\"c\\\\\"}");
        let nothing = Type::Array(Box::new(Type::Unknown));
        let mut dice = Dice::new(1, "x");
        let mut maker = Maker {
            dice: &mut dice,
            taste: Taste::Plain,
            serial: None,
        };
        assert_eq!(maker.text(&nothing), None);
    }
}
