use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use tightrope_model::sql_text::members;
use tightrope_model::{
    Attribute, Catalog, Fingerprint, NativeId, Object, ObjectId, ObjectKind, TableShape, Value,
};

use crate::lease::to_json;
use crate::{Store, StoreError};

/// The layout of a catalog in its row.
const LAYOUT: i64 = 1;

#[derive(Serialize, Deserialize)]
struct StoredObject {
    id: ObjectId,
    attributes: BTreeMap<String, Attribute>,
    #[serde(default)]
    native: Option<NativeId>,
    #[serde(default)]
    depends_on: Vec<ObjectId>,
}

/// A catalog as it is kept. Before tables' shapes were kept, the list of objects was all.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum StoredCatalog {
    Whole {
        objects: Vec<StoredObject>,
        shapes: Vec<TableShape>,
    },
    Objects(Vec<StoredObject>),
}

impl StoredCatalog {
    fn of(catalog: &Catalog) -> Self {
        let objects = catalog.objects().map(|object| StoredObject {
            id: object.id.clone(),
            attributes: object.attributes.clone(),
            native: object.native,
            depends_on: object.depends_on.clone(),
        });
        Self::Whole {
            objects: objects.collect(),
            shapes: catalog.tables().to_vec(),
        }
    }

    fn into_catalog(self) -> Catalog {
        let (objects, shapes) = match self {
            Self::Whole { objects, shapes } => (objects, shapes),
            Self::Objects(objects) => (objects, Vec::new()),
        };
        let objects = objects.into_iter().map(|stored| Object {
            id: stored.id,
            native: stored.native,
            attributes: stored.attributes,
            depends_on: stored.depends_on,
        });
        Catalog::new(objects, shapes)
    }
}

/// What an object has instead of its number, and instead of what is told by the numbers of others.
struct NewNumbers<'c> {
    native: NativeId,
    /// Facts that begin with `same_`: two catalogs tell by them whether the same words mean the same. Was and is.
    facts: Vec<(&'c str, &'c str, &'c str)>,
    /// The numbers of an enum's values. Was and is.
    values: Vec<(&'c str, &'c str)>,
}

/// The fact of an enum that numbers its values, in their order.
const NUMBERS: &str = "numbers";

fn numbers(object: &Object) -> Vec<&str> {
    members(object.attribute(NUMBERS).unwrap_or_default())
}

/// The new numbers of objects, by their old ones.
struct Renumbered<'c>(HashMap<(ObjectKind, NativeId), NewNumbers<'c>>);

impl<'c> Renumbered<'c> {
    /// Between two readings of the same schema.
    fn of(old: &'c Catalog, new: &'c Catalog) -> Self {
        let objects = old.objects().filter_map(|object| {
            let now = new.object(&object.id)?;
            let (was, native) = (object.native?, now.native?);
            let facts = object.attributes.iter().filter_map(|(name, attribute)| {
                let is = now.attribute(name)?;
                let was = attribute.value.as_str();
                (name.starts_with("same_") && was != is).then_some((name.as_str(), was, is))
            });
            let new = NewNumbers {
                native,
                facts: facts.collect(),
                values: numbers(object).into_iter().zip(numbers(now)).collect(),
            };
            let key = (object.id.kind, was);
            (was != native || !new.facts.is_empty()).then_some((key, new))
        });
        Self(objects.collect())
    }

    /// Gives an object of another catalog its new numbers. A fact that says something else there does so still.
    fn apply(&self, object: &mut StoredObject) {
        let key = object.native.map(|number| (object.id.kind, number));
        let Some(new) = key.and_then(|key| self.0.get(&key)) else {
            return;
        };
        object.native = Some(new.native);
        for (name, was, is) in &new.facts {
            if let Some(fact) = object.attributes.get_mut(*name)
                && fact.value == *was
            {
                (*is).clone_into(&mut fact.value);
            }
        }
        if let Some(numbers) = object.attributes.get_mut(NUMBERS) {
            let values = new.values.iter();
            let new: BTreeMap<&str, &str> = values.copied().collect();
            let each = members(&numbers.value).into_iter();
            let each: Vec<&str> = each
                .map(|was| new.get(was).copied().unwrap_or(was))
                .collect();
            numbers.value = each.join(", ");
        }
    }
}

