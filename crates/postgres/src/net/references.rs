//! Foreign keys between the tables of the net: they say in which order rows come and go, and which rows of the migration
//! have to stay because somebody refers to them.

use std::collections::{BTreeMap, BTreeSet};

use tightrope_engine::{EngineError, KeptNet, KeptTable};
use tightrope_model::{TableName, Value};

use super::names;
use super::terms::{Shape, Terms};
use super::touch::numbered;
use crate::quote::{literal, quote};
use crate::session::PostgresSession;

/// A foreign key that stands now.
#[derive(Clone, Debug)]
pub(super) struct Reference {
    /// The constraint that was declared, and the table on which: that of a partitioned table stands for those of its parts.
    declared: (String, TableName),
    pub(super) child: TableName,
    pub(super) parent: TableName,
    /// Columns of the child and of the parent.
    pub(super) columns: Vec<(String, String)>,
    /// What its definition says of deferring.
    deferring: String,
}

impl Reference {
    /// The table on which it was declared.
    pub(super) fn declared_on(&self) -> &TableName {
        &self.declared.1
    }
}

/// The foreign keys that refer to one of these tables; of a partitioned table that refers to one, those of its parts.
pub(super) fn to_tables<'t>(
    session: &mut PostgresSession,
    tables: impl Iterator<Item = &'t TableName>,
) -> Result<Vec<Reference>, EngineError> {
    let tables: Vec<String> = tables
        .map(|table| format!("pg_catalog.to_regclass({})", literal(&names::sql(table))))
        .collect();
    if tables.is_empty() {
        return Ok(Vec::new());
    }
    let rows = session.query_own(
        &format!(
            "with recursive up (id, above, name, on_table, of) as (select oid, conparentid, conname, conrelid, oid \
               from pg_catalog.pg_constraint where contype = 'f' \
             union all select f.oid, f.conparentid, f.conname, f.conrelid, up.of from up join pg_catalog.pg_constraint f on f.oid = up.above) \
             select up.name::text, cn.nspname::text, c.relname::text, pn.nspname::text, p.relname::text, \
             (select pg_catalog.json_agg(pg_catalog.json_build_array(a.attname, b.attname) order by u.place)::text \
              from unnest(f.conkey, f.confkey) with ordinality u (own, other, place) \
              join pg_catalog.pg_attribute a on a.attrelid = f.conrelid and a.attnum = u.own \
              join pg_catalog.pg_attribute b on b.attrelid = f.confrelid and b.attnum = u.other), \
             case when not f.condeferrable then 'not deferrable' when f.condeferred then 'deferrable initially deferred' \
             else 'deferrable initially immediate' end, dn.nspname::text, d.relname::text \
             from pg_catalog.pg_constraint f \
             join up on up.of = f.oid and up.above = 0 \
             join pg_catalog.pg_class d on d.oid = up.on_table join pg_catalog.pg_namespace dn on dn.oid = d.relnamespace \
             cross join lateral (select part.relid as id from pg_catalog.pg_partition_tree(f.conrelid) part \
               where part.isleaf union select f.conrelid) leaf \
             join pg_catalog.pg_class c on c.oid = leaf.id join pg_catalog.pg_namespace cn on cn.oid = c.relnamespace \
             join pg_catalog.pg_class p on p.oid = f.confrelid join pg_catalog.pg_namespace pn on pn.oid = p.relnamespace \
             where f.contype = 'f' and f.confrelid in ({}) and c.relkind <> 'p' order by f.oid, c.oid",
            tables.join(", ")
        ),
        &[],
    )?;
    let reference = |row: &Vec<Value>| {
        let text = |at: usize| row.get(at).and_then(Value::text);
        Some(Reference {
            declared: (text(0)?.to_owned(), TableName::new(text(7)?, text(8)?)),
            child: TableName::new(text(1)?, text(2)?),
            parent: TableName::new(text(3)?, text(4)?),
            columns: serde_json::from_str(text(5)?).ok()?,
            deferring: text(6)?.to_owned(),
        })
    };
    Ok(rows.iter().filter_map(reference).collect())
}

