//! The derived rollback for PostgreSQL.

mod kind;
mod kinds;
mod names;
mod quote;
mod registry;
mod survey;

use crate::{Change, Inverse};

pub(crate) fn derive(_change: &Change<'_>) -> Inverse {
    Inverse::default()
}
