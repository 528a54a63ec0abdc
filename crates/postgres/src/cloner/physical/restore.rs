//! A physical backup on a throw-away server, and in a folder of its own.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use tightrope_engine::{BackupFiles, BackupWatch, EngineError, ErrorKind, Ground, KeptCluster};

use super::account::Account;
use super::base::{link_tablespaces, require_room};
use super::cluster::ThrowAway;
use super::facts::Facts;
use super::home::{Home, cannot, private};
use super::installation::Installation;
use super::lsn::Lsn;
use super::pack::unpack;
use super::server::{AUTO_SETTINGS, Server, Start, start_command};
use super::take::{CLUSTER, FOLDERS, MAJOR, POSITION, ROLE, SMALL, TABLESPACES};

/// What a server needs beside what it replays.
const MARGIN_BYTES: u64 = 256 << 20;

/// Copies the files of a backup, and starts a server on them that replays the log up to the backup's position.
pub(super) fn restore(
    beside_clients: Option<&Path>,
    files: &BackupFiles<'_>,
    database: &str,
    ground: &Ground,
    to_keep: bool,
    watch: &dyn BackupWatch,
) -> Result<ThrowAway, EngineError> {
    let facts = Facts::of(files.properties)?;
    let up_to: Lsn = said(files, POSITION)?;
    let major = said(files, MAJOR)?;
    let installation = Installation::find(ground.programs.bin.as_deref(), beside_clients, major)?;
    let account = Account::find()?;
    let home = Home::make(&ground.folder, account)?;
    watch.reached("folder of the server made");
    let data = home.data();
    let mut copied = Copied::of(files)?;
    require_room(home.folder(), copied.bytes + MARGIN_BYTES)?;
    copied.copy(files, &data, watch)?;
    link_tablespaces(&data, &data.join(TABLESPACES), &data.join(TABLESPACES))?;
    watch.reached("files copied");
    // The server's own settings take its place for now.
    let settings = fs::read_to_string(data.join(AUTO_SETTINGS)).unwrap_or_default();
    let start = Start {
        account,
        installation: &installation,
        facts: &facts,
        up_to: Some(up_to),
    };
    let server = Server::start(home, &start, watch)?;
    watch.reached("server started");
    let role = files
        .properties
        .get(ROLE)
        .unwrap_or(&facts.bootstrap)
        .clone();
    let url = server.url(&role, database);
    let restored = ThrowAway {
        url,
        name: server.home().name(),
        server,
        remarks: Vec::new(),
        account,
        installation,
        facts,
        settings,
    };
    match to_keep {
        true => restored.looked_at(database),
        false => restored.made_usable(&role, database),
    }
}

/// What the backup's properties say of its cluster.
fn said<T: std::str::FromStr>(files: &BackupFiles<'_>, name: &str) -> Result<T, EngineError> {
    let said = files
        .properties
        .get(name)
        .and_then(|text| text.parse().ok());
    said.ok_or_else(|| {
        EngineError::new(
            ErrorKind::Damaged,
            format!("the backup's manifest does not say its `{name}`"),
        )
    })
}

/// The files of a backup, by their paths in its folder.
struct Copied {
    folders: Vec<PathBuf>,
    files: Vec<(PathBuf, u64)>,
    bytes: u64,
}

impl Copied {
    fn of(files: &BackupFiles<'_>) -> Result<Self, EngineError> {
        let list = files.folder.join(FOLDERS);
        let text = fs::read_to_string(&list).map_err(|error| cannot("read", &list, &error))?;
        let folders: Vec<PathBuf> = text.lines().map(PathBuf::from).collect();
        let is_inside = |path: &Path| {
            path.components()
                .all(|part| matches!(part, Component::Normal(_)))
        };
        if let Some(outside) = folders.iter().find(|path| !is_inside(path)) {
            return Err(EngineError::new(
                ErrorKind::Damaged,
                format!(
                    "the backup has a folder that is not inside it: {}",
                    outside.display()
                ),
            ));
        }
        let mut found = Self {
            folders,
            files: Vec::new(),
            bytes: 0,
        };
        let archive = files.folder.join(SMALL);
        let about = fs::metadata(&archive).map_err(|error| cannot("read", &archive, &error))?;
        found.bytes = about.len();
        for top in [CLUSTER, TABLESPACES] {
            found
                .list(files.folder, Path::new(top))
                .map_err(|error| cannot("read", files.folder, &error))?;
        }
        Ok(found)
    }

