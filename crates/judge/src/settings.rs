//! `[watch]` in `tightrope.toml` and in a migration's `metadata.toml`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tightrope_model::{Finding, Place, Severity, nearest};
use toml::Spanned;

use crate::criterion::{Condition, Criteria, Criterion, Policy};
use crate::duration::{duration_ms, unit_ms};
use crate::sentence::{self, Known, VERIFY};

/// What is looked at, how often, and what it means if that fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Where its values come from.
    pub source: ProbeSource,
    /// How often, in milliseconds.
    pub interval_ms: u64,
    /// How long one answer may take, in milliseconds.
    pub timeout_ms: u64,
    /// On how few samples nothing is decided.
    pub min_samples: u64,
    /// What it means that the probe fails.
    pub on_failure: OnFailure,
    /// The unit of its values: `ms`.
    pub unit: Option<String>,
}

/// Where a probe's values come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "kebab-case")]
pub enum ProbeSource {
    /// A query on the target: one row is a number as it is now, many are raw samples. With a cursor query, the rows between
    /// `$1` and `$2`, the cursor before and now.
    Sql {
        /// The query.
        sql: String,
        /// A query that gives up to where there is something to read.
        cursor: Option<String>,
        /// The tables that it reads, which nobody else may write to while it is measured around a script.
        #[serde(default)]
        tables: Vec<String>,
    },
    /// The rows that have come into a table since the migration: an application's errors.
    Table {
        /// The table, as it is written.
        table: String,
        /// A condition in SQL.
        condition: Option<String>,
    },
    /// The lines that have come into a log since the migration, of the server or of the application.
    Log {
        /// The file, on the machine of whoever watches; `*` in its last part stands for anything.
        path: String,
        /// What a line has to contain; none means any of PostgreSQL's levels of errors.
        contains: Option<String>,
    },
    /// The number that a program prints, or its exit code.
    Command {
        /// The program and its arguments.
        command: Vec<String>,
        /// Whether the exit code is the value.
        exit_code: bool,
    },
    /// What answers at an address.
    Http {
        /// The address; `${NAME}` in it is an environment variable.
        url: String,
        /// The header `authorization`, likewise.
        authorization: Option<String>,
        /// Which number of it counts.
        value: HttpValue,
        /// The status that is wanted; none means any from 200 to 399, and any at all where the status is the value.
        status: Option<u16>,
        /// What the answer has to contain.
        contains: Option<String>,
    },
    /// A query to Prometheus that gives one number.
    Prometheus {
        /// Prometheus' address, likewise.
        url: String,
        /// The header `authorization`, likewise.
        authorization: Option<String>,
        /// The query.
        query: String,
    },
    /// A statement's own statistics, found by its text, in which `%` stands for anything.
    Statement {
        /// The text.
        pattern: String,
    },
    /// What the server counts: `deadlocks`, `rollbacks`, `waiting sessions`, `replication lag`.
    Server {
        /// Which of it.
        what: String,
    },
    /// The migrations' verify scripts: 0 where all hold, else 1.
    Verify,
}

impl ProbeSource {
    /// What is empty that has to name something, in words.
    fn names_nothing(&self) -> Option<&'static str> {
        let is_empty = |text: &str| text.trim().is_empty();
        match self {
            Self::Log { path, .. } if is_empty(path) => Some("has a `log` that names no file"),
            Self::Log {
                contains: Some(contains),
                ..
            } if contains.is_empty() => {
                Some("has a `contains` that is empty: every line contains that")
            }
            Self::Command { command, .. } if command.first().is_none_or(|word| is_empty(word)) => {
                Some("has a `command` that names no program")
            }
            Self::Sql { sql, .. } if is_empty(sql) => Some("has an `sql` that asks nothing"),
            Self::Statement { pattern } if is_empty(pattern) => {
                Some("has a `statement` that is like none")
            }
            _ => None,
        }
    }

    /// Whether it asks the target: where that cannot be reached, this is no news of the migration.
    pub fn asks_target(&self) -> bool {
        !matches!(
            self,
            Self::Log { .. } | Self::Command { .. } | Self::Http { .. } | Self::Prometheus { .. }
        )
    }
}

/// Which number of an answer counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HttpValue {
    /// How long it took, in milliseconds.
    #[default]
    Latency,
    /// Its status.
    Status,
    /// The number that its body is.
    Body,
}

/// What it means that a probe fails several times one after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// Its criteria fail: who cannot see does not go on.
    #[default]
    Fail,
    /// Its criteria have no data, and do not pass.
    NoData,
}

