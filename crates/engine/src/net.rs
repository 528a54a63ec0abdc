use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tightrope_inverse::Sources;
use tightrope_model::{Catalog, Conflict, NetPlan, SequencePlan, TableName, TablePlan};

use crate::{EngineError, ErrorKind};

/// What the net holds of one applied migration. It is stored with the migration, and everything that the trait's calls need
/// later is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptNet {
    /// The number by which the net's own tables are named: the migration's place in the order of application.
    pub number: i64,
    /// What is kept, table by table.
    pub tables: Vec<KeptTable>,
    /// The positions of sequences that are kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sequences: Vec<KeptSequence>,
}

impl KeptNet {
    /// The table of that name before the migration.
    pub fn table(&self, before: &TableName) -> Option<&KeptTable> {
        self.tables
            .iter()
            .find(|table| &table.plan.before == before)
    }
}

/// Where a sequence stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The number given last, or the first one to give.
    pub value: i64,
    /// It has been given.
    pub called: bool,
}

impl Position {
    /// Whether a sequence of that step has given less here than there.
    pub fn is_behind(self, other: Self, step: i64) -> bool {
        let given = |position: Self| match position.called {
            true => position.value,
            false => position.value.saturating_sub(step),
        };
        match step < 0 {
            true => given(self) > given(other),
            false => given(self) < given(other),
        }
    }
}

/// A sequence as it is in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// Its name.
    pub name: TableName,
    /// Its number, by which it is known under another name.
    pub number: i64,
    /// The number of its file: another one after it was started anew.
    pub file: i64,
    /// What it counts by.
    pub step: i64,
    /// Where it stands.
    pub position: Position,
}

/// What the net holds of one sequence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptSequence {
    /// What was planned.
    pub plan: SequencePlan,
    /// Its number, by which it is known under another name; that of another sequence, if the script made one in its place.
    pub number: i64,
    /// What it counted by.
    pub step: i64,
    /// Where it stood before the migration.
    pub position: Position,
    /// Where it stood when the window began, if the script started it anew and nobody else could draw from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Position>,
}

/// What the net holds of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptTable {
    /// What was planned.
    pub plan: TablePlan,
    /// The net's table with the rows as they were before, if rows are kept.
    pub rows: Option<TableName>,
    /// The net's table with the keys of rows that the migration inserted, if it inserted some.
    pub inserted: Option<TableName>,
    /// The touch log, if the table is watched.
    pub touched: Option<TableName>,
    /// Where the table itself was set aside.
    pub set_aside: Option<TableName>,
    /// Columns of before whose values stay in the table alone, for the script could not set them. Of a row they are kept when
    /// the application first changes it, and of all rows before anything else could.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<String>,
    /// Set if the rows are kept whole and in the shape that the table had, so that the net's table can take its place: the
    /// first number that a transaction of the window can have (0 until the window is open).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stand_in: Option<u64>,
    /// Of a part of a table that the migration divides anew: the condition that its rows met, in its columns of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounds: Option<String>,
    /// The net's table with the rows that the script has given other keys: those of before and those since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rekeyed: Option<TableName>,
}

/// A column whose values are kept for the way forward again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForwardColumn {
    /// Its name.
    pub name: String,
    /// Its type, as the engine writes it.
    pub type_name: String,
}

/// Expressions for columns that the old schema demands, by table and column of before: `[fill]` in `metadata.toml`.
pub type Fill = BTreeMap<(TableName, String), String>;

/// The schema on both sides of an applied migration.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    /// Before the migration.
    pub before: &'a Catalog,
    /// Since it.
    pub after: &'a Catalog,
    /// Values for columns that come back.
    pub fill: &'a Fill,
}

/// How much stands between now and the old schema.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gauge {
    /// Rows that the application has written since, by table (its name after the migration).
    pub written: BTreeMap<String, u64>,
    /// Rows that the old schema cannot hold.
    pub conflicts: Vec<Conflict>,
}

impl Gauge {
    /// How many rows are in conflict.
    pub fn in_conflict(&self) -> u64 {
        self.conflicts.iter().map(|conflict| conflict.rows).sum()
    }
}

/// Rows that went to quarantine, for one table and reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// The table that they were in, by its name after the migration.
    pub table: TableName,
    /// Why.
    pub reason: String,
    /// The row whole, as JSON text of an object: columns and values as text.
    pub row: String,
}

/// What merging did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merged {
    /// Rows whose values of before were given back.
    pub given_back: u64,
    /// Rows that the migration had deleted and that are there again.
    pub returned: u64,
    /// Rows of the migration that went, untouched by anybody.
    pub removed: u64,
    /// Rows that the application has written since and that stay.
    pub kept: u64,
}

/// The ability to keep what a migration destroys, to see what the application writes afterwards, and to bring both together.
///
/// All calls but [`Net::gauge`] and [`Net::size`] belong inside the open transaction of a run. The net's own tables are in the
/// schema (or behind the prefix) of the store, are named `net_<number>_<table>_…`, and are in no catalog.
pub trait Net {
    /// Before the forward script: locks the tables of the plan against writers, keeps their rows as planned, and lets triggers
    /// catch what the script changes ([`tightrope_model::Keep::Changed`]). `number` is the migration's place in the order.
    ///
    /// # Errors
    /// When a lock is not granted, or there is no room.
    fn spread(
        &mut self,
        number: i64,
        plan: &NetPlan,
        before: &Catalog,
    ) -> Result<KeptNet, EngineError>;

