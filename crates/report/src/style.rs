use jiff::Timestamp;
use owo_colors::{OwoColorize as _, Style as Paint};
use tightrope_model::Severity;

/// How text is to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether colours are wanted; nothing is said by them alone.
    pub color: bool,
    /// The width in columns.
    pub width: usize,
    /// The instant that `2 h ago` is counted from.
    pub now: Timestamp,
}

impl Style {
    /// The width of a page where nobody asks for another.
    pub const WIDTH: usize = 80;

    /// A style without colours, 80 columns wide.
    pub fn plain(now: Timestamp) -> Self {
        Self {
            color: false,
            width: Self::WIDTH,
            now,
        }
    }

    fn paint(&self, text: &str, paint: Paint) -> String {
        if self.color && !text.is_empty() {
            text.style(paint).to_string()
        } else {
            text.to_owned()
        }
    }

    /// The text in bold.
    pub fn bold(&self, text: &str) -> String {
        self.paint(text, Paint::new().bold())
    }

    /// The text as an aside.
    pub fn faint(&self, text: &str) -> String {
        self.paint(text, Paint::new().dimmed())
    }

    pub(crate) fn good(&self, text: &str) -> String {
        self.paint(text, Paint::new().green())
    }

    pub(crate) fn bad(&self, text: &str) -> String {
        self.paint(text, Paint::new().red().bold())
    }

    pub(crate) fn careful(&self, text: &str) -> String {
        self.paint(text, Paint::new().yellow())
    }

    pub(crate) fn pass(&self, text: &str, passes: bool) -> String {
        if passes {
            self.good(text)
        } else {
            self.bad(text)
        }
    }

    pub(crate) fn severity(&self, text: &str, severity: Severity) -> String {
        match severity {
            Severity::Error => self.bad(text),
            Severity::Warning => self.careful(text),
            Severity::Note => self.bold(text),
        }
    }
}

#[cfg(test)]
pub(crate) fn test_style() -> Style {
    Style::plain("2026-01-02T12:00:00Z".parse().unwrap())
}