/// Probes that need no definition, with their units.
pub(crate) const SERVER_PROBES: [(&str, Option<&str>); 4] = [
    ("deadlocks", None),
    ("rollbacks", None),
    ("waiting sessions", None),
    ("replication lag", Some("s")),
];

/// What a statement's statistics give.
const STATEMENT_MEASURES: [&str; 3] = ["blocks per call", "mean time", "calls"];

const DEFAULT_INTERVAL_MS: u64 = 2_000;
const DEFAULT_TIMEOUT_MS: u64 = 5_000;
const DEFAULT_BASELINE_MS: u64 = 60_000;
/// A comparison is no better than what it compares with.
const COMPARED_BASELINE_MS: u64 = 1_200_000;
const DEFAULT_WATCH_MS: u64 = 3_600_000;
/// A comparison of raw samples waits for so many.
const DEFAULT_SAMPLES: u64 = 48;
/// Everything else for so many looks.
const DEFAULT_LOOKS: u64 = 3;
/// A statement's blocks per call come one a look, and tell earlier.
const DEFAULT_STATEMENT_LOOKS: u64 = 5;

#[derive(Deserialize)]
struct File {
    watch: Option<Spanned<WatchTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WatchTable {
    #[serde(rename = "for")]
    duration: Option<Spanned<String>>,
    baseline: Option<Spanned<String>>,
    interval: Option<Spanned<String>>,
    policy: Option<Policy>,
    traffic: Option<Spanned<String>>,
    #[serde(default)]
    hook: Vec<String>,
    webhook: Option<Spanned<String>>,
    #[serde(default)]
    criteria: Vec<Spanned<String>>,
    #[serde(default)]
    probes: BTreeMap<String, Spanned<ProbeTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProbeTable {
    sql: Option<String>,
    cursor: Option<String>,
    #[serde(default)]
    tables: Vec<String>,
    table: Option<String>,
    #[serde(rename = "where")]
    condition: Option<String>,
    command: Option<Vec<String>>,
    #[serde(default)]
    exit_code: bool,
    log: Option<String>,
    statement: Option<String>,
    http: Option<String>,
    value: Option<HttpValue>,
    status: Option<u16>,
    contains: Option<String>,
    prometheus: Option<String>,
    query: Option<String>,
    authorization: Option<String>,
    interval: Option<Spanned<String>>,
    timeout: Option<Spanned<String>>,
    min_samples: Option<u64>,
    on_failure: Option<OnFailure>,
    unit: Option<String>,
}

/// Reads `[watch]` of the configuration's text; without one there are no criteria, and everything is at its default.
pub fn read(file: &Path, text: &str) -> (Criteria, Vec<Finding>) {
    let nothing = Criteria {
        watch_ms: DEFAULT_WATCH_MS,
        baseline_ms: DEFAULT_BASELINE_MS,
        baseline_is_set: false,
        policy: Policy::default(),
        traffic: None,
        hook: Vec::new(),
        webhook: None,
        criteria: Vec::new(),
        probes: BTreeMap::new(),
    };
    read_more(nothing, file, text)
}

/// Adds what a migration's own `[watch]` says: its criteria and probes come to those that are there, the rest takes their place.
pub fn read_more(mut criteria: Criteria, file: &Path, text: &str) -> (Criteria, Vec<Finding>) {
    let mut reading = Reading {
        file,
        text,
        findings: Vec::new(),
    };
    match toml::from_str::<File>(text) {
        Ok(File { watch: None }) => {}
        Ok(File { watch: Some(watch) }) => reading.watch(&mut criteria, watch.into_inner()),
        Err(error) => reading.bad_toml(&error),
    }
    (criteria, reading.findings)
}

struct Reading<'a> {
    file: &'a Path,
    text: &'a str,
    findings: Vec<Finding>,
}

impl Reading<'_> {
    fn watch(&mut self, criteria: &mut Criteria, watch: WatchTable) {
        let interval_ms = self
            .duration(watch.interval.as_ref())
            .unwrap_or(DEFAULT_INTERVAL_MS);
        if let Some(duration) = self.duration(watch.duration.as_ref()) {
            criteria.watch_ms = duration;
        }
        if let Some(baseline) = self.duration(watch.baseline.as_ref()) {
            (criteria.baseline_ms, criteria.baseline_is_set) = (baseline, true);
        }
        criteria.policy = watch.policy.unwrap_or(criteria.policy);
        if !watch.hook.is_empty() {
            criteria.hook = watch.hook;
        }
        if let Some(webhook) = watch.webhook {
            let at = webhook.span().start + 1;
            self.no_secret("webhook", webhook.get_ref(), None, at);
            criteria.webhook = Some(webhook.into_inner());
        }
        let mut unclear = Vec::new();
        for (name, table) in watch.probes {
            let at = table.span().start;
            match self.probe(&name, at, table.into_inner(), interval_ms) {
                Some(probe) => drop(criteria.probes.insert(name, probe)),
                None => unclear.push(name),
            }
        }
        // A sentence about a probe that is wrong itself is not wrong besides.
        let is_about = |sentence: &str| unclear.iter().any(|name| sentence.contains(name));
        let mut sentences = watch.criteria;
        sentences.retain(|sentence| !is_about(sentence.get_ref()));
        for sentence in sentences {
            self.criterion(criteria, &sentence, interval_ms);
        }
        let compares = criteria
            .criteria
            .iter()
            .any(|criterion| matches!(criterion.condition, Condition::Change { .. }));
        if compares && !criteria.baseline_is_set {
            criteria.baseline_ms = COMPARED_BASELINE_MS;
        }
        if let Some(traffic) = watch.traffic {
            let names: Vec<&str> = criteria.probes.keys().map(String::as_str).collect();
            if names.contains(&traffic.get_ref().as_str()) {
                criteria.traffic = Some(traffic.into_inner());
            } else {
                let name = traffic.get_ref();
                let hint = nearest(name, &names).map(|near| format!("did you mean `{near}`?"));
                let message = format!("no probe is called `{name}`");
                self.error(traffic.span().start + 1, message, hint);
            }
        }
    }

