//! Flyway's placeholders: `${name}` in a script, and where their values come from.

use std::collections::BTreeMap;

use tightrope_model::{EngineKind, Finding, Place, Severity, Span};

use crate::scan::{TokenKind, Tokens};

use super::source::Source;

/// Where placeholders are replaced, and by what.
#[derive(Clone, Debug)]
pub(super) struct Placeholders {
    pub(super) replace: bool,
    prefix: String,
    suffix: String,
    /// Values by lower-case name: Flyway does not tell letter case apart.
    values: BTreeMap<String, String>,
}

impl Placeholders {
    pub(super) fn new() -> Self {
        Self {
            replace: true,
            prefix: "${".to_owned(),
            suffix: "}".to_owned(),
            values: BTreeMap::new(),
        }
    }

    pub(super) fn set_value(&mut self, name: &str, value: &str) {
        self.values.insert(name.to_lowercase(), value.to_owned());
    }

    /// Takes one of Flyway's settings, named without `flyway.`.
    pub(super) fn set(&mut self, key: &str, value: &str) {
        match key {
            "placeholderReplacement" => self.replace = value != "false",
            "placeholderPrefix" => value.clone_into(&mut self.prefix),
            "placeholderSuffix" => value.clone_into(&mut self.suffix),
            _ => {
                if let Some(name) = key.strip_prefix("placeholders.") {
                    self.set_value(name, value);
                }
            }
        }
    }

    /// The text with the placeholders replaced. One without a value is a finding, unless it stands in a comment.
    pub(super) fn fill(
        &self,
        source: &Source<'_>,
        text: &str,
        dialect: EngineKind,
        findings: &mut Vec<Finding>,
    ) -> String {
        if !self.replace || self.prefix.is_empty() || self.suffix.is_empty() {
            return text.to_owned();
        }
        let mut filled = String::with_capacity(text.len());
        let mut position = 0;
        while let Some((span, name)) = self.next(text, position) {
            filled.push_str(&text[position..span.start]);
            match self.value(source, name, dialect) {
                Some(value) => filled.push_str(&value),
                None => {
                    filled.push_str(span.of(text));
                    if !in_comment(text, span.start, dialect) {
                        findings.push(self.missing(source, text, span.start, name));
                    }
                }
            }
            position = span.end;
        }
        filled.push_str(&text[position..]);
        filled
    }

    fn next<'t>(&self, text: &'t str, from: usize) -> Option<(Span, &'t str)> {
        let start = from + text[from..].find(&self.prefix)?;
        let name_start = start + self.prefix.len();
        let name_end = name_start + text[name_start..].find(&self.suffix)?;
        let span = Span {
            start,
            end: name_end + self.suffix.len(),
        };
        Some((span, &text[name_start..name_end]))
    }

    fn value(&self, source: &Source<'_>, name: &str, dialect: EngineKind) -> Option<String> {
        let name = name.trim().to_lowercase();
        if let Some(value) = self.values.get(&name) {
            return Some(value.clone());
        }
        let built_in = match (name.as_str(), dialect) {
            ("flyway:filename", _) => source.file_name(),
            ("flyway:table", _) => "flyway_schema_history",
            ("flyway:defaultschema", EngineKind::Postgres) => "public",
            ("flyway:defaultschema", EngineKind::Sqlite) => "main",
            _ => return None,
        };
        Some(built_in.to_owned())
    }

    fn missing(&self, source: &Source<'_>, text: &str, offset: usize, name: &str) -> Finding {
        Finding::new(
            Severity::Error,
            "unknown-placeholder",
            format!("placeholder `{name}` has no value"),
        )
        .at(Place::at(&source.file, text, offset))
        .hint(format!(
            "give it one under `[placeholders]` in tightrope.toml or as `flyway.placeholders.{name}` in flyway.conf; or set \
             `placeholderReplacement=false` in `{}.conf`",
            source.file_name()
        ))
    }
}

fn in_comment(text: &str, offset: usize, dialect: EngineKind) -> bool {
    Tokens::of(text, dialect)
        .find(|token| token.end() > offset)
        .is_some_and(|token| token.kind == TokenKind::Comment)
}
