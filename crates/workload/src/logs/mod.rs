//! PostgreSQL's server logs: stderr, csvlog and jsonlog, each told by its looks, all read into the same entries.

mod csv;
mod entry;
mod json;
mod stderr;

use std::fmt;

use entry::{Calls, Entry};

use crate::Collector;

/// How a log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines with a prefix, as `log_destination = 'stderr'` gives them.
    Stderr,
    /// `csvlog`.
    Csv,
    /// `jsonlog`.
    Json,
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Stderr => "stderr",
            Self::Csv => "csvlog",
            Self::Json => "jsonlog",
        })
    }
}

/// What reading a log gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogReading {
    /// How it is written.
    pub format: LogFormat,
    /// How many entries it has.
    pub entries: u64,
    /// How many of them tell of a statement's run.
    pub statements: u64,
    /// How many lines could not be understood.
    pub odd: u64,
}

/// Reads a log into a collector; of the entries that name a database, those of `database` only.
pub fn read_log(text: &str, database: Option<&str>, collector: &mut Collector) -> LogReading {
    let format = format_of(text);
    let mut calls = Calls::new(database);
    let mut reading = LogReading {
        format,
        entries: 0,
        statements: 0,
        odd: 0,
    };
    let mut take = |entry: Option<Entry>| match entry {
        Some(entry) => {
            reading.entries += 1;
            calls.take(entry, collector);
        }
        None => reading.odd += 1,
    };
    match format {
        LogFormat::Stderr => stderr::read(text, &mut take),
        LogFormat::Csv => csv::read(text, &mut take),
        LogFormat::Json => json::read(text, &mut take),
    }
    reading.statements = calls.finish(collector);
    reading
}

fn format_of(text: &str) -> LogFormat {
    let first = text
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    if first.trim_start().starts_with('{') {
        return LogFormat::Json;
    }
    match csv::looks_like(first) {
        true => LogFormat::Csv,
        false => LogFormat::Stderr,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Workload;
    use tightrope_model::EngineKind;

    const STDERR: &str = include_str!("samples/server.log");
    const CSV: &str = include_str!("samples/server.csv");
    const JSON: &str = include_str!("samples/server.json");

    fn read(text: &str, database: Option<&str>) -> (LogReading, Workload) {
        let mut collector = Collector::new(EngineKind::Postgres, true);
        let reading = read_log(text, database, &mut collector);
        (reading, collector.finish("log", None))
    }

    /// What a server of version 15 wrote of one session of psql and three of pgbench.
    #[test]
    fn the_three_formats_tell_the_same() {
        let (reading, workload) = read(STDERR, None);
        assert_eq!((reading.format, reading.odd), (LogFormat::Stderr, 0));
        let (csv, of_csv) = read(CSV, None);
        let (json, of_json) = read(JSON, None);
        assert_eq!((csv.format, json.format), (LogFormat::Csv, LogFormat::Json));
        assert_eq!(workload, of_csv);
        assert_eq!(workload, of_json);
    }

    #[test]
    fn calls_times_and_parameters_are_there() {
        let (_, workload) = read(CSV, Some("shop"));
        let of = |part: &str| {
            let found = workload
                .queries
                .iter()
                .filter(|query| query.sql.contains(part));
            let found: Vec<_> = found.collect();
            assert_eq!(found.len(), 1, "{part}: {found:?}");
            found[0]
        };
        let by_id = of("id = $1 and name <> $2");
        // Two by one setting of the server, one by another, whose time stands in an entry of its own.
        assert_eq!(by_id.calls, 3);
        assert!((by_id.total_ms - (0.129 + 0.003 + 0.040)).abs() < 1e-9);
        let samples: Vec<&[String]> = by_id.samples.iter().map(|sample| &sample.0[..]).collect();
        assert_eq!(samples, [["'1'", "'a,b'"], ["'3'", "'a,b'"]]);
        let like = of("name like $1");
        assert_eq!((like.calls, like.total_ms), (1, 0.685));
        // Prepared by a statement and executed by another one.
        let executed = "select name from customers where id = $1";
        let executed = workload.queries.iter().find(|query| query.sql == executed);
        assert_eq!(executed.map(|query| query.calls), Some(2));
        assert_eq!(of("email = $1").samples[0].0, ["'it''s'", "1", "2", "3"]);
        assert_eq!(of("update customers").calls, 1);
    }

    #[test]
    fn no_secret_of_the_log_is_in_the_file() {
        for text in [STDERR, CSV, JSON] {
            let workload = read(text, None).1.to_text();
            for secret in ["hunter2", "deadbeef", "ana@", "trace 17"] {
                assert!(
                    text.contains(secret) && !workload.contains(secret),
                    "{secret}"
                );
            }
        }
    }

    #[test]
    fn other_databases_are_left_out_and_counted() {
        let (_, workload) = read(JSON, Some("elsewhere"));
        assert!(workload.queries.is_empty());
        assert!(workload.left_out["queries of other databases"] > 5);
    }

    #[test]
    fn a_log_that_is_cut_gives_what_it_has() {
        for text in [STDERR, CSV, JSON] {
            for end in (0..text.len())
                .step_by(7)
                .filter(|end| text.is_char_boundary(*end))
            {
                read(&text[..end], None);
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in "(LOG:  |DETAIL:  |duration: |statement: |[a-z{\",\n\t'$=1 ]){0,40}") {
            read(&text, None);
            read(&format!("{{{text}"), None);
        }
    }
}
