use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::id;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context as _;

use super::postgres::Cluster;
use super::{PostgresOptions, PostgresServer, bin_dir, keeper};
use crate::{port, run};

/// It may crash, and what was committed must be there afterwards.
const DURABLE: PostgresOptions = PostgresOptions { fsync: true };

/// A PostgreSQL server of one test's own, which may be stopped and started; it ends with the value.
#[derive(Debug)]
pub struct OwnServer {
    cluster: Cluster,
    server: PostgresServer,
    folder: PathBuf,
}

impl OwnServer {
    /// Starts one of that major, with further lines of `postgresql.conf`.
    ///
    /// # Errors
    /// When it is not installed, or does not start.
    pub fn start(major: u32, settings: &str) -> anyhow::Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);

        let runner = run::runner()?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("postgres-{major}-own-{}-{number}", id());
        let folder = run::folder(runner)?.join(name);
        keeper::start(runner, &folder)?;
        let cluster = Cluster::new(bin_dir(major)?, folder.clone())?;
        cluster.initialise()?;
        OpenOptions::new()
            .append(true)
            .open(cluster.data().join("postgresql.conf"))
            .and_then(|mut file| writeln!(file, "{settings}"))
            .context("writing postgresql.conf")?;
        let port = port::free()?;
        cluster.start_on(port, DURABLE)?;
        Ok(Self {
            cluster,
            server: PostgresServer { major, port },
            folder,
        })
    }

    /// The server as others know it.
    pub fn server(&self) -> &PostgresServer {
        &self.server
    }

    /// Stops it: whoever is connected is thrown out.
    ///
    /// # Errors
    /// When it does not stop.
    pub fn stop(&self) -> anyhow::Result<()> {
        self.cluster.stop("fast")
    }

    /// Ends it as a crash would.
    ///
    /// # Errors
    /// When it does not end.
    pub fn crash(&self) -> anyhow::Result<()> {
        self.cluster.stop("immediate")
    }

    /// Starts it again, on the same port.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_again(&self) -> anyhow::Result<()> {
        let port = self.server.port;
        self.cluster.start_on(port, DURABLE)
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        // Its keeper ends it otherwise.
        let _ = keeper::end(&self.folder);
    }
}
