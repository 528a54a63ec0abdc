//! The kinds of object, one file each; what they have in common stands beside them.

mod access_method;
mod aggregate;
mod block;
mod cast;
mod collation;
mod conversion;
mod default_privileges;
mod domain;
mod enabled;
mod enumeration;
mod event_trigger;
mod extension;
mod foreign_data_wrapper;
mod foreign_server;
mod foreign_table;
mod function;
mod language;
mod materialized_view;
mod operator;
mod operator_class;
mod operator_family;
mod options;
mod place;
mod policy;
mod publication;
mod rule;
mod schema;
mod secret;
mod setting;
mod statistics;
mod text;
mod text_search;
mod transform;
mod trigger;
mod types;
mod user_mapping;
mod view;

pub(super) use access_method::AccessMethod;
pub(super) use aggregate::Aggregate;
pub(super) use cast::Cast;
pub(super) use collation::Collation;
pub(super) use conversion::Conversion;
pub(super) use default_privileges::DefaultPrivileges;
pub(super) use domain::Domain;
pub(super) use enumeration::Enumeration;
pub(super) use event_trigger::EventTrigger;
pub(super) use extension::Extension;
pub(super) use foreign_data_wrapper::ForeignDataWrapper;
pub(super) use foreign_server::ForeignServer;
pub(super) use foreign_table::ForeignTable;
pub(super) use function::Function;
pub(super) use language::Language;
pub(super) use materialized_view::MaterializedView;
pub(super) use operator::Operator;
pub(super) use operator_class::OperatorClass;
pub(super) use operator_family::OperatorFamily;
pub(super) use policy::Policy;
pub(super) use publication::Publication;
pub(super) use rule::Rule;
pub(super) use schema::Schema;
pub(super) use setting::Setting;
pub(super) use statistics::Statistics;
pub(super) use text_search::TextSearch;
pub(super) use transform::Transform;
pub(super) use trigger::Trigger;
pub(super) use types::Type;
pub(super) use user_mapping::UserMapping;
pub(super) use view::View;

use tightrope_model::{Catalog, Object, ObjectKind};

/// The columns of a relation or a composite type in their order.
fn columns_in_order<'a>(relation: &Object, catalog: &'a Catalog) -> Vec<&'a Object> {
    let place = |column: &Object| {
        column
            .attribute("position")
            .and_then(|place| place.parse::<u32>().ok())
    };
    let mut columns: Vec<&Object> = catalog
        .objects()
        .skip_while(|object| object.id.kind < ObjectKind::Column)
        .take_while(|object| object.id.kind == ObjectKind::Column)
        .filter(|column| column.id.path.len() == 3 && column.id.path[..2] == relation.id.path[..])
        .collect();
    columns.sort_by_key(|column| place(column));
    columns
}
