//! Which column of before a name under `[fill]` means: `customers.name`, or `shop.customers.name` where there are schemas.
//!
//! The name of a table that has no rows of its own stands for all its partitions.

use std::collections::BTreeMap;

use tightrope_engine::{EngineError, Fill, KeptNet, Session};
use tightrope_model::{Catalog, Finding, Severity, TableName, TableShape, nearest};
use tightrope_script::Migration;

/// How deep partitions are nested at the most.
const DEEPEST: usize = 16;

/// The fill expressions by table and column of before; names that nothing there has are left out.
pub(crate) fn fill_of(settings: &BTreeMap<String, String>, before: &Catalog) -> Fill {
    let mut fill = Fill::new();
    for (name, expression) in settings {
        for column in columns_of(name, before) {
            fill.insert(column, expression.clone());
        }
    }
    fill
}

/// The names under `[fill]` that no column of before has. They would be passed over in silence, at night, in a rollback.
pub(crate) fn unknown_fill(migration: &Migration, before: &Catalog) -> Vec<Finding> {
    let names = migration.settings.fill.keys();
    let unknown = names.filter(|name| columns_of(name, before).is_empty());
    unknown
        .map(|name| {
            let message = format!(
                "`{name}` under [fill] of `{}` is no column of the schema before it, and would have no effect",
                migration.label()
            );
            let finding = Finding::new(Severity::Error, "unknown-fill", message);
            let finding = match migration.settings.fill_places.get(name) {
                Some(place) => finding.at(place.clone()),
                None => finding,
            };
            finding.hint(hint(name, before))
        })
        .collect()
}

/// The expressions under `[fill]` that the engine cannot understand, over the table as it is since the migration. After one of
/// them the open transaction is of no use any more.
pub(crate) fn bad_fill(
    session: &mut dyn Session,
    migration: &Migration,
    kept: &KeptNet,
    before: &Catalog,
) -> Result<Vec<Finding>, EngineError> {
    for (name, expression) in &migration.settings.fill {
        for (table, column) in columns_of(name, before) {
            let Some(after) = after_of(kept, &table, &column) else {
                continue;
            };
            let after = match after.schema.as_str() {
                "" => session.quote(&after.name),
                schema => format!("{}.{}", session.quote(schema), session.quote(&after.name)),
            };
            match session.query(
                &format!("select ({expression}) from {after} t limit 0"),
                &[],
            ) {
                Ok(_) => {}
                Err(error) if error.kind.may_pass() || error.kind.is_fatal() => return Err(error),
                Err(error) => {
                    let message = format!(
                        "the expression for `{name}` under [fill] of `{}` cannot be understood: {error}",
                        migration.label()
                    );
                    let finding = Finding::new(Severity::Error, "bad-fill", message)
                        .hint("it is SQL over the columns that the table has after the migration");
                    return Ok(vec![match migration.settings.fill_places.get(name) {
                        Some(place) => finding.at(place.clone()),
                        None => finding,
                    }]);
                }
            }
        }
    }
    Ok(Vec::new())
}

/// The table since the migration, if it is there and the column is gone: nothing else is ever filled.
fn after_of<'k>(kept: &'k KeptNet, table: &TableName, column: &str) -> Option<&'k TableName> {
    let plan = &kept.table(table)?.plan;
    let planned = plan
        .columns
        .iter()
        .find(|planned| planned.before == column)?;
    match planned.after {
        None => plan.after.as_ref(),
        Some(_) => None,
    }
}

fn hint(name: &str, before: &Catalog) -> String {
    let known: Vec<String> = before
        .tables()
        .iter()
        .flat_map(|shape| {
            let names = names_of(&shape.table, before);
            let columns = shape.columns.iter();
            columns.flat_map(move |column| {
                names
                    .iter()
                    .map(|table| format!("{table}.{column}"))
                    .collect::<Vec<_>>()
            })
        })
        .collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    match nearest(name, &known) {
        Some(known) => format!("did you mean `{known}`?"),
        None => "name a column that the migration takes away, as `table.column`; `tightrope plan` asks for those that need one"
            .to_owned(),
    }
}

/// The columns that a name means.
fn columns_of(name: &str, before: &Catalog) -> Vec<(TableName, String)> {
    let Some((table, column)) = name.rsplit_once('.') else {
        return Vec::new();
    };
    let has = |shape: &&TableShape| {
        shape.columns.iter().any(|known| known == column)
            && names_of(&shape.table, before)
                .iter()
                .any(|name| name == table)
    };
    let shapes = before.tables().iter().filter(has);
    shapes
        .map(|shape| (shape.table.clone(), column.to_owned()))
        .collect()
}

/// What a table may be called: by its own name or that of a table whose partition it is, with its schema or without.
fn names_of(table: &TableName, before: &Catalog) -> Vec<String> {
    let mut names = Vec::new();
    let mut table = Some(table.clone());
    for _ in 0..DEEPEST {
        let Some(one) = table else { break };
        for name in [
            one.name.clone(),
            one.to_string(),
            format!("{}.{}", one.schema, one.name),
        ] {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        table = before.partitioned(&one);
    }
    names
}

#[cfg(test)]
mod tests {
    use tightrope_model::{AttributeLevel, Object, ObjectId, ObjectKind};

    use super::*;

    fn catalog() -> Catalog {
        let shape = |schema: &str, name: &str, columns: &[&str]| TableShape {
            table: TableName::new(schema, name),
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
            key: Vec::new(),
        };
        let orders = Object::new(ObjectId::new(ObjectKind::Table, ["shop", "orders"])).with(
            "partition_key",
            AttributeLevel::Logical,
            "LIST (id)",
        );
        let mut leaf = Object::new(ObjectId::new(ObjectKind::Table, ["shop", "orders_1"])).with(
            "partition_bound",
            AttributeLevel::Logical,
            "for values in (1)",
        );
        leaf.depends_on.push(orders.id.clone());
        Catalog::new(
            [orders, leaf],
            vec![
                shape("public", "customers", &["id", "name"]),
                shape("shop", "orders_1", &["id", "status"]),
            ],
        )
    }

    #[test]
    fn a_column_is_named_with_its_table_and_perhaps_its_schema() {
        let check = |name: &str, expect: &[&str]| {
            let found: Vec<String> = columns_of(name, &catalog())
                .iter()
                .map(|(table, column)| format!("{table}.{column}"))
                .collect();
            assert_eq!(found, expect, "{name}");
        };
        check("customers.name", &["customers.name"]);
        check("public.customers.name", &["customers.name"]);
        check("shop.orders.status", &["shop.orders_1.status"]);
        check("orders.status", &["shop.orders_1.status"]);
        check("orders_1.status", &["shop.orders_1.status"]);
        for unknown in [
            "custmers.name",
            "customers.nam",
            "name",
            "shop.customers.name",
            "",
        ] {
            check(unknown, &[]);
        }
    }

    #[test]
    fn the_nearest_name_is_the_hint() {
        let check = |name: &str, expect: &str| assert_eq!(hint(name, &catalog()), expect);
        check("custmers.name", "did you mean `customers.name`?");
        check("shop.order.status", "did you mean `shop.orders.status`?");
        assert!(hint("zebra.stripes", &catalog()).contains("`tightrope plan` asks"));
    }
}
