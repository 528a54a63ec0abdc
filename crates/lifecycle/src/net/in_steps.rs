//! A migration in steps has no net: its steps become durable one by one, and nobody can keep what the first destroys under the
//! lock of the last. What can still be promised: where no row is touched, forward or back, there is nothing to keep.

use serde::Serialize;
use tightrope_inverse::Matching;
use tightrope_model::{Catalog, NetPlan, ObjectId, ObjectKind, Place};
use tightrope_script::{Migration, StatementKind, TransactionMode};

use crate::execute::{Ready, is_transaction};

/// Why no net is spread around a migration, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NoNet {
    /// Why, in one sentence.
    pub because: String,
    /// The statement that cannot be in a transaction, if it is one.
    pub place: Option<Place>,
    /// What to do, where the migration may destroy something.
    pub hint: Option<String>,
}

/// Why a migration has no net, if it runs in steps.
pub(crate) fn no_net(ready: &Ready<'_>, migration: &Migration, destroys: bool) -> Option<NoNet> {
    if ready.is_one_transaction() {
        return None;
    }
    let mut alone = ready
        .steps
        .steps
        .iter()
        .filter(|step| !is_transaction(step));
    let first = alone.next().map(|step| step.statements.start);
    let statement = first.map(|at| &ready.parsed.statements[at]);
    let declared = migration.forward.transaction == TransactionMode::Never;
    let (what, place, remedy) = match statement.filter(|_| !declared) {
        Some(statement) => (
            format!("`{}` cannot be in a transaction", statement.kind),
            Some(ready.script.place(statement.span.start)),
            "split it in two: that statement in a migration of its own; the rest is one transaction then, with a net",
        ),
        None => (
            "it is set not to be one transaction".to_owned(),
            None,
            "let it be one transaction (leave `run_in_transaction = false` out), or split it in two: what destroys in a \
             migration of its own, with a net",
        ),
    };
    let loses = match destroys {
        true => "what it destroys is kept nowhere",
        false => "nothing is kept",
    };
    Some(NoNet {
        because: format!("it runs in steps, for {what}: {loses}, and writes are not watched"),
        place,
        hint: (destroys || writes(ready)).then(|| remedy.to_owned()),
    })
}

/// Whether a script may write rows: anything that is not known to change the schema alone.
fn writes(ready: &Ready<'_>) -> bool {
    let statements = ready.parsed.statements.iter();
    let kinds = statements.map(|statement| &statement.kind);
    kinds.clone().count() > ready.steps.steps.len()
        || kinds.clone().any(|kind| *kind == StatementKind::Unknown)
}

/// What a derived way back would take without a net, in words; none if it touches no row.
pub(crate) fn takes_values(before: &Catalog, after: &Catalog, plan: &NetPlan) -> Option<String> {
    if let Some(table) = plan.tables.iter().find(|table| !table.rows.is_empty()) {
        return Some(format!("the script writes rows of {}", table.before));
    }
    let matching = Matching::of(before, after, &[]);
    let holds = |id: &ObjectId, catalog: &Catalog| match id.kind {
        ObjectKind::Table => true,
        ObjectKind::Column => catalog.object(&id.table_of_column()).is_some(),
        _ => false,
    };
    for object in before.objects().filter(|object| holds(&object.id, before)) {
        let Some(now) = matching.now(&object.id).and_then(|id| after.object(id)) else {
            return Some(format!("{} is gone with its values", object.id));
        };
        if object.attribute("type") != now.attribute("type") {
            return Some(format!("the values of {} are converted", object.id));
        }
    }
    let new = after
        .objects()
        .find(|object| holds(&object.id, after) && matching.before(&object.id).is_none());
    new.map(|object| {
        format!(
            "{} is new, and would go with what is written there",
            object.id
        )
    })
}

#[cfg(test)]
mod tests {
    use tightrope_model::{AttributeLevel, Object};

    use super::*;

    fn catalog(columns: &[(&str, &str)], indexes: &[&str]) -> Catalog {
        let table = Object::new(ObjectId::new(ObjectKind::Table, ["public", "t"]));
        let columns = columns.iter().map(|(name, type_name)| {
            Object::new(ObjectId::new(ObjectKind::Column, ["public", "t", name])).with(
                "type",
                AttributeLevel::Logical,
                *type_name,
            )
        });
        let indexes = indexes
            .iter()
            .map(|name| Object::new(ObjectId::new(ObjectKind::Index, ["public", name])));
        Catalog::new(
            std::iter::once(table).chain(columns).chain(indexes),
            Vec::new(),
        )
    }

    #[test]
    fn only_what_touches_no_row_is_led_back_without_a_net() {
        let before = catalog(&[("a", "integer")], &[]);
        let check = |after: Catalog, expect: Option<&str>| {
            let taken = takes_values(&before, &after, &NetPlan::default());
            assert_eq!(taken.as_deref(), expect);
        };
        check(catalog(&[("a", "integer")], &["t_a"]), None);
        check(
            catalog(&[("a", "bigint")], &[]),
            Some("the values of column t.a are converted"),
        );
        check(
            catalog(&[], &[]),
            Some("column t.a is gone with its values"),
        );
        check(
            catalog(&[("a", "integer"), ("b", "text")], &["t_b"]),
            Some("column t.b is new, and would go with what is written there"),
        );
    }
}
