//! Preparing: the question to the server whether it still understands a query, without running it.

use tightrope_engine::{EngineError, ErrorKind, Session};
use tightrope_model::Place;
use tightrope_workload::{Query, variants};

use super::report::{QueryFailure, QueryName};

/// Prepares a query in each of these ways until one works; gives its number, or the first error that says what is wrong with the query.
pub(super) fn prepare(
    session: &mut dyn Session,
    texts: &[String],
) -> Result<Result<usize, (EngineError, String)>, EngineError> {
    let mut first = None;
    for (number, text) in texts.iter().enumerate() {
        let queries = session.queries().ok_or_else(cannot)?;
        match queries.prepare(text) {
            Ok(()) => return Ok(Ok(number)),
            Err(error) if error.kind.is_fatal() => return Err(error),
            Err(error) => {
                let is_about_types = error
                    .code
                    .as_deref()
                    .is_some_and(|code| UNTYPED.contains(&code));
                first.get_or_insert((error, text.clone()));
                if number == 0 && !is_about_types {
                    break;
                }
            }
        }
    }
    first.map_or_else(|| Err(cannot()), |failure| Ok(Err(failure)))
}

/// What the server says where it cannot tell the types of parameters: ambiguous function, indeterminate type, and operators that are not
/// unique or not there for unknown types.
const UNTYPED: [&str; 4] = ["42725", "42P18", "42883", "42804"];

/// The ways to prepare a query.
pub(super) fn ways(query: &Query, session: &dyn Session) -> Vec<String> {
    variants(&query.sql, session.server().engine)
}

pub(super) fn cannot() -> EngineError {
    EngineError::new(ErrorKind::Unsupported, "this engine cannot try queries")
}

/// A failure of a query as it is reported: with the line that the server means.
pub(super) fn failure(query: &Query, error: &EngineError, text: &str) -> QueryFailure {
    let place = error.position.map(|at| Place::at("", text, at));
    let line = place
        .as_ref()
        .and_then(|place| text.lines().nth(place.line - 1));
    QueryFailure {
        query: QueryName::of(query),
        message: error.message.clone(),
        // A detail may hold the values of a row.
        hint: error.hint.clone(),
        code: error.code.clone(),
        line: line.map(str::to_owned),
        at: place.map(|place| (place.line, place.column)),
    }
}
