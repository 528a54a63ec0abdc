use std::collections::BTreeSet;

use tightrope_model::{Catalog, Object, ObjectId, ObjectKind};

use super::super::kind::KindDdl;
use super::super::quote::{literal, qualified, quote};
use super::column::definition;
use super::options;
use super::place::{last, same, text};
use crate::Change;

/// `create table`, columns included. Partitions are made by themselves and attached, so that their columns keep their order.
pub(in super::super) struct Table;

impl KindDdl for Table {
    fn kinds(&self) -> &'static [ObjectKind] {
        &[ObjectKind::Table]
    }

    fn create(&self, object: &Object, catalog: &Catalog) -> Vec<String> {
        let mut statements = create(object, catalog, &BTreeSet::new());
        statements.extend(attach(object));
        statements.extend(row_security(object, None));
        statements
    }

    fn drop(&self, object: &Object, _catalog: &Catalog) -> String {
        format!("drop table {}", qualified(&object.id.path))
    }

    /// The table's own attributes; its columns are the business of `shape.rs`, its partitions are detached before, and attached when the rows are
    /// back.
    fn alter(&self, before: &Object, now: &Object, _: &Change<'_>) -> Option<Vec<String>> {
        let name = qualified(&before.id.path);
        let differs = |attribute: &str| !same(before, now, attribute);
        let mut actions = Vec::new();
        if differs("persistence") {
            let logged = before
                .attribute("persistence")
                .map_or("logged", |_| "unlogged");
            actions.push(format!("set {logged}"));
        }
        if differs("tablespace") {
            let tablespace = before.attribute("tablespace").unwrap_or("pg_default");
            actions.push(format!("set tablespace {}", quote(tablespace)));
        }
        if differs("row_type") {
            actions.push(match before.attribute("row_type") {
                Some(of) => format!("of {of}"),
                None => "not of".to_owned(),
            });
        }
        if differs("replica_identity") && before.attribute("replica_identity") != Some("index") {
            let identity = before.attribute("replica_identity").unwrap_or("default");
            actions.push(format!("replica identity {identity}"));
        }
        let mut statements: Vec<String> = actions
            .into_iter()
            .map(|action| format!("alter table {name} {action}"))
            .collect();
        let (wanted, there) = (storage_options(before), storage_options(now));
        statements.extend(options::altered(
            "table",
            &name,
            Some(&wanted),
            Some(&there),
        ));
        Some(statements)
    }
}

/// The statements that make a table, but do not attach it; the columns at these paths stay without their `not null`.
pub(in super::super) fn create(
    table: &Object,
    catalog: &Catalog,
    nullable: &BTreeSet<Vec<String>>,
) -> Vec<String> {
    let columns = super::super::survey::columns(catalog, &table.id);
    let partition = table.attribute("partition_bound").is_some();
    let parents = table.attribute("inherits").filter(|_| !partition);
    let own: Vec<String> = columns
        .iter()
        .filter(|column| parents.is_none() || column.attribute("inheritance") != Some("inherited"))
        .map(|column| {
            let mut column = (*column).clone();
            if partition {
                // It comes with the parent's.
                column.attributes.remove("identity");
            }
            let not_null = !nullable.contains(&column.id.path);
            format!("    {}", definition(&column, not_null, catalog))
        })
        .collect();
    let unlogged = table.attribute("persistence").map(|_| "unlogged ");
    let mut sql = format!(
        "create {}table {}",
        unlogged.unwrap_or_default(),
        qualified(&table.id.path)
    );
    sql += &if own.is_empty() {
        " ()".to_owned()
    } else {
        format!(" (\n{}\n)", own.join(",\n"))
    };
    if let Some(parents) = parents {
        sql += &format!(" inherits ({parents})");
    }
    if let Some(key) = table.attribute("partition_key") {
        sql += &format!(" partition by {key}");
    }
    if let Some(method) = table.attribute("access_method") {
        sql += &format!(" using {}", quote(method));
    }
    let storage = storage_options(table);
    if !storage.is_empty() {
        sql += &options::with(&storage);
    }
    if let Some(tablespace) = table.attribute("tablespace") {
        sql += &format!(" tablespace {}", quote(tablespace));
    }
    let mut statements = vec![sql];
    let name = qualified(&table.id.path);
    if let Some(of) = table.attribute("row_type") {
        statements.push(format!("alter table {name} of {of}"));
    }
    if parents.is_some() {
        statements.extend(own_defaults(table, &columns, catalog));
    }
    let settings: Vec<String> = columns
        .iter()
        .flat_map(|column| column_settings(column))
        .collect();
    if !settings.is_empty() {
        statements.push(format!(
            "alter table only {name}\n    {}",
            settings.join(",\n    ")
        ));
    }
    if let Some(identity @ ("nothing" | "full")) = table.attribute("replica_identity") {
        statements.push(format!("alter table {name} replica identity {identity}"));
    }
    statements
}

/// What makes the table a part of its parents.
pub(in super::super) fn attach(table: &Object) -> Option<String> {
    let bound = table.attribute("partition_bound")?;
    Some(format!(
        "alter table {} attach partition {} {}",
        text(table, "inherits"),
        qualified(&table.id.path),
        bound.replacen("FOR VALUES", "for values", 1)
    ))
}

