//! Roles that a copy on another server needs: owners and grantees of what is copied.

use tightrope_engine::EngineError;

use super::maintenance::Maintenance;
use crate::error;
use crate::quote::quote;

/// The roles that a database's objects name. The server notes none for its first superuser, so that one is always among
/// them.
pub(super) fn named_in(
    maintenance: &mut Maintenance,
    database: &str,
) -> Result<Vec<String>, EngineError> {
    let sql = "select distinct r.rolname::text from pg_roles r where r.oid = 10 or r.oid >= 16384 and ( \
               exists (select from pg_shdepend s join pg_database d on d.oid = s.dbid \
                       where d.datname = $1::text and s.refclassid = 'pg_authid'::regclass and s.refobjid = r.oid) \
               or exists (select from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase \
                          where d.datname = $1::text and s.setrole = r.oid)) order by 1";
    let rows = maintenance
        .client
        .query(sql, &[&database])
        .map_err(|error| error::of_own(&error))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Makes the roles that are missing, without the right to log in; says so in remarks.
pub(super) fn make_missing(
    maintenance: &mut Maintenance,
    roles: &[String],
) -> Result<Vec<String>, EngineError> {
    let known = maintenance.column("select rolname from pg_roles")?;
    let missing = roles
        .iter()
        .filter(|role| !known.iter().flatten().any(|known| known == *role));
    let remarks = missing.map(|role| {
        match maintenance.execute(&format!("create role {} nologin", quote(role))) {
            Ok(()) => format!(
                "role {role} was missing on the copy's server and was made there, without login"
            ),
            Err(error) => format!(
                "role {role} is missing on the copy's server and could not be made: {error}"
            ),
        }
    });
    Ok(remarks.collect())
}
