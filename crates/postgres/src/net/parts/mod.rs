//! Parts of partitioned tables that the migration divides anew. Rows of before may be in other parts now, among them such that it made, and rows
//! that the application has written since belong where they would have gone without the migration: to the part whose bounds of before they meet.
//!
//! All these parts are watched. When the window closes, its entries become entries of the parts of before, and pre-images follow
//! them. Before a derived rollback its rows move there, too, and the merge finds them as if they had never been elsewhere.

mod home;

use std::collections::{BTreeMap, BTreeSet};

use tightrope_engine::{EngineError, ErrorKind, KeptNet, KeptTable, Window};
use tightrope_inverse::Matching;
use tightrope_model::{KeyColumn, ObjectId, ObjectKind, TableName, TablePlan, Value};

use home::MoveRows;

use super::columns::Columns;
use super::merge::counted;
use super::touch::{TouchLog, numbered};
use super::triggers::Quiet;
use super::{moves, names, settings};
use crate::quote::{literal, quote};
use crate::session::PostgresSession;

/// The condition that a part's rows meet, by its own bounds and those of what it is a part of; none if it is no part.
pub(super) fn bounds(
    session: &mut PostgresSession,
    table: &TableName,
) -> Result<Option<String>, EngineError> {
    let query = format!(
        "select coalesce(nullif(pg_catalog.pg_get_partition_constraintdef(c.oid), ''), 'true') from pg_catalog.pg_class c \
         where c.oid = pg_catalog.to_regclass({}) and c.relispartition",
        literal(&names::sql(table))
    );
    // What it names is qualified where there is no path.
    let rows = settings::under(session, "search_path", "pg_catalog", |session| {
        session.query_own(&query, &[])
    })?;
    let text = rows.first().and_then(|row| row.first()?.text());
    Ok(text.map(str::to_owned))
}

/// Bounds by hash, which the server writes with the number of the partitioned table, with its name instead: a rollback of a migration above
/// may make that table again. None if a table is gone that nobody replaces; `whole` is the one whose parts are divided anew.
fn by_names(
    session: &mut PostgresSession,
    bounds: &str,
    whole: &TableName,
) -> Result<Option<String>, EngineError> {
    let (mut named, mut rest) = (String::new(), bounds);
    while let Some(at) = rest.find(HASHED) {
        let (before, call) = rest.split_at(at + HASHED.len());
        named.push_str(before);
        rest = call;
        let number = call.strip_prefix('\'');
        let number = number.and_then(|number| number.split_once("'::oid"));
        // In a literal the quotation mark is doubled.
        let Some((number, after)) =
            number.filter(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit()))
        else {
            continue;
        };
        let query = format!(
            "select coalesce((select c.oid from pg_catalog.pg_class c where c.oid = {number}), \
             (select c.oid from pg_catalog.pg_class c where c.oid = pg_catalog.to_regclass({}) and c.relkind = 'p'))::pg_catalog.regclass::text",
            literal(&names::sql(whole))
        );
        let rows = settings::under(session, "search_path", "pg_catalog", |session| {
            session.query_own(&query, &[])
        })?;
        let Some(name) = rows.first().and_then(|row| row.first()?.text()) else {
            return Ok(None);
        };
        named.push_str(&format!("{}::pg_catalog.regclass::oid", literal(name)));
        rest = after;
    }
    named.push_str(rest);
    Ok(Some(named))
}

/// How bounds by hash begin.
const HASHED: &str = "satisfies_hash_partition(";

