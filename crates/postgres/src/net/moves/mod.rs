//! Rows that move from one partition to another in the window.
//!
//! An UPDATE that takes a row out of its partition's bounds is a DELETE there and an INSERT elsewhere for everybody who watches
//! the partitions. Here it stays the same row: its entry in the touch log and its pre-image move with it, so that each
//! partition's log and pre-images tell of the rows that are in that partition now. `o1`, … of an entry may be a key of another
//! partition, then.
//!
//! Three functions a partition do it. One sees the update before it happens and notes a link: where the row came from, and the
//! key that it will have ([`functions::note`]). The touch log's own triggers write down a deletion and an insertion. The second
//! looks behind the insertion for a link, and lets the third, of the partition that the row has left, give up the entry and the
//! pre-image. A link whose row was not deleted there is none: whatever a trigger of the user's has done to the update, an
//! entry is taken over or nothing happens.
//!
//! It takes a key that contains the partition key: only then does a key say which row is meant, in whatever partition it is.

mod fold;
mod functions;

use std::collections::{BTreeMap, BTreeSet};

use tightrope_engine::{EngineError, KeptNet, KeptTable};
use tightrope_model::{Keep, TableName, TablePlan, Value};

use super::columns::Columns;
use super::window::attach;
use super::{names, settings};
use crate::quote::{literal, quote};
use crate::session::PostgresSession;

pub(super) use fold::fold;

/// Set in transactions in which rows move: so an INSERT knows whether to look for a link.
const MOVING: &str = "tightrope.moving";

/// A partition that holds rows, watched, and with siblings to which its rows may move.
struct Leaf<'k> {
    kept: &'k KeptTable,
    after: &'k TableName,
    log: &'k TableName,
    /// Its bounds as a condition, with those of the partitions that it is a part of.
    bounds: String,
    /// The places of the key's columns (from 1) in the order of their names, which is that of all siblings.
    places: Vec<usize>,
}

impl Leaf<'_> {
    fn plan(&self) -> &TablePlan {
        &self.kept.plan
    }
}

/// What siblings have in common: the partitioned table, the key, and the columns.
type Common = (
    String,
    BTreeSet<(String, String)>,
    BTreeSet<(String, Option<String>)>,
);

/// The watched partitions between which rows can be followed, with what belongs to one partitioned table together.
fn families<'k>(
    session: &mut PostgresSession,
    kept: &'k KeptNet,
) -> Result<Vec<Vec<Leaf<'k>>>, EngineError> {
    let watched: Vec<(&KeptTable, &TableName, &TableName)> = kept
        .tables
        .iter()
        .filter(|table| !table.plan.key.is_empty())
        .filter_map(|table| Some((table, table.plan.after.as_ref()?, table.touched.as_ref()?)))
        .collect();
    let facts = facts(session, watched.iter().map(|(_, after, _)| *after))?;
    let mut families: BTreeMap<Common, Vec<Leaf<'k>>> = BTreeMap::new();
    for (table, after, log) in watched {
        let Some(fact) = facts.get(after) else {
            continue;
        };
        let plan = &table.plan;
        let is_key = |column: &String| plan.key.iter().any(|key| key.after == *column);
        if !fact.partition_key.iter().all(is_key) {
            continue;
        }
        let mut places: Vec<usize> = (1..=plan.key.len()).collect();
        places.sort_by_key(|place| &plan.key[place - 1].after);
        let key = plan.key.iter();
        let columns = plan.columns.iter();
        let common = (
            fact.root.clone(),
            key.map(|key| (key.before.clone(), key.after.clone()))
                .collect(),
            columns
                .map(|column| (column.before.clone(), column.after.clone()))
                .collect(),
        );
        families.entry(common).or_default().push(Leaf {
            kept: table,
            after,
            log,
            bounds: fact.bounds.clone(),
            places,
        });
    }
    let mut alike = Vec::new();
    for family in families.into_values().filter(|family| family.len() > 1) {
        if keep_the_same(session, &family)? {
            alike.push(family);
        }
    }
    Ok(alike)
}