    /// In place of a statement that drops this table (by its name before): moves it out of sight, where the plan has
    /// [`tightrope_model::Keep::Tombstone`].
    ///
    /// # Errors
    /// When a lock is not granted, or something depends on the table.
    fn set_aside(&mut self, kept: &KeptNet, table: &TableName) -> Result<(), EngineError> {
        let _ = (kept, table);
        Err(EngineError::new(
            ErrorKind::Unsupported,
            "this engine sets no table aside",
        ))
    }

    /// In place of a statement that drops this column (by its names before): renames it out of sight and frees it of what it
    /// demands of new rows.
    ///
    /// # Errors
    /// When a lock is not granted, or something depends on the column.
    fn hide(&mut self, kept: &KeptNet, table: &TableName, column: &str) -> Result<(), EngineError> {
        let _ = (kept, table, column);
        Err(EngineError::new(
            ErrorKind::Unsupported,
            "this engine hides no column",
        ))
    }

    /// After the forward script: takes away what caught its changes, drops what turned out not to be needed, and begins to
    /// write down what the application touches.
    ///
    /// # Errors
    /// When the tables are not as they were planned.
    fn open_window(
        &mut self,
        kept: &mut KeptNet,
        before: &Catalog,
        after: &Catalog,
    ) -> Result<(), EngineError>;

    /// Before a rollback: locks the tables and stops writing down. What was written stays.
    ///
    /// # Errors
    /// When a lock is not granted.
    fn close_window(&mut self, kept: &KeptNet) -> Result<(), EngineError>;

    /// After the window is closed: gives rows to which the migration has given other keys those of before, once. After a written script only
    /// those move that it has left.
    ///
    /// # Errors
    /// When the engine fails, or the keys of before are not allowed now.
    fn bring_keys_home(&mut self, kept: &KeptNet, after_script: bool) -> Result<(), EngineError> {
        let _ = (kept, after_script);
        Ok(())
    }

    /// After the window is closed, before rows are looked at: puts a table without parts in the place of each that the migration has
    /// partitioned. Says whether there were any.
    ///
    /// # Errors
    /// When the engine fails.
    fn flatten(&mut self, kept: &KeptNet, window: &Window<'_>) -> Result<bool, EngineError> {
        let _ = (kept, window);
        Ok(false)
    }

