//! The window: what opens it after the forward script, and what closes it before a rollback.

use tightrope_engine::{EngineError, ErrorKind, KeptNet, KeptTable};
use tightrope_model::{Keep, TableName, TablePlan};

use super::catch::must_have_seen_all;
use super::columns::{Columns, same};
use super::conflicts::{make_failure_function, make_function};
use super::references::keep_what_is_referred_to;
use super::size::drop_functions;
use super::spread::protect;
use super::touch::TouchLog;
use super::{by_row, keys, moves, names, parts, rekeyed, settings, stand_in};
use crate::quote::quote;
use crate::session::PostgresSession;

/// Begins to write down what the application touches.
pub(super) fn open(session: &mut PostgresSession, kept: &mut KeptNet) -> Result<(), EngineError> {
    let number = kept.number;
    for table in &kept.tables {
        if let (Some(after), Some(_)) = (&table.plan.after, caught(table)) {
            must_have_seen_all(session, number, &table.plan, after)?;
        }
    }
    for table in &mut kept.tables {
        rekeyed::settle(session, number, table)?;
    }
    drop_functions(session, &names::prefix(number), true)?;
    for table in &mut kept.tables {
        drop_what_caught_nothing(session, table)?;
    }
    forget_keys_that_changed(session, kept)?;
    let models = parts::agree(session, kept)?;
    let rekeyed = kept.tables.iter().filter(|table| table.rekeyed.is_some());
    let rekeyed: Vec<KeptTable> = rekeyed.cloned().collect();
    for table in &mut kept.tables {
        let Some(after) = table.plan.after.clone() else {
            let divided = table.plan.divided.as_ref();
            if let Some(model) = divided.and_then(|whole| models.get(whole)) {
                parts::log_of_gone(session, number, table, model)?;
            }
            continue;
        };
        if let Some(since) = &mut table.stand_in {
            *since = stand_in::first_of_window(session)?;
        }
        let columns = Columns::of(session, &after)?;
        if !columns.of_table {
            return Err(EngineError::new(
                ErrorKind::DoesNotExist,
                format!("table {after} is not there, which the net was planned for"),
            )
            .hint("rehearse the migration again"));
        }
        if table.plan.columns.is_empty() && table.plan.added.is_empty() {
            continue;
        }
        let linked = by_row::link(session, table, &after, &rekeyed)?;
        note_what_was_inserted(session, number, table, linked, &after, &columns)?;
        watch(session, number, table, &after, &columns)?;
    }
    moves::prepare(session, kept)?;
    moves::follow(session, kept, None)?;
    make_function(session, number)?;
    make_failure_function(session, number)?;
    protect(session, &names::prefix(number))
}

/// A table whose rows have other keys than before, though the net was planned for those, is one without a key.
fn forget_keys_that_changed(
    session: &mut PostgresSession,
    kept: &mut KeptNet,
) -> Result<(), EngineError> {
    let mut changed = Vec::new();
    for table in &kept.tables {
        let Some(after) = table
            .plan
            .after
            .as_ref()
            .filter(|_| table.rekeyed.is_none())
        else {
            continue;
        };
        if !keys::agree(session, table, after)? {
            changed.push(after.clone());
        }
    }
    if changed.is_empty() {
        return Ok(());
    }
    let changed = keys::with_siblings(session, &changed)?;
    for table in &mut kept.tables {
        let is_one = |after: &TableName| changed.contains(after);
        if table.plan.keep == Keep::Whole && table.plan.after.as_ref().is_some_and(is_one) {
            table.plan.key.clear();
        }
    }
    Ok(())
}

/// The tables in which the changes of the script were caught.
fn caught(table: &KeptTable) -> Option<[&TableName; 2]> {
    let is_caught = table.plan.keep == Keep::Changed && !table.plan.key.is_empty();
    let (rows, inserted) = (table.rows.as_ref()?, table.inserted.as_ref()?);
    is_caught.then_some([rows, inserted])
}

/// What the script did not change needs no tables.
fn drop_what_caught_nothing(
    session: &mut PostgresSession,
    table: &mut KeptTable,
) -> Result<(), EngineError> {
    let Some([rows, inserted]) = caught(table) else {
        return Ok(());
    };
    let any = |own: &TableName| format!("exists (select from {})", names::sql(own));
    let found = session.query_own(
        &format!("select ({} or {})::int", any(rows), any(inserted)),
        &[],
    )?;
    if found.first().and_then(|row| row.first()?.integer()) == Some(0) {
        session.execute_own(&format!(
            "drop table {}, {}",
            names::sql(rows),
            names::sql(inserted)
        ))?;
        (table.rows, table.inserted) = (None, None);
    }
    Ok(())
}

