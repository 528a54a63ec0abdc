//! The proof at the end of a rollback: what nobody touched is what it was.

use tightrope_engine::{EngineError, KeptNet};
use tightrope_model::{Keep, TableName};

use super::columns::rows_differ;
use super::merge::counted;
use super::terms::{Shape, Terms};
use crate::quote::quote;
use crate::session::PostgresSession;

/// Counts, table by table, the rows that differ from their pre-images.
pub(super) fn of(
    session: &mut PostgresSession,
    kept: &KeptNet,
) -> Result<Vec<(TableName, u64)>, EngineError> {
    let mut unlike = Vec::new();
    for table in kept.tables.iter().filter(|table| table.rows.is_some()) {
        let terms = Terms::of(session, table, &table.plan.before, Shape::Before)?;
        let Some((from, missing)) = &terms.joins.untouched else {
            continue;
        };
        let plan = &table.plan;
        let compared: Vec<usize> = (0..plan.columns.len())
            .filter(|at| {
                terms.keeps(*at) && (plan.keep != Keep::Columns || plan.columns[*at].is_lost())
            })
            .collect();
        // Rows without a key are missing where they differ.
        let differs = match plan.key.is_empty() {
            true => String::new(),
            false => {
                let now = compared
                    .iter()
                    .map(|at| format!("t.{}", quote(&plan.columns[*at].before)));
                let now = now.collect::<Vec<_>>().join(", ");
                let was = compared.iter().map(|at| terms.before(*at));
                let was = was.collect::<Vec<_>>().join(", ");
                format!(
                    " or {} and row({now})::text <> row({was})::text",
                    rows_differ(&now, &was)
                )
            }
        };
        let rows = counted(
            session,
            &format!("select count(*) from {from} where {missing}{differs}"),
        )?;
        if rows > 0 {
            unlike.push((plan.before.clone(), rows));
        }
    }
    Ok(unlike)
}
