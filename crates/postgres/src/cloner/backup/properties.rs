use std::collections::BTreeMap;

use tightrope_engine::{DatabaseUrl, EngineError, ErrorKind, Unfit};

use super::super::maintenance::Maintenance;
use super::super::{locale, roles, settings};
use crate::connect::Target;
use crate::error;

/// The settings of a database, as JSON.
pub(super) const SETTINGS: &str = "settings";

/// Who owns it.
pub(super) const OWNER: &str = "owner";

/// The version of the library that orders its text.
pub(super) const COLLATION_VERSION: &str = "collation_version";

/// The roles that the database's objects name, as JSON.
pub(super) const ROLES: &str = "roles";

/// The server's tablespaces, as JSON.
pub(super) const TABLESPACES: &str = "tablespaces";

/// Of what a new database comes with, what this one has lost, as JSON.
pub(super) const WITHOUT: &str = "without";

/// A list of texts among the properties.
pub(super) fn texts(properties: &BTreeMap<String, String>, name: &str) -> Vec<String> {
    let list = properties.get(name).map(String::as_str).unwrap_or("[]");
    serde_json::from_str::<Vec<serde_json::Value>>(list)
        .unwrap_or_default()
        .iter()
        .filter_map(|value| value.as_str().map(str::to_owned))
        .collect()
}

/// Everything that `create database` and `alter database` would have to say again.
pub(in super::super) fn read(
    maintenance: &mut Maintenance,
    database: &str,
) -> Result<BTreeMap<String, String>, EngineError> {
    let options = locale::properties_of(maintenance, database)?;
    let mut properties: BTreeMap<String, String> = options
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    let settings = settings::read(maintenance, database)?;
    let settings: Vec<serde_json::Value> = settings.iter().map(|one| one.to_json()).collect();
    properties.insert(SETTINGS.to_owned(), serde_json::json!(settings).to_string());
    let roles = roles::named_in(maintenance, database)?;
    properties.insert(ROLES.to_owned(), serde_json::json!(roles).to_string());
    let tablespaces = tablespaces(maintenance)?;
    properties.insert(
        TABLESPACES.to_owned(),
        serde_json::json!(tablespaces).to_string(),
    );
    let (owner, version) = owner_and_collation_version(maintenance, database)?;
    properties.extend(owner.map(|owner| (OWNER.to_owned(), owner)));
    properties.extend(version.map(|version| (COLLATION_VERSION.to_owned(), version)));
    Ok(properties)
}

/// The tablespaces of a server.
pub(super) fn tablespaces(maintenance: &mut Maintenance) -> Result<Vec<String>, EngineError> {
    let names = maintenance.column("select spcname from pg_tablespace order by 1")?;
    Ok(names.into_iter().flatten().collect())
}

/// The owner's name, and the version of the collation library that the database was made with (from version 15 on).
pub(super) fn owner_and_collation_version(
    maintenance: &mut Maintenance,
    database: &str,
) -> Result<(Option<String>, Option<String>), EngineError> {
    let sql = "select pg_get_userbyid(datdba)::text, to_jsonb(d) ->> 'datcollversion' \
               from pg_database d where datname = $1::text";
    let row = maintenance
        .client
        .query_opt(sql, &[&database])
        .map_err(|error| error::of_own(&error))?;
    Ok(row.map_or((None, None), |row| (row.get(0), row.get(1))))
}

/// In what a database that is there differs from the backup's.
pub(super) fn unfit(
    properties: &BTreeMap<String, String>,
    into: &DatabaseUrl,
) -> Result<Vec<Unfit>, EngineError> {
    let target = Target::parse(into)?;
    let mut maintenance = Maintenance::beside(into, &target)?;
    let there = locale::properties_of(&mut maintenance, target.database())?;
    if there.is_empty() {
        return Ok(Vec::new());
    }
    let differs = locale::OPTIONS.into_iter().filter_map(|option| {
        // An older server does not know every option; what is not said is the default.
        let (wanted, found) = (properties.get(option)?, there.get(option)?);
        (wanted != found).then(|| Unfit {
            what: option.to_owned(),
            wanted: wanted.clone(),
            found: found.clone(),
        })
    });
    Ok(differs.collect())
}

/// What `create database` refuses because the server does not have the backup's collation, in words that say so.
pub(super) fn in_words(error: EngineError, properties: &BTreeMap<String, String>) -> EngineError {
    if !error.message.to_lowercase().contains("locale") {
        return error;
    }
    let collate = properties
        .get("icu_locale")
        .or_else(|| properties.get("builtin_locale"))
        .or_else(|| properties.get("lc_collate"));
    EngineError::new(
        ErrorKind::Unsupported,
        format!(
            "the server does not have the collation `{}` of the backup",
            collate.map(String::as_str).unwrap_or_default()
        ),
    )
    .detail(error.message)
    .hint("restore on a server that has it, or install the locale there")
}