/// Looks at the tables that are divided anew, now that the script has run: where their keys do not say in which part a row is, nothing can be
/// told of rows that are in others, and parts that the migration made have no key. Gives for the others a part that is there, by the name of
/// the partitioned table.
pub(super) fn agree(
    session: &mut PostgresSession,
    kept: &mut KeptNet,
) -> Result<BTreeMap<TableName, TableName>, EngineError> {
    let parts = |kept: &KeptNet, whole: &TableName| -> Vec<TablePlan> {
        let plans = kept.tables.iter().map(|table| &table.plan);
        let parts = plans.filter(|plan| plan.divided.as_ref() == Some(whole));
        parts.cloned().collect()
    };
    let divided: BTreeSet<TableName> = kept
        .tables
        .iter()
        .filter_map(|table| table.plan.divided.clone())
        .collect();
    let mut models = BTreeMap::new();
    for table in &mut kept.tables {
        if let (Some(bounds), Some(whole)) = (&table.bounds, &table.plan.divided) {
            table.bounds = by_names(session, bounds, whole)?;
        }
    }
    for whole in divided {
        let plans = parts(kept, &whole);
        let there = plans.iter().filter_map(|plan| plan.after.as_ref());
        let facts = moves::facts(session, there)?;
        let key = |plan: &TablePlan| -> BTreeSet<String> {
            let key = plan.key.iter();
            key.map(|part| part.before.clone()).collect()
        };
        let is_key_of_all = plans
            .iter()
            .all(|plan| !plan.key.is_empty() && key(plan) == key(&plans[0]));
        let bounds_are_told = plans.iter().all(|plan| {
            let fact = plan.after.as_ref().and_then(|after| facts.get(after));
            let mut columns = fact.iter().flat_map(|fact| &fact.partition_key);
            columns.all(|column| plan.key.iter().any(|part| part.after == *column))
        });
        if is_key_of_all && bounds_are_told {
            models.extend(facts.into_keys().next().map(|part| (whole, part)));
            continue;
        }
        for table in &mut kept.tables {
            if table.plan.divided.as_ref() == Some(&whole) {
                table.bounds = None;
                if table.plan.is_made {
                    table.plan.key.clear();
                }
            }
        }
    }
    Ok(models)
}

/// A touch log for a part that is gone: what is written to its rows is written elsewhere. `model` is a part that is there.
pub(super) fn log_of_gone(
    session: &mut PostgresSession,
    number: i64,
    kept: &mut KeptTable,
    model: &TableName,
) -> Result<(), EngineError> {
    let plan = &kept.plan;
    let columns = Columns::of(session, model)?;
    let log = names::own(number, plan, "touched");
    session.execute_own(&TouchLog::new(&log, plan, &columns)?.table())?;
    kept.touched = Some(log);
    Ok(())
}

/// The other parts of the same partitioned table, those of before and those that the migration made.
fn others<'k>(kept: &'k KeptNet, home: &'k KeptTable) -> impl Iterator<Item = &'k KeptTable> {
    let siblings = kept.tables.iter();
    let siblings = siblings.filter(|table| table.plan.divided == home.plan.divided);
    siblings.filter(|table| table.plan.number != home.plan.number)
}

/// Those of them that are there, and may have rows that belong to this one.
fn sources<'k>(
    kept: &'k KeptNet,
    home: &'k KeptTable,
) -> impl Iterator<Item = (&'k KeptTable, &'k TableName)> {
    others(kept, home).filter_map(|table| Some((table, table.plan.after.as_ref()?)))
}

/// The parts of before whose rows may be in others, with their bounds.
fn homes(kept: &KeptNet) -> impl Iterator<Item = (&KeptTable, &str)> {
    let tables = kept.tables.iter();
    tables.filter_map(|table| Some((table, table.bounds.as_deref()?)))
}

/// Gives the parts of before the entries of rows that belong there, and their pre-images: the window is closed.
///
/// # Errors
/// When rows were written whose parts nobody can tell, for they have no key.
pub(super) fn fold(session: &mut PostgresSession, kept: &KeptNet) -> Result<(), EngineError> {
    let made = kept.tables.iter().filter(|table| table.plan.is_made);
    for part in made.filter(|table| table.plan.key.is_empty()) {
        nothing_was_written(session, part)?;
    }
    let of_before = kept.tables.iter().filter(|table| !table.plan.is_made);
    for part in of_before.filter(|table| table.plan.divided.is_some() && table.bounds.is_none()) {
        nothing_was_written_to_inserted(session, part)?;
    }
    for (home, bounds) in homes(kept) {
        for (from, _) in sources(kept, home) {
            entries(session, from, home, bounds)?;
            emptied(session, from, home, bounds)?;
        }
        truncations(session, kept, home)?;
    }
    for (home, _) in homes(kept) {
        for from in others(kept, home) {
            images(session, from, home)?;
        }
    }
    Ok(())
}

