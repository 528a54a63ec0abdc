use std::collections::BTreeMap;

use tightrope_model::AttributeLevel::{Fact, Letter, Logical, Position};
use tightrope_model::{Object, ObjectId, ObjectKind};

use super::other::Trigger;
use super::relation::{Column, Index, Relation};
use super::{normal_text, with_text};
use crate::definition::{ConstraintText, IndexText, Names, TableText, tokens};

/// What is known of all tables.
pub(super) struct Facts {
    pub(super) columns: BTreeMap<String, Vec<Column>>,
    pub(super) indexes: BTreeMap<String, Vec<Index>>,
    pub(super) parents: BTreeMap<String, Vec<String>>,
    pub(super) keys_enforced: bool,
    pub(super) names: Names,
    pub(super) triggers: Vec<Trigger>,
}

impl Facts {
    pub(super) fn columns(&self, table: &str) -> &[Column] {
        self.columns.get(table).map_or(&[], Vec::as_slice)
    }

    pub(super) fn indexes(&self, table: &str) -> &[Index] {
        self.indexes.get(table).map_or(&[], Vec::as_slice)
    }

    fn is_named_by_trigger(&self, table: &str) -> bool {
        self.triggers.iter().any(|trigger| {
            tokens(&trigger.sql).iter().any(|token| {
                let name = token.name();
                name.is_some_and(|name| name.eq_ignore_ascii_case(table))
            })
        })
    }

    /// The tables that a table refers to, by their own names where they are there.
    fn parents(&self, table: &str) -> Vec<ObjectId> {
        let named = self.parents.get(table).map_or(&[][..], Vec::as_slice);
        let own = |parent: &String| {
            let mut tables = self.columns.keys();
            let own = tables.find(|name| name.eq_ignore_ascii_case(parent));
            ObjectId::new(ObjectKind::Table, [own.unwrap_or(parent)])
        };
        named.iter().map(own).collect()
    }

    /// The primary key's columns in their order, of a table by its name in any letter case.
    fn primary_key(&self, table: &str) -> Option<Vec<&str>> {
        let (_, columns) = self
            .columns
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(table))?;
        let mut key: Vec<&Column> = columns.iter().filter(|c| c.key_place > 0).collect();
        key.sort_by_key(|column| column.key_place);
        (!key.is_empty()).then(|| key.iter().map(|column| column.name.as_str()).collect())
    }
}

/// The table itself, its columns and its constraints.
pub(super) fn objects(relation: &Relation, facts: &Facts) -> Vec<Object> {
    let columns = facts.columns(&relation.name);
    let text = TableText::read(&relation.sql, &facts.names).filter(|text| agrees(text, columns));
    let mut table = with_text(
        Object::new(ObjectId::new(ObjectKind::Table, [&relation.name])),
        &relation.sql,
    );
    if relation.without_rowid {
        table = table.with("without_rowid", Logical, "yes");
    }
    if relation.strict {
        table = table.with("strict", Logical, "yes");
    }
    table.depends_on = facts.parents(&relation.name);
    if facts.keys_enforced && !table.depends_on.is_empty() {
        table = table.with("foreign_keys", Fact, "enforced");
    }
    let cascades = facts.keys_enforced && !table.depends_on.is_empty();
    if relation.without_rowid && (cascades || facts.is_named_by_trigger(&relation.name)) {
        // The library tells nothing of what is written there by the way.
        table = table.with("unseen_writes", Fact, "possible");
    }
    let Some(text) = text else {
        // Rather a difference too many than one missed: what cannot be read counts as it stands.
        let definition = normal_text(&relation.sql, &facts.names);
        let mut objects = vec![table.with("definition", Logical, definition)];
        objects.extend(columns.iter().map(|column| column_object(column, None)));
        return objects;
    };
    let mut objects = vec![table];
    for (column, said) in columns.iter().zip(&text.columns) {
        objects.push(column_object(column, Some(&said.attributes)));
    }
    objects.extend(constraints(&relation.name, text.constraints, facts));
    objects
}

