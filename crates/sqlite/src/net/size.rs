//! How much the net holds, and letting go of it.

use rusqlite::Connection;
use tightrope_engine::{EngineError, KeptNet};
use tightrope_model::{Keep, NetPlan, TableName};

use super::key::Key;
use super::live::Live;
use super::names::{all, any, differ, of, prefix, sql};
use super::others;
use crate::error::from_sqlite;
use crate::quote::quote_identifier;

/// Bytes by what they hold.
pub(super) fn of_net(
    connection: &Connection,
    kept: &KeptNet,
) -> Result<Vec<(String, u64)>, EngineError> {
    let mut sizes = Vec::new();
    for table in &kept.tables {
        let parts = [
            (&table.rows, "rows of before of"),
            (&table.inserted, "rows made by the migration in"),
            (&table.touched, "touch log of"),
        ];
        for (own, words) in parts {
            if let Some(own) = own {
                sizes.push((
                    format!("{words} {}", table.plan.before),
                    bytes(connection, own)?,
                ));
            }
        }
    }
    Ok(sizes)
}

/// Bytes that keeping the rows of a plan takes at the most: the tables again, with their indexes for the index over the keys.
pub(super) fn estimate(connection: &Connection, plan: &NetPlan) -> Result<u64, EngineError> {
    let kept = plan
        .tables
        .iter()
        .filter(|table| table.keep != Keep::Nothing);
    kept.map(|table| bytes(connection, &table.before)).sum()
}

/// The pages of a table and its indexes.
pub(super) fn bytes(connection: &Connection, table: &TableName) -> Result<u64, EngineError> {
    let sql = "select coalesce(sum(pgsize), 0) from dbstat('main', 1) where name in
        (select name from main.sqlite_schema where tbl_name = ?1 and type in ('table', 'index'))";
    connection
        .query_row(sql, [&table.name], |row| row.get::<_, i64>(0))
        .map(|bytes| u64::try_from(bytes).unwrap_or_default())
        .map_err(from_sqlite)
}

/// Drops everything whose name says that it is this net's.
pub(super) fn free(connection: &Connection, kept: &KeptNet) -> Result<(), EngineError> {
    let prefix = prefix(kept.number);
    if Live::read(connection, &TableName::new("", format!("{prefix}about")))
        .map_err(from_sqlite)?
        .is_some()
    {
        others::make_again(connection, kept)?;
    }
    for kind in ["trigger", "index", "table"] {
        drop_all(connection, kind, &prefix)?;
    }
    Ok(())
}

/// Takes away all that writes down what the application touches.
pub(super) fn shed(connection: &Connection) -> Result<(), EngineError> {
    drop_all(connection, "trigger", "tightrope_net_")
}

/// Drops all objects of a kind whose names begin so.
pub(super) fn drop_all(
    connection: &Connection,
    kind: &str,
    prefix: &str,
) -> Result<(), EngineError> {
    let names = || {
        let mut statement = connection.prepare(
            "select name from main.sqlite_schema where type = ?1 and substr(name, 1, ?2) = ?3 and sql is not null",
        )?;
        let length = i64::try_from(prefix.len()).unwrap_or(i64::MAX);
        let rows = statement.query_map((kind, length, prefix), |row| row.get(0))?;
        rows.collect::<rusqlite::Result<Vec<String>>>()
    };
    for name in names().map_err(from_sqlite)? {
        let sql = format!("drop {kind} main.{}", quote_identifier(&name));
        connection.execute_batch(&sql).map_err(from_sqlite)?;
    }
    Ok(())
}

/// Rows that nobody touched and that are not what they were, table by table.
pub(super) fn unlike(
    connection: &Connection,
    kept: &KeptNet,
) -> Result<Vec<(TableName, u64)>, EngineError> {
    let mut unlike = Vec::new();
    for table in &kept.tables {
        let Some(rows) = &table.rows else {
            continue;
        };
        let key = Key::read(connection, kept.number, table)?;
        let Some(found) = same_row(table, &key) else {
            continue;
        };
        let columns = (1..).zip(&table.plan.columns);
        let differs =
            columns.map(|(n, column)| differ(&of("t", &column.before), &format!("p.c${n}")));
        let untouched = match &table.touched {
            Some(log) => format!(
                "not exists (select 1 from {} l where {})",
                sql(log),
                super::key::equal(&key.own("l", "o"), &key.kept("p"))
            ),
            None => "true".to_owned(),
        };
        let query = format!(
            "select count(*) from {} p where p.gone$ <> 2 and {untouched} and not exists (select 1 from {} t where {found} and not {})",
            sql(rows),
            sql(&table.plan.before),
            any(differs),
        );
        let count: i64 = connection
            .query_row(&query, [], |row| row.get(0))
            .map_err(from_sqlite)?;
        if count > 0 {
            unlike.push((
                table.plan.before.clone(),
                u64::try_from(count).unwrap_or_default(),
            ));
        }
    }
    Ok(unlike)
}

/// How a row of before is found again in the table as it was; none if it cannot be.
fn same_row(table: &tightrope_engine::KeptTable, key: &Key) -> Option<String> {
    let place = |column: &String| {
        let at = table
            .plan
            .columns
            .iter()
            .position(|known| &known.before == column)?;
        Some(format!("{} = p.c${}", of("t", column), at + 1))
    };
    if table.plan.after.is_none() && !table.plan.columns.is_empty() {
        let key = table.plan.key.iter().map(|column| place(&column.before));
        let key = key
            .collect::<Option<Vec<_>>>()
            .filter(|key| !key.is_empty());
        return key.map(all);
    }
    if !key.place.is_empty() {
        let conditions = key.place.iter().map(|(before, ..)| place(before));
        return conditions.collect::<Option<Vec<_>>>().map(all);
    }
    // A rowid is no column of the plan; it is kept beside them.
    let conditions = key.parts.iter().map(|part| {
        let before = part.before.as_ref()?;
        Some(place(before).unwrap_or_else(|| format!("{} = p.r$", of("t", before))))
    });
    let conditions = conditions.collect::<Option<Vec<_>>>()?;
    (!conditions.is_empty()).then(|| all(conditions))
}
