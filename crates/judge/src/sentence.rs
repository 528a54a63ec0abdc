//! The grammar of criteria: sentences that can be read aloud.
//!
//! ```text
//! more than N PROBE                        fewer than N PROBE
//! VALUE over N [unit] [for N looks]        VALUE under N …        VALUE > N        VALUE < N
//! VALUE up by more than N % [against PROBE]        VALUE down by more than N % …
//! row count of TABLE equal                 sum(COLUMN) of TABLE equal            checksum of TABLE equal
//! PROBE equal [before and after]           the verify script fails
//! VALUE = [p95 of | median of | mean of | blocks per call of | mean time of | calls of] PROBE
//! ```

use tightrope_model::nearest;

use crate::criterion::{Bound, Condition, Invariant, Stat};
use crate::duration::unit_ms;

/// A sentence that is not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotUnderstood {
    /// Where in the sentence, in bytes.
    pub(crate) offset: usize,
    /// What is wrong.
    pub(crate) message: String,
    /// What to do.
    pub(crate) hint: Option<String>,
}

/// A probe that a sentence may name.
#[derive(Clone, Debug)]
pub(crate) struct Known<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// How many of the probe's units a millisecond is; none where its unit is no time.
    pub(crate) per_ms: Option<f64>,
    /// What it measures per statement, if it measures more than one thing.
    pub(crate) measures: &'static [&'static str],
}

/// What the verify script's probe is called.
pub(crate) const VERIFY: &str = "verify script";

const EXAMPLES: &str = "such as \"more than 10 errors\", \"p95 of checkout up by more than 20 %\", \"row count of orders equal\", \
     \"replication lag over 30 s\"";

/// Reads a sentence.
pub(crate) fn read(text: &str, probes: &[Known<'_>]) -> Result<Condition, NotUnderstood> {
    let sentence = Sentence { text, probes };
    let part = Part::whole(text);
    if matches!(
        part.text.to_lowercase().as_str(),
        "the verify script fails" | "verify script fails"
    ) {
        return Ok(limit_of(VERIFY, Bound::Over, 0.0));
    }
    if let Some(measured) = part
        .before_suffix(" before and after")
        .unwrap_or(part)
        .before_any_suffix(&[" equal", " is equal", " stays equal", " unchanged"])
    {
        return sentence.invariant(measured);
    }
    for (phrase, bound) in [
        (" up by more than ", Bound::Over),
        (" down by more than ", Bound::Under),
    ] {
        if let Some((left, right)) = part.split(phrase) {
            return sentence.change(left, bound, right);
        }
    }
    for (phrase, bound) in [
        ("more than ", Bound::Over),
        ("fewer than ", Bound::Under),
        ("less than ", Bound::Under),
    ] {
        if let Some(rest) = part.after_prefix(phrase) {
            return sentence.counted(rest, bound);
        }
    }
    for (phrase, bound) in [
        (" > ", Bound::Over),
        (" over ", Bound::Over),
        (" above ", Bound::Over),
        (" < ", Bound::Under),
        (" under ", Bound::Under),
        (" below ", Bound::Under),
    ] {
        if let Some((left, right)) = part.split(phrase) {
            return sentence.limit(left, bound, right);
        }
    }
    Err(not_a_sentence(part, probes))
}

fn limit_of(probe: &str, bound: Bound, value: f64) -> Condition {
    Condition::Limit {
        probe: probe.to_owned(),
        measure: None,
        stat: None,
        bound,
        value,
        looks: 1,
    }
}

/// The word that is nearest to one of the grammar's, as the place to point at.
fn not_a_sentence(part: Part<'_>, probes: &[Known<'_>]) -> NotUnderstood {
    const WORDS: [&str; 12] = [
        "more", "than", "fewer", "over", "under", "above", "below", "equal", "count", "checksum",
        "against", "median",
    ];
    for word in part.words() {
        let lower = word.text.to_lowercase();
        let is_known = WORDS.contains(&lower.as_str())
            || probes.iter().any(|probe| probe.name.contains(word.text));
        if is_known || lower.len() < 3 {
            continue;
        }
        if let Some(near) =
            nearest(&lower, &WORDS).filter(|near| near.len().abs_diff(lower.len()) <= 2)
        {
            return NotUnderstood {
                offset: word.offset,
                message: format!("`{}` is not understood", word.text),
                hint: Some(format!("did you mean `{near}`?")),
            };
        }
    }
    NotUnderstood {
        offset: part.offset,
        message: format!(
            "the criterion `{}` says neither a limit nor a comparison",
            part.text
        ),
        hint: Some(EXAMPLES.to_owned()),
    }
}

