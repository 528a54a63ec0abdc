//! The demo's folder: it says which process it belongs to, so that the next demo takes away what a dead one has left.

use std::fs;
use std::io;
use std::path::Path;

use tempfile::TempDir;
use tightrope_engine::{Alive, Liveness};

use super::mismatch::Mismatch;

const PREFIX: &str = "tightrope-demo-";

/// The file in it that says whose it is.
const OWNER: &str = ".owner";

/// Makes the folder, after taking away those of demos that died.
pub(super) fn make() -> Result<TempDir, Mismatch> {
    let place = std::env::temp_dir();
    sweep(&place);
    let evidence = tightrope_sqlite::evidence();
    make_in(&place, &evidence).map_err(Mismatch::folder(&place))
}

/// Leaves the folder for good: nobody sweeps it.
pub(super) fn keep(folder: &Path) -> io::Result<()> {
    fs::remove_file(folder.join(OWNER))
}

fn make_in(place: &Path, evidence: &Liveness) -> io::Result<TempDir> {
    let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(place)?;
    fs::write(folder.path().join(OWNER), &evidence.0)?;
    Ok(folder)
}

/// Takes away the folders whose process is certainly dead. What cannot be read or removed is somebody else's business.
fn sweep(place: &Path) {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    for entry in entries {
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        // A link is no folder here: it would lead elsewhere.
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if !(is_ours && is_folder) {
            continue;
        }
        let Ok(evidence) = fs::read_to_string(entry.path().join(OWNER)) else {
            continue;
        };
        if tightrope_sqlite::is_alive(&Liveness(evidence)) == Alive::No {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_dead_have_left_is_swept() {
        let place = tempfile::tempdir().unwrap();
        let living = tightrope_sqlite::evidence();
        // No process has this number: they end far below it.
        let pid = format!("pid={}", std::process::id());
        let dead = Liveness(living.0.replace(&pid, "pid=4294967295"));
        let make = |evidence| make_in(place.path(), evidence).unwrap().keep();
        let (mine, left, kept) = (make(&living), make(&dead), make(&dead));
        keep(&kept).unwrap();
        let other = place.path().join("other");
        fs::create_dir(&other).unwrap();
        fs::write(other.join(OWNER), &dead.0).unwrap();
        sweep(place.path());
        let there = [&mine, &left, &kept, &other].map(|folder| folder.exists());
        assert_eq!(there, [true, false, true, true]);
    }
}
