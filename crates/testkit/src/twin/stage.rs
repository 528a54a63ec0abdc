use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context as _;
use tightrope_engine::{ConnectOptions, DatabaseUrl, Engine, Registry, RunStatement, Session};
use tightrope_lifecycle::{
    ApplyError, ApplyOptions, BackupSettings, CopiesOf, Decision, Policy, Project, QuarantineError,
    RehearseError, RehearseOptions, RollbackError, RollbackOptions, RolledBack, Selecting, Silent,
    Watchers, decide, prepare_apply, prepare_rollback, quarantined, rehearse,
};
use tightrope_model::EngineKind;
use tightrope_store::Holder;

use super::case::TwinCase;
use super::generate::Bench;
use crate::contract::ContractDatabase;

/// Two databases of one engine: the one that migrates, and its control twin. They are emptied for each case.
pub struct Stage {
    registry: Registry,
    engine: Arc<dyn Engine>,
    now: ContractDatabase,
    twin: ContractDatabase,
    folder: PathBuf,
    sessions: RefCell<Vec<Pair>>,
    /// Whether foreign keys are enforced, where that is a session's choice.
    enforced: Cell<bool>,
}

/// A session on each side.
pub(super) struct Pair {
    /// On the database that migrates.
    pub(super) now: Box<dyn Session>,
    /// On the twin.
    pub(super) twin: Box<dyn Session>,
}

