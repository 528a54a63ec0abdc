//! CREATE DATABASE, from the source as a template or from nothing.

use std::fmt::Write as _;

use tightrope_engine::EngineError;

use super::maintenance::Maintenance;
use super::settings;
use crate::error;
use crate::quote::{literal, quote};

/// From this size on copying files beats writing every page to the log (measured: 1 GB a second).
const BIG: u64 = 256 << 20;

/// Copies a database as a template; it must have no sessions.
pub(super) fn create_copy(
    maintenance: &mut Maintenance,
    name: &str,
    source: &str,
) -> Result<Vec<String>, EngineError> {
    let by_file = maintenance.major >= 15 && maintenance.size_of(source)? >= BIG;
    let strategy = if by_file { " strategy file_copy" } else { "" };
    maintenance.execute(&format!(
        "create database {} template {}{strategy}",
        quote(name),
        quote(source)
    ))?;
    let settings = settings::read(maintenance, source)?;
    Ok(settings::write(maintenance, name, &settings))
}

/// Makes an empty database like the source in encoding and locale; the server's own where there is no source.
pub(super) fn create_empty(
    maintenance: &mut Maintenance,
    name: &str,
    source: &str,
) -> Result<Vec<String>, EngineError> {
    let mut sql = format!("create database {} template template0", quote(name));
    sql.push_str(&locale_of(maintenance, source)?);
    maintenance.execute(&sql)?;
    let settings = settings::read(maintenance, source)?;
    Ok(settings::write(maintenance, name, &settings))
}

/// The options that give a database the encoding and the locale of another one; nothing where that is missing.
fn locale_of(maintenance: &mut Maintenance, source: &str) -> Result<String, EngineError> {
    let sql = "select to_jsonb(d) ->> 'datcollate', to_jsonb(d) ->> 'datctype', pg_encoding_to_char(d.encoding)::text, \
               to_jsonb(d) ->> 'datlocprovider', coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale'), \
               to_jsonb(d) ->> 'daticurules' from pg_database d where d.datname = $1::text";
    let row = maintenance
        .client
        .query_opt(sql, &[&source])
        .map_err(|error| error::of_own(&error))?;
    let Some(row) = row else {
        return Ok(String::new());
    };
    let value = |at: usize| row.get::<_, Option<String>>(at);
    let provider = value(3);
    let locale_option = match provider.as_deref() {
        Some("i") => "icu_locale",
        Some("b") => "builtin_locale",
        _ => "",
    };
    let provider = provider.map(|provider| match provider.as_str() {
        "i" => "icu".to_owned(),
        "b" => "builtin".to_owned(),
        _ => "libc".to_owned(),
    });
    let options = [
        ("encoding", value(2)),
        ("lc_collate", value(0)),
        ("lc_ctype", value(1)),
        ("locale_provider", provider),
        (locale_option, value(4)),
        ("icu_rules", value(5)),
    ];
    let mut sql = String::new();
    for (option, value) in options {
        if let Some(value) = value.filter(|_| !option.is_empty()) {
            let _ = write!(sql, " {option} {}", literal(&value));
        }
    }
    Ok(sql)
}
