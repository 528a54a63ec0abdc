use crate::twin::chance::Chance;
use crate::twin::draft::Draft;
use crate::twin::schema::{Schema, Table};

/// What is done to the leaves of a partitioned table: one more, one less, one without rows, others instead of one.
pub(super) fn change(schema: &Schema, chance: &mut Chance) -> Option<Draft> {
    let partitioned: Vec<&Table> = schema
        .tables
        .iter()
        .filter(|table| !table.leaves.is_empty())
        .collect();
    let table = *chance.pick(&partitioned)?;
    if chance.one_in(3) {
        return divide(schema, table, chance);
    }
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

/// The rows of a leaf come to new ones that take its place. Whether these have places for all of them is found out: not every bound goes
/// with every leaf.
fn divide(schema: &Schema, table: &Table, chance: &mut Chance) -> Option<Draft> {
    // Triggers would write when rows are copied.
    if table.log.is_some() || table.settled.is_some() {
        return None;
    }
    let leaf = chance.pick(&table.leaves)?.clone();
    let bounds: &[&str] = match (leaf.ends_with("_0"), table.leaves.len()) {
        (true, 3) => &[
            "for values from (minvalue) to (2)",
            "for values from (2) to (4)",
        ],
        (false, 3) if leaf.ends_with("_1") => &[
            "for values from (4) to (50)",
            "for values from (50) to (105)",
        ],
        (true, _) if chance.one_in(2) => &["for values in (1, 3)", "for values in (2, 101)"],
        (true, _) => &[
            "for values with (modulus 4, remainder 0)",
            "for values with (modulus 4, remainder 2)",
        ],
        _ if chance.one_in(2) => &["for values from (105) to (110)", "default"],
        _ => &["default"],
    };
    let mut after = schema.clone();
    let (name, mut sql, mut new) = (&table.name, Vec::new(), Vec::new());
    sql.push(format!("alter table {name} detach partition {leaf}"));
    for bound in bounds {
        let part = format!("t{}_{}", table.id, after.number());
        sql.push(format!("create table {part} partition of {name} {bound}"));
        new.push(part);
    }
    let columns: Vec<&str> = table.given().map(|column| column.name.as_str()).collect();
    let columns = columns.join(", ");
    sql.push(format!(
        "insert into {name} ({columns}) overriding system value select {columns} from {leaf}"
    ));
    // Or it stays beside, with the rows that it had.
    let is_gone = chance.one_in(2);
    if is_gone {
        sql.push(format!("drop table {leaf}"));
    }
    let changed = after.table_mut(table.id)?;
    changed.apart |= !is_gone;
    changed.leaves.retain(|other| *other != leaf);
    changed.leaves.extend(new);
    Some(Draft::new(sql, after))
}
