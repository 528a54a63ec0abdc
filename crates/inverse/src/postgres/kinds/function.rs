use tightrope_model::{Catalog, Object, ObjectKind};

use super::super::kind::KindDdl;
use super::place::{alike, circle, named, same, text};
use crate::Change;

/// `create function` and `create procedure`, in the server's own words.
pub(in super::super) struct Function;

impl KindDdl for Function {
    fn kinds(&self) -> &'static [ObjectKind] {
        &[ObjectKind::Function, ObjectKind::Procedure]
    }

    fn create(&self, object: &Object, _catalog: &Catalog) -> Vec<String> {
        // The functions that make ranges come with their type.
        if object.attribute("comes_with_type").is_some() {
            return Vec::new();
        }
        vec![text(object, "definition").trim_end().to_owned()]
    }

    fn drop(&self, object: &Object, catalog: &Catalog) -> String {
        let (kind, name) = (object.id.kind, named(object));
        let Some(arguments) = object.attribute("signature") else {
            return format!("drop {kind} {name}");
        };
        if circle(object, catalog).next().is_some() {
            // It goes together with the base type that it reads or writes, whichever is first.
            format!("drop {kind} if exists {name}({arguments}) cascade")
        } else {
            format!("drop {kind} {name}({arguments})")
        }
    }

    fn alter(&self, before: &Object, now: &Object, change: &Change<'_>) -> Option<Vec<String>> {
        if alike(before, now, &[]) {
            return Some(Vec::new());
        }
        let fixed = ["arguments", "result", "window"];
        let replaced = fixed.iter().all(|attribute| same(before, now, attribute));
        (replaced && !stored(now, change.now)).then(|| self.create(before, change.before))
    }
}

/// Whether an index or a column holds values of the function: they have to be computed anew when the function is another.
fn stored(function: &Object, catalog: &Catalog) -> bool {
    let mut holders = catalog.objects().filter(|object| match object.id.kind {
        ObjectKind::Index => true,
        ObjectKind::Column => object.attribute("expression").is_some(),
        _ => false,
    });
    holders.any(|holder| {
        let mut needed = holder.depends_on.iter();
        needed.any(|id| {
            catalog
                .object(id)
                .is_some_and(|needed| needed.native == function.native)
        })
    })
}
