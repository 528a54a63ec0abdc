//! Windows above one another. While a later migration's window is open, what the application writes is in its log alone: the
//! tables may look different now, and the logs of the migrations before are left as they are. What the later script and its
//! rollback write is in neither. After the rollback, the later log is added to the earlier one, and that goes on.

use tightrope_engine::{EngineError, ErrorKind, KeptNet, KeptTable};
use tightrope_model::{TableName, TablePlan, Value};

use super::spread::protect;
use super::window::{attach_touch, touch_functions};
use super::{by_row, moves, names};
use crate::quote::literal;
use crate::session::PostgresSession;

/// Takes the triggers of an earlier window off these tables.
pub(super) fn suspend(
    session: &mut PostgresSession,
    older: &KeptNet,
    tables: &[TableName],
) -> Result<(), EngineError> {
    for (table, after, _) in watched(older, tables) {
        for function in touch_functions(older.number, &table.plan) {
            session.execute_own(&format!(
                "drop trigger if exists {} on {}",
                names::trigger(&function),
                names::sql(after)
            ))?;
        }
        moves::leave_alone(session, older.number, &table.plan, after)?;
    }
    Ok(())
}

/// After a rollback: what was written since is added to the earlier log, whose triggers come back.
pub(super) fn resume(
    session: &mut PostgresSession,
    older: &KeptNet,
    newer: &KeptNet,
    tables: &[TableName],
) -> Result<(), EngineError> {
    moves::fold(session, older, newer, tables)?;
    for (table, after, log) in watched(older, tables) {
        if let Some(later) = newer.table(after) {
            fold(session, later, (&table.plan, log))?;
        }
        attach_touch(session, older.number, &table.plan, after)?;
    }
    moves::follow(session, older, Some(tables))?;
    protect(session, &names::prefix(older.number))
}

/// The tables among `tables` that a net watches, with their names since its migration and their logs.
fn watched<'k>(
    kept: &'k KeptNet,
    tables: &[TableName],
) -> impl Iterator<Item = (&'k KeptTable, &'k TableName, &'k TableName)> {
    let watched = kept
        .tables
        .iter()
        .filter_map(|table| Some((table, table.plan.after.as_ref()?, table.touched.as_ref()?)));
    watched.filter(move |(_, after, _)| tables.contains(after))
}

/// A column of a log: its name, what it stands for, and its type.
struct Logged {
    name: String,
    of: String,
    type_name: String,
}

/// What the columns of a log stand for is said in their comments.
fn logged(session: &mut PostgresSession, log: &TableName) -> Result<Vec<Logged>, EngineError> {
    let rows = session.query_own(
        &format!(
            "select a.attname::text, coalesce(pg_catalog.col_description(a.attrelid, a.attnum), '')::text, \
             pg_catalog.format_type(a.atttypid, a.atttypmod)::text from pg_catalog.pg_attribute a \
             where a.attrelid = pg_catalog.to_regclass({}) and a.attnum > 0 and not a.attisdropped order by a.attnum",
            literal(&names::sql(log))
        ),
        &[],
    )?;
    let logged = rows.iter().filter_map(|row| {
        let text = |at: usize| row.get(at).and_then(Value::text).map(str::to_owned);
        Some(Logged {
            name: text(0)?,
            of: text(1)?,
            type_name: text(2)?,
        })
    });
    Ok(logged.collect())
}

/// Adds the log of a table to an earlier one of it.
fn fold(
    session: &mut PostgresSession,
    table: &KeptTable,
    (earlier_plan, earlier): (&TablePlan, &TableName),
) -> Result<(), EngineError> {
    let Some(later) = &table.touched else {
        return Ok(());
    };
    let plan = &table.plan;
    let whole_rows = plan.key.is_empty();
    let (mut keys, mut bits) = (Vec::new(), Vec::new());
    for column in logged(session, earlier)? {
        if column.name.starts_with('k') {
            let place = plan.key.iter().position(|key| key.before == column.of);
            let whole_row = whole_rows && column.of.is_empty();
            match place.or(whole_row.then_some(0)) {
                Some(place) => {
                    keys.push((column.name[1..].to_owned(), place + 1, column.type_name))
                }
                None => return Err(other_key(table)),
            }
        } else if column.name.starts_with('w') {
            let known = plan
                .columns
                .iter()
                .position(|planned| planned.before == column.of);
            let known = known.filter(|at| plan.columns[*at].after.is_some());
            bits.push((column.name, known.map(|at| format!("w{}", at + 1))));
        }
    }
    let (earlier, later) = (names::sql(earlier), names::sql(later));
    let entries = match whole_rows {
        true => {
            let flags: Vec<&str> = bits
                .iter()
                .filter_map(|(_, other)| other.as_deref())
                .collect();
            by_row::in_words_of_before(session, table, earlier_plan, &flags)?
        }
        false => format!("select * from {later}"),
    };
    session.execute_own(
        &Fold {
            earlier: &earlier,
            later: &later,
            entries: &entries,
            keys: &keys,
            bits: &bits,
            whole_rows,
            keeps_what_is_left: whole_rows && by_row::has_more(earlier_plan),
        }
        .statements(),
    )
}

