//! What a statement is, by its first words: good for both dialects, and for what no parser knows yet.

use crate::statement::{Command, ObjectClass, StatementKind};

use super::cursor::Cursor;

/// The kind of the statement that the cursor stands before; the cursor is left after the words that were understood.
pub(super) fn kind(cursor: &mut Cursor<'_>) -> StatementKind {
    let start = cursor.clone();
    let kind = if cursor.eat("create") {
        create(cursor)
    } else if cursor.eat("alter") {
        class(cursor).map(StatementKind::Alter)
    } else if cursor.eat("drop") {
        drop(cursor)
    } else {
        command(cursor).map(StatementKind::Other)
    };
    kind.unwrap_or_else(|| {
        *cursor = start;
        StatementKind::Unknown
    })
}

const CREATE_MODIFIERS: &[&str] = &[
    "or replace",
    "temp",
    "temporary",
    "local",
    "global",
    "unlogged",
    "unique",
    "constraint",
    "trusted",
    "procedural",
    "recursive",
    "virtual",
    "default",
];

fn create(cursor: &mut Cursor<'_>) -> Option<StatementKind> {
    cursor.skip_words(CREATE_MODIFIERS);
    let class = class(cursor)?;
    if class == ObjectClass::Index && cursor.eat("concurrently") {
        return Some(StatementKind::Other(Command::CreateIndexConcurrently));
    }
    Some(StatementKind::Create(class))
}

fn drop(cursor: &mut Cursor<'_>) -> Option<StatementKind> {
    if cursor.eat("owned") {
        return Some(StatementKind::Other(Command::DropOwned));
    }
    cursor.skip_words(&["trusted", "procedural"]);
    let class = class(cursor)?;
    if class == ObjectClass::Index && cursor.eat("concurrently") {
        return Some(StatementKind::Other(Command::DropIndexConcurrently));
    }
    Some(StatementKind::Drop(class))
}

/// The classes by their words; a longer one stands before its own beginning.
const CLASSES: &[(&str, ObjectClass)] = &[
    ("access method", ObjectClass::AccessMethod),
    ("aggregate", ObjectClass::Aggregate),
    ("cast", ObjectClass::Cast),
    ("collation", ObjectClass::Collation),
    ("conversion", ObjectClass::Conversion),
    ("database", ObjectClass::Database),
    ("default privileges", ObjectClass::DefaultPrivileges),
    ("privileges", ObjectClass::DefaultPrivileges),
    ("domain", ObjectClass::Domain),
    ("event trigger", ObjectClass::EventTrigger),
    ("extension", ObjectClass::Extension),
    ("foreign data wrapper", ObjectClass::ForeignDataWrapper),
    ("foreign table", ObjectClass::ForeignTable),
    ("function", ObjectClass::Function),
    ("group", ObjectClass::Role),
    ("index", ObjectClass::Index),
    ("language", ObjectClass::Language),
    ("large object", ObjectClass::LargeObject),
    ("materialized view", ObjectClass::MaterializedView),
    ("operator class", ObjectClass::OperatorClass),
    ("operator family", ObjectClass::OperatorFamily),
    ("operator", ObjectClass::Operator),
    ("policy", ObjectClass::Policy),
    ("procedure", ObjectClass::Procedure),
    ("publication", ObjectClass::Publication),
    ("role", ObjectClass::Role),
    ("routine", ObjectClass::Routine),
    ("rule", ObjectClass::Rule),
    ("schema", ObjectClass::Schema),
    ("sequence", ObjectClass::Sequence),
    ("server", ObjectClass::Server),
    ("statistics", ObjectClass::Statistics),
    ("subscription", ObjectClass::Subscription),
    ("system", ObjectClass::System),
    ("table", ObjectClass::Table),
    ("tablespace", ObjectClass::Tablespace),
    (
        "text search configuration",
        ObjectClass::TextSearchConfiguration,
    ),
    ("text search dictionary", ObjectClass::TextSearchDictionary),
    ("text search parser", ObjectClass::TextSearchParser),
    ("text search template", ObjectClass::TextSearchTemplate),
    ("transform", ObjectClass::Transform),
    ("trigger", ObjectClass::Trigger),
    ("type", ObjectClass::Type),
    ("user mapping", ObjectClass::UserMapping),
    ("user", ObjectClass::Role),
    ("view", ObjectClass::View),
];

fn class(cursor: &mut Cursor<'_>) -> Option<ObjectClass> {
    CLASSES
        .iter()
        .find(|(words, _)| cursor.eat(words))
        .map(|&(_, class)| class)
}

