use serde::{Deserialize, Serialize};
use tightrope_model::TableName;

use crate::{EngineError, ErrorKind};

/// Which change log: the instant in which it was begun, in microseconds of the Unix epoch. Its own tables are named by it, so that a
/// log is never taken for one that was begun before.
pub type LogNumber = i64;

/// What happened to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// It is new.
    Insert,
    /// It has other values.
    Update,
    /// It is gone.
    Delete,
    /// All rows of the table are gone.
    Truncate,
    /// It is there and has these values, whatever it was before.
    Put,
    /// Not a row: tightrope changes the schema from here on. `new` says by which migration.
    Migration,
}

/// One entry of a change log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its place: of two changes of one row, the later one has the higher number.
    pub number: i64,
    /// Which transaction it is of; 0 where the engine has no numbers for them.
    pub transaction: i64,
    /// When, in microseconds of the Unix epoch, by the server's clock.
    pub at: i64,
    /// Which of the [`LoggedTable`]s.
    pub table: i64,
    /// What happened.
    pub kind: ChangeKind,
    /// The row before, in the engine's own writing; none where it was not there.
    pub old: Option<String>,
    /// The row after; none where it is not there.
    pub new: Option<String>,
}

/// A table as it was when changes were logged. A table whose columns change becomes another one of these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedTable {
    /// Its number, by which changes name it.
    pub number: i64,
    /// Which table it is, whatever it is called: tables can swap their names. None in segments that an older tightrope has written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relation: Option<i64>,
    /// Its name.
    pub table: TableName,
    /// Whether something may have been written to it that is not in the log.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gap: bool,
    /// Its columns, in the order in which a row's values are written.
    pub columns: Vec<String>,
    /// The transactions that made its columns what they were: what they have logged under the columns of before is not certain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub made_by: Vec<i64>,
}

/// Where a snapshot stands in a change log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogMark {
    /// The mark: what is logged after it the snapshot does not see.
    pub mark: String,
    /// What the tables are called in the snapshot.
    pub tables: Vec<NamedRelation>,
}

/// What a table that is logged is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedRelation {
    /// Which table, as [`LoggedTable::relation`] says.
    pub relation: i64,
    /// Its name.
    pub table: TableName,
}

/// How far a sequence had counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// The sequence.
    pub sequence: TableName,
    /// The last number that it gave.
    pub last: i64,
}

/// Up to where a log was read, and what has to be known to read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadUpTo {
    /// The mark: all that is committed before it was read, and nothing else.
    pub mark: String,
    /// The server's time of it, in RFC 3339.
    pub at: String,
    /// The tables that the log knows.
    pub tables: Vec<LoggedTable>,
    /// How far sequences had counted.
    pub counted: Vec<Counted>,
    /// Tables of users whose changes are not in the log.
    pub unlogged: Vec<TableName>,
}

/// A change log that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogThere {
    /// Which.
    pub log: LogNumber,
    /// Bytes that it occupies in the database.
    pub bytes: u64,
}

/// A change that could not be replayed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreplayed {
    /// Whole, as it was logged.
    pub change: Change,
    /// The table by its name.
    pub table: String,
    /// Why not.
    pub because: String,
}

impl Unreplayed {
    /// Why not: nothing is known of its table.
    pub const NO_SHAPE: &'static str = "the log does not say of which table it is";
    /// Why not: its table was made since.
    pub const NO_TABLE: &'static str = "the backup has no such table";
    /// Why not: its name is that of another table in the backup.
    pub const OTHER_TABLE: &'static str =
        "it was written to another table than the one that has this name in the backup";
    /// Why not: a migration has given its name to another table, whose changes have that place.
    pub const REPLACED_TABLE: &'static str =
        "its table has lost its name to another one since the backup";
    /// Why not: the log does not tell tables apart that have had one name.
    pub const UNCERTAIN_TABLE: &'static str = "an older tightrope has logged it, and several tables may have had this name: take a new backup";

    /// Why not all of it: these columns were made since.
    pub fn no_column(lost: &[String]) -> String {
        format!(
            "the rest was replayed, but the backup has no column {}",
            lost.join(", ")
        )
    }
}

/// The error of a log that has been freed beyond the mark from which it is to be read: a segment is missing.
pub fn freed_beyond_the_mark() -> EngineError {
    EngineError::new(
        ErrorKind::DoesNotExist,
        "the change log has been carried out further than to the last segment that is there",
    )
    .hint("look for the segments that are missing; what they held is in the database's own tables still, if those are whole")
}

