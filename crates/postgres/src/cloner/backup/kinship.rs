//! How a database that somebody has restored stands to the one that its backup is of.

use tightrope_engine::{Cloner as _, DatabaseId, DatabaseUrl, EngineError, Kinship, Session as _};

use super::super::PostgresCloner;
use super::{identity, reading};
use crate::connect::Target;

pub(super) fn of(
    cloner: &PostgresCloner,
    target: &DatabaseUrl,
    of: &DatabaseId,
    restored: &DatabaseUrl,
) -> Result<Kinship, EngineError> {
    let mut session = reading(restored)?;
    let theirs = identity(&mut session)?;
    // The restored one was reached, so it is the target that cannot be: it is gone, and is no other's server.
    if cloner.is_one_server(target, restored).unwrap_or(false) {
        let name = Target::parse(target)?.database().to_owned();
        return Ok(match name == theirs.name {
            true => Kinship::Itself,
            false => Kinship::Unknown,
        });
    }
    let sql =
        "select (pg_is_in_recovery() and exists (select from pg_stat_wal_receiver))::int::bigint";
    let rows = session.query(sql, &[])?;
    let follows = rows.first().and_then(|row| row.first()?.integer());
    if follows == Some(1) {
        return Ok(Kinship::Standby);
    }
    Ok(
        match (cluster(of) == cluster(&theirs), of.name == theirs.name) {
            (true, true) => Kinship::Copy,
            (true, false) => Kinship::Sibling,
            (false, _) => Kinship::Unknown,
        },
    )
}

/// The part of an identity that is the cluster's.
fn cluster(id: &DatabaseId) -> &str {
    let name = id.id.strip_suffix(&id.name);
    name.map_or("", |cluster| cluster.trim_end_matches('/'))
}
