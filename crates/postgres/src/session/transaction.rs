//! Transactions and resets.

use tightrope_engine::{EngineError, ErrorKind};

use super::PostgresSession;
use crate::error;

/// The SQLSTATE of any statement in a transaction that has failed.
const IN_FAILED_TRANSACTION: &str = "25P02";

impl PostgresSession {
    pub(super) fn open_transaction(&mut self) -> Result<(), EngineError> {
        if self.in_transaction {
            return Err(EngineError::new(
                ErrorKind::NotInTransaction,
                "a transaction is open already",
            ));
        }
        self.execute_own("begin")?;
        self.in_transaction = true;
        Ok(())
    }

    /// Commits. The server answers COMMIT in a failed transaction with a rollback that looks like success, so something
    /// that fails there goes before it, in the same round trip.
    pub(super) fn commit_transaction(&mut self) -> Result<(), EngineError> {
        let result = self.client.batch_execute("select; commit");
        let Err(error) = result else {
            self.end_of_transaction();
            return Ok(());
        };
        let failed_before = error
            .code()
            .is_some_and(|code| code.code() == IN_FAILED_TRANSACTION);
        if error.as_db_error().is_some() {
            // A deferred constraint has undone the transaction; a failed one is still open.
            self.in_transaction = self.in_transaction && failed_before;
            self.undo_transaction()?;
        }
        if failed_before {
            return Err(EngineError::new(
                ErrorKind::Other,
                "the transaction had failed before, and was rolled back instead of committed",
            ));
        }
        Err(error::of_own(&error))
    }

    pub(super) fn undo_transaction(&mut self) -> Result<(), EngineError> {
        if !self.in_transaction {
            return Ok(());
        }
        self.client
            .batch_execute("rollback")
            .map_err(|error| error::of_own(&error))?;
        self.end_of_transaction();
        Ok(())
    }

    pub(super) fn end_of_transaction(&mut self) {
        self.in_transaction = false;
        self.counts = None;
    }

    /// What DISCARD ALL does, but for our prepared statements; they go too if a script has prepared some of its own.
    pub(super) fn reset_settings(&mut self) -> Result<(), EngineError> {
        if self.in_transaction {
            return Err(EngineError::new(
                ErrorKind::Other,
                "a session cannot be reset inside a transaction",
            ));
        }
        let sql = format!(
            "close all; set session authorization default; reset all; unlisten *; \
             select pg_catalog.pg_advisory_unlock_all(); discard temp; discard sequences; {}",
            self.settings
        );
        self.execute_own(&sql)?;
        if self.has_foreign_statements {
            self.execute_own("deallocate all")?;
            self.forget_statements();
        }
        Ok(())
    }
}