    fn criterion(&mut self, criteria: &mut Criteria, sentence: &Spanned<String>, interval_ms: u64) {
        let text = sentence.get_ref();
        let built_in = |what: &str, unit: Option<&str>| Probe {
            source: match what {
                VERIFY => ProbeSource::Verify,
                what => ProbeSource::Server {
                    what: what.to_owned(),
                },
            },
            interval_ms,
            timeout_ms: DEFAULT_TIMEOUT_MS,
            min_samples: DEFAULT_LOOKS,
            on_failure: OnFailure::Fail,
            unit: unit.map(str::to_owned),
        };
        let defined = criteria.probes.iter().map(|(name, probe)| Known {
            name,
            per_ms: per_ms(probe.unit.as_deref()),
            measures: match probe.source {
                ProbeSource::Statement { .. } => &STATEMENT_MEASURES,
                _ => &[],
            },
        });
        let server = SERVER_PROBES.iter().map(|(name, unit)| Known {
            name,
            per_ms: per_ms(*unit),
            measures: &[],
        });
        let known: Vec<Known<'_>> = defined.chain(server).collect();
        match sentence::read(text, &known) {
            Ok(condition) => {
                drop(known);
                for name in condition.probes() {
                    let unit = SERVER_PROBES.iter().find(|(known, _)| *known == name);
                    if name == VERIFY || unit.is_some() {
                        let unit = unit.and_then(|(_, unit)| *unit);
                        let probe = built_in(name, unit);
                        criteria.probes.entry(name.to_owned()).or_insert(probe);
                    }
                }
                if let Err(why) = fits(&condition, &criteria.probes) {
                    self.error(sentence.span().start + 1, why, None);
                    return;
                }
                let criterion = Criterion {
                    text: text.trim().to_owned(),
                    condition,
                };
                if !criteria.criteria.contains(&criterion) {
                    criteria.criteria.push(criterion);
                }
            }
            Err(error) => {
                let offset = sentence.span().start + 1 + error.offset;
                self.error(offset, error.message, error.hint);
            }
        }
    }

