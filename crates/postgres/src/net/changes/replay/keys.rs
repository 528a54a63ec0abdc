//! Foreign keys, away while changes are replayed: a cascade has been logged row by row.

use tightrope_engine::EngineError;
use tightrope_model::{TableName, Value};

use super::super::super::names;
use crate::quote::literal;
use crate::session::PostgresSession;

/// What the server says where a row refers to none.
const NO_SUCH_ROW: &str = "23503";

/// The keys that were taken away.
#[derive(Default)]
pub(super) struct ForeignKeys {
    keys: Vec<Key>,
}

struct Key {
    /// The table that has it.
    of: TableName,
    /// Statements that make it again.
    again: Vec<String>,
    /// Takes out the rows that refer to none, and gives them. None where the key has never been checked.
    orphans: Option<String>,
}

/// A row that had to go, because what it refers to is not there.
pub(super) struct Orphan {
    pub(super) table: TableName,
    pub(super) row: String,
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
                   pg_catalog.obj_description(k.oid, 'pg_constraint'), n.nspname::text, c.relname::text, \
                   case when k.convalidated then pg_catalog.format('delete from %s c where not (%s) and not exists (select from %s p where %s) \
                     returning c::text', k.conrelid::regclass, e.missing, k.confrelid::regclass, e.equal) end \
                 from pg_catalog.pg_constraint k \
                 join pg_catalog.pg_class c on c.oid = k.conrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace, \
                 lateral (select \
                     pg_catalog.string_agg(pg_catalog.format('p.%I operator(%I.%s) c.%I', p.attname, s.nspname, o.oprname, a.attname), ' and ') as equal, \
                     pg_catalog.string_agg(pg_catalog.format('c.%I is null', a.attname), case k.confmatchtype when 'f' then ' and ' else ' or ' end) as missing \
                   from rows from (unnest(k.conkey), unnest(k.confkey), unnest(k.conpfeqop)) u(mine, theirs, equals) \
                   join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.mine \
                   join pg_catalog.pg_attribute p on p.attrelid = k.confrelid and p.attnum = u.theirs \
                   join pg_catalog.pg_operator o on o.oid = u.equals join pg_catalog.pg_namespace s on s.oid = o.oprnamespace) e, \
                 (select array[t.oid] || array(select a.relid::oid \
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
            let mut again = vec![format!(
                "alter table {of} add constraint {name} {}",
                text(2)
            )];
            if let Some(comment) = row.get(3).and_then(Value::text) {
                again.push(format!(
                    "comment on constraint {name} on {of} is {}",
                    literal(comment)
                ));
            }
            self.keys.push(Key {
                of: TableName::new(text(4), text(5)),
                again,
                orphans: row.get(6).and_then(Value::text).map(str::to_owned),
            });
        }
        Ok(())
    }

    /// Makes them again, which checks every row. Rows that refer to none are taken out, and given.
    pub(super) fn make_again(
        self,
        session: &mut PostgresSession,
    ) -> Result<Vec<Orphan>, EngineError> {
        session.execute_own("savepoint tightrope_keys")?;
        let orphans = match self.make(session) {
            Ok(()) => Vec::new(),
            Err(error) if error.code.as_deref() == Some(NO_SUCH_ROW) => {
                session.execute_own("rollback to savepoint tightrope_keys")?;
                let orphans = self.take_out_orphans(session)?;
                self.make(session)?;
                orphans
            }
            Err(error) => return Err(error),
        };
        session.execute_own("release savepoint tightrope_keys")?;
        Ok(orphans)
    }

    fn make(&self, session: &mut PostgresSession) -> Result<(), EngineError> {
        for statement in self.keys.iter().flat_map(|key| &key.again) {
            session.execute_own(statement)?;
        }
        Ok(())
    }

    /// A row that goes can leave others without what they refer to: so all keys are looked at until there is none.
    fn take_out_orphans(&self, session: &mut PostgresSession) -> Result<Vec<Orphan>, EngineError> {
        let mut orphans = Vec::new();
        loop {
            let before = orphans.len();
            for key in &self.keys {
                let Some(statement) = &key.orphans else {
                    continue;
                };
                for row in session.query_own(statement, &[])? {
                    let text = row.first().and_then(Value::text).unwrap_or_default();
                    orphans.push(Orphan {
                        table: key.of.clone(),
                        row: text.to_owned(),
                    });
                }
            }
            if orphans.len() == before {
                return Ok(orphans);
            }
        }
    }
}
