use serde::{Deserialize, Serialize};
use tightrope_engine::ForwardColumn;
use tightrope_model::{Digest, TableName, Value};

use crate::lease::to_json;
use crate::{Store, StoreError};

/// What a rollback kept of the new schema's own values, for when the migration is applied again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForwardImage {
    /// The own table with the values.
    pub own: String,
    /// The table that they are from, as it is called after the migration.
    pub table: TableName,
    /// The columns that are kept.
    pub columns: Vec<ForwardColumn>,
    /// The columns that tell the rows apart; none where the whole table is kept.
    pub key: Vec<String>,
    /// How many rows.
    pub rows: u64,
}

/// A forward image with the migration that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeptImage {
    /// Its number.
    pub number: i64,
    /// When the rollback kept it, by the server's clock.
    pub at: String,
    /// What identifies the migration's version.
    pub version_key: String,
    /// The migration's label.
    pub migration: String,
    /// The digest of the forward script without comments and white space: it fits only that.
    pub forward: String,
    /// The image.
    pub image: ForwardImage,
}

impl Store<'_> {
    /// Notes forward images, inside the open transaction.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn keep_images(
        &mut self,
        version_key: &str,
        migration: &str,
        forward: Digest,
        images: &[ForwardImage],
    ) -> Result<(), StoreError> {
        let table = self.table("forward_image");
        let now = self.session.store_dialect().now;
        for image in images {
            self.session.query(
                &format!(
                    "insert into {table} (at, version_key, migration, forward, own_table, image) \
                     values ({now}, $1, $2, $3, $4, $5)"
                ),
                &[
                    Value::from(version_key),
                    Value::from(migration),
                    Value::from(forward.to_string()),
                    Value::from(image.own.as_str()),
                    Value::from(to_json(image)),
                ],
            )?;
        }
        Ok(())
    }

    /// The forward images that are kept, oldest first.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn images(&mut self) -> Result<Vec<KeptImage>, StoreError> {
        if self.layout()? < 2 {
            return Ok(Vec::new());
        }
        let table = self.table("forward_image");
        let rows = self.session.query(
            &format!(
                "select number, version_key, migration, forward, image, at from {table} order by number"
            ),
            &[],
        )?;
        let text = |value: &Value| value.text().unwrap_or_default().to_owned();
        rows.iter()
            .map(|row| {
                let image = serde_json::from_str(row[4].text().unwrap_or_default());
                Ok(KeptImage {
                    number: row[0].integer().unwrap_or_default(),
                    at: text(&row[5]),
                    version_key: text(&row[1]),
                    migration: text(&row[2]),
                    forward: text(&row[3]),
                    image: image.map_err(|error| StoreError::Damaged {
                        table: "forward_image",
                        what: error.to_string(),
                    })?,
                })
            })
            .collect()
    }

    /// Strikes a forward image off, inside the open transaction.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn drop_image(&mut self, number: i64) -> Result<(), StoreError> {
        let table = self.table("forward_image");
        self.session.query(
            &format!("delete from {table} where number = $1"),
            &[Value::from(number)],
        )?;
        Ok(())
    }
}