/// Whether the text was understood: it names the columns that the library knows, in their order.
fn agrees(text: &TableText, columns: &[Column]) -> bool {
    text.columns.len() == columns.len()
        && text
            .columns
            .iter()
            .zip(columns)
            .all(|(said, known)| said.name.eq_ignore_ascii_case(&known.name))
}

fn column_object(column: &Column, said: Option<&BTreeMap<&'static str, String>>) -> Object {
    let id = ObjectId::new(ObjectKind::Column, [&column.table, &column.name]);
    let mut object = Object::new(id).with("position", Position, (column.position + 1).to_string());
    if !column.declared_type.is_empty() {
        object = object.with("type", Logical, squeezed_type(&column.declared_type));
    }
    if column.not_null {
        object = object.with("not_null", Logical, "yes");
    }
    if said.is_none() && column.generated {
        object = object.with("generated", Logical, "yes");
    }
    for (name, value) in said.into_iter().flatten() {
        object = object.with(*name, Logical, value);
    }
    object
}

/// `VARCHAR ( 10 )` as `varchar(10)`.
fn squeezed_type(declared: &str) -> String {
    let words: Vec<&str> = declared.split_whitespace().collect();
    let mut text = words.join(" ").to_ascii_lowercase();
    for symbol in ["(", ")", ","] {
        for around in [format!(" {symbol}"), format!("{symbol} ")] {
            text = text.replace(&around, symbol);
        }
    }
    text
}

fn constraints(table: &str, said: Vec<ConstraintText>, facts: &Facts) -> Vec<Object> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut objects = Vec::new();
    for constraint in said {
        let mut identity = constraint.identity;
        if let Some(parent) = &constraint.implied_parent
            && let Some(key) = facts.primary_key(parent)
        {
            let key: Vec<String> = key
                .iter()
                .map(|column| normal_text(&crate::quote::quote_identifier(column), &facts.names))
                .collect();
            identity = format!("{identity} ({})", key.join(", "));
        }
        // The same said twice is two constraints, and means what one means.
        let count = seen.entry(identity.clone()).or_default();
        *count += 1;
        if *count > 1 {
            identity = format!("{identity} #{count}");
        }
        let mut object = Object::new(ObjectId::new(
            ObjectKind::Constraint,
            [table.to_owned(), identity],
        ));
        if let Some(name) = constraint.name {
            object = object.with("name", Letter, name);
        }
        for (name, value) in constraint.attributes {
            object = object.with(name, Logical, value);
        }
        objects.push(object);
    }
    objects
}

/// The indexes that statements of their own made.
pub(super) fn indexes<'a>(
    table: &'a str,
    indexes: &'a [Index],
    names: &'a Names,
) -> impl Iterator<Item = Object> + 'a {
    indexes.iter().filter_map(move |index| {
        let sql = index.sql.as_deref()?;
        let id = ObjectId::new(ObjectKind::Index, [&index.name]);
        let mut object = with_text(Object::new(id), sql).with("table", Logical, table);
        object = match IndexText::read(sql, names) {
            Some(text) => {
                let object = object.with("columns", Logical, text.columns);
                match text.condition {
                    Some(condition) => object.with("condition", Logical, condition),
                    None => object,
                }
            }
            None => object.with("definition", Logical, normal_text(sql, names)),
        };
        if index.unique {
            object = object.with("unique", Logical, "yes");
        }
        let collations: Vec<&str> = index
            .columns
            .iter()
            .map(|column| column.collation.as_str())
            .collect();
        if collations
            .iter()
            .any(|collation| !collation.eq_ignore_ascii_case("binary"))
        {
            object = object.with("collations", Logical, collations.join(", ").to_lowercase());
        }
        Some(object)
    })
}