/// The same where its parent was there without it. What was written since may be in the default partition, and keep it from being
/// attached: such rows are moved.
pub(in super::super) fn attach_beside_default(table: &Object, catalog: &Catalog) -> Option<String> {
    let attach = attach(table)?;
    let parent = table
        .depends_on
        .iter()
        .find(|id| id.kind == ObjectKind::Table)?;
    let is_default = |other: &&Object| {
        other.attribute("partition_bound") == Some("DEFAULT") && other.id != table.id
    };
    let Some(default) = catalog.partitions(parent).find(is_default) else {
        return Some(attach);
    };
    let computed = |column: &&Object| column.attribute("expression").is_none();
    let columns: Vec<String> = super::super::survey::columns(catalog, &table.id)
        .into_iter()
        .filter(computed)
        .map(|column| quote(last(column)))
        .collect();
    let columns = columns.join(", ");
    let (whole, own) = (qualified(&parent.path), qualified(&table.id.path));
    let default = qualified(&default.id.path);
    let body = format!(
        "begin\n  {attach};\nexception when check_violation then\n  \
         alter table {whole} detach partition {default};\n  {attach};\n  \
         bounds := pg_get_partition_constraintdef({own_text}::regclass);\n  \
         alter table {whole} detach partition {own};\n  \
         execute format('with moved as (delete from only %s t where %s returning t.*) insert into %s (%s) overriding system value select %s from moved',\n    \
         {default_text}, bounds, {own_text}, {columns_text}, {columns_text});\n  \
         {attach};\n  \
         alter table {whole} attach partition {default} default;\nend",
        own_text = literal(&own),
        default_text = literal(&default),
        columns_text = literal(&columns),
    );
    Some(format!(
        "do {}",
        literal(&format!("declare bounds text;\n{body}"))
    ))
}

/// Defaults that an inherited column has for itself.
fn own_defaults(table: &Object, columns: &[&Object], catalog: &Catalog) -> Vec<String> {
    let parents: Vec<&ObjectId> = table
        .depends_on
        .iter()
        .filter(|id| id.kind == ObjectKind::Table)
        .collect();
    let inherited = columns
        .iter()
        .filter(|column| column.attribute("inheritance") == Some("inherited"));
    let own = inherited.filter(|column| {
        let theirs = parents.iter().find_map(|parent| {
            let path = parent.path.iter().cloned();
            let path = path.chain([last(column).to_owned()]);
            catalog.object(&ObjectId::new(ObjectKind::Column, path))
        });
        theirs.is_some_and(|theirs| !same(theirs, column, "default"))
    });
    own.map(|column| {
        let name = qualified(&table.id.path);
        let action = match column.attribute("default") {
            Some(default) => format!("set default {default}"),
            None => "drop default".to_owned(),
        };
        format!(
            "alter table only {name} alter column {} {action}",
            quote(last(column))
        )
    })
    .collect()
}

/// The settings of a column that are not at their default, as actions of `alter table`.
pub(in super::super) fn column_settings(column: &Object) -> Vec<String> {
    let name = quote(last(column));
    let mut actions = Vec::new();
    for (attribute, action) in [
        ("storage", "set storage"),
        ("compression", "set compression"),
        ("statistics_target", "set statistics"),
    ] {
        if let Some(value) = column.attribute(attribute) {
            actions.push(format!("alter column {name} {action} {value}"));
        }
    }
    if let Some(given) = column.attribute("options") {
        let set = options::with(given).replacen(" with ", "", 1);
        actions.push(format!("alter column {name} set {set}"));
    }
    actions
}

/// Row security as it was; statements come last, when rows are where they belong.
pub(in super::super) fn row_security(before: &Object, now: Option<&Object>) -> Vec<String> {
    let name = qualified(&before.id.path);
    let state = |object: &Object, attribute: &str| object.attribute(attribute).is_some();
    [
        ("row_security", "enable", "disable"),
        ("row_security_forced", "force", "no force"),
    ]
    .into_iter()
    .filter_map(|(attribute, on, off)| {
        let wanted = state(before, attribute);
        let there = now.is_some_and(|now| state(now, attribute));
        (wanted != there).then(|| {
            let action = if wanted { on } else { off };
            format!("alter table {name} {action} row level security")
        })
    })
    .collect()
}

/// The statements that set what is the table's own where a table that was made without a word has something else.
pub(in super::super) fn settings(table: &Object) -> Vec<String> {
    let name = qualified(&table.id.path);
    let identity = table.attribute("replica_identity");
    // The index comes later, and says it then.
    let identity = identity.filter(|identity| *identity != "index");
    let mut statements = vec![format!(
        "alter table {name} replica identity {}",
        identity.unwrap_or("default")
    )];
    statements.extend(options::altered(
        "table",
        &name,
        Some(&storage_options(table)),
        None,
    ));
    statements
}

/// A table's options, those of its side table for long values included.
fn storage_options(table: &Object) -> String {
    let own = text(table, "options").split(", ").map(str::to_owned);
    let toast = text(table, "toast_options")
        .split(", ")
        .filter(|option| !option.is_empty())
        .map(|option| format!("toast.{option}"));
    let all: Vec<String> = own
        .chain(toast)
        .filter(|option| !option.is_empty())
        .collect();
    all.join(", ")
}

/// Carries the position of a sequence over to another.
pub(in super::super) fn carry_position(from: &str, to: &[String]) -> String {
    format!(
        "select setval({}, last_value, is_called) from {from}",
        literal(&qualified(to))
    )
}
