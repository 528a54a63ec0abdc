//! The function that replays changes of one table.

use tightrope_engine::{Change, ChangeKind, EngineError, LoggedTable};
use tightrope_model::{TableName, Value};

use super::super::super::columns::Columns;
use super::super::super::names;
use super::SCHEMA;
use crate::quote::{literal, quote};
use crate::session::PostgresSession;

/// A table of the restored database, as changes of one shape find it.
pub(super) struct Target {
    number: i64,
    pub(super) table: TableName,
    /// The columns in the order of the log, with their types here.
    columns: Vec<(String, String)>,
    /// The columns with values of their own.
    stored: Vec<String>,
    /// Those of them that may be set.
    settable: Vec<String>,
    /// What tells a row from the others; all columns where nothing does.
    key: Vec<String>,
    /// Why nothing can be replayed into it.
    pub(super) misfit: Option<String>,
    /// Transactions that have altered the table: their entries under other columns are not certain.
    made_by: Vec<i64>,
}

impl Target {
    /// Looks for the table.
    pub(super) fn find(
        session: &mut PostgresSession,
        logged: &LoggedTable,
    ) -> Result<Self, EngineError> {
        let mut target = Self {
            number: logged.number,
            table: logged.table.clone(),
            columns: Vec::new(),
            stored: Vec::new(),
            settable: Vec::new(),
            key: Vec::new(),
            misfit: None,
            made_by: logged.made_by.clone(),
        };
        let columns = Columns::of(session, &logged.table)?;
        if !columns.of_table {
            target.misfit = Some("the backup has no such table".to_owned());
            return Ok(target);
        }
        for name in &logged.columns {
            match columns.get(name) {
                Some(column) => target
                    .columns
                    .push((name.clone(), column.type_name.clone())),
                None => {
                    target.misfit = Some(format!("the table has no column {name:?} in the backup"));
                    return Ok(target);
                }
            }
        }
        let facts = session.query_own(
            &format!(
                "select a.attname::text, a.attgenerated::text, a.attidentity::text, \
                   (a.attnum = any(coalesce((select x.indkey::smallint[] from pg_catalog.pg_index x where x.indrelid = a.attrelid \
                     and x.indisunique and x.indimmediate and x.indisvalid and x.indpred is null and x.indexprs is null \
                     and not exists (select from pg_catalog.pg_attribute o where o.attrelid = x.indrelid \
                       and o.attnum = any(x.indkey::smallint[]) and not o.attnotnull) \
                     order by x.indisprimary desc, x.indnatts, x.indexrelid limit 1), '{{}}')))::int \
                 from pg_catalog.pg_attribute a where a.attrelid = pg_catalog.to_regclass({}) and a.attnum > 0 \
                 and not a.attisdropped and not pg_catalog.starts_with(a.attname::text, 'tightrope_hidden_') order by a.attnum",
                literal(&names::sql(&logged.table))
            ),
            &[],
        )?;
        for row in &facts {
            let text = |at: usize| row.get(at).and_then(Value::text).unwrap_or_default();
            let name = text(0).to_owned();
            if !logged.columns.contains(&name) {
                target.misfit = Some(format!(
                    "the table has a column {name:?} in the backup, and had not when it was written"
                ));
                return Ok(target);
            }
            if !text(1).is_empty() {
                continue;
            }
            target.stored.push(name.clone());
            if text(2) != "a" {
                target.settable.push(name.clone());
            }
            if row.get(3).and_then(Value::integer) == Some(1) {
                target.key.push(name);
            }
        }
        Ok(target)
    }

    /// The table's name for people.
    pub(super) fn name(&self) -> String {
        self.table.to_string()
    }

    /// Why a change has no place here.
    pub(super) fn misfit_of(&self, change: &Change) -> Option<String> {
        self.misfit.clone().or_else(|| {
            // The catalog tells transactions by the lower half of their numbers.
            let short = change.transaction & 0xffff_ffff;
            let altered = self.made_by.contains(&short);
            altered.then(|| "its transaction has altered the table as well".to_owned())
        })
    }

    /// Makes the function that replays one change, and gives why it does not fit.
    pub(super) fn make_function(&self, session: &mut PostgresSession) -> Result<(), EngineError> {
        let number = self.number;
        let parts: Vec<String> = self
            .columns
            .iter()
            .map(|(name, type_name)| format!("{} {type_name}", quote(name)))
            .collect();
        let body = format!(
            "declare o {SCHEMA}.row_{number}; n {SCHEMA}.row_{number}; done bigint;\n\
             begin\n\
             if was is not null then o := was; end if;\n\
             if goes is not null then n := goes; end if;\n\
             if kind = 'insert' then\n  {insert};\n\
             elsif kind = 'update' then\n  {update};\n\
             elsif kind = 'delete' then\n  {delete};\n\
             else\n  delete from only {table};\n  return null;\nend if;\n\
             get diagnostics done = row_count;\n\
             if done = 0 then return 'the row is not what it was when it was written'; end if;\n\
             return null;\nend",
            table = names::sql(&self.table),
            insert = self.insert(),
            update = self.update(),
            delete = format_args!(
                "delete from only {} t where {}",
                names::sql(&self.table),
                self.found()
            ),
        );
        session.execute_own(&format!(
            "create type {SCHEMA}.row_{number} as ({}); \
             create function {SCHEMA}.replay_{number}(kind text, was text, goes text) returns text language plpgsql as {}; \
             create function {SCHEMA}.careful_{number}(kind text, was text, goes text) returns text language plpgsql as {}",
            parts.join(", "),
            literal(&body),
            literal(&format!(
                "begin return {SCHEMA}.replay_{number}(kind, was, goes); exception when others then return sqlerrm; end"
            )),
        ))
    }

