//! Options of foreign data: they may hold passwords, so the catalog has only their digest.

use tightrope_model::Object;

use super::place::same;
use crate::Loss;

/// What is lost of an object whose options cannot be said again.
pub(super) fn options_lost(before: Option<&Object>, now: Option<&Object>) -> Option<Loss> {
    let before = before?;
    let lost = match now {
        None => before.attribute("options_digest").is_some(),
        Some(now) => !same(before, now, "options_digest"),
    };
    lost.then(|| Loss {
        object: before.id.clone(),
        reason: "options may hold secrets, so only their digest is kept".to_owned(),
        lost: "its options as they were".to_owned(),
    })
}
