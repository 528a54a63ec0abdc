//! The plan: what would run, in which transactions, with which locks, what is at risk, and how one would get back.

use serde::Serialize;
use tightrope_engine::{CopyReport, Engine, Server, UnknownScheme};
use tightrope_inverse::Loss;
use tightrope_model::{
    Catalog, EngineKind, Finding, Footprint, NetPlan, ObjectKind, Place, Severity, Verdict,
};
use tightrope_script::{Folder, Migration, StepRules};
use tightrope_store::{Certificate, Extrapolation};

use crate::apply::fresh_certificate;
use crate::backup::whole;
use crate::execute::{Ready, is_transaction};
use crate::net::{self, NoNet};
use crate::project::{Access, FolderError, Project};
use crate::rehearse::{CopiesPlanned, OutlookError, RehearseError, copies, up_to};
use crate::situation::{Situation, SituationError, Standing};
use crate::status::{DriftReport, OpenRunReport};
use crate::ways_back::{Way, asks_fill, decision};

/// The error of planning.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// No engine for the URL.
    #[error(transparent)]
    Scheme(#[from] UnknownScheme),
    /// The folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The target.
    #[error(transparent)]
    Situation(#[from] SituationError),
    /// The engine.
    #[error("cannot look at the database")]
    Engine(#[from] tightrope_engine::EngineError),
    /// The version is not pending.
    #[error(transparent)]
    Rehearse(#[from] RehearseError),
}

/// What would run.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// Which server and database; none if a database file is not there yet.
    pub server: Option<Server>,
    /// How many tables there are.
    pub tables: usize,
    /// How many migrations are applied.
    pub applied: usize,
    /// The newest applied migration's label.
    pub at: Option<String>,
    /// The migrations that would run, in order.
    pub migrations: Vec<PlannedMigration>,
    /// Where copies to rehearse on come from, and what they cost; none where nothing is pending, or that cannot be told.
    pub copies: Option<CopiesPlanned>,
    /// Applied migrations whose forward script was changed in the folder.
    pub changed: Vec<String>,
    /// Applied migrations that the folder does not have.
    pub missing: Vec<String>,
    /// What others changed.
    pub drift: Option<DriftReport>,
    /// A run that was interrupted.
    pub open_run: Option<OpenRunReport>,
    /// What else a person should look at.
    pub findings: Vec<Finding>,
}

/// One migration of a plan.
#[derive(Clone, Debug, Serialize)]
pub struct PlannedMigration {
    /// The version as written.
    pub version: String,
    /// The name.
    pub name: String,
    /// Version and name.
    pub label: String,
    /// The steps, in order: each becomes durable as a whole.
    pub steps: Vec<PlannedStep>,
    /// What the forward script may destroy of what was there before it.
    pub destroys: Vec<String>,
    /// Whether the way back is proven here and now.
    pub proof: CertificateStanding,
    /// How long the forward script took in rehearsal, in milliseconds.
    pub forward_ms: Option<u64>,
    /// What that says of all rows, where the rehearsal was on a sample; none where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extrapolated: Option<Extrapolation>,
    /// The share of the rows that it was rehearsed on; none where all were there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample: Option<String>,
    /// What it touched in rehearsal.
    pub footprint: Option<Footprint>,
    /// What the net will keep; none until it is rehearsed, or where no net can be spread.
    pub net: Option<NetPlan>,
    /// Why no net is spread, where that is so.
    pub no_net: Option<NoNet>,
    /// Whether the way back is the derived rollback.
    pub derived: bool,
    /// What the derived rollback cannot bring back exactly.
    pub losses: Vec<Loss>,
    /// Columns that go away and for which rows written since need a value: a `[fill]` expression each, by `table.column`.
    pub asks_fill: Vec<String>,
    /// The ways back, best first.
    pub ways_back: Vec<WayBack>,
    /// What has to be decided because the best way back is slower than the migration's budget.
    pub decision: Option<String>,
}

/// Statements that become durable together.
#[derive(Clone, Debug, Serialize)]
pub struct PlannedStep {
    /// Whether it is a transaction; else one statement that stands alone, journalled.
    pub in_transaction: bool,
    /// The statements.
    pub statements: Vec<PlannedStatement>,
}

/// One statement of a plan.
#[derive(Clone, Debug, Serialize)]
pub struct PlannedStatement {
    /// What it is: `alter table`.
    pub what: String,
    /// Its text on one line, cut.
    pub text: String,
    /// Where it stands.
    pub place: Place,
    /// The locks that it takes: `access exclusive on orders`.
    pub locks: Vec<String>,
    /// What it may destroy of what was there before the script.
    pub destroys: Vec<String>,
}

/// Whether a migration's way back is proven for this database now.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "standing", rename_all = "kebab-case")]
pub enum CertificateStanding {
    /// There is a certificate, and it counts.
    Fresh {
        /// When it was issued.
        issued_at: String,
        /// What the rehearsal found.
        verdict: Verdict,
        /// How the copy was made.
        copy: String,
    },
    /// There is none that counts.
    Unproven {
        /// Why.
        because: String,
    },
}

/// A way back.
#[derive(Clone, Debug, Serialize)]
pub struct WayBack {
    /// Its letter in the order of DESIGN: `a` is best.
    pub way: char,
    /// What it is.
    pub what: &'static str,
    /// How long it would take, in milliseconds, if known.
    pub milliseconds: Option<u64>,
    /// Where the time comes from.
    pub source: &'static str,
    /// What it would lose.
    pub loses: String,
    /// Whether it is proven, and by what.
    pub proven: String,
    /// Whether it is open at all.
    pub open: bool,
}

/// Makes the plan; nothing is changed, no lock beyond reading is taken.
///
/// # Errors
/// When the folder or the database cannot be read.
pub fn plan(project: &Project, to: Option<&tightrope_model::Version>) -> Result<Plan, PlanError> {
    let engine = project.engine()?;
    let (folder, mut findings) = project.read_folder(engine.kind())?;
    let situation = match project.connect(engine.as_ref(), Access::Read) {
        Ok(mut session) => Some(Situation::read(session.as_mut())?),
        Err(error) if error.kind == tightrope_engine::ErrorKind::DatabaseMissing => {
            findings.push(
                Finding::new(Severity::Note, "database-missing", error.message.clone())
                    .hint(error.hint.unwrap_or_else(|| "create it first".to_owned())),
            );
            None
        }
        Err(error) => return Err(error.into()),
    };
    let applied = situation
        .as_ref()
        .map_or(&[][..], |situation| &situation.applied);
    let standing = Standing::of(&folder, applied, engine.kind());
    for migration in &standing.out_of_order {
        let message = format!(
            "`{}` is older than the newest applied migration and would run after it",
            migration.label()
        );
        findings.push(
            Finding::new(Severity::Warning, "out-of-order", message).at(migration.forward.start()),
        );
    }
    findings.extend(situation.as_ref().into_iter().flat_map(published));
    let rules = StepRules {
        dialect: engine.kind(),
        enum_value_in_transaction: situation
            .as_ref()
            .is_none_or(|situation| situation.capabilities.enum_value_in_transaction),
    };
    let mut before = situation.as_ref().map(|situation| situation.fingerprint);
    let mut migrations = Vec::new();
    let pending = up_to(standing.pending, to, &folder).map_err(crate::RehearseError::from)?;
    // Of later ones, and of one that is half done, nobody knows the schema before: their rehearsal does.
    if let (Some(first), Some(situation)) = (pending.first(), &situation)
        && situation.open_run.is_none()
    {
        project.know_fill(first, &situation.catalog)?;
    }
    for migration in pending {
        let certificate = fresh_certificate(
            project,
            situation.as_ref(),
            migration,
            engine.as_ref(),
            before,
        );
        // Past the first migration without a proof nobody knows the schema that the next one will meet.
        before = certificate
            .as_ref()
            .ok()
            .map(|certificate| certificate.after)
            .or(before);
        let catalog = situation.as_ref().map(|situation| &situation.catalog);
        migrations.push(planned(migration, rules, certificate, catalog));
    }
    restore_way(project, situation.as_ref(), &mut migrations, &mut findings);
    let copies = match situation {
        Some(_) => copies_of(
            project,
            engine.as_ref(),
            &folder,
            &migrations,
            &mut findings,
        ),
        None => None,
    };
    Ok(Plan {
        copies,
        tables: situation
            .as_ref()
            .map_or(0, |situation| situation.catalog.tables().len()),
        applied: applied.len(),
        at: applied
            .last()
            .map(|last| label_of(&last.version, &last.name)),
        changed: standing
            .changed
            .iter()
            .map(|migration| migration.label())
            .collect(),
        missing: standing
            .missing
            .iter()
            .map(|applied| label_of(&applied.version, &applied.name))
            .collect(),
        drift: situation
            .as_ref()
            .and_then(|situation| situation.drift.as_ref())
            .map(DriftReport::of),
        open_run: situation
            .as_ref()
            .and_then(|situation| OpenRunReport::of(situation, engine.kind())),
        server: situation.map(|situation| situation.server),
        migrations,
        findings,
    })
}

/// Puts what the newest backup gives in the place of the way (d); a place that cannot be asked is a finding, not the end of the plan.
fn restore_way(
    project: &Project,
    situation: Option<&Situation>,
    migrations: &mut [PlannedMigration],
    findings: &mut Vec<Finding>,
) {
    if migrations.is_empty() {
        return;
    }
    match crate::backup::way_back(project, situation) {
        Ok(None) => {}
        Ok(Some(restore)) => {
            let ways = migrations
                .iter_mut()
                .flat_map(|migration| migration.ways_back.iter_mut());
            ways.filter(|way| way.way == restore.way)
                .for_each(|way| way.clone_from(&restore));
        }
        Err(error) => findings.push(
            Finding::new(Severity::Warning, "backups-unknown", error.to_string())
                .hint("`tightrope backup list` says more"),
        ),
    }
}

/// Where the copies would come from; what cannot be told is a finding, not the end of the plan.
fn copies_of(
    project: &Project,
    engine: &dyn Engine,
    folder: &Folder,
    migrations: &[PlannedMigration],
    findings: &mut Vec<Finding>,
) -> Option<CopiesPlanned> {
    let cloner = engine.cloner().filter(|_| !migrations.is_empty())?;
    let derives = migrations.iter().any(|migration| migration.derived);
    match copies(project, cloner, folder, derives) {
        Ok(copies) => Some(copies),
        Err(error) => {
            let hint = match &error {
                OutlookError::Engine(engine) => engine.hint.clone(),
                OutlookError::Backup(_) => None,
            };
            let hint = hint.unwrap_or_else(|| {
                "look at [targets.NAME.rehearse] in tightrope.toml: a rehearsal would fail as well".to_owned()
            });
            findings
                .push(Finding::new(Severity::Warning, "copies-unknown", whole(&error)).hint(hint));
            None
        }
    }
}

/// A publication of all tables would publish tightrope's own tables too, and a subscriber that does not have them stops.
fn published(situation: &Situation) -> Vec<Finding> {
    if situation.has_store {
        return Vec::new();
    }
    let publications = situation.catalog.objects().filter(|object| {
        object.id.kind == ObjectKind::Publication && object.attribute("all_tables") == Some("yes")
    });
    publications
        .map(|publication| {
            let message = format!(
                "{} publishes all tables, those that tightrope makes for itself among them",
                publication.id
            );
            Finding::new(Severity::Warning, "published-tables", message)
                .hint("make the schema `tightrope` on the subscriber first, or publish the tables by name")
        })
        .collect()
}

/// A migration's version and name as one word.
pub(crate) fn label_of(version: &str, name: &str) -> String {
    if name.is_empty() {
        version.to_owned()
    } else {
        format!("{version}_{name}")
    }
}

fn planned(
    migration: &Migration,
    rules: StepRules,
    certificate: Result<Certificate, String>,
    catalog: Option<&Catalog>,
) -> PlannedMigration {
    let ready = Ready::with_rules(&migration.forward, rules);
    let steps: Vec<PlannedStep> = ready
        .steps
        .steps
        .iter()
        .map(|step| PlannedStep {
            in_transaction: is_transaction(step),
            statements: step
                .statements
                .clone()
                .map(|index| planned_statement(&ready, index, rules.dialect))
                .collect(),
        })
        .collect();
    let mut destroys: Vec<String> = steps
        .iter()
        .flat_map(|step| &step.statements)
        .flat_map(|statement| statement.destroys.clone())
        .collect();
    destroys.dedup();
    let no_net = net::no_net(&ready, migration, !destroys.is_empty());
    let known = certificate.as_ref().ok();
    let way = Way {
        migration,
        dialect: rules.dialect,
        one_transaction: ready.is_one_transaction(),
        certificate: known,
    };
    let ways_back = way.ways_back();
    let net = way.net().cloned();
    let derived = way.is_derived();
    let asks_fill = match (&net, derived, catalog) {
        (Some(net), true, Some(catalog)) => asks_fill(net, catalog, &migration.settings.fill),
        _ => Vec::new(),
    };
    PlannedMigration {
        version: migration.version.as_str().to_owned(),
        name: migration.name.clone(),
        label: migration.label(),
        steps,
        destroys,
        forward_ms: known.map(|certificate| certificate.forward_ms),
        extrapolated: known.and_then(|certificate| certificate.extrapolated.clone()),
        sample: known.and_then(|certificate| certificate.sample().map(str::to_owned)),
        footprint: known.map(|certificate| certificate.footprint.clone()),
        losses: known
            .map(|certificate| certificate.losses.clone())
            .unwrap_or_default(),
        net,
        no_net,
        derived,
        asks_fill,
        decision: decision(migration, &ways_back),
        ways_back,
        proof: match certificate {
            Ok(certificate) => CertificateStanding::Fresh {
                issued_at: certificate.issued_at,
                verdict: certificate.verdict,
                copy: copy_in_words(&certificate.copy),
            },
            Err(because) => CertificateStanding::Unproven { because },
        },
    }
}

/// `template`; `selective copy, on a sample of 5 %, masked`.
fn copy_in_words(copy: &CopyReport) -> String {
    let mut words = copy.method.clone();
    if let Some(selection) = &copy.selection {
        if let Some(share) = &selection.sample {
            words.push_str(&format!(", on a sample of {share}"));
        }
        if !selection.masked.is_empty() {
            words.push_str(", masked");
        }
    }
    words
}

fn planned_statement(ready: &Ready<'_>, index: usize, dialect: EngineKind) -> PlannedStatement {
    const LONGEST: usize = 100;
    let statement = &ready.parsed.statements[index];
    let line = ready
        .script
        .text_of(statement)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let text = match line.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None => line,
    };
    PlannedStatement {
        what: statement.kind.to_string(),
        text,
        place: ready.script.place(statement.span.start),
        locks: statement.locks.iter().map(ToString::to_string).collect(),
        destroys: ready
            .parsed
            .destroys_of_before(index, dialect)
            .iter()
            .map(ToString::to_string)
            .collect(),
    }
}
