use std::process::id;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use postgres::Client;

use super::PostgresServer;

/// A database of one test's own; dropping the value drops it, whoever is connected.
#[derive(Debug)]
pub struct TestDatabase {
    /// Its name.
    pub name: String,
    server: PostgresServer,
}

impl TestDatabase {
    pub(super) fn create(server: PostgresServer) -> anyhow::Result<Self> {
        Self::like("template0", server)
    }

    /// Another database with all that this one holds; nobody may be connected to this one.
    ///
    /// # Errors
    /// When the server does not make it.
    pub fn copy(&self) -> anyhow::Result<Self> {
        Self::like(&self.name, self.server.clone())
    }

    /// The same, with its files in a tablespace.
    ///
    /// # Errors
    /// When the server does not make it.
    pub fn copy_in(&self, tablespace: &str) -> anyhow::Result<Self> {
        Self::like(
            &format!("{} tablespace {tablespace}", self.name),
            self.server.clone(),
        )
    }

    /// A new database like that template, which may be followed by further options.
    fn like(template: &str, server: PostgresServer) -> anyhow::Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);

        // A later process of the run may get the same process number, hence the time.
        let since = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("t_{}_{since}_{number}", id());
        server
            .connect("postgres")?
            .batch_execute(&format!("create database {name} template {template}"))
            .with_context(|| format!("creating the database {name}"))?;
        Ok(Self { name, server })
    }

    /// How to reach it, as the superuser.
    pub fn url(&self) -> String {
        self.server.url(&self.name)
    }

    /// The server that it is on.
    pub fn server(&self) -> &PostgresServer {
        &self.server
    }

    /// A session of the superuser.
    ///
    /// # Errors
    /// When the server or the database is gone.
    pub fn connect(&self) -> anyhow::Result<Client> {
        self.server.connect(&self.name)
    }

    /// Runs these statements in a session of their own.
    ///
    /// # Errors
    /// When one fails.
    pub fn execute(&self, sql: &str) -> anyhow::Result<()> {
        self.connect()?
            .batch_execute(sql)
            .with_context(|| format!("running {sql}"))
    }

    fn drop_database(&self) -> anyhow::Result<()> {
        let mut client = self.server.connect("postgres")?;
        let name = &self.name;
        if self.server.major >= 13 {
            client.batch_execute(&format!("drop database if exists {name} with (force)"))?;
            return Ok(());
        }
        client.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1",
            &[&self.name],
        )?;
        client.batch_execute(&format!("drop database if exists {name}"))?;
        Ok(())
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // What cannot be dropped ends with the server.
        let _ = self.drop_database();
    }
}
