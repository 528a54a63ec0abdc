use tightrope_model::{Catalog, Object, ObjectKind};

use crate::{Change, Loss};

/// One kind of object: how it is made, changed and dropped. One kind is one file.
///
/// Renames and moves between schemas are done for all kinds before `alter` is asked; it then gets `now` under the name that
/// it has at that time, and with every attribute that differs only by the name of something else already set right.
pub(super) trait KindDdl: Sync {
    /// The kinds that are written here.
    fn kinds(&self) -> &'static [ObjectKind];

    /// Statements (no semicolon) that make the object as `catalog` has it, itself only: without owner, privileges, comment
    /// and security labels (`finishing.rs` writes them for all kinds), and without its parts that are objects of their own.
    fn create(&self, object: &Object, catalog: &Catalog) -> Vec<String>;

    /// The statement that drops it.
    fn drop(&self, object: &Object, catalog: &Catalog) -> String;

    /// Statements that change `now` (found under its current name) into `before` in place; none if it has to be dropped and
    /// made again. Owner, privileges, comment and security labels are left out.
    fn alter(&self, before: &Object, now: &Object, change: &Change<'_>) -> Option<Vec<String>>;

    /// Statements that ready an object of now for giving way to the one of before: they run while columns still hold values
    /// of it. `catalog` is the one of now.
    fn give_way(&self, _before: &Object, _now: &Object, _catalog: &Catalog) -> Vec<String> {
        Vec::new()
    }

    /// Something about it that cannot be brought back exactly.
    fn loss(&self, _before: Option<&Object>, _now: Option<&Object>) -> Option<Loss> {
        None
    }
}
