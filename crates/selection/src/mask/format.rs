//! Masks that keep the format: a permutation of all values of the same shape.
//!
//! The characters of a value are digits in alphabets of their own: a digit among ten, a small letter among twenty-six. Half of them is
//! moved on by a stream that is derived from the key and the other half, then the other way round, and so ten times: a Feistel network,
//! as in format-preserving encryption (NIST SP 800-38G has the idea, not this scheme). Each round can be undone, so different values
//! stay different, without a table of what was given already. Where not every value of a shape is one that the column can hold, it goes
//! on until there is one: the way round a permutation always comes back to where it began, which was one.

use super::MaskKey;

const ROUNDS: u32 = 10;

/// How often a permutation is gone on with; whoever gets there keeps the last valid one. The chance is far below that of a broken disk.
const MOST_WALKS: usize = 100_000;

/// The least and the largest number of a type.
pub(super) struct Range {
    pub(super) least: i64,
    pub(super) most: i64,
}

/// A character as a digit in its alphabet.
struct Place {
    /// Where it stands among the characters.
    at: usize,
    alphabet: Alphabet,
    value: u32,
}

/// Characters that stand for each other.
#[derive(Clone)]
enum Alphabet {
    /// From one character on, so many.
    Range(u32, u32),
    /// These.
    List(Vec<char>),
}

impl Alphabet {
    const DIGITS: Self = Self::Range('0' as u32, 10);
    const FROM_ONE: Self = Self::Range('1' as u32, 9);

    /// The alphabet of a character; none if it is neither a letter nor a digit and stays.
    fn of(character: char) -> Option<Self> {
        match character {
            '0'..='9' => Some(Self::DIGITS),
            'a'..='z' => Some(Self::Range('a' as u32, 26)),
            'A'..='Z' => Some(Self::Range('A' as u32, 26)),
            _ if character.is_ascii() || !character.is_alphanumeric() => None,
            // Its neighbours of the same kind; they take as many bytes as it does.
            _ => {
                let begins = character as u32 / 128 * 128;
                let block = (begins..begins + 128).filter_map(char::from_u32);
                Some(Self::List(
                    block
                        .filter(|other| kind(*other) == kind(character))
                        .collect(),
                ))
            }
        }
    }

    fn hexadecimal(character: char) -> Option<Self> {
        let all = "0123456789abcdef";
        all.contains(character)
            .then(|| Self::List(all.chars().collect()))
    }

    fn len(&self) -> u32 {
        match self {
            Self::Range(_, len) => *len,
            Self::List(list) => list.len() as u32,
        }
    }

    fn value(&self, character: char) -> Option<u32> {
        match self {
            Self::Range(from, len) => (character as u32).checked_sub(*from).filter(|at| at < len),
            Self::List(list) => list
                .iter()
                .position(|other| *other == character)
                .map(|at| at as u32),
        }
    }

    fn character(&self, value: u32) -> char {
        match self {
            Self::Range(from, _) => char::from_u32(from + value).unwrap_or('?'),
            Self::List(list) => list.get(value as usize).copied().unwrap_or('?'),
        }
    }
}

/// What a character's neighbours have in common with it.
fn kind(character: char) -> (bool, bool, bool) {
    (
        character.is_alphanumeric(),
        character.is_lowercase(),
        character.is_uppercase(),
    )
}

/// Letters to letters, digits to digits.
pub(super) fn text(key: &MaskKey, value: &str) -> String {
    permute(key, value, |_, character| Alphabet::of(character))
}

/// A whole number to one with as many digits, within the range of its type.
pub(super) fn integer(key: &MaskKey, value: &str, range: &Range) -> String {
    let once = |value: &str| permute(key, value, leading);
    walk(value, once, |masked| {
        let number = masked.parse::<i64>();
        number.is_ok_and(|number| (range.least..=range.most).contains(&number))
    })
}

/// Another number: its digits, except those of an exponent.
pub(super) fn number(key: &MaskKey, value: &str) -> String {
    let end = value.find(['e', 'E']).unwrap_or(value.len());
    let (digits, exponent) = value.split_at(end);
    format!("{}{exponent}", permute(key, digits, leading))
}

