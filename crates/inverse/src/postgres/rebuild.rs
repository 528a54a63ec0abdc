//! Tables that are built anew: the old one is put aside, the new one is made as it was and filled from it and from the net,
//! and the old one goes.

use std::collections::BTreeMap;

use tightrope_model::{Object, ObjectId, TableName};

use super::fates::{Fates, source};
use super::kinds::table;
use super::plan::Script;
use super::quote::{literal, qualified, quote};
use super::survey::{Survey, columns};
use super::{composite, shape, stand_in};
use crate::{MoreRows, Setting};

/// Where the old tables and the sequences of their identities are in the meantime.
#[derive(Default)]
pub(super) struct Aside {
    tables: BTreeMap<ObjectId, Vec<String>>,
    sequences: BTreeMap<ObjectId, Vec<String>>,
    order: Vec<ObjectId>,
}

/// Puts the old tables aside, under names that nobody needs; the sequences that their columns own are let go.
pub(super) fn put_aside(
    survey: &Survey<'_>,
    fates: &Fates,
    order: &[ObjectId],
    script: &mut Script,
) -> Aside {
    let mut aside = Aside::default();
    for id in order.iter().filter(|id| fates.rebuilt.contains(*id)) {
        let Some(now) = survey
            .matching
            .now(id)
            .and_then(|now| survey.now.object(now))
        else {
            continue;
        };
        for (sequence, owner) in survey.now.owned_sequences() {
            if owner[..2] != now.id.path[..] {
                continue;
            }
            // One that goes with the table may have the name of one of before.
            if sequence.attribute("identity").is_some() {
                let spare = script.spare();
                let sql = format!(
                    "alter sequence {} rename to {}",
                    qualified(&sequence.id.path),
                    quote(&spare)
                );
                script.reshape(&sequence.id, sql, None);
                let schema = super::renames::schema_before(survey, &sequence.id.path[0]);
                aside
                    .sequences
                    .insert(sequence.id.clone(), vec![schema, spare]);
            } else if fates.stays(&sequence.id) {
                let name = qualified(&sequence.id.path);
                script.reshape(
                    &sequence.id,
                    format!("alter sequence {name} owned by none"),
                    None,
                );
            }
        }
        let spare = script.spare();
        let sql = format!(
            "alter table {} rename to {}",
            qualified(&now.id.path),
            quote(&spare)
        );
        script.reshape(
            id,
            sql,
            Some("built anew: its columns or their values come back in their places"),
        );
        let schema = super::renames::schema_before(survey, &now.id.path[0]);
        aside.tables.insert(id.clone(), vec![schema, spare]);
        aside.order.push(id.clone());
    }
    aside
}

impl Aside {
    /// Makes the table as it was and fills it.
    pub(super) fn make(
        &self,
        survey: &Survey<'_>,
        fates: &Fates,
        before: &Object,
        script: &mut Script,
    ) {
        let Some(old) = self.tables.get(&before.id) else {
            return;
        };
        let nullable = shape::filled(survey, before);
        let stand_in = source(survey, &before.id).and_then(|source| source.stand_in.as_ref());
        if let Some(stand_in) = stand_in {
            stand_in::take_place(stand_in, before, survey.before, old, &nullable, script);
        } else {
            for sql in table::create(before, survey.before, &nullable) {
                script.reshape(&before.id, sql, None);
            }
            if before.attribute("partition_key").is_none() {
                self.fill(survey, fates, before, old, script);
            }
        }
        for column in columns(survey.before, &before.id) {
            let now = survey.now_of(column);
            let (Some(to), Some(now)) = (survey.before.identity_sequence(column), now) else {
                continue;
            };
            let from = survey
                .now
                .identity_sequence(now)
                .and_then(|sequence| self.sequences.get(&sequence.id));
            if let Some(from) = from {
                let sql = table::carry_position(&qualified(from), &to.id.path);
                script.reshape(&to.id, sql, None);
            }
        }
        if let [schema, name] = &before.id.path[..] {
            script.rebuilt.push(TableName::new(schema, name));
        }
    }

