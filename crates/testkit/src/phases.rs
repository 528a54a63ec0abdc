//! The phase runner: a test of a migration is only the migration and what is expected.
//!
//! [`Phases::run`] takes a migration through its life on a real database and compares the end states by itself: the rehearsal
//! must give the expected verdict and leave the target alone; an aborted apply must leave everything as it was; after apply and
//! rollback schema and rows must be those of before wherever the verdict says so.

use std::path::{Path, PathBuf};

use tightrope_engine::{ConnectOptions, DatabaseUrl, Registry, RunStatement, Session};
use tightrope_lifecycle::{
    ApplyError, ApplyOptions, BackupSettings, CopiesOf, Left, MigrationRehearsal, Policy, Project,
    RehearseOptions, RollbackError, RollbackOptions, Selecting, Silent, Watchers, prepare_apply,
    prepare_rollback, rehearse,
};
use tightrope_model::{EngineKind, Fingerprint, TableChecksum, Verdict};
use tightrope_script::{Script, TransactionMode};
use tightrope_store::Holder;

use crate::contract::ContractDatabase;

/// An engine to run migrations on, with a way to make empty databases.
pub struct Phases {
    name: String,
    registry: Registry,
    make: Box<dyn Fn() -> anyhow::Result<ContractDatabase>>,
}

/// A migration and what is expected of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Case<'a> {
    /// SQL that makes the database as it is before.
    pub before: &'a str,
    /// The forward script.
    pub forward: &'a str,
    /// The rollback script, if there is one.
    pub rollback: Option<&'a str>,
    /// The verify script, if there is one.
    pub verify: Option<&'a str>,
    /// The migration's `metadata.toml`, if it has one.
    pub metadata: Option<&'a str>,
}

/// A database with a folder of one migration.
pub struct Desk {
    /// The project, as a command would have it.
    pub project: Project,
    folder: PathBuf,
    _database: ContractDatabase,
}

/// A database at one instant: its fingerprint and every table's checksum.
pub type State = (Fingerprint, Vec<TableChecksum>);

impl Phases {
    /// An engine under a name for people.
    pub fn new(
        name: impl Into<String>,
        registry: Registry,
        make: impl Fn() -> anyhow::Result<ContractDatabase> + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            registry,
            make: Box::new(make),
        }
    }

    /// A database as the case wants it before, and its migration in a folder.
    pub fn desk(&self, case: &Case<'_>) -> Desk {
        let database = (self.make)().expect("a database is made");
        let url = database.url.clone();
        let folder = std::env::temp_dir().join(format!("tightrope-phases-{}", rand_name()));
        let project = Project {
            registry: self.registry.clone(),
            folder: folder.clone(),
            format: None,
            placeholders: std::collections::BTreeMap::new(),
            url,
            rehearse_url: None,
            selecting: Selecting::default(),
            copies_of: CopiesOf::Target,
            workload: tightrope_lifecycle::WorkloadSettings::default(),
            backup: BackupSettings::default(),
            policy: Policy {
                lock_tries: 3,
                lock_timeout_ms: 300,
                lease_wait_s: 0,
                ..Policy::default()
            },
            tool_version: "test".to_owned(),
            holder: Holder {
                user: "tester".to_owned(),
                host: "here".to_owned(),
                pid: std::process::id(),
                command: "test".to_owned(),
            },
            variables: |_| None,
        };
        let desk = Desk {
            project,
            folder,
            _database: database,
        };
        desk.write("0001_first", case);
        desk.execute(case.before);
        desk
    }

    /// Takes a migration through its life and gives its rehearsal.
    ///
    /// # Panics
    /// When anything is not as the verdict promises.
    pub fn run(&self, case: &Case<'_>, expect: Verdict) -> MigrationRehearsal {
        let desk = self.desk(case);
        let before = desk.state();
        let rehearsal = desk.rehearse();
        let on = &self.name;
        assert_eq!(rehearsal.verdict, expect, "on {on}: {rehearsal:#?}");
        assert_eq!(
            desk.state(),
            before,
            "on {on}: the rehearsal changed the target"
        );
        if expect == Verdict::ForwardFails {
            desk.forward_is_refused(&before, on);
            return rehearsal;
        }
        desk.abort(case, &before, on);
        // Steps that were undone may have left a text written differently.
        let before = desk.state();
        desk.apply(!expect.passes());
        desk.roll_back_as_promised(expect, &before, on);
        rehearsal
    }
}

