use serde::{Deserialize, Serialize};
use tightrope_model::{Attribute, Catalog, Fingerprint, NativeId, Object, ObjectId, Value};

use crate::lease::to_json;
use crate::{Store, StoreError};

/// The layout of a catalog in its row.
const LAYOUT: i64 = 1;

#[derive(Serialize, Deserialize)]
struct StoredObject {
    id: ObjectId,
    attributes: std::collections::BTreeMap<String, Attribute>,
    #[serde(default)]
    native: Option<NativeId>,
    #[serde(default)]
    depends_on: Vec<ObjectId>,
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
        let known = self.session.query(
            &format!("select 1 from {table} where strict = $1"),
            std::slice::from_ref(&strict),
        )?;
        if !known.is_empty() {
            return Ok(());
        }
        let objects: Vec<StoredObject> = catalog
            .objects()
            .map(|object| StoredObject {
                id: object.id.clone(),
                attributes: object.attributes.clone(),
                native: object.native,
                depends_on: object.depends_on.clone(),
            })
            .collect();
        self.session.query(
            &format!("insert into {table} (strict, layout, catalog) values ($1, $2, $3)"),
            &[strict, Value::from(LAYOUT), Value::from(to_json(&objects))],
        )?;
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

    /// The catalog that was kept under a fingerprint, if it was; it knows no table shapes.
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
        let objects: Vec<StoredObject> = serde_json::from_str(row[0].text().unwrap_or_default())
            .map_err(|error| StoreError::Damaged {
                table: "snapshot",
                what: error.to_string(),
            })?;
        let objects = objects.into_iter().map(|stored| Object {
            id: stored.id,
            native: stored.native,
            attributes: stored.attributes,
            depends_on: stored.depends_on,
        });
        Ok(Some(Catalog::new(objects, Vec::new())))
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
