//! Turns the driver's errors into [`EngineError`]s: kind, position in bytes, detail, hint.

use std::error::Error as _;
use std::io;

use postgres::error::{DbError, ErrorPosition};
use tightrope_engine::{EngineError, ErrorKind};

use crate::sqlstate;

/// The SQLSTATE of an `EXECUTE` whose statement somebody has deallocated.
pub(crate) const NO_SUCH_PREPARED_STATEMENT: &str = "26000";

/// The error of a statement; `sql` is what the server's position counts in.
pub(crate) fn of_statement(error: &postgres::Error, sql: &str) -> EngineError {
    match error.as_db_error() {
        Some(server) => of_server(server, Some(sql)),
        None => of_connection(error),
    }
}

/// The error of one of our own batches, where a position would mean nothing to anybody.
pub(crate) fn of_own(error: &postgres::Error) -> EngineError {
    match error.as_db_error() {
        Some(server) => of_server(server, None),
        None => of_connection(error),
    }
}

fn of_server(error: &DbError, sql: Option<&str>) -> EngineError {
    let code = error.code().code();
    let mut detail: Vec<String> = error.detail().map(str::to_owned).into_iter().collect();
    let mut position = None;
    match error.position() {
        Some(ErrorPosition::Original(characters)) => {
            position = sql.and_then(|sql| byte_offset(sql, *characters));
        }
        Some(ErrorPosition::Internal { query, .. }) => {
            detail.push(format!("in the query: {query}"))
        }
        None => {}
    }
    detail.extend(error.where_().map(str::to_owned));
    EngineError {
        detail: (!detail.is_empty()).then(|| detail.join("\n")),
        hint: error.hint().map(str::to_owned).or_else(|| hint_for(code)),
        code: Some(code.to_owned()),
        position,
        ..EngineError::new(kind_of(code, error.message()), error.message())
    }
}

/// Functions that describe objects look at the newest state, not at the statement's: what somebody else has dropped since
/// the statement began is an internal error to them, whose text is never translated. The next look does not meet it.
fn kind_of(code: &str, message: &str) -> ErrorKind {
    let vanished = [
        "could not open relation with OID",
        "cache lookup failed for",
    ];
    if code == "XX000" && vanished.iter().any(|start| message.starts_with(start)) {
        return ErrorKind::Transient;
    }
    sqlstate::kind(code)
}

fn hint_for(code: &str) -> Option<String> {
    let hint = match code {
        "25001" => "run it outside a transaction",
        "40P01" | "40001" => "the same may succeed when it is run again",
        "53100" => "free disk space on the server",
        "53300" => "the server has no free connection: close some, or raise max_connections",
        "57P03" => "the server is starting up or shutting down: try again in a moment",
        _ => return None,
    };
    Some(hint.to_owned())
}

/// The server counts characters from 1; an editor and our scripts count bytes from 0.
fn byte_offset(sql: &str, characters: u32) -> Option<usize> {
    let before = usize::try_from(characters).ok()?.checked_sub(1)?;
    sql.char_indices()
        .map(|(offset, _)| offset)
        .chain([sql.len()])
        .nth(before)
}

/// An error without an answer of the server: the connection broke, or the driver could not read what came.
fn of_connection(error: &postgres::Error) -> EngineError {
    let broken = error.is_closed() || io_error(error).is_some();
    if broken {
        return EngineError::new(
            ErrorKind::ConnectionLost,
            "the connection to the server broke",
        )
        .detail(chain(error))
        .hint("what was not committed is undone by the server; see `tightrope status`");
    }
    EngineError::new(ErrorKind::Other, chain(error))
}

/// The input or output error behind a driver error.
pub(crate) fn io_error(error: &postgres::Error) -> Option<&io::Error> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return Some(io);
        }
        source = error.source();
    }
    None
}

/// An error and all that is behind it in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let next = error.to_string();
        if !line.contains(&next) {
            line.push_str(": ");
            line.push_str(&next);
        }
        source = error.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_become_byte_offsets() {
        let sql = "select 'ñ', x";
        assert_eq!(byte_offset(sql, 13), sql.find('x'));
        assert_eq!(byte_offset(sql, 1), Some(0));
        assert_eq!(byte_offset(sql, 14), Some(sql.len()));
        assert_eq!(byte_offset(sql, 99), None);
        assert_eq!(byte_offset(sql, 0), None);
    }
}
