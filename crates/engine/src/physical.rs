use std::path::{Path, PathBuf};

use crate::{BackupWatch, DatabaseUrl, EngineError, Restored};

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

/// The ability to copy whole clusters by their files, and to start servers on such copies.
pub trait Physical: Send + Sync {
    /// Copies the cluster of the source, and starts a server on the copy, on which the source's database is reached.
    /// Dropping the value stops the server and removes its folder.
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
    ) -> Result<Box<dyn Restored>, EngineError>;

    /// Stops the servers that dead processes have left there, and removes their folders; gives the names.
    ///
    /// # Errors
    /// When the folder cannot be read, or a server does not end.
    fn sweep(&self, folder: &Path) -> Result<Vec<String>, EngineError>;
}