struct Sentence<'t, 'p> {
    text: &'t str,
    probes: &'p [Known<'p>],
}

/// What a value is made of: `p95 of checkout`.
struct Valued<'p> {
    probe: &'p Known<'p>,
    stat: Option<Stat>,
    measure: Option<String>,
}

impl<'p> Sentence<'_, 'p> {
    fn counted(&self, rest: Part<'_>, bound: Bound) -> Result<Condition, NotUnderstood> {
        let (number, name) = rest
            .split(" ")
            .ok_or_else(|| wanted(rest, "a number and a probe"))?;
        let value = number.number()?;
        let probe = self.probe(name)?;
        Ok(limit_of(probe.name, bound, value))
    }

    fn limit(
        &self,
        left: Part<'_>,
        bound: Bound,
        right: Part<'_>,
    ) -> Result<Condition, NotUnderstood> {
        let valued = self.value(left)?;
        let (amount, looks) = match right.split(" for ") {
            Some((amount, looks)) => (amount, looks.looks()?),
            None => (right, 1),
        };
        Ok(Condition::Limit {
            probe: valued.probe.name.to_owned(),
            measure: valued.measure,
            stat: valued.stat,
            bound,
            value: amount.amount(valued.probe)?,
            looks,
        })
    }

    fn change(
        &self,
        left: Part<'_>,
        bound: Bound,
        right: Part<'_>,
    ) -> Result<Condition, NotUnderstood> {
        let valued = self.value(left)?;
        let (amount, against) = match right.split(" against ") {
            Some((amount, against)) => (amount, Some(self.probe(against)?.name.to_owned())),
            None => (right, None),
        };
        let percent = amount
            .before_any_suffix(&[" %", "%", " percent"])
            .ok_or_else(|| wanted(amount, "a share in percent, such as `20 %`"))?;
        Ok(Condition::Change {
            probe: valued.probe.name.to_owned(),
            measure: valued.measure,
            stat: valued.stat.unwrap_or(Stat::Percentile(50)),
            bound,
            percent: percent.number()?,
            against,
        })
    }

    fn invariant(&self, of: Part<'_>) -> Result<Condition, NotUnderstood> {
        let lower = of.text.to_lowercase();
        let name = |part: Part<'_>| part.text.to_owned();
        let of_table = ["row count of ", "rows of ", "number of rows of "];
        if let Some(table) = of_table.iter().find_map(|phrase| of.after_prefix(phrase)) {
            return Ok(Condition::Invariant(Invariant::Rows { table: name(table) }));
        }
        if let Some(table) = of.after_prefix("checksum of ") {
            return Ok(Condition::Invariant(Invariant::Checksum {
                table: name(table),
            }));
        }
        if let Some(column) = of.after_prefix("sum of ") {
            return Ok(Condition::Invariant(sum(column.text, None)));
        }
        if lower.starts_with("sum(") {
            let close = of
                .text
                .find(')')
                .ok_or_else(|| wanted(of, "a closing parenthesis"))?;
            let table = of.text[close + 1..].trim();
            let table = match table.strip_prefix("of ") {
                Some(table) => Some(table.trim()),
                None if table.is_empty() => None,
                None => return Err(wanted(of, "`sum(COLUMN) of TABLE`")),
            };
            return Ok(Condition::Invariant(sum(of.text[4..close].trim(), table)));
        }
        Ok(Condition::Invariant(Invariant::Probe {
            probe: self.probe(of)?.name.to_owned(),
        }))
    }

    /// `p95 of checkout`, `blocks per call of by_customer`, `replication lag`.
    fn value(&self, part: Part<'_>) -> Result<Valued<'p>, NotUnderstood> {
        if let Some(probe) = self.find(part.text) {
            return Ok(Valued {
                probe,
                stat: None,
                measure: None,
            });
        }
        let Some((left, name)) = part.split(" of ") else {
            return self.probe(part).map(|probe| Valued {
                probe,
                stat: None,
                measure: None,
            });
        };
        let probe = self.probe(name)?;
        let lower = left.text.to_lowercase();
        if let Some(measure) = probe.measures.iter().find(|measure| **measure == lower) {
            return Ok(Valued {
                probe,
                stat: None,
                measure: Some((*measure).to_owned()),
            });
        }
        let percentile = || {
            let number: u8 = lower.strip_prefix('p')?.parse().ok()?;
            (1..=99)
                .contains(&number)
                .then_some(Stat::Percentile(number))
        };
        let stat = match lower.as_str() {
            "mean" | "average" => Some(Stat::Mean),
            "median" => Some(Stat::Percentile(50)),
            _ => percentile(),
        };
        match stat {
            Some(stat) if probe.measures.is_empty() => Ok(Valued {
                probe,
                stat: Some(stat),
                measure: None,
            }),
            _ => {
                let known: Vec<&str> = ["median", "mean", "p95"]
                    .into_iter()
                    .chain(probe.measures.iter().copied())
                    .collect();
                let known = if probe.measures.is_empty() {
                    known
                } else {
                    probe.measures.to_vec()
                };
                let hint = match nearest(&lower, &known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known of `{}` are {}", probe.name, known.join(", ")),
                };
                Err(NotUnderstood {
                    offset: left.offset,
                    message: format!("`{}` of `{}` is not known", left.text, probe.name),
                    hint: Some(hint),
                })
            }
        }
    }

    fn find(&self, name: &str) -> Option<&'p Known<'p>> {
        self.probes
            .iter()
            .find(|probe| probe.name.eq_ignore_ascii_case(name))
    }

    fn probe(&self, part: Part<'_>) -> Result<&'p Known<'p>, NotUnderstood> {
        debug_assert!(part.offset <= self.text.len());
        self.find(part.text).ok_or_else(|| {
            let known: Vec<&str> = self.probes.iter().map(|probe| probe.name).collect();
            let hint = match nearest(part.text, &known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!(
                    "known are {}; add one under [watch.probes]",
                    known.join(", ")
                ),
            };
            NotUnderstood {
                offset: part.offset,
                message: format!("no probe is called `{}`", part.text),
                hint: Some(hint),
            }
        })
    }
}

