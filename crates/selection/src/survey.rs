//! What there is to select from, as far as masks and references care.

use std::collections::BTreeMap;

use tightrope_model::nearest;

use crate::{Follow, Hold, MaskError, MaskKind, MaskName, Masker, Masks, Refer, ValueClass};

/// A column that is copied.
#[derive(Clone, Debug)]
pub struct ColumnShape {
    /// Its name.
    pub name: String,
    /// Its type, for people.
    pub type_name: String,
    /// What it can hold.
    pub class: ValueClass,
    /// Whether it cannot be NULL.
    pub not_null: bool,
}

/// A foreign key of one table. The tables and keys are named by their places.
#[derive(Clone, Debug)]
pub struct ReferenceShape {
    /// Its name, for people.
    pub name: String,
    /// The table that refers.
    pub from: usize,
    /// The key that it refers to.
    pub key: usize,
    /// The places of its columns.
    pub columns: Vec<usize>,
}

/// A key that others refer to.
#[derive(Clone, Debug)]
pub struct KeyShape {
    /// The display name of the table.
    pub relation: String,
    /// The places of its columns, the same in all tables that hold it.
    pub columns: Vec<usize>,
    /// The tables that hold rows with it.
    pub tables: Vec<usize>,
}

/// A table with rows of its own.
#[derive(Clone, Debug)]
pub struct TableShape {
    /// Its display name, then those of the tables that it is a part of or inherits from, from near to far.
    pub names: Vec<String>,
    /// Whether it is a part of the last of these tables, so that it is selected from by that one's name.
    pub is_part: bool,
    /// What is copied.
    pub columns: Vec<ColumnShape>,
    /// The unique indexes with their columns.
    pub uniques: Vec<(String, Vec<String>)>,
}

impl TableShape {
    /// The display name.
    pub fn name(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }

    /// The place of a column.
    pub fn place(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|known| known.name == column)
    }
}

/// All tables, keys and references of a database.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// The tables.
    pub tables: Vec<TableShape>,
    /// The keys that others refer to.
    pub keys: Vec<KeyShape>,
    /// The references.
    pub references: Vec<ReferenceShape>,
}

/// A table's part in following references.
#[derive(Clone, Debug, Default)]
pub struct Links {
    /// The keys that its rows hold.
    pub holds: Vec<Hold>,
    /// What they refer to.
    pub refers: Vec<Refer>,
}

impl Survey {
    /// The tables in an order in which, as far as there is one, those that are referred to come first.
    pub fn parents_first(&self) -> Vec<usize> {
        let mut order = Vec::with_capacity(self.tables.len());
        let mut seen = vec![false; self.tables.len()];
        for table in 0..self.tables.len() {
            // Depth first without recursion: a table goes in when all that it refers to is in.
            let mut stack = vec![(table, false)];
            while let Some((at, is_done)) = stack.pop() {
                if is_done {
                    order.push(at);
                    continue;
                }
                if std::mem::replace(&mut seen[at], true) {
                    continue;
                }
                stack.push((at, true));
                let own = self.references.iter().filter(|key| key.from == at);
                let parents = own.flat_map(|own| &self.keys[own.key].tables);
                stack.extend(
                    parents
                        .filter(|parent| !seen[**parent])
                        .map(|at| (*at, false)),
                );
            }
        }
        order
    }

    /// What each table holds and refers to, as far as it has to be followed; a reference that is masked with NULL has not.
    pub fn links(&self, follow: &Follow, masking: &Masking) -> Vec<Links> {
        let mut links = vec![Links::default(); self.tables.len()];
        for (number, key) in self.keys.iter().enumerate() {
            for table in key.tables.iter().filter(|_| follow.follows(number)) {
                links[*table].holds.push(Hold {
                    key: number,
                    columns: key.columns.clone(),
                });
            }
        }
        for (reference, own) in self.references.iter().enumerate() {
            let is_null = |column: &usize| {
                let masker = masking.masker(own.from, *column);
                masker.is_some_and(|masker| *masker.kind() == MaskKind::Null)
            };
            if follow.follows(own.key) && !own.columns.iter().any(is_null) {
                links[own.from].refers.push(Refer {
                    key: own.key,
                    reference,
                    columns: own.columns.clone(),
                });
            }
        }
        links
    }
}

