use std::fmt;

use serde::Serialize;

/// What is wrong with a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "damage")]
pub enum Damage {
    /// The manifest cannot be read, was changed, or is not signed as it should be.
    Manifest {
        /// In words.
        what: String,
    },
    /// The manifest is that of another backup.
    Swapped {
        /// Of which.
        of: String,
    },
    /// A file is not there.
    Missing {
        /// Which.
        file: String,
    },
    /// A file is shorter or longer than it was.
    Size {
        /// Which.
        file: String,
        /// What it was.
        expected: u64,
        /// What it is.
        found: u64,
    },
    /// A file's bytes are not what they were.
    Changed {
        /// Which.
        file: String,
    },
    /// A file is there that was not.
    Extra {
        /// Which.
        file: String,
    },
    /// A file cannot be read.
    Unreadable {
        /// Which.
        file: String,
        /// Why.
        why: String,
    },
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manifest { what } => f.write_str(what),
            Self::Swapped { of } => write!(f, "the manifest is that of another backup, `{of}`"),
            Self::Missing { file } => write!(f, "`{file}` is missing"),
            Self::Size {
                file,
                expected,
                found,
            } => write!(f, "`{file}` has {found} bytes and had {expected}"),
            Self::Changed { file } => write!(f, "the bytes of `{file}` are not what they were"),
            Self::Extra { file } => write!(f, "`{file}` is there and was not"),
            Self::Unreadable { file, why } => write!(f, "`{file}` cannot be read: {why}"),
        }
    }
}
