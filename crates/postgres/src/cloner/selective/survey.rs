//! What is there to be selected from: tables, the keys that others refer to, and the references.

use postgres::Client;
use serde_json::Value;
use tightrope_engine::EngineError;
use tightrope_model::TableName;
use tightrope_selection::ValueClass;

use crate::error;
use crate::quote::quote_qualified;

/// A table with rows of its own.
pub(super) struct Table {
    pub(super) oid: i64,
    pub(super) name: TableName,
    pub(super) unlogged: bool,
    pub(super) bytes: u64,
    /// Rows by the server's statistics, where they know.
    pub(super) estimate: Option<u64>,
    /// The outermost table that it is a part of; itself if it is none.
    pub(super) whole: i64,
    /// The partitioned tables that it is a part of, and itself.
    pub(super) parts_of: Vec<i64>,
    /// Its display name, then those of the tables that it is a part of or inherits from, from near to far.
    pub(super) names: Vec<String>,
    /// Whether an extension made it: then only rows of this condition are copied.
    pub(super) of_extension: bool,
    pub(super) condition: String,
    pub(super) columns: Vec<Column>,
    /// The unique indexes with their columns.
    pub(super) uniques: Vec<(String, Vec<String>)>,
}

/// A column that is copied.
pub(super) struct Column {
    pub(super) name: String,
    pub(super) type_name: String,
    pub(super) class: ValueClass,
    pub(super) not_null: bool,
}

/// A foreign key of one table.
pub(super) struct ForeignKey {
    pub(super) name: String,
    /// The places of the table and of the key in the survey.
    pub(super) from: usize,
    pub(super) key: usize,
    pub(super) columns: Vec<usize>,
    pub(super) types: Vec<String>,
    pub(super) operators: Vec<String>,
}

/// A key that others refer to.
pub(super) struct Key {
    pub(super) relation: TableName,
    oid: i64,
    /// Whether the relation is partitioned, so that its rows are in its parts.
    pub(super) in_parts: bool,
    names: Vec<String>,
    /// The places of its columns, the same in all tables that hold it.
    pub(super) columns: Vec<usize>,
    /// The tables that hold rows with it.
    pub(super) tables: Vec<usize>,
}

/// All of it.
pub(super) struct Survey {
    pub(super) tables: Vec<Table>,
    pub(super) keys: Vec<Key>,
    pub(super) foreign_keys: Vec<ForeignKey>,
}

impl Table {
    /// The name, quoted.
    pub(super) fn quoted(&self) -> String {
        quote_qualified(&self.name.schema, &self.name.name)
    }

    /// The place of a column.
    pub(super) fn place(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|known| known.name == column)
    }

    /// Whether it is tightrope's own.
    pub(super) fn is_own(&self) -> bool {
        self.name.schema == "tightrope"
    }
}

impl Survey {
    /// Reads it, in the transaction that is open.
    pub(super) fn read(client: &mut Client) -> Result<Self, EngineError> {
        let tables = client
            .query(include_str!("sql/tables.sql"), &[])
            .map_err(|error| error::of_own(&error))?;
        let tables: Vec<Table> = tables.iter().map(table).collect();
        let rows = client
            .query(include_str!("sql/foreign_keys.sql"), &[])
            .map_err(|error| error::of_own(&error))?;
        let mut survey = Self {
            tables,
            keys: Vec::new(),
            foreign_keys: Vec::new(),
        };
        for row in &rows {
            survey.add_foreign_key(row);
        }
        Ok(survey)
    }

    fn add_foreign_key(&mut self, row: &postgres::Row) {
        let from: i64 = row.get("from_table");
        let Some(from) = self.tables.iter().position(|table| table.oid == from) else {
            return;
        };
        let columns: Value = json(row, "columns");
        let texts = |name: &str| -> Vec<String> {
            let all = columns.as_array().into_iter().flatten();
            all.map(|one| text(&one[name])).collect()
        };
        let places = texts("column");
        let places = places.iter().map(|name| self.tables[from].place(name));
        // What the server computes is no column here, and cannot be followed; it is in nobody's row.
        let Some(places) = places.collect::<Option<Vec<usize>>>() else {
            return;
        };
        let (oid, names) = (row.get("to_table"), texts("refers"));
        let known = |key: &Key| key.oid == oid && key.names == names;
        let key = match self.keys.iter().position(known) {
            Some(key) => key,
            None => {
                let relation = TableName::new(
                    row.get::<_, String>("to_schema"),
                    row.get::<_, String>("to_name"),
                );
                let Some(key) = self.key(relation, oid, row.get("to_parts"), names) else {
                    return;
                };
                self.keys.push(key);
                self.keys.len() - 1
            }
        };
        self.foreign_keys.push(ForeignKey {
            name: row.get("name"),
            from,
            key,
            columns: places,
            types: texts("type"),
            operators: texts("operator"),
        });
    }

