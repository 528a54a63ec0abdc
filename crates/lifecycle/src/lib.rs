//! The life of a migration: plan, rehearse, apply, roll back; and where it stands.
//!
//! Commands are functions that take a [`Project`], return values and tell a [`Listener`] what happens on the way. Nothing here
//! prints, reads the environment or asks a question.
//!
//! **Invariants:** nothing runs in production without a journal entry written first; nothing is reported done before its effect
//! is durable; a script is run by `execute.rs` and nowhere else, in rehearsal and production alike.

mod apply;
mod backup;
mod companion;
mod copy;
mod drill;
mod events;
mod execute;
mod fill;
mod half_done;
mod logged;
mod net;
mod plan;
mod project;
mod quarantine;
mod recover;
mod rehearse;
mod rollback;
mod run;
mod seal;
mod selecting;
mod situation;
mod status;
mod verify;
mod watch;
mod ways_back;
mod workload;

pub use apply::{
    Applied, AppliedOne, ApplyError, ApplyOptions, Left, Prepared, Proof, prepare_apply,
};
pub use backup::{
    AdoptCommands, AdoptError, AdoptStep, BackupAdopted, BackupError, BackupListed, BackupPolicy,
    BackupProven, BackupSettings, BackupTaken, CarriedOut, CarryOptions, LogEnded, LogStanding,
    ProveOptions, Pruned, ReplayUntil, ReplayedChanges, RestoreClusterOptions, RestoreOptions,
    RestoredBackup, RestoredCluster, TakeBackupOptions, TimesOfRestore, adopt_backup,
    carry_changes, end_logs, list_backups, prove_backup, prune_backups, restore_backup,
    restore_cluster, take_backup,
};
pub use copy::{CopyError, CopyMade, CopyOptions, copy_for_people};
pub use drill::{
    DrillChoice, DrillKindStatus, DrillStatus, drill_restore, drill_rollback, drill_status,
};
pub use events::{Edges, Event, Listener, Silent};
pub use execute::{FailureReport, ScriptFailure};
pub use net::{NoNet, NoRoom, OutsideThePlan, Way};
pub use plan::{
    CertificateStanding, Plan, PlanError, PlannedMigration, PlannedStatement, PlannedStep, WayBack,
    plan,
};
pub use project::{Access, DroppedColumns, FolderError, Policy, Project};
pub use quarantine::{Decision, QuarantineError, decide, quarantined};
pub use rehearse::{
    ClusterRefusal, CopiesOf, CopiesPlanned, CopyCommand, CopyRoom, DeriveWhich, DerivedRehearsal,
    DerivedRollback, GeneratedRows, MigrationRehearsal, RehearsalDifference, RehearseError,
    RehearseOptions, Rehearsed, Review, ReviewOptions, SourceError, UnknownVersion, WorkloadNamed,
    derive_rollbacks, rehearse, review,
};
pub use rollback::{
    Conflicts, NetReturn, PreparedRollback, Return, RollbackError, RollbackOptions, RolledBack,
    RolledBackOne, prepare_rollback,
};
pub use run::{RunError, Watchers};
pub use seal::{PreparedSeal, SealError, SealOptions, Sealable, Sealed, prepare_seal};
pub use selecting::{Sampling, SecretSource, Selecting};
pub use situation::{Drift, Situation, SituationError, Standing, version_key};
pub use status::{
    AppliedStatus, AtWork, DriftReport, HalfDone, Log, OpenRunReport, Readiness, Status,
    StatusError, StepStanding, check, log, status,
};
pub use verify::VERIFY_DOES_NOT_HOLD;
pub use watch::{
    Ask, Broken, CalledOff, Outcome, Watch, WatchError, WatchEvent, WatchListener, WatchReport,
    Watched, WayBackNow, begin_watch, criteria_of, take_over,
};
pub use ways_back::EXTRAPOLATED;
pub use workload::{
    CaptureOptions, CaptureSource, Captured, CollationChange, CostChange, Moment, OnHarm,
    OpenOrder, PlanChange, QueryFailure, QueryName, Replay, ResultChange, UpgradeError, Upgraded,
    WorkloadFailure, WorkloadSettings, WorkloadTrial, capture, load_workload, rehearse_upgrade,
};
