//! The rows of a table that is made again.

use tightrope_model::Object;

use super::change::{Anew, Column, Tables, columns, free_rowid, last, source};
use super::name::{away, quoted};
use crate::{Change, MoreRows};

/// The pseudo-column under which a source gives rowids.
const ROWID: &str = "rowid";

/// The statements that fill a table: from itself as it was until now, then from the net.
pub(super) fn statements(
    change: &Change<'_>,
    tables: &Tables<'_>,
    table: &Anew<'_>,
) -> Vec<String> {
    let mut statements = Vec::new();
    if let Some(now) = table.now {
        statements.push(from_now(change, tables, table, now));
    }
    let more = source(change, table).map_or(&[][..], |source| &source.more);
    statements.extend(more.iter().map(|rows| from_net(change, table, rows)));
    statements
}

fn from_now(change: &Change<'_>, tables: &Tables<'_>, table: &Anew<'_>, now: &Object) -> String {
    let source = source(change, table);
    let given = |name: &str| source.and_then(|source| source.columns.get(name)).cloned();
    let mut values = Vec::new();
    if let Some(rowid) = free_rowid(change.before, table.before) {
        let kept = || free_rowid(change.now, now).map(|name| format!("t.{name}"));
        values.extend(
            given(ROWID)
                .or_else(kept)
                .map(|value| (rowid.to_owned(), value)),
        );
    }
    for column in stored(change, table) {
        let kept = || {
            let now = tables.column(change.now, now, &column.object.id)?;
            Some(format!("t.{}", quoted(now.name)))
        };
        let value = given(column.name).or_else(kept);
        values.extend(value.map(|value| (quoted(column.name), value)));
    }
    let mut from = format!("{} as t", quoted(&away(last(&now.id))));
    let joins = source.map_or("", |source| source.joins.trim());
    if !joins.is_empty() {
        from.push('\n');
        from.push_str(joins);
    }
    let filter = source.and_then(|source| source.filter.as_deref());
    insert(change, table, &values, &from, filter).replace("{now}", &quoted(&away(last(&now.id))))
}

fn from_net(change: &Change<'_>, table: &Anew<'_>, rows: &MoreRows) -> String {
    let mut values = Vec::new();
    if let (Some(rowid), Some(value)) = (
        free_rowid(change.before, table.before),
        rows.columns.get(ROWID),
    ) {
        values.push((rowid.to_owned(), value.clone()));
    }
    for column in stored(change, table) {
        let value = rows.columns.get(column.name).cloned();
        values.extend(value.map(|value| (quoted(column.name), value)));
    }
    let now = table.now.map(|now| quoted(&away(last(&now.id))));
    let filled = |text: &str| match &now {
        Some(now) => text.replace("{now}", now),
        None => text.to_owned(),
    };
    let filter = rows.filter.as_deref().map(filled);
    insert(
        change,
        table,
        &values,
        &filled(&rows.from),
        filter.as_deref(),
    )
}

fn stored<'a>(change: &Change<'a>, table: &Anew<'_>) -> impl Iterator<Item = Column<'a>> {
    columns(change.before, table.name())
        .into_iter()
        .filter(|column| !column.is_generated())
}

fn insert(
    change: &Change<'_>,
    table: &Anew<'_>,
    values: &[(String, String)],
    from: &str,
    filter: Option<&str>,
) -> String {
    let names: Vec<&str> = values.iter().map(|(name, _)| name.as_str()).collect();
    let expressions: Vec<&str> = values.iter().map(|(_, value)| value.as_str()).collect();
    let target = quoted(table.name());
    let or_abort = if settles_conflicts(change, table) {
        "or abort "
    } else {
        ""
    };
    let mut sql = if values.is_empty() {
        // Nothing of the rows is left but how many there are; an insert has to name a column, and any default does.
        format!("insert {or_abort}into {target}\nselect null\nfrom {from}")
    } else {
        format!(
            "insert {or_abort}into {target} ({})\nselect {}\nfrom {from}",
            names.join(", "),
            expressions.join(", ")
        )
    };
    if let Some(filter) = filter {
        sql.push_str("\nwhere ");
        sql.push_str(filter);
    }
    sql
}

/// Whether a constraint of the table says what becomes of rows that break it: here none may be dropped in silence.
fn settles_conflicts(change: &Change<'_>, table: &Anew<'_>) -> bool {
    change.before.objects().any(|object| {
        object
            .id
            .path
            .first()
            .is_some_and(|owner| owner == table.name())
            && (object.attribute("on_conflict").is_some()
                || object.attribute("not_null_on_conflict").is_some())
    })
}