    /// Counts what was written in the window and what of it the old schema cannot hold. Reads only, and blocks nobody.
    ///
    /// # Errors
    /// When the connection breaks.
    fn gauge(&mut self, kept: &KeptNet, window: &Window<'_>) -> Result<Gauge, EngineError>;

    /// Takes the rows in conflict out of their tables, and gives them whole. Rows that refer to them go with them.
    ///
    /// # Errors
    /// When the connection breaks.
    fn take_out(
        &mut self,
        kept: &KeptNet,
        window: &Window<'_>,
    ) -> Result<Vec<Quarantined>, EngineError>;

    /// Where a derived rollback finds the values of what comes back.
    ///
    /// # Errors
    /// When the connection breaks.
    fn sources(&mut self, kept: &KeptNet, window: &Window<'_>) -> Result<Sources, EngineError>;

    /// Gives untouched rows their values of before, brings back what the migration deleted, takes away what it inserted; for
    /// all tables but the `rebuilt` ones (by the name before), whose rows came from the sources. The tables have their columns
    /// of before again. No trigger of the user's fires. Rows of before that have no place any more (their key is taken) are
    /// given whole.
    ///
    /// # Errors
    /// When the connection breaks, or rows do not fit.
    fn merge(
        &mut self,
        kept: &KeptNet,
        window: &Window<'_>,
        rebuilt: &[TableName],
    ) -> Result<(Merged, Vec<Quarantined>), EngineError>;

    /// Counts the rows that nobody touched in the window and that are not what they were before: none, after a rollback.
    ///
    /// # Errors
    /// When the connection breaks.
    fn unlike(&mut self, kept: &KeptNet) -> Result<Vec<(TableName, u64)>, EngineError>;

    /// Bytes that the net occupies, by what it keeps (in words).
    ///
    /// # Errors
    /// When the connection breaks.
    fn size(&mut self, kept: &KeptNet) -> Result<Vec<(String, u64)>, EngineError>;

    /// Bytes that spreading a net would take at the most, if that can be told beforehand.
    ///
    /// # Errors
    /// When the connection breaks.
    fn estimate(&mut self, plan: &NetPlan) -> Result<Option<u64>, EngineError> {
        let _ = plan;
        Ok(None)
    }

    /// Bytes that can still be written where the database is, if that can be known.
    ///
    /// # Errors
    /// When the connection breaks.
    fn free_space(&mut self) -> Result<Option<u64>, EngineError> {
        Ok(None)
    }

    /// Bytes that no [`Self::estimate`] exceeds, where that is known without a look at any table.
    ///
    /// # Errors
    /// When the engine fails.
    fn largest_estimate(&mut self) -> Result<Option<u64>, EngineError> {
        Ok(None)
    }

    /// A newer migration takes these tables over (by their name after the older one, before the newer one): the older net stops
    /// writing down there, and keeps what it has. Nothing happens where it has stopped already. Belongs before the newer
    /// forward script.
    ///
    /// # Errors
    /// When a lock is not granted.
    fn suspend(&mut self, older: &KeptNet, tables: &[TableName]) -> Result<(), EngineError>;

    /// The newer migration is rolled back, and its net not yet freed: what the application has touched in these tables since
    /// then (the newer touch log, in the newer one's names of before) is handed down to the older log, and the older net goes
    /// on writing down.
    ///
    /// # Errors
    /// When a lock is not granted.
    fn resume(
        &mut self,
        older: &KeptNet,
        newer: &KeptNet,
        tables: &[TableName],
    ) -> Result<(), EngineError>;

    /// All sequences with their positions; none where the net keeps these with their tables.
    ///
    /// # Errors
    /// When one cannot be read.
    fn sequences(&mut self) -> Result<Vec<Sequence>, EngineError> {
        Ok(Vec::new())
    }

    /// Before a rollback changes anything: where the kept sequences stand, in their order; none of one that is not there. Nobody
    /// draws from those that the migration started anew until the transaction ends.
    ///
    /// # Errors
    /// When a lock is not granted.
    fn positions(&mut self, kept: &KeptNet) -> Result<Vec<Option<Position>>, EngineError> {
        let _ = kept;
        Ok(Vec::new())
    }

    /// At the end of a rollback: lets the sequences go on where they were, and never behind what was drawn from them since.
    /// `positions` are those of before the rollback.
    ///
    /// # Errors
    /// When a lock is not granted.
    fn go_on(
        &mut self,
        kept: &KeptNet,
        positions: &[Option<Position>],
        window: &Window<'_>,
    ) -> Result<(), EngineError> {
        let _ = (kept, positions, window);
        Ok(())
    }

    /// Drops everything that the net holds of this migration, the triggers included.
    ///
    /// # Errors
    /// When a lock is not granted.
    fn free(&mut self, kept: &KeptNet) -> Result<(), EngineError>;

    /// Keeps what only the new schema has a place for before a rollback takes that place away: these columns of a table (all, of a
    /// table that goes), in an own table of that name. Only rows in which one of `telling` holds a value are kept. Gives how
    /// many there are; with none there is no table.
    ///
    /// # Errors
    /// When there is no room.
    fn keep_forward(
        &mut self,
        own: &str,
        table: &TableName,
        columns: &[ForwardColumn],
        telling: &[String],
    ) -> Result<u64, EngineError>;

    /// Puts what [`Net::keep_forward`] has kept back: into an empty table, or, where there is a key, into the rows that it
    /// names. Gives how many rows that were.
    ///
    /// # Errors
    /// When the rows do not fit.
    fn bring_forward(
        &mut self,
        own: &str,
        table: &TableName,
        columns: &[ForwardColumn],
        key: &[String],
    ) -> Result<u64, EngineError>;

    /// Bytes that an own table of forward images occupies.
    ///
    /// # Errors
    /// When the connection breaks.
    fn forward_size(&mut self, own: &str) -> Result<u64, EngineError>;

    /// Drops an own table of forward images.
    ///
    /// # Errors
    /// When the connection breaks.
    fn drop_forward(&mut self, own: &str) -> Result<(), EngineError>;

    /// As [`Net::merge`], after a written rollback script: where it has computed a column that was gone from columns that the
    /// application has written in that row, the computed value stays.
    ///
    /// # Errors
    /// When the connection breaks, or rows do not fit.
    fn merge_after_script(
        &mut self,
        kept: &KeptNet,
        window: &Window<'_>,
    ) -> Result<(Merged, Vec<Quarantined>), EngineError> {
        self.merge(kept, window, &[])
    }

    /// Behind a savepoint that is taken back: takes away all that writes down what the application touches, of every net. What
    /// looks at columns would stand in the way of a script that drops them.
    ///
    /// # Errors
    /// When a lock is not granted.
    fn shed(&mut self) -> Result<(), EngineError>;

    /// Puts a quarantined row back into a table.
    ///
    /// # Errors
    /// When it still does not fit.
    fn put_back(&mut self, row: &Quarantined) -> Result<(), EngineError>;
}

#[cfg(test)]
mod tests {
    use super::Position;

    #[test]
    fn a_position_is_behind_what_has_given_more() {
        let at = |value, called| Position { value, called };
        assert!(at(4, true).is_behind(at(5, true), 1));
        assert!(at(5, false).is_behind(at(5, true), 1));
        assert!(!at(6, false).is_behind(at(5, true), 1));
        assert!(!at(5, true).is_behind(at(5, true), 1));
        assert!(at(-4, true).is_behind(at(-5, true), -1));
        assert!(!at(-5, true).is_behind(at(-4, true), -1));
    }
}
