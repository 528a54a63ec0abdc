//! What the text of an object does not bring back.

use super::change::{Tables, columns, last, source, text};
use super::other::{is_about_other_rows, is_without_content, virtual_tables_anew};
use super::table::are_keys_enforced;
use crate::{Change, Inverse, Loss};
use tightrope_model::TableName;

pub(super) fn losses(change: &Change<'_>, tables: &Tables<'_>, inverse: &mut Inverse) {
    for table in &tables.anew {
        if text(table.before).is_none() {
            inverse.losses.push(Loss {
                object: table.before.id.clone(),
                reason: "the statement that made it is not known".to_owned(),
                lost: "the table with its rows".to_owned(),
            });
        }
    }
    values(change, tables, inverse);
    dangling(change, tables, inverse);
    for object in virtual_tables_anew(change) {
        let name = TableName::new("", last(&object.id));
        let kept = change.sources.tables.contains_key(&name);
        let lost = if is_without_content(object) {
            "what was found by it: it keeps no rows from which it could be built"
        } else if is_about_other_rows(object) || kept {
            continue;
        } else {
            "its rows, unless they are kept"
        };
        inverse.losses.push(Loss {
            object: object.id.clone(),
            reason: "a virtual table is made again empty".to_owned(),
            lost: lost.to_owned(),
        });
    }
}

/// Columns that rows of now need a value for, and that none is known for.
fn values(change: &Change<'_>, tables: &Tables<'_>, inverse: &mut Inverse) {
    for table in &tables.anew {
        let Some(now) = table.now else {
            continue;
        };
        let given = source(change, table).map(|source| &source.columns);
        for column in columns(change.before, table.name()) {
            let demands = column.object.attribute("not_null").is_some()
                && column.object.attribute("default").is_none()
                && !column.is_generated();
            let known = tables.column(change.now, now, &column.object.id).is_some()
                || given.is_some_and(|given| given.contains_key(column.name));
            if demands && !known {
                inverse.losses.push(Loss {
                    object: column.object.id.clone(),
                    reason: "it takes no NULL, has no default, and no values are kept".to_owned(),
                    lost: "its values; the table comes back only without rows".to_owned(),
                });
            }
        }
    }
}

/// Tables that refer to one that is not there: where foreign keys are enforced, no row can be written into them.
fn dangling(change: &Change<'_>, tables: &Tables<'_>, inverse: &mut Inverse) {
    for table in tables.anew.iter().filter(|_| are_keys_enforced(change)) {
        for parent in &table.before.depends_on {
            if change.before.object(parent).is_none() {
                inverse.losses.push(Loss {
                    object: table.before.id.clone(),
                    reason: format!("it refers to the {parent}, which was not there, and foreign keys are on"),
                    lost: "nothing, if this runs with foreign keys off; with them on it comes back only without rows"
                        .to_owned(),
                });
            }
        }
    }
}
