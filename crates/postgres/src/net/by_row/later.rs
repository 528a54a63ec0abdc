//! The touch log of a later migration in the words of an earlier one: rows as they are after the later one's rollback.

use tightrope_engine::{EngineError, KeptTable};
use tightrope_model::TablePlan;

use super::super::terms::{Shape, Terms, before};
use super::{entries, has_more, images, row_text, text};
use crate::quote::quote;
use crate::session::PostgresSession;

/// A query for the entries of a later log: `k1` and `o1` as the earlier log has them, `s1` as it keeps what is left of a row,
/// and the later log's flags. `earlier` is the plan of the earlier migration for the same table, which has its shape of before
/// the later one again.
pub(in crate::net) fn in_words_of_before(
    session: &mut PostgresSession,
    later: &KeptTable,
    earlier: &TablePlan,
    flags: &[&str],
) -> Result<String, EngineError> {
    let plan = &later.plan;
    let terms = Terms::of(session, later, &plan.before, Shape::Before)?;
    let Some((log, _)) = &terms.facts.log else {
        return Ok(
            "select null::text as k1, null::text as o1, null::text as s1 where false".into(),
        );
    };
    let names = plan.columns.iter().map(|column| &column.before);
    let now = row_text(names.map(|name| format!("t.{}", quote(name))));
    let left = match has_more(earlier) {
        true => text(earlier, Shape::After, "t"),
        false => "null::text".to_owned(),
    };
    let (origin, of_gone) = match &terms.facts.rows {
        Some((rows, _)) => {
            let was = row_text((0..plan.columns.len()).map(|at| before(plan, at)));
            (
                format!("case when p.tightrope_r is not null then {was} end"),
                format!(
                    " left join {} p on p.tightrope_claimed and p.tightrope_r = l.o1 and p.tightrope_n = l.m",
                    images(&terms.facts, rows)
                ),
            )
        }
        None if has_more(plan) => ("l.s0".to_owned(), String::new()),
        None => ("l.o1".to_owned(), String::new()),
    };
    let flags: String = flags.iter().map(|flag| format!(", l.{flag}")).collect();
    Ok(format!(
        "select {now} as k1, {origin} as o1, {left} as s1{flags} from {} where {} \
         union all \
         select null, {origin}, null{flags} from {} l{of_gone} where l.k1 is null and l.o1 is not null",
        terms.from(),
        terms.joins.touched,
        entries(log, "k1"),
    ))
}
