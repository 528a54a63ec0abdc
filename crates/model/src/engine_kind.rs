use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A database engine, for configuration, dialect choice in the script reader, and display.
///
/// Behaviour never branches on it outside the registry and the script scanners: what an engine can do is in its
/// capabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// PostgreSQL 12 and later.
    Postgres,
    /// SQLite 3.35 and later, the embedded default.
    Sqlite,
}

impl EngineKind {
    /// The name a person would write, as in "PostgreSQL 15.18".
    pub fn product(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Sqlite => "SQLite",
        }
    }
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Postgres => "postgres",
            Self::Sqlite => "sqlite",
        })
    }
}

/// The error of parsing an engine's name that is not known.
#[derive(Debug, thiserror::Error)]
#[error("unknown engine {0:?}")]
pub struct UnknownEngine(pub String);

impl FromStr for EngineKind {
    type Err = UnknownEngine;

    fn from_str(name: &str) -> Result<Self, UnknownEngine> {
        match name {
            "postgres" | "postgresql" => Ok(Self::Postgres),
            "sqlite" => Ok(Self::Sqlite),
            other => Err(UnknownEngine(other.to_owned())),
        }
    }
}
