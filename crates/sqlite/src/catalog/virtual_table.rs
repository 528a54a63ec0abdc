//! Virtual tables: which have rows of their own, and the tables in which they keep them.

use rusqlite::Connection;
use tightrope_model::{TableChange, TableName, TableShape};

use super::relation::{self, Kind, Relation};
use crate::definition::tokens;

/// The modules whose tables keep rows of their own that can be read back as they were written.
const MODULES: [&str; 5] = ["fts3", "fts4", "fts5", "rtree", "rtree_i32"];

/// The shape of a virtual table that keeps rows; none if its rows are another table's, or if it cannot be read back.
///
/// A full-text table's rows belong to those of other tables by their rowid, so that counts as a column and is the key.
pub(super) fn shape(
    connection: &Connection,
    relation: &Relation,
) -> rusqlite::Result<Option<TableShape>> {
    let Some(module) = module(relation).filter(|_| content(relation).is_none()) else {
        return Ok(None);
    };
    let mut statement = connection.prepare_cached(
        "select name from pragma_table_xinfo(?1, 'main') where hidden = 0 order by cid",
    )?;
    let mut columns = statement
        .query_map([&relation.name], |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<String>>>()?;
    let key = if module.starts_with("fts") {
        columns.push("rowid".to_owned());
        "rowid".to_owned()
    } else {
        columns.first().cloned().unwrap_or_default()
    };
    columns.sort();
    Ok(Some(TableShape {
        table: TableName::new("", relation.name.as_str()),
        columns,
        key: vec![key],
    }))
}

/// The module, if it is one whose rows can be read back.
fn module(relation: &Relation) -> Option<String> {
    let tokens = tokens(&relation.sql);
    let mut after = tokens.iter().skip_while(|token| !token.is("using"));
    let module = after.nth(1).map(|token| token.text.to_ascii_lowercase());
    module.filter(|module| MODULES.contains(&module.as_str()))
}

/// Where a full-text table says that its rows are: `content = 't'`, or nowhere: `content = ''`.
fn content(relation: &Relation) -> Option<String> {
    let tokens = tokens(&relation.sql);
    let mut said = tokens.windows(3);
    let said = said.find(|said| said[0].is("content") && said[1].is("="))?;
    Some(
        said[2]
            .text
            .trim_matches(['\'', '"', '`', '[', ']'])
            .to_owned(),
    )
}

/// Full-text tables whose rows are those of another table, with that table's name.
pub(crate) fn full_text_of_others(
    connection: &Connection,
) -> rusqlite::Result<Vec<(String, String)>> {
    let relations = relation::relations(connection)?;
    let full_text = relations.iter().filter(|relation| {
        relation.kind == Kind::Virtual
            && module(relation).is_some_and(|name| name.starts_with("fts"))
    });
    let found = full_text.filter_map(|relation| {
        let content = content(relation).filter(|content| !content.is_empty())?;
        Some((relation.name.clone(), content))
    });
    Ok(found.collect())
}

/// Changes of rows, where those in the tables in which virtual tables keep theirs count for these. What is written into an index over
/// the rows of another table is no change of rows.
pub(crate) fn count_for_virtual(
    connection: &Connection,
    counts: Vec<(TableName, TableChange)>,
) -> rusqlite::Result<Vec<(TableName, TableChange)>> {
    let relations = relation::relations(connection)?;
    let is_shadow = |table: &TableName| {
        let mut shadows = relations.iter().filter(|one| one.kind == Kind::Shadow);
        shadows.any(|one| one.name == table.name)
    };
    let mut told = Vec::new();
    for (table, change) in counts {
        let owner = relations.iter().filter(|one| one.kind == Kind::Virtual);
        let owner = owner.filter_map(|one| Some((one, part(&table.name, &one.name)?)));
        let owner = owner.max_by_key(|(one, _)| one.name.len());
        let Some((owner, part)) = owner.filter(|_| is_shadow(&table)) else {
            told.push((table, change));
            continue;
        };
        match (module(owner), content(owner)) {
            (Some(_), None) if part == "content" || part == "rowid" => {
                told.push((TableName::new("", owner.name.as_str()), change));
            }
            (Some(_), None) => {}
            (Some(_), Some(content)) if !content.is_empty() => {}
            _ => told.push((table, change)),
        }
    }
    Ok(told)
}

/// What of a virtual table is kept in a table of that name: `content` in `t_content`.
fn part(shadow: &str, table: &str) -> Option<String> {
    let (shadow, table) = (shadow.to_lowercase(), table.to_lowercase());
    let rest = shadow.strip_prefix(&table)?.strip_prefix('_')?;
    Some(rest.to_owned())
}