/// The tables in an order in which parents stand before their children, and the foreign keys that this order cannot heed.
pub(super) fn parents_first<'r>(
    tables: &[&TableName],
    references: &'r [Reference],
) -> (Vec<usize>, Vec<&'r Reference>) {
    let mut order: Vec<usize> = Vec::new();
    let mut left: BTreeSet<usize> = (0..tables.len()).collect();
    let waits = |table: usize, left: &BTreeSet<usize>| {
        references.iter().any(|reference| {
            &reference.child == tables[table]
                && reference.child != reference.parent
                && left.iter().any(|other| tables[*other] == &reference.parent)
        })
    };
    while let Some(first) = left.first().copied() {
        let next = left
            .iter()
            .copied()
            .find(|table| !waits(*table, &left))
            .unwrap_or(first);
        left.remove(&next);
        order.push(next);
    }
    let place = |name: &TableName| order.iter().position(|table| tables[*table] == name);
    let unheeded = references.iter().filter(|reference| {
        let (child, parent) = (place(&reference.child), place(&reference.parent));
        child
            .zip(parent)
            .is_some_and(|(child, parent)| child < parent)
    });
    let unheeded = unheeded.collect();
    (order, unheeded)
}

/// Lets foreign keys wait for the end of the merge, or has them as they were again.
pub(super) fn defer(
    session: &mut PostgresSession,
    references: &[&Reference],
    wait: bool,
) -> Result<(), EngineError> {
    let declared = references
        .iter()
        .map(|reference| (&reference.declared, reference.deferring.as_str()));
    let declared: BTreeMap<&(String, TableName), &str> = declared.collect();
    for ((name, table), deferring) in declared {
        let deferring = if wait {
            "deferrable initially deferred"
        } else {
            deferring
        };
        session.execute_own(&format!(
            "alter table {} alter constraint {} {deferring}",
            names::sql(table),
            quote(name),
        ))?;
    }
    match wait && !references.is_empty() {
        // What was said of all constraints before counts for these, too.
        true => session.execute_own("set constraints all deferred"),
        false => Ok(()),
    }
}

/// Drops foreign keys; gives the statements that make them as they were.
pub(super) fn drop_declared(
    session: &mut PostgresSession,
    references: &[Reference],
) -> Result<Vec<String>, EngineError> {
    let declared: BTreeSet<_> = references.iter().map(|one| &one.declared).collect();
    let mut again = Vec::new();
    for (name, table) in declared {
        let rows = session.query_own(
            &format!(
                "select pg_catalog.pg_get_constraintdef(c.oid), pg_catalog.obj_description(c.oid, 'pg_constraint') \
                 from pg_catalog.pg_constraint c where c.conrelid = pg_catalog.to_regclass({}) and c.conname = {}",
                literal(&names::sql(table)),
                literal(name),
            ),
            &[],
        )?;
        let text = |at: usize| rows.first()?.get(at)?.text();
        let (table, name) = (names::sql(table), quote(name));
        again.push(format!(
            "alter table {table} add constraint {name} {}",
            text(0).unwrap_or_default()
        ));
        if let Some(comment) = text(1) {
            again.push(format!(
                "comment on constraint {name} on {table} is {}",
                literal(comment)
            ));
        }
        session.execute_own(&format!("alter table {table} drop constraint {name}"))?;
    }
    Ok(again)
}

