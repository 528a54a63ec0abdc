//! Columns: whether a table can be changed in place, and by what.

use std::collections::BTreeSet;

use tightrope_model::{Object, ObjectId, ObjectKind, TableName};

use super::fates::{Fates, source};
use super::kinds::column;
use super::quote::{qualified, quote};
use super::survey::{Survey, columns};
use super::{composite, names};

/// Whether a table (or composite type) of before, that is still there, has to be made anew to be as it was.
pub(super) fn must_be_rebuilt(survey: &Survey<'_>, table: &Object) -> bool {
    let Some(now) = survey.aligned.get(&table.id) else {
        return false;
    };
    let given = source(survey, &table.id);
    let filled = given.is_some_and(|source| {
        !source.columns.is_empty() || source.filter.is_some() || !source.more.is_empty()
    });
    let is_part = table.attribute("partition_bound").is_some();
    let other_parents = !is_part
        && table.attribute("inherits").is_some()
        && table.attribute("inherits") != now.attribute("inherits");
    // A part is built anew with the whole; alone its rows are merged in place, for others may refer to them.
    filled && !is_part
        || parts_have_values_of_before(survey, table)
        || other_parents
        || ["partition_key", "access_method"]
            .iter()
            .any(|name| table.attribute(name) != now.attribute(name))
        || !order_comes_back(survey, table)
        || columns(survey.before, &table.id)
            .iter()
            .any(|column| column_must_be_made_anew(survey, column, table.id.kind))
}

/// Whether a column of a partitioned table changed its type, and the net has its values in a partition: those since then
/// need not be convertible, so the whole is built anew from both.
fn parts_have_values_of_before(survey: &Survey<'_>, table: &Object) -> bool {
    let ([schema, name], true) = (
        &table.id.path[..],
        table.attribute("partition_key").is_some(),
    ) else {
        return false;
    };
    let retyped: Vec<&str> = columns(survey.before, &table.id)
        .into_iter()
        .filter(|column| type_differs(survey, column))
        .filter_map(|column| column.id.path.last().map(String::as_str))
        .collect();
    let leaves = survey.before.leaves(&TableName::new(schema, name));
    !retyped.is_empty()
        && leaves.iter().any(|leaf| {
            let given = source(survey, &ObjectId::of_table(leaf));
            given.is_some_and(|given| retyped.iter().any(|name| given.columns.contains_key(*name)))
        })
}

/// Whether a column that is still there cannot be changed into what it was.
fn column_must_be_made_anew(survey: &Survey<'_>, column: &Object, owner: ObjectKind) -> bool {
    let Some(now) = survey.aligned.get(&column.id) else {
        // It is added at the end.
        return column.attribute("inheritance") == Some("inherited and own");
    };
    let differs = |name: &str| column.attribute(name) != now.attribute(name);
    let generated = column.attribute("expression").is_some();
    let only_dropped =
        !generated && differs("expression") && now.attribute("generated") == Some("stored");
    let made_otherwise = differs("expression") || differs("generated");
    made_otherwise && !only_dropped
        || generated && type_differs(survey, column)
        // Attached again, a partition's column is its parent's alone, whatever it was in between.
        || inheritance_differs(column, now) && !names::is_of_part(column, survey.before)
        || owner == ObjectKind::Type && type_differs(survey, column) && is_used(survey, now)
}

/// Whether columns have the type to which an attribute belongs: then the attribute keeps its type.
fn is_used(survey: &Survey<'_>, attribute: &Object) -> bool {
    let owner = &attribute.id.path[..attribute.id.path.len().saturating_sub(1)];
    let before = ObjectId::new(ObjectKind::Type, owner.to_vec());
    let Some(now) = survey.matching.now(&before) else {
        return false;
    };
    let mut columns = survey.now.objects();
    columns.any(|column| column.id.kind == ObjectKind::Column && column.depends_on.contains(now))
}

