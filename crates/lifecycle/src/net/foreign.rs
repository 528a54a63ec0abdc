//! What others have made in the window: it is neither of before nor of the migration, so a rollback has no business with it.
//!
//! Tables that stand by themselves are left alone, with all that hangs on them. What is part of a table that goes back (a
//! column, a partition) cannot be left out of it: there the rollback is refused, for it would take the values away.

use std::collections::BTreeSet;

use tightrope_inverse::Matching;
use tightrope_model::{Catalog, Object, ObjectId, ObjectKind, TableName};

/// Tables of others, with all that hangs on them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Foreign {
    objects: BTreeSet<ObjectId>,
    tables: Vec<TableName>,
}

impl Foreign {
    /// Finds them; what holds values and would go with the rollback is the error.
    pub(crate) fn of(
        before: &Catalog,
        after: &Catalog,
        now: &Catalog,
    ) -> Result<Self, Vec<ObjectId>> {
        let matching = Matching::of(after, now, &[]);
        let is_new = |object: &&Object| {
            matching.before(&object.id).is_none() && before.object(&object.id).is_none()
        };
        let new: Vec<&Object> = now.objects().filter(is_new).collect();
        let ids: BTreeSet<&ObjectId> = new.iter().map(|object| &object.id).collect();
        let holds = |object: &&&Object| is_part(object, &ids, now);
        let parts: Vec<ObjectId> = new
            .iter()
            .filter(holds)
            .map(|object| object.id.clone())
            .collect();
        if !parts.is_empty() {
            return Err(parts);
        }
        let mut foreign = Self::default();
        let tables = new
            .iter()
            .filter(|object| object.id.kind == ObjectKind::Table);
        foreign.objects = tables.map(|object| object.id.clone()).collect();
        while let Some(next) = new.iter().find(|object| foreign.hangs_on(object, now)) {
            foreign.objects.insert(next.id.clone());
        }
        let shapes = now.tables().iter().map(|shape| &shape.table);
        foreign.tables = shapes
            .filter(|table| foreign.objects.contains(&ObjectId::of_table(table)))
            .cloned()
            .collect();
        Ok(foreign)
    }

    /// Whether an object that is not among these belongs to one of them, needs one, or is needed by one.
    fn hangs_on(&self, object: &Object, now: &Catalog) -> bool {
        if self.objects.contains(&object.id) {
            return false;
        }
        let its_table = object.attribute("table");
        let is_part = |table: &ObjectId| {
            object.id.path.len() > table.path.len() && object.id.path.starts_with(&table.path)
                || its_table.is_some() && its_table == table.path.last().map(String::as_str)
        };
        let mut tables = self.objects.iter();
        tables.any(|id| id.kind == ObjectKind::Table && is_part(id))
            || object.depends_on.iter().any(|id| self.objects.contains(id))
            || self.objects.iter().any(|id| {
                let needs = now.object(id).map(|one| &one.depends_on[..]);
                needs.is_some_and(|needs| needs.contains(&object.id))
            })
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// The tables that hold rows.
    pub(crate) fn tables(&self) -> &[TableName] {
        &self.tables
    }

    /// The schema of before as if they had been there, as they are now.
    pub(crate) fn beside(&self, before: &Catalog, now: &Catalog) -> Catalog {
        let own = self.objects.iter().filter_map(|id| now.object(id));
        let shapes = before.tables().iter().chain(
            now.tables()
                .iter()
                .filter(|shape| self.tables.contains(&shape.table)),
        );
        Catalog::new(
            before.objects().chain(own).cloned(),
            shapes.cloned().collect(),
        )
    }

    /// A schema without them.
    pub(crate) fn left_out(&self, catalog: &Catalog) -> Catalog {
        let objects = catalog
            .objects()
            .filter(|object| !self.objects.contains(&object.id));
        let shapes = catalog.tables().iter();
        Catalog::new(
            objects.cloned(),
            shapes
                .filter(|shape| !self.tables.contains(&shape.table))
                .cloned()
                .collect(),
        )
    }
}

/// Whether an object holds values as part of a table that is not new.
fn is_part(object: &Object, new: &BTreeSet<&ObjectId>, now: &Catalog) -> bool {
    match object.id.kind {
        ObjectKind::Column => {
            let owner = object.id.table_of_column();
            let computed = object.attribute("generated").is_some();
            !computed && now.object(&owner).is_some() && !new.contains(&owner)
        }
        ObjectKind::Table => {
            let mut needs = object.depends_on.iter();
            object.attribute("inherits").is_some()
                && needs.any(|id| id.kind == ObjectKind::Table && !new.contains(id))
        }
        _ => false,
    }
}
