use std::collections::{HashMap, HashSet};

use tightrope_model::EngineKind;

use crate::normalise::normalise_with;
use crate::quoted::Quotes;
use crate::secret::{handles_secrets, writes_unnamed};
use crate::{LeftOut, Query, Sample, Workload};

/// How many samples of a query are kept.
const MOST_SAMPLES: usize = 20;

/// Calls of a statement, as a source tells of them.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The text as it was sent, or as the server has normalised it.
    pub text: String,
    /// How many calls.
    pub calls: u64,
    /// How long all of them took, in milliseconds.
    pub total_ms: f64,
    /// The parameters of a call as literals of SQL, by number; none where the source has none.
    pub parameters: Vec<String>,
}

/// Brings the calls of each query together.
#[derive(Debug)]
pub struct Collector {
    engine: EngineKind,
    with_parameters: bool,
    /// The names of the database in lower case; none where it could not be asked.
    names: Option<HashSet<String>>,
    queries: HashMap<String, Query>,
    left_out: LeftOut,
    masked: u64,
}

impl Collector {
    /// A collector of queries in that engine's SQL; samples of parameters are kept only where they are asked for.
    pub fn new(engine: EngineKind, with_parameters: bool) -> Self {
        Self {
            engine,
            with_parameters,
            names: None,
            queries: HashMap::new(),
            left_out: LeftOut::new(),
            masked: 0,
        }
    }

    /// Says what the tables and columns of the database are called: by that names in double quotes are told from values.
    pub fn name(&mut self, names: impl IntoIterator<Item = String>) {
        // Every table has them.
        let own = ["rowid", "oid", "_rowid_"].map(str::to_owned);
        let names = names.into_iter().map(|name| name.to_lowercase());
        self.names = Some(names.chain(own).collect());
    }

    /// Takes calls, or counts them among what is left out.
    pub fn add(&mut self, seen: &Seen) {
        let quotes = self.names.as_ref().map_or(Quotes::Unknown, Quotes::Among);
        let normal = match normalise_with(&seen.text, self.engine, quotes) {
            Ok(normal) => normal,
            Err(why) => return self.leave_out(&why.to_string(), seen.calls),
        };
        let sample = match self.with_parameters && !normal.slots.is_empty() {
            true => Sample::of(&normal.slots, &seen.parameters),
            false => None,
        };
        let query = self
            .queries
            .entry(normal.fingerprint.clone())
            .or_insert_with(|| Query {
                fingerprint: normal.fingerprint,
                calls: 0,
                total_ms: 0.0,
                tables: normal.tables,
                sql: normal.sql.clone(),
                samples: Vec::new(),
            });
        query.calls += seen.calls;
        query.total_ms += seen.total_ms;
        let Some(sample) = sample else { return };
        // A list of another length is another text: its values do not fit the one that is kept.
        if query.sql != normal.sql {
            return;
        }
        if handles_secrets(&query.sql) || writes_unnamed(&query.sql, self.engine) {
            self.masked += 1;
            return;
        }
        let sample = sample.masked();
        self.masked += u64::from(!sample.is_whole());
        let is_new = sample.is_sound(self.engine) && !query.samples.contains(&sample);
        if is_new && query.samples.len() < MOST_SAMPLES {
            query.samples.push(sample);
        }
    }

    /// Counts calls that are left out for a reason of the source's.
    pub fn leave_out(&mut self, why: &str, calls: u64) {
        if calls > 0 {
            *self.left_out.entry(why.to_owned()).or_default() += calls;
        }
    }

    /// How many samples were masked or left out because they looked like secrets.
    pub fn masked(&self) -> u64 {
        self.masked
    }

