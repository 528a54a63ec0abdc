use std::collections::BTreeMap;

use super::cursor::Cursor;
use super::normal::{Names, normal};
use super::token::{Kind, Token, tokens};

/// What a CREATE TABLE statement says beyond what the pragmas tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TableText {
    /// The columns in their order.
    pub(crate) columns: Vec<ColumnText>,
    /// The constraints of the columns and of the table, wherever they stand.
    pub(crate) constraints: Vec<ConstraintText>,
}

/// What is said of one column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ColumnText {
    /// Its name without quotes.
    pub(crate) name: String,
    /// What is set, by attribute name: `default`, `collation`, `generated`, …
    pub(crate) attributes: BTreeMap<&'static str, String>,
}

/// One constraint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ConstraintText {
    /// What it is known by, whatever its name and place: `primary key`, `unique (a, b)`, `check (a > 0)`.
    pub(crate) identity: String,
    /// Its name, which means nothing to SQLite but in messages.
    pub(crate) name: Option<String>,
    /// What is set, by attribute name.
    pub(crate) attributes: BTreeMap<&'static str, String>,
    /// The table that a foreign key refers to without saying to which columns.
    pub(crate) implied_parent: Option<String>,
}

impl TableText {
    /// Reads a CREATE TABLE statement as the schema keeps it; none where it is not understood to its last token.
    pub(crate) fn read(sql: &str, names: &Names) -> Option<Self> {
        let tokens = tokens(sql);
        let open = tokens.iter().position(|token| token.is("("))?;
        let mut reader = Reader {
            at: Cursor {
                tokens: &tokens[open + 1..],
            },
            names,
            table: Self::default(),
        };
        reader.body()?;
        Some(reader.table)
    }
}

/// Where a column's type ends.
const COLUMN_CONSTRAINTS: [&str; 11] = [
    "constraint",
    "primary",
    "not",
    "null",
    "unique",
    "check",
    "default",
    "collate",
    "references",
    "generated",
    "as",
];

const TABLE_CONSTRAINTS: [&str; 5] = ["constraint", "primary", "unique", "check", "foreign"];

struct Reader<'a, 'n> {
    at: Cursor<'a>,
    names: &'n Names,
    table: TableText,
}

