//! The second point of a time that is measured on a sample: the same scripts on a copy without rows.

use tightrope_engine::{Cloner, EngineError, Scratch};
use tightrope_model::Footprint;
use tightrope_script::Migration;
use tightrope_selection::SelectionReport;
use tightrope_store::{Extrapolated, Extrapolation};

use super::base::free_nets;
use super::cluster::makes_roles;
use super::one::Rehearsal;
use super::scripts::RunStop;
use super::source::Source;
use crate::Listener;
use crate::project::Project;
use crate::situation::SituationError;

/// A copy of the schema alone, on which each migration runs once more.
pub(super) struct Hollow {
    scratch: Box<dyn Scratch>,
}

/// How long a migration took there.
struct Took {
    forward_ms: u64,
    rollback_ms: Option<u64>,
}

impl Hollow {
    /// Makes it, where the rehearsal is on a sample.
    pub(super) fn of(
        source: &Source,
        project: &Project,
        cloner: &dyn Cloner,
        listener: &dyn Listener,
    ) -> Result<Option<Self>, EngineError> {
        if project.selecting.sample.is_none() {
            return Ok(None);
        }
        let scratch = source.copy_without_rows(project, cloner, listener)?;
        Ok(Some(Self { scratch }))
    }

    /// Takes what the source's own nets have left out of it.
    pub(super) fn free_nets(&self, rehearsal: &Rehearsal<'_>) -> Result<(), SituationError> {
        let mut session = rehearsal.connect(self.scratch.as_ref())?;
        Ok(free_nets(session.as_mut())?)
    }

    /// What a migration's times on a sample say of all rows. None as well when its scripts fail without rows: then nothing more can be
    /// measured there.
    fn run(
        &self,
        rehearsal: &Rehearsal<'_>,
        migration: &Migration,
    ) -> Result<Option<Took>, EngineError> {
        let mut session = rehearsal.connect(self.scratch.as_ref())?;
        let ran = |ran: Result<super::outcome::Ran, RunStop>| match ran {
            Ok(ran) => Ok(Some(ran.milliseconds)),
            Err(RunStop::Script(_)) => Ok(None),
            Err(RunStop::Engine(error)) => Err(error),
        };
        let Some(forward_ms) = ran(rehearsal.run(session.as_mut(), &migration.forward))? else {
            return Ok(None);
        };
        let written = migration.rollback.as_ref();
        let written = written.filter(|script| !script.is_empty(rehearsal.dialect));
        let Some(rollback) = written else {
            return Ok(Some(Took {
                forward_ms,
                rollback_ms: None,
            }));
        };
        let rollback_ms = ran(rehearsal.run(session.as_mut(), rollback))?;
        let again = match rollback_ms {
            Some(_) => ran(rehearsal.run(session.as_mut(), &migration.forward))?,
            None => None,
        };
        Ok(again.map(|_| Took {
            forward_ms,
            rollback_ms,
        }))
    }
}

/// Extrapolates the times of a migration, and keeps the copy without rows as long as it can follow.
pub(super) fn extrapolate(
    hollow: &mut Option<Hollow>,
    rehearsal: &Rehearsal<'_>,
    migration: &Migration,
    (forward_ms, rollback_ms): (u64, Option<u64>),
    footprint: &Footprint,
) -> Result<Option<Extrapolation>, EngineError> {
    let Some(here) = hollow.as_ref() else {
        return Ok(None);
    };
    // A role is the whole server's, and cannot be made a second time.
    let took = match makes_roles(migration, rehearsal.dialect) {
        true => None,
        false => here.run(rehearsal, migration)?,
    };
    let (Some(took), Some(selection)) = (took, &rehearsal.copy.selection) else {
        *hollow = None;
        return Ok(None);
    };
    let tables = touched(footprint, selection);
    let of =
        |without_rows_ms, on_sample_ms| Extrapolated::of(without_rows_ms, on_sample_ms, &tables);
    let rollback = took.rollback_ms.zip(rollback_ms);
    Ok(
        of(took.forward_ms, forward_ms).map(|forward| Extrapolation {
            forward,
            rollback: rollback.and_then(|(without, on_sample)| of(without, on_sample)),
        }),
    )
}

/// The rows of the tables that a script has touched, in the sample and in all; of all tables that are no whole ones, where nobody knows which.
fn touched(footprint: &Footprint, selection: &SelectionReport) -> Vec<(u64, u64)> {
    let written = footprint.rows.keys();
    let locked = footprint.locks.iter().map(|lock| &lock.relation);
    let mut names: Vec<&String> = written.chain(locked).collect();
    names.sort();
    names.dedup();
    let known = names.iter().filter_map(|name| selection.rows_of(name));
    let known: Vec<(u64, u64)> = known.collect();
    match known.is_empty() {
        false => known,
        true => selection
            .tables
            .iter()
            .filter(|table| table.rows < table.of && table.rows > 0)
            .map(|table| (table.rows, table.of))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tightrope_model::{LockHeld, TableChange};
    use tightrope_selection::SampledTable;

    fn selection() -> SelectionReport {
        let table = |table: &str, rows, of| SampledTable {
            table: table.to_owned(),
            rows,
            referred: 0,
            of,
            estimated: false,
        };
        SelectionReport {
            tables: vec![
                table("a", 10, 100),
                table("b", 20, 400),
                table("c", 5, 5),
                table("d", 0, 9),
            ],
            ..SelectionReport::default()
        }
    }

    #[test]
    fn what_is_touched_is_what_is_written_or_locked() {
        let mut footprint = Footprint::default();
        assert_eq!(touched(&footprint, &selection()), [(10, 100), (20, 400)]);
        footprint
            .rows
            .insert("a".to_owned(), TableChange::default());
        footprint.locks.push(LockHeld {
            relation: "d".to_owned(),
            mode: "share".to_owned(),
            index_of: None,
        });
        assert_eq!(touched(&footprint, &selection()), [(10, 100), (0, 9)]);
    }
}
