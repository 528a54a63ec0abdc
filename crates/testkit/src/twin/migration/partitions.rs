use crate::twin::chance::Chance;
use crate::twin::draft::Draft;
use crate::twin::schema::{Schema, Table};

/// What is done to the leaves of a partitioned table: one more, one less, one without rows.
pub(super) fn change(schema: &Schema, chance: &mut Chance) -> Option<Draft> {
    let partitioned: Vec<&Table> = schema
        .tables
        .iter()
        .filter(|table| !table.leaves.is_empty())
        .collect();
    let table = *chance.pick(&partitioned)?;
    let leaf = chance.pick(&table.leaves)?.clone();
    let mut after = schema.clone();
    let name = &table.name;
    let new = format!("t{}_{}", table.id, after.number());
    let bound = chance.word(&[
        "from (105) to (200)",
        "from (200) to (300)",
        "in (102)",
        "in (4, 5)",
    ]);
    let mut undo = None;
    let sql = match chance.below(6) {
        0 => vec![format!("alter table {name} detach partition {leaf}")],
        1 => vec![format!("drop table {leaf}")],
        2 => vec![format!("truncate {leaf}")],
        3 => {
            undo = Some(vec![
                format!("alter table {name} detach partition {new}"),
                format!("drop table {new}"),
            ]);
            vec![format!(
                "create table {new} partition of {name} for values {bound}"
            )]
        }
        4 => vec![
            format!("create table {new} (like {name} including all)"),
            format!("alter table {name} attach partition {new} for values {bound}"),
        ],
        // Its rows move to where another leaf takes them.
        _ => vec![
            format!("alter table {name} detach partition {leaf}"),
            format!("insert into {name} select * from {leaf}"),
            format!("drop table {leaf}"),
        ],
    };
    let changed = after.table_mut(table.id)?;
    if sql[0].starts_with("create table") {
        changed.leaves.push(new);
    } else {
        if !sql[0].starts_with("truncate") {
            changed.leaves.retain(|other| *other != leaf);
        }
        super::data::fewer_rows(&mut after, table.id, 0);
    }
    let mut draft = Draft::new(sql, after);
    draft.undo = undo;
    Some(draft)
}