impl Store<'_> {
    /// Keeps a catalog under its fingerprint, inside the open transaction, so that a later difference can be named.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn keep_snapshot(
        &mut self,
        catalog: &Catalog,
        fingerprint: &Fingerprint,
    ) -> Result<(), StoreError> {
        let table = self.table("snapshot");
        let strict = Value::from(fingerprint.strict.to_string());
        // The same schema may be there again with other numbers: what is kept are the latest.
        let known = self.session.query(
            &format!("select 1 from {table} where strict = $1"),
            std::slice::from_ref(&strict),
        )?;
        let text = Value::from(to_json(&StoredCatalog::of(catalog)));
        if known.is_empty() {
            self.session.query(
                &format!("insert into {table} (strict, layout, catalog) values ($1, $2, $3)"),
                &[strict, Value::from(LAYOUT), text],
            )?;
        } else {
            self.session.query(
                &format!("update {table} set catalog = $1 where strict = $2"),
                &[text, strict],
            )?;
        }
        Ok(())
    }

    /// Gives the objects of all kept catalogs the numbers that they have since a table was built anew, inside the open
    /// transaction: `old` and `new` are the same schema, read before and after that.
    ///
    /// # Errors
    /// When a catalog cannot be read.
    pub fn renumber_snapshots(&mut self, old: &Catalog, new: &Catalog) -> Result<(), StoreError> {
        let renumbered = Renumbered::of(old, new);
        if renumbered.0.is_empty() {
            return Ok(());
        }
        let table = self.table("snapshot");
        let rows = self.session.query(
            &format!("select strict, catalog from {table} where layout = 1"),
            &[],
        )?;
        for row in rows {
            let mut catalog = read(row[1].text().unwrap_or_default())?;
            let objects = match &mut catalog {
                StoredCatalog::Whole { objects, .. } | StoredCatalog::Objects(objects) => objects,
            };
            for object in objects {
                renumbered.apply(object);
            }
            self.session.query(
                &format!("update {table} set catalog = $1 where strict = $2"),
                &[Value::from(to_json(&catalog)), row[0].clone()],
            )?;
        }
        Ok(())
    }

    /// Says which schema the next command should find, inside the open transaction: anything else is drift. None where the
    /// schema was not measured.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn expect_schema(&mut self, fingerprint: Option<&Fingerprint>) -> Result<(), StoreError> {
        let table = self.table("meta");
        self.session
            .query(&format!("delete from {table} where name = 'schema'"), &[])?;
        if let Some(fingerprint) = fingerprint {
            self.session.query(
                &format!("insert into {table} (name, value) values ('schema', $1)"),
                &[Value::from(to_json(fingerprint))],
            )?;
        }
        Ok(())
    }

    /// The schema that the last command left.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn expected_schema(&mut self) -> Result<Option<Fingerprint>, StoreError> {
        let table = self.table("meta");
        let rows = self.session.query(
            &format!("select value from {table} where name = 'schema'"),
            &[],
        )?;
        let read = |text: &str| {
            serde_json::from_str(text).map_err(|error| StoreError::Damaged {
                table: "meta",
                what: error.to_string(),
            })
        };
        rows.first()
            .and_then(|row| row[0].text())
            .map(read)
            .transpose()
    }

    /// The catalog that was kept under a fingerprint, if it was.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn snapshot(&mut self, fingerprint: &Fingerprint) -> Result<Option<Catalog>, StoreError> {
        let table = self.table("snapshot");
        let rows = self.session.query(
            &format!("select catalog from {table} where strict = $1 and layout = 1"),
            &[Value::from(fingerprint.strict.to_string())],
        )?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        Ok(Some(
            read(row[0].text().unwrap_or_default())?.into_catalog(),
        ))
    }

    /// Drops the snapshots that no applied migration refers to, inside the open transaction.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn drop_unused_snapshots(&mut self, used: &[Fingerprint]) -> Result<(), StoreError> {
        let table = self.table("snapshot");
        let used: Vec<String> = used
            .iter()
            .map(|fingerprint| fingerprint.strict.to_string())
            .collect();
        let rows = self
            .session
            .query(&format!("select strict from {table}"), &[])?;
        for row in rows {
            let strict = row[0].text().unwrap_or_default();
            if !used.iter().any(|used| used == strict) {
                self.session.query(
                    &format!("delete from {table} where strict = $1"),
                    &[Value::from(strict)],
                )?;
            }
        }
        Ok(())
    }
}

fn read(text: &str) -> Result<StoredCatalog, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Damaged {
        table: "snapshot",
        what: error.to_string(),
    })
}
