//! One script: a text with its statements.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tightrope_model::{Digest, EngineKind, Finding, Place, Severity, Span};

use crate::classify::classify;
use crate::scan::{Scan, SegmentKind, Tokens, scan};
use crate::statement::{Command, Parsed, Statement};

/// How a script wants to be run.
///
/// It is stored with a rollback script, so that the script is run the same way without its folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransactionMode {
    /// In one transaction if every statement can run in one; otherwise what cannot runs alone, between transactions.
    Auto,
    /// In one transaction, whatever it holds.
    Required,
    /// Each statement by itself.
    Never,
}

impl TransactionMode {
    /// All modes.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Required, Self::Never];

    /// The name as it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Required => "required",
            Self::Never => "never",
        }
    }

    /// The mode of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }
}

/// A forward, rollback or verify script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The file that it stands in, as the user named it.
    pub file: PathBuf,
    /// The whole file's text, without a byte order mark, and with Flyway's placeholders filled in.
    pub text: String,
    /// The part of the text that is this script: some formats keep both directions in one file.
    pub range: Span,
    /// How it wants to be run.
    pub transaction: TransactionMode,
}

impl Script {
    /// A script that is a whole text.
    pub fn whole(
        file: impl Into<PathBuf>,
        text: impl Into<String>,
        transaction: TransactionMode,
    ) -> Self {
        let text = text.into();
        let range = Span {
            start: 0,
            end: text.len(),
        };
        Self {
            file: file.into(),
            text,
            range,
            transaction,
        }
    }

    /// The script's own part of the file.
    pub fn source(&self) -> &str {
        self.range.of(&self.text)
    }

    /// The digest of the script's exact bytes.
    pub fn digest(&self) -> Digest {
        Digest::of(self.source())
    }

    /// The digest of what the script means: of its tokens without comments and white space, so that a harmless edit does
    /// not matter. COPY data counts byte for byte.
    pub fn meaning_digest(&self, dialect: EngineKind) -> Digest {
        let mut parts: Vec<&str> = Vec::new();
        for segment in self.scan(dialect).segments {
            match segment.kind {
                SegmentKind::Statement => parts.extend(
                    Tokens::new(&self.text, segment.span, dialect)
                        .filter(|token| token.is_significant())
                        .map(|token| token.text),
                ),
                SegmentKind::MetaCommand | SegmentKind::CopyData => {
                    parts.push(segment.span.of(&self.text));
                }
            }
            parts.push(";");
        }
        Digest::of_parts(parts)
    }

    /// Whether the script holds no statement.
    pub fn is_empty(&self, dialect: EngineKind) -> bool {
        self.statement_count(dialect) == 0
    }

    /// How many statements the script holds.
    pub fn statement_count(&self, dialect: EngineKind) -> usize {
        let segments = self.scan(dialect).segments;
        segments
            .iter()
            .filter(|segment| segment.kind == SegmentKind::Statement)
            .count()
    }

    /// Splits and classifies the script.
    pub fn parse(&self, dialect: EngineKind) -> Parsed {
        let scan = self.scan(dialect);
        let mut parsed = Parsed {
            statements: Vec::new(),
            findings: self.unclosed(&scan),
        };
        for segment in &scan.segments {
            match segment.kind {
                SegmentKind::Statement => {
                    parsed
                        .statements
                        .push(classify(&self.text, segment.span, dialect));
                }
                SegmentKind::CopyData => {
                    if let Some(statement) = parsed.statements.last_mut() {
                        statement.copy_data = Some(segment.span);
                    }
                }
                SegmentKind::MetaCommand => parsed.findings.push(self.meta_command(segment.span)),
            }
        }
        parsed.findings.extend(self.rolled_back(&parsed.statements));
        parsed
    }

    /// The place of a byte offset in the file's text.
    pub fn place(&self, offset: usize) -> Place {
        Place::at(&self.file, &self.text, offset)
    }

    /// The place where the script begins in its file.
    pub fn start(&self) -> Place {
        self.place(self.range.start)
    }

    /// A statement's text.
    pub fn text_of(&self, statement: &Statement) -> &str {
        statement.span.of(&self.text)
    }

    fn scan(&self, dialect: EngineKind) -> Scan {
        scan(&self.text, self.range, dialect)
    }

