use std::collections::BTreeMap;
use std::fmt::Write as _;

use tightrope_engine::EngineError;

use super::maintenance::Maintenance;
use crate::error;
use crate::quote::literal;

/// What a database is made with, by the option of CREATE DATABASE; empty where the database is missing.
pub(super) fn properties_of(
    maintenance: &mut Maintenance,
    database: &str,
) -> Result<BTreeMap<&'static str, String>, EngineError> {
    let sql = "select j ->> 'datcollate', j ->> 'datctype', pg_encoding_to_char((j ->> 'encoding')::int)::text, \
               j ->> 'datlocprovider', coalesce(j ->> 'datlocale', j ->> 'daticulocale'), j ->> 'daticurules' \
               from (select to_jsonb(d) as j from pg_database d where d.datname = $1::text) d";
    let row = maintenance
        .client
        .query_opt(sql, &[&database])
        .map_err(|error| error::of_own(&error))?;
    let Some(row) = row else {
        return Ok(BTreeMap::new());
    };
    let value = |at: usize| row.get::<_, Option<String>>(at);
    let (provider, locale_option) = match value(3).as_deref() {
        Some("i") => (Some("icu"), "icu_locale"),
        Some("b") => (Some("builtin"), "builtin_locale"),
        Some(_) => (Some("libc"), ""),
        None => (None, ""),
    };
    let options = [
        ("encoding", value(2)),
        ("lc_collate", value(0)),
        ("lc_ctype", value(1)),
        ("locale_provider", provider.map(str::to_owned)),
        (locale_option, value(4)),
        ("icu_rules", value(5)),
    ];
    Ok(options
        .into_iter()
        .filter(|(option, _)| !option.is_empty())
        .filter_map(|(option, value)| Some((option, value?)))
        .collect())
}

/// The names of the options, in the order in which CREATE DATABASE is given them.
pub(super) const OPTIONS: [&str; 7] = [
    "encoding",
    "lc_collate",
    "lc_ctype",
    "locale_provider",
    "icu_locale",
    "builtin_locale",
    "icu_rules",
];

/// Options of CREATE DATABASE, out of their values.
pub(super) fn options<'v>(value_of: impl Fn(&str) -> Option<&'v String>) -> String {
    let mut sql = String::new();
    for option in OPTIONS {
        if let Some(value) = value_of(option) {
            let _ = write!(sql, " {option} {}", literal(value));
        }
    }
    sql
}

/// The options of CREATE DATABASE that give the encoding and the locale of a database; nothing where that is missing.
pub(super) fn options_of(
    maintenance: &mut Maintenance,
    database: &str,
) -> Result<String, EngineError> {
    let properties = properties_of(maintenance, database)?;
    Ok(options(|option| properties.get(option)))
}
