//! What is there to be selected from: tables, the keys that others refer to, and the references.

use postgres::Client;
use serde_json::Value;
use tightrope_engine::EngineError;
use tightrope_model::TableName;
use tightrope_selection::{ColumnShape, KeyShape, ReferenceShape, Survey, TableShape, ValueClass};

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
    parts_of: Vec<i64>,
    /// Whether an extension made it: then only rows of this condition are copied.
    pub(super) of_extension: bool,
    pub(super) condition: String,
}

/// How a reference is looked up: the types of its values, and the operators that compare them.
pub(super) struct Lookup {
    pub(super) types: Vec<String>,
    pub(super) operators: Vec<String>,
}

/// A table whose key others refer to.
pub(super) struct Relation {
    pub(super) name: TableName,
    oid: i64,
    /// Whether it is partitioned, so that its rows are in its parts.
    pub(super) in_parts: bool,
    /// The key's columns.
    names: Vec<String>,
}

/// All of it: what every engine has, and what is this one's own, in the same places.
pub(super) struct PostgresSurvey {
    pub(super) shape: Survey,
    pub(super) tables: Vec<Table>,
    pub(super) relations: Vec<Relation>,
    pub(super) lookups: Vec<Lookup>,
}

impl Table {
    /// The name, quoted.
    pub(super) fn quoted(&self) -> String {
        quote_qualified(&self.name.schema, &self.name.name)
    }

    /// Whether it is tightrope's own.
    pub(super) fn is_own(&self) -> bool {
        self.name.schema == "tightrope"
    }
}

impl PostgresSurvey {
    /// Reads it, in the transaction that is open.
    pub(super) fn read(client: &mut Client) -> Result<Self, EngineError> {
        let mut survey = Self {
            shape: Survey::default(),
            tables: Vec::new(),
            relations: Vec::new(),
            lookups: Vec::new(),
        };
        let rows = client
            .query(include_str!("sql/tables.sql"), &[])
            .map_err(|error| error::of_own(&error))?;
        for row in &rows {
            survey.tables.push(table(row));
            survey.shape.tables.push(shape(row));
        }
        let rows = client
            .query(include_str!("sql/foreign_keys.sql"), &[])
            .map_err(|error| error::of_own(&error))?;
        for row in &rows {
            survey.add_reference(row);
        }
        Ok(survey)
    }

    fn add_reference(&mut self, row: &postgres::Row) {
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
        let places = places
            .iter()
            .map(|name| self.shape.tables[from].place(name));
        // What the server computes is no column here, and cannot be followed.
        let Some(places) = places.collect::<Option<Vec<usize>>>() else {
            return;
        };
        let Some(key) = self.key(row, texts("refers")) else {
            return;
        };
        self.shape.references.push(ReferenceShape {
            name: row.get("name"),
            from,
            key,
            columns: places,
        });
        self.lookups.push(Lookup {
            types: texts("type"),
            operators: texts("operator"),
        });
    }

    /// The place of the key that a reference is to.
    fn key(&mut self, row: &postgres::Row, names: Vec<String>) -> Option<usize> {
        let oid: i64 = row.get("to_table");
        let known = |relation: &Relation| relation.oid == oid && relation.names == names;
        if let Some(key) = self.relations.iter().position(known) {
            return Some(key);
        }
        let holds = |table: &Table| table.parts_of.contains(&oid) || table.oid == oid;
        let tables = self.tables.iter().enumerate();
        let tables: Vec<usize> = tables
            .filter(|(_, table)| holds(table))
            .map(|(at, _)| at)
            .collect();
        let first = &self.shape.tables[*tables.first()?];
        let columns = names.iter().map(|name| first.place(name));
        let columns = columns.collect::<Option<Vec<usize>>>()?;
        let name = TableName::new(
            row.get::<_, String>("to_schema"),
            row.get::<_, String>("to_name"),
        );
        self.shape.keys.push(KeyShape {
            relation: name.to_string(),
            columns,
            tables,
        });
        self.relations.push(Relation {
            name,
            oid,
            in_parts: row.get("to_parts"),
            names,
        });
        Some(self.relations.len() - 1)
    }
}

fn table(row: &postgres::Row) -> Table {
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
        of_extension: row.get("of_extension"),
        condition: row
            .get::<_, Option<String>>("condition")
            .unwrap_or_default(),
    }
}

fn shape(row: &postgres::Row) -> TableShape {
    let names: Value = json(row, "names");
    let names = names.as_array().into_iter().flatten();
    let names = names.map(|name| TableName::new(text(&name[0]), text(&name[1])).to_string());
    let uniques: Value = json(row, "uniques");
    let uniques = uniques.as_array().into_iter().flatten().map(|index| {
        let columns = index[1].as_array().into_iter().flatten();
        (
            format!("index {}", text(&index[0])),
            columns.map(text).collect(),
        )
    });
    let columns: Value = json(row, "columns");
    let columns = columns.as_array().into_iter().flatten().map(column);
    TableShape {
        names: names.collect(),
        is_part: row.get::<_, i64>("whole") != row.get::<_, i64>("oid"),
        columns: columns.collect(),
        uniques: uniques.collect(),
    }
}

fn column(json: &Value) -> ColumnShape {
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
    ColumnShape {
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
