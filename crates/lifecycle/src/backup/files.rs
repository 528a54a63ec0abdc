//! What every restore begins with: files that are whole, and a place without what dead restores have left there.

use std::path::Path;

use tightrope_backup::{Found, Manifest, Opened};
use tightrope_engine::{Backup, BackupFiles, DatabaseUrl, EngineError, Physical};

use super::BackupError;
use super::watch::Watch;
use crate::{Event, Listener};

/// Checks every byte of a backup, and gives its manifest with what was opened.
///
/// # Errors
/// When anything of it is damaged, or the place cannot be read.
pub(super) fn open_whole<'f>(
    found: &'f Found,
    watch: &Watch<'_>,
) -> Result<(Opened, &'f Manifest), BackupError> {
    let opened = found.open(&watch.bytes("bytes checked"))?;
    match &found.manifest {
        Ok(manifest) if opened.damage.is_empty() => Ok((opened, manifest)),
        _ => Err(BackupError::Damaged {
            name: found.name.clone(),
            damage: opened.damage,
        }),
    }
}

/// The files of an opened backup, as an engine restores them.
pub(super) fn files<'a>(opened: &'a Opened, manifest: &'a Manifest) -> BackupFiles<'a> {
    BackupFiles {
        folder: opened.data(),
        properties: &manifest.properties,
        program: manifest.program.as_deref(),
    }
}

/// Removes what dead restores have left at that place, and says so.
pub(super) fn sweep(
    taker: &dyn Backup,
    place: &DatabaseUrl,
    listener: &dyn Listener,
) -> Result<(), BackupError> {
    let names = taker
        .sweep(place)
        .map_err(BackupError::doing("sweep the place of restoring"))?;
    if !names.is_empty() {
        listener.event(&Event::Swept { names });
    }
    Ok(())
}

/// Ends the throw-away servers that dead processes have left below a folder, and says so.
pub(crate) fn sweep_ground(
    physical: &dyn Physical,
    folder: &Path,
    listener: &dyn Listener,
) -> Result<(), EngineError> {
    let names = physical.sweep(folder)?;
    if !names.is_empty() {
        listener.event(&Event::Swept { names });
    }
    Ok(())
}