impl<'a> Reader<'a, '_> {
    fn body(&mut self) -> Option<()> {
        loop {
            let first = self.at.tokens.first()?;
            if first.is(")") {
                return Some(());
            }
            if first.is(",") {
                self.at.advance();
            } else if first.is_any(&TABLE_CONSTRAINTS) {
                self.table_constraint()?;
            } else {
                self.column()?;
            }
        }
    }

    fn column(&mut self) -> Option<()> {
        let name = self.at.advance()?.name()?.into_owned();
        let mut column = ColumnText {
            name,
            attributes: BTreeMap::new(),
        };
        while let Some(token) = self.at.tokens.first() {
            if token.is(",") || token.is(")") || token.is_any(&COLUMN_CONSTRAINTS) {
                break;
            }
            if token.is("(") {
                self.at.brackets()?;
            } else {
                self.at.advance();
            }
        }
        let mut name = None;
        while let Some(token) = self.at.tokens.first() {
            if token.is(",") || token.is(")") {
                break;
            }
            if self.at.take("constraint") {
                name = Some(self.at.advance()?.name()?.into_owned());
                continue;
            }
            self.column_constraint(&mut column, name.take())?;
        }
        self.table.columns.push(column);
        Some(())
    }

    fn column_constraint(&mut self, column: &mut ColumnText, name: Option<String>) -> Option<()> {
        let quoted = self.normal_name(&column.name);
        if self.at.take("primary") {
            self.at.expect("key")?;
            let mut columns = quoted;
            if self.at.take("desc") {
                columns.push_str(" desc");
            } else {
                self.at.take("asc");
            }
            let mut constraint = self.constraint("primary key", name);
            constraint.attributes.insert("columns", columns);
            self.conflict(&mut constraint.attributes)?;
            if self.at.take("autoincrement") {
                constraint.attributes.insert("autoincrement", "yes".into());
            }
            self.table.constraints.push(constraint);
        } else if self.at.take("unique") {
            let mut constraint = self.constraint(format!("unique ({quoted})"), name);
            self.conflict(&mut constraint.attributes)?;
            self.table.constraints.push(constraint);
        } else if self.at.take("check") {
            self.check(name)?;
        } else if self.at.take("references") {
            self.references(&quoted, name)?;
        } else if self.at.take("not") {
            self.at.expect("null")?;
            self.not_null(column)?;
        } else if self.at.take("null") {
            self.conflict(&mut BTreeMap::new())?;
        } else if self.at.take("default") {
            let value = self.default()?;
            column.attributes.insert("default", value);
        } else if self.at.take("collate") {
            let collation = self.at.advance()?.name()?.to_ascii_lowercase();
            column.attributes.insert("collation", collation);
        } else if self.at.tokens.first()?.is_any(&["generated", "as"]) {
            let generated = self.generated()?;
            column.attributes.insert("generated", generated);
        } else {
            return None;
        }
        Some(())
    }

    fn not_null(&mut self, column: &mut ColumnText) -> Option<()> {
        let mut attributes = BTreeMap::new();
        self.conflict(&mut attributes)?;
        if let Some(conflict) = attributes.remove("on_conflict") {
            column.attributes.insert("not_null_on_conflict", conflict);
        }
        Some(())
    }

    fn table_constraint(&mut self) -> Option<()> {
        let name = if self.at.take("constraint") {
            Some(self.at.advance()?.name()?.into_owned())
        } else {
            None
        };
        if self.at.take("primary") {
            self.at.expect("key")?;
            let (columns, autoincrement) = self.key_columns()?;
            let mut constraint = self.constraint("primary key", name);
            constraint.attributes.insert("columns", columns);
            if autoincrement {
                constraint.attributes.insert("autoincrement", "yes".into());
            }
            self.conflict(&mut constraint.attributes)?;
            self.table.constraints.push(constraint);
        } else if self.at.take("unique") {
            let (columns, _) = self.key_columns()?;
            let mut constraint = self.constraint(format!("unique ({columns})"), name);
            self.conflict(&mut constraint.attributes)?;
            self.table.constraints.push(constraint);
        } else if self.at.take("check") {
            self.check(name)?;
            // The grammar allows it here, and the library ignores it.
            self.conflict(&mut BTreeMap::new())?;
        } else if self.at.take("foreign") {
            self.at.expect("key")?;
            let columns = self.at.brackets()?;
            let columns = normal(columns, self.names);
            self.at.expect("references")?;
            self.references(&columns, name)?;
        } else {
            return None;
        }
        Some(())
    }

    /// The columns of a key, where ascending and the lack of a collation are not said, and whether the key counts by itself.
    fn key_columns(&mut self) -> Option<(String, bool)> {
        let inner = self.at.brackets()?;
        let autoincrement = inner.last().is_some_and(|token| token.is("autoincrement"));
        let kept: Vec<Token<'a>> = inner
            .iter()
            .filter(|token| !token.is_any(&["asc", "autoincrement"]))
            .copied()
            .collect();
        // A key's column may be written as text.
        let names: Vec<String> = super::key::parts(&kept)
            .into_iter()
            .map(|part| super::key::column(part, self.names))
            .collect();
        Some((names.join(", "), autoincrement))
    }

    fn check(&mut self, name: Option<String>) -> Option<()> {
        let expression = super::key::bare(self.at.brackets()?);
        let identity = format!("check ({})", normal(expression, self.names));
        let constraint = self.constraint(identity, name);
        self.table.constraints.push(constraint);
        Some(())
    }

    fn references(&mut self, columns: &str, name: Option<String>) -> Option<()> {
        let parent = self.at.advance()?.name()?.into_owned();
        let shown = self.normal_name(&parent);
        let explicit = self.at.tokens.first().is_some_and(|token| token.is("("));
        let target = if explicit {
            let inner = self.at.brackets()?;
            format!("{shown} ({})", normal(inner, self.names))
        } else {
            shown
        };
        let mut constraint =
            self.constraint(format!("foreign key ({columns}) references {target}"), name);
        constraint.implied_parent = (!explicit).then_some(parent);
        self.reference_actions(&mut constraint.attributes)?;
        self.table.constraints.push(constraint);
        Some(())
    }

    fn reference_actions(&mut self, attributes: &mut BTreeMap<&'static str, String>) -> Option<()> {
        loop {
            if self.at.take("on") {
                let event = match self.at.advance()? {
                    token if token.is("delete") => Some("on_delete"),
                    token if token.is("update") => Some("on_update"),
                    _ => None,
                };
                let mut action = self.at.advance()?.text.to_ascii_lowercase();
                if matches!(action.as_str(), "set" | "no") {
                    action = format!("{action} {}", self.at.advance()?.text.to_ascii_lowercase());
                }
                if let Some(event) = event.filter(|_| action != "no action") {
                    attributes.insert(event, action);
                }
            } else if self.at.take("match") {
                // Parsed and ignored by the library.
                self.at.advance()?;
            } else if self.at.second_is("deferrable") && self.at.take("not") {
                self.at.advance();
                self.initially()?;
            } else if self.at.take("deferrable") {
                if self.initially()? {
                    attributes.insert("deferred", "yes".into());
                }
            } else {
                return Some(());
            }
        }
    }

    /// Whether INITIALLY DEFERRED comes now; without it a deferrable key is checked at once.
    fn initially(&mut self) -> Option<bool> {
        if !self.at.take("initially") {
            return Some(false);
        }
        Some(self.at.advance()?.is("deferred"))
    }

    fn default(&mut self) -> Option<String> {
        let first = self.at.tokens.first()?;
        if first.is("(") {
            let inner = super::key::bare(self.at.brackets()?);
            return Some(normal_default(inner, self.names));
        }
        let sign = first.is("+") || first.is("-");
        let taken = &self.at.tokens[..if sign { 2.min(self.at.tokens.len()) } else { 1 }];
        self.at.tokens = &self.at.tokens[taken.len()..];
        let value = &taken[taken.len() - 1];
        let literal = match value.kind {
            // A name as a default is text.
            Kind::Quoted => format!("'{}'", value.name()?.replace('\'', "''")),
            Kind::Word if !is_value(value) => format!("'{}'", value.text.replace('\'', "''")),
            _ => normal(&[*value], self.names),
        };
        Some(if sign && taken[0].is("-") {
            format!("-{literal}")
        } else {
            literal
        })
    }

    fn generated(&mut self) -> Option<String> {
        if self.at.take("generated") {
            self.at.expect("always")?;
        }
        self.at.expect("as")?;
        let expression = normal(super::key::bare(self.at.brackets()?), self.names);
        let kind = if self.at.take("stored") {
            "stored"
        } else {
            self.at.take("virtual");
            "virtual"
        };
        Some(format!("({expression}) {kind}"))
    }

    fn conflict(&mut self, attributes: &mut BTreeMap<&'static str, String>) -> Option<()> {
        if !self.at.second_is("conflict") || !self.at.take("on") {
            return Some(());
        }
        self.at.advance();
        let action = self.at.advance()?.text.to_ascii_lowercase();
        if action != "abort" {
            attributes.insert("on_conflict", action);
        }
        Some(())
    }

    fn constraint(&self, identity: impl Into<String>, name: Option<String>) -> ConstraintText {
        ConstraintText {
            identity: identity.into(),
            name,
            ..ConstraintText::default()
        }
    }

    fn normal_name(&self, name: &str) -> String {
        let quoted = crate::quote::quote_identifier(&name.to_ascii_lowercase());
        let names: Names = [name].into_iter().collect();
        normal(&tokens(&quoted), &names)
    }
}

