//! A table of the net takes the place of a table that has to be built anew: it holds all rows as they were, so none of them is
//! read and written again. What the application has written since is added to it, and then it is made what the table was.

use std::collections::BTreeSet;

use tightrope_model::{Catalog, Object, ObjectId, TableName};

use super::kinds::{column, table};
use super::plan::Script;
use super::quote::{qualified, quote};
use super::shape;
use super::survey::columns;
use crate::StandIn;

/// Whether a copy of all values of a table of before can become that table by changes of its definition alone: it stands for
/// itself, where tables stand otherwise, and computes none of its columns.
pub fn can_stand_in(before: &Catalog, table: &TableName) -> bool {
    const SPECIAL: [&str; 4] = ["access_method", "persistence", "row_type", "tablespace"];
    let id = ObjectId::of_table(table);
    let is_special = |object: &Object| {
        SPECIAL
            .iter()
            .any(|attribute| object.attribute(attribute).is_some())
    };
    let computes = |column: &&Object| {
        column.attribute("expression").is_some() || column.attribute("inheritance").is_some()
    };
    before.stands_alone(table)
        && !before.object(&id).is_some_and(is_special)
        && !columns(before, &id).iter().any(computes)
}

/// The statements that let it take the place of the table, which is `old` in the meantime; the columns at these paths stay
/// without their `not null`.
pub(super) fn take_place(
    stand_in: &StandIn,
    before: &Object,
    catalog: &Catalog,
    old: &[String],
    nullable: &BTreeSet<Vec<String>>,
    script: &mut Script,
) {
    for sql in &stand_in.changes {
        let sql = sql.replace("{now}", &qualified(old));
        script.reshape(&before.id, sql, Some("what was written since"));
    }
    script.bring_back(
        before,
        &stand_in.table,
        "its rows as they were take its place: none is written again",
    );
    let name = qualified(&before.id.path);
    for sql in table::settings(before) {
        script.reshape(&before.id, sql, None);
    }
    let columns = columns(catalog, &before.id);
    let actions: Vec<String> = columns
        .iter()
        .flat_map(|column| actions(column, !nullable.contains(&column.id.path)))
        .collect();
    if !actions.is_empty() {
        let sql = format!("alter table only {name}\n    {}", actions.join(",\n    "));
        script.reshape(&before.id, sql, None);
    }
    for column in columns {
        let Some(identity) = column.attribute("identity") else {
            continue;
        };
        let sql = format!(
            "alter table only {name} alter column {} add generated {identity} as identity{}",
            quote(super::names::own_name(&column.id)),
            column::identity_options(column, catalog)
        );
        script.reshape(&before.id, sql, None);
    }
}

/// What a copied column lacks, but for an identity.
fn actions(column: &Object, not_null: bool) -> Vec<String> {
    let name = quote(super::names::own_name(&column.id));
    let default = column
        .attribute("default")
        .map(|default| format!("alter column {name} set default {default}"));
    // An identity takes no column that may be without a value.
    let not_null = (not_null || column.attribute("identity").is_some())
        .then(|| shape::set_not_null(column))
        .flatten();
    default
        .into_iter()
        .chain(not_null)
        .chain(table::column_settings(column))
        .collect()
}
