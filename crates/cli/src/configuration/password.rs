//! The password that a URL leaves out: from `PGPASSWORD`, as every PostgreSQL client takes it.

use tightrope_engine::DatabaseUrl;

/// The URL, with `PGPASSWORD` in it where it names a PostgreSQL server and holds no password itself.
pub(crate) fn with_password(url: &str) -> DatabaseUrl {
    match std::env::var("PGPASSWORD") {
        Ok(password) if !password.is_empty() && lacks_password(url) => {
            DatabaseUrl::new(add(url, &password))
        }
        _ => DatabaseUrl::new(url),
    }
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
