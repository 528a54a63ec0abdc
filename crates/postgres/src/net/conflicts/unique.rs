//! Unique constraints and indexes of before, partial ones and those over expressions included.
//!
//! Of rows with the same value, one stays: one that nobody has touched, else one whose value is the older one.

use tightrope_model::{Object, ObjectId, ObjectKind};

use super::definition::unique;
use super::truth::Truth;
use crate::net::touch::numbered;

/// The rules of one table.
pub(super) fn broken(truth: &Truth<'_, '_>) -> Vec<(String, String)> {
    let indexes = truth.window.before.objects().filter(|object| {
        let table = &truth.table.plan.before;
        object.id.kind == ObjectKind::Index
            && object.id.path.first() == Some(&table.schema)
            && object.attribute("table") == Some(&table.name)
    });
    indexes.filter_map(|index| of_index(truth, index)).collect()
}

fn of_index(truth: &Truth<'_, '_>, index: &Object) -> Option<(String, String)> {
    let definition = index.attribute("definition")?;
    let parsed = unique(definition)?;
    let [schema, name] = &index.id.path[..] else {
        return None;
    };
    if stands(truth, index) && !truth.values_return() {
        return None;
    }
    let texts: Vec<&str> = parsed
        .expressions
        .iter()
        .map(String::as_str)
        .chain(parsed.predicate)
        .collect();
    let keys: Vec<String> = (1..=parsed.expressions.len())
        .map(|n| format!("u{n}"))
        .collect();
    let named = parsed.expressions.iter().zip(&keys);
    let selected: Vec<String> = named
        .map(|(value, key)| format!("{value} as {key}"))
        .collect();
    let predicate = parsed.predicate.unwrap_or("true");
    let values = |row: String| {
        format!(
            "lateral (select {}, {predicate} as counts from {row}) u",
            selected.join(", ")
        )
    };
    let mut filter = vec!["u.counts".to_owned()];
    if !parsed.nulls_are_equal {
        filter.extend(keys.iter().map(|key| format!("u.{key} is not null")));
    }
    let (filter, keys) = (filter.join(" and "), keys.join(", "));
    let (from, stays) = truth.staying();
    let mut rows = format!(
        "select t.ctid as place, {} as touched, ({})::int as changed, u.* from {from}, {} where {stays} and {filter}",
        truth.terms.joins.touched,
        changed(truth, &texts),
        values(truth.row(&texts)),
    );
    if let Some(gone) = &truth.terms.joins.gone {
        rows.push_str(&format!(
            " union all select null, false, 0, u.* from {}, {} where {} and {filter}",
            gone.from.replace("{now}", &truth.terms.facts.table),
            values(truth.row_that_returns(&texts)),
            gone.filter,
        ));
    }
    let places = format!(
        "select place from (select place, touched, row_number() over (partition by {keys} order by touched::int, changed, place) as number \
         from ({rows}) r) r where number > 1 and touched"
    );
    let id = ObjectId::new(
        ObjectKind::Constraint,
        [schema, &truth.table.plan.before.name, name],
    );
    let kind = match truth.window.before.object(&id) {
        Some(_) => "constraint",
        None => "index",
    };
    Some((format!("unique {kind} `{name}`"), places))
}

/// Whether the index is still there as it was.
fn stands(truth: &Truth<'_, '_>, index: &Object) -> bool {
    let now = truth.window.after.object(&index.id);
    now.and_then(|now| now.attribute("definition")) == index.attribute("definition")
}

/// The application has made the row, or has written one of the columns that are named.
fn changed(truth: &Truth<'_, '_>, texts: &[&str]) -> String {
    let logged = numbered(&truth.table.plan);
    let mut changed = vec![format!("({} and l.o1 is null)", truth.terms.joins.touched)];
    for (at, _) in truth.named(texts) {
        if logged.iter().any(|(number, _)| *number == at + 1) {
            changed.push(truth.terms.written(at + 1));
        }
    }
    changed.join(" or ")
}
