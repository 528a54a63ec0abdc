//! The derived rollback for PostgreSQL.

mod kind;
mod kinds;
mod quote;
mod registry;

use crate::{Change, Inverse};

pub(crate) fn derive(_change: &Change<'_>) -> Inverse {
    Inverse::default()
}
