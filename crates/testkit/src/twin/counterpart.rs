use super::schema::{Column, ForeignKey, Form, Kind, Schema, Table, Touch};

/// What of a table means the same before a migration and after it.
#[derive(Clone, Debug)]
pub(super) struct Common {
    /// The table's number.
    pub(super) id: u32,
    /// The table after the migration.
    pub(super) after: Table,
    /// The key that tells its rows apart on both sides; empty if there is none.
    pub(super) key: Vec<u32>,
    /// The columns of an INSERT; none if no INSERT means the same.
    pub(super) insert: Option<Vec<u32>>,
    /// Columns in which an UPDATE means the same.
    pub(super) writable: Vec<Column>,
    /// Columns whose values are those of before, for conditions and arithmetic.
    pub(super) clean: Vec<Column>,
    /// Rows can be changed.
    pub(super) changes: bool,
    /// Rows can be deleted and their keys changed, with what follows by references.
    pub(super) removes: bool,
    /// Neither it nor what refers to it had rows added or removed.
    pub(super) truncates: bool,
}

impl Common {
    /// Whether rows of before have other keys.
    pub(super) fn moves(&self) -> bool {
        self.after.moves(&self.key)
    }
}

/// The tables in which writes mean the same.
pub(super) fn common(before: &Schema, after: &Schema) -> Vec<Common> {
    after
        .tables
        .iter()
        // What was copied is known by its name, and has rows of its own under another.
        .filter(|table| !(table.frozen || after.is_postgres() && table.copied && table.renamed))
        .filter_map(|table| Some(one(before, after, before.table(table.id)?, table)))
        .collect()
}

/// Whether a table without a key that stays has lost columns, values or rows.
pub(super) fn changes_keyless(before: &Schema, after: &Schema) -> bool {
    after.tables.iter().any(|new| {
        before.table(new.id).is_some_and(|old| {
            shared_key(old, new).is_empty()
                && (new.rows_changed
                    || new.rows_updated
                    // Nobody can tell to which of the leaves of before a row belongs.
                    || old.leaves != new.leaves
                    // A value of an enum that was renamed is another word in what is left of the row.
                    || new.columns.iter().any(is_other_word)
                    || !before.is_postgres() && !is_whole(old, new))
        })
    })
}

fn is_other_word(column: &Column) -> bool {
    column.kind == Kind::Mood && column.touch != Touch::Clean
}

/// Whether all columns of before are there with their values.
fn is_whole(old: &Table, new: &Table) -> bool {
    old.columns
        .iter()
        .all(|column| new.column(column.id).is_some_and(Column::has_its_values))
}

fn one(before: &Schema, after: &Schema, old: &Table, new: &Table) -> Common {
    let both = |column: &&Column| old.column(column.id).is_some() && column.form == Form::Plain;
    let clean: Vec<Column> = new
        .columns
        .iter()
        .filter(both)
        .filter(|column| column.has_its_values())
        .cloned()
        .collect();
    let key = shared_key(old, new);
    let settled = new.settled.is_none_or(|id| {
        new.column(id)
            .is_some_and(|column| column.touch == Touch::Clean)
    });
    let whole = is_whole(old, new);
    // Whoever writes to a table without a key writes to all rows that look alike.
    let changes = settled
        && (!key.is_empty()
            || !new.rows_changed && !new.rows_updated && (whole || before.is_postgres()));
    let removes = changes
        && follows(before, after, new.id, 0, &|table| {
            // A row of the migration's that follows has been changed by the application, and stays: the twin never had it. One without a key
            // that the migration changed is another then.
            let is_other = table.rows_updated
                && before
                    .table(table.id)
                    .is_some_and(|old| shared_key(old, table).is_empty());
            !is_other && !table.rows_added && (!table.rows_changed || table.log.is_none())
        });
    // Nobody can tell whose rows those were that go from the other leaves.
    let truncates = removes
        && !new.apart
        && !key.is_empty()
        && !new.moves(&key)
        && !new.rows_changed
        && follows(before, after, new.id, 0, &|table| {
            !table.rows_changed && !table.apart
        });
    Common {
        id: new.id,
        insert: insertable(old, new),
        writable: writable(before, after, new, &key),
        after: new.clone(),
        key,
        clean,
        changes,
        removes,
        truncates,
    }
}