fn nothing_was_written(session: &mut PostgresSession, part: &KeptTable) -> Result<(), EngineError> {
    let Some(log) = &part.touched else {
        return Ok(());
    };
    let entries = format!("select count(*) from {}", names::sql(log));
    let written = format!(
        "rows were written in {}, a part that the migration made,",
        part.plan.before
    );
    must_be_none(session, &entries, &written)
}

/// The same of rows that the migration moved into a part that was there before.
fn nothing_was_written_to_inserted(
    session: &mut PostgresSession,
    part: &KeptTable,
) -> Result<(), EngineError> {
    let (Some(log), Some(inserted)) = (&part.touched, &part.inserted) else {
        return Ok(());
    };
    let same = (1..=part.plan.key.len().max(1))
        .map(|place| format!("(l.o{place})::text = (i.k{place})::text"))
        .collect::<Vec<_>>()
        .join(" and ");
    let entries = format!(
        "select count(*) from {} i where exists (select from {} l where {same} or l.o1 is null and l.k1 is null)",
        names::sql(inserted),
        names::sql(log),
    );
    let written = format!(
        "rows that the migration put into {} were written since,",
        part.plan.before
    );
    must_be_none(session, &entries, &written)
}

fn must_be_none(
    session: &mut PostgresSession,
    entries: &str,
    written: &str,
) -> Result<(), EngineError> {
    let entries = counted(session, entries)?;
    if entries == 0 {
        return Ok(());
    }
    Err(EngineError::new(
        ErrorKind::Unsupported,
        format!("{entries} {written} and have no key that tells which rows of before they are"),
    )
    .hint("`tightrope seal` keeps the migration; to go back, write a migration that puts the parts back with their rows"))
}

/// Moves the entries of rows that meet the bounds.
fn entries(
    session: &mut PostgresSession,
    from: &KeptTable,
    home: &KeptTable,
    bounds: &str,
) -> Result<(), EngineError> {
    let (Some(log), Some(own)) = (&from.touched, &home.touched) else {
        return Ok(());
    };
    let key = key_of_before(from, home, |other| {
        format!("case when e.k1 is null then e.o{other} else e.k{other} end")
    })?;
    let (mut columns, mut values) = (Vec::new(), Vec::new());
    for (place, part) in (1..).zip(&home.plan.key) {
        let other = place_in_key(&from.plan, &part.before)?;
        for letter in ["k", "o"] {
            columns.push(format!("{letter}{place}"));
            values.push(format!("e.{letter}{other}"));
        }
    }
    let flags = flags(&from.plan);
    for (number, column) in self::flags(&home.plan) {
        if let Some((other, _)) = flags.iter().find(|(_, other)| *other == column) {
            columns.push(format!("w{number}"));
            values.push(format!("e.w{other}"));
        }
    }
    session.execute_own(&format!(
        "with e as (delete from {} e where (e.k1 is not null or e.o1 is not null) \
         and exists (select from (select {key}) t where {bounds}) returning e.*) insert into {} ({}) select {} from e",
        names::sql(log),
        names::sql(own),
        columns.join(", "),
        values.join(", "),
    ))
}

/// The logged columns by their numbers: their names before, or that they were added, and their names after. A part that stands alone may
/// have other names than what it was a part of.
fn flags(plan: &TablePlan) -> Vec<(usize, (bool, &str))> {
    let column = |(number, name): (usize, _)| match plan.columns.get(number - 1) {
        Some(column) => (number, (true, column.before.as_str())),
        None => (number, (false, name)),
    };
    numbered(plan).into_iter().map(column).collect()
}

