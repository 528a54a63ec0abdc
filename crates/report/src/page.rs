//! A page of text: lines, wrapped and aligned within the width.

use crate::Style;

/// A page that is being written.
pub(crate) struct Page<'s> {
    pub(crate) style: &'s Style,
    text: String,
}

impl<'s> Page<'s> {
    pub(crate) fn new(style: &'s Style) -> Self {
        Self {
            style,
            text: String::new(),
        }
    }

    /// A line as it is.
    pub(crate) fn line(&mut self, line: impl AsRef<str>) {
        self.text.push_str(line.as_ref().trim_end());
        self.text.push('\n');
    }

    /// An empty line, but never at the top and never two.
    pub(crate) fn gap(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// A line with something at its right end; what is too long for that stands without alignment.
    pub(crate) fn spread(&mut self, left: &str, right: &str) {
        let used = visible(left) + visible(right);
        let space = self.style.width.saturating_sub(used).max(2);
        self.line(format!("{left}{}{right}", " ".repeat(space)));
    }

    /// Text after a label, wrapped under itself.
    pub(crate) fn field(&mut self, label: &str, text: &str) {
        let indent = visible(label);
        for (number, line) in wrap(text, self.style.width.saturating_sub(indent))
            .iter()
            .enumerate()
        {
            let before = if number == 0 {
                label.to_owned()
            } else {
                " ".repeat(indent)
            };
            self.line(format!("{before}{line}"));
        }
    }

    /// The first few of many, each after the same label; `--json` has the others.
    pub(crate) fn some(&mut self, label: &str, lines: &[String]) {
        const MOST: usize = 8;
        // One more is shown rather than counted.
        let shown = if lines.len() == MOST + 1 {
            MOST + 1
        } else {
            MOST
        };
        for line in lines.iter().take(shown) {
            self.field(label, line);
        }
        if lines.len() > shown {
            let more = format!("and {} more (all of them: `--json`)", lines.len() - shown);
            self.field(&" ".repeat(visible(label)), &more);
        }
    }

    /// What to do next.
    pub(crate) fn hint(&mut self, text: &str) {
        let label = format!("  {} ", self.style.bold("hint:"));
        self.field(&label, text);
    }

    /// The last line, with the exit code at its right end unless it is 0; without words of its own it is the line before.
    pub(crate) fn end(mut self, text: &str, exit: u8) -> String {
        if !text.is_empty() {
            self.line(text);
        }
        if exit == 0 {
            return self.text;
        }
        let right = self.style.faint(&format!("exit {exit}"));
        let last = self
            .text
            .trim_end()
            .rfind('\n')
            .map_or(0, |newline| newline + 1);
        let line = self.text.split_off(last);
        if visible(line.trim_end()) + 2 + visible(&right) > self.style.width {
            self.text.push_str(&line);
            self.spread("", &right);
        } else {
            self.spread(line.trim_end(), &right);
        }
        self.text
    }
}

/// How many columns a text takes: colours take none.
pub(crate) fn visible(text: &str) -> usize {
    let mut columns = 0;
    let mut in_escape = false;
    for character in text.chars() {
        match (in_escape, character) {
            (false, '\u{1b}') => in_escape = true,
            (false, _) => columns += 1,
            (true, 'm') => in_escape = false,
            (true, _) => {}
        }
    }
    columns
}

/// A text padded to so many columns.
pub(crate) fn pad(text: &str, columns: usize) -> String {
    format!(
        "{text}{}",
        " ".repeat(columns.saturating_sub(visible(text)))
    )
}

/// Breaks a text at spaces; what stands in backticks is a command or a name, and stays whole.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in words(paragraph) {
            if !line.is_empty() && visible(&line) + 1 + visible(&word) > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&word);
        }
        lines.push(line);
    }
    if lines.is_empty() {
        lines.push(String::new());
    }
    lines
}

fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for character in text.chars() {
        if character == '`' {
            quoted = !quoted;
        }
        match (character, words.last_mut()) {
            (' ', Some(word)) if !quoted => {
                if !word.is_empty() {
                    words.push(String::new());
                }
            }
            (character, Some(word)) => word.push(character),
            (_, None) => {}
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_spaces_and_never_in_backticks() {
        let check = |text: &str, expect: &[&str]| assert_eq!(wrap(text, 12), expect);
        check("one two three four", &["one two", "three four"]);
        check(
            "run `tightrope apply` now",
            &["run", "`tightrope apply`", "now"],
        );
        check("averyveryverylongword x", &["averyveryverylongword", "x"]);
        check("", &[""]);
    }

    #[test]
    fn colours_take_no_room() {
        assert_eq!(visible("\u{1b}[1mbold\u{1b}[0m"), 4);
        assert_eq!(pad("ñ", 3), "ñ  ");
    }
}