/// The other statements by their words; a longer one stands before its own beginning.
const COMMANDS: &[(&str, Command)] = &[
    ("select", Command::Select),
    ("insert", Command::Insert),
    ("update", Command::Update),
    ("delete", Command::Delete),
    ("abort", Command::Rollback),
    ("analyse", Command::Analyze),
    ("analyze", Command::Analyze),
    ("attach", Command::Attach),
    ("begin", Command::Begin),
    ("call", Command::Call),
    ("checkpoint", Command::Checkpoint),
    ("close", Command::Close),
    ("cluster", Command::Cluster),
    ("comment", Command::Comment),
    ("commit prepared", Command::CommitPrepared),
    ("commit", Command::Commit),
    ("copy", Command::Copy),
    ("deallocate", Command::Deallocate),
    ("declare", Command::Declare),
    ("detach", Command::Detach),
    ("discard", Command::Discard),
    ("do", Command::Do),
    ("end", Command::Commit),
    ("execute", Command::Execute),
    ("explain", Command::Explain),
    ("fetch", Command::Fetch),
    ("move", Command::Fetch),
    ("grant", Command::Grant),
    ("import foreign schema", Command::ImportForeignSchema),
    ("listen", Command::Listen),
    ("load", Command::Load),
    ("lock", Command::Lock),
    ("merge", Command::Merge),
    ("notify", Command::Notify),
    ("pragma", Command::Pragma),
    ("prepare transaction", Command::PrepareTransaction),
    ("prepare", Command::Prepare),
    ("reassign owned", Command::ReassignOwned),
    (
        "refresh materialized view concurrently",
        Command::RefreshMaterializedViewConcurrently,
    ),
    (
        "refresh materialized view",
        Command::RefreshMaterializedView,
    ),
    ("release", Command::ReleaseSavepoint),
    ("replace", Command::Replace),
    ("reset", Command::Reset),
    ("revoke", Command::Revoke),
    ("rollback prepared", Command::RollbackPrepared),
    ("savepoint", Command::Savepoint),
    ("security label", Command::SecurityLabel),
    ("set", Command::Set),
    ("show", Command::Show),
    ("start transaction", Command::Begin),
    ("table", Command::Select),
    ("truncate", Command::Truncate),
    ("unlisten", Command::Unlisten),
    ("vacuum", Command::Vacuum),
    ("values", Command::Values),
];

fn command(cursor: &mut Cursor<'_>) -> Option<Command> {
    if let Some(&(_, command)) = COMMANDS.iter().find(|(words, _)| cursor.eat(words)) {
        return Some(command);
    }
    if cursor.eat("rollback") {
        cursor.skip_words(&["work", "transaction"]);
        return Some(match cursor.eat("to") {
            true => Command::RollbackToSavepoint,
            false => Command::Rollback,
        });
    }
    if cursor.eat("reindex") {
        let mut ahead = cursor.clone();
        ahead.eat_symbol("(");
        return Some(match ahead.holds("concurrently") {
            true => Command::ReindexConcurrently,
            false => Command::Reindex,
        });
    }
    if cursor.eat("with") {
        return with(cursor);
    }
    cursor.eat_symbol("(").then_some(Command::Select)
}

/// The statement after the common table expressions.
fn with(cursor: &mut Cursor<'_>) -> Option<Command> {
    const MAIN: &[(&str, Command)] = &[
        ("select", Command::Select),
        ("insert", Command::Insert),
        ("update", Command::Update),
        ("delete", Command::Delete),
        ("merge", Command::Merge),
        ("replace", Command::Replace),
        ("values", Command::Values),
        ("table", Command::Select),
    ];
    while !cursor.is_at_end() {
        if let Some(&(_, command)) = MAIN.iter().find(|(words, _)| cursor.eat(words)) {
            return Some(command);
        }
        if cursor.peek().is_some_and(|token| token.is_symbol("(")) {
            cursor.skip_parentheses();
        } else {
            cursor.next();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use tightrope_model::{EngineKind, Span};

    use super::super::cursor::significant;
    use super::*;

    fn check(sql: &str, expect: &str) {
        let span = Span {
            start: 0,
            end: sql.len(),
        };
        let dialect = EngineKind::Postgres;
        let tokens = significant(sql, span, dialect);
        let kind = kind(&mut Cursor::new(&tokens, dialect));
        assert_eq!(kind.to_string(), expect, "{sql}");
    }

    #[test]
    fn statements_are_known_by_their_first_words() {
        check("create table t (a int)", "create table");
        check("CREATE OR REPLACE TEMP VIEW v AS SELECT 1", "create view");
        check(
            "create unique index concurrently i on t (a)",
            "create index concurrently",
        );
        check("create /* x */ unlogged table t ()", "create table");
        check(
            "drop index concurrently if exists i",
            "drop index concurrently",
        );
        check(
            "create constraint trigger t after insert on x",
            "create trigger",
        );
        check(
            "alter default privileges grant all on tables to x",
            "alter default privileges",
        );
        check("drop user mapping for x server y", "drop user mapping");
        check("drop user x", "drop role");
        check("start transaction isolation level serializable", "begin");
        check("end", "commit");
        check("rollback to savepoint a", "rollback to savepoint");
        check("rollback work", "rollback");
        check(
            "with a as (select 1), b as (delete from t returning 1) update x set y = 1",
            "update",
        );
        check(
            "reindex (verbose) table concurrently t",
            "reindex concurrently",
        );
        check("(select 1) union (select 2)", "select");
        check("frobnicate the database", "unknown statement");
        check("create frobnication x", "unknown statement");
    }
}