fn rand_name() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!(
        "{}-{}",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    )
}

impl Drop for Desk {
    fn drop(&mut self) {
        // What stays behind in the system's temporary folder is its own.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Desk {
    /// Writes a migration into the folder.
    pub fn write(&self, directory: &str, case: &Case<'_>) {
        let home = self.folder.join(directory);
        std::fs::create_dir_all(&home).expect("the folder is made");
        let put = |name: &str, text: Option<&str>| {
            let path = home.join(name);
            match text {
                Some(text) => std::fs::write(path, text).expect("a script is written"),
                None => drop(std::fs::remove_file(path)),
            }
        };
        put("up.sql", Some(case.forward));
        put("down.sql", case.rollback);
        put("verify.sql", case.verify);
        put("metadata.toml", case.metadata);
    }

    /// The folder of migrations.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The database's address.
    pub fn url(&self) -> &DatabaseUrl {
        &self.project.url
    }

    /// A session on the database.
    pub fn session(&self) -> Box<dyn Session> {
        let engine = self.project.engine().expect("the engine is known");
        engine
            .connect(&self.project.url, &ConnectOptions::default())
            .expect("the database answers")
    }

    /// Runs SQL statements one by one.
    pub fn execute(&self, sql: &str) {
        let mut session = self.session();
        let script = Script::whole("set-up.sql", sql, TransactionMode::Auto);
        for statement in script.parse(self.dialect()).statements {
            let text = script.text_of(&statement);
            session
                .run(RunStatement {
                    sql: text,
                    copy_data: None,
                })
                .unwrap_or_else(|error| panic!("{text}: {error:?}"));
        }
    }

    fn dialect(&self) -> EngineKind {
        self.project.dialect().expect("the engine is known")
    }

    /// The database as it is now.
    pub fn state(&self) -> State {
        let mut session = self.session();
        let catalog = session.catalog().expect("the schema is read");
        let sums = session
            .checksums(catalog.tables())
            .expect("the rows are read");
        (catalog.fingerprint(), sums)
    }

    /// Rehearses the first pending migration.
    pub fn rehearse(&self) -> MigrationRehearsal {
        let rehearsed = rehearse(&self.project, &RehearseOptions::default(), &Silent)
            .expect("the rehearsal can be made");
        rehearsed
            .migrations
            .into_iter()
            .next()
            .expect("one migration is pending")
    }

    /// Applies what is pending, rehearsing it by itself, or without a rehearsal.
    pub fn apply(&self, unrehearsed: bool) {
        self.try_apply(unrehearsed)
            .expect("the migration is applied");
    }

    /// Tries to apply what is pending.
    ///
    /// # Errors
    /// What `apply` says.
    pub fn try_apply(&self, unrehearsed: bool) -> Result<tightrope_lifecycle::Applied, ApplyError> {
        let unrehearsed = unrehearsed.then(|| "a test".to_owned());
        let options = ApplyOptions {
            unrehearsed,
            ..ApplyOptions::default()
        };
        prepare_apply(&self.project, &options, Watchers::SILENT)?.run(Watchers::SILENT)
    }

    /// Rolls the last migration back.
    ///
    /// # Errors
    /// What `rollback` says.
    pub fn try_roll_back(
        &self,
        options: &RollbackOptions,
    ) -> Result<tightrope_lifecycle::RolledBack, RollbackError> {
        prepare_rollback(&self.project, options)?.run(Watchers::SILENT)
    }

    fn forward_is_refused(&self, before: &State, on: &str) {
        assert!(
            matches!(self.try_apply(false), Err(ApplyError::NotProven { .. })),
            "on {on}"
        );
        assert!(
            self.try_apply(true).is_err(),
            "on {on}: a forward script that failed in rehearsal ran"
        );
        assert_eq!(
            &self.state(),
            before,
            "on {on}: a failed apply changed the database"
        );
    }

    /// The same migration with a statement at its end that fails: nothing of it may stay.
    fn abort(&self, case: &Case<'_>, before: &State, on: &str) {
        let forward = format!(
            "{}\n;\nselect * from there_is_no_such_table;\n",
            case.forward
        );
        self.write(
            "0001_first",
            &Case {
                forward: &forward,
                ..*case
            },
        );
        match self.try_apply(true) {
            Err(ApplyError::Script {
                left: Left::Unchanged { .. },
                ..
            }) => {
                assert_eq!(
                    &self.state(),
                    before,
                    "on {on}: an aborted apply changed the database"
                );
            }
            Err(ApplyError::Script {
                left: Left::Undone { .. },
                ..
            }) => {
                let now = self.state();
                assert_eq!(
                    now.0.logical, before.0.logical,
                    "on {on}: undone steps left something behind"
                );
                assert_eq!(now.1, before.1, "on {on}: undone steps left rows behind");
            }
            // Steps that no rollback script can take back stay, and the journal says so; the phases end here.
            Err(ApplyError::Script {
                left: Left::Interrupted { .. },
                ..
            }) if case.rollback.is_none() => {}
            other => panic!("on {on}: {other:#?}"),
        }
        self.write("0001_first", case);
    }

    fn roll_back_as_promised(&self, expect: Verdict, before: &State, on: &str) {
        let forward = self.state();
        let result = self.try_roll_back(&RollbackOptions::default());
        if let Ok(done) = &result
            && done.migrations.iter().all(|one| one.net.is_some())
        {
            // With a net the way back is exact, whatever the written script is worth.
            assert_eq!(&self.state(), before, "on {on}: {result:#?}");
            if expect == Verdict::Exact {
                self.apply(false);
            }
            return;
        }
        match expect {
            Verdict::Exact => {
                result.unwrap_or_else(|error| panic!("on {on}: {error:#?}"));
                assert_eq!(&self.state(), before, "on {on}: the rollback is not exact");
                self.apply(false);
            }
            Verdict::ColumnOrder | Verdict::TextOnly => {
                result.unwrap_or_else(|error| panic!("on {on}: {error:#?}"));
                let now = self.state();
                assert_eq!(now.0.logical, before.0.logical, "on {on}");
                assert_eq!(now.1, before.1, "on {on}: rows did not come back");
            }
            Verdict::DataDiffers => {
                drop(result.unwrap_or_else(|error| panic!("on {on}: {error:#?}")))
            }
            Verdict::SchemaDiffers | Verdict::EmptyRollback => {
                let refused = matches!(result, Err(RollbackError::NotRestored { .. }));
                // A script that changed rows only leaves the schema as it was, and nothing to refuse.
                assert!(refused || forward.0 == before.0, "on {on}: {result:#?}");
            }
            Verdict::RollbackFails | Verdict::Irreversible | Verdict::NoRollback => {
                assert!(
                    result.is_err() || expect == Verdict::Irreversible,
                    "on {on}: {result:#?}"
                );
                if result.is_err() {
                    assert_eq!(
                        self.state(),
                        forward,
                        "on {on}: a failed rollback changed the database"
                    );
                }
            }
            Verdict::ForwardFails | Verdict::ChangesQueries | Verdict::BreaksQueries => {
                unreachable!("it was never applied")
            }
        }
    }
}