/// Why something cannot be masked as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Unmaskable {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
    /// Whether it names what is not there.
    pub is_unknown: bool,
}

/// The masks by the places of table and column, with the names of the columns that people wrote.
#[derive(Clone, Debug, Default)]
pub struct Masking {
    columns: BTreeMap<(usize, usize), Masker>,
    names: Vec<String>,
}

impl Masking {
    /// The masks on what is there.
    ///
    /// # Errors
    /// When a table or a column is not there or cannot be masked so, or a reference would not hold.
    pub fn of(survey: &Survey, masks: &Masks) -> Result<Self, Unmaskable> {
        let mut masking = Self::default();
        for (name, kind) in &masks.columns {
            masking.add(survey, masks, name, kind)?;
            masking.names.push(format!("{name}: {kind}"));
        }
        masking.follow(survey)?;
        Ok(masking)
    }

    /// Masks a column, in the table of that name and in all that is a part of it or inherits from it.
    fn add(
        &mut self,
        survey: &Survey,
        masks: &Masks,
        name: &str,
        kind: &MaskKind,
    ) -> Result<(), Unmaskable> {
        let Some(parsed) = MaskName::parse(name) else {
            return Err(unknown(
                format!(
                    "the mask of `{name}` names no column of a table: it is written `table.column`"
                ),
                None,
            ));
        };
        let mut found = false;
        for (at, table) in survey.tables.iter().enumerate() {
            if !table.names.iter().any(|name| name == parsed.table) {
                continue;
            }
            found = true;
            if table.is_part && table.name() == parsed.table {
                let whole = table.names.last().cloned().unwrap_or_default();
                return Err(refused(
                    format!("the mask of `{name}` names a part of the table `{whole}`"),
                    format!(
                        "mask `{whole}.{}`: all parts are masked alike",
                        parsed.column
                    ),
                ));
            }
            let Some(place) = table.place(parsed.column) else {
                let known: Vec<&str> = table.columns.iter().map(|one| one.name.as_str()).collect();
                return Err(unknown(
                    format!(
                        "the mask of `{name}` names a column that the table has not, or that the server computes"
                    ),
                    nearest(parsed.column, &known),
                ));
            };
            let masker = masker(table, place, masks, kind).map_err(|error| {
                refused(
                    format!("the column `{name}` cannot be masked: {error}"),
                    "choose another mask for it: docs/guides/copies-for-developers.md says what each can do"
                        .to_owned(),
                )
            })?;
            self.columns.insert((at, place), masker);
        }
        if found {
            return Ok(());
        }
        let all = survey.tables.iter().flat_map(|table| &table.names);
        let known: Vec<&str> = all.map(String::as_str).collect();
        Err(unknown(
            format!("the mask of `{name}` names a table that is not there"),
            nearest(parsed.table, &known),
        ))
    }

    /// Masks what refers to a masked key like the key, so that references hold; refuses what cannot be.
    fn follow(&mut self, survey: &Survey) -> Result<(), Unmaskable> {
        // Each round masks at least one more column, or one like its key; who refers to two keys that are masked differently goes round.
        let columns: usize = survey.tables.iter().map(|table| table.columns.len()).sum();
        for _ in 0..=2 * columns {
            let mut more = Vec::new();
            for reference in &survey.references {
                for (number, own) in reference.columns.iter().enumerate() {
                    let own = (reference.from, *own);
                    if let Some(masker) = self.alike(survey, reference, number, own)? {
                        more.push((own, masker));
                    }
                }
            }
            if more.is_empty() {
                return Ok(());
            }
            for ((table, column), masker) in more {
                let (of, kind) = (&survey.tables[table], masker.kind());
                let of_whole = match of.is_part {
                    true => of.names.last().map_or("", String::as_str),
                    false => of.name(),
                };
                self.names.push(format!(
                    "{of_whole}.{}: {kind}, like the key that it refers to",
                    of.columns[column].name
                ));
                self.columns.insert((table, column), masker);
            }
            self.names.sort();
            self.names.dedup();
        }
        Err(refused(
            "a column refers to two keys whose columns are of different types, so that both cannot be masked alike".to_owned(),
            "leave one of the two keys unmasked, or mask the column that refers to both with `null`".to_owned(),
        ))
    }

