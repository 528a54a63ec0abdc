use std::any::Any;

use tightrope_engine::{ConnectOptions, DatabaseUrl, Engine, Session};

use crate::servers::TestDatabase;

/// An engine, as it is tested: on one server version.
pub struct Subject {
    name: String,
    engine: Box<dyn Engine>,
    make: Box<dyn Fn() -> anyhow::Result<ContractDatabase>>,
    pub(super) sql: ContractDialect,
}

/// An empty database for one test; it ends with the value.
pub struct ContractDatabase {
    /// How to reach it.
    pub url: DatabaseUrl,
    _guard: Box<dyn Any>,
}

/// What the promises need to know of an engine's SQL.
#[derive(Clone, Copy, Debug)]
pub struct ContractDialect {
    /// The schema that an unqualified table is in; empty where there are none.
    pub schema: &'static str,
    /// Settings of a session that a script may change, and that reading must not.
    pub settings: &'static [Setting],
    /// A statement that makes the session mind foreign keys, where it does not by itself.
    pub mind_foreign_keys: Option<&'static str>,
    /// A statement that runs for minutes and can be ended from another session, if there is one.
    pub endless: Option<&'static str>,
    /// A session's evidence of life ends with the session, not with the process.
    pub session_is_evidence: bool,
}

/// A setting of a session.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The statement that changes it to what it is not in a new session.
    pub change: &'static str,
    /// The query that shows it.
    pub show: &'static str,
}

impl Subject {
    /// An engine under a name for people, with a way to make databases.
    pub fn new(
        name: impl Into<String>,
        engine: impl Engine + 'static,
        sql: ContractDialect,
        make: impl Fn() -> anyhow::Result<ContractDatabase> + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            engine: Box::new(engine),
            make: Box::new(make),
            sql,
        }
    }

    /// Says on what the test goes on: a test that fails shows what it has said.
    #[expect(clippy::print_stdout, reason = "the test runner keeps it for failures")]
    pub fn announce(&self) {
        println!("on {}", self.name);
    }

    pub(super) fn engine(&self) -> &dyn Engine {
        self.engine.as_ref()
    }

    pub(super) fn database(&self) -> ContractDatabase {
        (self.make)().expect("a database is made")
    }

    pub(super) fn connect(&self, url: &DatabaseUrl) -> Box<dyn Session> {
        self.engine
            .connect(url, &ConnectOptions::default())
            .expect("the engine connects")
    }
}

impl ContractDatabase {
    /// A database that lives as long as the guard.
    pub fn new(url: DatabaseUrl, guard: impl Any) -> Self {
        Self {
            url,
            _guard: Box::new(guard),
        }
    }
}

impl From<TestDatabase> for ContractDatabase {
    fn from(database: TestDatabase) -> Self {
        Self::new(DatabaseUrl::new(database.url()), database)
    }
}

impl ContractDialect {
    /// PostgreSQL's.
    pub const POSTGRES: Self = Self {
        schema: "public",
        settings: &[
            setting("set search_path = pg_catalog", "show search_path"),
            setting("set DateStyle = 'German'", "show DateStyle"),
            setting("set TimeZone = 'Asia/Kathmandu'", "show TimeZone"),
            setting("set extra_float_digits = 0", "show extra_float_digits"),
            setting(
                "set quote_all_identifiers = on",
                "show quote_all_identifiers",
            ),
            setting("set bytea_output = 'escape'", "show bytea_output"),
            setting("set IntervalStyle = 'iso_8601'", "show IntervalStyle"),
            setting("set row_security = off", "show row_security"),
            setting("set lock_timeout = '77s'", "show lock_timeout"),
            setting("set statement_timeout = '88s'", "show statement_timeout"),
            setting(
                "set default_transaction_isolation = 'serializable'",
                "show default_transaction_isolation",
            ),
        ],
        mind_foreign_keys: None,
        endless: Some("select pg_sleep(600)"),
        session_is_evidence: true,
    };

    /// SQLite's.
    pub const SQLITE: Self = Self {
        schema: "",
        settings: &[
            setting(
                "pragma recursive_triggers = on",
                "pragma recursive_triggers",
            ),
            setting("pragma case_sensitive_like = on", "select 'a' like 'A'"),
            setting(
                "pragma ignore_check_constraints = on",
                "pragma ignore_check_constraints",
            ),
        ],
        mind_foreign_keys: Some("pragma foreign_keys = on"),
        endless: None,
        session_is_evidence: false,
    };
}

const fn setting(change: &'static str, show: &'static str) -> Setting {
    Setting { change, show }
}
