//! Foreign keys, away while changes are replayed: a cascade has been logged row by row.

use tightrope_engine::EngineError;
use tightrope_model::{TableName, Value};

use super::super::super::names;
use crate::quote::literal;
use crate::session::PostgresSession;

/// The keys that were taken away, as statements that make them again.
#[derive(Default)]
pub(super) struct ForeignKeys {
    again: Vec<String>,
}

impl ForeignKeys {
    /// Takes away the keys of a table and those that lead to it.
    pub(super) fn take_away(
        &mut self,
        session: &mut PostgresSession,
        table: &TableName,
    ) -> Result<(), EngineError> {
        let rows = session.query_own(
            &format!(
                "select k.conrelid::regclass::text, pg_catalog.quote_ident(k.conname), pg_catalog.pg_get_constraintdef(k.oid), \
                   pg_catalog.obj_description(k.oid, 'pg_constraint') \
                 from pg_catalog.pg_constraint k, (select array[t.oid] || array(select a.relid::oid \
                     from pg_catalog.pg_partition_ancestors(t.oid::regclass) a) as lines \
                   from (select pg_catalog.to_regclass({})::oid as oid) t) t \
                 where k.contype = 'f' and k.conparentid = 0 and (k.conrelid = any(t.lines) or k.confrelid = any(t.lines)) \
                 order by 1, 2",
                literal(&names::sql(table))
            ),
            &[],
        )?;
        for row in &rows {
            let text = |at: usize| row.get(at).and_then(Value::text).unwrap_or_default();
            let (of, name) = (text(0), text(1));
            session.execute_own(&format!("alter table {of} drop constraint {name}"))?;
            self.again.push(format!(
                "alter table {of} add constraint {name} {}",
                text(2)
            ));
            if let Some(comment) = row.get(3).and_then(Value::text) {
                self.again.push(format!(
                    "comment on constraint {name} on {of} is {}",
                    literal(comment)
                ));
            }
        }
        Ok(())
    }

    /// Makes them again, which checks every row.
    pub(super) fn make_again(self, session: &mut PostgresSession) -> Result<(), EngineError> {
        for statement in &self.again {
            session.execute_own(statement)?;
        }
        Ok(())
    }
}
