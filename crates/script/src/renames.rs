//! The renames that a script tells, composed from its first statement to its last.

use std::collections::BTreeMap;

use crate::statement::{NamedObject, ObjectAction, ObjectClass, Parsed};

/// A table or column that has another name after a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renamed {
    /// Its name before: the table's, and a column's own behind it.
    pub before: Vec<String>,
    /// Its name after, in the same form.
    pub after: Vec<String>,
}

/// The tables and columns that the statements rename, by their names before and after the whole script.
///
/// For engines that do not number their objects, as SQLite. What the script itself makes has no name before: a table that is
/// built anew under another name, and takes the old one when the original is dropped, is no rename but its own successor.
pub fn renames(parsed: &Parsed) -> Vec<Renamed> {
    let mut names = Names::default();
    for statement in &parsed.statements {
        for object in &statement.objects {
            names.follow(object);
        }
    }
    names.renamed()
}

/// A table that a statement has named, under the name that it has now.
#[derive(Debug, Default)]
struct Table {
    /// Its name now, as written.
    now: String,
    /// Its name before the script; none if the script made it.
    before: Option<String>,
    columns: BTreeMap<String, Column>,
}

/// A column in the same way.
#[derive(Debug)]
struct Column {
    now: String,
    before: Option<String>,
}

/// Tables by their name now, in lower case.
#[derive(Debug, Default)]
struct Names(BTreeMap<String, Table>);

impl Names {
    fn follow(&mut self, object: &NamedObject) {
        let elsewhere = |schema: &String| !schema.eq_ignore_ascii_case("main");
        if object.schema.as_ref().is_some_and(elsewhere) {
            return;
        }
        match (object.class, &object.parent) {
            (ObjectClass::Table, _) => self.follow_table(object),
            (ObjectClass::Column, Some(table)) => {
                let table = table.strip_prefix("main.").unwrap_or(table);
                self.table(table).follow_column(object);
            }
            _ => {}
        }
    }

    fn follow_table(&mut self, object: &NamedObject) {
        let key = object.name.to_lowercase();
        match &object.action {
            // With a guard the table may have been there, and then it stays what it was.
            ObjectAction::Create if object.guarded => {}
            ObjectAction::Create => {
                let made = Table {
                    now: object.name.clone(),
                    ..Table::default()
                };
                self.0.insert(key, made);
            }
            ObjectAction::Drop => {
                self.0.remove(&key);
            }
            ObjectAction::Rename { to } => {
                self.table(&object.name);
                if let Some(mut table) = self.0.remove(&key) {
                    table.now.clone_from(to);
                    self.0.insert(to.to_lowercase(), table);
                }
            }
            ObjectAction::Change => {}
        }
    }

    /// The table of that name now; one that was not named yet has had its name from before.
    fn table(&mut self, name: &str) -> &mut Table {
        self.0.entry(name.to_lowercase()).or_insert_with(|| Table {
            now: name.to_owned(),
            before: Some(name.to_owned()),
            columns: BTreeMap::new(),
        })
    }

    fn renamed(&self) -> Vec<Renamed> {
        let mut renamed = Vec::new();
        for table in self.0.values() {
            let Some(before) = &table.before else {
                continue;
            };
            if *before != table.now {
                renamed.push(Renamed {
                    before: vec![before.clone()],
                    after: vec![table.now.clone()],
                });
            }
            for column in table.columns.values() {
                if let Some(name) = column.before.as_ref().filter(|name| **name != column.now) {
                    renamed.push(Renamed {
                        before: vec![before.clone(), name.clone()],
                        after: vec![table.now.clone(), column.now.clone()],
                    });
                }
            }
        }
        renamed
    }
}

impl Table {
    fn follow_column(&mut self, object: &NamedObject) {
        let key = object.name.to_lowercase();
        match &object.action {
            ObjectAction::Create => {
                let made = Column {
                    now: object.name.clone(),
                    before: None,
                };
                self.columns.insert(key, made);
            }
            ObjectAction::Drop => {
                self.columns.remove(&key);
            }
            ObjectAction::Rename { to } => {
                let mut column = self.columns.remove(&key).unwrap_or_else(|| Column {
                    now: String::new(),
                    before: Some(object.name.clone()),
                });
                column.now.clone_from(to);
                self.columns.insert(to.to_lowercase(), column);
            }
            ObjectAction::Change => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use tightrope_model::EngineKind;

    use super::*;
    use crate::{Script, TransactionMode};

    fn check(sql: &str, expect: &[&str]) {
        let script = Script::whole("up.sql", sql, TransactionMode::Auto);
        let renames = renames(&script.parse(EngineKind::Sqlite));
        let shown: Vec<String> = renames
            .iter()
            .map(|renamed| {
                format!(
                    "{} -> {}",
                    renamed.before.join("."),
                    renamed.after.join(".")
                )
            })
            .collect();
        assert_eq!(shown, expect, "{sql}");
    }

    #[test]
    fn renames_are_composed() {
        check("alter table a rename to b", &["a -> b"]);
        check(
            "alter table a rename to b; alter table B rename to c",
            &["a -> c"],
        );
        check("alter table a rename to b; alter table b rename to a", &[]);
        check(
            "alter table t rename column a to b; alter table t rename b to c;
             alter table t rename to u; alter table u rename column x to y",
            &["t -> u", "t.a -> u.c", "t.x -> u.y"],
        );
        check("alter table \"a b\" rename to [c d]", &["a b -> c d"]);
        check("alter table a rename to A", &["a -> A"]);
        check(
            "alter table a rename to x; alter table b rename to a; alter table x rename to b",
            &["b -> a", "a -> b"],
        );
    }

    #[test]
    fn what_the_script_makes_was_not_there() {
        check(
            "create table new_t (a); insert into new_t select a from t; drop table t;
             alter table new_t rename to t",
            &[],
        );
        check(
            "alter table t rename to old_t; create table t (a); insert into t select * from old_t;
             drop table old_t",
            &[],
        );
        check(
            "alter table t add column a; alter table t rename a to b",
            &[],
        );
        check(
            "create table t (a); alter table t rename column a to b",
            &[],
        );
        check(
            "alter table t rename a to b; alter table t drop column b",
            &[],
        );
        check("alter table temp.a rename to b", &[]);
        check("alter table main.a rename to b", &["a -> b"]);
        check("alter table main.t rename column a to b", &["t.a -> t.b"]);
    }
}