fn inheritance_differs(column: &Object, now: &Object) -> bool {
    column.attribute("inheritance") != now.attribute("inheritance")
        && column.attribute("inheritance").is_some()
}

/// Whether a column's type (or collation) is another one now.
pub(super) fn type_differs(survey: &Survey<'_>, column: &Object) -> bool {
    survey.aligned.get(&column.id).is_some_and(|now| {
        ["type", "collation"]
            .iter()
            .any(|name| column.attribute(name) != now.attribute(name))
    })
}

/// Whether the columns stand in their order when the new ones are gone and the lost ones were added at the end.
fn order_comes_back(survey: &Survey<'_>, table: &Object) -> bool {
    let before = columns(survey.before, &table.id);
    let position = |column: &Object| {
        let now = survey.aligned.get(&column.id)?;
        now.attribute("position")?.parse::<u32>().ok()
    };
    let mut reached: Vec<(u32, usize)> = Vec::new();
    for (place, column) in before.iter().enumerate() {
        reached.push((position(column).unwrap_or(u32::MAX), place));
    }
    reached.is_sorted()
}

/// What changes the columns of a table that stays, in the order in which it runs.
#[derive(Default)]
pub(super) struct ColumnChanges {
    /// Actions of one `alter table`.
    pub(super) actions: Vec<String>,
    /// Actions that must not reach the table's children.
    pub(super) only: Vec<String>,
    /// Columns that are added again.
    pub(super) added: Vec<ObjectId>,
    /// Actions for when the rows are merged.
    pub(super) restored: Vec<String>,
}

/// Works out the changes of a table's columns.
pub(super) fn changes(survey: &Survey<'_>, fates: &Fates, table: &Object) -> ColumnChanges {
    let mut changes = ColumnChanges::default();
    let alone = stands_alone(survey, table);
    for column in columns(survey.before, &table.id) {
        match survey.aligned.get(&column.id) {
            Some(now) => changes.of_kept(survey, fates, column, now),
            None if names::is_typed(&table.id, survey.before) => {}
            None => changes.of_lost(column, alone),
        }
    }
    changes
}

/// Whether a part of a partitioned table is none now, until it is attached again.
pub(super) fn stands_alone(survey: &Survey<'_>, table: &Object) -> bool {
    let is_part = |table: &Object| table.attribute("partition_bound").is_some();
    let now = survey.aligned.get(&table.id);
    is_part(table) && now.is_some_and(|now| !is_part(now))
}

/// Statements for the defaults and settings of the columns of a view.
pub(super) fn view_columns(survey: &Survey<'_>, fates: &Fates, view: &Object) -> Vec<String> {
    let kind = view.id.kind;
    if !matches!(kind, ObjectKind::View | ObjectKind::MaterializedView) {
        return Vec::new();
    }
    let cleared = cleared(survey, fates, view).into_iter();
    let cleared = cleared.map(|(column, action)| {
        let name = quote(names::own_name(&column.id));
        format!("alter column {name} {action}")
    });
    let changes = changes(survey, fates, view);
    let actions = cleared.chain(changes.actions).chain(changes.only);
    let view = qualified(&view.id.path);
    actions
        .map(|action| format!("alter {kind} {view} {action}"))
        .collect()
}

impl ColumnChanges {
    fn of_lost(&mut self, column: &Object, alone: bool) {
        // It comes with that of the parent.
        if !alone && column.attribute("inheritance") == Some("inherited") {
            return;
        }
        self.added.push(column.id.clone());
        if column.attribute("identity").is_none() {
            self.restored.extend(set_not_null(column));
        }
    }

