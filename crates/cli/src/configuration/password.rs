//! The password that a URL leaves out: from `PGPASSWORD` or a password file, as every PostgreSQL client takes it.

use std::path::{Path, PathBuf};

use tightrope_engine::DatabaseUrl;

use super::password_file::{self, Login};

/// The URL, with a password in it where it names a PostgreSQL server and holds none itself.
pub(crate) fn with_password(url: &str) -> DatabaseUrl {
    if !lacks_password(url) {
        return DatabaseUrl::new(url);
    }
    let password = std::env::var("PGPASSWORD")
        .ok()
        .filter(|password| !password.is_empty());
    match password.or_else(|| from_file(url)) {
        Some(password) => DatabaseUrl::new(add(url, &password)),
        None => DatabaseUrl::new(url),
    }
}

/// `PGPASSFILE`, else `~/.pgpass`; a file that others may read is passed over, as libpq does.
fn from_file(url: &str) -> Option<String> {
    let path = match std::env::var_os("PGPASSFILE") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(std::env::var_os("HOME")?).join(".pgpass"),
    };
    if !is_private(&path) {
        return None;
    }
    let text = std::fs::read_to_string(&path).ok()?;
    password_file::find(&text, &Login::of(url, &crate::holder::user())?)
}

fn is_private(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path)
        .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o077 == 0)
}

fn lacks_password(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else {
        return false;
    };
    if !["postgres", "postgresql"].contains(&scheme) {
        return false;
    }
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let user = place.rsplit_once('@').map_or("", |(user, _)| user);
    !user.contains(':')
        && !query
            .split('&')
            .any(|parameter| parameter.starts_with("password="))
}

fn add(url: &str, password: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}password={}", percent_encoded(password))
}

fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_server_without_a_password_lacks_one() {
        let check = |url, expect| assert_eq!(lacks_password(url), expect, "{url}");
        check("postgres://me@host/shop", true);
        check("postgresql://host:5432/shop?sslmode=require", true);
        check("postgres://me:secret@host/shop", false);
        check("postgres://host/shop?password=x", false);
        check("sqlite://shop.db", false);
        check("shop.db", false);
    }

    #[test]
    fn a_password_is_encoded_and_stays_hidden() {
        let url = add("postgres://me@host/shop", "p&s=ñ %");
        assert_eq!(url, "postgres://me@host/shop?password=p%26s%3D%C3%B1%20%25");
        assert_eq!(
            DatabaseUrl::new(url).to_string(),
            "postgres://me@host/shop?password=***"
        );
    }
}
