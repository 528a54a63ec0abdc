//! The file: TOML, a table a query, so that it can be read, reviewed and edited.

use serde::{Deserialize, Serialize};
use tightrope_model::EngineKind;

use crate::normalise::normalise;
use crate::{LeftOut, Query, Workload};

/// The layout of the file that this version writes and reads.
pub const LAYOUT: u32 = 1;

/// What the last line says: without it, the file was cut.
const END: &str = "# end of workload";

const HEAD: &str = "# The queries that an application runs: `tightrope rehearse` prepares each against the migrated copy.\n\
# Review it before it is shared. A query that is none of yours any more may be taken out: delete its [[query]] table.\n\n";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    tightrope_workload: u32,
    engine: EngineKind,
    source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    captured_at: Option<String>,
    #[serde(default, skip_serializing_if = "LeftOut::is_empty")]
    left_out: LeftOut,
    #[serde(default, rename = "query")]
    queries: Vec<Query>,
}

/// Only what says how to read the rest.
#[derive(Deserialize)]
struct Layout {
    tightrope_workload: u32,
}

/// Why a text is no workload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorkloadError {
    /// It is cut.
    #[error("the workload ends before its end: the line `{END}` is missing")]
    Cut,
    /// It has another layout.
    #[error("the workload has layout {found}; this version reads layout {LAYOUT}")]
    Layout {
        /// Which.
        found: u32,
    },
    /// It is none, or damaged.
    #[error("the workload cannot be understood: {message}")]
    Damaged {
        /// What is wrong.
        message: String,
        /// Where, in bytes.
        offset: usize,
    },
    /// A query is not what its fingerprint says.
    #[error("query {number} is not what its fingerprint {fingerprint} says")]
    Changed {
        /// Its place in the file, from 1.
        number: usize,
        /// What stands there.
        fingerprint: String,
    },
    /// What stands as a query is none.
    #[error("query {number} is none: {why}")]
    NotAQuery {
        /// Its place in the file, from 1.
        number: usize,
        /// What it is.
        why: String,
    },
    /// A value of a sample is more than a literal.
    #[error("query {number} has a sample that is no list of literals, one for each parameter")]
    Sample {
        /// Its place in the file, from 1.
        number: usize,
    },
    /// It is for another engine.
    #[error("the workload was captured on {found}, and this database is {wanted}")]
    Engine {
        /// Of which engine it is.
        found: EngineKind,
        /// Of which it should be.
        wanted: EngineKind,
    },
}

impl WorkloadError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Cut | Self::Damaged { .. } => {
                "capture it again: `tightrope workload capture --output FILE`"
            }
            Self::Layout { .. } => {
                "capture it again with this version, or read it with the one that wrote it"
            }
            Self::Changed { .. } => {
                "a text that was changed by hand is another query: delete its line `fingerprint`"
            }
            Self::NotAQuery { .. } => {
                "delete its [[query]] table: only single queries are prepared"
            }
            Self::Sample { .. } => {
                "write each value as a literal of SQL in quotes: \"42\", \"'text'\", \"null\""
            }
            Self::Engine { .. } => "capture one on a database of that engine",
        }
    }
}

