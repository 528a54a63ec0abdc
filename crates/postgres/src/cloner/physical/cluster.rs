//! A whole cluster on a throw-away server.

use tightrope_engine::{
    BackupWatch, Cluster, ConnectOptions, DatabaseUrl, EngineError, ErrorKind, Ground, KeptCluster,
    Restored, Session as _,
};
use tightrope_model::Value;

use super::account::Account;
use super::base::{Base, Source};
use super::facts::Facts;
use super::home::Home;
use super::installation::Installation;
use super::server::{Server, Start};
use crate::connect::Target;
use crate::quote::{literal, quote};
use crate::session::PostgresSession;

/// Copies of the database that are made beside the copy: one to keep as it is, one to run scripts on.
const COPIES: u64 = 2;

/// A cluster on a throw-away server, seen from one of its databases.
pub(super) struct ThrowAway {
    pub(super) server: Server,
    pub(super) url: DatabaseUrl,
    pub(super) name: String,
    pub(super) remarks: Vec<String>,
    pub(super) account: Account,
    pub(super) installation: Installation,
    pub(super) facts: Facts,
    /// What its own `postgresql.auto.conf` said.
    pub(super) settings: String,
}

/// Copies the cluster of the source, and starts a server on the copy.
pub(super) fn copy(
    beside_clients: Option<&std::path::Path>,
    source: &DatabaseUrl,
    ground: &Ground,
    watch: &dyn BackupWatch,
) -> Result<ThrowAway, EngineError> {
    let target = Target::parse(source)?;
    let mut session = super::super::backup::reading(source)?;
    let look = Source::look(&mut session)?;
    let facts = Facts::read(&mut session)?;
    let installation = Installation::find(
        ground.programs.bin.as_deref(),
        beside_clients,
        session.major,
    )?;
    let (role, unlogged) = (session.server().user.clone(), unlogged(&mut session)?);
    let database = session.server().database.clone();
    drop(session);
    let account = Account::find()?;
    let home = Home::make(&ground.folder, account)?;
    look.require_room(home.folder(), COPIES)?;
    watch.reached("folder of the server made");
    Base {
        installation: &installation,
        target: &target,
        tablespaces: &look.tablespaces,
        data: home.data(),
        tablespaces_in: home.tablespaces(),
        spread_checkpoint: ground.programs.spread_checkpoint,
    }
    .copy(watch)?;
    watch.reached("cluster copied");
    let start = Start {
        account,
        installation: &installation,
        facts: &facts,
        up_to: None,
    };
    let server = Server::start(home, &start, watch)?;
    watch.reached("server started");
    let role = role.unwrap_or_else(|| facts.bootstrap.clone());
    let mut remarks = facts.remarks();
    remarks.extend(unlogged_remark(&unlogged));
    let copied = ThrowAway {
        url: server.url(&role, &database),
        name: server.home().name(),
        server,
        remarks,
        account,
        installation,
        facts,
        settings: String::new(),
    };
    copied.made_usable(&role, &database)
}

/// The tables whose rows a physical copy does not have.
pub(super) fn unlogged(
    session: &mut PostgresSession,
) -> Result<Vec<(String, String)>, EngineError> {
    let sql = "select n.nspname::text, c.relname::text from pg_catalog.pg_class c \
               join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
               where c.relpersistence = 'u' and c.relkind in ('r', 'm') and c.oid >= 16384 order by 1, 2";
    let rows = session.query_own(sql, &[])?;
    let text = |row: &[Value], at: usize| {
        let text = row.get(at).and_then(Value::text).unwrap_or_default();
        text.to_owned()
    };
    Ok(rows
        .iter()
        .map(|row| (text(row, 0), text(row, 1)))
        .collect())
}

pub(super) fn unlogged_remark(unlogged: &[(String, String)]) -> Option<String> {
    let names: Vec<String> = unlogged
        .iter()
        .map(|(schema, name)| format!("`{schema}.{name}`"))
        .collect();
    (!names.is_empty()).then(|| {
        format!(
            "unlogged tables are in no log, and empty in a physical copy: {}",
            names.join(", ")
        )
    })
}

impl ThrowAway {
    /// Lets the role make databases there, as a rehearsal needs, and undoes what others had prepared to commit: it would keep everybody
    /// from copying the database.
    pub(super) fn made_usable(mut self, role: &str, database: &str) -> Result<Self, EngineError> {
        let mut session = self.session_of_all(database)?;
        if role != self.facts.bootstrap {
            session.execute_own(&format!("alter role {} createdb", quote(role)))?;
        }
        let prepared = session.query_own(
            "select gid::text from pg_catalog.pg_prepared_xacts where database = current_database()",
            &[],
        )?;
        for gid in prepared.iter().filter_map(|row| row.first()?.text()) {
            session.execute_own(&format!("rollback prepared {}", literal(gid)))?;
        }
        if !prepared.is_empty() {
            self.remarks.push(format!(
                "{} transactions that were prepared to commit are undone in the copy",
                prepared.len()
            ));
        }
        self.looked_at(database)
    }

    /// Looks what is not as it was where it comes from.
    pub(super) fn looked_at(mut self, database: &str) -> Result<Self, EngineError> {
        let mut session = self.session_of_all(database)?;
        self.remarks.extend(other_collation(&mut session)?);
        Ok(self)
    }

    fn session_of_all(&self, database: &str) -> Result<PostgresSession, EngineError> {
        let options = ConnectOptions {
            must_exist: true,
            ..ConnectOptions::default()
        };
        PostgresSession::open(&self.server.url_of_all(database), &options)
    }
}

/// Says so where this machine orders text by another version of the library than the one that built the indexes.
fn other_collation(session: &mut PostgresSession) -> Result<Option<String>, EngineError> {
    const FIRST_THAT_KNOWS: u32 = 15;
    if session.major < FIRST_THAT_KNOWS {
        return Ok(None);
    }
    let sql = "select datcollversion::text, pg_catalog.pg_database_collation_actual_version(oid)::text from pg_catalog.pg_database \
               where datname = current_database() and datcollversion <> pg_catalog.pg_database_collation_actual_version(oid)";
    let rows = session.query_own(sql, &[])?;
    let text = |at: usize| rows.first()?.get(at)?.text();
    let (Some(there), Some(here)) = (text(0), text(1)) else {
        return Ok(None);
    };
    Ok(Some(format!(
        "the collation library has version {here} here and had {there}: indexes over text may miss rows, and text comes in another order"
    )))
}

impl Restored for ThrowAway {
    fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn remarks(&self) -> &[String] {
        &self.remarks
    }

    fn take_place(
        self: Box<Self>,
        _: bool,
        _: &dyn BackupWatch,
    ) -> Result<Option<String>, EngineError> {
        Err(EngineError::new(
            ErrorKind::Unsupported,
            "a database of a throw-away server cannot get a name on another server",
        )
        .hint("keep the whole cluster in a folder of its own"))
    }
}

impl Cluster for ThrowAway {
    fn keep_as(
        self: Box<Self>,
        folder: &std::path::Path,
        watch: &dyn BackupWatch,
    ) -> Result<KeptCluster, EngineError> {
        super::restore::keep(*self, folder, watch)
    }
}
