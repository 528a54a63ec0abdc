//! Backups: taken, proven by restoring, listed, pruned; the way back (d).
//!
//! A backup that was never restored is a hope. So every backup carries in its manifest what the database was, in the same
//! snapshot; proving one restores it elsewhere and compares; and `apply` can ask for one that is proven.

mod adopt;
mod changes;
mod cluster;
mod compare;
mod error;
mod files;
mod gate;
mod list;
mod newest;
mod prove;
mod prune;
mod restore;
mod room;
mod settings;
mod sums;
mod take;
mod watch;
mod way;

pub use adopt::{AdoptCommands, AdoptError, AdoptStep, BackupAdopted, adopt_backup};
pub use changes::{
    CarriedOut, CarryOptions, LogEnded, LogStanding, ReplayUntil, ReplayedChanges, carry_changes,
    end_logs,
};
pub use cluster::{RestoreClusterOptions, RestoredCluster, restore_cluster};
pub use error::BackupError;
pub use list::{BackupListed, list_backups};
pub use prove::{BackupProven, ProveOptions, prove_backup};
pub use prune::{Pruned, prune_backups};
pub use restore::{RestoreOptions, RestoredBackup, TimesOfRestore, restore_backup};
pub use settings::{BackupPolicy, BackupSettings};
pub use take::{BackupTaken, TakeBackupOptions, take_backup};

pub(crate) use error::whole;
pub(crate) use files::sweep_ground;
pub(crate) use gate::require;
pub(crate) use list::{TargetNow, of_this_database};
pub(crate) use newest::{
    BackupToCopy, RestoredBy, RestoredToCopy, backup_to_copy, restore_newest_proven,
};
pub(crate) use prove::prove_found;
pub(crate) use restore::{find, of_target};
pub(crate) use settings::place_of;
pub(crate) use watch::Watch;
pub(crate) use way::way_back;