    fn probe(
        &mut self,
        name: &str,
        at: usize,
        table: ProbeTable,
        interval_ms: u64,
    ) -> Option<Probe> {
        let (interval, timeout) = (
            self.duration(table.interval.as_ref()),
            self.duration(table.timeout.as_ref()),
        );
        let address = table.http.as_ref().or(table.prometheus.as_ref());
        if let Some(address) = address {
            let of = format!("probe `{name}`");
            self.no_secret(&of, address, table.authorization.as_deref(), at);
        }
        if table.prometheus.is_some() && table.query.is_none() {
            let message = format!("probe `{name}` asks Prometheus nothing: it needs a `query`");
            self.error(at, message, None);
        }
        let sources: Vec<(&str, ProbeSource)> = [
            table.sql.map(|sql| {
                (
                    "sql",
                    ProbeSource::Sql {
                        sql,
                        cursor: table.cursor,
                        tables: table.tables,
                    },
                )
            }),
            table.table.map(|of| {
                (
                    "table",
                    ProbeSource::Table {
                        table: of,
                        condition: table.condition,
                    },
                )
            }),
            table.command.map(|command| {
                let exit_code = table.exit_code;
                ("command", ProbeSource::Command { command, exit_code })
            }),
            table.log.map(|path| {
                let contains = table.contains.clone();
                ("log", ProbeSource::Log { path, contains })
            }),
            table
                .statement
                .map(|pattern| ("statement", ProbeSource::Statement { pattern })),
            table.http.map(|url| {
                let source = ProbeSource::Http {
                    url,
                    authorization: table.authorization.clone(),
                    value: table.value.unwrap_or_default(),
                    status: table.status,
                    contains: table.contains,
                };
                ("http", source)
            }),
            table.prometheus.map(|url| {
                let source = ProbeSource::Prometheus {
                    url,
                    authorization: table.authorization,
                    query: table.query.unwrap_or_default(),
                };
                ("prometheus", source)
            }),
        ]
        .into_iter()
        .flatten()
        .collect();
        let source = match <[_; 1]>::try_from(sources) {
            Ok([(_, source)]) => source,
            Err(_) => {
                let message = format!(
                    "probe `{name}` needs one of `sql`, `table`, `log`, `command`, `http`, `prometheus` and `statement`"
                );
                self.error(at, message, None);
                return None;
            }
        };
        if let Some(what) = source.names_nothing() {
            self.error(at, format!("probe `{name}` {what}"), None);
            return None;
        }
        let own_unit = match &source {
            ProbeSource::Http {
                value: HttpValue::Latency,
                ..
            } => Some("ms".to_owned()),
            _ => None,
        };
        let min_samples = match &source {
            ProbeSource::Sql {
                cursor: Some(_), ..
            }
            | ProbeSource::Http {
                value: HttpValue::Latency,
                ..
            } => DEFAULT_SAMPLES,
            ProbeSource::Statement { .. } => DEFAULT_STATEMENT_LOOKS,
            _ => DEFAULT_LOOKS,
        };
        Some(Probe {
            source,
            interval_ms: interval.unwrap_or(interval_ms).max(1),
            timeout_ms: timeout.unwrap_or(DEFAULT_TIMEOUT_MS).max(1),
            min_samples: table.min_samples.unwrap_or(min_samples).max(1),
            on_failure: table.on_failure.unwrap_or_default(),
            unit: table.unit.or(own_unit),
        })
    }

    /// Refuses what would put a secret into the criteria, which are kept in the database.
    fn no_secret(&mut self, of: &str, url: &str, authorization: Option<&str>, at: usize) {
        let message = match url.split_once("://") {
            Some(("http" | "https", rest)) => {
                let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
                authority
                    .contains('@')
                    .then(|| format!("the address of {of} has a user or a password in it"))
            }
            // The whole of it may be a secret.
            _ if url.starts_with("${") => None,
            _ => Some(format!("the address of {of} is no http:// or https://")),
        };
        let literal = authorization.is_some_and(|text| !text.contains("${"));
        let message = message
            .or_else(|| literal.then(|| format!("the authorization of {of} is written out")));
        if let Some(message) = message {
            let hint = "put secrets into environment variables: `authorization = \"Bearer ${SHOP_TOKEN}\"`";
            self.error(at, message, Some(hint.to_owned()));
        }
    }

    fn duration(&mut self, text: Option<&Spanned<String>>) -> Option<u64> {
        let text = text?;
        let milliseconds = duration_ms(text.get_ref());
        if milliseconds.is_none() {
            let message = format!("`{}` is no duration", text.get_ref());
            self.error(
                text.span().start + 1,
                message,
                Some("such as `1h`, `30min`, `2s`, `500ms`".to_owned()),
            );
        }
        milliseconds
    }

    fn bad_toml(&mut self, error: &toml::de::Error) {
        let message = error.message().trim_end_matches('.').replace('\n', ", ");
        let mut quoted = message.split('`').skip(1).step_by(2);
        let unknown = quoted.next().filter(|_| message.starts_with("unknown"));
        let known: Vec<&str> = quoted.collect();
        let hint = unknown
            .and_then(|unknown| nearest(unknown, &known))
            .map(|near| format!("did you mean `{near}`?"));
        self.error(
            error.span().map_or(0, |span| span.start),
            format!("[watch] cannot be understood: {message}"),
            hint,
        );
    }

