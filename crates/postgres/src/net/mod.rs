//! The net in PostgreSQL: what a migration destroys is kept in tables of the schema `tightrope`, and triggers write down what
//! the application touches afterwards.
//!
//! Every watched table with a key has a *touch log*. Each of its rows tells of one row of the table: `k1`, `k2`, … is the key
//! that it has now (NULL if it is gone), `o1`, `o2`, … the key that it had when the window began (NULL if it is new), and
//! `w1`, `w2`, … whether the column of that number ([`touch::numbered`]) was written. A log row with neither key says that the
//! table was truncated. The log has no unique index: it must never refuse what the table accepts. Where a table has no key,
//! the text of the row stands for it.
//!
//! Values of types that are not the server's own are kept as text, so that nothing of the net stands in the way of a script
//! that drops or changes such a type.

mod by_key;
mod by_row;
mod catch;
mod changes;
mod columns;
mod conflicts;
mod flatten;
mod forward;
mod gauge;
mod hashes;
mod identity;
mod keys;
mod merge;
mod moves;
mod names;
mod orphans;
mod parts;
mod references;
mod rekeyed;
mod sequences;
mod set_aside;
mod settings;
mod size;
mod sources;
mod spread;
mod stack;
mod stand_in;
mod take_out;
mod terms;
mod touch;
mod triggers;
mod unlike;
mod window;

use tightrope_engine::{
    EngineError, Fill, ForwardColumn, Gauge, KeptNet, Merged, Net, Position, Quarantined, Sequence,
    Window,
};
use tightrope_inverse::Sources;
use tightrope_model::{Catalog, NetPlan, TableName};

use crate::session::PostgresSession;
pub(crate) use changes::log_mark;

impl Net for PostgresSession {
    fn spread(
        &mut self,
        number: i64,
        plan: &NetPlan,
        before: &Catalog,
    ) -> Result<KeptNet, EngineError> {
        self.writing_pinned(|session| spread::spread(session, number, plan, before))
    }

    fn set_aside(&mut self, kept: &KeptNet, table: &TableName) -> Result<(), EngineError> {
        self.writing_pinned(|session| set_aside::table(session, kept, table))
    }

    fn hide(&mut self, kept: &KeptNet, table: &TableName, column: &str) -> Result<(), EngineError> {
        self.writing_pinned(|session| set_aside::column(session, kept, table, column))
    }

    fn open_window(
        &mut self,
        kept: &mut KeptNet,
        _before: &Catalog,
        _after: &Catalog,
    ) -> Result<(), EngineError> {
        self.writing_pinned(|session| {
            window::open(session, kept)?;
            sequences::note_since(session, &mut kept.sequences)
        })
    }

    fn close_window(&mut self, kept: &KeptNet) -> Result<(), EngineError> {
        self.writing_pinned(|session| window::close(session, kept))
    }

    fn bring_keys_home(&mut self, kept: &KeptNet, after_script: bool) -> Result<(), EngineError> {
        self.writing_pinned(|session| rekeyed::bring_home(session, kept, after_script))
    }

    fn flatten(&mut self, kept: &KeptNet, window: &Window<'_>) -> Result<bool, EngineError> {
        self.writing_pinned(|session| flatten::flatten(session, kept, window))
    }

    fn gauge(&mut self, kept: &KeptNet, window: &Window<'_>) -> Result<Gauge, EngineError> {
        gauge::of(self, kept, window)
    }

    fn take_out(
        &mut self,
        kept: &KeptNet,
        window: &Window<'_>,
    ) -> Result<Vec<Quarantined>, EngineError> {
        self.writing_pinned(|session| {
            let mut taken = take_out::take_out(session, kept, window)?;
            taken.extend(orphans::follow_parents(session, kept, window)?);
            Ok(taken)
        })
    }

    fn sources(&mut self, kept: &KeptNet, window: &Window<'_>) -> Result<Sources, EngineError> {
        let mut sources = self.writing_pinned(|session| sources::of(session, kept, window))?;
        set_aside::add_sources(&mut sources, kept);
        Ok(sources)
    }

    fn merge(
        &mut self,
        kept: &KeptNet,
        window: &Window<'_>,
        rebuilt: &[TableName],
    ) -> Result<(Merged, Vec<Quarantined>), EngineError> {
        self.writing_pinned(|session| {
            set_aside::give_values(session, kept, window)?;
            merge::merge(session, kept, rebuilt, false)
        })
    }

    fn merge_after_script(
        &mut self,
        kept: &KeptNet,
        _window: &Window<'_>,
    ) -> Result<(Merged, Vec<Quarantined>), EngineError> {
        self.writing_pinned(|session| merge::merge(session, kept, &[], true))
    }

    fn shed(&mut self) -> Result<(), EngineError> {
        size::drop_functions(self, "net_", true)
    }

    fn unlike(&mut self, kept: &KeptNet) -> Result<Vec<(TableName, u64)>, EngineError> {
        self.writing_pinned(|session| unlike::of(session, kept))
    }

    fn size(&mut self, kept: &KeptNet) -> Result<Vec<(String, u64)>, EngineError> {
        size::of(self, kept)
    }

    fn estimate(&mut self, plan: &NetPlan) -> Result<Option<u64>, EngineError> {
        size::estimate(self, plan).map(Some)
    }

    fn suspend(&mut self, older: &KeptNet, tables: &[TableName]) -> Result<(), EngineError> {
        self.writing_pinned(|session| stack::suspend(session, older, tables))
    }

    fn resume(
        &mut self,
        older: &KeptNet,
        newer: &KeptNet,
        tables: &[TableName],
    ) -> Result<(), EngineError> {
        self.writing_pinned(|session| stack::resume(session, older, newer, tables))
    }

    fn sequences(&mut self) -> Result<Vec<Sequence>, EngineError> {
        sequences::all(self)
    }

    fn positions(&mut self, kept: &KeptNet) -> Result<Vec<Option<Position>>, EngineError> {
        sequences::positions(self, kept)
    }

    fn go_on(
        &mut self,
        kept: &KeptNet,
        positions: &[Option<Position>],
        window: &Window<'_>,
    ) -> Result<(), EngineError> {
        self.writing_pinned(|session| sequences::go_on(session, kept, positions, window))
    }

    fn free(&mut self, kept: &KeptNet) -> Result<(), EngineError> {
        size::free(self, kept)
    }

    fn keep_forward(
        &mut self,
        own: &str,
        table: &TableName,
        columns: &[ForwardColumn],
        telling: &[String],
    ) -> Result<u64, EngineError> {
        self.writing_pinned(|session| forward::keep(session, own, table, columns, telling))
    }

    fn bring_forward(
        &mut self,
        own: &str,
        table: &TableName,
        columns: &[ForwardColumn],
        key: &[String],
    ) -> Result<u64, EngineError> {
        self.writing_pinned(|session| forward::bring(session, own, table, columns, key))
    }

    fn forward_size(&mut self, own: &str) -> Result<u64, EngineError> {
        size::bytes(self, &TableName::new(names::SCHEMA, own))
    }

    fn drop_forward(&mut self, own: &str) -> Result<(), EngineError> {
        forward::free(self, own)
    }

    fn put_back(&mut self, row: &Quarantined) -> Result<(), EngineError> {
        self.writing_pinned(|session| take_out::put_back(session, row))
    }
}

/// The fill expression of a column of before.
fn fill<'f>(fill: &'f Fill, table: &TableName, column: &str) -> Option<&'f str> {
    fill.get(&(table.clone(), column.to_owned()))
        .map(String::as_str)
}
