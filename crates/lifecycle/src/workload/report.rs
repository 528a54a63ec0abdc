use serde::Serialize;
use tightrope_workload::{Query, RowsDiffer, Speed};

/// By what a query is known in reports.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QueryName {
    /// Its fingerprint.
    pub fingerprint: String,
    /// Its text.
    pub sql: String,
    /// How often it was called when it was captured.
    pub calls: u64,
}

impl QueryName {
    pub(super) fn of(query: &Query) -> Self {
        Self {
            fingerprint: query.fingerprint.clone(),
            sql: query.sql.clone(),
            calls: query.calls,
        }
    }
}

/// A query that fails.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QueryFailure {
    /// Which.
    #[serde(flatten)]
    pub query: QueryName,
    /// What the server said.
    pub message: String,
    /// What it advises.
    pub hint: Option<String>,
    /// Its code.
    pub code: Option<String>,
    /// The line of the query that it means.
    pub line: Option<String>,
    /// Line and column in the query, from 1.
    pub at: Option<(usize, usize)>,
}

/// When something was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// After the forward script.
    Forward,
    /// After the rollback.
    Rollback,
    /// On the other server.
    Upgrade,
}

impl Moment {
    /// In words.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Forward => "after the forward script",
            Self::Rollback => "after the rollback",
            Self::Upgrade => "on the other server",
        }
    }
}

/// A query that gives other rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ResultChange {
    /// Which.
    #[serde(flatten)]
    pub query: QueryName,
    /// When.
    pub when: Moment,
    /// How.
    pub difference: RowsDiffer,
    /// The same in words.
    pub text: String,
    /// Whether the forward script writes rows of the tables that the query reads: then other rows may be what it is for.
    pub expected: bool,
}

/// A query that gives its rows in another order, or others behind its limit, and that is not known to determine them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OpenOrder {
    /// Which.
    #[serde(flatten)]
    pub query: QueryName,
    /// When.
    pub when: Moment,
    /// How its rows differ.
    pub difference: RowsDiffer,
    /// Whether it is certain that only rows which tie have changed places; else it could not be found out.
    pub ties: bool,
    /// The same in words.
    pub text: String,
}

impl OpenOrder {
    pub(super) fn new(query: QueryName, when: Moment, difference: RowsDiffer, ties: bool) -> Self {
        let why = match ties {
            true => {
                "its order is not determined by the query: those rows are alike in all that it orders by"
            }
            false => "whether the query determines its order cannot be found out",
        };
        Self {
            query,
            when,
            text: format!("{}; {why}", difference.in_words()),
            difference,
            ties,
        }
    }
}

/// A query that costs more than the limits allow.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CostChange {
    /// Which.
    #[serde(flatten)]
    pub query: QueryName,
    /// When.
    pub when: Moment,
    /// Shared blocks a call before and after, where the engine counts them.
    pub blocks: Option<(f64, f64)>,
    /// The medians of its times, where they are certainly apart.
    pub speed: Option<Speed>,
    /// What its plan did before and does now.
    pub plan: Option<(String, String)>,
    /// Whether the forward script writes rows of the tables that the query reads, and its plan is the same: then the tables are larger, and
    /// nothing is lost.
    pub expected: bool,
}

/// A query whose plan has another shape, and that does not cost more than the limits allow.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlanChange {
    /// Which.
    #[serde(flatten)]
    pub query: QueryName,
    /// When.
    pub when: Moment,
    /// What its plan did before and does now.
    pub plan: (String, String),
}

/// What replaying calls has found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Replay {
    /// How many queries were replayed.
    pub queries: usize,
    /// How many calls of them, before the forward script.
    pub calls: u64,
    /// Queries whose calls fail already before; they are set aside.
    pub set_aside: Vec<QueryFailure>,
    /// Queries that act where no rollback reaches: they are prepared, and not replayed.
    pub outside: Vec<QueryName>,
    /// Queries that give other rows each time they run (a clock or chance is in them): their rows are not compared.
    pub volatile: Vec<QueryName>,
    /// Queries that give other rows.
    pub results: Vec<ResultChange>,
    /// Queries that give rows in another order, or others behind a limit, which they do not determine: a remark.
    pub open_orders: Vec<OpenOrder>,
    /// Queries that cost more.
    pub costs: Vec<CostChange>,
    /// Queries with another plan.
    pub plans: Vec<PlanChange>,
}

/// What the queries of the application have to say about one migration.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct WorkloadTrial {
    /// How many queries were tried.
    pub queries: usize,
    /// Queries that fail already before the migration; they are set aside.
    pub set_aside: Vec<QueryFailure>,
    /// Queries that the migration breaks.
    pub broken: Vec<QueryFailure>,
    /// Queries that fail after the rollback.
    pub broken_after_rollback: Vec<QueryFailure>,
    /// What replaying has found; none if no query has whole samples of its parameters.
    pub replay: Option<Replay>,
    /// Whether the rehearsal fails for it.
    pub fails: bool,
}

impl WorkloadTrial {
    /// Whether a query fails that did not before.
    pub fn breaks(&self) -> bool {
        !self.broken.is_empty() || !self.broken_after_rollback.is_empty()
    }

    /// Whether a query gives other rows for no reason that is known, or costs more.
    pub fn changes(&self) -> bool {
        self.replay.as_ref().is_some_and(|replay| {
            replay.results.iter().any(|change| !change.expected)
                || replay.costs.iter().any(|change| !change.expected)
        })
    }

    /// What is wrong in one sentence; none if nothing is.
    pub fn sentence(&self) -> Option<String> {
        let queries = |number: usize| match number {
            1 => "1 query".to_owned(),
            number => format!("{number} queries"),
        };
        if !self.broken.is_empty() {
            return Some(format!(
                "this migration breaks {} that your application runs",
                queries(self.broken.len())
            ));
        }
        if !self.broken_after_rollback.is_empty() {
            let broken = self.broken_after_rollback.len();
            let fail = if broken == 1 { "fails" } else { "fail" };
            return Some(format!(
                "after the rollback {} of your application {fail}",
                queries(broken)
            ));
        }
        let replay = self.replay.as_ref().filter(|_| self.changes())?;
        let mut harmed: Vec<&str> = replay
            .results
            .iter()
            .filter(|change| !change.expected)
            .map(|change| change.query.fingerprint.as_str())
            .chain(
                replay
                    .costs
                    .iter()
                    .filter(|change| !change.expected)
                    .map(|change| change.query.fingerprint.as_str()),
            )
            .collect();
        harmed.sort_unstable();
        harmed.dedup();
        let (give, cost) = match harmed.len() {
            1 => ("gives", "costs"),
            _ => ("give", "cost"),
        };
        Some(format!(
            "{} that your application runs {give} other rows or {cost} far more",
            queries(harmed.len())
        ))
    }
}