/// The columns of a part's key as they were before, from an expression of their places in the key of another part.
fn key_of_before(
    from: &KeptTable,
    home: &KeptTable,
    value: impl Fn(usize) -> String,
) -> Result<String, EngineError> {
    let columns = home.plan.key.iter().map(|part| {
        let other = place_in_key(&from.plan, &part.before)?;
        let mut columns = home.plan.columns.iter();
        let of_before = columns.find(|column| column.before == part.before);
        let type_before = of_before.map_or("text", |column| column.type_before.as_str());
        Ok(format!(
            "({})::text::{type_before} as {}",
            value(other),
            quote(&part.before)
        ))
    });
    let columns: Result<Vec<String>, EngineError> = columns.collect();
    columns.map(|columns| columns.join(", "))
}

/// Where the application has emptied a part into which the migration had moved rows of another, it has deleted those.
fn emptied(
    session: &mut PostgresSession,
    from: &KeptTable,
    home: &KeptTable,
    bounds: &str,
) -> Result<(), EngineError> {
    let (Some(log), Some(inserted), Some(own)) = (&from.touched, &from.inserted, &home.touched)
    else {
        return Ok(());
    };
    if from.plan.is_made || !is_truncated(session, log)? {
        return Ok(());
    }
    let key = key_of_before(from, home, |other| format!("i.k{other}"))?;
    let (mut columns, mut values, mut same) = (Vec::new(), Vec::new(), Vec::new());
    for (place, part) in (1..).zip(&home.plan.key) {
        let other = place_in_key(&from.plan, &part.before)?;
        columns.push(format!("o{place}"));
        values.push(format!("i.k{other}"));
        same.push(format!("(l.o{place})::text = (i.k{other})::text"));
    }
    session.execute_own(&format!(
        "insert into {own} ({}) select {} from {} i where exists (select from (select {key}) t where {bounds}) \
         and not exists (select from {own} l where {})",
        columns.join(", "),
        values.join(", "),
        names::sql(inserted),
        same.join(" and "),
        own = names::sql(own),
    ))
}

fn is_truncated(session: &mut PostgresSession, log: &TableName) -> Result<bool, EngineError> {
    let entries = format!(
        "select count(*) from {} where k1 is null and o1 is null",
        names::sql(log)
    );
    counted(session, &entries).map(|entries| entries > 0)
}

/// Where the application has emptied all parts in which rows of one may have been, it has emptied that one.
fn truncations(
    session: &mut PostgresSession,
    kept: &KeptNet,
    home: &KeptTable,
) -> Result<(), EngineError> {
    let Some(own) = &home.touched else {
        return Ok(());
    };
    let any_made = sources(kept, home).any(|(table, _)| table.plan.is_made);
    let made = sources(kept, home).filter(|(table, _)| table.plan.is_made || !any_made);
    let (mut emptied, mut others) = (Vec::new(), false);
    for (table, after) in made {
        match &table.touched {
            Some(log) if is_truncated(session, log)? => emptied.push(after),
            _ => others = true,
        }
    }
    let Some(first) = emptied.first() else {
        return Ok(());
    };
    let is_gone = home.plan.after.is_none();
    if !any_made && (others || !is_gone) {
        // What was known to have been moved there was deleted.
        return Ok(());
    }
    if others || !is_gone && !is_truncated(session, own)? {
        return Err(EngineError::new(
            ErrorKind::Unsupported,
            format!(
                "table {first}, which the migration made as a part, was truncated, and others were not: nobody can tell which rows of {} those were",
                home.plan.before
            ),
        )
        .hint("restore those rows from a backup, or seal the migration"));
    }
    if is_gone {
        session.execute_own(&format!("insert into {} default values", names::sql(own)))?;
    }
    Ok(())
}

