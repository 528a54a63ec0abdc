//! Rows that have a key find their pre-images by it.

use tightrope_engine::EngineError;
use tightrope_model::Keep;

use super::columns::{Column, Columns, not_as_planned, same};
use super::terms::{Facts, Gone, Joins, Shape};
use crate::quote::quote;

/// One side of a comparison: an expression, and the column that says how it is typed.
type Side = (String, Column);

/// The pieces for a table with a key.
pub(super) fn joins(facts: &Facts<'_>) -> Result<Joins, EngineError> {
    let mut all = Vec::new();
    let log = facts.log.as_ref().map(|(log, _)| log);
    let is_entry = match log {
        Some(log) => {
            let on = pairs(facts, |place| {
                Ok((of_log(facts, "l", "k", place)?, of_table(facts, place)?))
            })?;
            all.push(format!("left join {log} l on {on}"));
            Some(on)
        }
        None => None,
    };
    let mut written = is_entry
        .zip(log)
        .map(|(on, log)| format!("{log} l join only {} t on {on}", facts.table));
    if let Some((rows, _)) = &facts.rows {
        let on = pairs(facts, |place| {
            Ok((of_rows(facts, place)?, origin(facts, place)?))
        })?;
        all.push(format!("left join {rows} p on {on}"));
        if let (Some(written), true) = (&mut written, log.is_some()) {
            if let Some((keys, _)) = &facts.keys {
                let on = pairs(facts, |place| {
                    Ok((of_keys(facts, "k", place)?, of_log(facts, "l", "o", place)?))
                })?;
                written.push_str(&format!(" left join {keys} m on {on}"));
            }
            let on = pairs(facts, |place| {
                Ok((of_rows(facts, place)?, key_of_before(facts, place)?))
            })?;
            written.push_str(&format!(" left join {rows} p on {on}"));
        }
    }
    if let Some((inserted, _)) = &facts.inserted {
        let on = pairs(facts, |place| {
            Ok((of_inserted(facts, place)?, of_table(facts, place)?))
        })?;
        all.push(format!("left join {inserted} i on {on}"));
    }
    let touched = if log.is_some() {
        "l.k1 is not null"
    } else {
        "false"
    };
    let mut keys = Vec::new();
    for place in 1..=facts.plan.key.len() {
        let (key, of_key) = of_table(facts, place)?;
        keys.push(of_key.to_kept(&key));
    }
    let has_before = match (&facts.rows, facts.plan.key.first()) {
        (Some(_), Some(key)) => format!("p.{} is not null", quote(&key.before)),
        _ => "false".to_owned(),
    };
    let own = facts.own(touched, &has_before);
    Ok(Joins {
        all: all.join(" "),
        written,
        touched: touched.to_owned(),
        entry: "l.ctid".to_owned(),
        key: keys,
        has_before,
        own,
        gone: gone(facts)?,
        displaced: displaced(facts)?,
        untouched: untouched(facts)?,
    })
}

fn pairs(
    facts: &Facts<'_>,
    pair: impl Fn(usize) -> Result<(Side, Side), EngineError>,
) -> Result<String, EngineError> {
    let mut pairs = Vec::new();
    for place in 1..=facts.plan.key.len() {
        let ((left, of_left), (right, of_right)) = pair(place)?;
        pairs.push(same((&left, &of_left), (&right, &of_right)));
    }
    Ok(pairs.join(" and "))
}

fn side(
    facts: &Facts<'_>,
    columns: Option<&Columns>,
    alias: &str,
    name: &str,
) -> Result<Side, EngineError> {
    let column = columns.and_then(|columns| columns.get(name));
    let column = column.ok_or_else(|| not_as_planned(facts.plan, name))?;
    Ok((format!("{alias}.{}", quote(name)), column.clone()))
}

/// The key's column of `t` in that place.
fn of_table(facts: &Facts<'_>, place: usize) -> Result<Side, EngineError> {
    let key = &facts.plan.key[place - 1];
    let name = match facts.shape {
        Shape::After => &key.after,
        Shape::Before => &key.before,
    };
    side(facts, Some(&facts.now), "t", name)
}

/// The key's column of the pre-image.
fn of_rows(facts: &Facts<'_>, place: usize) -> Result<Side, EngineError> {
    let columns = facts.rows.as_ref().map(|(_, columns)| columns);
    side(facts, columns, "p", &facts.plan.key[place - 1].before)
}

/// A key column of the log (`k` or `o`), under the alias.
fn of_log(facts: &Facts<'_>, alias: &str, letter: &str, place: usize) -> Result<Side, EngineError> {
    let columns = facts.log.as_ref().map(|(_, columns)| columns);
    side(facts, columns, alias, &format!("{letter}{place}"))
}