/// `amount`, `orders.amount` or `shop.orders.amount`: what stands before the last dot is the table.
fn sum(column: &str, table: Option<&str>) -> Invariant {
    let (left, column) = match column.rsplit_once('.') {
        Some((left, column)) if table.is_none() => (Some(left), column),
        _ => (None, column),
    };
    Invariant::Sum {
        table: table.or(left).map(str::to_owned),
        column: column.to_owned(),
    }
}

fn wanted(part: Part<'_>, what: &str) -> NotUnderstood {
    NotUnderstood {
        offset: part.offset,
        message: format!("`{}` is not understood: {what} is wanted here", part.text),
        hint: None,
    }
}

/// A part of a sentence that knows where it stands.
#[derive(Clone, Copy)]
struct Part<'t> {
    text: &'t str,
    offset: usize,
}

impl<'t> Part<'t> {
    fn whole(text: &'t str) -> Self {
        Part { text, offset: 0 }.trimmed()
    }

    fn trimmed(self) -> Self {
        let start = self.text.len() - self.text.trim_start().len();
        Self {
            text: self.text.trim(),
            offset: self.offset + start,
        }
    }

    /// Keywords are the same in capitals; only letters of ASCII change, so that bytes stay where they are.
    fn lower(self) -> String {
        self.text.to_ascii_lowercase()
    }