    fn insert(&self) -> String {
        let table = names::sql(&self.table);
        if self.stored.is_empty() {
            return format!("insert into {table} default values");
        }
        format!(
            "insert into {table} ({}) overriding system value values ({})",
            list(&self.stored, ""),
            list(&self.stored, "n.")
        )
    }

    fn update(&self) -> String {
        let pairs: Vec<String> = self
            .settable
            .iter()
            .map(|name| format!("{0} = n.{0}", quote(name)))
            .collect();
        if pairs.is_empty() {
            return "perform 1".to_owned();
        }
        format!(
            "update only {} t set {} where {}",
            names::sql(&self.table),
            pairs.join(", "),
            self.found()
        )
    }

    /// The condition by which one row is found that is to the letter what it was.
    fn found(&self) -> String {
        let same = match self.stored.is_empty() {
            true => "true".to_owned(),
            false => format!(
                "row({})::text = row({})::text",
                list(&self.stored, "t."),
                list(&self.stored, "o.")
            ),
        };
        if self.key.is_empty() {
            return format!(
                "t.ctid = (select t.ctid from only {} t where {same} limit 1)",
                names::sql(&self.table)
            );
        }
        let keys: Vec<String> = self
            .key
            .iter()
            .map(|name| format!("t.{0} = o.{0}", quote(name)))
            .collect();
        format!("{} and {same}", keys.join(" and "))
    }
}

fn list(columns: &[String], of: &str) -> String {
    let columns: Vec<String> = columns
        .iter()
        .map(|name| format!("{of}{}", quote(name)))
        .collect();
    columns.join(", ")
}

/// Makes the function that replays all that was handed over, in order; gives how many changes were replayed. Whatever does not
/// fit waits, and is tried again once another change of its transaction has been replayed.
pub(super) fn make_dispatch<'t>(
    session: &mut PostgresSession,
    targets: impl Iterator<Item = &'t Target>,
) -> Result<(), EngineError> {
    let mut cases = String::new();
    for target in targets.filter(|target| target.misfit.is_none()) {
        let number = target.number;
        cases.push_str(&format!(
            "when {number} then if careful then return {SCHEMA}.careful_{number}(kind, was, goes); \
             else return {SCHEMA}.replay_{number}(kind, was, goes); end if;\n"
        ));
    }
    let one =
        format!("begin\ncase shape\n{cases}else return 'the table is not known';\nend case;\nend");
    let all = format!(
        "declare c record; w record; because text; done bigint := 0; waiting boolean; more boolean;\n\
         begin\n\
         waiting := exists (select from {SCHEMA}.waiting);\n\
         for c in select * from {SCHEMA}.entries order by n loop\n  \
           because := {SCHEMA}.one(c.s, c.k, c.o, c.w, careful);\n  \
           if because is not null then\n    \
             insert into {SCHEMA}.waiting values (c.n, c.x, c.s, c.k, c.o, c.w, because);\n    waiting := true;\n    continue;\n  \
           end if;\n  \
           done := done + 1;\n  \
           more := waiting;\n  \
           while more loop\n    \
             more := false;\n    \
             for w in select * from {SCHEMA}.waiting v where v.x = c.x order by v.n loop\n      \
               if {SCHEMA}.one(w.s, w.k, w.o, w.w, careful) is null then\n        \
                 delete from {SCHEMA}.waiting v where v.n = w.n;\n        done := done + 1;\n        more := true;\n      \
               end if;\n    \
             end loop;\n  \
           end loop;\n\
         end loop;\n\
         return done;\nend"
    );
    session.execute_own(&format!(
        "create or replace function {SCHEMA}.one(shape bigint, kind text, was text, goes text, careful boolean) returns text \
           language plpgsql as {}; \
         create or replace function {SCHEMA}.run(careful boolean) returns bigint language plpgsql as {}",
        literal(&one),
        literal(&all),
    ))
}

/// How a kind is written for the server.
pub(super) fn kind(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Insert | ChangeKind::Put => "insert",
        ChangeKind::Update => "update",
        ChangeKind::Delete => "delete",
        ChangeKind::Truncate => "truncate",
        ChangeKind::Migration => "migration",
    }
}

/// And back.
pub(super) fn kind_of(text: Option<&str>) -> ChangeKind {
    match text {
        Some("insert") => ChangeKind::Insert,
        Some("update") => ChangeKind::Update,
        Some("delete") => ChangeKind::Delete,
        _ => ChangeKind::Truncate,
    }
}
