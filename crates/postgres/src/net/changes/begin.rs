//! Beginning and ending a log.

use tightrope_engine::{EngineError, LogNumber, Session as _};
use tightrope_model::Value;

use super::super::spread::{make_room, protect};
use super::super::{names, touch};
use super::{
    attached, is_row_trigger, own, row_trigger_name, truncate_trigger_name, whole_trigger_name,
};
use crate::quote::{literal, quote};
use crate::session::PostgresSession;

/// Makes the log and lets every table be logged, each in a transaction of its own.
pub(super) fn begin(session: &mut PostgresSession, log: LogNumber) -> Result<(), EngineError> {
    in_one(session, |session| {
        make_room(session)?;
        make(session, log)
    })?;
    attach_all(session, log)
}

/// Does it in the open transaction, or in one of its own.
fn in_one(
    session: &mut PostgresSession,
    work: impl FnOnce(&mut PostgresSession) -> Result<(), EngineError>,
) -> Result<(), EngineError> {
    if session.in_transaction {
        return work(session);
    }
    session.begin()?;
    match work(session) {
        Ok(()) => session.commit(),
        Err(error) => {
            // The first error tells more than that of a connection that broke with it.
            let _ = session.roll_back();
            Err(error)
        }
    }
}

/// The log's own tables and its trigger function.
fn make(session: &mut PostgresSession, log: LogNumber) -> Result<(), EngineError> {
    let (entries, tables) = (own(log, ""), own(log, "tables"));
    let there = session.query_own(
        &format!(
            "select 1::bigint where pg_catalog.to_regclass({}) is not null",
            literal(&names::sql(&entries))
        ),
        &[],
    )?;
    if !there.is_empty() {
        return Ok(());
    }
    session.execute_own(&format!(
        "create table {entries} (n bigint generated always as identity, x bigint not null, \
           at timestamptz not null, s integer not null, k \"char\" not null, o text, w text); \
         create table {tables} (s integer generated always as identity primary key, relation oid not null, \
           schema_name text not null, table_name text not null, columns text not null, kinds text not null, \
           made_by bigint[] not null); \
         {attached}; create index on {tables} (relation); alter table {entries} replica identity full; {look}",
        entries = names::sql(&entries),
        tables = names::sql(&tables),
        attached = attached::table(log),
        look = look(log),
    ))?;
    make_note(session, log)?;
    protect(session, &format!("changes_{log}"))
}

/// Makes the function that the triggers call, or makes it again for the tables as they are now.
fn make_note(session: &mut PostgresSession, log: LogNumber) -> Result<(), EngineError> {
    let money = session.query_own(
        &format!(
            "select 1::bigint from ({USER_TABLES}) c join pg_catalog.pg_attribute a on a.attrelid = c.oid \
             where a.atttypid = 'pg_catalog.money'::regtype limit 1"
        ),
        &[],
    )?;
    session.execute_own(&format!(
        "create or replace function {}() returns trigger language plpgsql security definer as {}",
        names::sql(&own(log, "note")),
        literal(&body(log, !money.is_empty())),
    ))
}

