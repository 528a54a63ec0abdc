//! What every command starts from: the options, the configuration, the terminal.

use std::path::PathBuf;

use tightrope_engine::{DatabaseUrl, Registry};
use tightrope_lifecycle::{Project, Selecting};
use tightrope_postgres::PostgresEngine;
use tightrope_report::Style;
use tightrope_sqlite::SqliteEngine;

use crate::arguments::Options;
use crate::configuration::{self, Configuration, Copies, Target};
use crate::errors::CommandError;
use crate::exit::Exit;
use crate::holder;
use crate::terminal::Terminal;

/// Where migrations are looked for if nobody says.
const DEFAULT_FOLDER: &str = "migrations";

/// What every command starts from.
pub(crate) struct Context {
    pub(crate) options: Options,
    pub(crate) terminal: Terminal,
}

/// The engines that this build knows.
pub(crate) fn registry() -> Registry {
    Registry::new()
        .with(PostgresEngine::new())
        .with(SqliteEngine::new())
}

impl Context {
    pub(crate) fn new(options: Options, terminal: Terminal) -> Self {
        Self { options, terminal }
    }

    /// The configuration: the file that is named, else the next one above, else none.
    pub(crate) fn configuration(&self) -> Result<Configuration, CommandError> {
        configuration::find(self.options.config.as_deref())
    }

    /// The project that a command works on: a folder and a database.
    pub(crate) fn project(&self, command: &str) -> Result<Project, CommandError> {
        let configuration = self.configuration()?;
        let target = self.target(&configuration)?;
        self.project_on(command, &configuration, target)
    }

    /// The same without a database: only for what reads the folder.
    pub(crate) fn folder_only(
        &self,
        command: &str,
        configuration: &Configuration,
    ) -> Result<Project, CommandError> {
        let nowhere = Target {
            url: DatabaseUrl::new(""),
            copies: Copies::default(),
            masks: Selecting::default(),
            backup: None,
        };
        self.project_on(command, configuration, nowhere)
    }

    pub(crate) fn project_on(
        &self,
        command: &str,
        configuration: &Configuration,
        target: Target,
    ) -> Result<Project, CommandError> {
        Ok(Project {
            registry: registry(),
            folder: self.folder(configuration),
            format: self.options.format.or(configuration.format()?),
            placeholders: configuration.placeholders.clone(),
            url: target.url,
            rehearse_url: target.copies.place,
            copies_of: target.copies.of,
            selecting: target.copies.selecting,
            policy: configuration.policy(),
            workload: configuration.workload(),
            backup: configuration.backup(target.backup)?,
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            holder: holder::this_process(command),
            variables: |name| std::env::var(name).ok(),
        })
    }

    /// The folder of migrations.
    pub(crate) fn folder(&self, configuration: &Configuration) -> PathBuf {
        match &self.options.dir {
            Some(folder) => folder.clone(),
            None => configuration
                .folder()
                .unwrap_or_else(|| PathBuf::from(DEFAULT_FOLDER)),
        }
    }

    /// The database: `--url`, else `--target`, else `TIGHTROPE_URL`, else the default target.
    pub(crate) fn target(&self, configuration: &Configuration) -> Result<Target, CommandError> {
        self.known_target(configuration)?.ok_or_else(|| {
            CommandError::new(Exit::Error, "no database is named")
                .hint("name it with `--url postgres://user@host/name` or `--url sqlite://file.db`")
                .hint("or set TIGHTROPE_URL, or write it into tightrope.toml: `tightrope init` makes one")
        })
    }

    /// The same; none if no database is named anywhere.
    pub(crate) fn known_target(
        &self,
        configuration: &Configuration,
    ) -> Result<Option<Target>, CommandError> {
        let from_environment = || {
            std::env::var("TIGHTROPE_URL")
                .ok()
                .filter(|url| !url.is_empty())
        };
        let given = match (&self.options.url, &self.options.target) {
            (Some(url), _) => Some(url.clone()),
            (None, Some(_)) => None,
            (None, None) => from_environment(),
        };
        if let Some(url) = given {
            let url = configuration::with_password(&url);
            return configuration.target_at(url).map(Some);
        }
        configuration.target(self.options.target.as_deref())
    }
}

impl Context {
    /// Shows what would be done and asks for a yes.
    ///
    /// # Errors
    /// When the answer is no, or there is nobody to ask.
    pub(crate) fn confirm(
        &self,
        question: &str,
        what: impl FnOnce(&Style) -> String,
    ) -> Result<(), CommandError> {
        self.terminal.say(what);
        if !self.terminal.can_ask() {
            return Err(CommandError::new(
                Exit::Refused,
                "nobody is there to say yes: stdin is no terminal",
            )
            .hint("confirm beforehand with `--yes`"));
        }
        match self.terminal.confirms(question) {
            true => Ok(()),
            false => Err(CommandError::new(Exit::Refused, "not confirmed")),
        }
    }
}