    /// The mask that a referring column has to have besides its own.
    fn alike(
        &self,
        survey: &Survey,
        reference: &ReferenceShape,
        number: usize,
        own: (usize, usize),
    ) -> Result<Option<Masker>, Unmaskable> {
        let key = &survey.keys[reference.key];
        let column = key.columns[number];
        let masks = key
            .tables
            .iter()
            .map(|table| self.columns.get(&(*table, column)));
        let of_key = masks.flatten().next();
        let (table, parent) = (&survey.tables[own.0], &survey.tables[key.tables[0]]);
        let own_name = format!("{}.{}", table.name(), table.columns[own.1].name);
        let key_name = format!("{}.{}", key.relation, parent.columns[column].name);
        match (of_key, self.columns.get(&own)) {
            // A reference to nothing always holds.
            (_, Some(own)) if *own.kind() == MaskKind::Null => Ok(None),
            (None, None) => Ok(None),
            (None, Some(_)) => Err(refused(
                format!(
                    "the column `{own_name}` refers to `{key_name}` by {}, and only the first is masked",
                    reference.name
                ),
                format!("mask `{key_name}` instead: what refers to it is masked alike"),
            )),
            (Some(of_key), _) if of_key.sql().is_some() || *of_key.kind() == MaskKind::Null => {
                Err(refused(
                    format!(
                        "the column `{key_name}` is referred to by `{own_name}`, and the mask `{}` cannot be made there alike",
                        of_key.kind()
                    ),
                    format!("mask `{key_name}` with `keep format` or `hash`"),
                ))
            }
            (Some(of_key), Some(own)) if own.is_like(of_key) => Ok(None),
            (Some(of_key), Some(own)) if own.kind() == of_key.kind() => Ok(Some(of_key.clone())),
            (Some(of_key), Some(own)) => Err(refused(
                format!(
                    "the column `{own_name}` is masked with `{}`, and refers to `{key_name}`, which is masked with `{}`",
                    own.kind(),
                    of_key.kind()
                ),
                format!("leave out the mask of `{own_name}`: it is masked like what it refers to"),
            )),
            (Some(of_key), None) => Ok(Some(of_key.clone())),
        }
    }

    /// The mask of a column.
    pub fn masker(&self, table: usize, column: usize) -> Option<&Masker> {
        self.columns.get(&(table, column))
    }

    /// Whether a table has masks that are made here, and not by the engine.
    pub fn touches(&self, table: usize) -> bool {
        let mut own = self.columns.range((table, 0)..=(table, usize::MAX));
        own.any(|(_, masker)| masker.sql().is_none())
    }

    /// Whether nothing is masked.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// The masked columns of a table, by their names.
    pub fn of_table(&self, survey: &Survey, table: usize) -> Vec<String> {
        let own = self.columns.range((table, 0)..=(table, usize::MAX));
        let table = &survey.tables[table];
        own.map(|((_, column), _)| table.columns[*column].name.clone())
            .collect()
    }

    /// The masked columns with their masks, for reports.
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

fn masker(
    table: &TableShape,
    place: usize,
    masks: &Masks,
    kind: &MaskKind,
) -> Result<Masker, MaskError> {
    let column = &table.columns[place];
    if column.not_null && *kind == MaskKind::Null {
        return Err(MaskError::NotNull);
    }
    let unique = table
        .uniques
        .iter()
        .find(|(_, columns)| columns.contains(&column.name));
    Masker::new(
        &masks.key,
        kind,
        column.class,
        &column.type_name,
        unique.map(|(index, _)| index.as_str()),
    )
}

fn refused(message: String, hint: String) -> Unmaskable {
    Unmaskable {
        message,
        hint,
        is_unknown: false,
    }
}

fn unknown(message: String, near: Option<&str>) -> Unmaskable {
    Unmaskable {
        message,
        hint: crate::hint_at(near),
        is_unknown: true,
    }
}