/// Moves pre-images to where the entries of their rows are.
fn images(
    session: &mut PostgresSession,
    from: &KeptTable,
    home: &KeptTable,
) -> Result<(), EngineError> {
    let (Some(rows), Some(own), Some(log)) = (&from.rows, &home.rows, &home.touched) else {
        return Ok(());
    };
    let (kept, other) = (Columns::of(session, own)?, Columns::of(session, rows)?);
    let columns = home.plan.columns.iter().map(|column| &column.before);
    let columns: Vec<String> = columns
        .filter(|name| kept.get(name).is_some() && other.get(name).is_some())
        .map(|name| quote(name))
        .collect();
    let same = |entry: &str, plan: &TablePlan| {
        is_entry_of(
            &home.plan,
            |part| format!("p.{}", quote(&part.before)),
            plan,
            entry,
        )
    };
    let known = match &from.touched {
        Some(theirs) => format!(
            " and not exists (select from {} a where {})",
            names::sql(theirs),
            same("a.o", &from.plan)?
        ),
        None => String::new(),
    };
    let columns = columns.join(", ");
    session.execute_own(&format!(
        "with p as (delete from {} p where exists (select from {} l where {}){known} returning {columns}) \
         insert into {} ({columns}) select {columns} from p",
        names::sql(rows),
        names::sql(log),
        same("l.o", &home.plan)?,
        names::sql(own),
    ))
}

/// The condition that a row of a part, whose key's columns are given, has the key of an entry (`l.o`, `l.k`) in the log of a part with that
/// plan.
fn is_entry_of(
    home: &TablePlan,
    column: impl Fn(&KeyColumn) -> String,
    plan: &TablePlan,
    entry: &str,
) -> Result<String, EngineError> {
    let pairs = home.key.iter().map(|part| {
        let place = place_in_key(plan, &part.before)?;
        Ok(format!("({})::text = ({entry}{place})::text", column(part)))
    });
    let pairs: Result<Vec<String>, EngineError> = pairs.collect();
    pairs.map(|pairs| pairs.join(" and "))
}

/// The place, from 1, that a column of before has in a table's key.
fn place_in_key(plan: &TablePlan, column: &str) -> Result<usize, EngineError> {
    let place = plan.key.iter().position(|part| part.before == column);
    place.map(|place| place + 1).ok_or_else(|| {
        EngineError::new(
            ErrorKind::Unsupported,
            format!("table {} has another key than its siblings", plan.before),
        )
    })
}

/// Moves rows to the parts that they would have gone to before the migration; says whether anything changed.
pub(super) fn bring_home(
    session: &mut PostgresSession,
    kept: &KeptNet,
    window: &Window<'_>,
    matching: &Matching,
) -> Result<bool, EngineError> {
    let mut any = false;
    let made = kept.tables.iter().filter(|table| table.plan.is_made);
    for part in made.filter_map(|table| table.plan.after.as_ref()) {
        let_go_of(session, part, window)?;
        any |= detach(session, part)?;
    }
    for (home, _) in homes(kept) {
        if let Some(after) = home
            .plan
            .after
            .as_ref()
            .filter(|_| has_other_bounds(home, window))
        {
            let_go_of(session, after, window)?;
            any |= detach(session, after)?;
        }
    }
    let mut aside = Vec::new();
    for (home, bounds) in homes(kept) {
        give_way(session, kept, home, window)?;
        for (from, after) in sources(kept, home) {
            if from.plan.is_made || has_other_bounds(from, window) || is_default(from, window) {
                let move_rows = MoveRows {
                    from,
                    after,
                    home,
                    bounds,
                    window,
                    matching,
                };
                any |= move_rows.run(session, &mut aside)?;
            }
        }
    }
    for (whole, default) in aside {
        session.execute_own(&format!(
            "alter table {} attach partition {} default",
            names::sql(&whole),
            names::sql(&default)
        ))?;
    }
    Ok(any)
}