/// The alphabet of a digit in a number: the first of several is not 0 before nor after.
fn leading(before: &str, character: char) -> Option<Alphabet> {
    let first = !before.contains(|other: char| other.is_ascii_digit());
    match character {
        '0' if first => None,
        '1'..='9' if first => Some(Alphabet::FROM_ONE),
        '0'..='9' => Some(Alphabet::DIGITS),
        _ => None,
    }
}

/// A UUID to another one.
pub(super) fn uuid(key: &MaskKey, value: &str) -> String {
    permute(key, value, |_, character| Alphabet::hexadecimal(character))
}

/// A date, a moment or a time of day to another one, with the year and the offset as they are.
pub(super) fn time(key: &MaskKey, value: &str) -> String {
    let (date, clock) = match value.split_once([' ', 'T']) {
        Some((date, clock)) => (Some(date), Some(clock)),
        None if value.contains(':') => (None, Some(value)),
        None => (Some(value), None),
    };
    let mut parts = Vec::new();
    if let Some(date) = date {
        parts.push(day(key, date));
    }
    if let Some(clock) = clock {
        let end = clock.find(['+', 'Z', '-']).unwrap_or(clock.len());
        let (clock, offset) = clock.split_at(end);
        let once = |value: &str| permute(key, value, |_, character| digit(character));
        parts.push(format!("{}{offset}", walk(clock, once, is_clock)));
    }
    parts.join(if value.contains('T') { "T" } else { " " })
}

/// Another day of the same year.
fn day(key: &MaskKey, date: &str) -> String {
    let mut parts = date.splitn(3, '-');
    let (Some(year), Some(_), Some(_)) = (parts.next(), parts.next(), parts.next()) else {
        return date.to_owned();
    };
    let within = year.len();
    let once = |value: &str| {
        permute(key, value, |before, character| {
            (before.chars().count() > within)
                .then(|| digit(character))
                .flatten()
        })
    };
    walk(date, once, is_date)
}

fn digit(character: char) -> Option<Alphabet> {
    character.is_ascii_digit().then_some(Alphabet::DIGITS)
}

fn is_date(text: &str) -> bool {
    let parts: Vec<Option<u32>> = text.split('-').map(|part| part.parse().ok()).collect();
    let [Some(year), Some(month), Some(day)] = parts[..] else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    (1..=days).contains(&day)
}

fn is_clock(text: &str) -> bool {
    let whole = text.split('.').next().unwrap_or_default();
    let parts: Vec<Option<u32>> = whole.split(':').map(|part| part.parse().ok()).collect();
    let below = |at: usize, limit: u32| {
        let part = parts.get(at);
        part.is_none_or(|part| part.is_some_and(|part| part < limit))
    };
    below(0, 24) && below(1, 60) && below(2, 60)
}

/// Goes on until there is a valid one; what was not valid before stays as the first step makes it.
fn walk(value: &str, once: impl Fn(&str) -> String, is_valid: impl Fn(&str) -> bool) -> String {
    let mut masked = once(value);
    if !is_valid(value) {
        return masked;
    }
    for _ in 0..MOST_WALKS {
        if is_valid(&masked) {
            break;
        }
        masked = once(&masked);
    }
    masked
}

/// One permutation of all values of the same shape; `alphabet` says in what a character may change, given what stands before it.
fn permute(
    key: &MaskKey,
    value: &str,
    alphabet: impl Fn(&str, char) -> Option<Alphabet>,
) -> String {
    let mut characters: Vec<char> = value.chars().collect();
    let mut places = Vec::new();
    // The shape is what every value that may come out has in common with this one.
    let mut shape = String::new();
    for (at, (offset, character)) in value.char_indices().enumerate() {
        let found = alphabet(&value[..offset], character);
        match found.and_then(|alphabet| Some((alphabet.value(character)?, alphabet))) {
            Some((value, alphabet)) => {
                shape.push(alphabet.character(0));
                places.push(Place {
                    at,
                    alphabet,
                    value,
                });
            }
            None => {
                shape.push('\0');
                shape.push(character);
            }
        }
    }
    let middle = places.len() / 2;
    for round in 0..ROUNDS {
        let (left, right) = places.split_at_mut(middle);
        let (moved, by) = match round % 2 {
            0 => (right, left),
            _ => (left, right),
        };
        shift(key, &shape, round, moved, by);
    }
    for place in places {
        characters[place.at] = place.alphabet.character(place.value);
    }
    characters.into_iter().collect()
}

