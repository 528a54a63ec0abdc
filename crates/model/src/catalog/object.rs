use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::TableName;

/// The kinds of object that a catalog knows, in the order in which a report lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the variants are the field's own words")]
pub enum ObjectKind {
    Schema,
    Extension,
    Language,
    Collation,
    Type,
    Enum,
    Domain,
    Sequence,
    Table,
    ForeignTable,
    Column,
    Constraint,
    Index,
    View,
    MaterializedView,
    Function,
    Procedure,
    Aggregate,
    Operator,
    OperatorClass,
    OperatorFamily,
    Cast,
    Conversion,
    TextSearch,
    Trigger,
    EventTrigger,
    Rule,
    Policy,
    Publication,
    Statistics,
    ForeignServer,
    ForeignDataWrapper,
    UserMapping,
    AccessMethod,
    Transform,
    DefaultPrivileges,
    LargeObject,
    VirtualTable,
    Setting,
}

impl ObjectKind {
    /// The kind as people say it: `materialized view`.
    pub fn words(self) -> String {
        let name = serde_json::to_value(self).ok();
        name.as_ref()
            .and_then(|name| name.as_str())
            .unwrap_or("object")
            .replace('-', " ")
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words())
    }
}

/// An object's identity: its kind, and the unquoted names on the way to it (schema, table, column).
///
/// Engines without schemas leave the schema out. A function's last name carries its argument types.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectId {
    /// What it is.
    pub kind: ObjectKind,
    /// The names on the way to it.
    pub path: Vec<String>,
}

impl ObjectId {
    /// An identity from its parts.
    pub fn new<S: Into<String>>(kind: ObjectKind, path: impl IntoIterator<Item = S>) -> Self {
        Self {
            kind,
            path: path.into_iter().map(Into::into).collect(),
        }
    }

    /// A table's identity; without its schema where the engine has none.
    pub fn of_table(table: &TableName) -> Self {
        let schema = Some(&table.schema).filter(|schema| !schema.is_empty());
        Self::new(ObjectKind::Table, schema.into_iter().chain([&table.name]))
    }

    /// The identity of a table's column.
    pub fn of_column(table: &TableName, column: &str) -> Self {
        let mut path = Self::of_table(table).path;
        path.push(column.to_owned());
        Self::new(ObjectKind::Column, path)
    }

    /// The table to which a column belongs, if it is one of a table's.
    pub fn table_of_column(&self) -> Self {
        let owner = self.path.len().saturating_sub(1);
        Self::new(ObjectKind::Table, self.path[..owner].iter())
    }
}

impl fmt::Display for ObjectId {
    /// `column customers.name`; the schema `public` is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = match self.path.split_first() {
            Some((schema, rest)) if schema == "public" && !rest.is_empty() => rest,
            _ => &self.path[..],
        };
        write!(f, "{} {}", self.kind, path.join("."))
    }
}

/// What an attribute is worth in a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttributeLevel {
    /// It is part of what the schema means: any difference counts.
    Logical,
    /// It is text that people write (a function's body, a table's statement): white space, comments and letter case
    /// outside quotes count only in the strict fingerprint.
    Text,
    /// It is where something stands (a column's position): only in the strict fingerprint.
    Position,
    /// It is the author's text to the letter, whose meaning other attributes carry: only in the strict fingerprint, and
    /// another letter is never more than another text.
    Letter,
    /// It is what only deriving an inverse needs (an argument list, a signature): in no fingerprint and no difference.
    Fact,
}

/// One attribute of an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Attribute {
    /// What it is worth.
    pub level: AttributeLevel,
    /// Its value as text.
    pub value: String,
}

/// The engine's own number of an object, where it has one: in PostgreSQL the OID, and the attnum for columns (else 0).
///
/// It tells a rename from a drop-and-add inside one database, and never enters a fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NativeId {
    /// The OID.
    pub number: u64,
    /// The attnum of a column, else 0.
    pub part: i32,
}

/// One object of the schema with its attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its identity.
    pub id: ObjectId,
    /// The engine's own number, if it has one.
    pub native: Option<NativeId>,
    /// Its attributes by name; an attribute that the engine has at its default may be left out.
    pub attributes: BTreeMap<String, Attribute>,
    /// What it needs to be there, itself and its parts left out: what is made before it and dropped after it. In no
    /// fingerprint.
    pub depends_on: Vec<ObjectId>,
}

impl Object {
    /// An object without attributes.
    pub fn new(id: ObjectId) -> Self {
        Self {
            id,
            native: None,
            attributes: BTreeMap::new(),
            depends_on: Vec::new(),
        }
    }

    /// The same object with one more attribute.
    #[must_use]
    pub fn with(
        mut self,
        name: impl Into<String>,
        level: AttributeLevel,
        value: impl Into<String>,
    ) -> Self {
        self.attributes.insert(
            name.into(),
            Attribute {
                level,
                value: value.into(),
            },
        );
        self
    }

    /// The value of one attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .get(name)
            .map(|attribute| attribute.value.as_str())
    }

    /// The path of the column that a sequence belongs to; none if it stands alone.
    pub fn owner_column(&self) -> Option<Vec<String>> {
        ["owner_schema", "owner_table", "owner_column"]
            .iter()
            .map(|name| self.attribute(name).map(str::to_owned))
            .collect()
    }
}
