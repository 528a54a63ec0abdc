//! Tables as the catalog tells them.

use std::collections::{BTreeMap, BTreeSet};

use tightrope_engine::{RowDialect, Session};
use tightrope_model::{Catalog, Object, ObjectId, ObjectKind, TableName};

use super::check::{check_text, with_value};
use super::condition::{Condition, of_check, parts};
use super::kind::{Type, Types, suggested};
use super::table::{Check, Column, Foreign, Table};
use super::token::{Token, inside, names, tokens};

/// All tables of a catalog that hold rows of their own.
pub(super) fn tables(catalog: &Catalog, session: &dyn Session) -> Vec<Table> {
    let reader = Reader::new(catalog, session);
    let mut tables: Vec<Table> = catalog
        .tables()
        .iter()
        .filter_map(|shape| reader.table(&shape.table, &shape.key))
        .collect();
    reader.lead_to_leaves(&mut tables);
    tables
}

struct Reader<'a> {
    session: &'a dyn Session,
    dialect: RowDialect,
    catalog: &'a Catalog,
    types: Types<'a>,
    /// The parts of each table: columns, constraints, triggers; indexes by the table that they name.
    parts: BTreeMap<(&'a str, &'a str), Vec<&'a Object>>,
}

/// Schema and name of a path, where engines without schemas have none.
fn owner(path: &[String], is_typed: bool) -> Option<(&str, &str)> {
    match path {
        [schema, table, ..] if is_typed => Some((schema, table)),
        [table, ..] if !is_typed => Some(("", table)),
        _ => None,
    }
}

impl<'a> Reader<'a> {
    fn new(catalog: &'a Catalog, session: &'a dyn Session) -> Self {
        let dialect = session.row_dialect();
        let mut parts: BTreeMap<(&str, &str), Vec<&Object>> = BTreeMap::new();
        for object in catalog.objects() {
            let owner = match object.id.kind {
                ObjectKind::Column | ObjectKind::Constraint | ObjectKind::Trigger => {
                    owner(&object.id.path, dialect.has_schemas)
                }
                ObjectKind::Index => object.attribute("table").map(|table| {
                    let schema = match &object.id.path[..] {
                        [schema, _] if dialect.has_schemas => schema.as_str(),
                        _ => "",
                    };
                    (schema, table)
                }),
                _ => None,
            };
            if let Some(owner) = owner {
                parts.entry(owner).or_default().push(object);
            }
        }
        Self {
            session,
            dialect,
            catalog,
            types: Types::new(catalog),
            parts,
        }
    }

