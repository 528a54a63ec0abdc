use std::collections::BTreeMap;

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
            tokens: &tokens[open + 1..],
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
    tokens: &'a [Token<'a>],
    names: &'n Names,
    table: TableText,
}

impl<'a> Reader<'a, '_> {
    fn body(&mut self) -> Option<()> {
        loop {
            let first = self.tokens.first()?;
            if first.is(")") {
                return Some(());
            }
            if first.is(",") {
                self.advance();
            } else if first.is_any(&TABLE_CONSTRAINTS) {
                self.table_constraint()?;
            } else {
                self.column()?;
            }
        }
    }

    fn column(&mut self) -> Option<()> {
        let name = self.advance()?.name()?.into_owned();
        let mut column = ColumnText {
            name,
            attributes: BTreeMap::new(),
        };
        while let Some(token) = self.tokens.first() {
            if token.is(",") || token.is(")") || token.is_any(&COLUMN_CONSTRAINTS) {
                break;
            }
            if token.is("(") {
                self.brackets()?;
            } else {
                self.advance();
            }
        }
        let mut name = None;
        while let Some(token) = self.tokens.first() {
            if token.is(",") || token.is(")") {
                break;
            }
            if self.take("constraint") {
                name = Some(self.advance()?.name()?.into_owned());
                continue;
            }
            self.column_constraint(&mut column, name.take())?;
        }
        self.table.columns.push(column);
        Some(())
    }

    fn column_constraint(&mut self, column: &mut ColumnText, name: Option<String>) -> Option<()> {
        let quoted = self.normal_name(&column.name);
        if self.take("primary") {
            self.expect("key")?;
            let mut columns = quoted;
            if self.take("desc") {
                columns.push_str(" desc");
            } else {
                self.take("asc");
            }
            let mut constraint = self.constraint("primary key", name);
            constraint.attributes.insert("columns", columns);
            self.conflict(&mut constraint.attributes)?;
            if self.take("autoincrement") {
                constraint.attributes.insert("autoincrement", "yes".into());
            }
            self.table.constraints.push(constraint);
        } else if self.take("unique") {
            let mut constraint = self.constraint(format!("unique ({quoted})"), name);
            self.conflict(&mut constraint.attributes)?;
            self.table.constraints.push(constraint);
        } else if self.take("check") {
            self.check(name)?;
        } else if self.take("references") {
            self.references(&quoted, name)?;
        } else if self.take("not") {
            self.expect("null")?;
            self.not_null(column)?;
        } else if self.take("null") {
            self.conflict(&mut BTreeMap::new())?;
        } else if self.take("default") {
            let value = self.default()?;
            column.attributes.insert("default", value);
        } else if self.take("collate") {
            let collation = self.advance()?.name()?.to_ascii_lowercase();
            column.attributes.insert("collation", collation);
        } else if self.tokens.first()?.is_any(&["generated", "as"]) {
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
        let name = if self.take("constraint") {
            Some(self.advance()?.name()?.into_owned())
        } else {
            None
        };
        if self.take("primary") {
            self.expect("key")?;
            let (columns, autoincrement) = self.key_columns()?;
            let mut constraint = self.constraint("primary key", name);
            constraint.attributes.insert("columns", columns);
            if autoincrement {
                constraint.attributes.insert("autoincrement", "yes".into());
            }
            self.conflict(&mut constraint.attributes)?;
            self.table.constraints.push(constraint);
        } else if self.take("unique") {
            let (columns, _) = self.key_columns()?;
            let mut constraint = self.constraint(format!("unique ({columns})"), name);
            self.conflict(&mut constraint.attributes)?;
            self.table.constraints.push(constraint);
        } else if self.take("check") {
            self.check(name)?;
            // The grammar allows it here, and the library ignores it.
            self.conflict(&mut BTreeMap::new())?;
        } else if self.take("foreign") {
            self.expect("key")?;
            let columns = self.brackets()?;
            let columns = normal(columns, self.names);
            self.expect("references")?;
            self.references(&columns, name)?;
        } else {
            return None;
        }
        Some(())
    }

    /// The columns of a key, where ascending and the lack of a collation are not said, and whether the key counts by itself.
    fn key_columns(&mut self) -> Option<(String, bool)> {
        let inner = self.brackets()?;
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
        let expression = super::key::bare(self.brackets()?);
        let identity = format!("check ({})", normal(expression, self.names));
        let constraint = self.constraint(identity, name);
        self.table.constraints.push(constraint);
        Some(())
    }

    fn references(&mut self, columns: &str, name: Option<String>) -> Option<()> {
        let parent = self.advance()?.name()?.into_owned();
        let shown = self.normal_name(&parent);
        let explicit = self.tokens.first().is_some_and(|token| token.is("("));
        let target = if explicit {
            let inner = self.brackets()?;
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
            if self.take("on") {
                let event = match self.advance()? {
                    token if token.is("delete") => Some("on_delete"),
                    token if token.is("update") => Some("on_update"),
                    _ => None,
                };
                let mut action = self.advance()?.text.to_ascii_lowercase();
                if matches!(action.as_str(), "set" | "no") {
                    action = format!("{action} {}", self.advance()?.text.to_ascii_lowercase());
                }
                if let Some(event) = event.filter(|_| action != "no action") {
                    attributes.insert(event, action);
                }
            } else if self.take("match") {
                // Parsed and ignored by the library.
                self.advance()?;
            } else if self.second_is("deferrable") && self.take("not") {
                self.advance();
                self.initially()?;
            } else if self.take("deferrable") {
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
        if !self.take("initially") {
            return Some(false);
        }
        Some(self.advance()?.is("deferred"))
    }

    fn default(&mut self) -> Option<String> {
        let first = self.tokens.first()?;
        if first.is("(") {
            let inner = super::key::bare(self.brackets()?);
            return Some(normal_default(inner, self.names));
        }
        let sign = first.is("+") || first.is("-");
        let taken = &self.tokens[..if sign { 2.min(self.tokens.len()) } else { 1 }];
        self.tokens = &self.tokens[taken.len()..];
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
        if self.take("generated") {
            self.expect("always")?;
        }
        self.expect("as")?;
        let expression = normal(super::key::bare(self.brackets()?), self.names);
        let kind = if self.take("stored") {
            "stored"
        } else {
            self.take("virtual");
            "virtual"
        };
        Some(format!("({expression}) {kind}"))
    }

    fn conflict(&mut self, attributes: &mut BTreeMap<&'static str, String>) -> Option<()> {
        if !self.second_is("conflict") || !self.take("on") {
            return Some(());
        }
        self.advance();
        let action = self.advance()?.text.to_ascii_lowercase();
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

    /// The tokens between a bracket here and the one that closes it.
    fn brackets(&mut self) -> Option<&'a [Token<'a>]> {
        let mut depth = 0_i32;
        for (index, token) in self.tokens.iter().enumerate() {
            if token.is("(") {
                depth += 1;
            } else if token.is(")") {
                depth -= 1;
            }
            if depth == 0 {
                let inner = self.tokens.get(1..index)?;
                self.tokens = &self.tokens[index + 1..];
                return Some(inner);
            }
        }
        None
    }

    fn advance(&mut self) -> Option<&'a Token<'a>> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    fn take(&mut self, word: &str) -> bool {
        let here = self.tokens.first().is_some_and(|token| token.is(word));
        if here {
            self.advance();
        }
        here
    }

    fn expect(&mut self, word: &str) -> Option<()> {
        self.take(word).then_some(())
    }

    fn second_is(&self, word: &str) -> bool {
        self.tokens.get(1).is_some_and(|token| token.is(word))
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
}
