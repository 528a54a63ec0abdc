//! Transactions for reading, so that several statements see one state of the database.

use rusqlite::Connection;

/// A read transaction that ends when dropped; inside an open transaction it is nothing.
pub(crate) struct ReadTransaction<'a> {
    connection: &'a Connection,
    ours: bool,
}

impl<'a> ReadTransaction<'a> {
    /// Begins one unless one is open.
    pub(crate) fn begin(connection: &'a Connection) -> rusqlite::Result<Self> {
        let ours = connection.is_autocommit();
        if ours {
            connection.execute_batch("begin")?;
        }
        Ok(Self { connection, ours })
    }
}

impl Drop for ReadTransaction<'_> {
    fn drop(&mut self) {
        if self.ours {
            // Nothing was written, so nothing can be lost by a rollback that fails.
            let _ = self.connection.execute_batch("rollback");
        }
    }
}
