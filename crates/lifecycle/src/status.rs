//! Where things stand: what is applied, what is open, can I roll back now, and what happened.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use tightrope_engine::{Alive, EngineError, Gauge, Server, Session, UnknownScheme, Window};
use tightrope_model::{Differences, EngineKind, Finding, Verdict};
use tightrope_script::{Command, ObjectClass};
use tightrope_store::{Direction, LedgerBreak, LedgerEntry, OpenMigration, Store};

use crate::execute::Ready;
use crate::net;
use crate::plan::label_of;
use crate::project::{Access, FolderError, Project};
use crate::recover::carried_out;
use crate::run::unstored;
use crate::situation::{Drift, Situation, SituationError, Standing};
use crate::watch::{WatchReport, open_watch};

/// The error of looking at where things stand.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// No engine for the URL.
    #[error(transparent)]
    Scheme(#[from] UnknownScheme),
    /// The target.
    #[error(transparent)]
    Situation(#[from] SituationError),
    /// The engine.
    #[error("cannot look at the database")]
    Engine(#[from] EngineError),
    /// The folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

impl From<tightrope_store::StoreError> for StatusError {
    fn from(error: tightrope_store::StoreError) -> Self {
        Self::Situation(error.into())
    }
}

/// Where things stand.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Which server and database.
    pub server: Server,
    /// The schema's fingerprint now.
    pub fingerprint: String,
    /// The applied migrations, oldest first.
    pub applied: Vec<AppliedStatus>,
    /// The pending ones' labels; none if there is no folder to compare with.
    pub pending: Option<Vec<String>>,
    /// Applied migrations whose forward script was changed in the folder.
    pub changed: Vec<String>,
    /// Applied migrations that the folder does not have.
    pub missing: Vec<String>,
    /// Who is at work now.
    pub at_work: Option<AtWork>,
    /// A watch that is not over.
    pub watch: Option<WatchReport>,
    /// A run that was interrupted.
    pub open_run: Option<OpenRunReport>,
    /// What others changed.
    pub drift: Option<DriftReport>,
    /// Where the ledger is not whole.
    pub ledger_break: Option<LedgerBreak>,
    /// What is wrong with the folder.
    pub findings: Vec<Finding>,
}

/// One applied migration.
#[derive(Clone, Debug, Serialize)]
pub struct AppliedStatus {
    /// Version and name.
    pub label: String,
    /// The version as written.
    pub version: String,
    /// When it was applied.
    pub applied_at: String,
    /// By whom.
    pub applied_by: String,
    /// The verdict of its rehearsal, if it was rehearsed.
    pub rehearsed: Option<Verdict>,
    /// Why it was applied without.
    pub unrehearsed: Option<String>,
    /// Whether there is a script to roll it back with.
    pub can_roll_back: bool,
    /// How long the rollback took in rehearsal, in milliseconds.
    pub rollback_ms: Option<u64>,
    /// When it was sealed, if it was.
    pub sealed_at: Option<String>,
    /// The readiness gauge: whether it can be rolled back now, while its window is open.
    pub readiness: Option<Readiness>,
}

/// Whether a migration can be rolled back now, and what stands in the way.
#[derive(Clone, Debug, Serialize)]
pub struct Readiness {
    /// Whether the rollback is the derived one.
    pub derived: bool,
    /// What was written in the window, and what of it the old schema cannot hold.
    #[serde(flatten)]
    pub gauge: Gauge,
    /// Rows in conflict in all.
    pub in_conflict: u64,
    /// Bytes that the net occupies.
    pub net_bytes: u64,
    /// The newer migration that has taken over one of its tables and has to go back first; nothing is counted then.
    pub below: Option<String>,
}

/// Who holds the lease.
#[derive(Clone, Debug, Serialize)]
pub struct AtWork {
    /// Who.
    pub by: String,
    /// For how many seconds.
    pub seconds: i64,
    /// Whether that process lives, as far as can be seen.
    pub alive: Option<bool>,
}

/// What others changed since the last migration.
#[derive(Clone, Debug, Serialize)]
pub struct DriftReport {
    /// The fingerprint that the last migration left.
    pub expected: String,
    /// The fingerprint now.
    pub found: String,
    /// Each difference; none if the old catalog was not kept. In JSON each is its words.
    #[serde(serialize_with = "each_in_words")]
    pub differences: Option<Differences>,
}

impl DriftReport {
    /// The report of a drift.
    pub fn of(drift: &Drift) -> Self {
        Self {
            expected: drift.expected.strict.to_string(),
            found: drift.found.strict.to_string(),
            differences: drift.differences.clone(),
        }
    }
}

fn each_in_words<S: Serializer>(
    differences: &Option<Differences>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let words = |differences: &Differences| -> Vec<String> {
        differences.iter().map(ToString::to_string).collect()
    };
    differences.as_ref().map(words).serialize(serializer)
}

/// A run whose process died, or is still at work.
#[derive(Clone, Debug, Serialize)]
pub struct OpenRunReport {
    /// When it began.
    pub begun_at: String,
    /// Who began it.
    pub by: String,
    /// Which way it goes.
    pub direction: Direction,
    /// Whether its process lives, as far as can be seen.
    pub alive: Option<bool>,
    /// How many migrations it meant to carry out.
    pub migrations: usize,
    /// How many of them it has carried out.
    pub done: usize,
    /// The migration in steps that is half done, if one is.
    pub half_done: Option<HalfDone>,
}

/// A migration in steps that is half done.
#[derive(Clone, Debug, Serialize)]
pub struct HalfDone {
    /// Version and name.
    pub label: String,
    /// Each step: what it is and how it stands.
    pub steps: Vec<StepStanding>,
    /// Whether there is a rollback script to undo it with.
    pub can_undo: bool,
}

/// How one step stands.
#[derive(Clone, Debug, Serialize)]
pub struct StepStanding {
    /// Its number, from 1.
    pub number: usize,
    /// What it is.
    pub what: String,
    /// How it stands, in words.
    pub standing: &'static str,
}

impl OpenRunReport {
    /// The report of a situation's open run, if it has one.
    pub fn of(situation: &Situation, dialect: EngineKind) -> Option<Self> {
        let open = situation.open_run.as_ref()?;
        let rules = tightrope_script::StepRules {
            dialect,
            enum_value_in_transaction: situation.capabilities.enum_value_in_transaction,
        };
        let half_done = open.open_migration().map(|OpenMigration { begun, done, alone, .. }| {
            let script = unstored(&begun.script);
            let ready = Ready::with_rules(&script, rules);
            let steps = ready
                .steps
                .steps
                .iter()
                .enumerate()
                .map(|(number, step)| StepStanding {
                    number: number + 1,
                    what: ready.words(step),
                    standing: if done.contains(&number) {
                        "done and recorded"
                    } else if alone.is_some_and(|alone| alone.step == number) {
                        if leaves_invalid_index(&ready, step, situation) {
                            "begun; the index is there but invalid: it will be dropped and built again"
                        } else if alone.is_some_and(|alone| alone.before == situation.fingerprint) {
                            "begun without effect: it will run again"
                        } else {
                            "begun, and its effect is there: it will be recorded as done"
                        }
                    } else {
                        "not begun"
                    },
                })
                .collect();
            HalfDone {
                label: label_of(&begun.version, &begun.name),
                steps,
                can_undo: begun.rollback.is_some() || begun.direction == Direction::Rollback,
            }
        });
        Some(Self {
            begun_at: open.at.clone(),
            by: open.begun.holder.to_string(),
            direction: open.begun.direction,
            alive: situation
                .lease
                .as_ref()
                .and_then(|(_, _, alive)| known(*alive))
                .or(Some(false)),
            migrations: open.begun.versions.len(),
            done: carried_out(open, &situation.applied),
            half_done,
        })
    }
}

fn leaves_invalid_index(
    ready: &Ready<'_>,
    step: &tightrope_script::Step,
    situation: &Situation,
) -> bool {
    let statement = &ready.parsed.statements[step.statements.start];
    statement.kind.is(Command::CreateIndexConcurrently)
        && statement
            .objects
            .iter()
            .filter(|object| object.class == ObjectClass::Index)
            .any(|index| {
                situation.catalog.objects().any(|object| {
                    object.id.kind == tightrope_model::ObjectKind::Index
                        && object.id.path.last() == Some(&index.name)
                        && object.attribute("valid") == Some("no")
                })
            })
}

fn known(alive: Alive) -> Option<bool> {
    match alive {
        Alive::Yes => Some(true),
        Alive::No => Some(false),
        Alive::Unknown => None,
    }
}

/// Looks at where things stand; nothing is changed. The folder is compared with if it can be read.
///
/// # Errors
/// When the database cannot be read.
pub fn status(project: &Project) -> Result<Status, StatusError> {
    let engine = project.engine()?;
    let mut session = project.connect(engine.as_ref(), Access::Read)?;
    let situation = Situation::read(session.as_mut())?;
    let (folder, findings) = match project.look_at_folder(engine.kind()) {
        Ok((folder, findings)) => (folder, findings),
        Err(_) => (None, Vec::new()),
    };
    let standing = folder
        .as_ref()
        .map(|folder| Standing::of(folder, &situation.applied, engine.kind()));
    let ledger_break = if situation.has_store {
        Store::new(session.as_mut()).ledger()?.1
    } else {
        None
    };
    let watch = match situation.has_store {
        true => open_watch(session.as_mut())?,
        false => None,
    };
    let mut gauges = readiness(session.as_mut(), &situation)?;
    let labels = |migrations: &[&tightrope_script::Migration]| -> Vec<String> {
        migrations
            .iter()
            .map(|migration| migration.label())
            .collect()
    };
    Ok(Status {
        fingerprint: situation.fingerprint.strict.to_string(),
        applied: situation
            .applied
            .iter()
            .map(|applied| AppliedStatus {
                label: label_of(&applied.version, &applied.name),
                version: applied.version.clone(),
                applied_at: applied.applied_at.clone(),
                applied_by: applied.applied_by.clone(),
                rehearsed: applied
                    .certificate
                    .as_ref()
                    .map(|certificate| certificate.verdict),
                unrehearsed: applied.unrehearsed.clone(),
                can_roll_back: applied.rollback.is_some(),
                rollback_ms: applied
                    .certificate
                    .as_ref()
                    .map(|certificate| certificate.rollback_ms),
                sealed_at: applied.sealed_at.clone(),
                readiness: gauges.remove(&applied.version_key),
            })
            .collect(),
        pending: standing.as_ref().map(|standing| labels(&standing.pending)),
        changed: standing
            .as_ref()
            .map(|standing| labels(&standing.changed))
            .unwrap_or_default(),
        missing: standing
            .as_ref()
            .map(|standing| {
                standing
                    .missing
                    .iter()
                    .map(|applied| label_of(&applied.version, &applied.name))
                    .collect()
            })
            .unwrap_or_default(),
        at_work: situation
            .lease
            .as_ref()
            .filter(|(_, _, alive)| *alive != Alive::No)
            .map(|(holder, seconds, alive)| AtWork {
                by: holder.to_string(),
                seconds: *seconds,
                alive: known(*alive),
            }),
        watch,
        open_run: OpenRunReport::of(&situation, engine.kind()),
        drift: situation.drift.as_ref().map(DriftReport::of),
        ledger_break,
        findings,
        server: situation.server,
    })
}

/// The gauge of every migration whose window is open, by version key.
pub(crate) fn readiness(
    session: &mut dyn Session,
    situation: &Situation,
) -> Result<BTreeMap<String, Readiness>, StatusError> {
    let mut gauges = BTreeMap::new();
    for applied in situation.applied.iter().filter(|one| one.is_open()) {
        let (Some(kept), Some(before), Some(after)) =
            (&applied.net, &applied.before, &applied.after)
        else {
            continue;
        };
        let mut store = Store::new(session);
        let (Some(before), Some(after)) = (store.snapshot(before)?, store.snapshot(after)?) else {
            continue;
        };
        let fill = net::fill_of(&applied.fill, &before);
        let window = Window {
            before: &before,
            after: &after,
            fill: &fill,
        };
        let below = net::taken_over_by(&situation.applied, kept)
            .map(|newer| label_of(&newer.version, &newer.name));
        let Some(net) = session.net() else { continue };
        let gauge = match below {
            Some(_) => Gauge::default(),
            None => net.gauge(kept, &window)?,
        };
        let net_bytes = net.size(kept)?.iter().map(|(_, bytes)| bytes).sum();
        let readiness = Readiness {
            derived: applied.derived,
            in_conflict: gauge.in_conflict(),
            gauge,
            net_bytes,
            below,
        };
        gauges.insert(applied.version_key.clone(), readiness);
    }
    Ok(gauges)
}

/// What happened, oldest first, and whether the chain is whole.
#[derive(Clone, Debug, Serialize)]
pub struct Log {
    /// The entries.
    pub entries: Vec<LedgerEntry>,
    /// Where the chain breaks, if it does.
    pub broken: Option<LedgerBreak>,
}

/// Reads the ledger and checks its chain.
///
/// # Errors
/// When the database cannot be read.
pub fn log(project: &Project) -> Result<Log, StatusError> {
    let engine = project.engine()?;
    let mut session = project.connect(engine.as_ref(), Access::Read)?;
    if !session.has_store()? {
        return Ok(Log {
            entries: Vec::new(),
            broken: None,
        });
    }
    let (entries, broken) = Store::new(session.as_mut()).ledger()?;
    Ok(Log { entries, broken })
}

/// Looks at a folder as a reviewer would; with a database, at drift and changed scripts too.
///
/// # Errors
/// When the folder cannot be read, or the database where one is asked for.
pub fn check(
    project: &Project,
    dialect: EngineKind,
    with_database: bool,
) -> Result<Vec<Finding>, StatusError> {
    let (folder, mut findings) = project.look_at_folder(dialect)?;
    if let Some(folder) = &folder {
        findings.extend(tightrope_script::lint(folder, dialect));
        if with_database {
            let engine = project.engine()?;
            let mut session = project.connect(engine.as_ref(), Access::Read)?;
            let situation = Situation::read(session.as_mut())?;
            findings.extend(database_findings(
                &situation,
                &Standing::of(folder, &situation.applied, dialect),
            ));
        }
    }
    findings.sort_by_key(|finding| {
        finding
            .place
            .as_ref()
            .map(|place| (place.file.clone(), place.line, place.column))
    });
    Ok(findings)
}

fn database_findings(situation: &Situation, standing: &Standing<'_>) -> Vec<Finding> {
    use tightrope_model::Severity;
    let mut findings = Vec::new();
    for migration in &standing.changed {
        let message = format!("`{}` was changed after it was applied", migration.label());
        findings.push(
            Finding::new(Severity::Error, "changed-after-apply", message)
                .at(migration.forward.start())
                .hint("bring the file back to what ran, and put the change into a migration of its own"),
        );
    }
    if let Some(drift) = &situation.drift {
        let shown = drift
            .differences
            .iter()
            .flat_map(tightrope_model::Differences::iter)
            .next();
        let first = shown
            .map(|difference| format!(" ({difference})"))
            .unwrap_or_default();
        findings.push(
            Finding::new(Severity::Error, "drift", format!("the schema is not what the last migration left{first}"))
                .hint("`tightrope status` names every difference; put it into a migration, or take it back"),
        );
    }
    findings
}