    /// The queries, those with the most calls first.
    pub fn finish(self, source: impl Into<String>, captured_at: Option<String>) -> Workload {
        let mut queries: Vec<Query> = self.queries.into_values().collect();
        queries.sort_by(|left, right| {
            (right.calls, &left.fingerprint).cmp(&(left.calls, &right.fingerprint))
        });
        for query in &mut queries {
            query.total_ms = (query.total_ms * 1000.0).round() / 1000.0;
        }
        Workload {
            engine: self.engine,
            source: source.into(),
            captured_at,
            left_out: self.left_out,
            queries,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str, calls: u64) -> Seen {
        Seen {
            text: text.to_owned(),
            calls,
            total_ms: calls as f64,
            parameters: Vec::new(),
        }
    }

    #[test]
    fn calls_of_one_query_are_one_entry_and_the_rest_is_counted() {
        let mut collector = Collector::new(EngineKind::Postgres, false);
        collector.add(&seen("select a from t where id = 1", 2));
        collector.add(&seen("select a from t where id = 7", 3));
        collector.add(&seen("select b from t", 9));
        collector.add(&seen("create role app password 'hunter2'", 1));
        collector.add(&seen("select * from tightrope.journal", 4));
        let workload = collector.finish("x", None);
        let found: Vec<(&str, u64)> = workload
            .queries
            .iter()
            .map(|query| (query.sql.as_str(), query.calls))
            .collect();
        assert_eq!(
            found,
            [("select b from t", 9), ("select a from t where id = $1", 5)]
        );
        assert!(
            workload
                .queries
                .iter()
                .all(|query| query.samples.is_empty())
        );
        assert_eq!(workload.left_out["utility statements"], 1);
        assert_eq!(workload.left_out["tightrope's own queries"], 4);
    }

    #[test]
    fn values_in_double_quotes_are_parameters_where_nothing_is_called_so() {
        let text = "select \"name\" from t where note = \"geheim\"";
        let mut collector = Collector::new(EngineKind::Sqlite, true);
        collector.name(["Name".to_owned()]);
        collector.add(&seen(text, 1));
        let workload = collector.finish("x", None);
        let query = &workload.queries[0];
        assert_eq!(query.sql, "select \"name\" from t where note = $1");
        assert_eq!(query.samples, [Sample(vec!["'geheim'".to_owned()])]);
        assert_eq!(Workload::parse(&workload.to_text()), Ok(workload));
        let mut collector = Collector::new(EngineKind::Sqlite, false);
        collector.add(&seen(text, 2));
        let workload = collector.finish("x", None);
        assert!(workload.queries.is_empty());
        assert!(!workload.to_text().contains("geheim"));
        assert_eq!(workload.left_out.values().sum::<u64>(), 2);
    }

    #[test]
    fn what_is_written_into_columns_without_names_is_not_kept() {
        let mut collector = Collector::new(EngineKind::Postgres, true);
        collector.add(&seen("insert into users values (1, 'geheim')", 1));
        collector.add(&seen(
            "insert into s.users as u select 2, 'geheim' from t",
            1,
        ));
        collector.add(&seen("insert into notes (id, note) values (1, 'x')", 1));
        assert_eq!(collector.masked(), 2);
        let workload = collector.finish("x", None);
        assert!(!workload.to_text().contains("geheim"));
        let with_samples = workload
            .queries
            .iter()
            .filter(|query| !query.samples.is_empty());
        assert_eq!(with_samples.count(), 1);
    }

    #[test]
    fn samples_are_kept_where_they_are_asked_for_and_hold_no_secret() {
        let mut collector = Collector::new(EngineKind::Postgres, true);
        let texts = [
            "select a from t where id = 1 and mail = 'ana@example.org'",
            "select a from t where id = 2 and mail = 'none'",
            "select a from t where token = 'short'",
        ];
        for text in texts {
            collector.add(&seen(text, 1));
        }
        assert_eq!(collector.masked(), 2);
        let workload = collector.finish("x", None);
        let text = workload.to_text();
        for secret in ["ana@example.org", "short"] {
            assert!(!text.contains(secret), "{text}");
        }
        let query = workload
            .queries
            .iter()
            .find(|query| query.sql.contains("mail"))
            .unwrap();
        let samples: Vec<bool> = query.samples.iter().map(Sample::is_whole).collect();
        assert_eq!(samples, [false, true]);
    }
}