/// Whether the same columns are kept of all of which any are.
fn keep_the_same(session: &mut PostgresSession, family: &[Leaf<'_>]) -> Result<bool, EngineError> {
    let mut kept = BTreeSet::new();
    for leaf in family {
        if let Some(rows) = &leaf.kept.rows {
            kept.insert(kept_columns(session, leaf.plan(), rows)?);
        }
    }
    Ok(kept.len() < 2)
}

/// The columns of before that the pre-images have.
fn kept_columns(
    session: &mut PostgresSession,
    plan: &TablePlan,
    rows: &TableName,
) -> Result<BTreeSet<String>, EngineError> {
    let columns = Columns::of(session, rows)?;
    let kept = plan.columns.iter().map(|column| &column.before);
    Ok(kept
        .filter(|name| columns.get(name).is_some())
        .cloned()
        .collect())
}

/// What the server says about a partition.
pub(super) struct Fact {
    /// The partitioned table at the top.
    root: String,
    bounds: String,
    /// The columns by which it and all above it are partitioned; an empty name for an expression.
    pub(super) partition_key: Vec<String>,
}

pub(super) fn facts<'t>(
    session: &mut PostgresSession,
    tables: impl Iterator<Item = &'t TableName>,
) -> Result<BTreeMap<TableName, Fact>, EngineError> {
    let tables: Vec<String> = tables
        .map(|table| format!("pg_catalog.to_regclass({})", literal(&names::sql(table))))
        .collect();
    if tables.is_empty() {
        return Ok(BTreeMap::new());
    }
    let query = format!(
        "select n.nspname::text, c.relname::text, pg_catalog.pg_partition_root(c.oid)::oid::text, \
             coalesce(pg_catalog.pg_get_partition_constraintdef(c.oid), 'true'), \
             (select pg_catalog.json_agg(coalesce(a.attname::text, ''))::text \
              from pg_catalog.pg_partition_ancestors(c.oid) r join pg_catalog.pg_partitioned_table p on p.partrelid = r.relid \
              cross join unnest(p.partattrs) u (number) \
              left join pg_catalog.pg_attribute a on a.attrelid = p.partrelid and a.attnum = u.number and u.number > 0) \
             from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
             where c.relispartition and c.relkind = 'r' and c.oid in ({})",
        tables.join(", ")
    );
    // The functions that check the bounds have no other path.
    let rows = settings::under(session, "search_path", "pg_catalog", |session| {
        session.query_own(&query, &[])
    })?;
    let fact = |row: &Vec<Value>| {
        let text = |at: usize| row.get(at).and_then(Value::text);
        Some((
            TableName::new(text(0)?, text(1)?),
            Fact {
                root: text(2)?.to_owned(),
                bounds: text(3)?.to_owned(),
                partition_key: serde_json::from_str(text(4)?).ok()?,
            },
        ))
    };
    Ok(rows.iter().filter_map(fact).collect())
}

/// Makes what rows can be followed with: a place for pre-images where siblings have some, and indexes by which one row is found.
pub(super) fn prepare(
    session: &mut PostgresSession,
    kept: &mut KeptNet,
) -> Result<(), EngineError> {
    let number = kept.number;
    let mut made = Vec::new();
    for family in families(session, kept)? {
        let model = family.iter().find_map(|leaf| leaf.kept.rows.as_ref());
        // A row may also come from a part that is gone.
        let divided = family.iter().find_map(|leaf| leaf.plan().divided.as_ref());
        let siblings = kept.tables.iter();
        let siblings = siblings.filter(|table| table.plan.divided.is_some());
        let mut gone = siblings.filter(|table| table.plan.divided.as_ref() == divided);
        let model = model.or_else(|| gone.find_map(|table| table.rows.as_ref()));
        for leaf in &family {
            let plan = leaf.plan();
            let origins: Vec<String> = (1..=plan.key.len()).map(|n| format!("o{n}")).collect();
            session.execute_own(&format!(
                "create index on {} ({}) where k1 is null",
                names::sql(leaf.log),
                origins.join(", ")
            ))?;
            let Some(model) = model else {
                continue;
            };
            let rows = names::own(number, plan, "rows");
            let mut is_indexed = false;
            if leaf.kept.rows.is_some() {
                is_indexed = plan.keep == Keep::Changed;
            } else {
                session.execute_own(&format!(
                    "create table {} as select * from {} with no data",
                    names::sql(&rows),
                    names::sql(model)
                ))?;
                made.push((plan.number, rows.clone()));
            }
            if !is_indexed {
                let key: Vec<String> = plan.key.iter().map(|key| quote(&key.before)).collect();
                session.execute_own(&format!(
                    "create index on {0} ({1}); alter table {0} replica identity full",
                    names::sql(&rows),
                    key.join(", ")
                ))?;
            }
        }
    }
    for (table, rows) in made {
        let table = kept.tables.iter_mut().find(|t| t.plan.number == table);
        if let Some(table) = table {
            table.rows = Some(rows);
        }
    }
    Ok(())
}

