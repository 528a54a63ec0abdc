//! The folder of a throw-away server, and what dead processes have left of them.
//!
//! Its maker holds the lock of a file in it for as long as it lives: that is how a server that nobody needs any more is known. A marker
//! says to people whose it was; both are there before a server is started.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tightrope_engine::{EngineError, ErrorKind};

use super::account::Account;

/// What the folders' names begin with.
pub(super) const PREFIX: &str = "tightrope_server_";

/// The file whose lock the maker holds.
const LOCK: &str = "lock";

/// Who made it, for people, and where its socket is.
const MARKER: &str = "maker.json";

/// The longest path of a socket that every system takes, with its end.
const LONGEST_SOCKET: usize = 100;

/// A server without a network needs no port of its own: the number is a part of the socket's name, in a folder of its own.
pub(super) const PORT: u16 = 5432;

/// How long a server may take to end by itself before it is killed.
const ENDING: Duration = Duration::from_secs(20);

/// The folder of one throw-away server. Dropping the value removes it; the server has to be ended before.
#[derive(Debug)]
pub(super) struct Home {
    folder: PathBuf,
    sockets: PathBuf,
    _lock: File,
}

impl Home {
    /// Makes one below a folder, which is made where it is not there.
    pub(super) fn make(ground: &Path, account: Account) -> Result<Self, EngineError> {
        const TRIES: u32 = 20;
        let failed = |error: &io::Error| cannot("make the folder of a server in", ground, error);
        fs::create_dir_all(ground).map_err(|error| failed(&error))?;
        let ground = fs::canonicalize(ground).map_err(|error| failed(&error))?;
        account.require_way_to(&ground)?;
        let mut tries = 0;
        loop {
            tries += 1;
            match Self::try_make(&ground, account) {
                Ok(home) => return Ok(home),
                // Somebody who swept at that very instant took it for one that nobody makes.
                Err(error) if error.kind() == io::ErrorKind::NotFound && tries < TRIES => {}
                Err(error) => return Err(failed(&error)),
            }
        }
    }

    fn try_make(ground: &Path, account: Account) -> io::Result<Self> {
        let name = super::super::scratch_name().replace(super::super::PREFIX, PREFIX);
        let folder = ground.join(&name);
        private().create(&folder)?;
        let lock = File::create(folder.join(LOCK))?;
        lock.lock()?;
        let beside = folder.join("socket");
        let is_short = beside.as_os_str().len() + ".s.PGSQL.65535".len() < LONGEST_SOCKET;
        let sockets = match is_short {
            true => beside,
            false => std::env::temp_dir().join(&name),
        };
        let home = Self {
            folder,
            sockets,
            _lock: lock,
        };
        let marker = json!({
            "made_by": "tightrope",
            "pid": std::process::id(),
            "started": started(std::process::id()),
            "sockets": home.sockets.to_string_lossy(),
        });
        fs::write(home.folder.join(MARKER), marker.to_string())?;
        private().create(&home.sockets)?;
        account.own_all(&home.sockets)?;
        account.own_all(&home.folder)?;
        Ok(home)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The cluster's files.
    pub(super) fn data(&self) -> PathBuf {
        data(&self.folder)
    }

    /// Where its tablespaces are.
    pub(super) fn tablespaces(&self) -> PathBuf {
        self.folder.join("tablespaces")
    }

    /// What the server says.
    pub(super) fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// The folder of its socket, which nobody else may enter.
    pub(super) fn sockets(&self) -> &Path {
        &self.sockets
    }

    /// The folder's name.
    pub(super) fn name(&self) -> String {
        name_of(&self.folder)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // What cannot be removed now is swept by the next command: the lock goes with this process.
        let _ = fs::remove_dir_all(&self.sockets);
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A folder that only its owner may enter.
pub(super) fn private() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}

pub(super) fn cannot(doing: &str, path: &Path, error: &io::Error) -> EngineError {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::OutOfSpace,
        _ => ErrorKind::Other,
    };
    EngineError::new(kind, format!("cannot {doing} {}: {error}", path.display()))
        .hint("is the folder there, is there room, and may this user write to it?")
}

fn data(home: &Path) -> PathBuf {
    home.join("data")
}

fn name_of(folder: &Path) -> String {
    let name = folder.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Ends the servers below a folder whose makers are dead, and removes what is left of them; gives the names.
pub(super) fn sweep(ground: &Path) -> Result<Vec<String>, EngineError> {
    // A server knows itself by its whole path.
    let entries = match fs::canonicalize(ground).and_then(fs::read_dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(cannot(
                "look for what is left of servers in",
                ground,
                &error,
            ));
        }
    };
    let mut swept = Vec::new();
    for entry in entries.flatten() {
        let folder = entry.path();
        if !name_of(&folder).starts_with(PREFIX) || !folder.is_dir() {
            continue;
        }
        let failed =
            |error: io::Error| cannot("remove what is left of the server in", &folder, &error);
        if sweep_one(&folder).map_err(failed)? {
            swept.push(name_of(&folder));
        }
    }
    swept.sort();
    Ok(swept)
}

/// Whether it was left behind, and is gone now.
fn sweep_one(folder: &Path) -> io::Result<bool> {
    let Ok(lock) = File::open(folder.join(LOCK)) else {
        // Killed before there was a lock: nothing else was there either. What is not empty is not ours to remove.
        return Ok(fs::remove_dir(folder).is_ok());
    };
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(false),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let sockets = sockets_in(folder);
    end_server(&data(folder), &sockets)?;
    if name_of(&sockets) == name_of(folder) {
        // It is in the folder for temporary files, which the system sweeps, too.
        let _ = fs::remove_dir_all(&sockets);
    }
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(true),
    }
}

