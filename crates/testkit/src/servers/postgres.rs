use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};

use anyhow::{Context as _, bail};
use postgres::{Client, NoTls};

use super::state::ServerState;
use super::user::ServerUser;
use super::{TestDatabase, bin_dir, keeper};
use crate::alive::ProcessId;
use crate::lock::FileLock;
use crate::{port, run};

/// How often a start is tried: each time on another port, should somebody have taken the one before.
const STARTS: usize = 5;

/// What every server is set to, beside its port and its folder.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
max_connections = 200
max_locks_per_transaction = 256
max_prepared_transactions = 16
max_replication_slots = 32
max_wal_senders = 32
wal_level = logical
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
shared_preload_libraries = 'pg_stat_statements'
";

/// What kind of PostgreSQL server a test needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PostgresOptions {
    /// What is committed is forced to disk: for tests that crash the server. Slower.
    pub fsync: bool,
}

/// A running PostgreSQL server that all tests of the run share.
#[derive(Clone, Debug)]
pub struct PostgresServer {
    /// Its major version.
    pub major: u32,
    /// Its port on 127.0.0.1. The superuser `postgres` gets in without a password.
    pub port: u16,
}

/// The run's PostgreSQL server of that major; started now if nobody has asked for it before.
///
/// # Errors
/// When it is not installed, or does not start.
pub fn postgres(major: u32) -> anyhow::Result<PostgresServer> {
    postgres_with(major, PostgresOptions::default())
}

/// The run's PostgreSQL server of that major and kind.
///
/// # Errors
/// When it is not installed, or does not start.
pub fn postgres_with(major: u32, options: PostgresOptions) -> anyhow::Result<PostgresServer> {
    static KNOWN: LazyLock<Mutex<HashMap<(u32, PostgresOptions), PostgresServer>>> =
        LazyLock::new(Mutex::default);

    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(server) = known.get(&(major, options)) {
        return Ok(server.clone());
    }
    let server = find_or_start(major, options)
        .with_context(|| format!("starting PostgreSQL {major} for the tests"))?;
    known.insert((major, options), server.clone());
    Ok(server)
}

fn find_or_start(major: u32, options: PostgresOptions) -> anyhow::Result<PostgresServer> {
    let binaries = bin_dir(major)?;
    let runner = run::runner()?;
    let kind = if options.fsync { "-fsync" } else { "" };
    let folder = run::folder(runner)?.join(format!("postgres-{major}{kind}"));

    let _lock = FileLock::wait(&folder.with_extension("lock"))?;
    if let Some(port) = healthy(&folder) {
        return Ok(PostgresServer { major, port });
    }
    keeper::sweep()?;
    keeper::end(&folder)?;
    keeper::start(runner, &folder)?;
    let port = Cluster::new(binaries, folder)?.start(options)?;
    Ok(PostgresServer { major, port })
}

/// The port of the server in that folder, if it lives and answers.
fn healthy(folder: &Path) -> Option<u16> {
    let state = ServerState::read(folder)?;
    let answers = || connect(state.port, "postgres")?.simple_query("select 1");
    (state.server.is_alive() && answers().is_ok()).then_some(state.port)
}

fn connect(port: u16, database: &str) -> Result<Client, postgres::Error> {
    postgres::Config::new()
        .host("127.0.0.1")
        .port(port)
        .user("postgres")
        .dbname(database)
        .connect(NoTls)
}

/// A data folder and the programs that work on it.
#[derive(Debug)]
pub(super) struct Cluster {
    user: ServerUser,
    binaries: PathBuf,
    folder: PathBuf,
}

impl Cluster {
    /// A new one in a folder that is made now.
    pub(super) fn new(binaries: PathBuf, folder: PathBuf) -> anyhow::Result<Self> {
        let user = ServerUser::find()?;
        fs::create_dir(&folder)?;
        user.own(&folder)?;
        let binaries = if user.reaches(&binaries) {
            binaries
        } else {
            copy_installation(&binaries, &folder)?
        };
        Ok(Self {
            user,
            binaries,
            folder,
        })
    }

