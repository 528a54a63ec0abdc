//! The classifier: what a statement is, what it names, locks and destroys, and whether it fits into a transaction.
//!
//! Kind and transaction fit come from the words alone, so that they are known for every statement of either dialect. The rest
//! comes from a syntax tree where there is one.

mod cursor;
mod fit;
mod head;

use tightrope_model::{EngineKind, Span};

use crate::statement::Statement;

use cursor::{Cursor, significant};

/// Classifies the statement that stands in that part of a text.
pub(crate) fn classify(text: &str, span: Span, dialect: EngineKind) -> Statement {
    let tokens = significant(text, span, dialect);
    let mut cursor = Cursor::new(&tokens, dialect);
    let kind = head::kind(&mut cursor);
    let runs_in_transaction = match dialect {
        EngineKind::Postgres => fit::postgres(kind, &cursor),
        EngineKind::Sqlite => fit::sqlite(kind, &cursor),
    };
    Statement {
        span,
        kind,
        objects: Vec::new(),
        runs_in_transaction,
        locks: Vec::new(),
        destroys: Vec::new(),
        copy_data: None,
        raises: false,
    }
}
