//! One file of a folder, with its text decoded.

use std::path::{Path, PathBuf};

use tightrope_model::{Finding, Place, Severity, Span};

use crate::{Script, SourceFile, TransactionMode};

/// A file of the folder.
pub(super) struct Source<'a> {
    /// The path relative to the folder.
    pub(super) path: &'a Path,
    /// The path as the user would name it.
    pub(super) file: PathBuf,
    content: &'a Result<Vec<u8>, String>,
}

impl<'a> Source<'a> {
    pub(super) fn new(folder: &Path, file: &'a SourceFile) -> Self {
        Self {
            path: &file.path,
            file: folder.join(&file.path),
            content: &file.content,
        }
    }

    pub(super) fn file_name(&self) -> &'a str {
        self.path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default()
    }

    /// The names of the folders between and the file's own; none if one is not UTF-8.
    pub(super) fn parts(&self) -> Option<Vec<&'a str>> {
        self.path
            .components()
            .map(|part| part.as_os_str().to_str())
            .collect()
    }

    /// Whether it lies in the folder itself.
    pub(super) fn is_top_level(&self) -> bool {
        self.path.components().count() == 1
    }

    pub(super) fn bytes(&self) -> Option<&'a [u8]> {
        self.content.as_deref().ok()
    }

    /// Whether a line passes a test.
    pub(super) fn has_line(&self, test: impl Fn(&str) -> bool) -> bool {
        self.bytes().is_some_and(|bytes| {
            without_mark(bytes)
                .split(|&byte| byte == b'\n')
                .filter_map(|line| std::str::from_utf8(line).ok())
                .any(|line| test(line.trim_end_matches('\r')))
        })
    }

    /// The finding that the file cannot be read.
    pub(super) fn unreadable(&self) -> Finding {
        let reason = self.content.as_ref().err().map_or("", String::as_str);
        Finding::new(
            Severity::Error,
            "unreadable-file",
            format!("file cannot be read: {reason}"),
        )
        .at(Place::file(&self.file))
        .hint("make the file readable; nothing is run while a script is missing")
    }

    /// The text, without a byte order mark.
    ///
    /// # Errors
    /// A finding when the file cannot be read or is not UTF-8.
    pub(super) fn text(&self) -> Result<&'a str, Finding> {
        let bytes = self.bytes().ok_or_else(|| self.unreadable())?;
        let bytes = without_mark(bytes);
        std::str::from_utf8(bytes)
            .map_err(|error| {
                let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
                let utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
                let encoding = if utf16 { "UTF-16" } else { "something else" };
                Finding::new(
                    Severity::Error,
                    "unreadable-file",
                    format!("file is not UTF-8 but {encoding}"),
                )
                .at(Place::at(&self.file, &good, good.len()))
                .hint("save it as UTF-8, for example with `iconv -t utf-8`")
            })
            .and_then(|text| match text.find('\0') {
                None => Ok(text),
                Some(at) => Err(Finding::new(
                    Severity::Error,
                    "unreadable-file",
                    "file holds a NUL character, which no engine takes in a statement",
                )
                .at(Place::at(&self.file, text, at))
                .hint("remove it; in data, write it in the engine's escaped form")),
            })
    }

    /// The whole file as a script; what is wrong goes to the findings.
    pub(super) fn script(
        &self,
        transaction: TransactionMode,
        findings: &mut Vec<Finding>,
    ) -> Option<Script> {
        match self.text() {
            Ok(text) => Some(Script::whole(&self.file, text, transaction)),
            Err(finding) => {
                findings.push(finding);
                None
            }
        }
    }

    /// A part of the file as a script.
    pub(super) fn part(&self, text: &str, range: Span, transaction: TransactionMode) -> Script {
        Script {
            file: self.file.clone(),
            text: text.to_owned(),
            range,
            transaction,
        }
    }
}

fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}
