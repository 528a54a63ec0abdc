//! Reads migration folders and SQL scripts.
//!
//! The way of a script: [`read_folder`] finds out the folder's [`Format`] and gives its [`Migration`]s; [`Script::parse`] splits
//! a script byte for byte and says of each [`Statement`] what it is, what it touches and whether it can run inside a
//! transaction; [`steps`] says how the script is carried out; [`lint`] looks at it as a reviewer would.
//!
//! **Invariant:** pure. No I/O, no environment, no clock. SQL is never printed back from a tree: what runs is the author's own
//! bytes. What is not understood is [`StatementKind::Unknown`]: it never blocks and nothing is guessed about it.

mod classify;
mod destroys;
mod folder;
mod formats;
mod lint;
mod migration;
mod renames;
mod scan;
mod script;
mod statement;
mod steps;

pub use folder::{Folder, ReadSettings, SourceFile, read_folder};
pub use formats::{Format, NoPlace, UnknownFormat};
pub use lint::{READING_RULES, RULES, Rule, lint};
pub use migration::{Migration, MigrationKind, MigrationSettings, WatchText};
pub use renames::{Renamed, dropped_columns, dropped_tables, renames};
pub use scan::{Token, TokenKind, Tokens};
pub use script::{Script, TransactionMode};
pub use statement::{
    ClusterEffect, ClusterWide, Command, Destroys, LockMode, LockTaken, LongLock, LongLockReason,
    NamedObject, ObjectAction, ObjectClass, Parsed, Statement, StatementKind, TransactionFit,
};
pub use steps::{Step, StepMode, StepRules, Steps, steps};
