//! Rows for one table: values that agree with each other, with the keys of other tables, and with the wishes of the checks.

use tightrope_engine::RowDialect;

use super::bounds::{measured, measured_bytes};
use super::dice::Dice;
use super::kind::Type;
use super::nested::array_of;
use super::table::{Column, Table};
use super::token::Token;
use super::value::{Maker, Taste};
use super::wish::{Pattern, Relation, Wish, Wishes};

/// A row's values as SQL literals, by the number of the column; none where the column is left out.
pub(super) type Cells = Vec<Option<String>>;

/// How often the keys of a row are chosen anew.
const MOST_CHOICES: usize = 20;

/// The literal for no value.
pub(super) const NULL: &str = "null";

/// Makes rows for a table.
pub(super) struct RowMaker<'a> {
    pub(super) table: &'a Table,
    pub(super) dialect: RowDialect,
    /// For each foreign key the rows that it may refer to, as SQL literals.
    pub(super) parents: &'a [Vec<Vec<String>>],
    pub(super) dice: Dice,
    pub(super) taste: Taste,
    /// The number of the next row, unlike every row's that was.
    pub(super) serial: u64,
    /// How many rows were made.
    pub(super) made: usize,
}

impl RowMaker<'_> {
    /// A row; an error is the name of a table of which no row fits.
    pub(super) fn row(&mut self) -> Result<Cells, String> {
        let mut row = self.try_row();
        for _ in 1..MOST_CHOICES {
            if row.is_ok() {
                break;
            }
            // What was chosen for one key may have left nothing for the next.
            row = self.try_row();
        }
        row
    }

    fn try_row(&mut self) -> Result<Cells, String> {
        self.serial += 1;
        self.made += 1;
        let mut wishes = Wishes::default();
        if self.taste != Taste::Nasty || self.dice.percent(90) {
            for check in &self.table.checks {
                wishes.add(&check.condition, true, &mut self.dice);
            }
        }
        let mut cells: Cells = vec![None; self.table.columns.len()];
        self.refer(&mut cells, &wishes)?;
        let nothing = Wish::default();
        for (number, column) in self.table.columns.iter().enumerate() {
            if column.generated.is_some() || cells[number].is_some() {
                continue;
            }
            let wish = wishes.columns.get(&number).unwrap_or(&nothing);
            cells[number] = self.cell(number, column, wish);
        }
        for relation in wishes.relations {
            self.relate(&mut cells, relation);
        }
        Ok(cells)
    }

    fn cell(&mut self, number: usize, column: &Column, wish: &Wish) -> Option<String> {
        let is_serial = self.is_serial(number);
        let by_chance = match self.taste {
            Taste::Nasty => self.dice.percent(15) && !self.table.serial.contains(&number),
            Taste::Plain => column.kind == Type::Unknown,
            Taste::Bare if column.has_default && wish.null.is_none() => return None,
            Taste::Bare => true,
        };
        let may_be_null = !column.not_null;
        if may_be_null && (wish.null == Some(true) || wish.null.is_none() && by_chance) {
            return Some(NULL.to_owned());
        }
        for _ in 0..4 {
            let Some(text) = self.text(column, wish, is_serial) else {
                break;
            };
            if wish.none_of.iter().all(|token| token.text != text) {
                return Some(self.literal(&text, &column.kind));
            }
        }
        match (column.has_default, may_be_null) {
            // Rows in one statement have the same columns; what is left out there fails alone and is made again bare.
            (true, false) => None,
            _ => Some(NULL.to_owned()),
        }
    }

    fn is_serial(&mut self, number: usize) -> bool {
        self.table.serial.contains(&number)
            || self
                .table
                .uniques
                .iter()
                .any(|unique| unique.contains(&number))
                && self.dice.percent(70)
    }

    /// A value's text as the wish wants it, as far as that is possible.
    fn text(&mut self, column: &Column, wish: &Wish, is_serial: bool) -> Option<String> {
        let kind = &column.kind;
        if let Some(listed) = &wish.one_of {
            let is_wanted = |token: &&Token| {
                !wish.none_of.contains(token) && fits(kind, &token.text, self.dialect.is_typed)
            };
            let wanted: Vec<&Token> = listed.iter().filter(is_wanted).collect();
            if let Some(token) = self.dice.pick(&wanted) {
                return Some(truth(token, kind));
            }
        }
        if let (Some(pattern), Type::Text(limit)) = (&wish.pattern, kind) {
            let text = match pattern {
                Pattern::Regular(pattern) => {
                    super::pattern::matching(pattern, &mut self.dice, is_serial)
                }
                Pattern::Like(pattern) => {
                    let serial = is_serial.then_some(self.serial);
                    super::pattern::like(pattern, &mut self.dice, serial)
                }
            };
            return Some(text.chars().take(limit.unwrap_or(usize::MAX)).collect());
        }
        if (wish.low.is_some() || wish.high.is_some())
            && let Some(text) = self.between(kind, wish, is_serial)
        {
            return Some(text);
        }
        if !wish.mentioned.is_empty()
            && self.dice.percent(70)
            && let Some(text) = self.mentioned(kind, &wish.mentioned)
        {
            return Some(text);
        }
        let mut maker = Maker {
            dice: &mut self.dice,
            taste: self.taste,
            serial: is_serial.then_some(self.serial),
        };
        if let (Type::Array(inner), Some(_)) = (kind, wish.shortest.or(wish.longest)) {
            let length = wish.shortest.unwrap_or(0).min(50);
            let elements: Option<Vec<String>> = (0..length).map(|_| maker.text(inner)).collect();
            let elements = elements?;
            return Some(array_of(
                &elements.iter().map(String::as_str).collect::<Vec<_>>(),
            ));
        }
        let text = maker.text(kind)?;
        Some(match kind {
            Type::Text(_) => measured(text, wish),
            Type::Bytes => measured_bytes(text, wish),
            _ => text,
        })
    }

    /// A value from what stands in a condition that is not understood.
    fn mentioned(&mut self, kind: &Type, mentioned: &[Token]) -> Option<String> {
        let texts: Vec<&str> = mentioned.iter().map(|token| token.text.as_str()).collect();
        match kind {
            Type::Json(_) => {
                let parsed = texts.iter().find(|text| text.starts_with(['{', '[']));
                if let (Some(text), true) = (parsed, self.dice.percent(50)) {
                    return Some((*text).to_owned());
                }
                let values = ["1", "\"x\"", "{}", "[1]", "true"];
                let members = texts.iter().map(|key| {
                    let key = serde_json::Value::from(*key);
                    format!("{key}: {}", self.dice.word(&values))
                });
                let members: Vec<String> = members.collect();
                Some(format!("{{{}}}", members.join(", ")))
            }
            Type::Array(inner) => {
                let elements: Vec<&str> = texts
                    .iter()
                    .copied()
                    .filter(|text| fits(inner, text, true))
                    .collect();
                let taken = self.dice.below(elements.len() + 1);
                (!elements.is_empty()).then(|| array_of(&elements[..taken]))
            }
            kind => {
                let fitting = |token: &&Token| fits(kind, &token.text, self.dialect.is_typed);
                let fitting: Vec<&Token> = mentioned.iter().filter(fitting).collect();
                let token = self.dice.pick(&fitting)?;
                let text = truth(token, kind);
                match (kind, text.parse::<i128>()) {
                    (Type::Integer(low, high), Ok(number)) => {
                        let near = number.saturating_add(self.dice.between(-1, 1));
                        Some(near.clamp(*low, *high).to_string())
                    }
                    _ => Some(text),
                }
            }
        }
    }

    fn relate(&mut self, cells: &mut Cells, relation: Relation) {
        let is_foreign = |column: usize| {
            self.table
                .foreigns
                .iter()
                .any(|foreign| foreign.columns.contains(&column))
        };
        match relation {
            Relation::Same(left, right) if is_foreign(left) => cells[right] = cells[left].clone(),
            Relation::Same(left, right) => cells[left] = cells[right].clone(),
            Relation::Ordered(left, right) => {
                let both = (cells[left].clone(), cells[right].clone());
                let (Some(low), Some(high)) = both else {
                    return;
                };
                let is_wrong = match (number_of(&low), number_of(&high)) {
                    (Some(low), Some(high)) => low > high,
                    _ => low > high && low != NULL && high != NULL,
                };
                let same_kind = self.table.columns[left].kind == self.table.columns[right].kind;
                if is_wrong && same_kind && !is_foreign(left) && !is_foreign(right) {
                    cells.swap(left, right);
                }
            }
        }
    }

    /// A value's text as SQL.
    pub(super) fn literal(&self, text: &str, kind: &Type) -> String {
        let quoted = || format!("'{}'", text.replace('\'', "''"));
        if self.dialect.is_typed {
            return quoted();
        }
        match kind {
            Type::Integer(..) | Type::Float(_) | Type::Decimal(_) => match text.parse::<f64>() {
                Ok(number) if number.is_finite() => text.to_owned(),
                Ok(number) if *kind == Type::Float(64) && number > 0.0 => "9e999".to_owned(),
                _ => "0".to_owned(),
            },
            Type::Bytes => match text.strip_prefix("\\x") {
                Some(hex) => format!("x'{hex}'"),
                None => quoted(),
            },
            Type::Date | Type::Timestamp(_)
                if text.contains("infinity") || text.ends_with("BC") =>
            {
                "'9999-12-31'".to_owned()
            }
            _ => quoted(),
        }
    }
}