/// What the triggers do. It is written for speed, and for sessions with any search path: every name has its schema, and nothing is set
/// unless the session writes values in a way that cannot be read again.
///
/// A partition that was attached has two triggers until `go_on`, and one of them is to write: the one of the topmost table, or else the
/// last by name.
///
/// Which columns the table has is looked at once a transaction, by a digest, and looked up only where that is another one than the session
/// has seen. A transaction that alters a table between two of its own writes is told by `made_by`, once the next one looks.
fn body(log: LogNumber, has_money: bool) -> String {
    let equal = "operator(pg_catalog.=)";
    let pins: Vec<(&str, &str, String)> = [
        (
            "DateStyle",
            "ISO, YMD",
            "pg_catalog.starts_with(pg_catalog.current_setting('DateStyle'), 'ISO')".to_owned(),
        ),
        (
            "IntervalStyle",
            "postgres",
            "pg_catalog.current_setting('IntervalStyle') operator(pg_catalog.<>) 'sql_standard'"
                .to_owned(),
        ),
        (
            "extra_float_digits",
            "3",
            format!("pg_catalog.current_setting('extra_float_digits') {equal} any (array['1', '2', '3'])"),
        ),
        (
            "lc_monetary",
            "C",
            format!("pg_catalog.current_setting('lc_monetary') {equal} 'C'"),
        ),
    ]
    .into_iter()
    .filter(|(name, ..)| has_money || *name != "lc_monetary")
    .collect();
    let each = |of: &dyn Fn(&(&str, &str, String)) -> String, between: &str| {
        pins.iter().map(of).collect::<Vec<_>>().join(between)
    };
    let own = |name: &str| format!("is_{}", name.to_lowercase());
    format!(
        "declare shape integer; held pg_catalog.text; known pg_catalog.text; here pg_catalog.text; was pg_catalog.text; goes pg_catalog.text; \
           plain boolean; root pg_catalog.oid; {declared}\n\
         begin\n\
         root := pg_catalog.pg_partition_root(tg_relid);\n\
         if root is not null and tg_op operator(pg_catalog.<>) 'TRUNCATE'\n  \
           and tg_name operator(pg_catalog.<>) pg_catalog.concat({whole}, root) then\n  \
           if exists (select from pg_catalog.pg_trigger g where g.tgrelid {equal} tg_relid and pg_catalog.starts_with(g.tgname::pg_catalog.text, {whole})\n    \
             and (g.tgname {equal} pg_catalog.concat({whole}, root) or g.tgname operator(pg_catalog.>) tg_name)) then return null; end if;\n\
         end if;\n\
         known := pg_catalog.concat('tightrope.changes_{log}_', tg_relid);\n\
         held := pg_catalog.current_setting(known, true);\n\
         if held operator(pg_catalog.<>) '' then\n  shape := held;\nelse\n  \
           select pg_catalog.concat(tg_table_schema, '.', tg_table_name, ' ', pg_catalog.sum(pg_catalog.hashtextextended(a.attname::pg_catalog.text,\n    \
             a.attnum::bigint operator(pg_catalog.*) 4294967296 operator(pg_catalog.+) a.atttypid::bigint))) into here\n    \
             from pg_catalog.pg_attribute a where a.attrelid {equal} tg_relid and a.attnum operator(pg_catalog.>) 0::smallint and not a.attisdropped;\n  \
           held := pg_catalog.current_setting(pg_catalog.concat(known, '_here'), true);\n  \
           if pg_catalog.starts_with(held, pg_catalog.concat(here, '#')) then\n    \
             shape := pg_catalog.substr(held, pg_catalog.length(here) operator(pg_catalog.+) 2);\n  \
           else\n    \
             shape := {look}(tg_relid);\n    \
             perform pg_catalog.set_config(pg_catalog.concat(known, '_here'), pg_catalog.concat(here, '#', shape), false);\n  \
           end if;\n  \
           perform pg_catalog.set_config(known, shape::pg_catalog.text, true);\n\
         end if;\n\
         plain := {plain};\n\
         if not plain then\n  {keep}\n  {pin}\nend if;\n\
         if tg_op {equal} 'UPDATE' or tg_op {equal} 'DELETE' then was := old::pg_catalog.text; end if;\n\
         if tg_op {equal} 'UPDATE' or tg_op {equal} 'INSERT' then goes := new::pg_catalog.text; end if;\n\
         if not plain then\n  {back}\nend if;\n\
         insert into {entries} (x, at, s, k, o, w) values (pg_catalog.txid_current(), pg_catalog.clock_timestamp(), shape,\n  \
           pg_catalog.\"left\"(tg_op, 1)::pg_catalog.\"char\", was, goes);\n\
         return null;\nend",
        whole = literal(&whole_trigger_name(log)),
        declared = each(&|(name, ..)| format!("{} pg_catalog.text;", own(name)), " "),
        plain = each(&|(.., is_plain)| is_plain.clone(), " and "),
        keep = each(
            &|(name, ..)| format!("{} := pg_catalog.current_setting('{name}');", own(name)),
            " "
        ),
        pin = each(
            &|(name, value, _)| format!(
                "perform pg_catalog.set_config('{name}', '{value}', true);"
            ),
            " "
        ),
        back = each(
            &|(name, ..)| format!(
                "perform pg_catalog.set_config('{name}', {}, true);",
                own(name)
            ),
            " "
        ),
        look = names::sql(&super::own(log, "look")),
        entries = names::sql(&super::own(log, "")),
    )
}

