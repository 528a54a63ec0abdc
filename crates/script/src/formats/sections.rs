//! Both directions in one file, parted by marker lines.

use tightrope_model::{Finding, Place, Severity, Span};

use crate::scan::lines;

use super::source::Source;

/// A line that begins a section: which way it leads, and what else stands on it.
pub(super) struct Marker<'a> {
    pub(super) is_up: bool,
    pub(super) options: &'a str,
}

/// One direction's part of a file.
pub(super) struct Section<'a> {
    /// From after the marker line to the next marker or the end.
    pub(super) range: Span,
    pub(super) options: &'a str,
    /// Where the marker stands.
    pub(super) marker: usize,
}

/// The parts of a file.
pub(super) struct Sections<'a> {
    pub(super) up: Option<Section<'a>>,
    pub(super) down: Option<Section<'a>>,
    /// What stands before the first marker.
    pub(super) before: Span,
}

/// Parts a text at its marker lines. A direction that comes twice is a finding.
pub(super) fn sections<'a>(
    source: &Source<'_>,
    text: &'a str,
    marker: impl Fn(&'a str) -> Option<Marker<'a>>,
    findings: &mut Vec<Finding>,
) -> Sections<'a> {
    let whole = Span {
        start: 0,
        end: text.len(),
    };
    let mut result = Sections {
        up: None,
        down: None,
        before: whole,
    };
    let mut open: Option<(bool, Section<'a>)> = None;
    for (start, line) in lines(text, whole) {
        let Some(found) = marker(line.trim_end_matches(['\r', '\n'])) else {
            continue;
        };
        match open.take() {
            Some((is_up, section)) => result.close(source, text, is_up, section, start, findings),
            None => result.before.end = start,
        }
        let section = Section {
            range: Span {
                start: start + line.len(),
                end: text.len(),
            },
            options: found.options,
            marker: start,
        };
        open = Some((found.is_up, section));
    }
    if let Some((is_up, section)) = open {
        result.close(source, text, is_up, section, text.len(), findings);
    }
    result
}

impl<'a> Sections<'a> {
    fn close(
        &mut self,
        source: &Source<'_>,
        text: &str,
        is_up: bool,
        mut section: Section<'a>,
        end: usize,
        findings: &mut Vec<Finding>,
    ) {
        section.range.end = end;
        let slot = if is_up { &mut self.up } else { &mut self.down };
        if slot.is_some() {
            let direction = if is_up { "up" } else { "down" };
            findings.push(
                Finding::new(
                    Severity::Error,
                    "repeated-section",
                    format!("the file has a second section `{direction}`"),
                )
                .at(Place::at(&source.file, text, section.marker))
                .hint("join the two sections"),
            );
        } else {
            *slot = Some(section);
        }
    }
}

/// The finding that a file has no section for its forward script.
pub(super) fn no_forward(source: &Source<'_>, marker: &str) -> Finding {
    Finding::new(
        Severity::Error,
        "no-forward",
        format!("file has no line `{marker}`, so it holds no forward script"),
    )
    .at(Place::file(&source.file))
    .hint(format!("write `{marker}` before the forward script"))
}
