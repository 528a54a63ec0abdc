//! A server that tightrope starts itself, on data that nobody else needs.
//!
//! It is reached by a socket in a folder that only its account may enter, and by nothing else. It reaches nothing: it does not archive, follows
//! no primary, runs no subscription, and loads no library that could have workers of its own.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tightrope_engine::{BackupWatch, DatabaseUrl, EngineError, ErrorKind};

use super::account::Account;
use super::facts::Facts;
use super::home::{Home, PORT, cannot};
use super::installation::Installation;
use super::lsn::Lsn;
use crate::connect::{self, Target};

/// Between two looks at whether it is ready.
const LOOK: Duration = Duration::from_millis(50);

/// How long a server may replay its log: bounds a wait that nobody watches.
const LONGEST_START: Duration = Duration::from_secs(24 * 3_600);

/// How long a stopped server may take.
const LONGEST_STOP: Duration = Duration::from_secs(600);

/// How much of its log is shown where it does not start.
const TAIL: u64 = 4_096;

/// What tells a server to recover up to a target.
const RECOVERY_SIGNAL: &str = "recovery.signal";

/// What is written into its data beside the server's own files, and has to go before somebody else uses it.
const STANDBY_SIGNAL: &str = "standby.signal";

/// Settings that the server reads last, wherever the others are.
pub(super) const AUTO_SETTINGS: &str = "postgresql.auto.conf";

/// How a server is started.
pub(super) struct Start<'a> {
    pub(super) account: Account,
    pub(super) installation: &'a Installation,
    pub(super) facts: &'a Facts,
    /// Recover up to the record at this position, with it, and no further; none means all that the log has.
    pub(super) up_to: Option<Lsn>,
}

/// A server that runs. Dropping the value ends it and removes its folder.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    bootstrap: String,
    home: Home,
}

impl Server {
    /// Starts a server on the data that lies in its home, and waits until it lets us in.
    pub(super) fn start(
        home: Home,
        how: &Start<'_>,
        watch: &dyn BackupWatch,
    ) -> Result<Self, EngineError> {
        prepare(&home, how)?;
        let mut settings = how.facts.settings.clone();
        loop {
            configure(&home, how, &settings)?;
            how.account
                .own_all(home.folder())
                .map_err(|error| cannot("give the server its folder", home.folder(), &error))?;
            let mut child = spawn(&home, how)?;
            match wait(&mut child, &home, how, watch) {
                Ok(()) => {
                    return Ok(Self {
                        child,
                        bootstrap: how.facts.bootstrap.clone(),
                        home,
                    });
                }
                Err(error) => {
                    end(&mut child);
                    // What this machine does not have, a locale or a time zone, is left at the default.
                    let refused = refused_setting(&log_tail(&home));
                    if refused.is_none_or(|name| settings.remove(&name).is_none()) {
                        return Err(error);
                    }
                }
            }
        }
    }

    pub(super) fn home(&self) -> &Home {
        &self.home
    }

    /// How to connect to one of its databases as one of its roles.
    pub(super) fn url(&self, role: &str, database: &str) -> DatabaseUrl {
        url(&self.home, role, database)
    }

    /// The same as the role that may do everything.
    pub(super) fn url_of_all(&self, database: &str) -> DatabaseUrl {
        url(&self.home, &self.bootstrap, database)
    }

