use std::fs;
use std::path::Path;

use tightrope_engine::{Change, ReadUpTo};

use super::*;
use crate::SigningKey;
use crate::manifest::tests::manifest;
use tightrope_engine::ChangeKind;

fn backup(folder: &Path, key: Option<&SigningKey>) -> Found {
    in_place(Place::new(folder, key.cloned()))
}

fn in_place(place: Place) -> Found {
    let manifest = manifest("a", "2026-01-01T00:00:00Z").sealed(None);
    Found {
        name: "a".to_owned(),
        place,
        manifest: Ok(Box::new(manifest)),
        proof: None,
    }
}

fn change(number: i64) -> Change {
    Change {
        number,
        transaction: 7,
        at: 0,
        table: 1,
        kind: ChangeKind::Insert,
        old: None,
        new: Some(format!("({number},\"a\n\")")),
    }
}

fn read_up_to(mark: &str) -> ReadUpTo {
    ReadUpTo {
        mark: mark.to_owned(),
        at: format!("2026-01-01T00:00:0{mark}Z"),
        tables: Vec::new(),
        counted: Vec::new(),
        unlogged: Vec::new(),
    }
}

fn carry(found: &Found, numbers: &[i64], mark: &str) -> Segment {
    let carried = Carried::of(found).unwrap();
    let mut draft = carried.begin().unwrap();
    assert!(numbers.iter().all(|number| draft.add(&change(*number))));
    let since = carried.mark().unwrap_or("0").to_owned();
    carried
        .finish(draft, since, read_up_to(mark), None, || {})
        .unwrap()
}

#[test]
fn segments_read_back_in_their_order_and_an_empty_one_moves_the_recovery_point() {
    let folder = tempfile::tempdir().unwrap();
    let found = backup(folder.path(), None);
    carry(&found, &[1, 2], "1");
    carry(&found, &[3], "2");
    carry(&found, &[], "3");
    let carried = Carried::of(&found).unwrap();
    assert_eq!(carried.check(&|_, _| {}).unwrap(), []);
    let numbers = carried.segments.iter().flat_map(|segment| {
        let changes = carried.read(segment).unwrap();
        changes
            .map(|change| change.unwrap().number)
            .collect::<Vec<_>>()
    });
    assert_eq!(numbers.collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(carried.mark(), Some("2"));
    assert_eq!(carried.recovery_point(), Some("2026-01-01T00:00:03Z"));
    // It says nothing any more once there is a newer segment.
    carry(&found, &[4], "4");
    let carried = Carried::of(&found).unwrap();
    assert_eq!(carried.recovery_point(), Some("2026-01-01T00:00:04Z"));
}

#[test]
fn every_flipped_bit_of_every_segment_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let found = backup(folder.path(), None);
    carry(&found, &[1], "1");
    carry(&found, &[2], "2");
    let files = fs::read_dir(folder.path().join("a").join(FOLDER)).unwrap();
    let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let files: Vec<String> = files.filter(|file| file != "lock").collect();
    assert_eq!(files.len(), 4, "{files:?}");
    for file in &files {
        let path = folder.path().join("a").join(FOLDER).join(file);
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            fs::write(&path, &bytes).unwrap();
            let damage = Carried::of(&found).unwrap().check(&|_, _| {}).unwrap();
            assert!(!damage.is_empty(), "{file}, byte {at}");
        }
        fs::write(&path, &whole).unwrap();
    }
}

#[test]
fn swapped_missing_and_unsigned_segments_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let key = SigningKey::from_secret("geheim");
    for (number, mark) in [(1, "1"), (2, "2"), (3, "3")] {
        carry(&backup(folder.path(), Some(&key)), &[number], mark);
    }
    let check = |key: Option<&SigningKey>| {
        let found = backup(folder.path(), key);
        Carried::of(&found).unwrap().damage.len()
    };
    assert_eq!((check(Some(&key)), check(None)), (0, 0));
    assert_eq!(check(Some(&SigningKey::from_secret("another"))), 1);
    let file = |number: u32| {
        folder
            .path()
            .join("a")
            .join(FOLDER)
            .join(record_name(number))
    };
    let second = fs::read(file(2)).unwrap();
    fs::copy(file(3), file(2)).unwrap();
    assert_eq!(check(Some(&key)), 1, "swapped");
    fs::remove_file(file(2)).unwrap();
    assert_eq!(check(Some(&key)), 1, "missing");
    fs::write(file(2), second).unwrap();
    assert_eq!(check(Some(&key)), 0);
}

