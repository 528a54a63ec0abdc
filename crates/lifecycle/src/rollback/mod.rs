//! Rolling back: from the scripts stored in the database, in the reverse order of application, all or nothing.
//!
//! Where every script allows it, all migrations go back in one transaction, which commits only after the schema has been proven
//! to be the one of before.

mod prepare;
mod report;
mod run;
mod steps;
mod transaction;

pub use prepare::{Conflicts, PreparedRollback, RollbackOptions, prepare_rollback};
pub use report::{NetReturn, Return, RollbackError, RolledBack, RolledBackOne};

pub(crate) use run::drop_kept_files;
