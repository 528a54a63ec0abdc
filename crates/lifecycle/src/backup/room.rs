//! Whether there is room for a backup, before anything of it is written.

use tightrope_backup::{Place, free_bytes};
use tightrope_engine::{Backup, BackupKind, Engine};

use super::BackupError;
use super::list::TargetNow;
use crate::Project;

/// Refuses where a backup cannot fit.
///
/// How large it will be is told from the newest one of the same database; where there is none, only what it takes at the least is
/// asked for. What cannot be found out does not stand in the way: a disk that is full says so itself.
pub(super) fn require(
    project: &Project,
    engine: &dyn Engine,
    taker: &dyn Backup,
    place: &Place,
) -> Result<(), BackupError> {
    let size = engine
        .cloner()
        .and_then(|cloner| cloner.size(&project.url).ok());
    let Some(size) = size else {
        return Ok(());
    };
    let bytes = match before(project, place)? {
        Some((source, stored)) if source > 0 => scaled(stored, size, source),
        // Before a cluster is copied, its own size is asked for.
        _ if project.backup.kind == BackupKind::Physical => return Ok(()),
        _ => taker.least_bytes(size),
    };
    for folder in place.written_to() {
        if let Some(free) = free_bytes(folder).filter(|free| *free < bytes) {
            return Err(BackupError::NoRoom {
                folder: folder.display().to_string(),
                bytes,
                free,
            });
        }
    }
    Ok(())
}

/// The size of the database and of its backup, the last time.
fn before(project: &Project, place: &Place) -> Result<Option<(u64, u64)>, BackupError> {
    let now = TargetNow::of(project, None)?;
    let all = place.list()?;
    let ours = all
        .iter()
        .rev()
        .filter_map(|found| found.manifest.as_ref().ok());
    // Of an adopted one nothing was stored here.
    let newest = ours.into_iter().find(|manifest| {
        manifest.kind == project.backup.kind && now.is_of(manifest) && manifest.adopted.is_none()
    });
    Ok(newest.map(|manifest| (manifest.source_bytes, manifest.bytes())))
}

/// What was stored of a database of one size, for another size.
fn scaled(stored: u64, size: u64, source: u64) -> u64 {
    let bytes = u128::from(stored) * u128::from(size) / u128::from(source.max(1));
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_grows_with_its_database() {
        assert_eq!(scaled(10, 200, 100), 20);
        assert_eq!(scaled(u64::MAX, 2, 1), u64::MAX);
    }
}
