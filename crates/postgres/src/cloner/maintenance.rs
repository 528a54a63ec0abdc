use postgres::Client;
use postgres::error::SqlState;
use tightrope_engine::{DatabaseUrl, EngineError, ErrorKind};

use super::PREFIX;
use crate::connect::{self, Target};
use crate::error;
use crate::quote::{literal, quote};
use crate::session::NEVER_IDLE;

/// A connection beside the databases that are copied: a template must have no sessions, ours included.
pub(super) struct Maintenance {
    pub(super) client: Client,
    pub(super) major: u32,
}

/// Databases that most servers have, in the order in which they are tried.
const HAUNTS: [&str; 2] = ["postgres", "template1"];

impl Maintenance {
    /// Connects to a database of the same server that is not the source, so that it can be a template; to the source itself
    /// only if there is no other.
    pub(super) fn beside(url: &DatabaseUrl, target: &Target) -> Result<Self, EngineError> {
        let others = HAUNTS
            .iter()
            .filter(|name| **name != target.database())
            .copied();
        Self::open_first(url, target, others.chain([target.database()]))
    }

    /// Connects where nothing will be copied from: whoever sits in `template1` keeps everybody else from making databases.
    pub(super) fn anywhere(url: &DatabaseUrl, target: &Target) -> Result<Self, EngineError> {
        let [first, last] = HAUNTS;
        Self::open_first(url, target, [first, target.database(), last])
    }

    fn open_first<'a>(
        url: &DatabaseUrl,
        target: &Target,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, EngineError> {
        let mut first_error = None;
        for name in names {
            match connect::open(&target.with_database(name), "tightrope maintenance") {
                Ok(connected) => return Self::of(connected.client),
                Err(error) if matches!(error.kind, ErrorKind::Unreachable | ErrorKind::BadUrl) => {
                    return Err(error);
                }
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        Err(first_error.unwrap_or_else(|| {
            EngineError::new(
                ErrorKind::Unreachable,
                format!("no database of {url} lets us in"),
            )
        }))
    }

    fn of(mut client: Client) -> Result<Self, EngineError> {
        let sql =
            format!("select current_setting('server_version_num')::int / 10000, {NEVER_IDLE}");
        let row = client
            .query_one(&sql, &[])
            .map_err(|error| error::of_own(&error))?;
        let major: i32 = row.try_get(0).map_err(|error| error::of_own(&error))?;
        Ok(Self {
            client,
            major: major.unsigned_abs(),
        })
    }

    pub(super) fn execute(&mut self, sql: &str) -> Result<(), EngineError> {
        self.client
            .batch_execute(sql)
            .map_err(|error| error::of_own(&error))
    }

    /// The first column of the rows of a query, NULL as none.
    pub(super) fn column(&mut self, sql: &str) -> Result<Vec<Option<String>>, EngineError> {
        let messages = self
            .client
            .simple_query(sql)
            .map_err(|error| error::of_own(&error))?;
        let rows = messages.iter().filter_map(|message| match message {
            postgres::SimpleQueryMessage::Row(row) => Some(row.get(0).map(str::to_owned)),
            _ => None,
        });
        Ok(rows.collect())
    }

    /// When the server was started, to the microsecond: tells two servers apart, however their hosts are written.
    pub(super) fn started_at(&mut self) -> Result<Option<String>, EngineError> {
        let sql = "select extract(epoch from pg_postmaster_start_time())";
        Ok(self.column(sql)?.into_iter().flatten().next())
    }

    /// Holds a name for as long as this connection lives.
    pub(super) fn claim(&mut self, name: &str) -> Result<(), EngineError> {
        self.execute(&format!(
            "select pg_advisory_lock(hashtextextended({}, 0))",
            literal(name)
        ))
    }

    /// Gives a name up.
    pub(super) fn release(&mut self, name: &str) -> Result<(), EngineError> {
        self.execute(&format!(
            "select pg_advisory_unlock(hashtextextended({}, 0))",
            literal(name)
        ))
    }

    /// Scratch databases whose names nobody holds.
    pub(super) fn orphans(&mut self) -> Result<Vec<String>, EngineError> {
        let sql = format!(
            "select datname from pg_database where starts_with(datname, {}) order by 1",
            literal(PREFIX)
        );
        let names: Vec<String> = self.column(&sql)?.into_iter().flatten().collect();
        self.unclaimed(&names)
    }

    /// Those of the names that nobody holds. Advisory locks belong to a database, but `pg_locks` shows them all.
    pub(super) fn unclaimed(&mut self, names: &[String]) -> Result<Vec<String>, EngineError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let names: Vec<String> = names.iter().map(|name| literal(name)).collect();
        let sql = format!(
            "select n from unnest(array[{}]::text[]) n where not exists ( \
             select from pg_locks l where l.locktype = 'advisory' and l.objsubid = 1 \
             and (l.classid::bigint << 32) | l.objid::bigint = hashtextextended(n, 0)) order by 1",
            names.join(", ")
        );
        Ok(self.column(&sql)?.into_iter().flatten().collect())
    }

    pub(super) fn drop_database(&mut self, name: &str) -> Result<(), EngineError> {
        if self.major >= 13 {
            return self.execute(&format!(
                "drop database if exists {} with (force)",
                quote(name)
            ));
        }
        self.execute(&format!(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = {}",
            literal(name)
        ))?;
        self.execute(&format!("drop database if exists {}", quote(name)))
    }

    /// Refuses a name that a database has.
    pub(super) fn require_free(&mut self, database: &str) -> Result<(), EngineError> {
        let sql = format!(
            "select datname from pg_database where datname = {}",
            literal(database)
        );
        match self.column(&sql)?.is_empty() {
            true => Ok(()),
            false => Err(EngineError::new(
                ErrorKind::AlreadyExists,
                format!("the database `{database}` is there already"),
            )
            .hint("name another one, or drop it first: nothing is ever copied over a database")),
        }
    }

    /// The size in bytes.
    pub(super) fn size_of(&mut self, database: &str) -> Result<u64, EngineError> {
        let sql = format!("select pg_database_size({})", literal(database));
        let size = self
            .column(&sql)
            .map_err(|error| match error.code.as_deref() {
                Some(code) if code == SqlState::UNDEFINED_DATABASE.code() => EngineError::new(
                    ErrorKind::DatabaseMissing,
                    format!("database {database:?} does not exist"),
                ),
                _ => error,
            })?;
        Ok(size
            .into_iter()
            .flatten()
            .next()
            .and_then(|size| size.parse().ok())
            .unwrap_or_default())
    }
}