    fn unclosed(&self, scan: &Scan) -> Vec<Finding> {
        scan.problems
            .iter()
            .map(|problem| {
                let message = format!("{} begins here and is never closed", problem.what);
                Finding::new(Severity::Error, "never-closed", message)
                    .at(self.place(problem.offset))
                    .hint("close it; everything after it would be taken for a part of it")
            })
            .collect()
    }

    fn meta_command(&self, span: Span) -> Finding {
        let line = span.of(&self.text);
        let name: String = line.chars().take_while(|c| !c.is_whitespace()).collect();
        let argument = line[name.len()..].split_whitespace().next();
        let harmless = match &name[1..] {
            "set" => argument.is_some_and(|variable| HARMLESS_VARIABLES.contains(&variable)),
            command => HARMLESS.contains(&command),
        };
        let (severity, message, hint) = if harmless {
            (
                Severity::Note,
                format!("psql's `{name}` is left out"),
                "it only speaks to psql; it can be removed",
            )
        } else {
            (
                Severity::Error,
                format!("psql meta-command `{name}` cannot be run"),
                "only psql understands it; write what it does in SQL, or remove the line",
            )
        };
        Finding::new(severity, "psql-meta-command", message)
            .at(self.place(span.start))
            .hint(hint)
    }

    fn rolled_back(&self, statements: &[Statement]) -> Option<Finding> {
        let statement = statements
            .iter()
            .find(|statement| statement.kind.is(Command::Rollback))?;
        let finding = Finding::new(
            Severity::Error,
            "own-rollback",
            "the script rolls its own transaction back",
        );
        Some(
            finding
                .at(self.place(statement.span.start))
                .hint("remove the ROLLBACK; a script that fails is rolled back by itself"),
        )
    }
}

/// The meta-commands that speak to psql alone and change nothing of what the statements do.
const HARMLESS: [&str; 12] = [
    "restrict",
    "unrestrict",
    "echo",
    "qecho",
    "warn",
    "timing",
    "pset",
    "x",
    "t",
    "a",
    "encoding",
    "prompt",
];

/// The variables that only decide how psql talks, and whether it goes on after an error: tightrope never does.
const HARMLESS_VARIABLES: [&str; 5] = [
    "ECHO",
    "ON_ERROR_STOP",
    "QUIET",
    "SHOW_CONTEXT",
    "VERBOSITY",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn script(text: &str) -> Script {
        Script::whole("a.sql", text, TransactionMode::Auto)
    }

    #[test]
    fn meaning_ignores_comments_and_space_and_nothing_else() {
        let digest = |text: &str| script(text).meaning_digest(EngineKind::Postgres);
        let base = digest("select 'a  b', 1;\ncopy t from stdin;\n1\t2\n\\.\n");
        assert_eq!(
            base,
            digest("-- why\r\nselect  'a  b' , 1 /* x */;\n\ncopy t\nfrom stdin ;\n1\t2\n\\.\n")
        );
        for other in [
            "select 'a b', 1;\ncopy t from stdin;\n1\t2\n\\.\n",
            "select 'a  b', 2;\ncopy t from stdin;\n1\t2\n\\.\n",
            "select 'a  b', 1;\ncopy t from stdin;\n1  2\n\\.\n",
            "select 'a  b', 1;",
        ] {
            assert_ne!(base, digest(other), "{other}");
        }
    }

    #[test]
    fn only_comments_are_empty() {
        let check = |text: &str, expect| {
            assert_eq!(
                script(text).is_empty(EngineKind::Postgres),
                expect,
                "{text}"
            );
        };
        check("", true);
        check("-- nothing\n/* here */ ; ;", true);
        check("\\restrict abc\n", true);
        check("select 1", false);
    }

    #[test]
    fn harmless_meta_commands_are_notes_and_others_errors() {
        let check = |text: &str, severity| {
            let parsed = script(text).parse(EngineKind::Postgres);
            assert_eq!(parsed.findings.len(), 1, "{text}");
            assert_eq!(parsed.findings[0].severity, severity, "{text}");
        };
        check("\\restrict x\nselect 1;", Severity::Note);
        check("\\set ON_ERROR_STOP on\nselect 1;", Severity::Note);
        check("\\set schema shop\nselect 1;", Severity::Error);
        check("\\\nselect 1;", Severity::Error);
        check("select 1;\n\\connect other\n", Severity::Error);
        check("begin; select 1; rollback;", Severity::Error);
        check("select 'x", Severity::Error);
    }
}