/// Brackets around a plain literal say nothing.
fn normal_default(inner: &[Token<'_>], names: &Names) -> String {
    let plain = match inner {
        [value] => matches!(value.kind, Kind::Literal | Kind::Text) || is_value(value),
        [sign, value] => (sign.is("-") || sign.is("+")) && value.kind == Kind::Literal,
        _ => false,
    };
    let text = normal(inner, names);
    match text.split_once(' ') {
        Some(("-", number)) if plain => format!("-{number}"),
        Some(("+", number)) if plain => number.to_owned(),
        _ if plain => text,
        _ => format!("({text})"),
    }
}

fn is_value(token: &Token<'_>) -> bool {
    token.is_any(&[
        "null",
        "true",
        "false",
        "current_time",
        "current_date",
        "current_timestamp",
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(sql: &str) -> TableText {
        let names: Names = ["a", "b", "c", "t", "p", "x y"].into_iter().collect();
        TableText::read(sql, &names).unwrap()
    }

    fn check_same(left: &str, right: &str) {
        let nameless = |sql: &str| {
            let mut table = read(sql);
            table
                .constraints
                .iter_mut()
                .for_each(|constraint| constraint.name = None);
            table
                .constraints
                .sort_by(|left, right| left.identity.cmp(&right.identity));
            table
        };
        assert_eq!(nameless(left), nameless(right));
    }

    fn check_constraint(body: &str, identity: &str, attributes: &[(&str, &str)]) {
        let table = read(&format!("create table t (a, b, {body})"));
        let [constraint] = &table.constraints[..] else {
            panic!("{:?}", table.constraints);
        };
        assert_eq!(constraint.identity, identity);
        let expect: BTreeMap<&str, String> = attributes
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        assert_eq!(constraint.attributes, expect);
    }

    #[test]
    fn constraints_have_an_identity() {
        check_constraint("c primary key", "primary key", &[("columns", "c")]);
        check_constraint(
            "c integer primary key desc on conflict replace autoincrement",
            "primary key",
            &[
                ("columns", "c desc"),
                ("on_conflict", "replace"),
                ("autoincrement", "yes"),
            ],
        );
        check_constraint("constraint n unique (a asc, \"b\")", "unique (a, b)", &[]);
        check_constraint("check ( \"a\">0 )", "check (a > 0)", &[]);
        check_constraint(
            "c references p on delete set null on update no action deferrable initially deferred",
            "foreign key (c) references p",
            &[("on_delete", "set null"), ("deferred", "yes")],
        );
        check_constraint(
            "foreign key (a, b) references \"x y\" (b, a) not deferrable",
            "foreign key (a, b) references \"x y\" (b, a)",
            &[],
        );
    }

    #[test]
    fn ways_to_write_the_same_table_meet() {
        check_same(
            "create table t (a int primary key)",
            "CREATE TABLE \"t\"(\"a\" int, PRIMARY KEY([a]))",
        );
        check_same(
            "create table t (a unique, b)",
            "create table t (a, b, unique ('a'))",
        );
        check_same(
            "create table t (a references p (b), b)",
            "create table t (a, b constraint x null, foreign key (a) references p(b))",
        );
        check_same(
            "create table t (a default 'x')",
            "create table t (a default (\t'x'))",
        );
        check_same(
            "create table t (a default -1)",
            "create table t (a default (- 1))",
        );
        check_same(
            "create table t (a default \"x\")",
            "create table t (a default 'x')",
        );
        check_same(
            "create table t (a as (b + 1), b)",
            "create table t (a generated always as (b+1) virtual, b)",
        );
        check_same(
            "create table t (a, b, unique (a) unique (b))",
            "create table t (a, b, unique (a), unique (b))",
        );
        check_same(
            "create table t (a double precision (1, 2) not null)",
            "create table t (a double precision(1,2) not null on conflict abort)",
        );
    }

    #[test]
    fn what_differs_is_seen() {
        let base = read("create table t (a text default 'x' collate nocase, b)");
        for other in [
            "create table t (a text default 'X' collate nocase, b)",
            "create table t (a text default (x) collate nocase, b)",
            "create table t (a text default 'x', b)",
            "create table t (a text not null on conflict ignore default 'x' collate nocase, b)",
            "create table t (b, a text default 'x' collate nocase)",
        ] {
            assert_ne!(base, read(other), "{other}");
        }
    }

    #[test]
    fn what_is_not_understood_is_said() {
        let names = Names::default();
        for odd in [
            "create table t (a",
            "create table t (a frobnicate (",
            "create table t",
        ] {
            assert_eq!(TableText::read(odd, &names), None, "{odd}");
        }
    }

    const COLUMN_PARTS: [&str; 16] = [
        "primary key",
        "not null",
        "not null on conflict ignore",
        "null",
        "unique",
        "unique on conflict replace",
        "check (a > 0)",
        "check (\"a\" <> ')')",
        "default 'x)'",
        "default -1.5e3",
        "default (1 + (2))",
        "default current_timestamp",
        "collate nocase",
        "references p",
        "references p (b) on delete set null on update cascade match full not deferrable initially immediate",
        "constraint named references p deferrable initially deferred",
    ];

    const TABLE_PARTS: [&str; 6] = [
        "unique (a, b desc)",
        "constraint one check (a in (1, 2))",
        "check ((b))",
        "foreign key (a, b) references p (b, a) on delete restrict",
        "unique (a collate nocase) on conflict fail",
        "constraint two foreign key (b) references p deferrable",
    ];

    fn body() -> impl Strategy<Value = String> {
        let types = prop::sample::select(vec![
            "",
            "int",
            "varchar (10)",
            "double precision",
            "\"odd type\"",
        ]);
        let column = (
            types,
            prop::sample::subsequence(COLUMN_PARTS.to_vec(), 0..4),
        );
        let generated = prop::sample::select(vec![
            "",
            ", g as (a + 1)",
            ", g int generated always as (b) stored not null",
        ]);
        let comma = prop::sample::select(vec![", ", " "]);
        let parts = prop::sample::subsequence(TABLE_PARTS.to_vec(), 0..4);
        (column, generated, comma, parts).prop_map(|((kind, said), generated, comma, parts)| {
            let mut body = format!("a {kind} {}, b{generated}", said.join(" "));
            for (index, part) in parts.iter().enumerate() {
                body.push_str(if index == 0 { ", " } else { comma });
                body.push_str(part);
            }
            body
        })
    }

    /// The same statement with other white space, letter case, comments and quotes.
    fn rewritten(sql: &str, seed: usize) -> String {
        let mut text = String::new();
        for (index, token) in tokens(sql).iter().enumerate() {
            text.push_str([" ", "\n", " /* , ( */ ", " -- ')\n"][(index + seed) % 4]);
            let name = matches!(token.text, "a" | "b" | "p" | "g");
            match (index + seed) % 3 {
                0 if name => text.push_str(&format!("[{}]", token.text)),
                1 if name => text.push_str(&format!("\"{}\"", token.text.to_uppercase())),
                2 if token.kind == Kind::Word => text.push_str(&token.text.to_uppercase()),
                _ => text.push_str(token.text),
            }
        }
        text
    }

    proptest! {
        #[test]
        fn what_sqlite_takes_is_understood_however_it_is_written(body in body(), seed in 0_usize..12) {
            let connection = rusqlite::Connection::open_in_memory().unwrap();
            let sql = format!("create table t ({body})");
            let other = rewritten(&sql, seed);
            if connection.execute_batch(&sql).is_err() {
                return Ok(());
            }
            connection.execute_batch(&format!("drop table t; {other}")).unwrap();
            let names: Names = ["a", "b", "g", "p", "t"].into_iter().collect();
            let first = TableText::read(&sql, &names).expect("understood");
            let mut second = TableText::read(&other, &names).expect("understood");
            for (column, again) in first.columns.iter().zip(&mut second.columns) {
                prop_assert!(column.name.eq_ignore_ascii_case(&again.name));
                again.name.clone_from(&column.name);
            }
            for (constraint, again) in first.constraints.iter().zip(&mut second.constraints) {
                let lower = |name: &Option<String>| name.as_ref().map(|name| name.to_lowercase());
                prop_assert_eq!(lower(&constraint.name), lower(&again.name));
                again.name.clone_from(&constraint.name);
                let lower = |name: &Option<String>| name.as_ref().map(|name| name.to_lowercase());
                prop_assert_eq!(lower(&constraint.implied_parent), lower(&again.implied_parent));
                again.implied_parent.clone_from(&constraint.implied_parent);
            }
            prop_assert_eq!(first, second);
        }
    }
}
