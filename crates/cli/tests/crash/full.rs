//! The disk is full: with every amount of free space from none on, until there is enough.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use tightrope_testkit::servers::PostgresOptions;

use crate::edges::MOST_EDGES;
use crate::shop::{Place, Shop};

const BACK: [&str; 3] = ["rollback", "--to", "1"];

/// A small disk of its own, in memory. Only root may make one.
struct Disk {
    folder: TempDir,
}

impl Disk {
    fn new(megabytes: usize) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder is made");
        let mounted = Command::new("mount")
            .args([
                "-t",
                "tmpfs",
                "-o",
                &format!("size={megabytes}m"),
                "tightrope-test",
            ])
            .arg(folder.path())
            .output()
            .is_ok_and(|output| output.status.success());
        if !mounted {
            // Without a word a skipped test would look like one that has passed.
            let _ = writeln!(
                std::io::stderr(),
                "skipped: a small disk cannot be mounted here"
            );
        }
        mounted.then_some(Self { folder })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Fills it to the last byte, then leaves so many free.
    fn leave_free(&self, bytes: u64) {
        let filler = self.path("filler");
        // What is left of the last one is no matter.
        let _ = fs::remove_file(&filler);
        let mut file = File::create(&filler).expect("a file is made");
        while file.write_all(&[0; 4096]).is_ok() {}
        let length = file.metadata().expect("it has a length").len();
        file.set_len(length.saturating_sub(bytes))
            .expect("it is cut");
    }

    fn clear(&self) {
        fs::remove_file(self.path("filler")).expect("it is removed");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What cannot be unmounted ends with the machine.
        let _ = Command::new("umount")
            .arg("-l")
            .arg(self.folder.path())
            .output();
    }
}

/// Runs a command with more and more room, from none on; whatever fails for lack of it changes nothing.
fn with_every_room(shop: &Shop, disk: &Disk, place: &Place, arguments: &[&str], step: u64) {
    let (state, things) = (place.state(), place.net_things());
    for room in 0..MOST_EDGES as u64 {
        disk.leave_free(room * step);
        let outcome = shop.run(place, arguments);
        disk.clear();
        shop.can_be_looked_at(place);
        if outcome.code == Some(0) {
            assert!(room > 1, "there was room from the first");
            return;
        }
        assert!(matches!(outcome.code, Some(1 | 4)), "{outcome}");
        let said = outcome.stderr.to_lowercase();
        assert!(
            ["full", "space", "free"]
                .iter()
                .any(|word| said.contains(word)),
            "{outcome}"
        );
        if place.state() != state {
            // It is done: there was only no room to say so at the end.
            assert!(room > 0, "{outcome}");
            return;
        }
        assert_eq!(place.net_things(), things, "{outcome}");
    }
    panic!("there was never room enough");
}

fn there_and_back(shop: &Shop, disk: &Disk, on_disk: &dyn Fn(&Place) -> Place, step: u64) {
    let there = on_disk(&shop.before);
    with_every_room(shop, disk, &there, shop.apply(), step);
    assert!(there.state() == shop.after.state());
    assert_eq!(there.net_things(), shop.after.net_things());
    drop(there);

    let undisturbed = shop.written.copy();
    shop.run(&undisturbed, &BACK).expect_code(0);
    let back = on_disk(&shop.written);
    with_every_room(shop, disk, &back, &BACK, step);
    back.nothing_is_lost("on a full disk");
    assert!(back.state() == undisturbed.state());
    assert_eq!(back.quarantine(), undisturbed.quarantine());
    assert_eq!(back.net_things(), undisturbed.net_things());
}

#[test]
fn a_full_disk_on_sqlite() {
    let Some(disk) = Disk::new(2) else { return };
    let shop = Shop::sqlite().into_the_window();
    let on_disk = |place: &Place| {
        let folder = tempfile::tempdir_in(disk.folder.path()).expect("a folder is made");
        let file = folder.path().join("shop.db");
        fs::copy(place.file(), &file).expect("it is copied");
        Place::Sqlite {
            file,
            _folder: folder,
        }
    };
    there_and_back(&shop, &disk, &on_disk, 16 * 1024);
}

#[test]
fn a_full_disk_on_postgres() {
    let Some(disk) = Disk::new(24) else { return };
    // Another server than that of the other tests: its checkpoints fail while the disk is full.
    let alone = PostgresOptions { fsync: true };
    let shop = Shop::postgres_on(alone, "", true).into_the_window();
    let space = format!("{}_space", shop.before.postgres().name);
    let folder = disk.path("space");
    fs::create_dir(&folder).expect("a folder is made");
    open_to_the_server(&shop.before, disk.folder.path(), &folder);
    shop.before.execute(&format!(
        "create tablespace {space} location '{}'",
        folder.display()
    ));
    let on_disk =
        |place: &Place| Place::Postgres(place.postgres().copy_in(&space).expect("it is copied"));
    there_and_back(&shop, &disk, &on_disk, 64 * 1024);
    shop.before.execute(&format!("drop tablespace {space}"));
}

/// The server runs as the user who owns its data.
fn open_to_the_server(place: &Place, disk: &Path, folder: &Path) {
    let data = place.texts("select setting from pg_settings where name = 'data_directory'");
    let owner = fs::metadata(&data[0]).expect("it is there");
    for path in [disk, folder] {
        chown(path, Some(owner.uid()), Some(owner.gid())).expect("it is given away");
    }
}
