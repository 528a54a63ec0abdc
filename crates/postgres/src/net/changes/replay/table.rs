//! The function that replays changes of one table.

use tightrope_engine::{Change, ChangeKind, EngineError, LoggedTable, Unreplayed};
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
    /// The columns in the order of the log, with their types here; text where there is no such column.
    columns: Vec<(String, String)>,
    /// The columns with values of their own.
    stored: Vec<String>,
    /// Columns of the log that have no place here.
    lost: Vec<String>,
    /// Those of the columns with values of their own that may be set.
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
        across: bool,
    ) -> Result<Self, EngineError> {
        let mut target = Self {
            number: logged.number,
            table: logged.table.clone(),
            columns: Vec::new(),
            stored: Vec::new(),
            lost: Vec::new(),
            settable: Vec::new(),
            key: Vec::new(),
            misfit: None,
            made_by: logged.made_by.clone(),
        };
        let columns = Columns::of(session, &logged.table)?;
        if !columns.of_table {
            target.misfit = Some(Unreplayed::NO_TABLE.to_owned());
            return Ok(target);
        }
        for name in &logged.columns {
            match columns.get(name) {
                Some(column) => target
                    .columns
                    .push((name.clone(), column.type_name.clone())),
                None if across => {
                    target.columns.push((name.clone(), "text".to_owned()));
                    target.lost.push(name.clone());
                }
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
            if !logged.columns.contains(&name) && across {
                continue;
            }
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

    /// The number of its shape in the log.
    pub(super) fn number(&self) -> i64 {
        self.number
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
             if was is not null then o := was::{SCHEMA}.row_{number}; end if;\n\
             if goes is not null then n := goes::{SCHEMA}.row_{number}; end if;\n\
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
        ))?;
        session.execute_own(&self.merge_function())
    }

    /// The function that replays a change onto a row that a migration has made another one: what the change itself has changed
    /// counts. And the one that tells whether values of a change have no place.
    fn merge_function(&self) -> String {
        let number = self.number;
        let table = names::sql(&self.table);
        let keys: Vec<String> = self
            .key
            .iter()
            .map(|name| format!("t.{0} = o.{0}", quote(name)))
            .collect();
        let sets: Vec<String> = self
            .settable
            .iter()
            .map(|name| {
                let name = quote(name);
                format!("{name} = case when row(n.{name})::text = row(o.{name})::text then t.{name} else n.{name} end")
            })
            .collect();
        let merge = match keys.is_empty() || sets.is_empty() {
            true => "return 'the row is not what it was when it was written'".to_owned(),
            false => format!(
                "o := was::{SCHEMA}.row_{number}; if kind = 'update' then n := goes::{SCHEMA}.row_{number}; update only {table} t set {} where {keys}; \
                 elsif kind = 'delete' then delete from only {table} t where {keys}; \
                 else return 'a row with its key is there'; end if; \
                 if not found then return 'the row is not there'; end if; return null; \
                 exception when others then return sqlerrm",
                sets.join(", "),
                keys = keys.join(" and ")
            ),
        };
        let lost: Vec<String> = self
            .lost
            .iter()
            .map(|name| {
                let name = quote(name);
                format!("n.{name} is distinct from o.{name}")
            })
            .collect();
        let lost = match lost.is_empty() {
            true => "false".to_owned(),
            false => lost.join(" or "),
        };
        let keys: Vec<String> = self
            .key
            .iter()
            .map(|name| format!("row(n.{0})::text <> row(o.{0})::text", quote(name)))
            .collect();
        let moves = match keys.is_empty() {
            true => "true".to_owned(),
            false => keys.join(" or "),
        };
        format!(
            "create function {SCHEMA}.merge_{number}(kind text, was text, goes text) returns text language plpgsql as {}; \
             create function {SCHEMA}.lost_{number}(was text, goes text) returns boolean language plpgsql as {}; \
             create function {SCHEMA}.moves_{number}(kind text, was text, goes text) returns boolean language plpgsql as {}",
            literal(&format!(
                "declare o {SCHEMA}.row_{number}; n {SCHEMA}.row_{number}; begin {merge}; end"
            )),
            literal(&format!(
                "declare o {SCHEMA}.row_{number}; n {SCHEMA}.row_{number}; begin \
                 if goes is null then return false; end if; n := goes::{SCHEMA}.row_{number}; \
                 if was is not null then o := was::{SCHEMA}.row_{number}; end if; return {lost}; end"
            )),
            literal(&format!(
                "declare o {SCHEMA}.row_{number}; n {SCHEMA}.row_{number}; begin \
                 if kind <> 'update' then return true; end if; o := was::{SCHEMA}.row_{number}; n := goes::{SCHEMA}.row_{number}; return {moves}; end"
            )),
        )
    }

    /// What notes that values of a change, which is `entry`, have no place.
    fn loss(&self, entry: &str) -> String {
        if self.lost.is_empty() {
            return String::new();
        }
        let number = self.number;
        format!(
            "if {entry}.s = {number} and {SCHEMA}.lost_{number}({entry}.o, {entry}.w) then\n    \
               insert into {SCHEMA}.lost values ({entry}.n, {entry}.x, {entry}.s, {entry}.k, {entry}.o, {entry}.w, {});\n  end if;\n  ",
            literal(&Unreplayed::no_column(&self.lost))
        )
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
    let (mut cases, mut merges, mut moves) = (String::new(), String::new(), String::new());
    // What is noted of a change once it is replayed, from the loop in which it is, and from that over what has waited.
    let (mut losses, mut merge_losses) = (String::new(), String::new());
    for target in targets.filter(|target| target.misfit.is_none()) {
        let number = target.number;
        cases.push_str(&format!(
            "when {number} then if careful then return {SCHEMA}.careful_{number}(kind, was, goes); \
             else return {SCHEMA}.replay_{number}(kind, was, goes); end if;\n"
        ));
        merges.push_str(&format!(
            "when {number} then\n  if exists (select from {SCHEMA}.moved m where m.name = {name}) then\n    \
             because := 'a migration has given rows of the table other keys';\n  else because := {SCHEMA}.merge_{number}(w.k, w.o, w.w); end if;\n",
            name = literal(&target.name()),
        ));
        moves.push_str(&format!(
            "when {number} then if {SCHEMA}.moves_{number}(kind, was, goes) then insert into {SCHEMA}.moved values ({}); end if;\n",
            literal(&target.name()),
        ));
        losses.push_str(&target.loss("c"));
        merge_losses.push_str(&target.loss("w"));
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
           done := done + 1;\n  {losses}\
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
    let merge = format!(
        "declare w record; because text; done bigint := 0;\n\
         begin\n\
         for w in select * from {SCHEMA}.waiting order by n loop\n  \
           because := 'the table is not known';\n  \
           case w.s\n{merges}else null;\nend case;\n  \
           if because is null then\n    \
             delete from {SCHEMA}.waiting v where v.n = w.n;\n    done := done + 1;\n    {merge_losses}\
           else\n    \
             execute 'update {SCHEMA}.waiting set because = $1 where n = $2' using because, w.n;\n  \
           end if;\n\
         end loop;\n\
         return done;\nend"
    );
    session.execute_own(&format!(
        "create or replace function {SCHEMA}.one(shape bigint, kind text, was text, goes text, careful boolean) returns text \
           language plpgsql as {}; \
         create or replace function {SCHEMA}.run(careful boolean) returns bigint language plpgsql as {}; \
         create or replace function {SCHEMA}.merge() returns bigint language plpgsql as {}; \
         create or replace function {SCHEMA}.note_move(shape bigint, kind text, was text, goes text) returns boolean \
           language plpgsql as {}",
        literal(&one),
        literal(&all),
        literal(&merge),
        literal(&format!(
            "begin\ncase shape\n{moves}else null;\nend case;\nreturn true;\nend"
        )),
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
