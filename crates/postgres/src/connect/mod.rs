//! Opens a connection: what a URL says, TLS, and clear errors where it fails.

mod parameters;
mod tls;

use std::io;
use std::sync::{Arc, Mutex};

use postgres::Client;
use postgres::config::Host;
use postgres::error::DbError;
use tightrope_engine::{EngineError, ErrorKind};

use crate::error;

pub(crate) use parameters::{Target, UrlParts, Verify};

/// Notices of the server as they came in, for whoever asks next.
pub(crate) type Notices = Arc<Mutex<Vec<String>>>;

/// An open connection and what comes with it.
pub(crate) struct Connected {
    pub(crate) client: Client,
    pub(crate) notices: Notices,
}

/// Connects to what the URL names.
pub(crate) fn open(target: &Target, application_name: &str) -> Result<Connected, EngineError> {
    let notices = Notices::default();
    let sink = Arc::clone(&notices);
    let mut config = postgres::Config::from(target.config.clone());
    if config.get_application_name().is_none() {
        config.application_name(application_name);
    }
    config.notice_callback(move |notice| {
        if let Ok(mut notices) = sink.lock() {
            notices.push(notice_text(&notice));
        }
    });
    let result = match tls::connector(&target.tls)? {
        Some(connector) => config.connect(connector),
        None => config.connect(postgres::NoTls),
    };
    match result {
        Ok(client) => Ok(Connected { client, notices }),
        Err(error) => Err(explain(&error, target)),
    }
}

fn notice_text(notice: &DbError) -> String {
    let mut text = format!("{}: {}", notice.severity().to_lowercase(), notice.message());
    if let Some(hint) = notice.hint() {
        text.push_str(" (hint: ");
        text.push_str(hint);
        text.push(')');
    }
    text
}

fn explain(error: &postgres::Error, target: &Target) -> EngineError {
    let place = place(&target.config);
    if error.as_db_error().is_some() {
        let told = error::of_own(error);
        return match told.kind {
            ErrorKind::DatabaseMissing => told.hint(format!(
                "create it on {place}, or correct its name in the URL"
            )),
            ErrorKind::AuthenticationFailed => told.hint(format!(
                "check the user and the password for {place}, and the server's pg_hba.conf"
            )),
            ErrorKind::ConnectionLost => EngineError {
                kind: ErrorKind::Unreachable,
                ..told
            },
            _ => told,
        };
    }
    let text = error::chain(error);
    if text.contains("password missing") {
        return EngineError::new(
            ErrorKind::AuthenticationFailed,
            format!("{place} asks for a password and the URL holds none"),
        )
        .hint("give the password with the URL, from the environment or from a file");
    }
    if text.contains("invalid peer certificate") || text.contains("InvalidCertificate") {
        return EngineError::new(ErrorKind::AuthenticationFailed, format!("the certificate of {place} was refused"))
            .detail(text)
            .hint("give the authority's certificate with sslrootcert=FILE, or use sslmode=require to do without the check");
    }
    if text.contains("TLS") {
        return EngineError::new(ErrorKind::Unreachable, format!("no TLS connection to {place} could be made"))
            .detail(text)
            .hint("the server may not offer TLS: use sslmode=prefer or sslmode=disable if that is acceptable");
    }
    match error::io_error(error).map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound) => EngineError::new(
            ErrorKind::Unreachable,
            format!("no server answers at {place}"),
        )
        .detail(text)
        .hint("is it running, and does it listen there?"),
        Some(io::ErrorKind::TimedOut) => EngineError::new(
            ErrorKind::Unreachable,
            format!("{place} did not answer in time"),
        )
        .detail(text)
        .hint("is the host right, and does a firewall let the connection through?"),
        _ => EngineError::new(
            ErrorKind::Unreachable,
            format!("no connection to {place} could be made"),
        )
        .detail(text)
        .hint("check host and port of the URL"),
    }
}

/// `host:port`, for people.
pub(crate) fn place(config: &tokio_postgres::Config) -> String {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        #[cfg(unix)]
        Some(Host::Unix(path)) => path.display().to_string(),
        None => config
            .get_hostaddrs()
            .first()
            .map_or_else(|| "localhost".to_owned(), ToString::to_string),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    format!("{host}:{port}")
}
