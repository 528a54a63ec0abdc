//! Roles: those that a copy on another server needs (owners and grantees of what is copied), and those that scripts make while
//! they are rehearsed.
//!
//! The latter carry a mark as their comment, with the name of the scratch database that the rehearsal began with. The
//! maintenance connection holds the advisory lock on that name, so whoever sweeps sees which rehearsals are gone.

use tightrope_engine::{EngineError, Role, Session as _};
use tightrope_model::Value;

use super::maintenance::Maintenance;
use crate::error;
use crate::quote::{literal, quote};
use crate::session::PostgresSession;

/// What the comments of roles that a rehearsal has made begin with; the name of its first scratch database follows.
const MARK: &str = "tightrope scratch ";

/// The mark of the rehearsal that began with that scratch database.
pub(super) fn mark(scratch: &str) -> String {
    format!("{MARK}{scratch}")
}

/// All roles of the server.
pub(crate) fn roles_of(session: &mut PostgresSession) -> Result<Vec<Role>, EngineError> {
    let sql = "select r.rolname::text, pg_catalog.shobj_description(r.oid, 'pg_authid') \
               from pg_catalog.pg_roles r order by 1";
    let text = |value: Option<Value>| match value {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    };
    let rows = session.query(sql, &[])?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            let mut values = row.into_iter();
            Some(Role {
                name: text(values.next())?,
                mark: text(values.next()).filter(|comment| comment.starts_with(MARK)),
            })
        })
        .collect())
}

/// Drops the roles with a mark, except these. What others depend on cannot be dropped and stays.
pub(super) fn drop_marked(
    maintenance: &mut Maintenance,
    mark: &str,
    except: &[String],
) -> Result<Vec<String>, EngineError> {
    let sql = format!(
        "select rolname from pg_roles where shobj_description(oid, 'pg_authid') = {}",
        literal(mark)
    );
    let marked = maintenance.column(&sql)?.into_iter().flatten();
    let names: Vec<String> = marked.filter(|name| !except.contains(name)).collect();
    let quoted: Vec<String> = names.iter().map(|name| quote(name)).collect();
    // All at once, for one may depend on another; one by one if some cannot go.
    if names.is_empty()
        || maintenance
            .execute(&format!("drop role {}", quoted.join(", ")))
            .is_ok()
    {
        return Ok(names);
    }
    let mut dropped = names;
    dropped.retain(|name| {
        maintenance
            .execute(&format!("drop role if exists {}", quote(name)))
            .is_ok()
    });
    Ok(dropped)
}

/// Drops the roles of rehearsals that are gone.
pub(super) fn sweep(maintenance: &mut Maintenance) -> Result<Vec<String>, EngineError> {
    let sql = format!(
        "select distinct substr(m.mark, {}) from (select shobj_description(oid, 'pg_authid') from pg_roles) m (mark) \
         where starts_with(m.mark, {})",
        MARK.len() + 1,
        literal(MARK)
    );
    let names: Vec<String> = maintenance.column(&sql)?.into_iter().flatten().collect();
    let mut swept = Vec::new();
    for name in maintenance.unclaimed(&names)? {
        swept.extend(drop_marked(maintenance, &mark(&name), &[])?);
    }
    Ok(swept)
}

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