impl Stage {
    /// Two databases that `make` makes.
    ///
    /// # Errors
    /// When a database cannot be made.
    pub fn new(
        registry: Registry,
        make: &dyn Fn() -> anyhow::Result<ContractDatabase>,
    ) -> anyhow::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);

        let (now, twin) = (make()?, make()?);
        let engine = registry.engine(&now.url)?;
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tightrope-twin-{}-{number}", std::process::id());
        Ok(Self {
            registry,
            engine,
            now,
            twin,
            folder: std::env::temp_dir().join(name),
            sessions: RefCell::new(Vec::new()),
            enforced: Cell::new(true),
        })
    }

    /// Lends a pair of sessions; they are kept for the next who asks, for connecting costs more than most cases.
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&mut Pair) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let kept = self.sessions.borrow_mut().pop();
        let mut pair = match kept {
            Some(pair) => pair,
            None => self.pair()?,
        };
        self.set_keys(&mut pair)?;
        let answer = work(&mut pair)?;
        self.sessions.borrow_mut().push(pair);
        Ok(answer)
    }

    fn pair(&self) -> anyhow::Result<Pair> {
        let mut pair = Pair {
            now: self.connect(&self.now.url)?,
            twin: self.connect(&self.twin.url)?,
        };
        for side in [&mut pair.now, &mut pair.twin] {
            if side.capabilities().object_numbers {
                // Transactions overlap: who has to wait for another gives up.
                run(side.as_mut(), "set lock_timeout = 100")?;
            }
        }
        Ok(pair)
    }

    /// As many pairs of sessions.
    pub(super) fn pairs(&self, count: usize) -> anyhow::Result<Vec<Pair>> {
        let mut kept = self.sessions.borrow_mut();
        while kept.len() < count {
            kept.push(self.pair()?);
        }
        let place = kept.len() - count;
        let mut pairs = kept.split_off(place);
        pairs.iter_mut().try_for_each(|pair| self.set_keys(pair))?;
        Ok(pairs)
    }

    /// Has foreign keys enforced from now on, or not; a server always does.
    pub(super) fn enforce_keys(&self, enforced: bool) {
        self.enforced.set(enforced);
    }

    fn keys(&self) -> &'static str {
        if self.enforced.get() { "on" } else { "off" }
    }

    fn set_keys(&self, pair: &mut Pair) -> anyhow::Result<()> {
        for session in [&mut pair.now, &mut pair.twin] {
            if !session.capabilities().object_numbers {
                run(
                    session.as_mut(),
                    &format!("pragma foreign_keys = {}", self.keys()),
                )?;
            }
        }
        Ok(())
    }

    /// Gives pairs back that nothing went wrong with.
    pub(super) fn give_back(&self, pairs: Vec<Pair>) {
        self.sessions.borrow_mut().extend(pairs);
    }

    fn connect(&self, url: &DatabaseUrl) -> anyhow::Result<Box<dyn Session>> {
        Ok(self.engine.connect(url, &ConnectOptions::default())?)
    }

    /// The engine.
    pub(super) fn kind(&self) -> EngineKind {
        self.engine.kind()
    }

    /// Empties both databases.
    pub(super) fn clear(&self) -> anyhow::Result<()> {
        self.with(|pair| {
            clear(pair.now.as_mut()).context("emptying a database")?;
            clear(pair.twin.as_mut()).context("emptying a twin")
        })
    }

    /// Lends the twin as a bench for the generators.
    pub(super) fn on_bench<T>(&self, work: impl FnOnce(&mut dyn Bench) -> T) -> anyhow::Result<T> {
        self.with(|pair| {
            let twin = pair.twin.as_mut();
            twin.begin()?;
            let mut bench = TwinBench { session: twin };
            let answer = work(&mut bench);
            pair.twin.roll_back()?;
            Ok(answer)
        })
    }

    /// The database that migrates, as tightrope is told of it.
    fn url(&self) -> DatabaseUrl {
        match self.kind() {
            EngineKind::Sqlite => DatabaseUrl::new(format!(
                "{}?foreign_keys={}",
                self.now.url.secret(),
                self.keys()
            )),
            EngineKind::Postgres => self.now.url.clone(),
        }
    }

    fn project(&self) -> Project {
        Project {
            registry: self.registry.clone(),
            folder: self.folder.clone(),
            format: None,
            placeholders: std::collections::BTreeMap::new(),
            url: self.url(),
            rehearse_url: None,
            selecting: Selecting::default(),
            copies_of: CopiesOf::Target,
            workload: tightrope_lifecycle::WorkloadSettings::default(),
            backup: BackupSettings::default(),
            policy: Policy {
                lock_tries: 2,
                lock_timeout_ms: 2_000,
                lease_wait_s: 0,
                ..Policy::default()
            },
            tool_version: "test".to_owned(),
            holder: Holder {
                user: "tester".to_owned(),
                host: "here".to_owned(),
                pid: std::process::id(),
                command: "twin".to_owned(),
            },
            variables: |_| None,
        }
    }

    /// Writes the case's migration into its folder.
    pub(super) fn write(&self, case: &TwinCase) -> std::io::Result<()> {
        if self.folder.exists() {
            std::fs::remove_dir_all(&self.folder)?;
        }
        self.write_one("0001_twin", &case.forward, case.rollback.as_deref())
    }

    /// Writes the migration that stands on it.
    pub(super) fn write_stacked(&self, forward: &[String]) -> std::io::Result<()> {
        self.write_one("0002_stacked", forward, None)
    }

    fn write_one(
        &self,
        name: &str,
        forward: &[String],
        rollback: Option<&[String]>,
    ) -> std::io::Result<()> {
        let home = self.folder.join(name);
        std::fs::create_dir_all(&home)?;
        let text = |statements: &[String]| format!("{};\n", statements.join(";\n"));
        std::fs::write(home.join("up.sql"), text(forward))?;
        match rollback {
            Some(statements) => std::fs::write(home.join("down.sql"), text(statements)),
            None => Ok(()),
        }
    }

    /// Rehearses it.
    pub(super) fn rehearse(&self) -> Result<(), RehearseError> {
        let options = RehearseOptions::default();
        rehearse(&self.project(), &options, &Silent).map(drop)
    }

    /// Applies the case's migration.
    pub(super) fn apply(&self, case: &TwinCase) -> anyhow::Result<Result<(), ApplyError>> {
        let project = self.project();
        let options = ApplyOptions {
            unrehearsed: (!case.rehearsed).then(|| "to be quick".to_owned()),
            ..ApplyOptions::default()
        };
        let applied = prepare_apply(&project, &options, Watchers::SILENT)
            .and_then(|prepared| prepared.run(Watchers::SILENT));
        Ok(applied.map(drop))
    }

    /// Rolls it back.
    pub(super) fn roll_back(&self) -> Result<RolledBack, RollbackError> {
        let project = self.project();
        let options = RollbackOptions::default();
        prepare_rollback(&project, &options)?.run(Watchers::SILENT)
    }

    /// The rows that are in quarantine.
    pub(super) fn quarantined(&self) -> anyhow::Result<Vec<i64>> {
        let rows = quarantined(&self.project(), &[])?;
        Ok(rows.iter().map(|row| row.number).collect())
    }

    /// Puts rows back that are in quarantine.
    pub(super) fn put_back(&self, rows: &[i64]) -> Result<(), QuarantineError> {
        decide(&self.project(), rows, Decision::Restore, Watchers::SILENT).map(drop)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // What stays behind in the system's temporary folder is its own.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Runs one text as a script would.
pub(super) fn run(
    session: &mut dyn Session,
    sql: &str,
) -> Result<Vec<Vec<Option<String>>>, tightrope_engine::EngineError> {
    let statement = RunStatement {
        sql,
        copy_data: None,
    };
    Ok(session.run(statement)?.rows)
}

fn clear(session: &mut dyn Session) -> anyhow::Result<()> {
    if session.capabilities().object_numbers {
        run(
            session,
            "drop schema if exists public, tightrope, aside cascade; create schema public; grant usage on schema public to public",
        )?;
        return Ok(());
    }
    run(session, "pragma foreign_keys = off")?;
    // What is lent next says whether they are enforced. A table that goes takes its indexes and triggers along.
    for kind in ["view", "trigger", "table"] {
        let list = format!(
            "select name from sqlite_master where type = '{kind}' and name not like 'sqlite\\_%' escape '\\'"
        );
        for name in run(session, &list)?.into_iter().flatten().flatten() {
            let name = session.quote(&name);
            run(session, &format!("drop {kind} if exists {name}"))?;
        }
    }
    Ok(())
}

/// The twin as a bench: everything is tried inside a transaction.
struct TwinBench<'a> {
    session: &'a mut dyn Session,
}