fn shared_key(old: &Table, new: &Table) -> Vec<u32> {
    let told = |columns: &Vec<u32>| {
        columns.iter().all(|&id| {
            new.column(id).is_some_and(|column| {
                let known = matches!(column.touch, Touch::Clean | Touch::Widened);
                // What becomes of keys is not followed into another table, nor in parts.
                known && !(column.moved && (new.copied || !new.leaves.is_empty()))
            })
        })
    };
    old.whole_keys()
        .map(|key| &key.columns)
        .find(|columns| told(columns) && new.whole_keys().any(|key| &key.columns == *columns))
        .cloned()
        .unwrap_or_default()
}

/// The columns of an INSERT that means the same in both; none if there is none.
pub(super) fn insertable(old: &Table, new: &Table) -> Option<Vec<u32>> {
    let generated = |column: &Column| matches!(column.form, Form::Generated(_));
    let fills = |column: &Column| !column.not_null || column.default.is_some();
    let mut columns = Vec::new();
    for column in old.columns.iter().filter(|column| !generated(column)) {
        match new.column(column.id) {
            Some(now) if now.touch == Touch::Rewritten && (column.not_null || now.not_null) => {
                return None;
            }
            Some(_) => columns.push(column.id),
            None if column.form == Form::Plain && fills(column) => {}
            None => return None,
        }
    }
    let demands = |column: &&Column| {
        old.column(column.id).is_none() && column.form == Form::Plain && !fills(column)
    };
    (!columns.is_empty() && !new.columns.iter().any(|column| demands(&column))).then_some(columns)
}

fn writable(before: &Schema, after: &Schema, new: &Table, key: &[u32]) -> Vec<Column> {
    let Some(old) = before.table(new.id) else {
        return Vec::new();
    };
    // What refers to the column on one side only follows it on that side only.
    let (referred, still) = (before.references_to(new.id), after.references_to(new.id));
    let followed_once = |id: u32| {
        let mut referred = referred.iter();
        referred.any(|(from, reference)| {
            let same =
                |(other, key): &(&Table, &ForeignKey)| other.id == from.id && key == reference;
            reference.target_columns.contains(&id) && !still.iter().any(same)
        })
    };
    let is_reference = |id: u32| {
        let has = |table: &Table| {
            table
                .foreign_keys
                .iter()
                .any(|key| key.columns.contains(&id))
        };
        has(old) || has(new)
    };
    let fits = |column: &&Column| {
        let same = match column.touch {
            Touch::Clean | Touch::Widened => true,
            Touch::Dirty => !is_reference(column.id),
            Touch::Rewritten => false,
        };
        same && old
            .column(column.id)
            .is_some_and(|old| old.form == Form::Plain)
            && column.form == Form::Plain
            && !key.contains(&column.id)
            && !followed_once(column.id)
    };
    new.columns.iter().filter(fits).cloned().collect()
}

/// Whether what refers to a table follows it in the same way on both sides, and so on; `also` of each table that refers.
fn follows(
    before: &Schema,
    after: &Schema,
    id: u32,
    depth: usize,
    also: &dyn Fn(&Table) -> bool,
) -> bool {
    let (old, new) = (before.references_to(id), after.references_to(id));
    let same = |(table, key): &(&Table, &ForeignKey)| {
        let columns = |id: &u32| match (
            before.table(table.id).and_then(|old| old.column(*id)),
            table.column(*id),
        ) {
            (Some(old), Some(new)) => new.touch == Touch::Clean && old.default == new.default,
            _ => false,
        };
        old.iter()
            .any(|(from, other)| from.id == table.id && other == key)
            && key.columns.iter().all(columns)
            && !table.frozen
            && also(table)
            && table.settled.is_none()
            && (table.id == id || depth > 6 || follows(before, after, table.id, depth + 1, also))
    };
    old.len() == new.len() && new.iter().all(same)
}
