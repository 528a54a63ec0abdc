//! Files that only who has the key can read.
//!
//! Each file has a key of its own, derived from the secret and 32 random bytes at the file's head. Its content is cut into chunks,
//! each sealed by AES-256-GCM with its number and a mark on the last one as the nonce: chunks cannot be swapped, left out or cut
//! off. This is the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár: *Online Authenticated-Encryption and its
//! Nonce-Reuse Misuse-Resistance*, CRYPTO 2015), laid out as the payload of an age file (C2SP, age.md).

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::FileDigest;
use crate::files::digest_from;

/// How it is called in manifests.
pub(crate) const METHOD: &str = "AES-256-GCM in chunks of 64 KiB, layout 1";

const MAGIC: &[u8; 16] = b"tightrope-enc-1\n";
const CONTEXT_KEY: &str = "tightrope 2026 encryption of backup files v1";
const CONTEXT_FILE: &str = "tightrope 2026 encryption of one backup file v1";
const CONTEXT_ID: &str = "tightrope 2026 name of an encryption key v1";
const SALT: usize = 32;
const CHUNK: usize = 64 << 10;
const TAG: usize = 16;

/// A secret that backups are encrypted with.
#[derive(Clone)]
pub struct EncryptionKey([u8; 32]);

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncryptionKey(***)")
    }
}

impl EncryptionKey {
    /// The key that a secret text gives; white space around it plays no part. The text has to be long and random: it is not
    /// stretched, as a password would have to be.
    pub fn from_secret(secret: &str) -> Self {
        Self(blake3::derive_key(CONTEXT_KEY, secret.trim().as_bytes()))
    }

    /// The key's name, which says nothing about the key: a wrong one is told from a damaged file by it.
    pub fn id(&self) -> String {
        let name = blake3::derive_key(CONTEXT_ID, &self.0);
        hexadecimal(&name[..8])
    }

    fn of_file(&self, salt: &[u8]) -> io::Result<LessSafeKey> {
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT_FILE);
        hasher.update(&self.0).update(salt);
        let key = UnboundKey::new(&AES_256_GCM, hasher.finalize().as_bytes());
        key.map(LessSafeKey::new).map_err(io::Error::other)
    }
}

