//! What ALTER DATABASE … SET left: no template and no dump brings it along.

use tightrope_engine::EngineError;

use super::maintenance::Maintenance;
use crate::error;
use crate::quote::{literal, quote};

/// One setting of a database, for everybody or for a role there.
pub(super) struct DatabaseSetting {
    role: Option<String>,
    name: String,
    value: String,
}

impl DatabaseSetting {
    /// The setting as JSON, for a backup's manifest.
    pub(super) fn to_json(&self) -> serde_json::Value {
        serde_json::json!([self.role, self.name, self.value])
    }

    /// The setting back from JSON.
    pub(super) fn from_json(json: &serde_json::Value) -> Option<Self> {
        let text = |at: usize| json.get(at)?.as_str().map(str::to_owned);
        Some(Self {
            role: text(0),
            name: text(1)?,
            value: text(2)?,
        })
    }
}

/// The settings of a database.
pub(super) fn read(
    maintenance: &mut Maintenance,
    database: &str,
) -> Result<Vec<DatabaseSetting>, EngineError> {
    let sql = "select case when s.setrole <> 0 then pg_get_userbyid(s.setrole)::text end, split_part(o, '=', 1), \
               substr(o, strpos(o, '=') + 1) from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase, \
               unnest(s.setconfig) o where d.datname = $1::text order by 1, 2";
    let rows = maintenance
        .client
        .query(sql, &[&database])
        .map_err(|error| error::of_own(&error))?;
    Ok(rows
        .iter()
        .map(|row| DatabaseSetting {
            role: row.get(0),
            name: row.get(1),
            value: row.get(2),
        })
        .collect())
}

/// Gives a database these settings; what the server refuses comes back as remarks.
pub(super) fn write(
    maintenance: &mut Maintenance,
    database: &str,
    settings: &[DatabaseSetting],
) -> Vec<String> {
    let mut remarks = Vec::new();
    for setting in settings {
        let whose = match &setting.role {
            None => format!("alter database {}", quote(database)),
            Some(role) => format!("alter role {} in database {}", quote(role), quote(database)),
        };
        let name = setting
            .name
            .split('.')
            .map(quote)
            .collect::<Vec<_>>()
            .join(".");
        // From current: only so a list keeps its items apart.
        let sql = format!(
            "begin; select set_config({}, {}, true); {whose} set {name} from current; commit",
            literal(&setting.name),
            literal(&setting.value)
        );
        if let Err(error) = maintenance.execute(&sql) {
            let _ = maintenance.execute("rollback");
            remarks.push(format!(
                "the database's setting {} could not be copied: {error}",
                setting.name
            ));
        }
    }
    remarks
}