/// The function that gives the number of a table with the columns that it has now.
fn look(log: LogNumber) -> String {
    let tables = names::sql(&own(log, "tables"));
    let body = format!(
        "declare shape integer; has record;\n\
         begin\n\
         select n.nspname::text as schema_name, c.relname::text as table_name,\n  \
         (select coalesce(json_agg(a.attname order by a.attnum), '[]')::text from pg_attribute a\n    \
           where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,\n  \
         (select coalesce(json_agg(a.attnum || ' ' || a.atttypid || ' ' || a.atttypmod order by a.attnum), '[]')::text from pg_attribute a\n    \
           where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as kinds\n  \
         into has from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = looked_at;\n\
         select min(t.s) into shape from {tables} t where t.relation = looked_at and t.columns = has.columns and t.kinds = has.kinds\n  \
         and t.schema_name = has.schema_name and t.table_name = has.table_name;\n\
         if shape is null then\n  \
         insert into {tables} (relation, schema_name, table_name, columns, kinds, made_by)\n  \
         select looked_at, has.schema_name, has.table_name, has.columns, has.kinds,\n    \
         array(select distinct a.xmin::text::bigint from pg_attribute a where a.attrelid = looked_at and a.attnum > 0)\n  \
         returning s into shape;\n\
         end if;\n\
         return shape;\nend"
    );
    let signature = format!(
        "{}(looked_at oid) returns integer",
        names::sql(&own(log, "look"))
    );
    touch::function(&signature, &body, false)
}

/// After a script: the log goes on with the tables as they are now.
pub(super) fn go_on(session: &mut PostgresSession, log: LogNumber) -> Result<(), EngineError> {
    make_note(session, log)?;
    attach_all(session, log)?;
    attached::mend(session, log)
}

/// Lets every table be logged that is not yet, and none twice.
pub(super) fn attach_all(session: &mut PostgresSession, log: LogNumber) -> Result<(), EngineError> {
    for table in unattached(session, log)? {
        in_one(session, |session| attach(session, log, &table))?;
    }
    for trigger in redundant(session, log)? {
        in_one(session, |session| drop_trigger(session, &trigger))?;
    }
    Ok(())
}

/// A table that lacks triggers.
struct Unattached {
    /// Its name, as it stands in SQL.
    table: String,
    lacks: String,
    /// The name of its own row trigger.
    row_trigger: String,
}

/// Tables of users that lack one of the log's triggers, with what they lack. Rows of partitions are logged
/// by the trigger of the whole, which every new partition inherits; a TRUNCATE is not inherited.
fn unattached(
    session: &mut PostgresSession,
    log: LogNumber,
) -> Result<Vec<Unattached>, EngineError> {
    let sql = format!(
        "select u.name, u.rows || u.truncate, u.own from (select c.oid::regclass::text as name, o.own, \
           case when c.relispartition or exists (select from pg_catalog.pg_trigger g where g.tgrelid = c.oid and g.tgname = o.own) \
             then '' else 'rows' end as rows, \
           case when exists (select from pg_catalog.pg_trigger g where g.tgrelid = c.oid and g.tgname = {truncate}) \
             then '' else ' truncate' end as truncate \
         from ({USER_TABLES}) c, lateral (select case c.relkind when 'p' then {whole} || c.oid else {plain} end as own) o) u \
         where u.rows || u.truncate <> '' order by 1",
        plain = literal(&row_trigger_name(log)),
        whole = literal(&whole_trigger_name(log)),
        truncate = literal(&truncate_trigger_name(log)),
    );
    let rows = session.query_own(&sql, &[])?;
    let text = |row: &[Value], at: usize| {
        let value = row.get(at).and_then(Value::text);
        value.unwrap_or_default().to_owned()
    };
    Ok(rows
        .iter()
        .map(|row| Unattached {
            table: text(row, 0),
            lacks: text(row, 1),
            row_trigger: text(row, 2),
        })
        .collect())
}

/// The condition that a trigger is one that the server made on a partition for that of the whole: it goes with that one only.
const IS_INHERITED: &str = "exists (select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_trigger'::regclass \
    and d.objid = g.oid and d.refclassid = 'pg_catalog.pg_trigger'::regclass)";

/// Row triggers of tables that have become partitions: that of the whole writes their rows down.
fn redundant(session: &mut PostgresSession, log: LogNumber) -> Result<Vec<String>, EngineError> {
    let sql = format!(
        "select pg_catalog.quote_ident(g.tgname) || ' on ' || g.tgrelid::regclass::text from pg_catalog.pg_trigger g \
         where {row} and not {IS_INHERITED} and exists (select from pg_catalog.pg_trigger h where h.tgrelid = g.tgrelid \
           and pg_catalog.starts_with(h.tgname::text, {whole}) and h.oid <> g.oid \
           and (h.tgname = {whole} || pg_catalog.pg_partition_root(g.tgrelid)::oid or h.tgname > g.tgname)) \
           and g.tgname <> {whole} || coalesce(pg_catalog.pg_partition_root(g.tgrelid)::oid, 0) order by 1",
        row = is_row_trigger(log, "g"),
        whole = literal(&whole_trigger_name(log)),
    );
    triggers(session, &sql)
}