    fn of_kept(&mut self, survey: &Survey<'_>, fates: &Fates, column: &Object, now: &Object) {
        let name = quote(
            column
                .id
                .path
                .last()
                .map(String::as_str)
                .unwrap_or_default(),
        );
        let differs = |attribute: &str| column.attribute(attribute) != now.attribute(attribute);
        let retyped = fates.retyped.contains(&column.id)
            && column.attribute("inheritance") != Some("inherited")
            && !names::owner(column, survey.before)
                .is_some_and(|owner| names::is_typed(&owner, survey.before));
        let touched = fates.touched.contains(&column.id);
        let had_default = now.attribute("default").is_some();
        let action = |action: String| format!("alter column {name} {action}");
        if column.attribute("expression").is_none() && now.attribute("expression").is_some() {
            self.actions.push(action("drop expression".to_owned()));
        }
        let drops_default = had_default && (retyped || touched || differs("default"));
        if differs("not_null") && now.attribute("not_null").is_some() {
            self.actions.push(action("drop not null".to_owned()));
        }
        if retyped {
            self.actions.push(retype(survey, column, now, &name));
        }
        if let Some(default) = column.attribute("default")
            && (differs("default") || drops_default)
        {
            self.only.push(action(format!("set default {default}")));
        }
        self.settings(column, now, &name, retyped);
        if differs("not_null") {
            self.restored.extend(set_not_null(column));
        }
        if let Some(identity) = column.attribute("identity")
            && differs("identity")
        {
            self.restored.push(action(match now.attribute("identity") {
                Some(_) => format!("set generated {identity}"),
                None => format!(
                    "add generated {identity} as identity{}",
                    column::identity_options(column, survey.before)
                ),
            }));
        }
    }

    fn settings(&mut self, column: &Object, now: &Object, name: &str, retyped: bool) {
        let default_storage = column.attribute("default_storage").unwrap_or("extended");
        for (attribute, set, default) in [
            ("storage", "set storage", default_storage),
            ("compression", "set compression", "default"),
            ("statistics_target", "set statistics", "-1"),
        ] {
            let wanted = column.attribute(attribute);
            let again = retyped && attribute == "storage" && wanted.is_some();
            if wanted != now.attribute(attribute) || again {
                let value = wanted.unwrap_or(default);
                self.only.push(format!("alter column {name} {set} {value}"));
            }
        }
        let options = super::kinds::options::altered(
            "",
            "",
            column.attribute("options"),
            now.attribute("options"),
        );
        self.only.extend(options.iter().map(|action| {
            format!(
                "alter column {name} {}",
                action.trim_start_matches("alter").trim_start()
            )
        }));
    }
}

pub(super) fn set_not_null(column: &Object) -> Option<String> {
    let name = quote(column.id.path.last()?);
    match column.attribute("not_null")? {
        "yes" => Some(format!("alter column {name} set not null")),
        kind => {
            let constraint = column.attribute("not_null_name").map(quote)?;
            Some(format!(
                "add constraint {constraint} not null {name} {kind}"
            ))
        }
    }
}

/// Defaults and identities that have to go before anything else, by the column as it is now.
pub(super) fn cleared<'a>(
    survey: &Survey<'a>,
    fates: &Fates,
    table: &Object,
) -> Vec<(&'a Object, &'static str)> {
    let mut cleared = Vec::new();
    for column in columns(survey.before, &table.id) {
        let (Some(is), Some(now)) = (survey.aligned.get(&column.id), survey.now_of(column)) else {
            continue;
        };
        if is.attribute("identity").is_some() && column.attribute("identity").is_none() {
            cleared.push((now, "drop identity"));
        }
        let hangs = fates.retyped.contains(&column.id) || fates.touched.contains(&column.id);
        let goes = hangs || column.attribute("default").is_none();
        if is.attribute("default").is_some() && goes {
            cleared.push((now, "drop default"));
        }
    }
    cleared
}

fn retype(survey: &Survey<'_>, column: &Object, now: &Object, name: &str) -> String {
    let wanted = column.attribute("type").unwrap_or_default();
    let collation = column
        .attribute("collation")
        .map(|collation| format!(" collate {collation}"))
        .unwrap_or_default();
    let own = names_own_type(survey, column);
    let from = now.attribute("type").unwrap_or_default();
    let converted =
        composite::converted(survey, column, name).or_else(|| conversion(name, from, wanted, own));
    let using = converted
        .map(|expression| format!(" using {expression}"))
        .unwrap_or_default();
    format!("alter column {name} type {wanted}{collation}{using}")
}

