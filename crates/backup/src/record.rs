//! Records on disk: JSON, sealed over all of it, and signed where a key is given.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use serde::Serialize;
use tightrope_model::Digest;

/// What a signing key is derived with, so that the same secret signs nothing else.
const CONTEXT: &str = "tightrope 2026 signature of backup records v1";

/// A secret that records are signed with: a keyed BLAKE3 digest, which only who has the secret can make.
#[derive(Clone)]
pub struct SigningKey([u8; 32]);

impl SigningKey {
    /// The key that a secret text gives; white space around it plays no part.
    pub fn from_secret(secret: &str) -> Self {
        Self(blake3::derive_key(CONTEXT, secret.trim().as_bytes()))
    }

    /// The signature of a digest, as 64 hexadecimal digits.
    pub fn sign(&self, digest: &Digest) -> String {
        blake3::keyed_hash(&self.0, digest.to_string().as_bytes())
            .to_hex()
            .to_string()
    }

    /// Whether a signature is that of this key.
    pub fn verifies(&self, digest: &Digest, signature: &str) -> bool {
        // Compared as hashes, which takes the same time wherever they differ.
        blake3::Hash::from_hex(signature)
            .is_ok_and(|found| found == blake3::keyed_hash(&self.0, digest.to_string().as_bytes()))
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(***)")
    }
}

/// A record with a seal over all the rest of it, and a signature.
pub(crate) trait Sealed: Serialize {
    /// Its seal and signature.
    fn marks(&self) -> (Option<Digest>, Option<&str>);

    /// Puts both on it.
    fn mark(&mut self, seal: Digest, signature: Option<String>);
}

/// What is wrong with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not to the letter what was sealed.
    Edited,
    /// A key is given, and it is not signed.
    Unsigned,
    /// A key is given, and the signature is not of this key.
    Forged,
}

/// The same record, sealed, and signed where a key is given.
pub(crate) fn sealed<T: Sealed>(mut record: T, key: Option<&SigningKey>) -> T {
    let seal = seal_of(&record);
    let signature = key.map(|key| key.sign(&seal));
    record.mark(seal, signature);
    record
}

/// Checks a record against the text that it was read from: to the letter, for also what reading would pass over is a change.
pub(crate) fn check<T: Sealed>(
    record: &T,
    text: &str,
    key: Option<&SigningKey>,
) -> Result<(), Fault> {
    let seal = seal_of(record);
    let (marked, signature) = record.marks();
    if marked != Some(seal) || to_text(record) != text {
        return Err(Fault::Edited);
    }
    match (key, signature) {
        (Some(_), None) => Err(Fault::Unsigned),
        (Some(key), Some(signature)) if !key.verifies(&seal, signature) => Err(Fault::Forged),
        _ => Ok(()),
    }
}

/// The digest over a record without its seal and signature, by its text.
fn seal_of<T: Serialize>(record: &T) -> Digest {
    let mut value = serde_json::to_value(record).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.remove("seal");
        fields.remove("signature");
    }
    Digest::of(value.to_string())
}

/// The file's text: readable JSON with a newline at its end.
pub(crate) fn to_text<T: Serialize>(record: &T) -> String {
    let mut text = serde_json::to_string_pretty(record).unwrap_or_default();
    text.push('\n');
    text
}

/// Writes a file durably: under another name first, so that the name never stands for a half.
pub(crate) fn write_durably(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let part = folder.join(format!(".{name}.part"));
    let mut file = File::create(&part)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&part, path)?;
    sync_folder(folder)
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_of_one_key_and_one_digest() {
        let (ours, theirs) = (
            SigningKey::from_secret("geheim\n"),
            SigningKey::from_secret("other"),
        );
        let digest = Digest::of("x");
        let signature = ours.sign(&digest);
        assert!(SigningKey::from_secret("geheim").verifies(&digest, &signature));
        assert!(!theirs.verifies(&digest, &signature));
        assert!(!ours.verifies(&Digest::of("y"), &signature));
        assert!(!ours.verifies(&digest, "nonsense"));
        assert!(!format!("{ours:?}").contains("geheim"));
    }
}