    /// Stops it in order, so that its data is whole; gives the folder.
    pub(super) fn stop(&mut self) -> Result<&Home, EngineError> {
        signal(&self.child, Signal::INT);
        let deadline = Instant::now() + LONGEST_STOP;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(&self.home),
                Ok(None) if Instant::now() < deadline => thread::sleep(LOOK),
                _ => {
                    return Err(EngineError::new(
                        ErrorKind::Other,
                        "the throw-away server did not stop in order",
                    )
                    .detail(log_tail(&self.home)));
                }
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Takes out of the data what would lead the server elsewhere, and tells it whether it has a target.
fn prepare(home: &Home, how: &Start<'_>) -> Result<(), EngineError> {
    let data = home.data();
    let failed = |error: &std::io::Error| cannot("prepare the data in", &data, error);
    for name in [
        STANDBY_SIGNAL,
        RECOVERY_SIGNAL,
        "postmaster.pid",
        "postmaster.opts",
    ] {
        remove(&data.join(name)).map_err(|error| failed(&error))?;
    }
    // It would be read after our own settings, and says whom to follow and where to archive.
    fs::write(data.join(AUTO_SETTINGS), "").map_err(|error| failed(&error))?;
    if how.up_to.is_some() {
        fs::write(data.join(RECOVERY_SIGNAL), "").map_err(|error| failed(&error))?;
    }
    Ok(())
}

/// Removes a file that need not be there.
pub(super) fn remove(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Writes the settings, none of which comes from the data.
fn configure(
    home: &Home,
    how: &Start<'_>,
    settings: &BTreeMap<String, String>,
) -> Result<(), EngineError> {
    let mut text = String::new();
    let mut set = |name: &str, value: &str| {
        let value = value.replace('\\', "\\\\").replace('\'', "''");
        let _ = writeln!(text, "{name} = '{value}'");
    };
    for (name, value) in settings {
        set(name, value);
    }
    let file = |name: &str| home.folder().join(name);
    set("listen_addresses", "");
    set("port", &PORT.to_string());
    set("unix_socket_directories", &home.sockets().to_string_lossy());
    set("unix_socket_permissions", "0700");
    set("hba_file", &file("hba.conf").to_string_lossy());
    set("ident_file", &file("ident.conf").to_string_lossy());
    set("cluster_name", "tightrope throw-away");
    set("max_connections", "100");
    set("shared_buffers", "128MB");
    set("lc_messages", "C");
    set("ssl", "off");
    for off in [
        "archive_mode",
        "hot_standby",
        "logging_collector",
        "autovacuum",
    ] {
        set(off, "off");
    }
    set("max_wal_senders", "0");
    set("max_logical_replication_workers", "0");
    set("restart_after_crash", "off");
    if let Some(target) = how.up_to {
        // All of the log lies in the data: there is nothing to fetch, and the server wants to be told how.
        set("restore_command", "exit 1");
        set("recovery_target_lsn", &target.to_string());
        set("recovery_target_inclusive", "on");
        set("recovery_target_action", "promote");
        set("recovery_target_timeline", "current");
    }
    for off in ["fsync", "full_page_writes", "synchronous_commit"] {
        set(off, "off");
    }
    let write = |name: &str, text: &str| {
        let path = file(name);
        fs::write(&path, text).map_err(|error| cannot("write", &path, &error))
    };
    write("postgresql.conf", &text)?;
    // Who gets into the folder of the socket is its account, or root.
    write("hba.conf", "local all all trust\n")?;
    write("ident.conf", "")
}

fn spawn(home: &Home, how: &Start<'_>) -> Result<Child, EngineError> {
    let path = home.log();
    let log = || OpenOptions::new().create(true).append(true).open(&path);
    let (out, err) = log()
        .and_then(|out| Ok((out, log()?)))
        .map_err(|error| cannot("write", &path, &error))?;
    let mut command = how.installation.command("postgres");
    command
        .env_clear()
        .env("LC_ALL", "C")
        .arg("-D")
        .arg(home.data())
        .arg("-c")
        .arg(format!(
            "config_file={}",
            home.folder().join("postgresql.conf").display()
        ))
        .current_dir(home.folder())
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        // What ends us from the keyboard does not end it under us: it is ended in order, or swept.
        .process_group(0);
    how.account.takes(&mut command);
    command.spawn().map_err(|error| {
        EngineError::new(
            ErrorKind::Other,
            format!(
                "the server {} could not be started: {error}",
                how.installation.folder().join("postgres").display()
            ),
        )
    })
}

/// Waits until the server lets us in, or has ended.
fn wait(
    child: &mut Child,
    home: &Home,
    how: &Start<'_>,
    watch: &dyn BackupWatch,
) -> Result<(), EngineError> {
    let target = Target::parse(&url(home, &how.facts.bootstrap, "template1"))?;
    let began = Instant::now();
    let mut told = 0;
    loop {
        match connect::open(&target, "tightrope start") {
            Ok(_) => return Ok(()),
            // It says so itself while it recovers; before that nobody answers.
            Err(error) if is_on_its_way(&error) => {}
            Err(error) => return Err(error.detail(log_tail(home))),
        }
        let ended = child.try_wait().ok().flatten();
        if ended.is_some() || began.elapsed() > LONGEST_START {
            return Err(not_started(home));
        }
        let seconds = began.elapsed().as_secs();
        if seconds > told {
            told = seconds;
            watch.progress(
                "seconds that the throw-away server has been starting",
                told,
                0,
            );
        }
        thread::sleep(LOOK);
    }
}

fn is_on_its_way(error: &EngineError) -> bool {
    error.code.as_deref() == Some("57P03")
        || matches!(
            error.kind,
            ErrorKind::Unreachable | ErrorKind::ConnectionLost
        )
}

fn not_started(home: &Home) -> EngineError {
    let tail = log_tail(home);
    let kind = match tail.contains("No space left on device") {
        true => ErrorKind::OutOfSpace,
        false => ErrorKind::Other,
    };
    EngineError::new(kind, "the throw-away server did not start")
        .detail(format!("the end of its log:\n{}", tail.trim_end()))
        .hint("its log says why; the copy is removed")
}

/// The end of the server's log.
fn log_tail(home: &Home) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(home.log())?;
        let bytes = file.metadata()?.len();
        file.seek(SeekFrom::Start(bytes.saturating_sub(TAIL)))?;
        let mut tail = Vec::new();
        file.read_to_end(&mut tail)?;
        Ok(tail)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}

/// The setting that the server's last words refuse.
fn refused_setting(tail: &str) -> Option<String> {
    let line = tail.lines().rev().find(|line| {
        line.contains("invalid value for parameter \"")
            || line.contains("unrecognized configuration parameter \"")
    })?;
    line.split('"').nth(1).map(str::to_owned)
}

fn url(home: &Home, role: &str, database: &str) -> DatabaseUrl {
    DatabaseUrl::new(format!(
        "postgres://{}@/{}?host={}&port={PORT}&sslmode=disable",
        encoded(role, ""),
        encoded(database, ""),
        encoded(&home.sockets().to_string_lossy(), "/")
    ))
}

/// A part of a URL.
fn encoded(text: &str, also: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric()
            || b"-_.~".contains(&byte)
            || also.as_bytes().contains(&byte);
        match plain {
            true => encoded.push(char::from(byte)),
            false => drop(write!(encoded, "%{byte:02X}")),
        }
    }
    encoded
}

fn signal(child: &Child, signal: Signal) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // One that has ended cannot be told anything, and need not be.
        let _ = kill_process(pid, signal);
    }
}

