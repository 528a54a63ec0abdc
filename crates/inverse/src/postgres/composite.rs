//! Values of composite types whose attributes are others now than they were.

use tightrope_model::{Object, ObjectKind};

use super::quote::{qualified, quote};
use super::shape;
use super::survey::{Survey, columns};

/// A value of the type now as one of the type before, attribute by attribute; those that are gone are null. None where the
/// column has no such type, or the attributes are the same: then the value's text tells it.
pub(super) fn converted(survey: &Survey<'_>, column: &Object, value: &str) -> Option<String> {
    let wanted = column.attribute("type")?;
    let mut types = column.depends_on.iter();
    let made = types.find(|id| id.kind == ObjectKind::Type && qualified(&id.path) == wanted)?;
    let now = survey.matching.now(made)?;
    let same_type = survey.now_of(column)?.depends_on.contains(now);
    let there = columns(survey.now, now);
    let attributes = columns(survey.before, made);
    let is_now = |attribute: &Object| survey.now_of(attribute).map(|now| now.id.path.clone());
    let unchanged = there.len() == attributes.len()
        && attributes
            .iter()
            .zip(&there)
            .all(|(before, there)| is_now(before).as_ref() == Some(&there.id.path));
    if !same_type || unchanged {
        return None;
    }
    let values: Vec<String> = attributes
        .into_iter()
        .map(|attribute| of_attribute(survey, attribute, value))
        .collect();
    Some(format!(
        "case when {value} is not distinct from null then null else row({})::{wanted} end",
        values.join(", ")
    ))
}

fn of_attribute(survey: &Survey<'_>, attribute: &Object, value: &str) -> String {
    let now = survey.now_of(attribute);
    let there = now.and_then(|now| Some((now.id.path.last()?, now.attribute("type")?)));
    let (Some((name, from)), Some(to)) = (there, attribute.attribute("type")) else {
        return "null".to_owned();
    };
    let value = format!("({value}).{}", quote(name));
    let own = shape::names_own_type(survey, attribute);
    shape::conversion(&value, from, to, own).unwrap_or(value)
}