    fn error(&mut self, offset: usize, message: String, hint: Option<String>) {
        let hint = hint.unwrap_or_else(|| "docs/reference/criteria.md has the grammar".to_owned());
        self.findings.push(
            Finding::new(Severity::Error, "bad-criteria", message)
                .at(Place::at(self.file, self.text, offset))
                .hint(hint),
        );
    }
}

/// Whether a condition can be asked of its probe.
fn fits(condition: &Condition, probes: &BTreeMap<String, Probe>) -> Result<(), String> {
    let measure = match condition {
        Condition::Limit { probe, measure, .. } | Condition::Change { probe, measure, .. } => {
            Some((probe, measure))
        }
        Condition::Invariant(_) => None,
    };
    if let Some((probe, None)) = measure
        && let Some(Probe {
            source: ProbeSource::Statement { .. },
            ..
        }) = probes.get(probe)
    {
        return Err(format!(
            "say what of the statement `{probe}`: {} of {probe}",
            STATEMENT_MEASURES.join(", ")
        ));
    }
    if let Condition::Invariant(crate::Invariant::Probe { probe }) = condition
        && !matches!(
            probes.get(probe).map(|probe| &probe.source),
            Some(ProbeSource::Sql { cursor: None, .. })
        )
    {
        return Err(format!(
            "`{probe}` cannot be equal before and after: only a probe by `sql` can be asked in the migration's transaction"
        ));
    }
    if let Condition::Change { probe, .. } = condition
        && let Some(Probe {
            source: ProbeSource::Table { .. } | ProbeSource::Log { .. } | ProbeSource::Verify,
            ..
        }) = probes.get(probe)
    {
        return Err(format!(
            "`{probe}` only counts up: give it a limit, `more than 10 {probe}`"
        ));
    }
    Ok(())
}

