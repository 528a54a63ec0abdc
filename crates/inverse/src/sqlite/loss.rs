//! What the text of an object does not bring back.

use super::change::{Tables, last, text};
use super::other::{is_about_other_rows, is_without_content, virtual_tables_anew};
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
