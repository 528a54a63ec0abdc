//! The kinds of object that have DDL, one line each.

use tightrope_model::ObjectKind;

use super::kind::KindDdl;
use super::kinds;

const KINDS: &[&dyn KindDdl] = &[
    &kinds::Schema,
    &kinds::Extension,
    &kinds::Language,
    &kinds::Collation,
    &kinds::Type,
    &kinds::Enumeration,
    &kinds::Domain,
    &kinds::Sequence,
    &kinds::Table,
    &kinds::ForeignTable,
    &kinds::Column,
    &kinds::Constraint,
    &kinds::Index,
    &kinds::View,
    &kinds::MaterializedView,
    &kinds::Function,
    &kinds::Aggregate,
    &kinds::Operator,
    &kinds::OperatorClass,
    &kinds::OperatorFamily,
    &kinds::Cast,
    &kinds::Conversion,
    &kinds::TextSearch,
    &kinds::Trigger,
    &kinds::EventTrigger,
    &kinds::Rule,
    &kinds::Policy,
    &kinds::Publication,
    &kinds::Statistics,
    &kinds::ForeignServer,
    &kinds::ForeignDataWrapper,
    &kinds::UserMapping,
    &kinds::AccessMethod,
    &kinds::Transform,
    &kinds::DefaultPrivileges,
    &kinds::Setting,
];

/// How a kind is written; none if no statement makes it.
pub(super) fn ddl(kind: ObjectKind) -> Option<&'static dyn KindDdl> {
    KINDS
        .iter()
        .find(|ddl| ddl.kinds().contains(&kind))
        .copied()
}