impl Bench for TwinBench<'_> {
    fn attempt(&mut self, sql: &[String]) -> bool {
        attempt(self.session, sql).is_ok()
    }

    fn settle(&mut self) {
        self.session
            .commit()
            .expect("what was tried can stay: each try was checked");
        self.session.begin().expect("a transaction begins");
    }
}

/// Runs statements between a savepoint and its release; undoes them all if one fails.
pub(super) fn attempt(
    session: &mut dyn Session,
    sql: &[String],
) -> Result<(), tightrope_engine::EngineError> {
    let mut failed = if session.capabilities().object_numbers {
        // In one round trip.
        let together = format!("savepoint attempt; {}", sql.join("; "));
        run(
            session,
            &format!("{together}; set constraints all immediate; release savepoint attempt"),
        )
        .err()
    } else {
        run(session, "savepoint attempt")?;
        sql.iter().find_map(|sql| run(session, sql).err())
    };
    if failed.is_none() {
        if session.capabilities().object_numbers {
            return Ok(());
        }
        failed = check_deferred(session).err();
    }
    match failed {
        None => run(session, "release savepoint attempt").map(drop),
        Some(error) => {
            run(session, "rollback to savepoint attempt")?;
            run(session, "release savepoint attempt")?;
            Err(error)
        }
    }
}

/// Checks the references that wait for the end of the transaction.
pub(super) fn check_deferred(
    session: &mut dyn Session,
) -> Result<(), tightrope_engine::EngineError> {
    if session.capabilities().object_numbers {
        return run(session, "set constraints all immediate").map(drop);
    }
    // A reference to nothing is an error of the check itself, and no violation.
    match run(session, "pragma foreign_key_check") {
        Ok(rows) if !rows.is_empty() => Err(tightrope_engine::EngineError::new(
            tightrope_engine::ErrorKind::DataViolation,
            "a reference leads nowhere",
        )),
        _ => Ok(()),
    }
}