/// What a replay did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replayed {
    /// Changes that were replayed.
    pub changes: u64,
    /// Rows that each table has now, of those that changed.
    pub rows: Vec<(TableName, u64)>,
    /// What could not be replayed.
    pub unreplayed: Vec<Unreplayed>,
    /// What a person should know.
    pub remarks: Vec<String>,
}

/// The ability to log every committed change of every table, and to replay such a log.
///
/// A log and a backup meet without gap or overlap: the log is begun and committed first; the backup's snapshot gives a mark
/// ([`crate::TakeOptions::log`]); what is read after that mark is what the snapshot does not see. The log's own tables are in the schema (or behind
/// the prefix) of the store, are named `changes_<number>…`, hang on no table of the user's, and are in no catalog.
pub trait Changes {
    /// Begins a log, or goes on beginning one: a table that is logged already is left alone. Each table is a transaction of its own,
    /// so that writers wait for one table's lock at a time. Outside a transaction only.
    ///
    /// # Errors
    /// When a lock is not granted; what was begun stays, and the call can be made again.
    fn begin_log(&mut self, log: LogNumber) -> Result<(), EngineError>;

    /// The logs that are there.
    ///
    /// # Errors
    /// When the connection breaks.
    fn logs(&mut self) -> Result<Vec<LogThere>, EngineError>;

    /// Gives what is committed now and was not at the mark, in the order of the numbers; nobody is blocked. The sink answers
    /// whether it wants more.
    ///
    /// # Errors
    /// When the log is not there, or the connection breaks.
    fn read_log(
        &mut self,
        log: LogNumber,
        since: &str,
        sink: &mut dyn FnMut(Change) -> bool,
    ) -> Result<ReadUpTo, EngineError>;

    /// Frees what was committed at the mark: it is kept elsewhere. Outside a transaction only.
    ///
    /// # Errors
    /// When the connection breaks.
    fn forget(&mut self, log: LogNumber, up_to: &str) -> Result<(), EngineError>;

    /// Ends a log and drops all that it holds. Outside a transaction each table is one of its own.
    ///
    /// # Errors
    /// When a lock is not granted; the call can be made again.
    fn end_log(&mut self, log: LogNumber) -> Result<(), EngineError>;

    /// Ends all logs that are there: a copy has them of the database that it was made from.
    ///
    /// # Errors
    /// As [`Changes::end_log`].
    fn end_all(&mut self) -> Result<(), EngineError> {
        for there in self.logs()? {
            self.end_log(there.log)?;
        }
        Ok(())
    }

    /// Inside the transaction of a run, before a script changes the schema: notes it in every log, and takes away what would stand in the
    /// script's way.
    ///
    /// # Errors
    /// When a lock is not granted.
    fn before_script(&mut self, label: &str) -> Result<(), EngineError>;

    /// After the script, in the same transaction: every log goes on, with the tables as they are now.
    ///
    /// # Errors
    /// When a lock is not granted.
    fn after_script(&mut self) -> Result<(), EngineError>;

    /// Begins to replay into a restored database that nobody else uses: in one transaction, the user's triggers asleep. With `across`
    /// changes may be of another schema: what has a place of the same name is replayed, and what has none is given back.
    ///
    /// # Errors
    /// When the connection breaks, or the rights do not suffice.
    fn replay(&mut self, across: bool) -> Result<Box<dyn Replay + '_>, EngineError>;
}

/// A replay that goes on. Dropped before its end, nothing of it is there.
pub trait Replay {
    /// Replays the next changes, which name these tables.
    ///
    /// # Errors
    /// When the connection breaks. A change that does not fit is no error: it is told at the end.
    fn apply(&mut self, tables: &[LoggedTable], changes: Vec<Change>) -> Result<(), EngineError>;

    /// Is told changes that a migration itself has made, and that are left out: rows to which it gave other keys cannot be found again.
    ///
    /// # Errors
    /// When the connection breaks.
    fn leave_out(
        &mut self,
        tables: &[LoggedTable],
        changes: Vec<Change>,
    ) -> Result<(), EngineError> {
        let _ = (tables, changes);
        Ok(())
    }

    /// Lets sequences count on from where they were, checks what was not checked on the way, and commits.
    ///
    /// # Errors
    /// When the rows do not hold together.
    fn end(self: Box<Self>, counted: &[Counted]) -> Result<Replayed, EngineError>;
}
