//! Parents before children.

use tightrope_model::Object;

use super::change::last;

/// The items in an order in which a table comes after those that it refers to, as far as they do not refer to each other in
/// a circle.
pub(super) fn parents_first<T>(items: Vec<T>, table: impl Fn(&T) -> &Object) -> Vec<T> {
    let mut waiting = items;
    let mut ordered = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let ready = (0..waiting.len()).find(|&index| {
            let child = table(&waiting[index]);
            !waiting.iter().any(|other| refers(child, table(other)))
        });
        // In a circle there is no right order: the first one begins.
        ordered.push(waiting.remove(ready.unwrap_or(0)));
    }
    ordered
}

/// Whether a table refers to another one than itself.
fn refers(child: &Object, parent: &Object) -> bool {
    child.id != parent.id
        && child
            .depends_on
            .iter()
            .any(|id| id.kind == parent.id.kind && last(id).eq_ignore_ascii_case(last(&parent.id)))
}