fn number_of(literal: &str) -> Option<f64> {
    literal.trim_matches('\'').parse().ok()
}

/// The text of a literal, where engines without booleans write numbers for them.
fn truth(token: &Token, kind: &Type) -> String {
    match (kind, token.text.to_ascii_lowercase().as_str()) {
        (Type::Integer(..), "true") => "1".to_owned(),
        (Type::Integer(..), "false") => "0".to_owned(),
        _ => token.text.clone(),
    }
}

/// Whether a literal's text can be a value of the type.
fn fits(kind: &Type, text: &str, is_typed: bool) -> bool {
    match kind {
        Type::Integer(low, high) => {
            let number = text.parse::<i128>();
            let is_truth = matches!(text.to_ascii_lowercase().as_str(), "true" | "false");
            number.is_ok_and(|number| (low..=high).contains(&&number)) || !is_typed && is_truth
        }
        Type::Float(_) | Type::Decimal(_) => text.parse::<f64>().is_ok(),
        Type::Text(limit) => limit.is_none_or(|limit| text.chars().count() <= limit),
        Type::Boolean => {
            matches!(
                text.to_ascii_lowercase().as_str(),
                "true" | "false" | "t" | "f"
            )
        }
        Type::Enum(labels) => labels.iter().any(|label| label == text),
        Type::Date | Type::Timestamp(_) => text
            .get(..10)
            .is_some_and(|day| day.parse::<jiff::civil::Date>().is_ok()),
        Type::Uuid => text.len() == 36 && text.matches('-').count() == 4,
        Type::Json(_) => serde_json::from_str::<serde_json::Value>(text).is_ok(),
        Type::Name => text.len() < 64,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_fit_types() {
        assert!(fits(&Type::Integer(0, 9), "9", true));
        assert!(!fits(&Type::Integer(0, 9), "10", true));
        assert!(!fits(&Type::Text(Some(2)), "abc", true));
        assert!(fits(&Type::Date, "2024-02-29", true));
        assert!(!fits(&Type::Interval, "1 day", true));
    }
}