/// Ends a server whose data nobody needs.
fn end(child: &mut Child) {
    if matches!(child.try_wait(), Ok(Some(_))) {
        return;
    }
    signal(child, Signal::QUIT);
    let deadline = Instant::now() + Duration::from_secs(10);
    while matches!(child.try_wait(), Ok(None)) && Instant::now() < deadline {
        thread::sleep(LOOK);
    }
    // One that has ended already cannot be killed, and that is as good.
    let _ = child.kill();
    let _ = child.wait();
}

/// The command that starts a server on a folder of data, for people.
pub(super) fn start_command(account: Account, installation: &Installation, data: &Path) -> String {
    let program: PathBuf = installation.folder().join("pg_ctl");
    // Its account may write there, and perhaps nowhere else around.
    let log = data.join("start.log");
    format!(
        "{}{} -D '{}' -l '{}' start",
        account.typed(),
        program.display(),
        data.display(),
        log.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_urls_are_encoded() {
        assert_eq!(encoded("a b&c/é", ""), "a%20b%26c%2F%C3%A9");
        assert_eq!(encoded("/var/tmp/x y", "/"), "/var/tmp/x%20y");
    }

    #[test]
    fn a_setting_that_the_machine_does_not_have_is_named_by_the_server() {
        let tail = "LOG:  invalid value for parameter \"lc_monetary\": \"tr_TR.UTF-8\"\nFATAL:  configuration file has errors\n";
        assert_eq!(refused_setting(tail).as_deref(), Some("lc_monetary"));
        assert_eq!(refused_setting("FATAL:  something else"), None);
    }
}
