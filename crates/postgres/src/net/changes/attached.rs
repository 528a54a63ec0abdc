//! Which triggers a log has attached, so that a gap is seen: one that somebody has dropped, disabled, or made again.
//!
//! `enable trigger all` leaves a trigger at `O` that was attached as `A`, and a trigger that was made again has another oid. Neither
//! tells what was written meanwhile, but both tell that something may have been.

use tightrope_engine::{EngineError, LogNumber};
use tightrope_model::{TableName, Value};

use super::super::names;
use super::super::spread::protect;
use super::begin::USER_TABLES;
use super::{is_row_trigger, own, truncate_trigger_name, whole_trigger_name};
use crate::quote::{literal, quote};
use crate::session::PostgresSession;

/// The table that remembers them.
pub(super) fn table(log: LogNumber) -> String {
    format!(
        "create table {} (relation oid primary key, rows oid, rows_enabled \"char\", truncates oid, truncates_enabled \"char\", \
         gap boolean not null)",
        names::sql(&own(log, "attached"))
    )
}

/// Whether it is there: a log that an older tightrope has begun remembers nothing.
fn is_there(session: &mut PostgresSession, log: LogNumber) -> Result<bool, EngineError> {
    let sql = format!(
        "select 1::bigint where pg_catalog.to_regclass({}) is not null",
        literal(&names::sql(&own(log, "attached")))
    );
    Ok(!session.query_own(&sql, &[])?.is_empty())
}

/// Makes it for a log that has none.
pub(super) fn make_if_missing(
    session: &mut PostgresSession,
    log: LogNumber,
) -> Result<(), EngineError> {
    if is_there(session, log)? {
        return Ok(());
    }
    session.execute_own(&table(log))?;
    protect(session, &format!("changes_{log}"))
}

/// What is remembered, as it stands in SQL where it is only read.
fn remembered(session: &mut PostgresSession, log: LogNumber) -> Result<String, EngineError> {
    Ok(match is_there(session, log)? {
        true => names::sql(&own(log, "attached")),
        false => "(select null::oid as relation, null::oid as rows, null::\"char\" as rows_enabled, \
                  null::oid as truncates, null::\"char\" as truncates_enabled, false as gap where false)"
            .to_owned(),
    })
}

/// Remembers the triggers of a table and of its partitions as they are now.
pub(super) fn note(
    session: &mut PostgresSession,
    log: LogNumber,
    table: &str,
) -> Result<(), EngineError> {
    session.execute_own(&format!(
        "insert into {attached} as a select c.oid, r.oid, r.tgenabled, u.oid, u.tgenabled, false from pg_catalog.pg_class c {triggers} \
         where c.oid = {table}::regclass or c.oid in (select i.relid from pg_catalog.pg_partition_tree({table}::regclass) i) \
         on conflict (relation) do update set rows = excluded.rows, rows_enabled = excluded.rows_enabled, \
           truncates = excluded.truncates, truncates_enabled = excluded.truncates_enabled",
        attached = names::sql(&own(log, "attached")),
        triggers = triggers(log, "null::oid"),
        table = literal(table),
    ))
}

/// Notes for good which tables have a gap now: what follows mends the triggers, and so hides it.
pub(super) fn note_gaps(session: &mut PostgresSession, log: LogNumber) -> Result<(), EngineError> {
    session.execute_own(&format!(
        "insert into {attached} as a (relation, gap) select g.oid, true from ({gaps}) g \
         on conflict (relation) do update set gap = true where not a.gap",
        attached = names::sql(&own(log, "attached")),
        gaps = gaps(log, &names::sql(&own(log, "attached"))),
    ))
}

/// Lets triggers fire again that are not as they were attached, and remembers those that a script has made anew.
pub(super) fn mend(session: &mut PostgresSession, log: LogNumber) -> Result<(), EngineError> {
    let rows = session.query_own(
        &format!(
            "select c.oid::regclass::text, \
               case when r.oid is not null and r.tgenabled <> coalesce(nullif(a.rows_enabled, 'D'), 'A') \
                 and (not r.tgisinternal or (select rolsuper from pg_catalog.pg_roles where rolname = current_user)) then r.tgname::text end, \
               case when u.tgenabled <> 'A' then u.tgname::text end \
             from ({USER_TABLES}) c left join {attached} a on a.relation = c.oid {triggers} \
             where {differs} order by 1",
            triggers = triggers(log, "a.rows"),
            attached = names::sql(&own(log, "attached")),
            differs = differs(),
        ),
        &[],
    )?;
    for row in &rows {
        let text = |at: usize| row.get(at).and_then(Value::text).unwrap_or_default();
        for trigger in [text(1), text(2)] {
            if !trigger.is_empty() {
                session.execute_own(&format!(
                    "alter table only {} enable always trigger {}",
                    text(0),
                    quote(trigger)
                ))?;
            }
        }
        note(session, log, text(0))?;
    }
    Ok(())
}

/// Tables of which something may have been written that is not in the log.
pub(super) fn unlogged(
    session: &mut PostgresSession,
    log: LogNumber,
) -> Result<Vec<TableName>, EngineError> {
    let remembered = remembered(session, log)?;
    session.query_tables(
        &format!(
            "select n.nspname::text, c.relname::text from ({gaps}) g join pg_catalog.pg_class c on c.oid = g.oid \
             join pg_catalog.pg_namespace n on n.oid = c.relnamespace order by 1, 2",
            gaps = gaps(log, &remembered)
        ),
    )
}

/// Tables that have a gap now or had one, also those that are gone; a query of their oids.
pub(super) fn gaps_so_far(
    session: &mut PostgresSession,
    log: LogNumber,
) -> Result<String, EngineError> {
    let remembered = remembered(session, log)?;
    Ok(format!(
        "{} union all select b.relation from {remembered} b where b.gap",
        gaps(log, &remembered)
    ))
}

fn gaps(log: LogNumber, remembered: &str) -> String {
    format!(
        "select c.oid from ({USER_TABLES}) c left join {remembered} a on a.relation = c.oid {triggers} where a.gap or {differs}",
        triggers = triggers(log, "a.rows"),
        differs = differs(),
    )
}

/// The triggers of a table `c`: of those that write its rows down the one that is `known` already, or else the one that does it
/// where there are several (see [`super::whole_trigger_name`]).
fn triggers(log: LogNumber, known: &str) -> String {
    format!(
        "left join lateral (select g.* from pg_catalog.pg_trigger g where g.tgrelid = c.oid and {} \
           order by g.oid = {known} desc nulls last, \
             g.tgname::text = {} || pg_catalog.pg_partition_root(c.oid)::oid desc nulls last, g.tgname desc limit 1) r on true \
         left join pg_catalog.pg_trigger u on u.tgrelid = c.oid and u.tgname = {}",
        is_row_trigger(log, "g"),
        literal(&whole_trigger_name(log)),
        literal(&truncate_trigger_name(log))
    )
}

/// Whether the triggers are others than those that were attached. The row trigger of a whole never fires; a new partition has a
/// clone of it that nobody has noted, which older servers may leave at `O`.
fn differs() -> String {
    "(u.oid is null or u.tgenabled = 'D' or a.truncates <> u.oid or a.truncates_enabled <> u.tgenabled \
      or c.relkind = 'r' and (r.oid is null or r.tgenabled = 'D' or a.rows <> r.oid or a.rows_enabled <> r.tgenabled \
        or a.rows is null and r.tgenabled <> 'A' and pg_catalog.current_setting('server_version_num')::integer >= 150000))"
        .to_owned()
}
