//! Texts that match a pattern: simple regular expressions and LIKE.

use super::dice::Dice;

/// How often something repeats at most where the pattern sets no end: more where no two texts shall be the same.
const REPEATS: (usize, usize) = (4, 12);

/// A text that (as far as the pattern is understood) matches a regular expression.
pub(super) fn matching(pattern: &str, dice: &mut Dice, is_serial: bool) -> String {
    let characters: Vec<char> = pattern.chars().collect();
    let mut reader = Reader {
        rest: &characters,
        dice,
        is_serial,
    };
    // Embedded options such as `(?i)` change nothing that is needed here.
    let mut text = String::new();
    while !reader.rest.is_empty() {
        text.push_str(&reader.alternatives());
        if reader.rest.first() == Some(&')') {
            reader.advance();
        }
    }
    text
}

/// A text that matches a LIKE pattern, with the number in it by which it shall differ from others.
pub(super) fn like(pattern: &str, dice: &mut Dice, serial: Option<u64>) -> String {
    let mut text = String::new();
    let mut characters = pattern.chars();
    let mut serial = serial;
    while let Some(character) = characters.next() {
        match character {
            '%' => match serial.take() {
                Some(serial) => text.push_str(&serial.to_string()),
                None => text.push_str(dice.word(&["", "x", "zé"])),
            },
            '_' => text.push_str(dice.word(&["q", "7", "é", "Z"])),
            '\\' => text.extend(characters.next()),
            other => text.push(other),
        }
    }
    text
}

struct Reader<'a, 'd> {
    rest: &'a [char],
    dice: &'d mut Dice,
    is_serial: bool,
}

impl Reader<'_, '_> {
    fn advance(&mut self) -> Option<char> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// All alternatives are read to the closing bracket; one is taken.
    fn alternatives(&mut self) -> String {
        let mut all = vec![self.sequence()];
        while self.rest.first() == Some(&'|') {
            self.advance();
            all.push(self.sequence());
        }
        let at = self.dice.below(all.len());
        all.swap_remove(at)
    }

    fn sequence(&mut self) -> String {
        let mut text = String::new();
        while let Some(&next) = self.rest.first() {
            if matches!(next, '|' | ')') {
                break;
            }
            let before = self.rest;
            let one = self.atom();
            let atom = &before[..before.len() - self.rest.len()];
            let (least, most) = self.repeats();
            let times = least + self.dice.below(most.saturating_sub(least) + 1);
            if times > 0 {
                text.push_str(&one);
            }
            for _ in 1..times {
                // Each repetition draws anew.
                let mut again = Reader {
                    rest: atom,
                    dice: &mut *self.dice,
                    is_serial: self.is_serial,
                };
                text.push_str(&again.atom());
            }
        }
        text
    }

    fn atom(&mut self) -> String {
        match self.advance() {
            Some('^' | '$') | None => String::new(),
            Some('.') => self
                .dice
                .word(&["a", "k", "7", "3", "é", "_", "Q"])
                .to_owned(),
            Some('[') => self.class().to_string(),
            Some('\\') => self.escape(),
            Some('(') => {
                let mut negated = false;
                if self.rest.first() == Some(&'?') {
                    self.advance();
                    match self.advance() {
                        Some('!') => negated = true,
                        Some('<') => {
                            self.advance();
                            negated = true;
                        }
                        _ => {}
                    }
                }
                let inner = self.alternatives();
                self.advance();
                if negated { String::new() } else { inner }
            }
            Some(other) => other.to_string(),
        }
    }

    fn escape(&mut self) -> String {
        match self.advance() {
            Some('d') => self.digit().to_string(),
            Some('w') => self
                .dice
                .word(&["a", "k", "t", "Z", "5", "2", "_"])
                .to_owned(),
            Some('s') => " ".to_owned(),
            Some('D' | 'S' | 'W') => "-".to_owned(),
            Some('A' | 'Z' | 'm' | 'M' | 'y' | 'b' | 'Y') | None => String::new(),
            Some('n') => "\n".to_owned(),
            Some('t') => "\t".to_owned(),
            Some(other) => other.to_string(),
        }
    }

    fn digit(&mut self) -> char {
        char::from(b'0' + u8::try_from(self.dice.below(10)).unwrap_or(0))
    }

