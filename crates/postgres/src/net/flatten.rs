//! Tables that a migration has partitioned. A rollback puts a table without parts in the place of such a one, with its rows, before it
//! goes on as with any other: rows of parts are in several tables, and their places tell them apart only within one. A table that became
//! itself a part gets the rows of the others.

use tightrope_engine::{EngineError, KeptNet, Window};
use tightrope_inverse::Matching;
use tightrope_model::{Object, ObjectId, TableName, Value};

use super::triggers::Quiet;
use super::{names, parts};
use crate::quote::{literal, quote};
use crate::session::PostgresSession;

/// What a partitioned table is called in the meantime.
const ASIDE: &str = "tightrope_partitioned";

/// Does it for all tables of a net that were not partitioned before; says whether there were any.
pub(super) fn flatten(
    session: &mut PostgresSession,
    kept: &KeptNet,
    window: &Window<'_>,
) -> Result<bool, EngineError> {
    let matching = Matching::of(window.before, window.after, &[]);
    let mut any = parts::bring_home(session, kept, window, &matching)?;
    for table in kept.tables.iter().filter(|table| !table.plan.is_made) {
        let before = window
            .before
            .object(&ObjectId::of_table(&table.plan.before));
        let had_parts = before.is_none_or(|table| table.attribute("partition_key").is_some());
        let Some(after) = table.plan.after.as_ref().filter(|_| !had_parts) else {
            continue;
        };
        if is_partitioned(session, after)? {
            take_its_place(session, after)?;
            any = true;
        } else if !was_part(before)
            && let Some(whole) = whole_of(session, after)?
        {
            let old = matching.before(&ObjectId::of_table(&whole));
            let old = old.and_then(|old| window.before.object(old));
            any |= old.is_none_or(|old| old.attribute("partition_key").is_none())
                && gather(session, after, &whole)?;
        }
    }
    for (part, whole) in new_parts_beside_a_default(window, &matching) {
        any |= scatter(session, &part, &whole)?;
    }
    Ok(any)
}

/// Parts that the migration has made, each with its whole, where rows of them would have gone to a default part before.
fn new_parts_beside_a_default(
    window: &Window<'_>,
    matching: &Matching,
) -> Vec<(TableName, TableName)> {
    let is_default = |part: &Object| part.attribute("partition_bound") == Some("DEFAULT");
    let tables = window.after.tables().iter().map(|shape| &shape.table);
    let parts = tables.filter_map(|part| Some((part.clone(), window.after.partitioned(part)?)));
    parts
        .filter(|(part, whole)| {
            let old = matching.before(&ObjectId::of_table(whole));
            matching.before(&ObjectId::of_table(part)).is_none()
                && old.is_some_and(|old| window.before.partitions(old).any(is_default))
        })
        .collect()
}

/// Moves the rows of a part to where its whole has a place for them without it; says whether there were any.
fn scatter(
    session: &mut PostgresSession,
    part: &TableName,
    whole: &TableName,
) -> Result<bool, EngineError> {
    let (part_name, whole_name) = (names::sql(part), names::sql(whole));
    let exists = format!(
        "select 1 from pg_catalog.pg_inherits where inhrelid = pg_catalog.to_regclass({}) and inhparent = pg_catalog.to_regclass({})",
        literal(&part_name),
        literal(&whole_name)
    );
    if session.query_own(&exists, &[])?.is_empty()
        || session
            .query_own(&format!("select 1 from {part_name} limit 1"), &[])?
            .is_empty()
    {
        return Ok(false);
    }
    let columns = columns(session, &part_name)?.join(", ");
    session.execute_own(&format!(
        "alter table {whole_name} detach partition {part_name}"
    ))?;
    let leaves = session.query_tables(&format!(
        "select n.nspname::text, c.relname::text from pg_catalog.pg_partition_tree(pg_catalog.to_regclass({})) t \
         join pg_catalog.pg_class c on c.oid = t.relid join pg_catalog.pg_namespace n on n.oid = c.relnamespace",
        literal(&whole_name)
    ))?;
    let quiet = Quiet::make(session, leaves.iter())?;
    session.execute_own(&format!(
        "with moved as (delete from {part_name} t returning t.*) \
         insert into {whole_name} ({columns}) overriding system value select {columns} from moved"
    ))?;
    quiet.end(session)?;
    Ok(true)
}

fn is_partitioned(session: &mut PostgresSession, table: &TableName) -> Result<bool, EngineError> {
    let rows = session.query_own(
        &format!(
            "select 1 from pg_catalog.pg_class where oid = pg_catalog.to_regclass({}) and relkind = 'p'",
            literal(&names::sql(table))
        ),
        &[],
    )?;
    Ok(!rows.is_empty())
}