    fn key(
        &self,
        relation: TableName,
        oid: i64,
        in_parts: bool,
        names: Vec<String>,
    ) -> Option<Key> {
        let holds =
            |(_, table): &(usize, &Table)| table.parts_of.contains(&oid) || table.oid == oid;
        let tables: Vec<usize> = self
            .tables
            .iter()
            .enumerate()
            .filter(holds)
            .map(|(at, _)| at)
            .collect();
        let first = &self.tables[*tables.first()?];
        let columns = names.iter().map(|name| first.place(name));
        Some(Key {
            columns: columns.collect::<Option<Vec<usize>>>()?,
            relation,
            oid,
            in_parts,
            names,
            tables,
        })
    }

    /// The tables in an order in which, as far as there is one, those that are referred to come first.
    pub(super) fn parents_first(&self) -> Vec<usize> {
        let mut order = Vec::with_capacity(self.tables.len());
        let mut seen = vec![false; self.tables.len()];
        for table in 0..self.tables.len() {
            // Depth first without recursion: a table goes in when all that it refers to is in.
            let mut stack = vec![(table, false)];
            while let Some((at, is_done)) = stack.pop() {
                if is_done {
                    order.push(at);
                    continue;
                }
                if std::mem::replace(&mut seen[at], true) {
                    continue;
                }
                stack.push((at, true));
                let own = self.foreign_keys.iter().filter(|key| key.from == at);
                let parents = own.flat_map(|own| &self.keys[own.key].tables);
                stack.extend(
                    parents
                        .filter(|parent| !seen[**parent])
                        .map(|at| (*at, false)),
                );
            }
        }
        order
    }
}

fn table(row: &postgres::Row) -> Table {
    let names: Value = json(row, "names");
    let names = names.as_array().into_iter().flatten();
    let names = names.map(|name| TableName::new(text(&name[0]), text(&name[1])).to_string());
    let uniques: Value = json(row, "uniques");
    let uniques = uniques.as_array().into_iter().flatten().map(|index| {
        let columns = index[1].as_array().into_iter().flatten();
        (text(&index[0]), columns.map(text).collect())
    });
    let columns: Value = json(row, "columns");
    let columns = columns.as_array().into_iter().flatten().map(column);
    let parts: Value = json(row, "parts_of");
    let whole_number = |number: i64| u64::try_from(number).unwrap_or(0);
    Table {
        oid: row.get("oid"),
        name: TableName::new(row.get::<_, String>("schema"), row.get::<_, String>("name")),
        unlogged: row.get("unlogged"),
        bytes: whole_number(row.get("bytes")),
        estimate: row.get::<_, Option<i64>>("estimate").map(whole_number),
        whole: row.get("whole"),
        parts_of: parts
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_i64)
            .collect(),
        names: names.collect(),
        of_extension: row.get("of_extension"),
        condition: row
            .get::<_, Option<String>>("condition")
            .unwrap_or_default(),
        columns: columns.collect(),
        uniques: uniques.collect(),
    }
}

fn column(json: &Value) -> Column {
    let modifier = json["modifier"].as_i64().unwrap_or(-1);
    let characters = usize::try_from(modifier - 4).ok();
    let class = match json["base"].as_str().unwrap_or_default() {
        "text" | "citext" => ValueClass::Text(None),
        "varchar" | "bpchar" => ValueClass::Text(characters),
        "name" => ValueClass::Text(Some(63)),
        "int2" => ValueClass::Integer(i64::from(i16::MIN), i64::from(i16::MAX)),
        "int4" => ValueClass::Integer(i64::from(i32::MIN), i64::from(i32::MAX)),
        "int8" => ValueClass::Integer(i64::MIN, i64::MAX),
        "numeric" | "float4" | "float8" => ValueClass::Number,
        "date" | "timestamp" | "timestamptz" | "time" | "timetz" => ValueClass::Time,
        "uuid" => ValueClass::Uuid,
        "bytea" => ValueClass::Bytes,
        _ => ValueClass::Other,
    };
    Column {
        name: text(&json["name"]),
        type_name: text(&json["type"]),
        class,
        not_null: json["not_null"].as_bool().unwrap_or(false),
    }
}

fn json(row: &postgres::Row, column: &str) -> Value {
    let text: Option<String> = row.get(column);
    text.and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