    fn list(&mut self, home: &Path, below: &Path) -> io::Result<()> {
        let entries = match fs::read_dir(home.join(below)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let path = below.join(entry.file_name());
            match entry.file_type()?.is_dir() {
                true => self.list(home, &path)?,
                false => {
                    let bytes = entry.metadata()?.len();
                    self.bytes += bytes;
                    self.files.push((path, bytes));
                }
            }
        }
        Ok(())
    }

    /// Copies them to where a server looks for them: tablespaces below its data, so that all is one folder.
    fn copy(
        &mut self,
        files: &BackupFiles<'_>,
        data: &Path,
        watch: &dyn BackupWatch,
    ) -> Result<(), EngineError> {
        let place = |path: &Path| match path.strip_prefix(CLUSTER) {
            Ok(inside) => data.join(inside),
            Err(_) => data.join(path),
        };
        self.folders.sort();
        for folder in &self.folders {
            let folder = place(folder);
            private()
                .recursive(true)
                .create(&folder)
                .map_err(|error| cannot("make", &folder, &error))?;
        }
        let mut done = 0;
        for (path, bytes) in &self.files {
            let to = place(path);
            fs::copy(files.folder.join(path), &to)
                .and_then(|_| fs::set_permissions(&to, Permissions::from_mode(0o600)))
                .map_err(|error| cannot("copy a file of the backup to", &to, &error))?;
            done += bytes;
            watch.progress("bytes of the cluster copied", done, self.bytes);
        }
        let archive = files.folder.join(SMALL);
        unpack(&archive, &mut |path, content| {
            let to = place(path);
            fs::write(&to, content)?;
            fs::set_permissions(&to, Permissions::from_mode(0o600))
        })
        .map_err(|error| cannot("unpack the small files of the backup into", data, &error))?;
        watch.progress("bytes of the cluster copied", self.bytes, self.bytes);
        Ok(())
    }
}

/// Gives the data of a stopped server a folder of its own.
pub(super) fn keep(
    mut cluster: ThrowAway,
    folder: &Path,
    watch: &dyn BackupWatch,
) -> Result<KeptCluster, EngineError> {
    let failed = |error: &io::Error| cannot("put the restored cluster into", folder, error);
    let parent = folder.parent().filter(|parent| parent.is_dir());
    let name = folder.file_name();
    let (Some(parent), Some(name)) = (parent, name) else {
        return Err(failed(&io::Error::from(io::ErrorKind::NotFound)));
    };
    let parent = fs::canonicalize(parent).map_err(|error| failed(&error))?;
    let folder = parent.join(name);
    let data = cluster.server.stop()?.data();
    let mut remarks = Vec::new();
    for name in ["recovery.signal", "postmaster.opts", "backup_label.old"] {
        super::server::remove(&data.join(name)).map_err(|error| failed(&error))?;
    }
    let settings = settings_to_keep(&cluster.settings, &cluster.facts, &mut remarks);
    fs::write(data.join(AUTO_SETTINGS), settings).map_err(|error| failed(&error))?;
    let lacks = missing_settings(&data).map_err(|error| failed(&error))?;
    if !lacks.is_empty() {
        remarks.push(format!(
            "{} were outside of the cluster's folder, and are made anew with as little as a server needs: bring your own from a backup of /etc",
            lacks.join(", ")
        ));
    }
    if data.join(TABLESPACES).is_dir() {
        remarks.push(format!(
            "tablespaces are in {}: to move one, stop the server, move its folder, and change the link in pg_tblspc",
            folder.join(TABLESPACES).display()
        ));
    }
    link_tablespaces(&data, &folder.join(TABLESPACES), &data.join(TABLESPACES))?;
    cluster
        .account
        .own_all(&data)
        .map_err(|error| failed(&error))?;
    watch.reached("cluster stopped");
    sync_all(&data).map_err(|error| failed(&error))?;
    watch.reached("before the folder is named");
    // It takes the place of an empty folder, and of nothing else.
    fs::rename(&data, &folder)
        .and_then(|()| File::open(&parent)?.sync_all())
        .map_err(|error| failed(&error))?;
    watch.reached("folder named");
    remarks.extend(cluster.remarks.iter().cloned());
    Ok(KeptCluster {
        start: start_command(cluster.account, &cluster.installation, &folder),
        remarks,
    })
}

