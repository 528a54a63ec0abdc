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
    pub(super) fn script(&self, file: &str, text: &str) {
        self.terminal.tell(|style| {
            let lines: Vec<String> = text.lines().map(|line| format!("  {line}")).collect();
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
        hold(line, &said, told, &facts, self.json)?;
        Ok(said)
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

/// Holds a command to what is told of it.
fn hold(
    command: String,
    said: &Said,
    told: &Told,
    facts: &Value,
    json: bool,
) -> Result<(), Mismatch> {
    // As text it stands above already.
    let shown = || match json {
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
    let missing: Vec<String> = if json {
        let expected = told.expected.as_object().into_iter().flatten();
        expected
            .filter(|(name, value)| facts.get(name) != Some(value))
            .map(|(name, value)| format!("{name}: {value}"))
            .collect()
    } else {
        let text = said.plain();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let words = told.says.iter().filter(|words| !text.contains(**words));
        words.map(|words| format!("\"{words}\"")).collect()
    };
    if missing.is_empty() {
        return Ok(());
    }
    Err(Mismatch::Saying {
        command,
        expected: missing.join(", "),
        said: shown(),
    })
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
            let left_out = style.faint(&format!("[{start} lines, as shown above]"));
            format!("{left_out}\n\n{}\n", lines[start..].join("\n"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str, wait_status: i32) -> Said {
        Said {
            pid: 1,
            status: std::os::unix::process::ExitStatusExt::from_raw(wait_status),
            milliseconds: 0,
            text: text.to_owned(),
            json: Value::Null,
        }
    }

    #[test]
    fn a_command_is_held_to_what_is_told_of_it() {
        let told = Told {
            ending: Ending::Exit(3),
            says: &["verdict data-differs"],
            expected: json!({ "verdict": "data-differs" }),
            ..Told::default()
        };
        let text = "  \u{1b}[1mverdict\u{1b}[0m   data-differs: why";
        let holds = |said: &Said, facts, json| {
            hold("tightrope rehearse".to_owned(), said, &told, &facts, json)
                .map_err(|mismatch| mismatch.to_string())
        };
        let (exit_3, exit_0, killed) = (3 << 8, 0, 9);
        assert_eq!(holds(&said(text, exit_3), json!({}), false), Ok(()));
        let differs = json!({ "verdict": "data-differs", "more": 1 });
        assert_eq!(holds(&said("", exit_3), differs, true), Ok(()));

        let check = |said: &Said, facts, json, expect: &str| {
            let mismatch = holds(said, facts, json).expect_err("it is not as told");
            assert_eq!(
                mismatch.split_once("go as told: ").map(|(_, what)| what),
                Some(expect)
            );
        };
        check(
            &said("verdict  exact", exit_3),
            json!({}),
            false,
            "`tightrope rehearse` does not say \"verdict data-differs\"",
        );
        check(
            &said("", exit_3),
            json!({ "verdict": "exact" }),
            true,
            "`tightrope rehearse` does not say verdict: \"data-differs\"",
        );
        check(
            &said(text, exit_0),
            json!({}),
            false,
            "`tightrope rehearse` ended with exit status: 0, not with exit code 3",
        );
        check(
            &said(text, killed),
            json!({}),
            false,
            "`tightrope rehearse` ended with signal: 9 (SIGKILL), not with exit code 3",
        );
    }
}