fn other_key(table: &KeptTable) -> EngineError {
    EngineError::new(
        ErrorKind::Unsupported,
        format!(
            "table {} had another key in an earlier migration's touch log, so both logs cannot become one",
            table.plan.before
        ),
    )
    .hint("seal the earlier migrations first")
}

/// How one log is added to another.
struct Fold<'f> {
    /// The logs, as they stand in SQL.
    earlier: &'f str,
    later: &'f str,
    /// A query for the later log's entries, in the earlier one's words.
    entries: &'f str,
    /// The earlier log's numbers with the later one's and their type.
    keys: &'f [(String, usize, String)],
    /// The earlier log's flags with the later one's.
    bits: &'f [(String, Option<String>)],
    /// The text of whole rows stands for a key, and equal ones are counted.
    whole_rows: bool,
    /// The earlier log has the text of what is left of a row beside.
    keeps_what_is_left: bool,
}

impl Fold<'_> {
    fn each(&self, between: &str, of: impl Fn(&str, usize, &str) -> String) -> String {
        let parts = self
            .keys
            .iter()
            .map(|(own, other, type_name)| of(own, *other, type_name));
        parts.collect::<Vec<_>>().join(between)
    }

    fn statements(&self) -> String {
        let (earlier, later, entries) = (self.earlier, self.later, self.entries);
        let value = |letter: &str, other: usize, type_name: &str| {
            format!("(j.{letter}{other})::text::{type_name}")
        };
        let mut matches = self.each(" and ", |own, other, _| {
            format!("(e.k{own})::text = (l.o{other})::text")
        });
        let (mut of_earlier, mut of_later) = (String::new(), String::new());
        if self.whole_rows {
            of_earlier = ", row_number() over (partition by k1 order by ctid) as n".to_owned();
            of_later = ", row_number() over (partition by o1) as n".to_owned();
            matches.push_str(" and e.n = l.n");
        }
        let (mut left, mut left_of_now, mut new_left) = ("", "", "");
        if self.keeps_what_is_left {
            (left, left_of_now, new_left) = (", s1", ", s1 = j.s1", ", j.s1");
        }
        let no_key = self.each(", ", |own, _, _| format!("k{own} = null"));
        let follow = self.each(", ", |own, other, kind| {
            format!("k{own} = {}", value("k", other, kind))
        });
        let columns = self.each(", ", |own, _, _| format!("k{own}, o{own}"));
        let values = self.each(", ", |_, other, kind| {
            format!("{}, {}", value("k", other, kind), value("o", other, kind))
        });
        let only_keys = self.each(", ", |own, _, _| format!("k{own}"));
        let new_keys = self.each(", ", |_, other, kind| value("k", other, kind));
        let known = self
            .bits
            .iter()
            .filter_map(|(own, other)| Some((own, other.as_ref()?)));
        let (mut or, mut flags, mut given) = (String::new(), String::new(), String::new());
        for (own, other) in known {
            or.push_str(&format!(", {own} = e.{own} or j.{other}"));
            flags.push_str(&format!(", {own}"));
            given.push_str(&format!(", j.{other}"));
        }
        let truncated = format!("exists (select from {later} where k1 is null and o1 is null)");
        format!(
            "delete from {earlier} where {truncated} and o1 is null and k1 is not null; \
             insert into {earlier} select from {later} where k1 is null and o1 is null; \
             update {earlier} set {no_key} where {truncated}; \
             with later as materialized ({entries}), \
             joined as (select l.*, e.place, e.fresh from (select *{of_later} from later where o1 is not null) l \
               left join (select *, ctid as place, o1 is null as fresh{of_earlier} from {earlier} where k1 is not null) e on {matches}), \
             undone as (delete from {earlier} where ctid in (select place from joined where k1 is null and fresh)), \
             gone as (update {earlier} set {no_key} where ctid in (select place from joined where k1 is null and not fresh)), \
             moved as (update {earlier} e set {follow}{left_of_now}{or} from joined j where e.ctid = j.place and j.k1 is not null), \
             touched as (insert into {earlier} ({columns}{left}{flags}) select {values}{new_left}{given} from joined j where j.place is null) \
             insert into {earlier} ({only_keys}{left}) select {new_keys}{new_left} from later j where j.o1 is null and j.k1 is not null"
        )
    }
}