/// A part that stands alone now may still have rows that are also in other parts. Those are the rows that the application knows: what it has
/// deleted there, or given other keys, is not there any more.
fn give_way(
    session: &mut PostgresSession,
    kept: &KeptNet,
    home: &KeptTable,
    window: &Window<'_>,
) -> Result<(), EngineError> {
    let (Some(alone), Some(own)) = (stands_alone(home, window), &home.touched) else {
        return Ok(());
    };
    let same = |entry: &str, plan: &TablePlan| {
        is_entry_of(
            &home.plan,
            |part| format!("t.{}", quote(&part.after)),
            plan,
            entry,
        )
    };
    let quiet = Quiet::make(session, std::iter::once(alone))?;
    for table in others(kept, home).chain(std::iter::once(home)) {
        let Some(log) = &table.touched else {
            continue;
        };
        session.execute_own(&format!(
            "delete from only {} t where exists (select from {} l where {}) and not exists (select from {} m where {})",
            names::sql(alone),
            names::sql(log),
            same("l.o", &table.plan)?,
            names::sql(own),
            same("m.k", &home.plan)?,
        ))?;
    }
    quiet.end(session)
}

/// The name of a part of before that is none now, and is there.
fn stands_alone<'k>(home: &'k KeptTable, window: &Window<'_>) -> Option<&'k TableName> {
    let is_none = bound_of(home, window)[1].is_none();
    home.plan.after.as_ref().filter(|_| is_none)
}

fn bound_of<'w>(table: &KeptTable, window: &Window<'w>) -> [Option<&'w str>; 2] {
    let before = window
        .before
        .object(&ObjectId::of_table(&table.plan.before));
    let after = table.plan.after.as_ref();
    let after = after.and_then(|after| window.after.object(&ObjectId::of_table(after)));
    [before, after].map(|object| object.and_then(|object| object.attribute("partition_bound")))
}

/// Whether a part of before is one with other bounds now.
fn has_other_bounds(table: &KeptTable, window: &Window<'_>) -> bool {
    let [before, after] = bound_of(table, window);
    after.is_some() && before != after
}

fn is_default(table: &KeptTable, window: &Window<'_>) -> bool {
    bound_of(table, window)[1] == Some("DEFAULT")
}

/// Drops the foreign keys that refer to what a table is a part of: rows are referred to there, and come back as such. Those that were there
/// before are made again with everything else.
fn let_go_of(
    session: &mut PostgresSession,
    part: &TableName,
    window: &Window<'_>,
) -> Result<(), EngineError> {
    let keys = session.query_own(
        &format!(
            "select n.nspname::text, r.relname::text, c.conname::text from pg_catalog.pg_partition_ancestors(pg_catalog.to_regclass({})) a \
             join pg_catalog.pg_constraint c on c.confrelid = a.relid and c.contype = 'f' and c.conparentid = 0 \
             join pg_catalog.pg_class r on r.oid = c.conrelid join pg_catalog.pg_namespace n on n.oid = r.relnamespace",
            literal(&names::sql(part))
        ),
        &[],
    )?;
    for key in &keys {
        let text = |at: usize| key.get(at).and_then(Value::text).unwrap_or_default();
        let id = ObjectId::new(ObjectKind::Constraint, [text(0), text(1), text(2)]);
        // What others have made since is not ours to drop.
        if window.before.object(&id).is_some() || window.after.object(&id).is_some() {
            let table = names::sql(&TableName::new(text(0), text(1)));
            session.execute_own(&format!(
                "alter table {table} drop constraint {}",
                quote(text(2))
            ))?;
        }
    }
    Ok(())
}

/// Detaches a table from what it is a part of; says whether it was one.
fn detach(session: &mut PostgresSession, part: &TableName) -> Result<bool, EngineError> {
    let part = names::sql(part);
    let wholes = session.query_tables(&format!(
        "select n.nspname::text, c.relname::text from pg_catalog.pg_inherits i \
         join pg_catalog.pg_class p on p.oid = i.inhrelid and p.relispartition \
         join pg_catalog.pg_class c on c.oid = i.inhparent join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
         where i.inhrelid = pg_catalog.to_regclass({})",
        literal(&part)
    ))?;
    for whole in &wholes {
        let whole = names::sql(whole);
        session.execute_own(&format!("alter table {whole} detach partition {part}"))?;
    }
    Ok(!wholes.is_empty())
}
