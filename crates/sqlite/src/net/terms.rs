//! What the application wrote and what was there before, as expressions over three tables: `t` is the table, `l` its touch log,
//! `p` the rows of before.

use tightrope_engine::{KeptTable, Window};
use tightrope_model::{Catalog, ObjectId, ObjectKind, TableName};

use super::key::{Key, equal};
use super::names::{all, any, of, sql};
use super::touch::{first_added, numbered};

/// Which shape the table has when it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// That of after the migration: the rollback has not begun.
    After,
    /// That of before: the columns are back, and lost ones hold what a rollback script gave them.
    Before,
}

/// The expressions for one table.
pub(super) struct Terms<'a> {
    pub(super) kept: &'a KeptTable,
    pub(super) key: &'a Key,
    pub(super) shape: Shape,
    /// The identity of a row `t`.
    now: Vec<String>,
}

impl<'a> Terms<'a> {
    /// The expressions; none if the table has not the columns that tell its rows apart.
    pub(super) fn of(kept: &'a KeptTable, key: &'a Key, shape: Shape) -> Option<Self> {
        let now = match shape {
            Shape::After => key.after("t"),
            Shape::Before => key.before("t")?,
        };
        Some(Self {
            kept,
            key,
            shape,
            now,
        })
    }

    /// The identity of a row of another alias of the same table, with the columns' own affinity and indexes.
    pub(super) fn indexed(&self, alias: &str) -> Vec<String> {
        let parts = self.key.parts.iter();
        let name = |part: &super::key::Part| match self.shape {
            Shape::After => part.after.clone(),
            Shape::Before => part.before.clone().unwrap_or_default(),
        };
        parts.map(|part| of(alias, &name(part))).collect()
    }

    /// What follows `t` in a FROM clause.
    pub(super) fn joins(&self) -> String {
        let mut joins = String::new();
        if let Some(log) = &self.kept.touched {
            joins = format!(
                "left join {} l on {}",
                sql(log),
                equal(&self.key.own("l", "k"), &self.now)
            );
        }
        if let Some(rows) = self.rows() {
            if !joins.is_empty() {
                joins.push('\n');
            }
            // Without the sign SQLite would make an index over the mark alone, and read all rows through it for every row.
            joins.push_str(&format!(
                "left join {} p on {} and +p.gone$ = 0",
                sql(rows),
                equal(&self.key.kept("p"), &self.origin())
            ));
        }
        joins
    }

    /// The identity that a row `t` had when the window opened; NULL if it is new.
    pub(super) fn origin(&self) -> Vec<String> {
        if self.kept.touched.is_none() {
            return self.now.clone();
        }
        let began = self.key.own("l", "o");
        let pairs = self.now.iter().zip(began);
        pairs
            .map(|(now, began)| format!("iif(l.rowid is null, {now}, {began})"))
            .collect()
    }

    fn rows(&self) -> Option<&TableName> {
        self.kept.rows.as_ref().filter(|_| self.key.is_known())
    }

    /// Whether rows of before are joined.
    pub(super) fn has_rows(&self) -> bool {
        self.rows().is_some()
    }

    /// Whether a row `t` has a row of before.
    pub(super) fn was_there(&self) -> &'static str {
        if self.has_rows() {
            "p.rowid is not null"
        } else {
            "false"
        }
    }

    /// The value of the column at that place of the plan: what the application wrote, else what was there before, else `other`.
    pub(super) fn value(&self, at: usize, other: &str) -> String {
        if !self.has_rows() {
            return other.to_owned();
        }
        let mut cases = format!("when p.rowid is null then {other}");
        if let Some(written) = self.written(at) {
            cases.push_str(&format!(" when {written} then {other}"));
        }
        let column = &self.kept.plan.columns[at].before;
        if self.kept.left.contains(column) {
            // Nobody has changed it: the script could not, and the row would have been kept at the application's first touch.
            cases.push_str(&format!(" when p.full$ is not 1 then {other}"));
        }
        format!("case {cases} else p.c${} end", at + 1)
    }

    /// The values that a row `t` has in the schema of before, by the column's name there.
    pub(super) fn finals(&self, window: &Window<'_>) -> Vec<(String, String)> {
        let plan = &self.kept.plan;
        let columns = plan.columns.iter().enumerate();
        columns
            .map(|(at, column)| {
                let given = (plan.before.clone(), column.before.clone());
                let other = match (&column.after, window.fill.get(&given)) {
                    (Some(after), _) => of("t", after),
                    (None, Some(fill)) => format!("({fill})"),
                    (None, None) => default_of(window.before, &plan.before, &column.before),
                };
                (column.before.clone(), self.value(at, &other))
            })
            .collect()
    }

    /// Whether the application wrote the column; none if it cannot have.
    pub(super) fn written(&self, at: usize) -> Option<String> {
        self.kept.touched.as_ref()?;
        let number = at + 1;
        let plan = &self.kept.plan;
        let logged = numbered(plan);
        if logged.iter().any(|(logged, _)| *logged == number) {
            return Some(format!("l.w${number}"));
        }
        // What a rollback script has computed from values that the application wrote counts as written.
        let added: Vec<String> = logged
            .iter()
            .filter(|(logged, _)| *logged >= first_added(plan))
            .map(|(logged, _)| format!("l.w${logged}"))
            .collect();
        (self.shape == Shape::Before && !added.is_empty()).then(|| any(added))
    }

    /// Whether a row `t` came from the migration alone; none if it made no rows.
    pub(super) fn only_the_migrations(&self) -> Option<String> {
        let inserted = self.kept.inserted.as_ref()?;
        let mut conditions = vec![format!(
            "exists (select 1 from {} i where {})",
            sql(inserted),
            equal(&self.key.own("i", "k"), &self.now)
        )];
        if let Some(log) = &self.kept.touched {
            conditions.push(format!(
                "not exists (select 1 from {} l where {})",
                sql(log),
                equal(&self.key.own("l", "k"), &self.now)
            ));
        }
        Some(all(conditions))
    }

    /// Whether the key of before of a row `p` is nobody's now.
    fn place_is_free(&self, table: &str) -> String {
        if self.key.place.is_empty() {
            return "true".to_owned();
        }
        let same = self.key.place.iter();
        let same = same.map(|(_, after, kept)| format!("{} = p.{kept}", of("t", after)));
        format!("not exists (select 1 from {table} t where {})", all(same))
    }

    /// Whether a row `p` that the migration deleted has lost its place to another row.
    pub(super) fn lost_its_place(&self, table: &str) -> String {
        format!("p.gone$ = 1 and not {}", self.place_is_free(table))
    }
}

/// Whether a row `p` of before has to be brought back: the migration deleted it, or the row that it became was taken out.
pub(super) const COMES_BACK: &str = "p.gone$ = 1";

/// The default of a column, as an expression.
pub(super) fn default_of(catalog: &Catalog, table: &TableName, column: &str) -> String {
    let id = ObjectId::new(ObjectKind::Column, [table.name.as_str(), column]);
    let object = catalog.object(&id);
    object
        .and_then(|object| object.attribute("default"))
        .unwrap_or("null")
        .to_owned()
}