/// Random text that nobody else has.
pub(crate) fn random_text() -> String {
    let mut bytes = [0; 16];
    // Without a source of randomness nothing here can work; what is not random is still no secret.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    hexadecimal(&bytes)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The number of a chunk, and whether it is the last, as the nonce. With a key for each file no nonce comes twice.
fn nonce(number: u64, is_last: bool) -> Nonce {
    let mut bytes = [0; 12];
    bytes[3..11].copy_from_slice(&number.to_be_bytes());
    bytes[11] = u8::from(is_last);
    Nonce::assume_unique_for_key(bytes)
}

/// Encrypts a file into another, durably; gives what is stored. Tells how many bytes of the plain file went.
pub(crate) fn encrypt(
    key: &EncryptionKey,
    plain: &Path,
    sealed: &Path,
    path: &str,
    read: &mut dyn FnMut(u64),
) -> io::Result<FileDigest> {
    let mut salt = [0; SALT];
    aws_lc_rs::rand::fill(&mut salt).map_err(io::Error::other)?;
    let file_key = key.of_file(&salt)?;
    let mut from = BufReader::with_capacity(CHUNK, File::open(plain)?);
    let mut into = Digesting::new(File::create(sealed)?);
    into.write_all(MAGIC)?;
    into.write_all(&salt)?;
    let mut chunk = read_chunk(&mut from, CHUNK)?;
    for number in 0.. {
        let next = read_chunk(&mut from, CHUNK)?;
        read(chunk.len() as u64);
        let nonce = nonce(number, next.is_empty());
        file_key
            .seal_in_place_append_tag(nonce, Aad::empty(), &mut chunk)
            .map_err(io::Error::other)?;
        into.write_all(&chunk)?;
        if next.is_empty() {
            break;
        }
        chunk = next;
    }
    into.finish(path)
}

/// Decrypts a file into another.
///
/// # Errors
/// `InvalidData` if it is not what was encrypted with this key.
pub(crate) fn decrypt(key: &EncryptionKey, sealed: &Path, plain: &Path) -> io::Result<()> {
    let wrong = || io::Error::new(io::ErrorKind::InvalidData, "it is not of this key");
    let mut from = BufReader::with_capacity(CHUNK, File::open(sealed)?);
    let mut head = [0; MAGIC.len() + SALT];
    from.read_exact(&mut head).map_err(|_| wrong())?;
    if &head[..MAGIC.len()] != MAGIC {
        return Err(wrong());
    }
    let file_key = key.of_file(&head[MAGIC.len()..])?;
    let mut into = BufWriter::new(File::create(plain)?);
    let mut chunk = read_chunk(&mut from, CHUNK + TAG)?;
    for number in 0.. {
        let next = read_chunk(&mut from, CHUNK + TAG)?;
        let opened = file_key
            .open_in_place(nonce(number, next.is_empty()), Aad::empty(), &mut chunk)
            .map_err(|_| wrong())?;
        into.write_all(opened)?;
        if next.is_empty() {
            break;
        }
        chunk = next;
    }
    into.flush()
}

/// Reads so many bytes, or what is left.
fn read_chunk(from: &mut impl Read, bytes: usize) -> io::Result<Vec<u8>> {
    let mut chunk = Vec::with_capacity(bytes + TAG);
    from.take(bytes as u64).read_to_end(&mut chunk)?;
    Ok(chunk)
}

/// A file that is digested as it is written.
struct Digesting {
    file: BufWriter<File>,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl Digesting {
    fn new(file: File) -> Self {
        Self {
            file: BufWriter::new(file),
            hasher: blake3::Hasher::new(),
            bytes: 0,
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    fn finish(self, path: &str) -> io::Result<FileDigest> {
        let digest = digest_from(&self.hasher)?;
        let file = self.file.into_inner().map_err(io::Error::other)?;
        file.sync_all()?;
        Ok(FileDigest {
            path: path.to_owned(),
            bytes: self.bytes,
            digest,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn nothing(_: u64) {}

    #[test]
    fn what_is_encrypted_comes_back_with_the_key_and_with_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let key = EncryptionKey::from_secret("long and random");
        for bytes in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
            let plain: Vec<u8> = (0..bytes).map(|at| b"plain text"[at % 10]).collect();
            fs::write(at("plain"), &plain).unwrap();
            let stored =
                encrypt(&key, &at("plain"), &at("sealed"), "data/x", &mut nothing).unwrap();
            let sealed = fs::read(at("sealed")).unwrap();
            assert_eq!(stored.bytes, sealed.len() as u64);
            assert_eq!(stored.digest, tightrope_model::Digest::of(&sealed));
            assert!(!sealed.windows(10).any(|window| window == b"plain text"));
            decrypt(&key, &at("sealed"), &at("back")).unwrap();
            assert_eq!(fs::read(at("back")).unwrap(), plain, "{bytes}");
            let other = EncryptionKey::from_secret("another");
            assert!(decrypt(&other, &at("sealed"), &at("back")).is_err());
        }
    }

    #[test]
    fn chunks_cannot_be_changed_swapped_or_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let key = EncryptionKey::from_secret("long and random");
        fs::write(at("plain"), vec![7; 3 * CHUNK]).unwrap();
        encrypt(&key, &at("plain"), &at("sealed"), "x", &mut nothing).unwrap();
        let whole = fs::read(at("sealed")).unwrap();
        let (head, sealed_chunk) = (MAGIC.len() + SALT, CHUNK + TAG);
        let chunk = |number: usize| {
            whole[head + number * sealed_chunk..head + (number + 1) * sealed_chunk].to_vec()
        };
        let refused = |bytes: &[u8]| {
            fs::write(at("sealed"), bytes).unwrap();
            let error = decrypt(&key, &at("sealed"), &at("back")).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        };
        refused(&whole[..whole.len() - sealed_chunk]);
        refused(&whole[..whole.len() - 1]);
        refused(&whole[..head]);
        refused(&[&whole[..head], &chunk(1), &chunk(0), &chunk(2)].concat());
        for position in [0, head - 1, head, head + sealed_chunk, whole.len() - 1] {
            let mut flipped = whole.clone();
            flipped[position] ^= 1;
            refused(&flipped);
        }
    }

    #[test]
    fn a_key_is_told_by_a_name_that_says_nothing() {
        let (ours, theirs) = (
            EncryptionKey::from_secret("a"),
            EncryptionKey::from_secret("b"),
        );
        assert_eq!(ours.id(), EncryptionKey::from_secret(" a\n").id());
        assert_ne!(ours.id(), theirs.id());
        assert_eq!(format!("{ours:?}"), "EncryptionKey(***)");
    }
}