    /// Fills the data folder and starts the server; gives its port.
    fn start(&self, options: PostgresOptions) -> anyhow::Result<u16> {
        self.initialise()?;
        let mut failure = None;
        for _ in 0..STARTS {
            let port = port::free()?;
            match self.start_on(port, options) {
                Ok(()) => return Ok(port),
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.context("no start was tried")?)
    }

    pub(super) fn initialise(&self) -> anyhow::Result<()> {
        // Not every system has the locale that sorts by code points and still knows letters.
        let with = |locale: &str| {
            let mut command = self.command("initdb");
            command
                .args(["-A", "trust", "-U", "postgres", "--no-sync"])
                .args(["--encoding=UTF8", locale, "-D"])
                .arg(self.data());
            run_quietly(command)
        };
        with("--locale=C.UTF-8").or_else(|_| with("--locale=C"))
    }

    pub(super) fn start_on(&self, port: u16, options: PostgresOptions) -> anyhow::Result<()> {
        self.configure(port, options)?;
        let log = self.folder.join("log");
        let mut command = self.command("pg_ctl");
        command
            .args(["-w", "-s", "-t", "60", "-D"])
            .arg(self.data())
            .arg("-l")
            .arg(&log)
            .arg("start");
        run_quietly(command).with_context(|| fs::read_to_string(&log).unwrap_or_default())?;

        let pid_file = fs::read_to_string(self.data().join("postmaster.pid"))?;
        let pid = pid_file.lines().next().unwrap_or_default().parse()?;
        let server = ProcessId::of(pid).context("the server ended at once")?;
        ServerState { server, port }.write(&self.folder)
    }

    /// Stops the server in one of `pg_ctl`'s modes.
    pub(super) fn stop(&self, mode: &str) -> anyhow::Result<()> {
        let mut command = self.command("pg_ctl");
        command.args(["-w", "-s", "-t", "60", "-m", mode, "-D"]);
        command.arg(self.data()).arg("stop");
        run_quietly(command)
    }

    /// Adds to the settings: the last one of a name counts.
    fn configure(&self, port: u16, options: PostgresOptions) -> anyhow::Result<()> {
        let durable = if options.fsync { "on" } else { "off" };
        let folder = self.data();
        let settings = format!(
            "{SETTINGS}port = {port}\nunix_socket_directories = '{}'\nfsync = {durable}\n\
             synchronous_commit = {durable}\nfull_page_writes = {durable}\n",
            folder.display()
        );
        OpenOptions::new()
            .append(true)
            .open(folder.join("postgresql.conf"))
            .and_then(|mut file| file.write_all(settings.as_bytes()))
            .context("writing postgresql.conf")
    }

    pub(super) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn command(&self, program: &str) -> Command {
        self.user
            .command(&self.binaries.join(program), &self.folder)
    }
}

/// Copies an installation to where the server's user can use it: a checkout may lie in root's closed home.
fn copy_installation(binaries: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
    let installation = binaries.parent().context("the programs are in a folder")?;
    let copy = folder.join("programs");
    let mut command = Command::new("cp");
    command.arg("-a").arg(installation).arg(&copy);
    run_quietly(command)?;
    Ok(copy.join("bin"))
}

/// Runs a command to its end; what it says is the error's text when it fails.
fn run_quietly(mut command: Command) -> anyhow::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("running {program}"))?;
    if !output.status.success() {
        bail!(
            "{program}: {}\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

impl PostgresServer {
    /// How to reach one of its databases: `postgres://postgres@127.0.0.1:PORT/DATABASE`.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// A new empty database for one test.
    ///
    /// # Errors
    /// When the server does not make it.
    pub fn create_database(&self) -> anyhow::Result<TestDatabase> {
        TestDatabase::create(self.clone())
    }

    /// A session of the superuser.
    ///
    /// # Errors
    /// When the server or the database is not there.
    pub fn connect(&self, database: &str) -> anyhow::Result<Client> {
        connect(self.port, database)
            .with_context(|| format!("connecting to the database {database:?}"))
    }
}