fn was_part(table: Option<&Object>) -> bool {
    table.is_some_and(|table| table.attribute("partition_bound").is_some())
}

/// The table of which a table is a part, if that is no part itself.
fn whole_of(
    session: &mut PostgresSession,
    table: &TableName,
) -> Result<Option<TableName>, EngineError> {
    let wholes = session.query_tables(&format!(
        "select n.nspname::text, c.relname::text from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
         join pg_catalog.pg_inherits i on i.inhparent = c.oid where i.inhrelid = pg_catalog.to_regclass({}) \
         and c.relkind = 'p' and not c.relispartition",
        literal(&names::sql(table))
    ))?;
    Ok(wholes.into_iter().next())
}

/// Moves the rows of a whole's other parts into one; says whether there were any. What does not fit stays where it is.
fn gather(
    session: &mut PostgresSession,
    part: &TableName,
    whole: &TableName,
) -> Result<bool, EngineError> {
    let (part_name, whole_name) = (names::sql(part), names::sql(whole));
    let others = format!(
        "from {whole_name} t where t.tableoid <> pg_catalog.to_regclass({})",
        literal(&part_name)
    );
    if session
        .query_own(&format!("select 1 {others} limit 1"), &[])?
        .is_empty()
    {
        return Ok(false);
    }
    let columns = columns(session, &part_name)?;
    let of = |alias: &str| {
        let values = columns.iter().map(|column| format!("{alias}.{column}"));
        format!("row({})::text", values.collect::<Vec<_>>().join(", "))
    };
    let (of_part, of_whole, columns) = (of("o"), of("t"), columns.join(", "));
    session.execute_own(&format!(
        "alter table {whole_name} detach partition {part_name}"
    ))?;
    let quiet = Quiet::make(session, std::iter::once(part))?;
    session.execute_own(&format!(
        "insert into {part_name} ({columns}) overriding system value select {columns} from {whole_name} on conflict do nothing; \
         delete from {whole_name} t where exists (select from {part_name} o where {of_part} = {of_whole})"
    ))?;
    quiet.end(session)?;
    // The name is to be the part's again.
    let rest = session.query_own(&format!("select 1 from {whole_name} limit 1"), &[])?;
    session.execute_own(&match rest.is_empty() {
        true => format!("drop table {whole_name} cascade"),
        false => format!("alter table {whole_name} rename to {ASIDE}"),
    })?;
    Ok(true)
}

fn take_its_place(session: &mut PostgresSession, table: &TableName) -> Result<(), EngineError> {
    let name = names::sql(table);
    let aside = names::sql(&TableName::new(&table.schema, ASIDE));
    session.execute_own(&format!(
        "alter table {name} rename to {ASIDE}; create table {name} (like {aside} including all)"
    ))?;
    let list = columns(session, &name)?.join(", ");
    let values = match list.is_empty() {
        true => format!("insert into {name} select from {aside}"),
        false => format!(
            "insert into {name} ({list}) overriding system value select {list} from {aside}"
        ),
    };
    session.execute_own(&values)?;
    // Sequences stay, with their positions: those of columns go over to the new ones, and an identity's new one goes on.
    let sequences = texts(
        session,
        &format!(
            "select case d.deptype when 'a' then pg_catalog.format('alter sequence %s owned by %s.%I', d.objid::pg_catalog.regclass, {name}, a.attname) \
             else pg_catalog.format('select pg_catalog.setval(pg_catalog.pg_get_serial_sequence(%L, %L), last_value, is_called) from %s', {name}, a.attname, \
             d.objid::pg_catalog.regclass) end from pg_catalog.pg_depend d join pg_catalog.pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid \
             join pg_catalog.pg_class s on s.oid = d.objid and s.relkind = 'S' where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass \
             and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid = pg_catalog.to_regclass({aside}) and d.deptype in ('a', 'i')",
            name = literal(&name),
            aside = literal(&aside),
        ),
    )?;
    for sql in sequences {
        session.execute_own(&sql)?;
    }
    session.execute_own(&format!("drop table {aside} cascade"))
}

/// The quoted names of columns that take values.
fn columns(session: &mut PostgresSession, table: &str) -> Result<Vec<String>, EngineError> {
    let names = texts(
        session,
        &format!(
            "select a.attname::text from pg_catalog.pg_attribute a where a.attrelid = pg_catalog.to_regclass({}) \
             and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' order by a.attnum",
            literal(table)
        ),
    )?;
    Ok(names.iter().map(|name| quote(name)).collect())
}

fn texts(session: &mut PostgresSession, sql: &str) -> Result<Vec<String>, EngineError> {
    let rows = session.query_own(sql, &[])?;
    let text = |row: &Vec<Value>| row.first().and_then(Value::text).map(str::to_owned);
    Ok(rows.iter().filter_map(text).collect())
}
