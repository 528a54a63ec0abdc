use std::path::PathBuf;

/// What becomes of a rehearsal in which queries of the application are harmed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnHarm {
    /// It fails.
    #[default]
    Fail,
    /// It is said, and nothing more.
    Warn,
}

/// Which queries are tried in a rehearsal, and what is asked of them.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkloadSettings {
    /// The file of captured queries; none means that none are tried.
    pub file: Option<PathBuf>,
    /// What becomes of a rehearsal in which queries fail.
    pub broken_queries: OnHarm,
    /// What becomes of a rehearsal in which queries give other rows, or cost more than the limits.
    pub changed_queries: OnHarm,
    /// By what factor more blocks a query may touch.
    pub blocks_limit: f64,
    /// By what factor longer the median of its times may be.
    pub time_limit: f64,
    /// The schemas in which the application's sessions look for names; none means those of the database's settings.
    pub search_path: Option<String>,
}

impl Default for WorkloadSettings {
    fn default() -> Self {
        Self {
            file: None,
            broken_queries: OnHarm::Fail,
            changed_queries: OnHarm::Fail,
            blocks_limit: 2.0,
            time_limit: 1.5,
            search_path: None,
        }
    }
}
