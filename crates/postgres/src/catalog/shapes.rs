use std::collections::{BTreeMap, HashMap};

use tightrope_model::{Object, ObjectKind, TableName, TableShape};

/// Gathers, from the objects as they come, what is needed to read each table's rows.
#[derive(Default)]
pub(super) struct Shapes {
    tables: Vec<(u64, TableName)>,
    columns: HashMap<u64, Vec<String>>,
    keys: HashMap<u64, Key>,
}

/// Keys in the order of preference: the primary one, then few columns, then the name.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    secondary: bool,
    length: usize,
    name: String,
    columns: Vec<String>,
}

impl Shapes {
    /// Takes up what an object tells; `hidden` are the attributes that are for us alone.
    pub(super) fn learn(
        &mut self,
        object: &Object,
        relation: Option<u64>,
        hidden: &BTreeMap<&str, &str>,
    ) {
        let number = object.native.map(|native| native.number);
        match (object.id.kind, number, relation, &object.id.path[..]) {
            (ObjectKind::Table, Some(oid), _, [schema, name])
                if hidden.contains_key("_holds_rows") =>
            {
                self.tables.push((oid, TableName::new(schema, name)));
            }
            (ObjectKind::Column, _, Some(table), [_, _, name]) => {
                self.columns.entry(table).or_default().push(name.clone());
            }
            (ObjectKind::Index, _, Some(table), [_, name]) => {
                if let Some(columns) = object
                    .attribute("key")
                    .and_then(|key| serde_json::from_str(key).ok())
                {
                    self.learn_key(table, name, columns, object.attribute("primary").is_none());
                }
            }
            _ => {}
        }
    }

    fn learn_key(&mut self, table: u64, name: &str, columns: Vec<String>, secondary: bool) {
        let key = Key {
            secondary,
            length: columns.len(),
            name: name.to_owned(),
            columns,
        };
        match self.keys.get(&table) {
            Some(known) if *known <= key => {}
            _ => {
                self.keys.insert(table, key);
            }
        }
    }

    /// The shapes, ordered by table.
    pub(super) fn finish(mut self) -> Vec<TableShape> {
        self.tables.sort_by(|left, right| left.1.cmp(&right.1));
        let tables = std::mem::take(&mut self.tables);
        tables
            .into_iter()
            .map(|(oid, table)| self.shape(oid, table))
            .collect()
    }

    fn shape(&mut self, oid: u64, table: TableName) -> TableShape {
        let mut columns = self.columns.remove(&oid).unwrap_or_default();
        columns.sort();
        let key = self
            .keys
            .remove(&oid)
            .map(|key| key.columns)
            .unwrap_or_default();
        TableShape {
            table,
            columns,
            key,
        }
    }
}
