//! The renames that a script tells, composed from its first statement to its last.

use std::collections::{BTreeMap, BTreeSet};

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
/// For engines that do not number their objects, as SQLite. What the script itself makes has no name before, unless it takes
/// the place of a table that was dropped: a table that is built anew is the successor of the original, whatever either of
/// them is called, and so are its columns of those that had their names when the original was dropped.
pub fn renames(parsed: &Parsed) -> Vec<Renamed> {
    Names::after(parsed).renamed()
}

/// The tables of before that the statements drop, by their names before, whether or not another takes their place.
pub fn dropped_tables(parsed: &Parsed) -> BTreeSet<String> {
    Names::after(parsed).dropped
}

/// The columns of before that the statements drop, each with its table, by their names before, whether or not another takes their
/// place.
pub fn dropped_columns(parsed: &Parsed) -> BTreeSet<(String, String)> {
    let names = Names::after(parsed);
    let of_table = |table: &Table| {
        let before = table.before.clone().filter(|_| !table.is_made);
        let gone = table.gone.clone().into_iter();
        gone.filter_map(move |column| Some((before.clone()?, column)))
            .collect::<Vec<_>>()
    };
    names.tables.values().flat_map(of_table).collect()
}

/// A table that a statement has named, under the name that it has now.
#[derive(Debug, Default)]
struct Table {
    /// Its name now, as written.
    now: String,
    /// Its name before the script, or that of the table in whose place it is; none if there was none.
    before: Option<String>,
    /// The script made it.
    is_made: bool,
    /// All names that it has had, in lower case.
    named: Vec<String>,
    columns: BTreeMap<String, Column>,
    /// The names before of columns that were dropped.
    gone: Vec<String>,
}

/// A column in the same way. Until its table takes the place of another, the name before is the one that it was made with.
#[derive(Debug)]
struct Column {
    now: String,
    before: Option<String>,
}

#[derive(Debug, Default)]
struct Names {
    /// The tables that are there, by their name now, in lower case.
    tables: BTreeMap<String, Table>,
    /// Tables that are gone and whose place nobody has taken yet.
    vacant: Vec<Table>,
    /// The names before of all that were dropped.
    dropped: BTreeSet<String>,
}

