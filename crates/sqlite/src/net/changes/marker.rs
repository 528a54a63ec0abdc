//! What tells a table while a script changes the schema: a trigger that does nothing and names no column. It goes where the table goes,
//! whatever that is called afterwards, and goes with it.
//!
//! A table is told by the number of its first shape in the log. Its triggers carry the number of a shape in their names.

use rusqlite::{Connection, OptionalExtension as _};
use tightrope_engine::{EngineError, LogNumber};
use tightrope_model::TableName;

use super::super::live::Live;
use super::super::names::sql;
use super::super::size::drop_all;
use super::attach::{is_logged, new_number, user_tables};
use super::{prefix, tables};
use crate::error::from_sqlite;
use crate::quote::quote_identifier;

/// Shapes `t` with their triggers and markers `g`, as it stands behind `from`.
pub(super) fn tables_with_triggers(log: LogNumber) -> String {
    format!(
        "{} t join main.sqlite_schema g on g.type = 'trigger' and g.name glob '{}_' || t.s || '_*'",
        sql(&tables(log)),
        prefix(log)
    )
}

/// Which table that is; none where the log has not seen it.
pub(super) fn relation_of(
    connection: &Connection,
    log: LogNumber,
    table: &str,
) -> rusqlite::Result<Option<i64>> {
    let query = format!(
        "select t.relation from {} where lower(g.tbl_name) = lower(?1) order by t.s limit 1",
        tables_with_triggers(log)
    );
    connection
        .query_row(&query, [table], |row| row.get(0))
        .optional()
}

/// The shape under which a table is logged now, all of it; none where it is not.
pub(super) fn shape_of(
    connection: &Connection,
    log: LogNumber,
    table: &str,
    live: &Live,
) -> rusqlite::Result<Option<i64>> {
    let query = format!(
        "select t.s from {} where lower(g.tbl_name) = lower(?1) and t.columns = ?2 and g.name not glob '*_table' \
         and instr(g.sql, ?3) > 0 group by t.s having count(*) = 3",
        tables_with_triggers(log)
    );
    let columns = serde_json::to_string(&live.stored).unwrap_or_default();
    connection
        .query_row(&query, (table, columns, reads_from(table)), |row| {
            row.get(0)
        })
        .optional()
}

/// How a trigger reads the row. A rename of former times (`legacy_alter_table`) takes a trigger along, and lets it read
/// from whatever has the name then.
pub(super) fn reads_from(table: &str) -> String {
    format!(" from {} t where ", quote_identifier(table))
}

/// Lets markers tell the tables instead of the log's triggers, which would stand in the way. A table that was not logged, or not all
/// of it, is noted for good.
pub(super) fn take_the_place_of_triggers(
    connection: &Connection,
    log: LogNumber,
) -> Result<(), EngineError> {
    let known = marked(connection, log).map_err(from_sqlite)?;
    drop_all(connection, "trigger", &format!("{}_", prefix(log)))?;
    for (table, number) in known {
        let marker = format!(
            "create trigger main.{} before insert on {} when 0 begin select 1; end",
            quote_identifier(&format!("{}_{number}_table", prefix(log))),
            quote_identifier(&table)
        );
        connection.execute_batch(&marker).map_err(from_sqlite)?;
    }
    Ok(())
}

/// Every table that can be logged, with the number of a shape of it.
fn marked(connection: &Connection, log: LogNumber) -> rusqlite::Result<Vec<(String, i64)>> {
    know_relations(connection, log)?;
    let mut known = Vec::new();
    for name in user_tables(connection)? {
        let table = TableName::new("", name);
        let Some(live) = Live::read(connection, &table)?.filter(is_logged) else {
            continue;
        };
        let number = match shape_of(connection, log, &table.name, &live)? {
            Some(number) => number,
            None => {
                let relation = relation_of(connection, log, &table.name)?;
                let number = new_number(connection, log, &table, &live, relation)?;
                let gap = format!(
                    "update {0} set gap = 1 where relation = (select relation from {0} where s = ?1)",
                    sql(&tables(log))
                );
                connection.execute(&gap, [number])?;
                number
            }
        };
        known.push((table.name, number));
    }
    Ok(known)
}

/// Takes the markers away.
pub(super) fn drop_markers(connection: &Connection, log: LogNumber) -> rusqlite::Result<()> {
    let names: Vec<String> = {
        let mut statement = connection.prepare(
            "select name from main.sqlite_schema where type = 'trigger' and name glob ?1 || '_*_table'",
        )?;
        let rows = statement.query_map([prefix(log)], |row| row.get(0))?;
        rows.collect::<rusqlite::Result<_>>()?
    };
    names.iter().try_for_each(|name| {
        connection.execute_batch(&format!("drop trigger main.{}", quote_identifier(name)))
    })
}

/// Whether the log tells tables by more than their names: one that an older tightrope has begun does not.
pub(super) fn knows_relations(connection: &Connection, log: LogNumber) -> rusqlite::Result<bool> {
    connection.query_row(
        "select exists (select 1 from pragma_table_info(?1) where name = 'relation')",
        [tables(log).name],
        |row| row.get(0),
    )
}

/// Lets a log tell them. In one that an older tightrope has begun a table is what had its name first.
pub(super) fn know_relations(connection: &Connection, log: LogNumber) -> rusqlite::Result<()> {
    if knows_relations(connection, log)? {
        return Ok(());
    }
    connection.execute_batch(&format!(
        "alter table {0} add column relation integer; alter table {0} add column gap integer not null default 0; \
         update {0} set relation = (select min(o.s) from {0} o where o.name = {1}.name)",
        sql(&tables(log)),
        quote_identifier(&tables(log).name)
    ))
}