/// Writes down as touched what the migration inserted and rows refer to that stay: so it stays, too.
pub(super) fn keep_what_is_referred_to(
    session: &mut PostgresSession,
    kept: &KeptNet,
) -> Result<(), EngineError> {
    let parents: Vec<&KeptTable> = kept
        .tables
        .iter()
        .filter(|table| table.inserted.is_some() && !table.plan.key.is_empty())
        .collect();
    let names = parents.iter().filter_map(|table| table.plan.after.as_ref());
    let references = to_tables(session, names)?;
    let mut statements = Vec::new();
    for reference in &references {
        let parent = parents
            .iter()
            .find(|table| table.plan.after.as_ref() == Some(&reference.parent));
        let Some(parent) = parent else { continue };
        statements.extend(keep_statement(session, kept, parent, reference)?);
    }
    // A row that stays may refer to the next one. Every pass but the last keeps at least one more.
    loop {
        let mut more = 0;
        for statement in &statements {
            more += session.change(statement)?;
        }
        if more == 0 {
            return Ok(());
        }
    }
}

fn keep_statement(
    session: &mut PostgresSession,
    kept: &KeptNet,
    parent: &KeptTable,
    reference: &Reference,
) -> Result<Option<String>, EngineError> {
    let Some(log) = &parent.touched else {
        return Ok(None);
    };
    let terms = Terms::of(session, parent, &reference.parent, Shape::After)?;
    let Some(own) = &terms.joins.own else {
        return Ok(None);
    };
    let pairs: Vec<String> = reference
        .columns
        .iter()
        .map(|(child, parent)| format!("c.{} = t.{}", quote(child), quote(parent)))
        .collect();
    let child = kept.tables.iter().find(|table| {
        table.plan.after.as_ref() == Some(&reference.child) && table.touched.is_some()
    });
    let children = match child {
        None => format!("(select * from {})", names::sql(&reference.child)),
        Some(child) => staying(session, child, reference)?,
    };
    let list = |letter: &str| {
        let places = (1..=parent.plan.key.len()).map(|place| format!("{letter}{place}"));
        places.collect::<Vec<_>>().join(", ")
    };
    Ok(Some(format!(
        "insert into {} ({}, {}) select {keys}, {keys} from {} where {own} and exists (select from {children} c where {})",
        names::sql(log),
        list("k"),
        list("o"),
        terms.from(),
        pairs.join(" and "),
        keys = terms.joins.key.join(", "),
    )))
}

/// The rows of a watched child whose reference stays as it is: the application wrote it, or there is nothing of before.
fn staying(
    session: &mut PostgresSession,
    child: &KeptTable,
    reference: &Reference,
) -> Result<String, EngineError> {
    let terms = Terms::of(session, child, &reference.child, Shape::After)?;
    let numbers = numbered(&child.plan);
    let written = numbers
        .iter()
        .filter(|(_, name)| reference.columns.iter().any(|(own, _)| own == name))
        .map(|(number, _)| terms.written(*number));
    let mut written: Vec<String> = written.collect();
    written.push(format!("not ({})", terms.joins.has_before));
    Ok(format!(
        "(select t.* from {} where {} and ({}))",
        terms.joins.written.as_deref().unwrap_or_default(),
        terms.joins.touched,
        written.join(" or ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(child: &str, parent: &str) -> Reference {
        Reference {
            declared: (String::new(), TableName::new("s", child)),
            child: TableName::new("s", child),
            parent: TableName::new("s", parent),
            columns: Vec::new(),
            deferring: String::new(),
        }
    }

    #[test]
    fn parents_stand_before_their_children_unless_they_refer_to_each_other() {
        let names = ["a", "b", "c"].map(|name| TableName::new("s", name));
        let tables: Vec<&TableName> = names.iter().collect();
        let references = [
            reference("a", "b"),
            reference("b", "c"),
            reference("a", "a"),
        ];
        let (order, unheeded) = parents_first(&tables, &references);
        assert_eq!((order, unheeded.len()), (vec![2, 1, 0], 0));
        let references = [reference("a", "b"), reference("b", "a")];
        let (order, unheeded) = parents_first(&tables, &references);
        assert_eq!((order, unheeded.len()), (vec![2, 0, 1], 1));
    }
}
