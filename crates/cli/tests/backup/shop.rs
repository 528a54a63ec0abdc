//! A database whose backups go into a bucket.

use std::process::Command;

use tightrope_testkit::faults::FaultProxy;
use tightrope_testkit::process::{Outcome, Tightrope};
use tightrope_testkit::servers::{S3Prefix, s3};

use crate::stage::Stage;

/// A stage, a prefix of its own in a bucket, and a way there that can be cut.
pub(crate) struct Shop<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) bucket: S3Prefix,
    pub(crate) way: FaultProxy,
    pub(crate) address: String,
}

impl<'a> Shop<'a> {
    pub(crate) fn new(stage: &'a Stage) -> Self {
        let server = s3().unwrap();
        let bucket = server.prefix();
        Self {
            stage,
            way: FaultProxy::to(server.port).unwrap(),
            address: bucket.address(),
            bucket,
        }
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        let caches = self.stage.path("caches").display().to_string();
        let mut environment = self.bucket.environment(self.way.port).to_vec();
        environment.push(("XDG_CACHE_HOME", caches));
        environment
    }

    /// A command with `--to` behind it.
    pub(crate) fn tightrope(&self, arguments: &[&str]) -> Tightrope {
        self.bare(&[arguments, &["--to", &self.address]].concat())
    }

    /// A command that finds the place in tightrope.toml.
    pub(crate) fn bare(&self, arguments: &[&str]) -> Tightrope {
        let tightrope = self.stage.tightrope(arguments);
        self.environment()
            .into_iter()
            .fold(tightrope, |command, (name, value)| command.env(name, value))
    }

    /// The same as a command of the standard library, to be stopped at an edge.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let arguments = [arguments, &["--to", &self.address]].concat();
        let mut command = self.stage.command(&arguments);
        command.envs(self.environment());
        command
    }

    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str], code: i32) -> Outcome {
        self.tightrope(arguments).run().expect_code(code)
    }

    /// Takes a backup and gives its name.
    #[track_caller]
    pub(crate) fn backup(&self) -> String {
        let taken = self.run(&["backup", "--json"], 0).json();
        taken["name"].as_str().unwrap().to_owned()
    }

    /// The states of all backups, as `list` says.
    pub(crate) fn listed(&self) -> Vec<String> {
        let listed = self.tightrope(&["backup", "list", "--json"]).run().json();
        let backups = listed["backups"].as_array().unwrap().clone();
        let state = |one: &serde_json::Value| one["state"].as_str().unwrap().to_owned();
        backups.iter().map(state).collect()
    }

    /// The paths of all objects.
    pub(crate) fn objects(&self) -> Vec<String> {
        let objects = self.bucket.objects().unwrap();
        objects.into_iter().map(|(path, _)| path).collect()
    }

    /// The largest object of a backup.
    pub(crate) fn largest(&self, name: &str) -> String {
        let objects = self.bucket.objects().unwrap();
        let data = format!("{name}/data/");
        let of_it = objects
            .into_iter()
            .filter(|(path, _)| path.starts_with(&data));
        of_it.max_by_key(|(_, bytes)| *bytes).unwrap().0
    }

    /// Restores the newest backup into a new database, and requires that it is the database as it is now.
    #[track_caller]
    pub(crate) fn restores(&self, suffix: &str) {
        let new = self.stage.beside(suffix);
        self.run(&["restore", "--into", &new], 0);
        assert_eq!(self.stage.state_of(&new).unwrap(), self.stage.state());
    }

    /// What is left on this machine of what was on its way.
    pub(crate) fn left_here(&self) -> Vec<String> {
        let mut left = Vec::new();
        let stages = std::fs::read_dir(self.stage.path("caches/tightrope/backups"));
        for stage in stages.into_iter().flatten().flatten() {
            for entry in std::fs::read_dir(stage.path()).unwrap().flatten() {
                left.push(entry.file_name().into_string().unwrap());
            }
        }
        left
    }
}

/// Rows that hardly compress, so that a backup has a file that goes up in parts.
pub(crate) fn make_large(stage: &Stage) {
    stage.sql(match stage.is_sqlite() {
        true => {
            "create table blobs (id integer primary key, bytes blob);
             with recursive n(i) as (select 1 union all select i + 1 from n where i < 300)
             insert into blobs select i, randomblob(100000) from n;"
        }
        false => {
            "create table blobs (id integer primary key, bytes text);
             insert into blobs select i, (select string_agg(md5(random()::text), '') from generate_series(1, 4000) j where j <> -i)
             from generate_series(1, 400) i;"
        }
    });
}