fn sockets_in(folder: &Path) -> PathBuf {
    let marker = fs::read(folder.join(MARKER)).unwrap_or_default();
    let marker: Value = serde_json::from_slice(&marker).unwrap_or_default();
    let sockets = marker.get("sockets").and_then(Value::as_str);
    sockets.map_or_else(|| folder.join("socket"), PathBuf::from)
}

/// Ends the server on that data, if one runs: at once, for nobody needs the data.
fn end_server(data: &Path, sockets: &Path) -> io::Result<()> {
    let Some(pid) = server_of(data) else {
        return Ok(());
    };
    for (signal, patience) in [(Signal::QUIT, ENDING), (Signal::KILL, ENDING)] {
        if !serves(pid, data, sockets) {
            return Ok(());
        }
        // One that has just ended cannot be told anything, and need not be.
        let _ = kill_process(pid, signal);
        let deadline = Instant::now() + patience;
        while serves(pid, data, sockets) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(50));
        }
    }
    match serves(pid, data, sockets) {
        false => Ok(()),
        true => Err(io::Error::other(format!(
            "its server, process {}, does not end",
            pid.as_raw_nonzero()
        ))),
    }
}

/// The process that the server has written into its data.
pub(super) fn server_of(data: &Path) -> Option<Pid> {
    let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    Pid::from_raw(text.lines().next()?.trim().parse().ok()?)
}

/// Whether that process is a server on that data, and no later process with the same number.
fn serves(pid: Pid, data: &Path, sockets: &Path) -> bool {
    let process = PathBuf::from(format!("/proc/{}", pid.as_raw_nonzero()));
    if Path::new("/proc/self/cwd").exists() {
        // A server works in the folder of its data; one that has ended, and that nobody has buried, works nowhere.
        return fs::read_link(process.join("cwd")).is_ok_and(|works_in| works_in == data);
    }
    UnixStream::connect(sockets.join(format!(".s.PGSQL.{PORT}"))).is_ok()
}

/// When a process started, in clock ticks since the machine did; none where the system does not tell so.
fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_use_or_not_ours_is_not_swept() {
        let ground = std::env::temp_dir().join(super::super::super::scratch_name());
        let home = Home::make(&ground, Account::find().unwrap()).unwrap();
        let foreign = ground.join(format!("{PREFIX}foreign"));
        fs::create_dir_all(foreign.join("something")).unwrap();
        assert_eq!(sweep(&ground).unwrap(), Vec::<String>::new());
        fs::remove_dir_all(&foreign).unwrap();

        // Its maker has died: the lock is free, the folder is there.
        let left = ground.join(format!("{PREFIX}left"));
        fs::create_dir(&left).unwrap();
        fs::write(left.join(LOCK), "").unwrap();
        assert_eq!(sweep(&ground).unwrap(), [format!("{PREFIX}left")]);
        assert!(!left.exists());
        drop(home);
        assert_eq!(fs::read_dir(&ground).unwrap().count(), 0);
        fs::remove_dir(&ground).unwrap();
    }
}
