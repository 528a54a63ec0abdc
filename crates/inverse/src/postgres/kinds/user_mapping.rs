use tightrope_model::{Catalog, Object, ObjectKind};

use super::super::kind::KindDdl;
use super::super::quote::quote;
use super::place::{last, same, single};
use super::secret::options_lost;
use crate::{Change, Loss};

/// `create user mapping`, without its options.
pub(in super::super) struct UserMapping;

impl KindDdl for UserMapping {
    fn kinds(&self) -> &'static [ObjectKind] {
        &[ObjectKind::UserMapping]
    }

    fn create(&self, object: &Object, _catalog: &Catalog) -> Vec<String> {
        vec![format!("create user mapping {}", reference(object))]
    }

    fn drop(&self, object: &Object, _catalog: &Catalog) -> String {
        format!("drop user mapping {}", reference(object))
    }

    fn alter(&self, before: &Object, now: &Object, _change: &Change<'_>) -> Option<Vec<String>> {
        // Made again, it has none.
        let bare = before.attribute("options_digest").is_none();
        (same(before, now, "options_digest") || !bare).then(Vec::new)
    }

    fn loss(&self, before: Option<&Object>, now: Option<&Object>) -> Option<Loss> {
        before.filter(|before| before.attribute("options_digest").is_some())?;
        options_lost(before, now)
    }
}

/// `for somebody server elsewhere`; `public` is a word there, and no name.
fn reference(object: &Object) -> String {
    let user = match last(object) {
        "public" => "public".to_owned(),
        user => quote(user),
    };
    format!("for {user} server {}", single(object))
}
