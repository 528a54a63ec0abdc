//! Tells the story as it happens, as text, and gathers it for JSON; checks every command against what is told of it.

use std::time::Instant;

use serde_json::{Map, Value, json};
use tightrope_report::Style;

use super::call::{Call, Ending, Said, Setting, plain};
use super::mismatch::Mismatch;
use super::stage::Stage;
use crate::terminal::Terminal;

/// The story so far.
pub(super) struct Teller {
    terminal: Terminal,
    json: bool,
    steps: Vec<Step>,
    begun: Instant,
}

struct Step {
    name: &'static str,
    sentence: String,
    commands: Vec<Value>,
    facts: Map<String, Value>,
}

/// What is told of a command: it has to be so.
pub(super) struct Told {
    pub(super) ending: Ending,
    /// Words that its text holds.
    pub(super) says: &'static [&'static str],
    /// What its JSON comes down to; each fact that is expected has to be among them.
    pub(super) facts: fn(&Said) -> Value,
    /// The facts as they have to be.
    pub(super) expected: Value,
    /// Show its text only from the line that begins so: what stands before has been shown already.
    pub(super) shown_from: Option<&'static str>,
}

impl Default for Told {
    fn default() -> Self {
        Self {
            ending: Ending::Exit(0),
            says: &[],
            facts: |_| json!({}),
            expected: json!({}),
            shown_from: None,
        }
    }
}

impl Teller {
    pub(super) fn new(terminal: Terminal, json: bool) -> Self {
        Self {
            terminal,
            json,
            steps: Vec::new(),
            begun: Instant::now(),
        }
    }

    /// Begins a step: one plain sentence.
    pub(super) fn step(&mut self, name: &'static str, sentence: &str) {
        let number = self.steps.len() + 1;
        self.terminal
            .tell(|style| format!("\n\n{}\n", style.bold(&format!("{number}  {sentence}"))));
        self.steps.push(Step {
            name,
            sentence: sentence.to_owned(),
            commands: Vec::new(),
            facts: Map::new(),
        });
    }

    /// Tells a paragraph, as it is broken into lines.
    pub(super) fn say(&self, text: &str) {
        self.terminal.tell(|_| format!("\n{text}\n"));
    }

    /// The same, where the style plays a part.
    pub(super) fn say_with(&self, text: impl FnOnce(&Style) -> String) {
        self.terminal.tell(|style| format!("\n{}\n", text(style)));
    }

    /// Shows a script; with what it was before, only the lines that changed are marked.
    pub(super) fn script(&self, file: &str, before: Option<&str>, now: &str) {
        self.terminal.tell(|style| {
            let lines = match before {
                Some(before) => changes(before, now),
                None => now.lines().map(|line| format!("  {line}")).collect(),
            };
            format!("\n{}\n{}\n", style.faint(file), lines.join("\n"))
        });
    }

    /// Notes facts of the step that is told.
    pub(super) fn facts(&mut self, facts: Value) {
        if let (Some(step), Value::Object(facts)) = (self.steps.last_mut(), facts) {
            step.facts.extend(facts);
        }
    }

    /// Runs a command, shows it and what it says, and holds it to what is told of it.
    pub(super) fn run(
        &mut self,
        stage: &Stage,
        call: &Call<'_>,
        told: &Told,
    ) -> Result<Said, Mismatch> {
        let line = call.line();
        self.terminal
            .tell(|style| format!("\n{}\n", style.bold(&format!("$ {line}"))));
        let said = call.run(&Setting {
            folder: stage.folder(),
            environment: &stage.environment,
            json: self.json,
            color: self.terminal.out().color,
        })?;
        self.terminal
            .tell(|style| shown(&said.text, told.shown_from, style));
        let facts = if self.json {
            (told.facts)(&said)
        } else {
            json!({})
        };
        if let Some(step) = self.steps.last_mut() {
            step.commands.push(json!({
                "command": line,
                "exit": said.status.code(),
                "signal": std::os::unix::process::ExitStatusExt::signal(&said.status),
                "milliseconds": said.milliseconds,
                "facts": facts,
            }));
        }
        self.check(line, &said, told, &facts)?;
        Ok(said)
    }

