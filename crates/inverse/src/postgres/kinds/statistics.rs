use tightrope_model::{Catalog, Object, ObjectKind};

use super::super::kind::KindDdl;
use super::super::quote::qualified;
use super::place::{alike, same, text};
use crate::Change;

/// `create statistics`. What the server gathered is not brought back; the next `analyze` does it.
pub(in super::super) struct Statistics;

impl KindDdl for Statistics {
    fn kinds(&self) -> &'static [ObjectKind] {
        &[ObjectKind::Statistics]
    }

    fn create(&self, object: &Object, _catalog: &Catalog) -> Vec<String> {
        let mut statements = vec![text(object, "definition").to_owned()];
        statements.extend(
            object
                .attribute("statistics_target")
                .map(|target| targeted(object, target)),
        );
        statements
    }

    fn drop(&self, object: &Object, _catalog: &Catalog) -> String {
        format!("drop statistics {}", qualified(&object.id.path))
    }

    fn alter(&self, before: &Object, now: &Object, _change: &Change<'_>) -> Option<Vec<String>> {
        let target = before.attribute("statistics_target").unwrap_or("-1");
        let target = (!same(before, now, "statistics_target")).then(|| targeted(before, target));
        alike(before, now, &["statistics_target"]).then(|| target.into_iter().collect())
    }
}

fn targeted(object: &Object, target: &str) -> String {
    format!(
        "alter statistics {} set statistics {target}",
        qualified(&object.id.path)
    )
}
