use std::fs;
use std::path::{Path, PathBuf};

use super::shelf::{DATA, MANIFEST};
use super::work::LOCK;
use super::*;
use crate::manifest::tests::manifest;
use crate::proof::tests::proof_of;
use crate::{DrillKind, DrillRecord, DrillVerdict};

fn nothing(_: u64, _: u64) {}

struct Scene {
    place: Place,
    home: PathBuf,
    _folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("backups");
        let place = Place::new(&home, None);
        place.prepare().unwrap();
        Self {
            place,
            home,
            _folder: folder,
        }
    }

    fn find(&self, name: &str) -> Found {
        self.place.find(name).unwrap().unwrap()
    }

    fn draft(&self, time: &str) -> Draft {
        let draft = self.place.begin("shop.db", time.parse().unwrap()).unwrap();
        fs::write(draft.data().join("a.dat"), "first").unwrap();
        fs::write(draft.data().join("b.dat"), "second").unwrap();
        draft
    }

    fn make(&self, time: &str) -> Found {
        let mut draft = self.draft(time);
        let files = draft.digest(&nothing).unwrap();
        let name = draft.name().to_owned();
        draft
            .write_manifest(Manifest {
                files,
                ..manifest(&name, time)
            })
            .unwrap();
        let lock = self.home.join(&name).join(LOCK);
        draft
            .finish(&nothing, &|_| {
                assert!(
                    lock.exists(),
                    "a draft has its lock for as long as it is one"
                )
            })
            .unwrap();
        assert!(!lock.exists());
        self.find(&name)
    }
}

const TIME: &str = "2026-01-02T03:04:05Z";

#[test]
fn a_whole_backup_has_no_damage() {
    let scene = Scene::new();
    let found = scene.make(TIME);
    assert_eq!(found.name, "shop-db-20260102T030405Z");
    assert_eq!(found.check(&nothing).unwrap(), []);
    assert_eq!(found.manifest.as_ref().unwrap().bytes(), 11);
    let second = scene.make(TIME);
    assert_eq!(second.name, "shop-db-20260102T030405Z-2");
    assert_eq!(scene.place.list().unwrap().len(), 2);
    assert!(scene.place.find("../x").unwrap().is_none());
}

#[test]
fn every_damage_is_named() {
    let scene = Scene::new();
    let check = |damage: &dyn Fn(&Path), expect: &str| {
        let made = scene.make(TIME);
        damage(&scene.home.join(&made.name));
        let found = scene.find(&made.name);
        let said: Vec<String> = found
            .check(&nothing)
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(said, [expect]);
    };
    check(
        &|folder| fs::write(folder.join("data/a.dat"), "fjrst").unwrap(),
        "the bytes of `data/a.dat` are not what they were",
    );
    check(
        &|folder| fs::write(folder.join("data/b.dat"), "secon").unwrap(),
        "`data/b.dat` has 5 bytes and had 6",
    );
    check(
        &|folder| fs::remove_file(folder.join("data/b.dat")).unwrap(),
        "`data/b.dat` is missing",
    );
    check(
        &|folder| fs::write(folder.join("data/c.dat"), "").unwrap(),
        "`data/c.dat` is there and was not",
    );
    check(
        &|folder| fs::remove_file(folder.join(MANIFEST)).unwrap(),
        "`manifest.json` is missing",
    );
    check(
        &|folder| {
            let path = folder.join(MANIFEST);
            let text = fs::read_to_string(&path).unwrap();
            fs::write(path, text.replace("backup API", "by hand")).unwrap();
        },
        "the manifest was changed after it was written",
    );
    check(
        &|folder| {
            let path = folder.join(MANIFEST);
            let text = fs::read_to_string(&path).unwrap();
            fs::write(path, &text[..text.len() - 9]).unwrap();
        },
        "the manifest cannot be read",
    );
}

#[cfg(unix)]
#[test]
fn nobody_else_may_look_into_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let scene = Scene::new();
    let made = scene.make(TIME);
    for folder in [&scene.home, &scene.home.join(&made.name)] {
        let mode = fs::metadata(folder).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{}", folder.display());
    }
}

#[test]
fn one_that_cannot_be_read_keeps_its_turn() {
    let scene = Scene::new();
    let made = [TIME, TIME, "2026-01-02T03:04:06Z"].map(|time| scene.make(time).name);
    let names = || -> Vec<String> {
        let all = scene.place.list().unwrap();
        all.into_iter().map(|found| found.name).collect()
    };
    assert_eq!(names(), made);
    for name in &made {
        fs::remove_file(scene.home.join(name).join(MANIFEST)).unwrap();
        assert_eq!(names(), made, "without the manifest of {name}");
    }
    let found = scene.find(&made[0]);
    assert!(found.may_be_of("shop.db") && !found.may_be_of("billing"));
}