    fn check(
        &self,
        command: String,
        said: &Said,
        told: &Told,
        facts: &Value,
    ) -> Result<(), Mismatch> {
        // As text it stands above already.
        let shown = || match self.json {
            true => said.plain().trim().to_owned(),
            false => String::new(),
        };
        if !said.ended(told.ending) {
            return Err(Mismatch::Ending {
                command,
                expected: told.ending.to_string(),
                found: said.status.to_string(),
                said: shown(),
            });
        }
        let missing = if self.json {
            let expected = told.expected.as_object().into_iter().flatten();
            let wrong = expected
                .filter(|(name, value)| facts.get(name) != Some(value))
                .map(|(name, value)| format!("{name}: {value}"));
            wrong.collect::<Vec<_>>().join(", ")
        } else {
            let text = said
                .plain()
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ");
            let words = told.says.iter().filter(|words| !text.contains(**words));
            words
                .map(|words| format!("\"{words}\""))
                .collect::<Vec<_>>()
                .join(", ")
        };
        if missing.is_empty() {
            return Ok(());
        }
        Err(Mismatch::Saying {
            command,
            expected: missing,
            said: shown(),
        })
    }

    /// Ends the story: JSON comes now, whole.
    pub(super) fn end(self, more: Value, text: impl FnOnce(&Style, u128) -> String) {
        let milliseconds = self.begun.elapsed().as_millis();
        let steps: Vec<Value> = self.steps.into_iter().map(Step::json).collect();
        self.terminal.show(
            |style| text(style, milliseconds),
            || {
                let mut document = json!({ "steps": steps, "milliseconds": u64::try_from(milliseconds).unwrap_or(u64::MAX) });
                if let (Some(document), Value::Object(more)) = (document.as_object_mut(), more) {
                    document.extend(more);
                }
                document
            },
        );
    }
}

impl Step {
    fn json(self) -> Value {
        json!({
            "step": self.name,
            "sentence": self.sentence,
            "commands": self.commands,
            "facts": self.facts,
        })
    }
}

/// A command's text, with what has been shown before left out and said to be.
fn shown(text: &str, from: Option<&str>, style: &Style) -> String {
    let Some(from) = from else {
        return text.to_owned();
    };
    let lines: Vec<&str> = text.lines().collect();
    let start = lines.iter().position(|line| plain(line).starts_with(from));
    match start {
        None | Some(0) => text.to_owned(),
        Some(start) => {
            let left_out = style.faint(&format!("[{start} lines: the same rehearsal as above]"));
            format!("{left_out}\n\n{}\n", lines[start..].join("\n"))
        }
    }
}

/// The lines of a text, with those that are gone and those that are new marked: between what both begin and end with.
fn changes(before: &str, now: &str) -> Vec<String> {
    let (before, now): (Vec<&str>, Vec<&str>) = (before.lines().collect(), now.lines().collect());
    let shortest = before.len().min(now.len());
    let head = (0..shortest)
        .take_while(|&at| before[at] == now[at])
        .count();
    let tail = (1..=shortest - head)
        .take_while(|&back| before[before.len() - back] == now[now.len() - back])
        .count();
    let mark = |mark: &'static str| move |line: &&str| format!("{mark} {line}");
    let mut lines: Vec<String> = now[..head].iter().map(mark(" ")).collect();
    lines.extend(before[head..before.len() - tail].iter().map(mark("-")));
    lines.extend(now[head..now.len() - tail].iter().map(mark("+")));
    lines.extend(now[now.len() - tail..].iter().map(mark(" ")));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_marked() {
        let check = |before, now, expect: &[&str]| assert_eq!(changes(before, now), expect);
        check(
            "a\nb\nc",
            "a\nx\ny\nc",
            &["  a", "- b", "+ x", "+ y", "  c"],
        );
        check("a\na", "a", &["  a", "- a"]);
        check("a", "a", &["  a"]);
        check("", "a", &["+ a"]);
    }
}
