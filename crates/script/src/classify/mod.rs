//! The classifier: what a statement is, what it names, locks and destroys, and whether it fits into a transaction.
//!
//! Most of it comes from the words alone, so that it is known for every statement of either dialect, also for what no parser
//! knows yet. A syntax tree adds what words cannot tell, where there is one.

mod alter_table;
mod cluster;
mod cursor;
mod data;
mod do_block;
mod fit;
mod head;
mod locks;
mod names;
mod tree;

#[cfg(test)]
mod tests;

use tightrope_model::{EngineKind, Span};

use crate::statement::{Command, Statement};

use cursor::{Cursor, significant};

pub(crate) use tree::syntax_error;

/// Classifies the statement that stands in that part of a text.
pub(crate) fn classify(text: &str, span: Span, dialect: EngineKind) -> Statement {
    classify_at(text, span, dialect, 0)
}

/// Classifies a statement inside so many `DO` blocks.
fn classify_at(text: &str, span: Span, dialect: EngineKind, depth: usize) -> Statement {
    let tokens = significant(text, span, dialect);
    let whole = Cursor::new(&tokens, dialect);
    let mut cursor = whole.clone();
    let kind = head::kind(&mut cursor);
    let objects = names::objects(kind, &whole, &cursor, dialect);
    let mut statement = Statement {
        span,
        kind,
        destroys: data::destroys(kind, &cursor, &objects),
        objects,
        runs_in_transaction: match dialect {
            EngineKind::Postgres => fit::postgres(kind, &cursor),
            EngineKind::Sqlite => fit::sqlite(kind, &cursor),
        },
        locks: Vec::new(),
        long_locks: Vec::new(),
        copy_data: None,
        raises: false,
        triggers_off: Vec::new(),
        cluster_wide: Vec::new(),
    };
    if dialect == EngineKind::Postgres {
        statement.locks = locks::locks(kind, &cursor, &statement.objects);
        statement.long_locks = locks::long_locks(kind, &statement.locks, span);
        tree::refine(&mut statement, text, &tokens);
        let known = cluster::Known {
            kind,
            cursor,
            objects: &statement.objects,
            span,
            is_whole: &|_| true,
        };
        statement.cluster_wide = cluster::postgres(&known).into_iter().collect();
        if kind.is(Command::Do) {
            do_block::refine(&mut statement, text, &tokens, depth);
        }
    }
    statement
}
