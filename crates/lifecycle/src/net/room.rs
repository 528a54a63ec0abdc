//! What has to be so before a net is spread: there is room for it, and nobody else is made to read it.

use tightrope_engine::{EngineError, Session};
use tightrope_model::{Catalog, NetPlan, ObjectKind};
use tightrope_store::AppliedMigration;

use crate::Policy;

/// Why a net may not be spread; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum NoRoom {
    /// The configured limit would be passed.
    #[error("the net would take up to {} bytes, with those of other migrations {}: the limit is {limit}", .needs, .needs + .taken)]
    Limit {
        /// Bytes that it would take at the most.
        needs: u64,
        /// Bytes that the nets of other migrations take.
        taken: u64,
        /// The limit.
        limit: u64,
    },
    /// The disk is too full.
    #[error("the net would take up to {needs} bytes, and {free} are free where the database is")]
    Disk {
        /// Bytes that it would take at the most.
        needs: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// Its tables would be published.
    #[error(
        "{publication} publishes all tables, and would publish the net's: a subscriber without them stops"
    )]
    Published {
        /// The publication.
        publication: String,
    },
}

/// Checks that a net may be spread.
pub(crate) fn room(
    session: &mut dyn Session,
    plan: &NetPlan,
    before: &Catalog,
    applied: &[AppliedMigration],
    policy: &Policy,
) -> Result<Result<(), NoRoom>, EngineError> {
    if plan.is_empty() {
        return Ok(Ok(()));
    }
    let publication = before.objects().find(|object| {
        object.id.kind == ObjectKind::Publication && object.attribute("all_tables") == Some("yes")
    });
    if let Some(publication) = publication.filter(|_| !policy.net_published) {
        return Ok(Err(NoRoom::Published {
            publication: publication.id.to_string(),
        }));
    }
    let Some(net) = session.net() else {
        return Ok(Ok(()));
    };
    let (free, limit) = (net.free_space()?, policy.net_max_bytes);
    let largest = net.largest_estimate()?;
    let is_enough = largest.zip(free).is_some_and(|(most, free)| most <= free);
    if limit.is_none() && is_enough {
        return Ok(Ok(()));
    }
    let needs = net.estimate(plan)?.unwrap_or_default();
    if let Some(free) = free.filter(|free| needs > *free) {
        return Ok(Err(NoRoom::Disk { needs, free }));
    }
    let Some(limit) = limit else {
        return Ok(Ok(()));
    };
    let mut taken = 0;
    for kept in applied.iter().filter_map(|one| one.net.as_ref()) {
        taken += net.size(kept)?.iter().map(|(_, bytes)| bytes).sum::<u64>();
    }
    Ok(if needs + taken > limit {
        Err(NoRoom::Limit {
            needs,
            taken,
            limit,
        })
    } else {
        Ok(())
    })
}