/// A key column of what has become of keys (`k` or `o`).
fn of_keys(facts: &Facts<'_>, letter: &str, place: usize) -> Result<Side, EngineError> {
    let columns = facts.keys.as_ref().map(|(_, columns)| columns);
    side(facts, columns, "m", &format!("{letter}{place}"))
}

/// The key that the row of an entry had before the migration.
fn key_of_before(facts: &Facts<'_>, place: usize) -> Result<Side, EngineError> {
    let (began, of_began) = of_log(facts, "l", "o", place)?;
    if facts.keys.is_none() {
        return Ok((began, of_began));
    }
    let (was, _) = of_keys(facts, "o", place)?;
    Ok((
        format!("coalesce(({was})::text, ({began})::text)"),
        of_began.as_text(),
    ))
}

fn of_inserted(facts: &Facts<'_>, place: usize) -> Result<Side, EngineError> {
    let columns = facts.inserted.as_ref().map(|(_, columns)| columns);
    side(facts, columns, "i", &format!("k{place}"))
}

/// The key that `t` had when the window began.
fn origin(facts: &Facts<'_>, place: usize) -> Result<Side, EngineError> {
    let (now, of_now) = of_table(facts, place)?;
    if facts.log.is_none() {
        return Ok((now, of_now));
    }
    let (origin, of_origin) = of_log(facts, "l", "o", place)?;
    let alike = of_now.built_in && of_now.kept_type() == of_origin.kept_type();
    let text = if alike { "" } else { "::text" };
    let expression = format!("case when l.k1 is null then ({now}){text} else ({origin}){text} end");
    Ok((expression, if alike { of_now } else { of_now.as_text() }))
}

fn gone(facts: &Facts<'_>) -> Result<Option<Gone>, EngineError> {
    let Some((rows, _)) = &facts.rows else {
        return Ok(None);
    };
    if facts.plan.keep == Keep::Columns {
        return Ok(None);
    }
    let key = quote(match facts.shape {
        Shape::After => &facts.plan.key[0].after,
        Shape::Before => &facts.plan.key[0].before,
    });
    let on = pairs(facts, |place| {
        Ok((of_rows(facts, place)?, of_table(facts, place)?))
    })?;
    let mut gone = Gone {
        from: format!("{rows} p left join only {{now}} t on {on}"),
        filter: format!("t.{key} is null"),
    };
    if let Some((log, _)) = &facts.log {
        let on = began_as(facts, "l")?;
        gone.from.push_str(&format!(" left join {log} l on {on}"));
        gone.filter
            .push_str(&format!(" and l.o1 is null and {}", not_truncated(log)));
    }
    Ok(Some(gone))
}

/// The entry is about the row that was `p`.
pub(super) fn began_as(facts: &Facts<'_>, alias: &str) -> Result<String, EngineError> {
    pairs(facts, |place| {
        Ok((of_rows(facts, place)?, of_log(facts, alias, "o", place)?))
    })
}

/// The application has not truncated the table.
pub(super) fn not_truncated(log: &str) -> String {
    format!("not exists (select from {log} m where m.k1 is null and m.o1 is null)")
}

fn displaced(facts: &Facts<'_>) -> Result<Option<String>, EngineError> {
    let (Some((log, _)), Some(_)) = (&facts.log, &facts.rows) else {
        return Ok(None);
    };
    if facts.plan.keep == Keep::Columns {
        return Ok(None);
    }
    let taken = pairs(facts, |place| {
        Ok((of_rows(facts, place)?, of_log(facts, "l", "k", place)?))
    })?;
    Ok(Some(format!(
        "not exists (select from {log} l where {}) and exists (select from {log} l where {taken}) and {}",
        began_as(facts, "l")?,
        not_truncated(log),
    )))
}

fn untouched(facts: &Facts<'_>) -> Result<Option<(String, String)>, EngineError> {
    let Some((rows, _)) = &facts.rows else {
        return Ok(None);
    };
    let on = pairs(facts, |place| {
        Ok((of_rows(facts, place)?, of_table(facts, place)?))
    })?;
    let mut from = format!("{rows} p left join only {} t on {on}", facts.table);
    if let Some((log, _)) = &facts.log {
        let taken = pairs(facts, |place| {
            Ok((of_rows(facts, place)?, of_log(facts, "l", "k", place)?))
        })?;
        from = format!(
            "(select p.* from {rows} p where {} and not exists (select from {log} l where {}) and not exists (select from {log} l where {taken})) p \
             left join only {} t on {on}",
            not_truncated(log),
            began_as(facts, "l")?,
            facts.table,
        );
    }
    let (key, _) = of_table(facts, 1)?;
    Ok(Some((from, format!("{key} is null"))))
}
