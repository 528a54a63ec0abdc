//! The rows of a table: an application's errors. The judge counts those that have come since the migration.

use std::collections::BTreeMap;

use tightrope_judge::{FailureKind, Observation};

use super::line::Line;
use super::{Blindness, Eye};

pub(super) struct Table {
    line: Line,
    table: String,
    condition: Option<String>,
}

impl Table {
    pub(super) fn new(line: Line, table: &str, condition: Option<&str>) -> Self {
        Self {
            line,
            table: table.to_owned(),
            condition: condition.map(str::to_owned),
        }
    }
}

impl Eye for Table {
    fn look(&mut self) -> Result<Observation, Blindness> {
        let (table, condition) = (&self.table, &self.condition);
        let rows = self.line.on(|session| {
            let parts: Vec<String> = table.split('.').map(|part| session.quote(part)).collect();
            let only = condition
                .as_ref()
                .map(|condition| format!(" where ({condition}\n)"));
            let sql = format!(
                "select count(*) from {}{}",
                parts.join("."),
                only.unwrap_or_default()
            );
            session.query(&sql, &[])
        })?;
        let count = rows.first().and_then(|row| row.first()?.integer());
        let count = count.ok_or_else(|| {
            Blindness::Words(FailureKind::NotANumber, "it gave no count".to_owned())
        })?;
        Ok(Observation::Totals {
            values: BTreeMap::from([("count".to_owned(), count as f64)]),
            epoch: None,
        })
    }
}