    fn object(&self, name: &TableName) -> Option<&'a Object> {
        let path = match self.dialect.has_schemas {
            true => vec![name.schema.clone(), name.name.clone()],
            false => vec![name.name.clone()],
        };
        self.catalog.object(&ObjectId::new(ObjectKind::Table, path))
    }

    fn quoted(&self, name: &TableName) -> String {
        match name.schema.is_empty() {
            true => self.session.quote(&name.name),
            false => format!(
                "{}.{}",
                self.session.quote(&name.schema),
                self.session.quote(&name.name)
            ),
        }
    }

    fn table(&self, name: &TableName, key: &[String]) -> Option<Table> {
        let object = self.object(name)?;
        let parts = self
            .parts
            .get(&(name.schema.as_str(), name.name.as_str()))?;
        let mut table = Table {
            name: name.clone(),
            sql: self.quoted(name),
            columns: self.columns(parts, object.attribute("strict").is_some()),
            checks: Vec::new(),
            foreigns: Vec::new(),
            serial: BTreeSet::new(),
            uniques: Vec::new(),
            triggers: triggers(parts),
            key: key.to_vec(),
            needs: BTreeSet::new(),
        };
        for part in parts {
            match part.id.kind {
                ObjectKind::Constraint => self.add_constraint(&mut table, part),
                ObjectKind::Index => self.add_index(&mut table, part),
                _ => {}
            }
        }
        self.add_domain_checks(&mut table, parts);
        if let Some(bound) = object.attribute("partition_check") {
            self.add_check(&mut table, bound.to_owned(), &tokens(bound));
        }
        self.guess(&mut table);
        if object.attribute("partition_bound").is_none() {
            table.needs.extend(parents(object));
        }
        let needs = table.foreigns.iter().filter(|foreign| !foreign.is_own);
        let needs: Vec<TableName> = needs.map(|foreign| foreign.parent.clone()).collect();
        table.needs.extend(needs);
        // Keys with more columns decide first, so that the shared ones agree, and what must be there before what may be.
        table.foreigns.sort_by_key(|foreign| {
            (
                std::cmp::Reverse(foreign.columns.len()),
                foreign.is_nullable,
            )
        });
        Some(table)
    }

    fn columns(&self, parts: &[&Object], is_strict: bool) -> Vec<Column> {
        let mut columns: Vec<(usize, Column)> = Vec::new();
        for object in parts
            .iter()
            .filter(|part| part.id.kind == ObjectKind::Column)
        {
            let Some(name) = object.id.path.last() else {
                continue;
            };
            let declared = object.attribute("type").unwrap_or_default();
            let position = object.attribute("position").and_then(|at| at.parse().ok());
            let generated = match object.attribute("expression") {
                Some(expression) => Some(expression.to_owned()),
                None => object.attribute("generated").map(|text| {
                    let text = text
                        .trim_end_matches(" stored")
                        .trim_end_matches(" virtual");
                    text.to_owned()
                }),
            };
            let mut column = Column {
                name: name.clone(),
                sql: self.session.quote(name),
                kind: suggested(declared, is_strict),
                cast: String::new(),
                not_null: object.attribute("not_null").is_some(),
                has_default: object.attribute("default").is_some()
                    || object.attribute("identity").is_some(),
                generated,
                is_always_identity: object.attribute("identity") == Some("always"),
            };
            if self.dialect.is_typed {
                let resolved = self.types.resolve(declared);
                column.kind = resolved.kind;
                column.cast = resolved.name;
                column.not_null |= resolved.not_null;
                column.has_default |= resolved.has_default;
            }
            columns.push((position.unwrap_or_default(), column));
        }
        columns.sort_by_key(|(position, _)| *position);
        columns.into_iter().map(|(_, column)| column).collect()
    }

    fn number(&self, table: &Table, token: &Token) -> Option<usize> {
        let same = |column: &Column| match self.dialect.is_typed {
            true => column.name == token.text,
            false => column.name.eq_ignore_ascii_case(&token.text),
        };
        table
            .columns
            .iter()
            .position(|column| token.is_name() && same(column))
    }

    fn numbers(&self, table: &Table, names: &[String]) -> Option<Vec<usize>> {
        let same = |column: &Column, name: &str| match self.dialect.is_typed {
            true => column.name == name,
            false => column.name.eq_ignore_ascii_case(name),
        };
        let find = |name: &String| table.columns.iter().position(|column| same(column, name));
        names.iter().map(find).collect()
    }

    fn add_check(&self, table: &mut Table, sql: String, words: &[Token]) {
        let condition = Condition::read(words, &|token| self.number(table, token));
        // What a generated column is made from decides its value.
        let mut columns = BTreeSet::new();
        for column in condition.columns() {
            match &table.columns[column].generated {
                None => {
                    columns.insert(column);
                }
                Some(expression) => columns.extend(
                    tokens(expression)
                        .iter()
                        .filter_map(|token| self.number(table, token)),
                ),
            }
        }
        let columns: Vec<usize> = columns.into_iter().collect();
        if !columns.is_empty() {
            table.checks.push(Check {
                sql,
                condition,
                columns,
            });
        }
    }

    fn add_constraint(&self, table: &mut Table, object: &Object) {
        let identity = object.id.path.last().map_or("", String::as_str);
        let text = object.attribute("definition").unwrap_or(identity);
        let words = tokens(text);
        let Some(first) = words.first() else { return };
        if first.is("check") {
            if let Some(words) = of_check(&words) {
                self.add_check(table, check_text(text), words);
            }
        } else if first.is("foreign") {
            let foreign = self.foreign(table, &words);
            table.foreigns.extend(foreign);
        } else if first.is("exclude") {
            self.add_exclusion(table, &words);
        } else if first.is("primary") && object.attribute("columns").is_some() {
            let list = tokens(object.attribute("columns").unwrap_or_default());
            for part in parts(&list) {
                if let Some(number) = part.first().and_then(|token| self.number(table, token)) {
                    table.columns[number].not_null = true;
                }
            }
            self.add_unique(table, &list);
        } else if first.is("unique")
            && !self.dialect.is_typed
            && let Some(list) = inside(&words, 1)
        {
            self.add_unique(table, list);
        }
    }

    fn add_index(&self, table: &mut Table, object: &Object) {
        if object.attribute("unique").is_some() {
            self.add_unique(
                table,
                &tokens(object.attribute("columns").unwrap_or_default()),
            );
            return;
        }
        let words = tokens(object.attribute("definition").unwrap_or_default());
        let is_unique = words.get(1).is_some_and(|word| word.is("unique"));
        let open = words.iter().position(|word| word.is("("));
        if let (true, Some(list)) = (is_unique, open.and_then(|open| inside(&words, open))) {
            self.add_unique(table, list);
        }
    }

    fn add_unique(&self, table: &mut Table, list: &[Token]) {
        let mentioned: BTreeSet<usize> = list
            .iter()
            .filter_map(|token| self.number(table, token))
            .collect();
        if let (1, Some(only)) = (mentioned.len(), mentioned.first()) {
            table.serial.insert(*only);
        }
        table.uniques.push(mentioned.into_iter().collect());
    }

    fn add_exclusion(&self, table: &mut Table, words: &[Token]) {
        let ranges = words.iter().filter_map(|token| self.number(table, token));
        let ranges: Vec<usize> = ranges
            .filter(|column| matches!(table.columns[*column].kind, Type::Range(_)))
            .collect();
        table.serial.extend(ranges);
    }

    fn foreign(&self, table: &Table, words: &[Token]) -> Option<Foreign> {
        let own = inside(words, 2)?;
        let at = words.iter().position(|word| word.is("references"))? + 1;
        let (parent, open) = match words.get(at + 1) {
            Some(dot) if dot.is(".") => (
                TableName::new(&words[at].text, &words.get(at + 2)?.text),
                at + 3,
            ),
            _ => (self.known(&words.get(at)?.text), at + 1),
        };
        let columns = self.numbers(table, &names(own))?;
        let parent_columns = names(inside(words, open)?);
        let is_full = words
            .windows(2)
            .any(|pair| pair[0].is("match") && pair[1].is("full"));
        let may_be_null = |column: &usize| !table.columns[*column].not_null;
        let is_nullable = match is_full {
            true => columns.iter().all(may_be_null),
            false => columns.iter().any(may_be_null),
        };
        (parent_columns.len() == columns.len()).then(|| Foreign {
            is_full,
            is_own: parent == table.name,
            is_guess: false,
            columns,
            parent,
            parent_columns,
            is_nullable,
        })
    }

    /// Columns that look like references and are none yet: `user_id` beside a table `user` or `users` with the key `id`.
    fn guess(&self, table: &mut Table) {
        for (number, column) in table.columns.iter().enumerate() {
            let is_taken = table
                .foreigns
                .iter()
                .any(|foreign| foreign.columns.contains(&number));
            let Some(word) = column.name.strip_suffix("_id").filter(|_| !is_taken) else {
                continue;
            };
            let stem = word.strip_suffix('y').map(|stem| format!("{stem}ies"));
            let names = [word.to_owned(), format!("{word}s"), format!("{word}es")];
            let mut names = names.into_iter().chain(stem);
            let parent = names.find_map(|name| {
                let name = TableName::new(&table.name.schema, name);
                let shape = self.catalog.table(&name)?;
                (shape.key == ["id"]
                    && self.type_of(&name, "id") == self.type_of(&table.name, &column.name))
                .then_some(name)
            });
            if let Some(parent) = parent {
                table.foreigns.push(Foreign {
                    columns: vec![number],
                    parent_columns: vec!["id".to_owned()],
                    is_nullable: !column.not_null,
                    is_full: false,
                    is_own: parent == table.name,
                    is_guess: true,
                    parent,
                });
            }
        }
    }

    /// A column's type as it is written.
    fn type_of(&self, table: &TableName, column: &str) -> Option<&'a str> {
        let parts = self
            .parts
            .get(&(table.schema.as_str(), table.name.as_str()))?;
        let is_it = |part: &&&Object| {
            part.id.kind == ObjectKind::Column
                && part.id.path.last().is_some_and(|name| name == column)
        };
        parts.iter().find(is_it)?.attribute("type")
    }

    /// The table of that name in an engine without schemas, in the letter case in which it is known.
    fn known(&self, name: &str) -> TableName {
        let known = self.catalog.tables().iter().map(|shape| &shape.table);
        known
            .clone()
            .find(|table| table.name.eq_ignore_ascii_case(name))
            .cloned()
            .unwrap_or_else(|| {
                TableName::new(
                    if self.dialect.has_schemas {
                        "public"
                    } else {
                        ""
                    },
                    name,
                )
            })
    }

    fn add_domain_checks(&self, table: &mut Table, parts: &[&Object]) {
        if !self.dialect.is_typed {
            return;
        }
        let columns = parts
            .iter()
            .filter(|part| part.id.kind == ObjectKind::Column);
        for object in columns {
            let Some(name) = object.id.path.last() else {
                continue;
            };
            let declared = object.attribute("type").unwrap_or_default();
            for (schema, domain) in self.types.resolve(declared).domains {
                let constraints = self.parts.get(&(schema.as_str(), domain.as_str()));
                for constraint in constraints.into_iter().flatten() {
                    let text = constraint.attribute("definition").unwrap_or_default();
                    let text = with_value(text, &self.session.quote(name));
                    let words = tokens(&text);
                    if let Some(words) = of_check(&words) {
                        self.add_check(table, check_text(&text), words);
                    }
                }
            }
        }
    }

    /// Where a table is needed that has only parts, its parts are needed.
    fn lead_to_leaves(&self, tables: &mut [Table]) {
        let mut children: BTreeMap<TableName, Vec<TableName>> = BTreeMap::new();
        for object in self
            .catalog
            .objects()
            .filter(|object| object.id.kind == ObjectKind::Table)
        {
            let [schema, name] = &object.id.path[..] else {
                continue;
            };
            for parent in parents(object) {
                children
                    .entry(parent)
                    .or_default()
                    .push(TableName::new(schema, name));
            }
        }
        for table in tables {
            let mut open: Vec<TableName> = table.needs.iter().cloned().collect();
            while let Some(name) = open.pop() {
                for child in children.get(&name).into_iter().flatten() {
                    if *child != table.name && table.needs.insert(child.clone()) {
                        open.push(child.clone());
                    }
                }
            }
        }
    }
}

/// The tables from which a table inherits, or of which it is a part.
fn parents(object: &Object) -> Vec<TableName> {
    let words = tokens(object.attribute("inherits").unwrap_or_default());
    parts(&words)
        .into_iter()
        .filter_map(|part| match part {
            [schema, dot, name] if dot.is(".") => Some(TableName::new(&schema.text, &name.text)),
            [name] => Some(TableName::new("public", &name.text)),
            _ => None,
        })
        .collect()
}

fn triggers(parts: &[&Object]) -> Vec<(String, &'static str)> {
    let triggers = parts
        .iter()
        .filter(|part| part.id.kind == ObjectKind::Trigger);
    triggers
        .filter_map(|object| {
            let how = match object.attribute("enabled") {
                None => "enable",
                Some("replica") => "enable replica",
                Some("always") => "enable always",
                Some(_) => return None,
            };
            Some((object.id.path.last()?.clone(), how))
        })
        .collect()
}