/// Moves these digits on, each in its alphabet, by what the others decide.
fn shift(key: &MaskKey, shape: &str, round: u32, moved: &mut [Place], by: &[Place]) {
    let mut hasher = key.hasher("keep format");
    hasher.update(&(shape.len() as u64).to_le_bytes());
    hasher.update(shape.as_bytes());
    hasher.update(&round.to_le_bytes());
    for place in by {
        hasher.update(&place.value.to_le_bytes());
    }
    let mut stream = hasher.finalize_xof();
    for place in moved {
        let mut bytes = [0; 8];
        stream.fill(&mut bytes);
        let len = place.alphabet.len();
        let step = u64::from_le_bytes(bytes) % u64::from(len);
        place.value = ((u64::from(place.value) + step) % u64::from(len)) as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn key() -> MaskKey {
        MaskKey::from_secret("x")
    }

    #[test]
    fn the_format_is_kept() {
        let check = |value: &str| {
            let masked = text(&key(), value);
            assert_ne!(masked, value);
            assert_eq!(masked.len(), value.len());
            let shape = |text: &str| -> String {
                let kind = |character: char| match character {
                    'a'..='z' => 'a',
                    'A'..='Z' => 'A',
                    '0'..='9' => '0',
                    _ if character.is_alphanumeric() => 'x',
                    other => other,
                };
                text.chars().map(kind).collect()
            };
            assert_eq!(shape(&masked), shape(value), "{masked}");
            assert_eq!(text(&key(), value), masked);
        };
        check("Anna.Berg+shop@example.com");
        check("+49 (30) 1234-567");
        check("Ñandú Ünsal");
        check("Анна Каренина");
        check("山田太郎");
        assert_eq!(text(&key(), "-- !"), "-- !");
    }

    #[test]
    fn different_values_stay_different() {
        let all = |mask: &dyn Fn(u32) -> String, count: u32| {
            let different: BTreeSet<String> = (0..count).map(mask).collect();
            assert_eq!(different.len(), count as usize);
        };
        all(&|number| text(&key(), &format!("{number:03}")), 1000);
        all(&|number| text(&key(), &format!("{number:04}x")), 10_000);
        let small = Range {
            least: -32768,
            most: 32767,
        };
        all(
            &|number| integer(&key(), &number.to_string(), &small),
            32768,
        );
    }

    #[test]
    fn numbers_stay_in_their_range_and_as_long() {
        let range = Range {
            least: i64::from(i32::MIN),
            most: i64::from(i32::MAX),
        };
        for number in [7, 10, 42, 1_000_000_000, 2_147_483_647, -5, -2_147_483_648] {
            let text = number.to_string();
            let masked = integer(&key(), &text, &range);
            assert_eq!(masked.len(), text.len(), "{masked}");
            assert!(masked.parse::<i32>().is_ok(), "{masked}");
        }
        assert_eq!(integer(&key(), "0", &range), "0");
        let masked = number(&key(), "-12.50e+20");
        assert!(masked.ends_with("e+20") && masked.len() == 10, "{masked}");
    }

    #[test]
    fn dates_and_times_stay_dates_and_times() {
        let check = |value: &str, starts: &str, ends: &str| {
            let masked = time(&key(), value);
            assert_ne!(masked, value);
            assert!(
                masked.starts_with(starts) && masked.ends_with(ends),
                "{masked}"
            );
            assert_eq!(masked.len(), value.len());
        };
        check("1990-02-28", "1990-", "");
        check("2024-12-31 23:59:59.123456+00", "2024-", "+00");
        check("2024-12-31T23:59:59Z", "2024-", "Z");
        check("08:15:00", "", "");
        for day in 1..=28 {
            let masked = time(&key(), &format!("2023-02-{day:02}"));
            assert!(is_date(&masked), "{masked}");
        }
        assert_eq!(time(&key(), "infinity"), "infinity");
    }

    #[test]
    fn a_uuid_stays_one() {
        let masked = uuid(&key(), "550e8400-e29b-41d4-a716-446655440000");
        assert_eq!(masked.len(), 36);
        let hexadecimal = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c) || c == '-';
        assert!(masked.chars().all(hexadecimal), "{masked}");
    }
}