/// Writes down the keys of the rows that the migration inserted: only rows that are known to be its own ever go again.
fn note_what_was_inserted(
    session: &mut PostgresSession,
    number: i64,
    table: &mut KeptTable,
    linked: bool,
    after: &TableName,
    columns: &Columns,
) -> Result<(), EngineError> {
    let plan = &table.plan;
    let Some(rows) = &table.rows else {
        return Ok(());
    };
    // An update may have given rows other keys.
    let inserts = plan.rows.inserted > 0 || plan.truncated || plan.rows.updated > 0;
    if table.inserted.is_some() {
        return Ok(());
    }
    // What a statement found nothing to insert from in the rehearsal may have rows by now.
    if !inserts && (plan.keep != Keep::Whole || !keys::any_inserted(session, after)?) {
        return Ok(());
    }
    let inserted = names::own(number, plan, "inserted");
    if plan.key.is_empty() {
        let (now, was) = by_row::texts_of_inserted(plan, linked);
        session.execute_own(&format!(
            "create table {} as select {now} from only {} t except all select {was} from {} p",
            names::sql(&inserted),
            names::sql(after),
            names::sql(rows),
        ))?;
        table.inserted = Some(inserted);
        return Ok(());
    }
    let kept = Columns::of(session, rows)?;
    if plan.rows.inserted == 0
        && !plan.truncated
        && !plan.key_changes
        && keys::stayed(session, plan, (rows, &kept), (after, columns))?
    {
        return Ok(());
    }
    let (mut selected, mut pairs) = (Vec::new(), Vec::new());
    for (place, key) in (1..).zip(&plan.key) {
        let now = columns.planned(plan, &key.after)?;
        let was = kept.planned(plan, &key.before)?;
        let (of_now, of_was) = (
            format!("t.{}", quote(&now.name)),
            format!("p.{}", quote(&was.name)),
        );
        selected.push(format!("{} as k{place}", now.to_kept(&of_now)));
        pairs.push(same((&of_now, now), (&of_was, was)));
    }
    session.execute_own(&format!(
        "create table {} as select {} from only {} t where not exists (select from {} p where {})",
        names::sql(&inserted),
        selected.join(", "),
        names::sql(after),
        names::sql(rows),
        pairs.join(" and "),
    ))?;
    table.inserted = Some(inserted);
    Ok(())
}

/// Makes the touch log and the triggers that write it.
fn watch(
    session: &mut PostgresSession,
    number: i64,
    table: &mut KeptTable,
    after: &TableName,
    columns: &Columns,
) -> Result<(), EngineError> {
    let log = names::own(number, &table.plan, "touched");
    let touch = TouchLog::new(&log, &table.plan, columns)?;
    let [rows, truncate] = touch_functions(number, &table.plan);
    session.execute_own(&format!(
        "{}; {}; {}",
        touch.table(),
        touch.function(&rows),
        touch.truncate_function(&truncate)
    ))?;
    attach_touch(session, number, &table.plan, after)?;
    table.touched = Some(log);
    Ok(())
}

/// The functions that write the touch log of a table: of rows, and of a TRUNCATE.
pub(super) fn touch_functions(number: i64, plan: &TablePlan) -> [TableName; 2] {
    ["touch", "truncate"].map(|what| names::own(number, plan, what))
}

/// Lets a table's touch log be written.
pub(super) fn attach_touch(
    session: &mut PostgresSession,
    number: i64,
    plan: &TablePlan,
    after: &TableName,
) -> Result<(), EngineError> {
    let [rows, truncate] = touch_functions(number, plan);
    let event = "after insert or update or delete";
    attach(session, after, &rows, event, "", "row")?;
    attach(session, after, &truncate, "after truncate", "", "statement")
}

/// Makes a trigger that fires under the replica role, too.
pub(super) fn attach(
    session: &mut PostgresSession,
    table: &TableName,
    function: &TableName,
    event: &str,
    tables: &str,
    each: &str,
) -> Result<(), EngineError> {
    let (table, trigger) = (names::sql(table), names::trigger(function));
    session.execute_own(&format!(
        "create trigger {trigger} {event} on {table} {tables} for each {each} execute function {}(); \
         alter table only {table} enable always trigger {trigger}",
        names::sql(function)
    ))
}

/// Locks the tables, and stops writing down.
pub(super) fn close(session: &mut PostgresSession, kept: &KeptNet) -> Result<(), EngineError> {
    let mut tables: Vec<String> = kept
        .tables
        .iter()
        .filter_map(|table| table.plan.after.as_ref())
        .map(|table| format!("only {}", names::sql(table)))
        .collect();
    if !tables.is_empty() {
        tables.sort();
        session.execute_own(&format!(
            "lock table {} in access exclusive mode",
            tables.join(", ")
        ))?;
    }
    drop_functions(session, &names::prefix(kept.number), true)?;
    keep_what_is_referred_to(session, kept)?;
    parts::fold(session, kept)?;
    let own = kept.tables.iter();
    let own = own.flat_map(|table| [&table.rows, &table.touched]);
    let own: Vec<String> = own.flatten().map(names::sql).collect();
    if own.is_empty() {
        return Ok(());
    }
    // Rows are found by keys, so the planner has to know how many there are and in which order, and hardly more.
    settings::under(session, "default_statistics_target", "10", |session| {
        session.execute_own(&format!("analyze {}", own.join(", ")))
    })
}
