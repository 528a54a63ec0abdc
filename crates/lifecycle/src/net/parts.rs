//! Parts of partitioned tables in a plan: a row may move from one to another, and be in one that only the migration made.

use std::collections::BTreeSet;

use tightrope_inverse::Matching;
use tightrope_model::{
    Catalog, ColumnPlan, Keep, KeyColumn, NetPlan, ObjectId, ObjectKind, TableChange, TableName,
    TablePlan,
};

use super::plan::{Planner, Touched, name_of};

/// The partitioned tables' parts, by what they are parts of.
fn families(before: &Catalog) -> impl Iterator<Item = (&ObjectId, Vec<TableName>)> {
    let partitioned = before.objects().filter(|object| {
        object.id.kind == ObjectKind::Table && object.attribute("partition_key").is_some()
    });
    partitioned.map(|object| (&object.id, before.leaves(&name_of(&object.id))))
}

/// All parts of partitioned tables of which one part is so: rows may move from it to the others.
pub(crate) fn with(before: &Catalog, is_so: impl Fn(&TableName) -> bool) -> BTreeSet<TableName> {
    let found = families(before).filter(|(_, parts)| parts.iter().any(&is_so));
    found.flat_map(|(_, parts)| parts).collect()
}

/// Keeps rows whole of all parts that lose columns, if of one: a row that moves takes what is kept of it along.
pub(super) fn keep_the_same(before: &Catalog, plan: &mut NetPlan) {
    let keeps = |plan: &NetPlan, keep: Keep, part: &TableName| {
        let table = plan.table(part);
        table.is_some_and(|table| table.keep == keep && table.after.is_some())
    };
    for (_, parts) in families(before) {
        if !parts.iter().any(|part| keeps(plan, Keep::Whole, part)) {
            continue;
        }
        for table in &mut plan.tables {
            if table.keep == Keep::Columns && parts.contains(&table.before) {
                table.keep = Keep::Whole;
            }
        }
    }
}

/// A partitioned table that stays, and of whose rows some may be in other parts than they would have been in without the migration.
pub(super) struct Divided {
    before: TableName,
    now: ObjectId,
    /// Its parts before.
    parts: Vec<TableName>,
    /// Whether rows may be in other parts than before: one is gone, is none any more, or has other bounds.
    moves: bool,
    /// Whether the script writes rows of it, or might: some of one part may be in another.
    writes: bool,
    /// The parts that the migration made.
    made: Vec<TableName>,
}

/// The partitioned tables (and no part of another one) that the migration divides anew.
pub(super) fn divided(
    before: &Catalog,
    after: &Catalog,
    matching: &Matching,
    touched: &Touched,
) -> Vec<Divided> {
    let whole = |(id, parts): (&ObjectId, Vec<TableName>)| {
        let name = name_of(id);
        if before.partitioned(&name).is_some() {
            return None;
        }
        let now = matching.now(id)?;
        after.object(now)?.attribute("partition_key")?;
        let made = after.leaves(&name_of(now)).into_iter();
        let made = made.filter(|part| matching.before(&ObjectId::of_table(part)).is_none());
        let made: Vec<TableName> = made.collect();
        let writes = parts.iter().any(|part| touched.named.contains(part)) || {
            let now = parts
                .iter()
                .filter_map(|part| matching.now(&ObjectId::of_table(part)));
            let now: Vec<TableName> = now.map(name_of).chain(made.iter().cloned()).collect();
            touched.rows.iter().any(|(table, _)| now.contains(table))
        };
        let bounds = |catalog: &Catalog, part: &ObjectId| {
            let part = catalog.object(part)?;
            part.attribute("partition_bound").map(str::to_owned)
        };
        let moves = parts.iter().any(|part| {
            let part = ObjectId::of_table(part);
            let now = matching.now(&part).and_then(|now| bounds(after, now));
            bounds(before, &part) != now
        });
        Some(Divided {
            before: name,
            now: now.clone(),
            parts,
            moves,
            writes,
            made,
        })
    };
    let divided = families(before).filter_map(whole);
    let is_one = |whole: &Divided| !whole.made.is_empty() || whole.moves && whole.writes;
    divided.filter(is_one).collect()
}

/// Whether rows of a part (its name before) may be in a part now that the migration made.
pub(super) fn goes_elsewhere(divided: &[Divided], part: &TableName) -> bool {
    let mut moving = divided.iter().filter(|whole| whole.moves);
    moving.any(|whole| whole.parts.contains(part))
}

/// Lets all parts know of each other, and watches those that the migration made where something is kept of others, or watched: what the
/// application writes there is written to rows that were in those. Where rows have no key nobody can say to which, and the watch shows
/// that there are such.
pub(super) fn watch(planner: &Planner<'_>, whole: &Divided, plan: &mut NetPlan) {
    let columns = planner.columns(&whole.before);
    let is_one = |table: &&mut TablePlan| whole.parts.contains(&table.before);
    let mut key: Option<Vec<KeyColumn>> = None;
    for table in plan.tables.iter_mut().filter(is_one) {
        if table.after.is_none() && !stands_where(table, &columns) {
            table.key.clear();
        }
        table.divided = Some(whole.before.clone());
        let is_whole = !matches!(table.keep, Keep::Nothing | Keep::Changed);
        if whole.writes && !is_whole && planner.is_alone(&table.before) {
            // Its rows may have been copied to where the script has changed them.
            table.keep = Keep::Whole;
        }
        if key.as_ref().is_none_or(|key| !key.is_empty()) {
            key = Some(table.key.clone());
        }
    }
    let Some(key) = key else {
        return;
    };
    let named: BTreeSet<&String> = key.iter().map(|part| &part.after).collect();
    for part in &whole.made {
        let known = planner.after.table(part).map(|shape| shape.key.iter());
        let is_key = known.is_some_and(|known| known.collect::<BTreeSet<_>>() == named)
            || planner.is_key_now(part, &named);
        plan.tables.push(TablePlan {
            number: plan.tables.len() + 1,
            before: part.clone(),
            after: Some(part.clone()),
            key: if is_key { key.clone() } else { Vec::new() },
            columns: columns.clone(),
            added: planner.added(&whole.now),
            keep: Keep::Nothing,
            rows: TableChange::default(),
            truncated: false,
            key_changes: false,
            key_in_doubt: false,
            rows_before: 0,
            divided: Some(whole.before.clone()),
            is_made: true,
        });
    }
}

/// Lets a table that is gone have its columns where its whole has them; says whether those of its key are there.
fn stands_where(table: &mut TablePlan, whole: &[ColumnPlan]) -> bool {
    let now_of = |name: &String| {
        let column = whole.iter().find(|column| &column.before == name);
        column.and_then(|column| column.after.clone())
    };
    for column in &mut table.columns {
        column.after = now_of(&column.before);
    }
    let after: Option<Vec<String>> = table.key.iter().map(|part| now_of(&part.before)).collect();
    let known = after.is_some();
    for (part, after) in table.key.iter_mut().zip(after.unwrap_or_default()) {
        part.after = after;
    }
    known
}