/// Begins to follow the rows of these tables (by the name after; all if none are told) anew.
pub(super) fn follow(
    session: &mut PostgresSession,
    kept: &KeptNet,
    tables: Option<&[TableName]>,
) -> Result<(), EngineError> {
    let links = names::of_all(kept.number, "moving");
    for family in families(session, kept)? {
        let number = family[0].plan().number;
        session.execute_own(&functions::links(&links))?;
        let wanted = |leaf: &&Leaf<'_>| tables.is_none_or(|tables| tables.contains(leaf.after));
        for leaf in family.iter().filter(wanted) {
            let columns = Columns::of(session, leaf.after)?;
            let own = Own::of(kept.number, leaf.plan());
            let functions = functions::Functions {
                leaf,
                columns: &columns,
                links: &links,
                family: number,
                own: &own,
            };
            let rows = match &leaf.kept.rows {
                Some(rows) => Some((rows, Columns::of(session, rows)?)),
                None => None,
            };
            let rows = rows.as_ref().map(|(rows, columns)| (*rows, columns));
            let log = Columns::of(session, leaf.log)?;
            session.execute_own(&format!(
                "drop function if exists {}() cascade; drop function if exists {}() cascade; drop function if exists {}(text[]); \
                 {}; {}; {}",
                names::sql(&own.note),
                names::sql(&own.join),
                names::sql(&own.leave),
                functions.note()?,
                functions.join(&log, rows)?,
                functions.leave(&log, rows)?,
            ))?;
            let (table, trigger) = (names::sql(leaf.after), last_trigger(&own.note));
            session.execute_own(&format!(
                "create trigger {trigger} before update on {table} for each row when ({}) execute function {}(); \
                 alter table only {table} enable always trigger {trigger}",
                functions.key_differs()?,
                names::sql(&own.note),
            ))?;
            let each = format!("row when (pg_catalog.current_setting('{MOVING}', true) = 'on')");
            attach(session, leaf.after, &own.join, "after insert", "", &each)?;
        }
    }
    Ok(())
}

/// Takes the triggers off a table.
pub(super) fn leave_alone(
    session: &mut PostgresSession,
    number: i64,
    plan: &TablePlan,
    after: &TableName,
) -> Result<(), EngineError> {
    let (own, table) = (Own::of(number, plan), names::sql(after));
    session.execute_own(&format!(
        "drop trigger if exists {} on {table}; drop trigger if exists {} on {table}",
        last_trigger(&own.note),
        names::trigger(&own.join),
    ))
}

/// The name of a trigger that fires when the user's have made up their mind, as far as names can see to it.
fn last_trigger(function: &TableName) -> String {
    quote(&format!("~tightrope_{}", function.name))
}

/// The functions of one partition.
struct Own {
    note: TableName,
    /// Its trigger fires behind that of the touch log.
    join: TableName,
    leave: TableName,
}

impl Own {
    fn of(number: i64, plan: &TablePlan) -> Self {
        Self {
            note: names::own(number, plan, "move"),
            join: names::own(number, plan, "touch_moved"),
            leave: names::own(number, plan, "leave"),
        }
    }
}