    fn fill(
        &self,
        survey: &Survey<'_>,
        fates: &Fates,
        before: &Object,
        old: &[String],
        script: &mut Script,
    ) {
        let replaced = |column: &Object| {
            fates.retyped.contains(&column.id) || shape::type_is_replaced(survey, column)
        };
        let given = source(survey, &before.id);
        let mut values: Vec<(String, String)> = Vec::new();
        let mut always = false;
        for column in columns(survey.before, &before.id) {
            if column.attribute("expression").is_some() {
                continue;
            }
            let name = column.id.path.last().cloned().unwrap_or_default();
            let own = given.and_then(|source| source.columns.get(&name)).cloned();
            let value = own.or_else(|| {
                let now = survey.now_of(column)?;
                let value = format!("t.{}", quote(now.id.path.last()?));
                let (from, to) = (now.attribute("type")?, column.attribute("type")?);
                let made = shape::names_own_type(survey, column);
                let same = survey
                    .aligned
                    .get(&column.id)
                    .is_some_and(|aligned| aligned.attribute("type") == Some(to));
                let converted = (!same || made && replaced(column)).then(|| {
                    composite::converted(survey, column, &value)
                        .or_else(|| shape::conversion(&value, from, to, made))
                });
                Some(converted.flatten().unwrap_or(value))
            });
            if let Some(value) = value {
                always |= column.attribute("identity").is_some();
                values.push((name, value));
            }
        }
        let from = format!(
            "only {} t{}",
            qualified(old),
            given.map_or_else(String::new, |source| spaced(&source.joins))
        )
        .replace("{now}", &qualified(old));
        let filter = given.and_then(|source| source.filter.as_deref());
        let into = qualified(&before.id.path);
        let settings = given.map_or(&[][..], |source| &source.settings);
        if let Some(sql) = set(settings, |setting| &setting.value) {
            script.reshape(&before.id, sql, None);
        }
        let sql = insert(&into, &values, &from, filter, always);
        script.reshape(&before.id, sql, None);
        for more in given.into_iter().flat_map(|source| &source.more) {
            let sql = more_rows(&into, more, &qualified(old), always);
            script.reshape(&before.id, sql, Some("rows that are only in the net"));
        }
        if let Some(sql) = set(settings, |setting| &setting.otherwise) {
            script.reshape(&before.id, sql, None);
        }
    }

    /// Drops the old tables, children first.
    pub(super) fn drop(&self, script: &mut Script) {
        for id in self.order.iter().rev() {
            if let Some(old) = self.tables.get(id) {
                script.reshape(id, format!("drop table {}", qualified(old)), None);
            }
        }
    }

    /// The tables in the order in which they were put aside.
    pub(super) fn order(&self) -> &[ObjectId] {
        &self.order
    }
}

/// Sets all of them until the transaction ends, or they are set again.
fn set(settings: &[Setting], value: impl Fn(&Setting) -> &String) -> Option<String> {
    let calls = settings.iter().map(|setting| {
        format!(
            "pg_catalog.set_config({}, {}, true)",
            literal(&setting.name),
            literal(value(setting))
        )
    });
    let calls: Vec<String> = calls.collect();
    (!calls.is_empty()).then(|| format!("select {}", calls.join(", ")))
}

fn spaced(joins: &str) -> String {
    if joins.is_empty() {
        String::new()
    } else {
        format!("\n{joins}")
    }
}

fn insert(
    into: &str,
    values: &[(String, String)],
    from: &str,
    filter: Option<&str>,
    identity: bool,
) -> String {
    let names: Vec<String> = values.iter().map(|(name, _)| quote(name)).collect();
    let expressions: Vec<&str> = values.iter().map(|(_, value)| value.as_str()).collect();
    let list = if names.is_empty() {
        String::new()
    } else {
        format!(" ({})", names.join(", "))
    };
    let overriding = if identity {
        "\noverriding system value"
    } else {
        ""
    };
    let filter = filter.map(|filter| format!("\nwhere {filter}"));
    format!(
        "insert into {into}{list}{overriding}\nselect {}\nfrom {from}{}",
        expressions.join(", "),
        filter.unwrap_or_default()
    )
}

fn more_rows(into: &str, more: &MoreRows, now: &str, identity: bool) -> String {
    let fill = |text: &str| text.replace("{now}", now);
    let values: Vec<(String, String)> = more
        .columns
        .iter()
        .map(|(name, value)| (name.clone(), fill(value)))
        .collect();
    let filter = more.filter.as_deref().map(fill);
    insert(
        into,
        &values,
        &fill(&more.from),
        filter.as_deref(),
        identity,
    )
}
