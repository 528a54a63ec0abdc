//! The kinds of object that have DDL, one line each.

use tightrope_model::ObjectKind;

use super::kind::KindDdl;

const KINDS: &[&dyn KindDdl] = &[];

/// How a kind is written; none if no statement makes it.
pub(super) fn ddl(kind: ObjectKind) -> Option<&'static dyn KindDdl> {
    KINDS
        .iter()
        .find(|ddl| ddl.kinds().contains(&kind))
        .copied()
}