impl Workload {
    /// The text of the file.
    pub fn to_text(&self) -> String {
        let file = File {
            tightrope_workload: LAYOUT,
            engine: self.engine,
            source: self.source.clone(),
            captured_at: self.captured_at.clone(),
            left_out: self.left_out.clone(),
            queries: self.queries.clone(),
        };
        // Strings, numbers and tables of them can always be written.
        let body = toml::to_string(&file).unwrap_or_default();
        format!("{HEAD}{body}\n{END}\n")
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// When it is cut, damaged, of another layout, or holds anything but queries and literals.
    pub fn parse(text: &str) -> Result<Self, WorkloadError> {
        let damaged = |error: toml::de::Error| WorkloadError::Damaged {
            message: error.message().replace('\n', ", "),
            offset: error.span().map_or(0, |span| span.start),
        };
        let is_whole = text.lines().rev().find(|line| !line.trim().is_empty()) == Some(END);
        // A text that is cut in the middle of something says so better than the parser.
        let cut_or = |error| match is_whole {
            true => damaged(error),
            false if text.contains("tightrope_workload") => WorkloadError::Cut,
            false => damaged(error),
        };
        let Layout {
            tightrope_workload: found,
        } = toml::from_str(text).map_err(cut_or)?;
        if found != LAYOUT {
            return Err(WorkloadError::Layout { found });
        }
        if !is_whole {
            return Err(WorkloadError::Cut);
        }
        let file: File = toml::from_str(text).map_err(damaged)?;
        let mut queries = file.queries;
        for (index, query) in queries.iter_mut().enumerate() {
            settle(query, index + 1, file.engine)?;
        }
        Ok(Self {
            engine: file.engine,
            source: file.source,
            captured_at: file.captured_at,
            left_out: file.left_out,
            queries,
        })
    }

    /// The same for a database of that engine.
    ///
    /// # Errors
    /// When it was captured on another engine.
    pub fn for_engine(self, wanted: EngineKind) -> Result<Self, WorkloadError> {
        match self.engine == wanted {
            true => Ok(self),
            false => Err(WorkloadError::Engine {
                found: self.engine,
                wanted,
            }),
        }
    }
}

/// Holds a query to what it has to be, and gives it the fingerprint that it may lack.
fn settle(query: &mut Query, number: usize, engine: EngineKind) -> Result<(), WorkloadError> {
    let normal = normalise(&query.sql, engine).map_err(|why| WorkloadError::NotAQuery {
        number,
        why: why.to_string(),
    })?;
    if query.fingerprint.is_empty() {
        query.fingerprint = normal.fingerprint;
    } else if query.fingerprint != normal.fingerprint {
        return Err(WorkloadError::Changed {
            number,
            fingerprint: query.fingerprint.clone(),
        });
    }
    if query.tables.is_empty() {
        query.tables = normal.tables;
    }
    let sound = |sample: &crate::Sample| sample.is_sound(engine);
    match query.samples.iter().all(sound) {
        true => Ok(()),
        false => Err(WorkloadError::Sample { number }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Collector, Seen};

    fn workload() -> Workload {
        let mut collector = Collector::new(EngineKind::Postgres, true);
        for (text, calls) in [
            ("select name\nfrom customers\nwhere id = 7", 3),
            ("select '''', \"odd '''name\" from t", 1),
            ("begin", 2),
        ] {
            collector.add(&Seen {
                text: text.to_owned(),
                calls,
                total_ms: 1.25,
                parameters: Vec::new(),
            });
        }
        collector.finish("a test", Some("2026-01-02T03:04:05Z".to_owned()))
    }

    #[test]
    fn what_is_written_is_read() {
        let workload = workload();
        let text = workload.to_text();
        assert_eq!(Workload::parse(&text), Ok(workload), "{text}");
    }

    fn refused(text: &str) -> WorkloadError {
        Workload::parse(text).unwrap_err()
    }

    #[test]
    fn a_file_that_is_cut_anywhere_is_refused() {
        let text = workload().to_text();
        for end in 0..text.len() - 1 {
            if text.is_char_boundary(end) {
                let error = refused(&text[..end]);
                let told = matches!(error, WorkloadError::Cut | WorkloadError::Damaged { .. });
                assert!(told, "{end}: {error}");
            }
        }
    }

    #[test]
    fn other_layouts_and_changed_queries_are_told() {
        let text = workload().to_text();
        let later = text.replace(
            "tightrope_workload = 1",
            "tightrope_workload = 9\nnew = true",
        );
        assert_eq!(refused(&later), WorkloadError::Layout { found: 9 });
        let changed = text.replace("where id", "where nr");
        assert!(matches!(
            refused(&changed),
            WorkloadError::Changed { number: 1, .. }
        ));
        let unknown = text.replace("calls = 3", "calls = 3\ncals = 4");
        assert!(matches!(refused(&unknown), WorkloadError::Damaged { .. }));
        let more = text.replace("\"7\"", "\"7; drop table customers\"");
        assert_eq!(refused(&more), WorkloadError::Sample { number: 1 });
        assert!(matches!(
            refused("create table t (a int);"),
            WorkloadError::Damaged { .. }
        ));
    }

    #[test]
    fn a_query_written_by_hand_needs_only_its_text() {
        let text = format!(
            "tightrope_workload = 1\nengine = \"sqlite\"\nsource = \"by hand\"\n[[query]]\nsql = \"select a from t where b = $1\"\n{END}\n"
        );
        let workload = Workload::parse(&text).unwrap();
        let query = &workload.queries[0];
        assert_eq!(
            (query.calls, query.tables.as_slice()),
            (1, &["t".to_owned()][..])
        );
        assert!(!query.fingerprint.is_empty());
        assert!(workload.for_engine(EngineKind::Postgres).is_err());
    }
}
