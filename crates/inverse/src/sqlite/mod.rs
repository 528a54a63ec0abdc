//! The way back in SQLite.
//!
//! The catalog holds the text of every object to the letter, so whatever differs is dropped and made again from its text. A
//! table that differs is built anew:
//!
//! 1. it is renamed away, with `legacy_alter_table` on: nothing that speaks of it is rewritten, and a view or trigger that is
//!    broken is in nobody's way;
//! 2. it is made from its text of before, and filled by one `insert … select` from itself as it is now, parents before
//!    children;
//! 3. what was renamed away is dropped, children before parents.
//!
//! Where foreign keys are enforced, the library rewrites references to a renamed table whatever the setting. They are put
//! back in `sqlite_schema` itself before the drop, so that no reference leads to what is dropped, and nothing cascades.
//! Everything runs inside one transaction.

mod change;
mod fill;
mod loss;
mod name;
mod order;
mod other;
mod table;

use tightrope_model::{ObjectId, ObjectKind};

use crate::{Change, Inverse, Phase, Step};
use change::Tables;

pub(crate) fn derive(change: &Change<'_>) -> Inverse {
    let tables = Tables::of(change);
    let mut inverse = Inverse::default();
    other::clear(change, &tables, &mut inverse.steps);
    table::reshape(change, &tables, &mut inverse);
    other::restore(change, &tables, &mut inverse.steps);
    loss::losses(change, &tables, &mut inverse);
    inverse.steps.sort_by_key(|step| step.phase);
    inverse
}

fn step(phase: Phase, about: &ObjectId, sql: impl Into<String>) -> Step {
    Step {
        phase,
        about: about.clone(),
        sql: sql.into(),
        comment: None,
    }
}

fn commented(phase: Phase, about: &ObjectId, sql: impl Into<String>, comment: &str) -> Step {
    Step {
        comment: Some(comment.to_owned()),
        ..step(phase, about, sql)
    }
}

/// What steps are about that prepare the connection.
fn setting(name: &str) -> ObjectId {
    ObjectId::new(ObjectKind::Setting, [name])
}