/// Triggers with their tables, as they stand in SQL.
fn triggers(session: &mut PostgresSession, sql: &str) -> Result<Vec<String>, EngineError> {
    let rows = session.query_own(sql, &[])?;
    Ok(rows
        .iter()
        .filter_map(|row| row.first()?.text().map(str::to_owned))
        .collect())
}

fn drop_trigger(session: &mut PostgresSession, trigger: &str) -> Result<(), EngineError> {
    session.execute_own(&format!("drop trigger if exists {trigger}"))
}

/// The tables whose changes are logged: all of users, but those that belong to an extension.
pub(super) const USER_TABLES: &str = "select t.* from pg_catalog.pg_class t \
    join pg_catalog.pg_namespace s on s.oid = t.relnamespace \
    where t.relkind in ('r', 'p') and t.relpersistence <> 't' \
    and s.nspname !~ '^pg_' and s.nspname not in ('information_schema', 'tightrope') \
    and not exists (select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = t.oid \
      and d.deptype = 'e')";

fn attach(
    session: &mut PostgresSession,
    log: LogNumber,
    unattached: &Unattached,
) -> Result<(), EngineError> {
    let note = names::sql(&own(log, "note"));
    let truncate = quote(&truncate_trigger_name(log));
    let Unattached { table, lacks, .. } = unattached;
    let mut sql = String::new();
    if lacks.contains("rows") {
        sql.push_str(&format!(
            "create trigger {} after insert or update or delete on {table} for each row execute function {note}(); ",
            quote(&unattached.row_trigger)
        ));
    }
    if lacks.contains("truncate") {
        sql.push_str(&format!(
            "create trigger {truncate} after truncate on {table} for each statement execute function {note}(); \
             alter table only {table} enable always trigger {truncate}; "
        ));
    }
    session.execute_own(&sql)?;
    always(session, log, table)?;
    attached::note(session, log, table)?;
    session.query_own(
        &format!(
            "select {}({}::regclass)::bigint",
            names::sql(&own(log, "look")),
            literal(table)
        ),
        &[],
    )?;
    Ok(())
}

/// Lets the row triggers of a table and of its partitions fire under the replica role, too, where the server lets us: older ones
/// take those of partitions for their own.
fn always(session: &mut PostgresSession, log: LogNumber, table: &str) -> Result<(), EngineError> {
    let rows = session.query_own(
        &format!(
            "select g.tgrelid::regclass::text, pg_catalog.quote_ident(g.tgname) from pg_catalog.pg_trigger g where {} and g.tgenabled <> 'A' \
             and (not g.tgisinternal or (select rolsuper from pg_catalog.pg_roles where rolname = current_user)) \
             and (g.tgrelid = {table}::regclass or g.tgrelid in (select i.relid from pg_catalog.pg_partition_tree({table}::regclass) i)) \
             order by 1, 2",
            is_row_trigger(log, "g"),
            table = literal(table),
        ),
        &[],
    )?;
    for row in &rows {
        let text = |at: usize| row.get(at).and_then(Value::text).unwrap_or_default();
        session.execute_own(&format!(
            "alter table only {} enable always trigger {}",
            text(0),
            text(1)
        ))?;
    }
    Ok(())
}

/// Lets go of every table, then of the log.
pub(super) fn end(session: &mut PostgresSession, log: LogNumber) -> Result<(), EngineError> {
    let sql = format!(
        "select pg_catalog.quote_ident(g.tgname) || ' on ' || g.tgrelid::regclass::text from pg_catalog.pg_trigger g \
         where g.tgname = {truncate} or ({row} and not {IS_INHERITED}) order by 1",
        row = is_row_trigger(log, "g"),
        truncate = literal(&truncate_trigger_name(log)),
    );
    for trigger in triggers(session, &sql)? {
        in_one(session, |session| drop_trigger(session, &trigger))?;
    }
    in_one(session, |session| {
        session.execute_own(&format!(
            "drop function if exists {}() cascade; drop function if exists {}(oid); drop table if exists {}, {}, {}",
            names::sql(&own(log, "note")),
            names::sql(&own(log, "look")),
            names::sql(&own(log, "")),
            names::sql(&own(log, "tables")),
            names::sql(&own(log, "attached")),
        ))
    })
}