/// Settings that a restored cluster must not have from the one that it was: it would follow it, wait for its standbys, or write into its
/// archive.
const GONE: [&str; 6] = [
    "primary_conninfo",
    "primary_slot_name",
    "restore_command",
    "archive_cleanup_command",
    "recovery_end_command",
    "promote_trigger_file",
];

fn settings_to_keep(settings: &str, facts: &Facts, remarks: &mut Vec<String>) -> String {
    let is_gone = |line: &&str| {
        let name = line
            .split(['=', ' '])
            .next()
            .unwrap_or_default()
            .to_lowercase();
        GONE.contains(&name.as_str()) || name.starts_with("recovery_target")
    };
    let mut text: String = settings
        .lines()
        .filter(|line| !is_gone(line))
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut off = Vec::new();
    if facts.archives {
        off.push("archive_mode = 'off'");
        remarks.push(
            "archiving is off: the archive is that of the cluster that was backed up".to_owned(),
        );
    }
    if facts.subscriptions > 0 {
        off.push("max_logical_replication_workers = '0'");
        remarks.push("subscriptions do not run: they would take changes away from the cluster that was backed up".to_owned());
    }
    if facts.waits_for_standbys {
        off.push("synchronous_standby_names = ''");
        remarks.push("commits wait for no standby: there is none yet".to_owned());
    }
    if !off.is_empty() {
        text.push_str("# Set by tightrope when it restored this cluster. Remove these lines once it takes the place of the other one.\n");
        for line in off {
            text.push_str(line);
            text.push('\n');
        }
        remarks.push(format!(
            "once it takes the other one's place, remove the last lines of {AUTO_SETTINGS} and restart it"
        ));
    }
    text
}

/// Makes the files without which no server starts, where the cluster had them elsewhere; gives their names.
fn missing_settings(data: &Path) -> io::Result<Vec<&'static str>> {
    let mut missing = Vec::new();
    for (name, text) in [
        ("postgresql.conf", ""),
        (
            "pg_hba.conf",
            "local all all peer\nhost all all 127.0.0.1/32 scram-sha-256\nhost all all ::1/128 scram-sha-256\n",
        ),
        ("pg_ident.conf", ""),
    ] {
        let path = data.join(name);
        if !path.exists() {
            fs::write(&path, text)?;
            missing.push(name);
        }
    }
    Ok(missing)
}

/// Makes all files and folders below a folder durable.
fn sync_all(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            sync_all(&entry.path())?;
        } else if kind.is_file() {
            File::open(entry.path())?.sync_all()?;
        }
    }
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restored_cluster_leads_nowhere() {
        let facts = Facts {
            bootstrap: "postgres".to_owned(),
            settings: std::collections::BTreeMap::new(),
            preloaded: String::new(),
            archives: true,
            subscriptions: 1,
            waits_for_standbys: true,
        };
        let old = "# written by hand\nwork_mem = '5MB'\nprimary_conninfo = 'host=a password=geheim'\nrecovery_target_time = 'x'\n";
        let mut remarks = Vec::new();
        let new = settings_to_keep(old, &facts, &mut remarks);
        let lines: Vec<&str> = new.lines().filter(|line| !line.starts_with('#')).collect();
        let expect = [
            "work_mem = '5MB'",
            "archive_mode = 'off'",
            "max_logical_replication_workers = '0'",
            "synchronous_standby_names = ''",
        ];
        assert_eq!(lines, expect);
        assert_eq!(remarks.len(), 4);
        let quiet = Facts {
            archives: false,
            subscriptions: 0,
            waits_for_standbys: false,
            ..facts
        };
        assert_eq!(
            settings_to_keep("a = 1\n", &quiet, &mut Vec::new()),
            "a = 1\n"
        );
    }
}
