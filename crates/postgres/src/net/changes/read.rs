//! Reading a log from one mark to the next.

use postgres::SimpleQueryRow;
use tightrope_engine::{
    Change, ChangeKind, Counted, EngineError, ErrorKind, LogMark, LogNumber, LogThere, LoggedTable,
    NamedRelation, ReadUpTo, Session as _, freed_beyond_the_mark,
};
use tightrope_model::{TableName, Value};

use super::super::names;
use super::begin::USER_TABLES;
use super::{attached, own};
use crate::error;
use crate::quote::literal;
use crate::session::{PostgresSession, result_sets};

/// Entries a round trip.
const BATCH: usize = 2000;

const CURSOR: &str = "tightrope_changes";

/// The logs that are there, with their sizes.
pub(super) fn logs(session: &mut PostgresSession) -> Result<Vec<LogThere>, EngineError> {
    let rows = session.query_own(
        "select substr(c.relname, 9)::bigint, pg_catalog.pg_total_relation_size(c.oid) from pg_catalog.pg_class c \
         join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
         where n.nspname = 'tightrope' and c.relkind = 'r' and c.relname ~ '^changes_[0-9]+$' order by 1",
        &[],
    )?;
    let number =
        |row: &[Value], at: usize| row.get(at).and_then(Value::integer).unwrap_or_default();
    Ok(rows
        .iter()
        .map(|row| LogThere {
            log: number(row, 0),
            bytes: u64::try_from(number(row, 1)).unwrap_or_default(),
        })
        .collect())
}

/// Gives every entry that is committed now and was not at the mark.
pub(super) fn read(
    session: &mut PostgresSession,
    log: LogNumber,
    since: &str,
    sink: &mut dyn FnMut(Change) -> bool,
) -> Result<ReadUpTo, EngineError> {
    let begin = session.pinned_begin();
    let result = session
        .execute_own(&begin)
        .and_then(|()| within(session, log, since, sink));
    session.abandon_pinned();
    result
}

fn within(
    session: &mut PostgresSession,
    log: LogNumber,
    since: &str,
    sink: &mut dyn FnMut(Change) -> bool,
) -> Result<ReadUpTo, EngineError> {
    let now = session.store_dialect().now;
    let rows = session.query_own(&format!("select txid_current_snapshot()::text, {now}"), &[])?;
    let text = |at: usize| {
        let value = rows.first().and_then(|row| row.get(at)?.text());
        value.unwrap_or_default().to_owned()
    };
    let (mark, at) = (text(0), text(1));
    must_be_whole(session, log, since)?;
    session.execute_own(&format!(
        "declare {CURSOR} no scroll cursor for select n, x, (extract(epoch from at) * 1000000)::bigint, s, k::text, o, w \
         from {} where k <> 'F' and not txid_visible_in_snapshot(x, {}::txid_snapshot) order by n",
        names::sql(&own(log, "")),
        literal(since),
    ))?;
    entries(session, sink)?;
    Ok(ReadUpTo {
        mark,
        at,
        tables: tables(session, log)?,
        counted: counted(session)?,
        unlogged: attached::unlogged(session, log)?,
    })
}

/// Where the session's snapshot stands, and what the tables are called in it.
pub(crate) fn mark(session: &mut PostgresSession) -> Result<LogMark, EngineError> {
    let rows = session.query_own("select txid_current_snapshot()::text", &[])?;
    let mark = rows.first().map(|row| text(row, 0)).unwrap_or_default();
    let rows = session.query_own(
        &format!(
            "select c.oid::bigint, n.nspname::text, c.relname::text from ({USER_TABLES}) c \
             join pg_catalog.pg_namespace n on n.oid = c.relnamespace order by 1"
        ),
        &[],
    )?;
    let tables = rows.iter().map(|row| NamedRelation {
        relation: row.first().and_then(Value::integer).unwrap_or_default(),
        table: TableName::new(text(row, 1), text(row, 2)),
    });
    Ok(LogMark {
        mark,
        tables: tables.collect(),
    })
}

/// Deletes what is kept elsewhere, and notes up to where.
pub(super) fn forget(
    session: &mut PostgresSession,
    log: LogNumber,
    up_to: &str,
) -> Result<(), EngineError> {
    let entries = names::sql(&own(log, ""));
    session.query_own(
        &format!(
            "with gone as (delete from {entries} where k = 'F' or txid_visible_in_snapshot(x, $1::txid_snapshot) returning n) \
             insert into {entries} (x, at, s, k, w) select txid_current(), clock_timestamp(), 0, 'F', $2 \
             from (select count(*) from gone) counted"
        ),
        &[Value::from(up_to), Value::from(up_to)],
    )?;
    Ok(())
}

/// Requires that nothing after the mark has been freed already: a segment that held it would be missing.
fn must_be_whole(
    session: &mut PostgresSession,
    log: LogNumber,
    since: &str,
) -> Result<(), EngineError> {
    let freed = session.query_own(
        &format!("select w from {} where k = 'F'", names::sql(&own(log, ""))),
        &[],
    )?;
    let is_further = |row: &Vec<Value>| goes_further(&text(row, 0), since);
    match freed.iter().any(is_further) {
        false => Ok(()),
        true => Err(freed_beyond_the_mark()),
    }
}

