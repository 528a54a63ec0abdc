use serde::Serialize;

/// Facts about a server that planning needs; each is a yes or no that was asked of the server or its version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    /// DDL runs inside a transaction and is undone by its rollback.
    pub transactional_ddl: bool,
    /// Indexes can be built without blocking writers, outside a transaction.
    pub concurrent_index: bool,
    /// An enum value can be added inside a transaction (PostgreSQL 12 and later).
    pub enum_value_in_transaction: bool,
    /// Waiting for a lock can be bounded, per statement.
    pub lock_timeout: bool,
    /// The session that holds a lock can be named, with its query.
    pub names_lock_holders: bool,
    /// Locks held by the session can be listed.
    pub lists_locks: bool,
    /// Renames can be told from a drop and an add, by object numbers.
    pub object_numbers: bool,
    /// What is dropped can be set aside instead: a table moved away, a column renamed out of sight.
    pub sets_aside: bool,
}