#[test]
fn a_swapped_manifest_is_named() {
    let scene = Scene::new();
    let (one, other) = (scene.make(TIME), scene.make(TIME));
    fs::copy(
        scene.home.join(&one.name).join(MANIFEST),
        scene.home.join(&other.name).join(MANIFEST),
    )
    .unwrap();
    let found = scene.find(&other.name);
    assert_eq!(
        found.check(&nothing).unwrap(),
        [Damage::Swapped { of: one.name }]
    );
}

#[test]
fn every_flipped_bit_of_every_file_is_found() {
    let scene = Scene::new();
    let made = scene.make(TIME);
    for file in ["data/a.dat", "data/b.dat", MANIFEST] {
        let path = scene.home.join(&made.name).join(file);
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            fs::write(&path, &bytes).unwrap();
            let found = scene.find(&made.name);
            assert!(
                !found.check(&nothing).unwrap().is_empty(),
                "{file}, byte {at}"
            );
        }
        fs::write(&path, &whole).unwrap();
    }
    assert_eq!(scene.find(&made.name).check(&nothing).unwrap(), []);
}

#[test]
fn damage_of_an_encrypted_backup_is_found_without_the_key() {
    let scene = Scene::new();
    let key = crate::EncryptionKey::from_secret("long and random");
    let stage = scene.home.with_file_name("stage");
    let place = scene.place.clone().with_staging(Some(stage));
    let encrypting = Scene {
        place: place.clone().with_encryption(Some(key)),
        home: scene.home.clone(),
        _folder: tempfile::tempdir().unwrap(),
    };
    let made = encrypting.make(TIME);
    let without_key = place.find(&made.name).unwrap().unwrap();
    assert_eq!(without_key.check(&nothing).unwrap(), []);
    assert!(without_key.open(&nothing).unwrap_err().is_of_the_key());
    let opened = made.open(&nothing).unwrap();
    assert_eq!(fs::read(opened.data().join("a.dat")).unwrap(), b"first");
    drop(opened);
    let path = scene.home.join(&made.name).join("data/a.dat");
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert_eq!(without_key.check(&nothing).unwrap().len(), 1, "byte {at}");
    }
}

#[test]
fn a_half_backup_is_no_backup_and_goes_once_its_maker_is_gone() {
    let scene = Scene::new();
    let draft = scene.draft(TIME);
    assert!(scene.place.list().unwrap().is_empty());
    assert!(scene.place.prepare().unwrap().is_empty(), "its maker lives");
    let folder = draft.data().parent().unwrap().to_owned();
    drop(draft);
    assert!(!folder.exists());
    // Killed: the lock is free, everything else is there.
    fs::create_dir_all(folder.join(DATA)).unwrap();
    fs::write(folder.join(LOCK), "").unwrap();
    assert_eq!(scene.place.prepare().unwrap().len(), 1);
    assert!(!folder.exists());
    // Killed before it had a lock.
    fs::create_dir(&folder).unwrap();
    assert_eq!(scene.place.prepare().unwrap().len(), 1);
}

#[test]
fn proofs_and_drills_are_read_back() {
    let scene = Scene::new();
    let found = scene.make(TIME);
    let proof = proof_of(found.manifest.as_ref().unwrap());
    let written = found.write_proof(proof).unwrap();
    assert_eq!(scene.find(&found.name).proof, Some(written));
    let drill = DrillRecord {
        tightrope_drill: DrillRecord::LAYOUT,
        kind: DrillKind::Restore,
        database: found.manifest.as_ref().unwrap().database.clone(),
        at: TIME.to_owned(),
        what: found.name.clone(),
        bytes: 1,
        milliseconds: 2,
        verdict: DrillVerdict::Pass,
        findings: Vec::new(),
        seal: None,
        signature: None,
    };
    let written = scene.place.write_drill(drill).unwrap();
    fs::write(scene.home.join("drills/x.json"), "{}").unwrap();
    let (records, broken) = scene.place.drills().unwrap();
    assert_eq!(
        (records, broken),
        (vec![written], vec!["x.json".to_owned()])
    );
    scene.place.remove(&found).unwrap();
    assert!(scene.place.list().unwrap().is_empty());
}
