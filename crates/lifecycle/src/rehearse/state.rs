use std::collections::BTreeMap;

use tightrope_engine::{EngineError, Session};
use tightrope_model::{
    Catalog, DataDifference, Differences, Fingerprint, TableChecksum, TableName, TableShape,
};

use super::rows::compare_rows;

/// A database at one instant: its schema and the checksum of every table.
pub(crate) struct State {
    pub(crate) catalog: Catalog,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) checksums: BTreeMap<TableName, TableChecksum>,
}

impl State {
    /// Reads schema and rows; nobody else may be writing.
    pub(crate) fn read(session: &mut dyn Session) -> Result<Self, EngineError> {
        let catalog = session.catalog()?;
        let sums = session.checksums(catalog.tables())?;
        let checksums = catalog
            .tables()
            .iter()
            .map(|shape| shape.table.clone())
            .zip(sums)
            .collect();
        Ok(Self {
            fingerprint: catalog.fingerprint(),
            catalog,
            checksums,
        })
    }

    /// Rows per table, by display name.
    pub(crate) fn row_counts(&self) -> BTreeMap<String, u64> {
        self.checksums
            .iter()
            .map(|(table, checksum)| (table.to_string(), checksum.rows))
            .collect()
    }

    /// How the rows now differ: table by table, over the columns that both have.
    ///
    /// `reference` is a session on a database that still is in this state, opened only when a table differs; it gives the
    /// rows to show.
    pub(crate) fn data_differences(
        &self,
        now: &Self,
        reference: &mut dyn FnMut() -> Result<Box<dyn Session>, EngineError>,
        session: &mut dyn Session,
    ) -> Result<Vec<DataDifference>, EngineError> {
        let suspects: Vec<TableShape> = self
            .catalog
            .tables()
            .iter()
            .filter_map(|shape| now.catalog.table(&shape.table).map(|now| (shape, now)))
            .filter(|(shape, now_shape)| {
                let table = &shape.table;
                let same_columns = shape.columns == now_shape.columns;
                !same_columns && self.rows(table) > 0
                    || same_columns && self.checksums.get(table) != now.checksums.get(table)
            })
            .map(|(shape, now_shape)| common_shape(shape, now_shape))
            .collect();
        if suspects.is_empty() {
            return Ok(Vec::new());
        }
        let mut before = reference()?;
        let mut found = Vec::new();
        for shape in &suspects {
            let sums = (
                before.checksums(std::slice::from_ref(shape))?,
                session.checksums(std::slice::from_ref(shape))?,
            );
            if sums.0 != sums.1 {
                let rows_before = sums.0.first().map_or(0, |sum| sum.rows);
                found.push(compare_rows(shape, rows_before, before.as_mut(), session)?);
            }
        }
        Ok(found)
    }

    pub(crate) fn rows(&self, table: &TableName) -> u64 {
        self.checksums
            .get(table)
            .map_or(0, |checksum| checksum.rows)
    }

    /// How the schema now differs.
    pub(crate) fn differences(&self, now: &Self) -> Differences {
        self.catalog.differences(&now.catalog)
    }
}

fn common_shape(before: &TableShape, now: &TableShape) -> TableShape {
    let columns: Vec<String> = before
        .columns
        .iter()
        .filter(|column| now.columns.contains(column))
        .cloned()
        .collect();
    let same_key =
        before.key == now.key && before.key.iter().all(|column| columns.contains(column));
    TableShape {
        table: before.table.clone(),
        columns,
        key: if same_key {
            before.key.clone()
        } else {
            Vec::new()
        },
    }
}