    fn split(self, phrase: &str) -> Option<(Self, Self)> {
        let at = self.lower().find(phrase)?;
        let end = at + phrase.len();
        let left = Part {
            text: &self.text[..at],
            offset: self.offset,
        };
        let right = Part {
            text: &self.text[end..],
            offset: self.offset + end,
        };
        Some((left.trimmed(), right.trimmed()))
    }

    fn after_prefix(self, phrase: &str) -> Option<Self> {
        self.lower().starts_with(phrase).then(|| {
            Part {
                text: &self.text[phrase.len()..],
                offset: self.offset + phrase.len(),
            }
            .trimmed()
        })
    }

    fn before_suffix(self, phrase: &str) -> Option<Self> {
        self.lower().ends_with(phrase).then(|| {
            Part {
                text: &self.text[..self.text.len() - phrase.len()],
                offset: self.offset,
            }
            .trimmed()
        })
    }

    fn before_any_suffix(self, phrases: &[&str]) -> Option<Self> {
        phrases.iter().find_map(|phrase| self.before_suffix(phrase))
    }

    fn words(self) -> impl Iterator<Item = Part<'t>> {
        let start = self.text.as_ptr() as usize;
        self.text.split_whitespace().map(move |word| Part {
            text: word,
            offset: self.offset + (word.as_ptr() as usize - start),
        })
    }

    fn number(self) -> Result<f64, NotUnderstood> {
        let number = self.text.replace(['_', ' '], "").parse::<f64>().ok();
        number
            .filter(|number| number.is_finite())
            .ok_or_else(|| wanted(self, "a number"))
    }

    /// A number with its unit; a unit of time is brought to the probe's own.
    fn amount(self, probe: &Known<'_>) -> Result<f64, NotUnderstood> {
        let end = self
            .text
            .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '_' | '-' | '+')))
            .unwrap_or(self.text.len());
        let number = Part {
            text: &self.text[..end],
            offset: self.offset,
        }
        .number()?;
        let unit = Part {
            text: &self.text[end..],
            offset: self.offset + end,
        }
        .trimmed();
        match (unit.text, unit_ms(unit.text), probe.per_ms) {
            ("", _, _) => Ok(number),
            (_, Some(milliseconds), Some(per_ms)) => Ok(number * milliseconds as f64 * per_ms),
            (_, Some(_), None) => Err(NotUnderstood {
                offset: unit.offset,
                message: format!("`{}` measures no time", probe.name),
                hint: Some(format!(
                    "say its unit: `unit = \"ms\"` under [watch.probes.\"{}\"]",
                    probe.name
                )),
            }),
            ("%" | "rows" | "bytes" | "sessions", ..) => Ok(number),
            _ => Err(wanted(unit, "a unit such as ms, s, min or h")),
        }
    }

    fn looks(self) -> Result<u32, NotUnderstood> {
        let number = self.before_any_suffix(&[" looks", " look"]);
        number
            .and_then(|number| number.text.parse().ok())
            .filter(|looks| *looks > 0)
            .ok_or_else(|| wanted(self, "a number of looks, such as `for 3 looks`,"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probes() -> Vec<Known<'static>> {
        let of = |name, per_ms, measures| Known {
            name,
            per_ms,
            measures,
        };
        vec![
            of("errors", None, &[]),
            of("rows failed", None, &[]),
            of("checkout", Some(1.0), &[]),
            of("browse", Some(1.0), &[]),
            of("replication lag", Some(0.001), &[]),
            of(
                "by_customer",
                None,
                &["blocks per call", "mean time", "calls"],
            ),
        ]
    }

    fn limit(probe: &str, bound: Bound, value: f64) -> Condition {
        limit_of(probe, bound, value)
    }

    #[test]
    fn sentences_are_read_aloud() {
        let check =
            |text: &str, expect: Condition| assert_eq!(read(text, &probes()), Ok(expect), "{text}");
        check("more than 10 errors", limit("errors", Bound::Over, 10.0));
        check("Fewer than 5 errors", limit("errors", Bound::Under, 5.0));
        check("rows failed > 0", limit("rows failed", Bound::Over, 0.0));
        check(
            "replication lag over 30 s",
            limit("replication lag", Bound::Over, 30.0),
        );
        check(
            "replication lag over 2 min",
            limit("replication lag", Bound::Over, 120.0),
        );
        check("the verify script fails", limit(VERIFY, Bound::Over, 0.0));
        let rows = Invariant::Rows {
            table: "orders".to_owned(),
        };
        check("row count of orders equal", Condition::Invariant(rows));
        let sum = |table: Option<&str>| {
            Condition::Invariant(Invariant::Sum {
                table: table.map(str::to_owned),
                column: "amount".to_owned(),
            })
        };
        check("sum(amount) equal before and after", sum(None));
        check("sum(orders.amount) equal", sum(Some("orders")));
        check("sum(amount) of orders equal", sum(Some("orders")));
        check("sum of orders.amount unchanged", sum(Some("orders")));
        let checksum = Invariant::Checksum {
            table: "orders".to_owned(),
        };
        check(
            "checksum of orders equal before and after",
            Condition::Invariant(checksum),
        );
    }

    #[test]
    fn changes_have_a_statistic_and_a_control() {
        let change =
            |probe: &str, measure: Option<&str>, stat, against: Option<&str>| Condition::Change {
                probe: probe.to_owned(),
                measure: measure.map(str::to_owned),
                stat,
                bound: Bound::Over,
                percent: 20.0,
                against: against.map(str::to_owned),
            };
        let check =
            |text: &str, expect: Condition| assert_eq!(read(text, &probes()), Ok(expect), "{text}");
        let p95 = Stat::Percentile(95);
        check(
            "p95 of checkout up by more than 20 %",
            change("checkout", None, p95, None),
        );
        check(
            "p95 of checkout up by more than 20% against browse",
            change("checkout", None, p95, Some("browse")),
        );
        let median = Stat::Percentile(50);
        check(
            "checkout up by more than 20 %",
            change("checkout", None, median, None),
        );
        check(
            "blocks per call of by_customer up by more than 20 %",
            change("by_customer", Some("blocks per call"), median, None),
        );
    }

    #[test]
    fn a_limit_may_have_to_last() {
        let found = read("checkout over 500 ms for 3 looks", &probes()).unwrap();
        assert!(
            matches!(
                found,
                Condition::Limit {
                    looks: 3,
                    value: 500.0,
                    ..
                }
            ),
            "{found:?}"
        );
    }

    #[test]
    fn what_is_not_understood_says_where_and_what_is_near() {
        let check = |text: &str, word: &str, message: &str, hint: &str| {
            let error = read(text, &probes()).unwrap_err();
            assert_eq!(
                &text[error.offset..error.offset + word.len()],
                word,
                "{error:?}"
            );
            assert!(error.message.contains(message), "{error:?}");
            assert!(
                error.hint.clone().unwrap_or_default().contains(hint),
                "{error:?}"
            );
        };
        check(
            "more than 10 erors",
            "erors",
            "no probe is called `erors`",
            "`errors`",
        );
        check(
            "p95 of chekout up by more than 20 %",
            "chekout",
            "no probe",
            "`checkout`",
        );
        check(
            "p95 of checkout upp by mor than 20 %",
            "mor",
            "not understood",
            "`more`",
        );
        check("more than ten errors", "ten", "a number", "");
        check(
            "medan of checkout over 5 ms",
            "medan",
            "not known",
            "`median`",
        );
        check(
            "blocks of by_customer over 5",
            "blocks",
            "not known",
            "`blocks per call`",
        );
        check("errors over 5 s", "s", "measures no time", "unit");
        check(
            "checkout up by more than 20 apples",
            "20 apples",
            "percent",
            "",
        );
        check(
            "zebra",
            "zebra",
            "neither a limit nor a comparison",
            "more than 10 errors",
        );
    }
}
