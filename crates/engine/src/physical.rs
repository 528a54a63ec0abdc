use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::{BackupFiles, BackupWatch, DatabaseUrl, EngineError, Restored, TakeOptions, Taken};

/// Where on this machine a throw-away server may stand, and with what programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ground {
    /// The folder that its data lies below.
    pub folder: PathBuf,
    /// How the engine is found, and how hard production may be read for it.
    pub programs: ServerPrograms,
}

/// The engine's own programs for what is physical.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerPrograms {
    /// The folder with the server's programs; none means the usual places.
    pub bin: Option<PathBuf>,
    /// Whether the source takes its time with the checkpoint that a copy begins with, instead of making it at once.
    pub spread_checkpoint: bool,
}

/// A whole cluster on a throw-away server that runs on this machine. Dropping the value stops the server and removes its folder.
///
/// Its [`url`](Restored::url) is that of the one database that the copy was asked for.
pub trait Cluster: Restored {
    /// Stops the server and gives its data a folder of its own, which must not be there or be empty: from here on the data is not
    /// ours any more.
    ///
    /// # Errors
    /// When the server does not stop cleanly, or something is in the folder; the data is removed then.
    fn keep_as(
        self: Box<Self>,
        folder: &Path,
        watch: &dyn BackupWatch,
    ) -> Result<KeptCluster, EngineError>;
}

/// A cluster that was given a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeptCluster {
    /// The command that starts a server on it.
    pub start: String,
    /// What a person should know before that.
    pub remarks: Vec<String>,
}

/// The ability to copy whole clusters by their files, and to start servers on such copies.
pub trait Physical: Send + Sync {
    /// Copies the cluster of the source, and starts a server on the copy.
    ///
    /// The source is only read. The copy reaches nothing outside: no archive, no primary, no publisher.
    ///
    /// # Errors
    /// When the source may not be copied, there is no room, or no server can be started here; nothing is left behind then.
    fn copy(
        &self,
        source: &DatabaseUrl,
        ground: &Ground,
        watch: &dyn BackupWatch,
    ) -> Result<Box<dyn Cluster>, EngineError>;

    /// Writes the cluster of the source into a folder that is there and empty, with what has to be replayed up to one exact position.
    /// What is said of schema and rows is said of that position.
    ///
    /// # Errors
    /// When the source may not be copied, or no exact position was found.
    fn take(
        &self,
        source: &DatabaseUrl,
        folder: &Path,
        programs: &ServerPrograms,
        options: &TakeOptions,
        watch: &dyn BackupWatch,
    ) -> Result<Taken, EngineError>;

    /// Copies what [`Physical::take`] has written, and starts a server on the copy, at that very position. Where it is not to be kept, it
    /// is made so that copies of its databases can be made there.
    ///
    /// # Errors
    /// When the position cannot be reached, or no server can be started here; nothing is left behind then.
    fn restore(
        &self,
        files: &BackupFiles<'_>,
        database: &str,
        ground: &Ground,
        to_keep: bool,
        watch: &dyn BackupWatch,
    ) -> Result<Box<dyn Cluster>, EngineError>;

    /// Stops the servers that dead processes have left there, and removes their folders; gives the names.
    ///
    /// # Errors
    /// When the folder cannot be read, or a server does not end.
    fn sweep(&self, folder: &Path) -> Result<Vec<String>, EngineError>;
}
