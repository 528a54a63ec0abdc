//! A table's rows as they will be after a rollback.

use tightrope_engine::{EngineError, KeptNet, KeptTable, Window};
use tightrope_model::{ColumnPlan, ObjectId, ObjectKind, TableName};

use super::{fill, types};
use crate::net::fill as fill_of;
use crate::net::sources::as_it_is;
use crate::net::terms::{Shape, Terms};
use crate::quote::quote;
use crate::session::PostgresSession;

/// Whether it can be told what value a column is going to have in a row that never had it. A sequence gives each value once, and
/// what a default calls may be gone.
fn is_known(table: &KeptTable, column: &ColumnPlan, window: &Window<'_>) -> bool {
    let before = &table.plan.before;
    let is_filled = fill_of(window.fill, before, &column.before).is_some();
    let Some(was) = super::column(window, before, &column.before) else {
        return true;
    };
    let calls = |id: &&ObjectId| matches!(id.kind, ObjectKind::Function | ObjectKind::Sequence);
    let mut called = was.depends_on.iter().filter(calls);
    let takes = was.attribute("identity").is_some()
        || was
            .attribute("default")
            .is_some_and(|default| default.contains("nextval("));
    column.after.is_some()
        || is_filled
        || !takes && called.all(|id| window.after.object(id).is_some())
}

/// One watched table, and how each of its columns of before is going to be.
pub(super) struct Truth<'k, 'w> {
    pub(super) kept: &'k KeptNet,
    pub(super) table: &'k KeptTable,
    pub(super) after: &'k TableName,
    pub(super) window: &'w Window<'w>,
    pub(super) terms: Terms<'k>,
    /// For each column of before: its value, where it fits.
    pub(super) values: Vec<String>,
    /// For each column of before: the condition on `t` that the application's value does not fit into the old type.
    pub(super) unfit: Vec<Option<String>>,
    /// For each column of before: whether the expression that gives it a value fails in some rows.
    pub(super) failing: Vec<Option<fill::Failing>>,
}

impl<'k, 'w> Truth<'k, 'w> {
    pub(super) fn of(
        session: &mut PostgresSession,
        kept: &'k KeptNet,
        table: &'k KeptTable,
        after: &'k TableName,
        window: &'w Window<'w>,
    ) -> Result<Self, EngineError> {
        let terms = Terms::of(session, table, after, Shape::After)?;
        let (mut values, mut unfit, mut failing) = (Vec::new(), Vec::new(), Vec::new());
        for (at, column) in table.plan.columns.iter().enumerate() {
            let misfit = types::misfit(session, kept.number, &terms, column, window)?;
            let mut now = match is_known(table, column, window) {
                true => as_it_is(session, &terms, column, window)?,
                false => format!("null::{}", column.type_before),
            };
            if let Some(misfit) = &misfit {
                now = format!("case when not ({misfit}) then {now} end");
            }
            let fails = fill::failing(session, kept.number, &terms, column, window)?;
            if let Some(fails) = &fails {
                now = format!("case when not ({}) then {now} end", fails.condition);
            }
            values.push(match terms.keeps(at) {
                true => format!(
                    "case when {} and not ({}) then {} else {now} end",
                    terms.joins.has_before,
                    terms.written(at + 1),
                    terms.before(at),
                ),
                false => now,
            });
            unfit.push(misfit);
            failing.push(fails);
        }
        Ok(Self {
            kept,
            table,
            after,
            window,
            terms,
            values,
            unfit,
            failing,
        })
    }

    /// A query for written rows of which a condition on `t`, `l` and `p` holds.
    pub(super) fn written_where(&self, condition: &str) -> Option<String> {
        let written = self.terms.joins.written.as_ref()?;
        Some(format!(
            "select t.ctid as place from {written} where {} and ({condition})",
            self.terms.joins.touched
        ))
    }

    /// A subquery with the one row of before that `t` is going to be, as far as the expressions name its columns: in it, names
    /// without a table are those of before.
    pub(super) fn row(&self, expressions: &[&str]) -> String {
        self.row_of(expressions, |at| self.values[at].clone())
    }

    /// The same of a pre-image `p` that comes back.
    pub(super) fn row_that_returns(&self, expressions: &[&str]) -> String {
        self.row_of(expressions, |at| self.terms.before(at))
    }

    fn row_of(&self, expressions: &[&str], value: impl Fn(usize) -> String) -> String {
        let values: Vec<String> = self
            .named(expressions)
            .map(|(at, column)| format!("{} as {}", value(at), quote(&column.before)))
            .collect();
        let stored = format!("(select {}) b", values.join(", "));
        let computed: Vec<String> = self
            .computed(expressions)
            .map(|(name, expression, kind)| format!("({expression})::{kind} as {}", quote(name)))
            .collect();
        match computed.is_empty() {
            true => stored,
            false => format!("(select b.*, {} from {stored}) b", computed.join(", ")),
        }
    }

    /// The columns with values of their own that these expressions take theirs from, with their places.
    pub(super) fn named(
        &self,
        expressions: &[&str],
    ) -> impl Iterator<Item = (usize, &'k ColumnPlan)> {
        let computed = self
            .computed(expressions)
            .map(|(_, expression, _)| expression);
        let texts: Vec<String> = expressions
            .iter()
            .copied()
            .chain(computed)
            .map(str::to_owned)
            .collect();
        let columns = self.table.plan.columns.iter().enumerate();
        columns.filter(move |(_, column)| texts.iter().any(|text| text.contains(&column.before)))
    }

    /// The columns that these expressions name and that are computed from others: name, expression, type.
    fn computed(&self, expressions: &[&str]) -> impl Iterator<Item = (&'w str, &'w str, &'w str)> {
        let table = &self.table.plan.before;
        let columns = self.window.before.objects().filter_map(move |object| {
            let [schema, of, name] = &object.id.path[..] else {
                return None;
            };
            let is_its = object.id.kind == ObjectKind::Column
                && [schema, of] == [&table.schema, &table.name];
            object.attribute("generated").filter(|_| is_its)?;
            Some((
                name.as_str(),
                object.attribute("expression")?,
                object.attribute("type")?,
            ))
        });
        columns.filter(move |(name, _, _)| expressions.iter().any(|text| text.contains(name)))
    }

    /// All rows that stay, with `t`, `l` and `p`, as a FROM clause with its WHERE.
    pub(super) fn staying(&self) -> (String, String) {
        let own = self.terms.joins.own.as_ref();
        let stays = own.map_or("true".to_owned(), |own| format!("not ({own})"));
        (self.terms.from(), stays)
    }

    /// Whether the script gave rows other values or took some away, so that values of before return.
    pub(super) fn values_return(&self) -> bool {
        let plan = &self.table.plan;
        let rows = plan.rows;
        plan.truncated || rows.updated > 0 || rows.deleted > 0
    }
}
