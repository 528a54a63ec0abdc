use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tightrope_engine::{EngineError, ErrorKind};
use tightrope_model::EngineKind;
use tightrope_script::{Script, TransactionMode};
use tightrope_workload::{Collector, LeftOut, Seen, Workload, may_quote_values, read_log};

use super::load::WorkloadFailure;
use crate::project::{Access, Project};

/// Where queries are captured from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaptureSource {
    /// What the target's server remembers of the statements of that database.
    Statements,
    /// A PostgreSQL server's log.
    Log(PathBuf),
    /// A script of queries.
    Script(PathBuf),
}

/// What to capture.
#[derive(Clone, Debug)]
pub struct CaptureOptions {
    /// Where from.
    pub source: CaptureSource,
    /// Whether samples of parameters are kept.
    pub parameters: bool,
    /// Of a log that tells databases apart: only the queries of that one.
    pub database: Option<String>,
    /// In whose SQL a script is written.
    pub engine: EngineKind,
    /// The file to write.
    pub output: PathBuf,
}

/// What a capture gave.
#[derive(Clone, Debug, Serialize)]
pub struct Captured {
    /// The file that was written.
    pub file: PathBuf,
    /// Where the queries come from, in words.
    pub source: String,
    /// How many different ones there are.
    pub queries: usize,
    /// How many calls they had together.
    pub calls: u64,
    /// How many of them have samples of parameters.
    pub with_samples: usize,
    /// How many samples were masked or left out, because they looked like secrets.
    pub masked: u64,
    /// How many calls were left out, by reason.
    pub left_out: LeftOut,
    /// Things worth knowing.
    pub remarks: Vec<String>,
}

/// Captures the queries of an application into a file.
///
/// The file is written whole or not at all.
///
/// # Errors
/// When the source cannot be read or holds nothing, or the file cannot be written.
pub fn capture(project: &Project, options: &CaptureOptions) -> Result<Captured, WorkloadFailure> {
    let mut remarks = Vec::new();
    let mut collector = Collector::new(options.engine, options.parameters);
    let (source, hint) = match &options.source {
        CaptureSource::Statements => of_statements(project, &mut collector, &mut remarks)?,
        CaptureSource::Log(path) => of_log(path, options, &mut collector, &mut remarks)?,
        CaptureSource::Script(path) => {
            of_script(path, project, options, &mut collector, &mut remarks)?
        }
    };
    if options.parameters && options.source == CaptureSource::Statements {
        remarks.push(
            "pg_stat_statements keeps no parameters: to replay calls, capture from a log"
                .to_owned(),
        );
    }
    let masked = collector.masked();
    let workload = collector.finish(source.as_str(), Some(jiff::Timestamp::now().to_string()));
    if workload.queries.is_empty() {
        return Err(WorkloadFailure::Nothing { what: source, hint });
    }
    write(&options.output, &workload)?;
    Ok(Captured {
        file: options.output.clone(),
        source,
        queries: workload.queries.len(),
        calls: workload.queries.iter().map(|query| query.calls).sum(),
        with_samples: workload
            .queries
            .iter()
            .filter(|query| !query.samples.is_empty())
            .count(),
        masked,
        left_out: workload.left_out,
        remarks,
    })
}

/// The source in words, and what may be wrong if it gives nothing.
type Told = (String, String);

fn of_statements(
    project: &Project,
    collector: &mut Collector,
    remarks: &mut Vec<String>,
) -> Result<Told, WorkloadFailure> {
    let engine = project.engine()?;
    let mut session = project.connect(engine.as_ref(), Access::Read)?;
    let server = session.server().clone();
    let queries = session.queries().ok_or_else(|| {
        EngineError::new(ErrorKind::Unsupported, "this engine cannot try queries")
    })?;
    let records = queries.statements()?;
    for record in &records {
        collector.add(&Seen {
            text: record.text.clone(),
            calls: record.calls,
            total_ms: record.total_ms,
            parameters: Vec::new(),
        });
    }
    remarks.push(
        "pg_stat_statements forgets rare statements (`pg_stat_statements.max`): what runs once a month may be missing".to_owned(),
    );
    Ok((
        format!("pg_stat_statements of {}@{}", server.database, server.host),
        "let the application run for a while first; the statistics may have been reset".to_owned(),
    ))
}

fn of_log(
    path: &Path,
    options: &CaptureOptions,
    collector: &mut Collector,
    remarks: &mut Vec<String>,
) -> Result<Told, WorkloadFailure> {
    let text = read(path, "the server's log", LOG_HINT)?;
    let reading = read_log(&text, options.database.as_deref(), collector);
    if reading.odd > 0 {
        remarks.push(format!(
            "{} lines of the log could not be understood",
            reading.odd
        ));
    }
    let source = format!("the server's log {} ({})", path.display(), reading.format);
    let hint = match (reading.entries, reading.statements) {
        (0, _) => "is it a PostgreSQL log, with lc_messages = 'C'?",
        (_, 0) => {
            "it tells of no statement: set log_min_duration_statement = 0 (or log_statement = 'all') for a while"
        }
        _ => "all that it tells of was left out; does `--database` name the application's?",
    };
    Ok((source, hint.to_owned()))
}

/// What tables and columns are called; none where the database cannot be asked: what hangs on it is left out, and counted.
fn names(project: &Project) -> Option<Vec<String>> {
    let engine = project.engine().ok()?;
    let mut session = project.connect(engine.as_ref(), Access::Read).ok()?;
    session.queries()?.names().ok()
}

fn of_script(
    path: &Path,
    project: &Project,
    options: &CaptureOptions,
    collector: &mut Collector,
    remarks: &mut Vec<String>,
) -> Result<Told, WorkloadFailure> {
    let text = read(path, "the script of queries", SCRIPT_HINT)?;
    if may_quote_values(&text, options.engine)
        && let Some(names) = names(project)
    {
        collector.name(names);
    }
    let script = Script::whole(path, text, TransactionMode::Auto);
    let parsed = script.parse(options.engine);
    for statement in &parsed.statements {
        collector.add(&Seen {
            text: script.text_of(statement).to_owned(),
            calls: 1,
            ..Seen::default()
        });
    }
    remarks.extend(
        parsed
            .findings
            .iter()
            .map(|finding| finding.message.clone()),
    );
    Ok((
        format!("the script {}", path.display()),
        "only queries and changes of rows count: select, insert, update, delete, merge".to_owned(),
    ))
}

const LOG_HINT: &str = "it lies on the server's machine: `select pg_current_logfile()` names it there, and a copy of it will do";
const SCRIPT_HINT: &str = "name a file of queries, each with its semicolon";

/// A file's text; what is not UTF-8 in it is replaced.
fn read(path: &Path, what: &'static str, hint: &'static str) -> Result<String, WorkloadFailure> {
    let bytes = std::fs::read(path).map_err(|source| WorkloadFailure::NoSource {
        what,
        path: path.to_owned(),
        hint,
        source,
    })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn write(path: &Path, workload: &Workload) -> Result<(), WorkloadFailure> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", std::process::id()));
    let draft = PathBuf::from(draft);
    let written = std::fs::File::create(&draft)
        .and_then(|mut file| {
            file.write_all(workload.to_text().as_bytes())?;
            file.sync_all()
        })
        .and_then(|()| std::fs::rename(&draft, path));
    written.map_err(|source| {
        // What is half written has a name that nobody reads.
        let _ = std::fs::remove_file(&draft);
        WorkloadFailure::Unwritable {
            path: path.to_owned(),
            source,
        }
    })
}
