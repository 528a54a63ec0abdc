use tightrope_model::{Catalog, Object, ObjectKind};

use super::super::kind::KindDdl;
use super::place::{alike, named, same, text};
use crate::Change;

/// `create operator class`, with the operators and functions that it brings into its family.
pub(in super::super) struct OperatorClass;

impl KindDdl for OperatorClass {
    fn kinds(&self) -> &'static [ObjectKind] {
        &[ObjectKind::OperatorClass]
    }

    fn create(&self, object: &Object, _catalog: &Catalog) -> Vec<String> {
        let default = object.attribute("default").map_or("", |_| " default");
        let mut items: Vec<String> = text(object, "items").lines().map(str::to_owned).collect();
        items.extend(
            object
                .attribute("storage")
                .map(|storage| format!("storage {storage}")),
        );
        if items.is_empty() {
            items.push(format!("storage {}", text(object, "type")));
        }
        vec![format!(
            "create operator class {}{default} for type {} using {} family {} as {}",
            named(object),
            text(object, "type"),
            text(object, "access_method"),
            text(object, "family"),
            items.join(", ")
        )]
    }

    fn drop(&self, object: &Object, _catalog: &Catalog) -> String {
        format!(
            "drop operator class {} using {}",
            named(object),
            text(object, "access_method")
        )
    }

    fn alter(&self, before: &Object, now: &Object, _change: &Change<'_>) -> Option<Vec<String>> {
        (alike(before, now, &[]) && same(before, now, "items")).then(Vec::new)
    }
}
