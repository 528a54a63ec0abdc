//! Keeps the user's triggers and rules from firing while the net writes, lets it write identity columns, and lends a published
//! table what tells its rows from each other; all is put back to the state that it was in.

use tightrope_engine::EngineError;
use tightrope_model::{TableName, Value};

use super::{identity, names};
use crate::quote::literal;
use crate::session::PostgresSession;

/// Tables whose triggers and rules are off, and whose rows can be written.
#[derive(Default)]
pub(super) struct Quiet {
    back: Vec<String>,
}

impl Quiet {
    /// Switches them off.
    pub(super) fn make<'t>(
        session: &mut PostgresSession,
        tables: impl Iterator<Item = &'t TableName>,
    ) -> Result<Self, EngineError> {
        let mut quiet = Self::default();
        for table in tables {
            quiet.add(session, table, false)?;
        }
        Ok(quiet)
    }

    /// Switches off those of one more table; of the net's own only if they are not to stay awake.
    pub(super) fn add(
        &mut self,
        session: &mut PostgresSession,
        table: &TableName,
        but_own: bool,
    ) -> Result<(), EngineError> {
        let name = names::sql(table);
        let others = match but_own {
            true => {
                "and not exists (select from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace \
                     where p.oid = g.tgfoid and n.nspname = 'tightrope') "
            }
            false => "",
        };
        let found = session.query_own(
            &format!(
                "select 'trigger ' || quote_ident(g.tgname), g.tgenabled::text from pg_catalog.pg_trigger g \
                 where g.tgrelid = pg_catalog.to_regclass({0}) and not g.tgisinternal and g.tgenabled <> 'D' {others}\
                 union all \
                 select 'rule ' || quote_ident(w.rulename), w.ev_enabled::text from pg_catalog.pg_rewrite w \
                 where w.ev_class = pg_catalog.to_regclass({0}) and w.ev_type <> '1' and w.ev_enabled <> 'D' \
                 union all \
                 select 'column ' || quote_ident(a.attname), 'identity' from pg_catalog.pg_attribute a \
                 join pg_catalog.pg_class c on c.oid = a.attrelid and c.relkind = 'r' and not c.relispartition \
                 where a.attrelid = pg_catalog.to_regclass({0}) and a.attidentity = 'a' order by 1",
                literal(&name)
            ),
            &[],
        )?;
        for row in &found {
            let text = |at: usize| row.get(at).and_then(Value::text).unwrap_or_default();
            if text(1) == "identity" {
                let generated = |how: &str| {
                    let column = text(0);
                    format!("alter table only {name} alter {column} set generated {how}")
                };
                session.execute_own(&generated("by default"))?;
                self.back.push(generated("always"));
                continue;
            }
            let how = match text(1) {
                "R" => "enable replica",
                "A" => "enable always",
                _ => "enable",
            };
            session.execute_own(&format!("alter table only {name} disable {}", text(0)))?;
            self.back
                .push(format!("alter table only {name} {how} {}", text(0)));
        }
        self.back.extend(identity::lend(session, table)?);
        Ok(())
    }

    /// Puts them back.
    pub(super) fn end(self, session: &mut PostgresSession) -> Result<(), EngineError> {
        match self.back.is_empty() {
            true => Ok(()),
            false => session.execute_own(&self.back.join("; ")),
        }
    }
}
