//! Which columns of the source are masked, and with what.

use std::collections::BTreeMap;

use tightrope_engine::{EngineError, ErrorKind};
use tightrope_model::nearest;
use tightrope_selection::{MaskKind, MaskName, Masker, Masks};

use super::survey::{ForeignKey, Survey, Table};
use super::unknown;

/// The masks by the places of table and column, with the names of the columns that people wrote.
pub(super) struct Masking {
    columns: BTreeMap<(usize, usize), Masker>,
    names: Vec<String>,
}

impl Masking {
    /// The masks of a selection on what is there.
    pub(super) fn of(survey: &Survey, masks: &Masks) -> Result<Self, EngineError> {
        let mut masking = Self {
            columns: BTreeMap::new(),
            names: Vec::new(),
        };
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
    ) -> Result<(), EngineError> {
        let Some(parsed) = MaskName::parse(name) else {
            return Err(unknown(
                format!(
                    "the mask of `{name}` names no column of a table: it is written `table.column`"
                ),
                None,
            ));
        };
        let of_it = |table: &&Table| table.names.iter().any(|name| name == parsed.table);
        let mut found = false;
        for (at, table) in survey
            .tables
            .iter()
            .enumerate()
            .filter(|(_, table)| of_it(table))
        {
            found = true;
            if table.whole != table.oid
                && table.names.first().map(String::as_str) == Some(parsed.table)
            {
                let whole = table.names.last().cloned().unwrap_or_default();
                return Err(EngineError::new(
                    ErrorKind::Unsupported,
                    format!("the mask of `{name}` names a part of the table `{whole}`"),
                )
                .hint(format!(
                    "mask `{whole}.{}`: all parts are masked alike",
                    parsed.column
                )));
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
                EngineError::new(
                    ErrorKind::Unsupported,
                    format!("the column `{name}` cannot be masked: {error}"),
                )
                .hint("choose another mask for it: docs/guides/copies-for-developers.md says what each can do")
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
    fn follow(&mut self, survey: &Survey) -> Result<(), EngineError> {
        // Each round masks at least one more column, so there are no more rounds than columns.
        loop {
            let mut more = Vec::new();
            for foreign_key in &survey.foreign_keys {
                for (number, own) in foreign_key.columns.iter().enumerate() {
                    let own = (foreign_key.from, *own);
                    if let Some(masker) = self.alike(survey, foreign_key, number, own)? {
                        more.push((own, masker));
                    }
                }
            }
            if more.is_empty() {
                return Ok(());
            }
            for ((table, column), masker) in more {
                let (of, kind) = (&survey.tables[table], masker.kind());
                self.names.push(format!(
                    "{}.{}: {kind}, like the key that it refers to",
                    of.name, of.columns[column].name
                ));
                self.columns.insert((table, column), masker);
            }
            self.names.sort();
            self.names.dedup();
        }
    }

    /// The mask that a referring column has to have besides its own.
    fn alike(
        &self,
        survey: &Survey,
        foreign_key: &ForeignKey,
        number: usize,
        own: (usize, usize),
    ) -> Result<Option<Masker>, EngineError> {
        let key = &survey.keys[foreign_key.key];
        let column = key.columns[number];
        let masks = key
            .tables
            .iter()
            .map(|table| self.columns.get(&(*table, column)));
        let of_key = masks.flatten().next();
        let (table, parent) = (&survey.tables[own.0], &survey.tables[key.tables[0]]);
        let own_name = format!("{}.{}", table.name, table.columns[own.1].name);
        let key_name = format!("{}.{}", key.relation, parent.columns[column].name);
        let refused = |why: String, hint: String| {
            Err(EngineError::new(ErrorKind::Unsupported, why).hint(hint))
        };
        match (of_key, self.columns.get(&own)) {
            // A reference to nothing always holds.
            (_, Some(own)) if *own.kind() == MaskKind::Null => Ok(None),
            (None, None) => Ok(None),
            (None, Some(_)) => refused(
                format!(
                    "the column `{own_name}` refers to `{key_name}` by {}, and only the first is masked",
                    foreign_key.name
                ),
                format!("mask `{key_name}` instead: what refers to it is masked alike"),
            ),
            (Some(of_key), _) if of_key.sql().is_some() || *of_key.kind() == MaskKind::Null => {
                refused(
                    format!(
                        "the column `{key_name}` is referred to by `{own_name}`, and the mask `{}` cannot be made there alike",
                        of_key.kind()
                    ),
                    format!("mask `{key_name}` with `keep format` or `hash`"),
                )
            }
            (Some(of_key), Some(own)) if own.kind() == of_key.kind() => Ok(None),
            (Some(of_key), Some(own)) => refused(
                format!(
                    "the column `{own_name}` is masked with `{}`, and refers to `{key_name}`, which is masked with `{}`",
                    own.kind(),
                    of_key.kind()
                ),
                format!("leave out the mask of `{own_name}`: it is masked like what it refers to"),
            ),
            (Some(of_key), None) => Ok(Some(of_key.clone())),
        }
    }

    /// The mask of a column.
    pub(super) fn masker(&self, table: usize, column: usize) -> Option<&Masker> {
        self.columns.get(&(table, column))
    }

    /// Whether a table has masks that are made here.
    pub(super) fn touches(&self, table: usize) -> bool {
        let mut own = self.columns.range((table, 0)..=(table, usize::MAX));
        own.any(|(_, masker)| masker.sql().is_none())
    }

    /// Whether nothing is masked.
    pub(super) fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// The masked columns of a table, by their names.
    pub(super) fn of_table(&self, survey: &Survey, table: usize) -> Vec<String> {
        let own = self.columns.range((table, 0)..=(table, usize::MAX));
        let table = &survey.tables[table];
        own.map(|((_, column), _)| table.columns[*column].name.clone())
            .collect()
    }

    /// The masked columns with their masks, for reports.
    pub(super) fn names(&self) -> Vec<String> {
        self.names.clone()
    }
}

fn masker(
    table: &Table,
    place: usize,
    masks: &Masks,
    kind: &MaskKind,
) -> Result<Masker, tightrope_selection::MaskError> {
    let column = &table.columns[place];
    if column.not_null && *kind == MaskKind::Null {
        return Err(tightrope_selection::MaskError::NotNull);
    }
    let unique = table
        .uniques
        .iter()
        .find(|(_, columns)| columns.contains(&column.name));
    let unique = unique.map(|(index, _)| format!("index {index}"));
    Masker::new(
        &masks.key,
        kind,
        column.class,
        &column.type_name,
        unique.as_deref(),
    )
}