impl Names {
    fn after(parsed: &Parsed) -> Self {
        let mut names = Self::default();
        for statement in &parsed.statements {
            for object in &statement.objects {
                names.follow(object);
            }
        }
        names
    }

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
        match &object.action {
            // With a guard the table may have been there, and then it stays what it was.
            ObjectAction::Create if object.guarded => {}
            ObjectAction::Create => {
                let made = Table {
                    is_made: true,
                    ..Table::default()
                };
                self.name(made, &object.name);
            }
            ObjectAction::Drop => {
                if let Some(table) = self.take(&object.name) {
                    self.drop(table);
                }
            }
            ObjectAction::Rename { to } => {
                if let Some(table) = self.take(&object.name) {
                    self.name(table, to);
                }
            }
            ObjectAction::Change => {}
        }
    }

    /// The table of that name now; one that was not named yet has had its name from before.
    fn table(&mut self, name: &str) -> &mut Table {
        let key = name.to_lowercase();
        self.tables.entry(key.clone()).or_insert_with(|| Table {
            now: name.to_owned(),
            before: Some(name.to_owned()),
            named: vec![key],
            ..Table::default()
        })
    }

    fn take(&mut self, name: &str) -> Option<Table> {
        self.table(name);
        self.tables.remove(&name.to_lowercase())
    }

    /// Gives a table a name. If the script made it, it takes the place of the last one that is gone and had that name.
    fn name(&mut self, mut table: Table, name: &str) {
        let key = name.to_lowercase();
        if table.is_made {
            let had = |gone: &Table| gone.named.contains(&key);
            if let Some(place) = self.vacant.iter().rposition(had) {
                table.succeed(self.vacant.remove(place));
            }
        }
        name.clone_into(&mut table.now);
        table.named.push(key.clone());
        self.tables.insert(key, table);
    }

    /// Drops a table of before. Its name may have been given away already, to one that the script made.
    fn drop(&mut self, table: Table) {
        let Some(before) = &table.before else {
            return;
        };
        self.dropped.insert(before.clone());
        let waits = |other: &&mut Table| {
            let named = other.named.iter().any(|name| table.named.contains(name));
            other.is_made && other.before.is_none() && named
        };
        match self.tables.values_mut().find(waits) {
            Some(successor) => successor.succeed(table),
            None => self.vacant.push(table),
        }
    }

    fn renamed(&self) -> Vec<Renamed> {
        let mut renamed = Vec::new();
        for table in self.tables.values() {
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
                let before = match self.columns.remove(&key) {
                    Some(column) => column.before,
                    None => Some(object.name.clone()),
                };
                self.gone.extend(before);
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

    /// Takes the place of a table that is gone: a column is what had its name there.
    fn succeed(&mut self, gone: Self) {
        for column in self.columns.values_mut() {
            column.before = column.before.take().and_then(|name| gone.column_of(&name));
        }
        for (key, column) in gone.columns {
            let is_known = |other: &Column| other.before == column.before;
            if !self.columns.values().any(is_known) {
                self.columns.entry(key).or_insert(column);
            }
        }
        self.before = gone.before;
    }

    /// What the column of that name now was called before; none if it was not there.
    fn column_of(&self, name: &str) -> Option<String> {
        if let Some(column) = self.columns.get(&name.to_lowercase()) {
            return column.before.clone();
        }
        let renamed = self.columns.values().any(|column| {
            let before = column.before.as_ref();
            before.is_some_and(|before| before.eq_ignore_ascii_case(name))
        });
        (!renamed).then(|| name.to_owned())
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
    fn a_table_that_is_built_anew_takes_the_place_of_the_original() {
        let anew = "create table new_t (b, c); insert into new_t select b, c from t; drop table t; \
                    alter table new_t rename to t;";
        check(
            &format!("alter table t rename a to b; {anew}"),
            &["t.a -> t.b"],
        );
        check(
            &format!("{anew} alter table t rename b to d"),
            &["t.b -> t.d"],
        );
        check(&format!("{anew} alter table t rename to u"), &["t -> u"]);
        check(
            &format!("alter table t rename a to b; {anew} {anew} alter table T rename b to d"),
            &["t.a -> t.d"],
        );
        check(
            &format!("drop table if exists new_t; {anew} alter table t rename b to d"),
            &["t.b -> t.d"],
        );
        check(
            "alter table t rename to u; alter table u rename a to b; create table new_u (b); \
             drop table u; alter table new_u rename to u",
            &["t -> u", "t.a -> u.b"],
        );
        check(
            "alter table t rename a to b; create table new_t (x); alter table new_t rename x to b; \
             alter table new_t rename b to c; drop table t; alter table new_t rename to t",
            &["t.a -> t.b", "t.x -> t.c"],
        );
        check(
            "alter table t rename a to b; alter table t rename to old_t; create table t (b, c); \
             drop table old_t; alter table t rename c to d",
            &["t.a -> t.b", "t.c -> t.d"],
        );
        check(
            "drop table t; create table t (a); alter table t rename to u",
            &["t -> u"],
        );
    }

    #[test]
    fn dropped_columns_are_told_by_their_names_before() {
        let dropped = |sql: &str| {
            let script = Script::whole("up.sql", sql, TransactionMode::Auto);
            let dropped = dropped_columns(&script.parse(EngineKind::Sqlite)).into_iter();
            let words = dropped.map(|(table, column)| format!("{table}.{column}"));
            words.collect::<Vec<_>>().join(", ")
        };
        let anew = "alter table t drop column a; alter table t add column a integer";
        assert_eq!(dropped(anew), "t.a");
        assert_eq!(
            dropped("alter table t rename to u; alter table u rename a to b; alter table u drop b"),
            "t.a"
        );
        assert_eq!(
            dropped("alter table t add column a integer; alter table t drop column a"),
            ""
        );
        assert_eq!(
            dropped(
                "create table n (a); alter table n drop a; drop table t; alter table n rename to t"
            ),
            ""
        );
    }

    #[test]
    fn dropped_tables_are_told_by_their_names_before() {
        let dropped = |sql: &str| {
            let script = Script::whole("up.sql", sql, TransactionMode::Auto);
            let dropped = dropped_tables(&script.parse(EngineKind::Sqlite));
            dropped.into_iter().collect::<Vec<_>>().join(", ")
        };
        assert_eq!(dropped("alter table t rename to u; drop table u"), "t");
        assert_eq!(dropped("create table t (a); drop table t"), "");
        assert_eq!(
            dropped(
                "create table n (a); drop table t; alter table n rename to t; drop table t; drop table v"
            ),
            "t, v"
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
