//! Whether a statement can run inside a transaction.

use crate::scan::TokenKind;
use crate::statement::{Command, ObjectClass, StatementKind, TransactionFit};

use super::cursor::{Cursor, literal};

const REFUSED: TransactionFit = TransactionFit::No {
    why: "cannot run inside a transaction",
};

/// PostgreSQL's answer; the cursor stands after the words of the kind.
pub(super) fn postgres(kind: StatementKind, cursor: &Cursor<'_>) -> TransactionFit {
    use ObjectClass as Class;
    let refused_if = |refused: bool| {
        if refused {
            REFUSED
        } else {
            TransactionFit::Yes
        }
    };
    match kind {
        StatementKind::Create(Class::Database | Class::Tablespace)
        | StatementKind::Drop(Class::Database | Class::Tablespace | Class::Subscription)
        | StatementKind::Alter(Class::System) => REFUSED,
        StatementKind::Alter(Class::Database) => refused_if(cursor.holds("set tablespace")),
        StatementKind::Alter(Class::Table) => {
            refused_if(cursor.holds("detach partition") && cursor.holds("concurrently"))
        }
        StatementKind::Alter(Class::Type) => enum_value(cursor),
        StatementKind::Create(Class::Subscription) => {
            refused_if(!option_is_off(cursor, &["create_slot", "connect"]))
        }
        StatementKind::Alter(Class::Subscription) => refused_if(
            cursor.holds("refresh publication")
                || (cursor.holds("publication") && !option_is_off(cursor, &["refresh"])),
        ),
        StatementKind::Other(command) => postgres_command(command, cursor),
        _ => TransactionFit::Yes,
    }
}

fn postgres_command(command: Command, cursor: &Cursor<'_>) -> TransactionFit {
    let refused_if = |refused: bool| {
        if refused {
            REFUSED
        } else {
            TransactionFit::Yes
        }
    };
    match command {
        Command::CreateIndexConcurrently
        | Command::DropIndexConcurrently
        | Command::ReindexConcurrently
        | Command::Vacuum
        | Command::CommitPrepared
        | Command::RollbackPrepared => REFUSED,
        Command::PrepareTransaction => TransactionFit::No {
            why: "ends the transaction that it stands in",
        },
        Command::Reindex => {
            let mut target = cursor.clone();
            target.skip_parentheses();
            refused_if(
                ["database", "system", "schema"]
                    .iter()
                    .any(|word| target.eat(word)),
            )
        }
        Command::Cluster => {
            let mut target = cursor.clone();
            target.eat("verbose");
            target.skip_parentheses();
            refused_if(target.is_at_end())
        }
        Command::Discard => refused_if(cursor.clone().eat("all")),
        Command::Call => TransactionFit::MayCommit,
        _ => TransactionFit::Yes,
    }
}

fn enum_value(cursor: &Cursor<'_>) -> TransactionFit {
    let mut cursor = cursor.clone();
    cursor.name();
    if !cursor.eat("add value") {
        return TransactionFit::Yes;
    }
    cursor.eat("if not exists");
    let value = cursor
        .next()
        .filter(|token| token.kind == TokenKind::String)
        .and_then(|token| literal(token.text));
    TransactionFit::EnumValue {
        value: value.unwrap_or_default(),
    }
}

/// Whether one of these options is switched off somewhere in parentheses ahead.
fn option_is_off(cursor: &Cursor<'_>, options: &[&str]) -> bool {
    let mut ahead = cursor.clone();
    while let Some(token) = ahead.next() {
        if options.iter().any(|option| token.is_word(option)) {
            let mut value = ahead.clone();
            value.eat_symbol("=");
            if value.eat("false") || value.eat("off") {
                return true;
            }
        }
    }
    false
}

/// SQLite's pragmas that do nothing, or are refused, inside a transaction.
const OUTSIDE_ONLY: &[&str] = &[
    "foreign_keys",
    "journal_mode",
    "synchronous",
    "page_size",
    "auto_vacuum",
    "temp_store",
    "temp_store_directory",
    "wal_checkpoint",
    "locking_mode",
];

/// SQLite's answer; the cursor stands after the words of the kind.
pub(super) fn sqlite(kind: StatementKind, cursor: &Cursor<'_>) -> TransactionFit {
    match kind {
        StatementKind::Other(Command::Vacuum) => REFUSED,
        StatementKind::Other(Command::Attach | Command::Detach) => TransactionFit::No {
            why: "may be refused inside a transaction",
        },
        StatementKind::Other(Command::Pragma) => {
            let name = cursor.clone().name().map(|name| name.name.to_lowercase());
            match name {
                Some(name) if OUTSIDE_ONLY.contains(&name.as_str()) => TransactionFit::No {
                    why: "has no effect inside a transaction",
                },
                _ => TransactionFit::Yes,
            }
        }
        _ => TransactionFit::Yes,
    }
}
