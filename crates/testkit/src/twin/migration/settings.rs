use crate::twin::chance::Chance;
use crate::twin::draft::Draft;
use crate::twin::schema::Schema;

use super::any_table;

/// What is said of a whole table and changes none of its values: where it is stored, whose it is, what tells its rows apart.
pub(super) fn change(schema: &Schema, chance: &mut Chance) -> Option<Draft> {
    if !schema.is_postgres() {
        return None;
    }
    let table = any_table(schema, chance)?;
    let column = &chance.pick(&table.columns)?.name;
    let key = table.keys.first().map(|key| key.name.clone());
    let alter = format!("alter table {}", table.name);
    let sql = match (chance.below(13), key) {
        (0, _) => format!("{alter} set (fillfactor = 70, autovacuum_enabled = off)"),
        (1, _) => format!("{alter} set unlogged"),
        (2, _) => format!("{alter} replica identity full"),
        (3, Some(key)) => format!("{alter} replica identity using index {key}"),
        (4, Some(key)) => format!("{alter} cluster on {key}"),
        (5, _) => format!("{alter} owner to pg_monitor"),
        (6, _) => format!("{alter} force row level security"),
        (7, _) => format!("{alter} enable row level security"),
        (8, _) => format!("{alter} alter column {column} set storage external"),
        (9, _) => format!("{alter} alter column {column} set (n_distinct = 5)"),
        (10, Some(key)) => format!("comment on constraint {key} on {} is 'the key'", table.name),
        (11, Some(key)) => format!("alter index {key} set (fillfactor = 60)"),
        _ => format!(
            "alter table only {} alter column {column} set compression pglz",
            table.name
        ),
    };
    Some(Draft::new(vec![sql], schema.clone()))
}