/// Whether a transaction may be visible at the first mark that is not visible at the second: it came later, or was under way then.
fn goes_further(mark: &str, than: &str) -> bool {
    let (Some(mark), Some(than)) = (Mark::read(mark), Mark::read(than)) else {
        return true;
    };
    mark.end > than.end || than.under_way.iter().any(|one| mark.sees(*one))
}

/// What the server writes as `first:end:under way`.
struct Mark {
    end: u64,
    under_way: Vec<u64>,
}

impl Mark {
    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(':').skip(1);
        let end = parts.next()?.parse().ok()?;
        let under_way = parts.next()?.split(',').filter(|one| !one.is_empty());
        let under_way: Result<_, _> = under_way.map(str::parse).collect();
        Some(Self {
            end,
            under_way: under_way.ok()?,
        })
    }

    fn sees(&self, transaction: u64) -> bool {
        transaction < self.end && !self.under_way.contains(&transaction)
    }
}

fn entries(
    session: &mut PostgresSession,
    sink: &mut dyn FnMut(Change) -> bool,
) -> Result<(), EngineError> {
    loop {
        let messages = session
            .client
            .simple_query(&format!("fetch {BATCH} from {CURSOR}"))
            .map_err(|error| error::of_own(&error))?;
        let sets = result_sets(messages);
        let rows = sets
            .first()
            .map(|set| set.rows.as_slice())
            .unwrap_or_default();
        for row in rows {
            if !sink(change(row)?) {
                return Ok(());
            }
        }
        if rows.len() < BATCH {
            return Ok(());
        }
    }
}

fn change(row: &SimpleQueryRow) -> Result<Change, EngineError> {
    let number = |at: usize| {
        row.get(at)
            .and_then(|text| text.parse().ok())
            .unwrap_or_default()
    };
    let kind = match row.get(4) {
        Some("I") => ChangeKind::Insert,
        Some("U") => ChangeKind::Update,
        Some("D") => ChangeKind::Delete,
        Some("T") => ChangeKind::Truncate,
        Some("M") => ChangeKind::Migration,
        other => {
            return Err(EngineError::new(
                ErrorKind::Other,
                format!("the change log has an entry of an unknown kind {other:?}"),
            ));
        }
    };
    Ok(Change {
        number: number(0),
        transaction: number(1),
        at: number(2),
        table: number(3),
        kind,
        old: row.get(5).map(str::to_owned),
        new: row.get(6).map(str::to_owned),
    })
}

fn tables(session: &mut PostgresSession, log: LogNumber) -> Result<Vec<LoggedTable>, EngineError> {
    let gaps = attached::gaps_so_far(session, log)?;
    let rows = session.query_own(
        &format!(
            "select t.s, t.schema_name, t.table_name, t.columns, array_to_json(t.made_by)::text, t.relation::bigint, \
               (t.relation in ({gaps}))::int from {} t order by t.s",
            names::sql(&own(log, "tables"))
        ),
        &[],
    )?;
    rows.iter()
        .map(|row| {
            Ok(LoggedTable {
                number: row.first().and_then(Value::integer).unwrap_or_default(),
                relation: row.get(5).and_then(Value::integer),
                table: TableName::new(text(row, 1), text(row, 2)),
                gap: row.get(6).and_then(Value::integer) == Some(1),
                columns: serde_json::from_str(&text(row, 3)).map_err(|error| unread(&error))?,
                made_by: serde_json::from_str(&text(row, 4)).map_err(|error| unread(&error))?,
            })
        })
        .collect()
}

fn unread(error: &serde_json::Error) -> EngineError {
    EngineError::new(
        ErrorKind::Other,
        "the change log's own notes cannot be read",
    )
    .detail(error.to_string())
}

/// How far the sequences that the session may read have counted.
fn counted(session: &mut PostgresSession) -> Result<Vec<Counted>, EngineError> {
    let rows = session.query_own(
        "select schemaname::text, sequencename::text, last_value from pg_catalog.pg_sequences \
         where last_value is not null and schemaname <> 'tightrope' order by 1, 2",
        &[],
    )?;
    Ok(rows
        .iter()
        .map(|row| Counted {
            sequence: TableName::new(text(row, 0), text(row, 1)),
            last: row.get(2).and_then(Value::integer).unwrap_or_default(),
        })
        .collect())
}

fn text(row: &[Value], at: usize) -> String {
    let value = row.get(at).and_then(Value::text);
    value.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::goes_further;

    #[test]
    fn a_mark_goes_further_also_where_both_end_alike() {
        // The transaction 11 was under way at the first mark, and is over at the second.
        assert!(goes_further("10:20:10", "10:20:10,11"));
        assert!(goes_further("20:20:", "10:20:11"));
        assert!(goes_further("10:21:10", "10:20:10"));
        assert!(goes_further("nothing", "10:20:"));
    }

    #[test]
    fn a_mark_goes_no_further_than_itself_or_a_later_one() {
        assert!(!goes_further("10:20:10,11", "10:20:10,11"));
        assert!(!goes_further("10:20:10,11", "10:20:10"));
        assert!(!goes_further("10:20:10,11", "10:25:10,22"));
        assert!(!goes_further("20:20:", "22:25:22"));
    }
}