/// How many of a unit a millisecond is; none where it is no unit of time.
fn per_ms(unit: Option<&str>) -> Option<f64> {
    unit.and_then(unit_ms)
        .map(|milliseconds| 1.0 / milliseconds as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
dir = "migrations"

[watch]
for = "30min"
baseline = "2min"
policy = "alert"
traffic = "checkout"
criteria = [
  "more than 10 errors",
  "p95 of checkout up by more than 20 %",
  "replication lag over 30 s",
  "the verify script fails",
]

[watch.probes.errors]
table = "app_errors"
where = "level = 'error'"

[watch.probes.checkout]
sql = "select ms from request_log where id > $1 and id <= $2"
cursor = "select max(id) from request_log"
unit = "ms"
on_failure = "no-data"
"#;

    fn read_text(text: &str) -> (Criteria, Vec<String>) {
        let (criteria, findings) = read(Path::new("tightrope.toml"), text);
        let findings = findings.iter().map(|finding| {
            let place = finding.place.clone().unwrap();
            format!(
                "{}:{} {} ({})",
                place.line,
                place.column,
                finding.message,
                finding.hint.clone().unwrap_or_default()
            )
        });
        (criteria, findings.collect())
    }

    #[test]
    fn a_whole_file_is_understood() {
        let (criteria, findings) = read_text(TEXT);
        assert!(findings.is_empty(), "{findings:?}");
        assert_eq!(
            (criteria.watch_ms, criteria.baseline_ms),
            (1_800_000, 120_000)
        );
        assert_eq!(criteria.policy, Policy::Alert);
        assert_eq!(criteria.criteria.len(), 4);
        let names: Vec<&String> = criteria.probes.keys().collect();
        assert_eq!(
            names,
            ["checkout", "errors", "replication lag", "verify script"]
        );
        assert_eq!(criteria.probes["checkout"].min_samples, 48);
        assert_eq!(criteria.probes["checkout"].on_failure, OnFailure::NoData);
        assert_eq!(criteria.probes["errors"].interval_ms, 2_000);
    }

    #[test]
    fn mistakes_come_back_with_their_place_and_the_nearest_word() {
        let check = |from: &str, to: &str, expect: &str| {
            let (_, findings) = read_text(&TEXT.replacen(from, to, 1));
            assert!(
                findings.iter().any(|finding| finding.starts_with(expect)),
                "{findings:?}"
            );
        };
        check(
            "10 errors",
            "10 erors",
            "10:17 no probe is called `erors` (did you mean `errors`?)",
        );
        check("\"30min\"", "\"soon\"", "5:8 `soon` is no duration");
        let no_file = "16:1 probe `errors` has a `log` that names no file";
        check("table = \"app_errors\"\nwhere", "log = \" \"\n#", no_file);
        check(
            "policy = \"alert\"",
            "polcy = \"alert\"",
            "7:1 [watch] cannot be understood: unknown field `polcy`",
        );
        check(
            "\"alert\"",
            "\"alrt\"",
            "7:10 [watch] cannot be understood: unknown variant `alrt`",
        );
        check(
            "traffic = \"checkout\"",
            "traffic = \"chekout\"",
            "8:12 no probe is called `chekout` (did you mean `checkout`?)",
        );
        check(
            "sql = ",
            "command = [\"x\"]\nsql = ",
            "20:1 probe `checkout` needs one of",
        );
        check(
            "10 errors",
            "10 errors\",\n\"errors up by more than 5 %",
            "11:2 `errors` only counts up",
        );
    }

    #[test]
    fn addresses_have_no_secret_in_them() {
        let check = |probe: &str, expect: Option<&str>| {
            let text = format!("[watch]\n[watch.probes.home]\n{probe}\n");
            let (criteria, findings) = read_text(&text);
            match expect {
                None => assert!(
                    findings.is_empty() && criteria.probes.len() == 1,
                    "{findings:?}"
                ),
                Some(expect) => assert!(findings[0].contains(expect), "{findings:?}"),
            }
        };
        check("http = \"https://shop.example/health\"", None);
        check(
            "http = \"https://shop.example/\"\nauthorization = \"Bearer ${T}\"",
            None,
        );
        check(
            "http = \"https://me:pw@shop.example/\"",
            Some("has a user or a password"),
        );
        check("http = \"https://shop.example/a@b\"", None);
        check("http = \"shop.example\"", Some("no http://"));
        check(
            "http = \"https://shop.example/\"\nauthorization = \"Bearer abc\"",
            Some("is written out"),
        );
        check(
            "prometheus = \"http://localhost:9090\"",
            Some("needs a `query`"),
        );
        check(
            "prometheus = \"http://localhost:9090\"\nquery = \"up\"",
            None,
        );
        let (criteria, findings) = read_text(
            "[watch]\nwebhook = \"${HOOK}\"\ncriteria = [\"home over 2 s\"]\n[watch.probes.home]\nhttp = \"http://a/\"",
        );
        assert!(findings.is_empty(), "{findings:?}");
        assert_eq!(criteria.webhook.as_deref(), Some("${HOOK}"));
        let Condition::Limit { value, .. } = &criteria.criteria[0].condition else {
            panic!("{criteria:?}");
        };
        assert_eq!(*value, 2000.0);
    }

    #[test]
    fn the_digest_changes_with_each_word() {
        let digest = |text: &str| read_text(text).0.digest();
        assert_eq!(digest(TEXT), digest(&format!("# a comment\n{TEXT}")));
        for (from, to) in [
            ("10 errors", "11 errors"),
            ("30min", "31min"),
            ("alert", "auto"),
            ("'error'", "'fatal'"),
        ] {
            assert_ne!(digest(TEXT), digest(&TEXT.replacen(from, to, 1)), "{from}");
        }
    }

    #[test]
    fn what_is_compared_gets_a_longer_baseline_unless_it_is_said() {
        let check = |text: &str, expect: u64| assert_eq!(read_text(text).0.baseline_ms, expect);
        let without = TEXT.replace("baseline = \"2min\"", "");
        check(TEXT, 120_000);
        check(&without, 1_200_000);
        let comparison = "  \"p95 of checkout up by more than 20 %\",\n";
        check(&without.replace(comparison, ""), 60_000);
    }

    #[test]
    fn a_migration_adds_its_own() {
        let (criteria, _) = read(Path::new("tightrope.toml"), TEXT);
        let own = "[watch]\nfor = \"2h\"\ncriteria = [\"row count of orders equal\", \"more than 10 errors\"]\n";
        let (both, findings) = read_more(criteria, Path::new("metadata.toml"), own);
        assert!(findings.is_empty(), "{findings:?}");
        assert_eq!(both.criteria.len(), 5);
        assert_eq!((both.watch_ms, both.baseline_ms), (7_200_000, 120_000));
    }
}
