//! What every rehearsal begins with: a copy, and what is known of the server that it is on.

use tightrope_engine::{Cloner, CopyPlace, DatabaseUrl, Engine, EngineError, KeptNet, Session};
use tightrope_script::Migration;
use tightrope_store::{Store, StoreError};

use super::cluster;
use super::one::{Derive, Rehearsal};
use super::source::Base;
use crate::logged;
use crate::project::Project;
use crate::{Event, Listener};

/// Removes what dead rehearsals have left at that place, and says so.
pub(crate) fn sweep(
    source: &DatabaseUrl,
    cloner: &dyn Cloner,
    place: &CopyPlace,
    listener: &dyn Listener,
) -> Result<(), EngineError> {
    let names = cloner.sweep(source, place)?;
    if !names.is_empty() {
        listener.event(&Event::Swept { names });
    }
    Ok(())
}

impl<'a> Rehearsal<'a> {
    /// A rehearsal of these migrations on this copy, in which every verdict that passes earns a certificate.
    pub(super) fn on(
        base: &Base,
        project: &'a Project,
        engine: &'a dyn Engine,
        migrations: &[&Migration],
        derived: Derive,
        listener: &'a dyn Listener,
    ) -> Result<Self, EngineError> {
        Ok(Self {
            engine,
            mark: base.scratch.mark().map(str::to_owned),
            roles: cluster::roles_at(engine, base.scratch.as_ref(), migrations)?,
            dialect: engine.kind(),
            listener,
            tool_version: &project.tool_version,
            strict: false,
            copy: base.report.clone(),
            derived,
            dropped_columns: project.policy.dropped_columns,
            witness: None,
        })
    }
}

/// Frees the change logs and the nets that a copy has brought along: what the target writes down of its open windows is no part of a rehearsal,
/// and would be in the way of the net that is spread there.
pub(crate) fn free_nets(session: &mut dyn Session) -> Result<(), StoreError> {
    logged::free(session)?;
    if !session.has_store()? {
        return Ok(());
    }
    let applied = Store::new(session).applied()?;
    let open: Vec<KeptNet> = applied.into_iter().filter_map(|one| one.net).collect();
    if open.is_empty() {
        return Ok(());
    }
    session.begin()?;
    for kept in open.iter().rev() {
        if let Some(net) = session.net() {
            net.free(kept)?;
        }
    }
    Ok(session.commit()?)
}
