//! Half effects: what a statement that cannot be in a transaction leaves behind when it is cut off.
//!
//! PostgreSQL builds and drops indexes concurrently in several transactions of its own; cut off between them, an index stays
//! that is there and not valid. Each kind of statement has its own half; all of them are cleared so that the statement can
//! simply run again.

use tightrope_engine::{EngineError, RunStatement, Session};
use tightrope_model::{ObjectId, ObjectKind};
use tightrope_script::{Command, NamedObject, ObjectClass, Statement, StatementKind, Step};

use crate::execute::Ready;

/// Clears away half the effect of the statement that stands alone in a step. True if it has to run (again): its effect is not
/// whole.
pub(crate) fn clear(
    session: &mut dyn Session,
    ready: &Ready<'_>,
    step: &Step,
) -> Result<bool, EngineError> {
    let statement = &ready.parsed.statements[step.statements.start];
    match statement.kind {
        StatementKind::Other(Command::CreateIndexConcurrently) => {
            let mut cleared = false;
            for index in indexes(statement) {
                if session.index_validity(index.schema.as_deref(), &index.name)? == Some(false) {
                    let schema = index
                        .schema
                        .iter()
                        .map(|schema| format!("{}.", session.quote(schema)));
                    let name = schema
                        .chain([session.quote(&index.name)])
                        .collect::<String>();
                    drop_index(session, &name)?;
                    cleared = true;
                }
            }
            Ok(cleared)
        }
        // What is left of the index is invalid, and the same statement drops it.
        StatementKind::Other(Command::DropIndexConcurrently) => {
            for index in indexes(statement) {
                if session
                    .index_validity(index.schema.as_deref(), &index.name)?
                    .is_some()
                {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        StatementKind::Other(Command::ReindexConcurrently) => {
            let leftovers = shadow_indexes(session)?;
            for name in &leftovers {
                drop_index(session, name)?;
            }
            Ok(!leftovers.is_empty())
        }
        _ => Ok(false),
    }
}

fn indexes(statement: &Statement) -> impl Iterator<Item = &NamedObject> {
    statement
        .objects
        .iter()
        .filter(|object| object.class == ObjectClass::Index)
}

fn drop_index(session: &mut dyn Session, name: &str) -> Result<(), EngineError> {
    let sql = format!("drop index concurrently {name}");
    session
        .run(RunStatement {
            sql: &sql,
            copy_data: None,
        })
        .map(drop)
}

/// The invalid copies that `REINDEX CONCURRENTLY` works on, quoted: PostgreSQL names them `…_ccnew` and `…_ccold`, with a number
/// where the name is taken (documentation of REINDEX, "Rebuilding Indexes Concurrently").
fn shadow_indexes(session: &mut dyn Session) -> Result<Vec<String>, EngineError> {
    let catalog = session.catalog()?;
    let mut found = Vec::new();
    for object in catalog
        .objects()
        .filter(|object| object.id.kind == ObjectKind::Index)
    {
        let is_shadow = |name: &String| {
            let name = name.trim_end_matches(|character: char| character.is_ascii_digit());
            name.ends_with("_ccnew") || name.ends_with("_ccold")
        };
        let ObjectId { path, .. } = &object.id;
        if path.last().is_some_and(is_shadow)
            && let [schema, .., name] = path.as_slice()
            && session.index_validity(Some(schema), name)? == Some(false)
        {
            found.push(format!("{}.{}", session.quote(schema), session.quote(name)));
        }
    }
    Ok(found)
}
