//! Probes: each looks from a thread of its own, with a session of its own where it needs one, so that a slow one holds up nobody.

mod command;
mod http;
mod line;
mod log;
mod prometheus;
mod server;
mod sql;
mod table;
mod verify;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use tightrope_engine::{Engine, EngineError, ErrorKind};
use tightrope_judge::{Criteria, Failure, FailureKind, Observation, Probe, ProbeSource};
use tightrope_script::Script;

use super::web::Web;
use crate::project::Project;
use line::Line;
pub(super) use sql::as_texts;

/// What one kind of probe does.
trait Eye: Send {
    /// Looks once.
    fn look(&mut self) -> Result<Observation, Blindness>;
}

/// Why a probe saw nothing.
#[derive(Debug)]
enum Blindness {
    /// The database refused, or is gone.
    Engine(EngineError),
    /// In words.
    Words(FailureKind, String),
}

impl From<EngineError> for Blindness {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl Blindness {
    fn seen(self) -> Observation {
        let (kind, why) = match self {
            Self::Engine(error) if error.kind == ErrorKind::Cancelled => {
                (FailureKind::Slow, error.to_string())
            }
            Self::Engine(error) => (FailureKind::Down, error.to_string()),
            Self::Words(kind, why) => (kind, why),
        };
        Observation::Failed(Failure { kind, why })
    }
}

struct Prober {
    name: String,
    interval: Duration,
    timeout: Duration,
    due: Instant,
    asked: Option<Instant>,
    ask: Sender<()>,
}

impl Prober {
    fn too_slow(&self) -> Observation {
        let why = format!("no answer within {} ms", self.timeout.as_millis());
        let kind = FailureKind::Slow;
        Observation::Failed(Failure { kind, why })
    }
}

/// What probes need to know of where they look.
pub(super) struct Setting<'a> {
    pub(super) project: &'a Project,
    pub(super) engine: &'a Arc<dyn Engine>,
    /// The verify scripts of the watched migrations.
    pub(super) verify: &'a [Script],
    /// Up to where probes have read before.
    pub(super) cursors: &'a BTreeMap<String, String>,
    /// How long a probe waits for a lock, at most; as long as for anything else if none.
    pub(super) lock_timeout_ms: Option<u64>,
}

/// All probes of a watch.
pub(super) struct Probers {
    all: Vec<Prober>,
    answers: Receiver<(usize, Observation)>,
}

impl Probers {
    /// Starts a thread for each probe.
    pub(super) fn start(criteria: &Criteria, setting: &Setting<'_>) -> Self {
        let (answer, answers) = channel();
        let now = Instant::now();
        let probes = criteria.probes.iter().enumerate();
        let all = probes.map(|(index, (name, probe))| {
            let (ask, asked) = channel();
            let eye = eye(setting, name, probe);
            let answer = answer.clone();
            // It ends when nobody can ask any more; one that hangs in a dead connection ends with the process.
            std::thread::spawn(move || watch(eye, index, &asked, &answer));
            Prober {
                name: name.clone(),
                interval: Duration::from_millis(probe.interval_ms),
                timeout: Duration::from_millis(probe.timeout_ms),
                due: now,
                asked: None,
                ask,
            }
        });
        Self {
            all: all.collect(),
            answers,
        }
    }

    /// Asks those that are due and takes what comes until that instant, or until all have answered.
    pub(super) fn look(&mut self, until: Instant) -> BTreeMap<String, Observation> {
        let now = Instant::now();
        for prober in self
            .all
            .iter_mut()
            .filter(|prober| prober.due <= now && prober.asked.is_none())
        {
            prober.due = now + prober.interval;
            // A thread that has panicked answers nothing, and counts as slow.
            let _ = prober.ask.send(());
            prober.asked = Some(now);
        }
        let mut seen = BTreeMap::new();
        while self.all.iter().any(|prober| prober.asked.is_some()) {
            let left = until.saturating_duration_since(Instant::now());
            match self.answers.recv_timeout(left) {
                Ok((index, observation)) => {
                    let prober = &mut self.all[index];
                    let asked = prober.asked.take();
                    let late = asked.is_some_and(|asked| asked.elapsed() > prober.timeout);
                    let observation = match observation {
                        Observation::Failed(_) => observation,
                        _ if late => prober.too_slow(),
                        _ => observation,
                    };
                    seen.insert(prober.name.clone(), observation);
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        for prober in &mut self.all {
            if prober
                .asked
                .is_some_and(|asked| asked.elapsed() > prober.timeout)
                && prober.due <= Instant::now()
            {
                prober.due = Instant::now() + prober.interval;
                seen.insert(prober.name.clone(), prober.too_slow());
            }
        }
        seen
    }

    /// How long to the next look: the shortest interval.
    pub(super) fn tick(&self) -> Duration {
        self.all
            .iter()
            .map(|prober| prober.interval)
            .min()
            .unwrap_or(Duration::from_secs(2))
    }
}

fn watch(
    mut eye: Box<dyn Eye>,
    index: usize,
    asked: &Receiver<()>,
    answer: &Sender<(usize, Observation)>,
) {
    while asked.recv().is_ok() {
        let seen = eye.look().unwrap_or_else(Blindness::seen);
        if answer.send((index, seen)).is_err() {
            return;
        }
    }
}

fn web(project: &Project, url: &str, authorization: Option<&str>, probe: &Probe) -> Web {
    let timeout = Duration::from_millis(probe.timeout_ms);
    Web::new(url, authorization, project.variables, timeout)
}

fn eye(setting: &Setting<'_>, name: &str, probe: &Probe) -> Box<dyn Eye> {
    let Setting {
        project, engine, ..
    } = *setting;
    let timeout_ms = probe.timeout_ms;
    let lock_timeout_ms = setting.lock_timeout_ms.unwrap_or(timeout_ms);
    let line = || Line::new(project, engine, name, timeout_ms, lock_timeout_ms);
    match &probe.source {
        ProbeSource::Sql {
            sql, cursor: query, ..
        } => {
            let cursor = setting.cursors.get(name);
            Box::new(sql::Sql::new(line(), sql, query.as_deref(), cursor))
        }
        ProbeSource::Table { table, condition } => {
            Box::new(table::Table::new(line(), table, condition.as_deref()))
        }
        ProbeSource::Log { path, contains } => Box::new(log::Log::new(path, contains.as_deref())),
        ProbeSource::Command { command, exit_code } => {
            let timeout = Duration::from_millis(probe.timeout_ms);
            Box::new(command::Program::new(command.clone(), *exit_code, timeout))
        }
        ProbeSource::Http {
            url,
            authorization,
            value,
            status,
            contains,
        } => {
            let web = web(project, url, authorization.as_deref(), probe);
            Box::new(http::Http::new(web, *value, *status, contains.as_ref()))
        }
        ProbeSource::Prometheus {
            url,
            authorization,
            query,
        } => {
            let url = format!("{}{}", url.trim_end_matches('/'), prometheus::PATH);
            let web = web(project, &url, authorization.as_deref(), probe);
            Box::new(prometheus::Prometheus::new(web, query))
        }
        ProbeSource::Statement { pattern } => Box::new(server::Server::statement(line(), pattern)),
        ProbeSource::Server { what } => Box::new(server::Server::vital(line(), what)),
        ProbeSource::Verify => {
            let scripts = setting.verify.to_vec();
            Box::new(verify::Verify::new(line(), scripts, engine.kind()))
        }
    }
}
