//! What a URL says, in the driver's terms and ours.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use postgres::config::SslMode;
use tightrope_engine::{DatabaseUrl, EngineError, ErrorKind};

use crate::error;

/// How far the server's certificate is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verify {
    /// No TLS at all.
    NoTls,
    /// TLS against eavesdroppers only.
    Nothing,
    /// The certificate comes from an authority that we trust.
    Authority,
    /// It does, and it names the host.
    Full,
}

/// What the URL says about TLS.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    pub(crate) verify: Verify,
    pub(crate) root: Option<PathBuf>,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
}

/// A URL understood.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) config: tokio_postgres::Config,
    pub(crate) tls: Tls,
}

/// A URL cut in three.
pub(crate) struct UrlParts<'a> {
    /// Scheme, user and password, up to and with the `@`.
    pub(crate) user: String,
    /// Host, port and database.
    pub(crate) place: &'a str,
    /// What stands after the question mark.
    pub(crate) query: &'a str,
}

impl<'a> UrlParts<'a> {
    /// The last `@` ends the user's part, as where a URL is redacted: an `@` before it is of the password, and is encoded so
    /// that the driver does not take the password's rest for a host.
    pub(crate) fn of(url: &'a str) -> Self {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (scheme, rest) = base
            .find("://")
            .map_or(("", base), |at| base.split_at(at + 3));
        match rest.rsplit_once('@') {
            Some((user, place)) if user.contains(':') || !user.contains('/') => Self {
                user: format!("{scheme}{}@", user.replace('@', "%40")),
                place,
                query,
            },
            _ => Self {
                user: scheme.to_owned(),
                place: rest,
                query,
            },
        }
    }
}

/// The parameters that the driver understands by itself.
const DRIVERS: &[&str] = &[
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "load_balance_hosts",
    "options",
    "password",
    "port",
    "sslnegotiation",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

impl Target {
    /// Understands a URL; every parameter is honoured or refused by name, none is passed over.
    pub(crate) fn parse(url: &DatabaseUrl) -> Result<Self, EngineError> {
        let UrlParts { user, place, query } = UrlParts::of(url.secret());
        let base = format!("{user}{place}");
        let mut drivers = Vec::new();
        let mut mode = String::from("prefer");
        let mut tls = Tls {
            verify: Verify::Nothing,
            root: None,
            certificate: None,
            key: None,
        };
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter
                .split_once('=')
                .ok_or_else(|| bad(format!("parameter {parameter:?} of the URL has no value")))?;
            match name {
                "sslmode" => mode = value.to_owned(),
                "sslrootcert" => tls.root = path(value)?,
                "sslcert" => tls.certificate = path(value)?,
                "sslkey" => tls.key = path(value)?,
                _ if DRIVERS.contains(&name) => drivers.push(parameter),
                _ => {
                    return Err(
                        bad(format!("parameter {name:?} of the URL is not supported")).hint(
                            format!(
                                "supported are sslmode, sslrootcert, sslcert, sslkey, {}",
                                DRIVERS.join(", ")
                            ),
                        ),
                    );
                }
            }
        }
        let base = match drivers.is_empty() {
            true => base,
            false => format!("{base}?{}", drivers.join("&")),
        };
        let mut config = tokio_postgres::Config::from_str(&base).map_err(|error| {
            bad(format!(
                "the URL cannot be understood: {}",
                error::chain(&error)
            ))
        })?;
        let (ssl_mode, verify) = modes(&mode, tls.root.is_some())?;
        config.ssl_mode(ssl_mode);
        tls.verify = verify;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            config.host("localhost");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        Ok(Self { config, tls })
    }

    /// The same place with another database.
    pub(crate) fn with_database(&self, name: &str) -> Self {
        let mut other = self.clone();
        other.config.dbname(name);
        other
    }

    /// The database's name: the user's, if the URL gives none.
    pub(crate) fn database(&self) -> &str {
        self.config
            .get_dbname()
            .or_else(|| self.config.get_user())
            .unwrap_or("postgres")
    }
}

/// The driver's mode and how far we check. As in libpq, `require` checks the authority once a root certificate is named.
fn modes(mode: &str, has_root: bool) -> Result<(SslMode, Verify), EngineError> {
    Ok(match mode {
        "disable" => (SslMode::Disable, Verify::NoTls),
        "allow" | "prefer" => (SslMode::Prefer, Verify::Nothing),
        "require" if has_root => (SslMode::Require, Verify::Authority),
        "require" => (SslMode::Require, Verify::Nothing),
        "verify-ca" => (SslMode::Require, Verify::Authority),
        "verify-full" => (SslMode::Require, Verify::Full),
        other => {
            return Err(bad(format!("sslmode {other:?} of the URL is not known"))
                .hint("use disable, allow, prefer, require, verify-ca or verify-full"));
        }
    })
}

fn bad(message: String) -> EngineError {
    EngineError::new(ErrorKind::BadUrl, message)
}

/// A path from its percent-encoded form; `system` (the system's own authorities) is none.
fn path(value: &str) -> Result<Option<PathBuf>, EngineError> {
    if value == "system" {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits: Vec<u8> = rest.by_ref().take(2).collect();
        let byte = std::str::from_utf8(&digits)
            .ok()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            .ok_or_else(|| {
                bad(format!(
                    "{value:?} in the URL is not percent-encoded rightly"
                ))
            })?;
        bytes.push(byte);
    }
    let text =
        String::from_utf8(bytes).map_err(|_| bad(format!("{value:?} in the URL is not UTF-8")))?;
    Ok(Some(PathBuf::from(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Target, EngineError> {
        Target::parse(&DatabaseUrl::new(url))
    }

    #[test]
    fn modes_are_as_in_libpq() {
        let check = |url: &str, expect: Verify| {
            assert_eq!(parse(url).unwrap().tls.verify, expect, "{url}");
        };
        check("postgres://h/d", Verify::Nothing);
        check("postgres://h/d?sslmode=disable", Verify::NoTls);
        check("postgres://h/d?sslmode=require", Verify::Nothing);
        check(
            "postgres://h/d?sslmode=require&sslrootcert=/a%20b",
            Verify::Authority,
        );
        check("postgres://h/d?sslmode=verify-full", Verify::Full);
    }

    #[test]
    fn what_is_not_supported_is_named_and_secrets_are_not() {
        let check = |url: &str, expect: &str| {
            let error = parse(url).unwrap_err();
            assert_eq!(error.kind, ErrorKind::BadUrl);
            assert!(error.message.contains(expect), "{}", error.message);
            let all = format!("{error:?}");
            assert!(!all.contains("secret"), "{all}");
        };
        check("postgres://me:secret@h/d?gssencmode=disable", "gssencmode");
        check("postgres://me:secret@h/d?sslmode=maybe", "maybe");
        check("postgres://me:secret@h:port/d", "port");
        check(
            "postgres://me:secret@h/d?connect_timeout=soon",
            "connect_timeout",
        );
    }

    #[test]
    fn the_driver_gets_what_is_its_own() {
        let target =
            parse("postgres://me:p%40ss@/shop?host=/run/pg&port=6000&sslmode=disable").unwrap();
        assert_eq!(target.config.get_password(), Some(&b"p@ss"[..]));
        assert_eq!(target.database(), "shop");
        assert_eq!(super::super::place(&target.config), "/run/pg:6000");
        assert_eq!(target.with_database("other").database(), "other");
        let target = parse("postgres://me:p@ss/@h/shop").unwrap();
        assert_eq!(target.config.get_password(), Some(&b"p@ss/"[..]));
        assert_eq!(super::super::place(&target.config), "h:5432");
    }
}
