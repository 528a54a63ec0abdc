//! What a script destroys of what was there before it: what it has made itself is nobody's loss.

use tightrope_model::EngineKind;

use crate::statement::{Destroys, NamedObject, ObjectAction, ObjectClass, Parsed, Statement};

impl Parsed {
    /// What a statement of this script may destroy of what was there before the script.
    pub fn destroys_of_before(&self, index: usize, dialect: EngineKind) -> Vec<Destroys> {
        destroys_of_before(&self.statements, index, dialect)
    }
}

/// The same for statements alone.
///
/// What an earlier statement has made is left out. What is made only later, under a name that was taken, is a replacement:
/// the loss stays. So it does where a statement says itself that the object may have been there (`IF NOT EXISTS`), and for
/// what only got its name here.
pub(crate) fn destroys_of_before(
    statements: &[Statement],
    index: usize,
    dialect: EngineKind,
) -> Vec<Destroys> {
    let Some((statement, earlier)) = statements.get(..=index).and_then(<[_]>::split_last) else {
        return Vec::new();
    };
    let made = Made { earlier, dialect };
    let destroys = statement.destroys.iter();
    destroys.filter_map(|one| made.without(one)).collect()
}

/// What the statements before one have made.
struct Made<'s> {
    earlier: &'s [Statement],
    dialect: EngineKind,
}

impl Made<'_> {
    fn without(&self, destroyed: &Destroys) -> Option<Destroys> {
        let is_old = match destroyed {
            Destroys::Everything(_) => true,
            Destroys::Table(table) | Destroys::Rows(table) => !self.makes_table(table),
            Destroys::Column { table, column } => {
                !self.makes_table(table) && !self.makes_column(table, column)
            }
            Destroys::Values { table, columns } => {
                return self.without_values(table, columns);
            }
        };
        is_old.then(|| destroyed.clone())
    }

    fn without_values(&self, table: &str, columns: &[String]) -> Option<Destroys> {
        if self.makes_table(table) {
            return None;
        }
        let old: Vec<String> = columns
            .iter()
            .filter(|column| !self.makes_column(table, column))
            .cloned()
            .collect();
        let is_old = columns.is_empty() || !old.is_empty();
        is_old.then(|| Destroys::Values {
            table: table.to_owned(),
            columns: old,
        })
    }

    fn makes_table(&self, table: &str) -> bool {
        let is_temporary = table.starts_with("pg_temp.") || table.starts_with("temp.");
        is_temporary
            || self.made().any(|object| {
                let class = matches!(
                    object.class,
                    ObjectClass::Table | ObjectClass::MaterializedView | ObjectClass::ForeignTable
                );
                class && self.same_table(&object.display_name(), table)
            })
    }

    fn makes_column(&self, table: &str, column: &str) -> bool {
        self.made().any(|object| {
            object.class == ObjectClass::Column
                && self.same(&object.name, column)
                && object
                    .parent
                    .as_deref()
                    .is_some_and(|parent| self.same_table(parent, table))
        })
    }

    fn made(&self) -> impl Iterator<Item = &NamedObject> {
        let objects = self.earlier.iter().flat_map(|statement| &statement.objects);
        objects.filter(|object| object.action == ObjectAction::Create && !object.guarded)
    }

    fn same(&self, left: &str, right: &str) -> bool {
        match self.dialect {
            EngineKind::Postgres => left == right,
            EngineKind::Sqlite => left.eq_ignore_ascii_case(right),
        }
    }

    /// Names of which one leaves out the schema are compared by their last part.
    fn same_table(&self, left: &str, right: &str) -> bool {
        let bare = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
        match (left.contains('.'), right.contains('.')) {
            (true, true) | (false, false) => self.same(left, right),
            _ => self.same(&bare(left), &bare(right)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Script, TransactionMode};

    fn destroyed(text: &str, dialect: EngineKind) -> String {
        let parsed = Script::whole("up.sql", text, TransactionMode::Auto).parse(dialect);
        let each = (0..parsed.statements.len())
            .flat_map(|index| parsed.destroys_of_before(index, dialect))
            .map(|one| one.to_string());
        each.collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn what_the_script_has_made_itself_is_no_loss() {
        let check = |text: &str, expect: &str| {
            for dialect in [EngineKind::Postgres, EngineKind::Sqlite] {
                assert_eq!(destroyed(text, dialect), expect, "{text} on {dialect}");
            }
        };
        check(
            "alter table t add column a int; update t set a = 1, b = 2;",
            "values of t.b",
        );
        check("alter table t add column a int; update t set a = 1;", "");
        check(
            "alter table t add column a int; alter table t drop column a;",
            "",
        );
        check("create table n (a int); delete from n; drop table n;", "");
        check("create table main.n (a int); update n set a = 1;", "");
        // What was there under the name first is lost, whatever comes after it.
        check("drop table t; create table t (a int);", "table t");
        check(
            "alter table t drop column a; alter table t add column a int;",
            "column t.a",
        );
        check(
            "create table n (a int); drop table t; alter table n rename to t; update t set a = 1;",
            "table t; values of t.a",
        );
        check(
            "create table if not exists n (a int); delete from n;",
            "rows of n",
        );
        check("create table a.n (x int); delete from b.n;", "rows of b.n");
    }
}