/// Whether a column's type is one that people made, before or now.
pub(super) fn names_own_type(survey: &Survey<'_>, column: &Object) -> bool {
    let made = |column: &Object| {
        column.depends_on.iter().any(|id| {
            matches!(
                id.kind,
                ObjectKind::Type | ObjectKind::Enum | ObjectKind::Domain | ObjectKind::Table
            )
        })
    };
    made(column) || survey.now_of(column).is_some_and(made)
}

/// How a value is converted from one type to another; none if an assignment does it. What an assignment refuses, a cast
/// might cut off: so it is left to the assignment wherever there is one.
pub(super) fn conversion(value: &str, from: &str, to: &str, own: bool) -> Option<String> {
    const FAMILIES: [&[&str]; 5] = [
        &[
            "smallint",
            "integer",
            "bigint",
            "numeric",
            "real",
            "double precision",
        ],
        &[
            "date",
            "timestamp without time zone",
            "timestamp with time zone",
        ],
        &["json", "jsonb"],
        &["inet", "cidr"],
        &["bit", "bit varying"],
    ];
    let base = |name: &str| -> String {
        match (name.find('('), name.find(')')) {
            (Some(open), Some(close)) => format!("{}{}", &name[..open], &name[close + 1..]),
            _ => name.to_owned(),
        }
    };
    let (from_base, to_base) = (base(from), base(to));
    let text_like =
        |name: &str| matches!(name, "text" | "character varying" | "character" | "name");
    let family = |name: &str| FAMILIES.iter().position(|family| family.contains(&name));
    if own {
        let array = if from.ends_with("[]") && to.ends_with("[]") {
            "[]"
        } else {
            ""
        };
        return Some(format!("{value}::text{array}::{to}"));
    }
    let same_family = family(&from_base).is_some() && family(&from_base) == family(&to_base);
    if from_base == to_base || text_like(&to_base) || same_family {
        return None;
    }
    let element = |name: &str| name.strip_suffix("[]").map(str::to_owned);
    if let (Some(from), Some(to_element)) = (element(&from_base), element(&to_base)) {
        return Some(match conversion(value, &from, &to_element, false) {
            None => format!("{value}::{to}"),
            Some(_) => format!("{value}::text[]::{to}"),
        });
    }
    let direct = text_like(&from_base)
        || matches!(
            (from_base.as_str(), to_base.as_str()),
            ("integer", "boolean") | ("boolean", "integer")
        );
    Some(if direct {
        format!("{value}::{to}")
    } else {
        format!("{value}::text::{to}")
    })
}

/// The columns whose values a table that is built anew has to be given, and that may lack one until then. A part of a
/// partitioned table cannot be attached with a column that takes NULL where the whole does not; so what never took NULL
/// does not now, and of the whole all columns count as given.
pub(super) fn filled(survey: &Survey<'_>, table: &Object) -> BTreeSet<Vec<String>> {
    let given = source(survey, &table.id);
    let is_whole = table.attribute("partition_key").is_some();
    columns(survey.before, &table.id)
        .into_iter()
        .filter(|column| {
            let Some(now) = survey.now_of(column) else {
                return true;
            };
            let name = names::own_name(&column.id);
            let is_given = given.is_some_and(|source| source.columns.contains_key(name));
            now.attribute("not_null").is_none() && (is_whole || is_given)
        })
        .map(|column| column.id.path.clone())
        .collect()
}

/// Whether a type that the column uses is dropped and made again under its name.
pub(super) fn type_is_replaced(survey: &Survey<'_>, column: &Object) -> bool {
    survey
        .now_of(column)
        .is_some_and(|now| now.attribute("same_type") != column.attribute("same_type"))
}