    fn repeats(&mut self) -> (usize, usize) {
        let (least, most) = match self.is_serial {
            true => (REPEATS.1 / 2, REPEATS.1),
            false => (0, REPEATS.0),
        };
        let bounds = match self.rest.first() {
            Some('*') => (least, most),
            Some('+') => (least.max(1), most),
            Some('?') => (0, 1),
            Some('{') => {
                let Some(end) = self.rest.iter().position(|c| *c == '}') else {
                    return (1, 1);
                };
                let inner: String = self.rest[1..end].iter().collect();
                self.rest = &self.rest[end..];
                match inner.split_once(',') {
                    None => {
                        let times = inner.parse().unwrap_or(1);
                        (times, times)
                    }
                    Some((least, most)) => {
                        let least = least.parse().unwrap_or(0);
                        let more = if self.is_serial { REPEATS.1 } else { REPEATS.0 };
                        let most = most.parse().unwrap_or(least + more);
                        let least = if self.is_serial {
                            most.min(least + more)
                        } else {
                            least
                        };
                        (least, most.min(least + 60))
                    }
                }
            }
            _ => return (1, 1),
        };
        self.advance();
        if self.rest.first() == Some(&'?') {
            self.advance();
        }
        bounds
    }

    /// One character of a class, read to its closing bracket.
    fn class(&mut self) -> char {
        let negated = self.rest.first() == Some(&'^');
        if negated {
            self.advance();
        }
        let mut ranges: Vec<(char, char)> = Vec::new();
        while let Some(character) = self.advance() {
            match character {
                ']' if !ranges.is_empty() => break,
                '[' if self.rest.first() == Some(&':') => self.named_class(&mut ranges),
                '\\' => match self.advance() {
                    Some('d') => ranges.push(('0', '9')),
                    Some('w') => ranges.extend([('a', 'z'), ('0', '9'), ('_', '_')]),
                    Some('s') => ranges.push((' ', ' ')),
                    Some(other) => ranges.push((other, other)),
                    None => break,
                },
                '-' if !ranges.is_empty() && !matches!(self.rest.first(), Some(']') | None) => {
                    if let (Some(last), Some(end)) = (ranges.last_mut(), self.advance()) {
                        last.1 = end;
                    }
                }
                other => ranges.push((other, other)),
            }
        }
        if negated {
            let is_free = |c: &char| ranges.iter().all(|(low, high)| c < low || c > high);
            let free: Vec<char> = "azktAZQ0359_-é.".chars().filter(is_free).collect();
            return self.dice.pick(&free).copied().unwrap_or('~');
        }
        let (low, high) = self.dice.pick(&ranges).copied().unwrap_or(('a', 'a'));
        let number = self
            .dice
            .between(i128::from(u32::from(low)), i128::from(u32::from(high)));
        u32::try_from(number)
            .ok()
            .and_then(char::from_u32)
            .unwrap_or(low)
    }

    fn named_class(&mut self, ranges: &mut Vec<(char, char)>) {
        let mut name = String::new();
        self.advance();
        while let Some(character) = self.advance() {
            if character == ']' {
                break;
            }
            name.push(character);
        }
        ranges.push(match name.trim_end_matches(':') {
            "digit" | "xdigit" => ('0', '9'),
            "upper" => ('A', 'Z'),
            "space" | "blank" => (' ', ' '),
            "punct" => ('!', '!'),
            _ => ('a', 'z'),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, is_right: impl Fn(&str) -> bool) {
        let mut dice = Dice::new(3, pattern);
        for _ in 0..50 {
            let text = matching(pattern, &mut dice, false);
            assert!(is_right(&text), "{pattern}: {text:?}");
        }
    }

    #[test]
    fn simple_patterns_are_matched() {
        check("^[a-z]{3}$", |text| {
            text.len() == 3 && text.bytes().all(|b| b.is_ascii_lowercase())
        });
        check("^\\d{2,4}-x$", |text| {
            text.ends_with("-x") && (4..=6).contains(&text.len())
        });
        check("^(foo|bar)+$", |text| {
            text.replace("foo", "").replace("bar", "").is_empty() && !text.is_empty()
        });
        check("^[^@]+@[^@]+\\.[a-z]{2,}$", |text| {
            text.matches('@').count() == 1 && text.contains('.')
        });
        check("^[A-Z0-9_-]*$", |text| text.len() <= 4);
        check("^[[:digit:]]+$", |text| {
            text.bytes().all(|b| b.is_ascii_digit())
        });
        check("(((", |_| true);
        check("a{", |_| true);
        check("[", |_| true);
    }

    #[test]
    fn like_patterns_are_matched() {
        let mut dice = Dice::new(1, "like");
        assert_eq!(like("a%c\\%", &mut dice, Some(5)), "a5c%");
        assert!(like("usr-%", &mut dice, None).starts_with("usr-"));
    }
}
