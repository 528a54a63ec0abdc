use serde::{Deserialize, Serialize};
use tightrope_engine::Quarantined;
use tightrope_model::{TableName, Value};

use crate::{Store, StoreError};

/// The layout of the store that came with the quarantine.
const LAYOUT_WITH_QUARANTINE: i64 = 2;

/// A row in quarantine: what the old schema could not hold, whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantinedRow {
    /// Its number, by which commands name it.
    pub number: i64,
    /// When it was taken out, by the server's clock.
    pub at: String,
    /// The migration whose rollback took it out, by its label.
    pub migration: String,
    /// The row.
    #[serde(flatten)]
    pub row: Quarantined,
}

impl Store<'_> {
    /// Puts rows into quarantine, inside the open transaction.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn quarantine(&mut self, migration: &str, rows: &[Quarantined]) -> Result<(), StoreError> {
        let table = self.table("quarantine");
        let now = self.session.store_dialect().now;
        for row in rows {
            self.session.query(
                &format!(
                    "insert into {table} (at, migration, table_schema, table_name, reason, row_values) \
                     values ({now}, $1, $2, $3, $4, $5)"
                ),
                &[
                    Value::from(migration),
                    Value::from(row.table.schema.as_str()),
                    Value::from(row.table.name.as_str()),
                    Value::from(row.reason.as_str()),
                    Value::from(row.row.as_str()),
                ],
            )?;
        }
        Ok(())
    }

    /// The rows in quarantine, oldest first; only those with a number among `numbers`, if some are given.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn quarantined(&mut self, numbers: &[i64]) -> Result<Vec<QuarantinedRow>, StoreError> {
        if self.layout()? < LAYOUT_WITH_QUARANTINE {
            return Ok(Vec::new());
        }
        let table = self.table("quarantine");
        let rows = self.session.query(
            &format!(
                "select number, at, migration, table_schema, table_name, reason, row_values from {table} order by number"
            ),
            &[],
        )?;
        let text = |value: &Value| value.text().unwrap_or_default().to_owned();
        let read = rows.iter().map(|row| QuarantinedRow {
            number: row[0].integer().unwrap_or_default(),
            at: text(&row[1]),
            migration: text(&row[2]),
            row: Quarantined {
                table: TableName::new(text(&row[3]), text(&row[4])),
                reason: text(&row[5]),
                row: text(&row[6]),
            },
        });
        Ok(read
            .filter(|row| numbers.is_empty() || numbers.contains(&row.number))
            .collect())
    }

    /// Takes a row off the quarantine, inside the open transaction: it was put back, or discarded.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn release_quarantined(&mut self, number: i64) -> Result<(), StoreError> {
        let table = self.table("quarantine");
        self.session.query(
            &format!("delete from {table} where number = $1"),
            &[Value::from(number)],
        )?;
        Ok(())
    }
}
