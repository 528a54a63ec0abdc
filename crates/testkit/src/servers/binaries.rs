use std::env;
use std::path::{Path, PathBuf};

use anyhow::bail;

/// The folder with the `postgres` and `initdb` of that major: Debian's, else what `./dev servers` has installed.
///
/// # Errors
/// When it is not installed; the message says how to change that.
pub fn bin_dir(major: u32) -> anyhow::Result<PathBuf> {
    let candidates = [
        debian(major),
        installed().join(format!("node_modules/postgres-{major}/native/bin")),
    ];
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
    let debian = (major..=major + 10).map(debian);
    debian
        .chain(
            [installed().join("clients/bin")]
                .into_iter()
                .filter(|_| major <= 18),
        )
        .find(|folder| folder.join("pg_dump").exists())
}

fn debian(major: u32) -> PathBuf {
    Path::new("/usr/lib/postgresql")
        .join(major.to_string())
        .join("bin")
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
