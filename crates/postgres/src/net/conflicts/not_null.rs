//! Columns that had to have a value.

use super::column;
use super::truth::Truth;
use crate::net::fill;
use crate::quote::quote;

/// The rules of one table.
pub(super) fn broken(truth: &Truth<'_, '_>) -> Vec<(String, String)> {
    let columns = 0..truth.table.plan.columns.len();
    columns.filter_map(|at| of_column(truth, at)).collect()
}

fn of_column(truth: &Truth<'_, '_>, at: usize) -> Option<(String, String)> {
    let (plan, window) = (&truth.table.plan, truth.window);
    let planned = &plan.columns[at];
    let before = column(window, &plan.before, &planned.before)?;
    before.attribute("not_null")?;
    let has_before = &truth.terms.joins.has_before;
    let condition = match &planned.after {
        None => {
            let filled = fill(window.fill, &plan.before, &planned.before).is_some();
            let fills_itself =
                before.attribute("default").is_some() || before.attribute("identity").is_some();
            match (filled, fills_itself) {
                (true, _) => {
                    let fails = truth.failing[at].as_ref();
                    let fails = fails.map_or("false", |failing| &failing.condition);
                    format!(
                        "not ({has_before}) and {} is null and not ({fails})",
                        truth.values[at]
                    )
                }
                (false, true) => return None,
                (false, false) => format!("not ({has_before})"),
            }
        }
        Some(name) => {
            let id = tightrope_model::ObjectId::new(
                tightrope_model::ObjectKind::Column,
                [&truth.after.schema, &truth.after.name, name],
            );
            let now = window.after.object(&id)?;
            if now.attribute("not_null").is_some() {
                return None;
            }
            let written = truth.terms.written(at + 1);
            format!(
                "t.{} is null and ({written} or not ({has_before}))",
                quote(name)
            )
        }
    };
    let words = format!("column `{}` must not be null", planned.before);
    Some((words, truth.written_where(&condition)?))
}
