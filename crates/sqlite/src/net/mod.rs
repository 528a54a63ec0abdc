//! The net in SQLite: what a migration destroys is kept in tables of the same file, and triggers write down what the
//! application touches afterwards, from whatever process.
//!
//! `spread` copies rows whole, whatever the plan asks for: a copy without a server between costs little. Only where the script
//! does no more than to set columns are the others left in the table (`owed`). The columns of a copy have no type, so that
//! every value keeps its storage class. When the window opens, each kept row learns which row it
//! is now (`key`), and a *touch log* begins (`touch`). What is the truth at a rollback is written once, as expressions
//! (`terms`): for a table that is built anew they become its source, for another one they are merged in place.
//!
//! **Invariant:** nothing of the net is in a catalog: all its names begin with `tightrope_net_`.

mod about;
mod changes;
mod conflicts;
mod dangling;
mod forward;
mod gauge;
mod json;
mod key;
mod live;
mod merge;
mod names;
mod older;
mod orphans;
mod others;
mod owed;
mod put_back;
mod quiet;
mod references;
mod settle;
mod size;
mod sources;
mod spread;
mod take_out;
mod terms;
mod touch;
mod trace;
mod trial;
mod virtual_rows;
mod window;

use tightrope_engine::{
    EngineError, ForwardColumn, Gauge, KeptNet, Merged, Net, Quarantined, Window,
};
use tightrope_inverse::Sources;
use tightrope_model::{Catalog, NetPlan, TableName};

use crate::session::SqliteSession;
pub(crate) use changes::mark;
pub(crate) use owed::{Owed, pay, pay_all};

impl Net for SqliteSession {
    fn spread(
        &mut self,
        number: i64,
        plan: &NetPlan,
        before: &Catalog,
    ) -> Result<KeptNet, EngineError> {
        let (kept, owed) = spread::spread(self.connection(), number, plan, before)?;
        self.owe(owed);
        Ok(kept)
    }

    fn open_window(
        &mut self,
        kept: &mut KeptNet,
        before: &Catalog,
        after: &Catalog,
    ) -> Result<(), EngineError> {
        let owed = self.take_owed();
        owed::settle(self.connection(), owed, kept)?;
        window::open(self.connection(), self.counter(), kept, (before, after))
    }

    fn close_window(&mut self, kept: &KeptNet) -> Result<(), EngineError> {
        window::close(self.connection(), kept)
    }

    fn gauge(&mut self, kept: &KeptNet, window: &Window<'_>) -> Result<Gauge, EngineError> {
        gauge::of_net(self.connection(), kept, window)
    }

    fn take_out(
        &mut self,
        kept: &KeptNet,
        window: &Window<'_>,
    ) -> Result<Vec<Quarantined>, EngineError> {
        take_out::take_out(self.connection(), kept, window)
    }

    fn sources(&mut self, kept: &KeptNet, window: &Window<'_>) -> Result<Sources, EngineError> {
        sources::of_net(self.connection(), kept, window)
    }

    fn merge(
        &mut self,
        kept: &KeptNet,
        _window: &Window<'_>,
        rebuilt: &[TableName],
    ) -> Result<(Merged, Vec<Quarantined>), EngineError> {
        // Rows of before that have lost their place were given with those that were taken out.
        Ok((merge::merge(self.connection(), kept, rebuilt)?, Vec::new()))
    }

    fn unlike(&mut self, kept: &KeptNet) -> Result<Vec<(TableName, u64)>, EngineError> {
        size::unlike(self.connection(), kept)
    }

    fn size(&mut self, kept: &KeptNet) -> Result<Vec<(String, u64)>, EngineError> {
        size::of_net(self.connection(), kept)
    }

    fn estimate(&mut self, plan: &NetPlan) -> Result<Option<u64>, EngineError> {
        size::estimate(self.connection(), plan).map(Some)
    }

    fn free_space(&mut self) -> Result<Option<u64>, EngineError> {
        Ok(self.free_bytes())
    }

    fn largest_estimate(&mut self) -> Result<Option<u64>, EngineError> {
        self.bytes().map(Some)
    }

    fn suspend(&mut self, older: &KeptNet, tables: &[TableName]) -> Result<(), EngineError> {
        older::suspend(self.connection(), older, tables)
    }

    fn resume(
        &mut self,
        older: &KeptNet,
        newer: &KeptNet,
        tables: &[TableName],
    ) -> Result<(), EngineError> {
        older::resume(self.connection(), older, newer, tables)
    }

    fn shed(&mut self) -> Result<(), EngineError> {
        size::shed(self.connection())
    }

    fn free(&mut self, kept: &KeptNet) -> Result<(), EngineError> {
        size::free(self.connection(), kept)
    }

    fn keep_forward(
        &mut self,
        own: &str,
        table: &TableName,
        columns: &[ForwardColumn],
        telling: &[String],
    ) -> Result<u64, EngineError> {
        forward::keep(self.connection(), own, table, columns, telling)
    }

    fn bring_forward(
        &mut self,
        own: &str,
        table: &TableName,
        columns: &[ForwardColumn],
        key: &[String],
    ) -> Result<u64, EngineError> {
        forward::bring(self.connection(), own, table, columns, key)
    }

    fn forward_size(&mut self, own: &str) -> Result<u64, EngineError> {
        size::bytes(self.connection(), &forward::own_table(own))
    }

    fn drop_forward(&mut self, own: &str) -> Result<(), EngineError> {
        forward::free(self.connection(), own)
    }

    fn put_back(&mut self, row: &Quarantined) -> Result<(), EngineError> {
        put_back::put_back(self.connection(), row)
    }
}
