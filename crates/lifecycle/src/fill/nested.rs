//! Values that are made of values.

use std::fmt::Write as _;

use super::kind::Type;
use super::moment::day_of;
use super::value::{Maker, Taste};

impl Maker<'_> {
    pub(super) fn shape(&mut self, shape: &str) -> String {
        let mut text = String::new();
        for character in shape.chars() {
            if character == '%' {
                let _ = write!(text, "{}", self.dice.between(-50, 50));
            } else {
                text.push(character);
            }
        }
        text
    }

    pub(super) fn vector(&mut self, size: usize) -> String {
        let parts: Vec<String> = (0..size.min(16_000))
            .map(|_| format!("0.{}", self.dice.below(100) + 1))
            .collect();
        format!("[{}]", parts.join(","))
    }

    pub(super) fn range(&mut self, inner: &Type) -> Option<String> {
        if self.is_nasty(15) {
            return Some(self.dice.word(&["empty", "(,)"]).to_owned());
        }
        let (low, high) = match (inner, self.serial) {
            (Type::Integer(..) | Type::Decimal(_) | Type::Float(_), serial) => {
                let low = serial.map_or_else(|| self.dice.between(0, 1000), |n| i128::from(n) * 3);
                (low.to_string(), (low + 2).to_string())
            }
            (Type::Date | Type::Timestamp(_), serial) => {
                let number = serial.unwrap_or_else(|| self.dice.next() % 9000) * 2;
                (day_of(number), day_of(number + 1))
            }
            (inner, _) => {
                let low = self.text(inner)?;
                return Some(format!("[\"{0}\",\"{0}\"]", escaped(&low)));
            }
        };
        Some(format!("[\"{low}\",\"{high}\")"))
    }

    pub(super) fn array(&mut self, inner: &Type) -> Option<String> {
        let length = match self.taste {
            Taste::Nasty => self.dice.below(4),
            _ => 1,
        };
        let length = if self.serial.is_some() { 1 } else { length };
        let mut parts = Vec::new();
        for _ in 0..length {
            let has_null = self.is_nasty(10);
            parts.push(match self.text(inner)? {
                _ if has_null => "NULL".to_owned(),
                text => format!("\"{}\"", escaped(&text)),
            });
        }
        Some(format!("{{{}}}", parts.join(",")))
    }

    pub(super) fn composite(&mut self, parts: &[Type]) -> Option<String> {
        let texts: Option<Vec<String>> = parts.iter().map(|part| self.text(part)).collect();
        let quoted: Vec<String> = texts?
            .iter()
            .map(|text| format!("\"{}\"", escaped(text)))
            .collect();
        Some(format!("({})", quoted.join(",")))
    }
}

/// Text inside the double quotes of an array, a row or a range.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// The elements of an array as its text.
pub(super) fn array_of(elements: &[&str]) -> String {
    let quoted: Vec<String> = elements
        .iter()
        .map(|text| format!("\"{}\"", escaped(text)))
        .collect();
    format!("{{{}}}", quoted.join(","))
}