#[test]
fn an_encrypted_place_holds_no_row_in_the_clear_and_reads_back_with_its_key_only() {
    let (folder, staging) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let encrypted = |secret: Option<&str>| {
        let place = Place::new(folder.path(), None)
            .with_encryption(secret.map(EncryptionKey::from_secret))
            .with_staging(Some(staging.path().to_owned()));
        let mut found = in_place(place);
        if let Ok(manifest) = &mut found.manifest {
            let key = EncryptionKey::from_secret("ours");
            manifest.encryption = Some(Encryption::with(&key));
        }
        found
    };
    let found = encrypted(Some("ours"));
    carry(&found, &[4711], "1");
    let carried = Carried::of(&found).unwrap();
    let whole = carried.write_replay(replay_without(4711)).unwrap();
    assert!(fs::read_to_string(whole).unwrap().contains("(4711"));
    let mut files = 0;
    for file in fs::read_dir(folder.path().join("a").join(FOLDER)).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(5).any(|window| window == b"(4711"));
        files += 1;
    }
    assert_eq!(files, 4, "segment, record, replay, lock");
    assert_eq!(carried.check(&|_, _| {}).unwrap(), []);
    let read = carried.read(&carried.segments[0]).unwrap();
    let read: Vec<Change> = read.map(Result::unwrap).collect();
    assert_eq!(read, [change(4711)]);
    // Without the key nothing is carried, not even in the clear.
    for secret in [None, Some("another")] {
        let carried = Carried::of(&encrypted(secret)).unwrap();
        assert!(carried.begin().unwrap_err().is_of_the_key());
        let read = carried.read(&carried.segments[0]);
        assert!(read.err().unwrap().is_of_the_key());
    }
    let stage = found.place.stage().unwrap();
    let left = fs::read_dir(stage).unwrap();
    let left = left.map(|file| file.unwrap().file_name().into_string().unwrap());
    let left: Vec<String> = left.filter(|name| name.starts_with('.')).collect();
    assert_eq!(left, [""; 0], "nothing open stays behind");
}

fn replay_without(number: i64) -> ReplayRecord {
    ReplayRecord {
        tightrope_replay: ReplayRecord::LAYOUT,
        backup: "a".to_owned(),
        replayed_at: "2026-01-01T00:00:01Z".to_owned(),
        into: String::new(),
        recovery_point: String::new(),
        changes: 0,
        left_out: 0,
        unreplayed: vec![tightrope_engine::Unreplayed {
            change: change(number),
            table: "t".to_owned(),
            because: format!("({number}) is there"),
        }],
        milliseconds: 0,
        seal: None,
        signature: None,
    }
}

#[test]
fn of_two_who_carry_at_once_only_one_writes_the_record() {
    let folder = tempfile::tempdir().unwrap();
    let found = backup(folder.path(), None);
    let (first, second) = (Carried::of(&found).unwrap(), Carried::of(&found).unwrap());
    let finish = |carried: &Carried, number: i64| {
        let mut draft = carried.begin().unwrap();
        assert!(draft.add(&change(number)));
        carried.finish(draft, "0".to_owned(), read_up_to("1"), None, || {})
    };
    finish(&first, 1).unwrap();
    let error = finish(&second, 2).unwrap_err();
    assert_eq!(error.source.kind(), io::ErrorKind::ResourceBusy);
    let carried = Carried::of(&found).unwrap();
    assert_eq!(carried.check(&|_, _| {}).unwrap(), []);
    assert_eq!(carried.changes(), 1);
}
