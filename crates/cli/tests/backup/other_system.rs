//! Another backup system, as three scripts and a folder: it dumps and restores with real tools, and knows nothing of tightrope.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use jiff::{SignedDuration, Timestamp};
use tightrope_testkit::process::Outcome;
use tightrope_testkit::servers::client_bin_dir;

use crate::stage::Stage;

/// A stage whose backups another system takes.
pub(crate) struct OtherSystem<'a> {
    pub(crate) stage: &'a Stage,
}

impl<'a> OtherSystem<'a> {
    pub(crate) fn new(stage: &'a Stage) -> Self {
        let system = Self { stage };
        system.configure("", "");
        fs::create_dir(stage.path("store")).unwrap();
        system.script("latest", "echo looking >&2\ncat store/latest");
        system.restores_well();
        system
    }

    /// Writes tightrope.toml, with further lines for the target's backups and for all.
    pub(crate) fn configure(&self, backup: &str, all: &str) {
        let url = &self.stage.url;
        let text = format!(
            "{all}\n[targets.shop]\nurl = '{url}'\n[targets.shop.backup]\nto = 'backups'\n{backup}\n\
             [targets.shop.backup.adopt]\nlatest = ['./latest']\nrestore = ['./restore']\nremove = ['./remove']\n\
             timeout_s = 20\nrestore_timeout_s = 60\n"
        );
        self.stage.write("tightrope.toml", &text);
    }

    pub(crate) fn script(&self, name: &str, text: &str) {
        self.stage
            .write(name, &format!("#!/bin/sh\nset -eu\n{text}\n"));
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.stage.path(name), mode).unwrap();
    }

    /// The commands as they should be.
    pub(crate) fn restores_well(&self) {
        if self.stage.is_sqlite() {
            self.script(
                "restore",
                "cp \"store/$TIGHTROPE_BACKUP_ID\" \"$TIGHTROPE_RESTORE_NAME.db\"\necho \"sqlite://$PWD/$TIGHTROPE_RESTORE_NAME.db\"",
            );
            self.script(
                "remove",
                "rm -f \"$TIGHTROPE_RESTORE_NAME.db\" \"$TIGHTROPE_RESTORE_NAME.db-journal\"\necho \"$TIGHTROPE_RESTORE_NAME $TIGHTROPE_COPY_URL\" >> removed",
            );
            return;
        }
        let (bin, admin) = (self.bin(), self.admin());
        let server = admin.trim_end_matches("postgres");
        self.script(
            "restore",
            &format!(
                "{bin}/psql -qd '{admin}' -c \"create database \\\"$TIGHTROPE_RESTORE_NAME\\\"\"\n\
                 {bin}/pg_restore -d '{server}'\"$TIGHTROPE_RESTORE_NAME\" \"store/$TIGHTROPE_BACKUP_ID\"\n\
                 echo '{server}'\"$TIGHTROPE_RESTORE_NAME\""
            ),
        );
        self.script(
            "remove",
            &format!(
                "{bin}/psql -qd '{admin}' -c \"drop database if exists \\\"$TIGHTROPE_RESTORE_NAME\\\" with (force)\"\n\
                 echo \"$TIGHTROPE_RESTORE_NAME $TIGHTROPE_COPY_URL\" >> removed"
            ),
        );
    }

    fn bin(&self) -> String {
        client_bin_dir(self.stage.server().major)
            .unwrap()
            .display()
            .to_string()
    }

    fn admin(&self) -> String {
        self.stage.server().url("postgres")
    }

    /// Takes a backup of a database by that system's own means.
    pub(crate) fn take_of(&self, url: &str, id: &str, options: &str) {
        let file = self.stage.path("store").join(id);
        if self.stage.is_sqlite() {
            let into = format!("vacuum into '{}'", file.display());
            self.stage.sql_on(url, &into);
        } else {
            let dump = format!(
                "{}/pg_dump {options} -Fc -d '{url}' -f '{}'",
                self.bin(),
                file.display()
            );
            let status = std::process::Command::new("sh")
                .args(["-c", &dump])
                .status();
            assert!(status.unwrap().success());
        }
        self.tells(id, Timestamp::now());
    }

    /// Takes one of the target now.
    pub(crate) fn take(&self, id: &str) {
        self.take_of(&self.stage.url, id, "");
    }

    /// Has `latest` tell that backup.
    pub(crate) fn tells(&self, id: &str, at: Timestamp) {
        self.stage.write("store/latest", &format!("{id} {at}\n"));
    }

    /// Has it tell one of so many hours ago.
    pub(crate) fn tells_hours_ago(&self, id: &str, hours: i64) {
        self.tells(id, Timestamp::now() - SignedDuration::from_hours(hours));
    }

    #[track_caller]
    pub(crate) fn run(&self, command: &str, code: i32) -> Outcome {
        let mut arguments: Vec<&str> = command.split(' ').collect();
        arguments.extend(["--target", "shop"]);
        self.stage.run(&arguments, code)
    }

    /// The states of all backups, as `list` says.
    pub(crate) fn listed(&self) -> Vec<String> {
        let arguments = ["backup", "list", "--json", "--target", "shop"];
        let listed = self.stage.tightrope(&arguments).run().json();
        let backups = listed["backups"].as_array().unwrap().clone();
        let state = |one: &serde_json::Value| one["state"].as_str().unwrap().to_owned();
        backups.iter().map(state).collect()
    }

    /// What was restored and is there still, and what is noted of it.
    pub(crate) fn left(&self) -> Vec<String> {
        let mut left: Vec<String> = Vec::new();
        for folder in ["", "backups"] {
            let entries = fs::read_dir(self.stage.path(folder)).into_iter().flatten();
            let names = entries
                .flatten()
                .map(|entry| entry.file_name().into_string().unwrap());
            left.extend(names.filter(|name| name.contains("tightrope-restore-")));
        }
        if !self.stage.is_sqlite() {
            let mut admin = self.stage.server().connect("postgres").unwrap();
            // Those of tests beside this one are known by who is asked for: nobody.
            let sql = "select datname from pg_database where datname = any($1)";
            let names: Vec<String> = self.removed().into_iter().map(|(name, _)| name).collect();
            let rows = admin.query(sql, &[&names]).unwrap();
            left.extend(rows.iter().map(|row| row.get::<_, String>(0)));
        }
        left
    }

    /// What was removed: the names, and the URLs that were told with them.
    pub(crate) fn removed(&self) -> Vec<(String, String)> {
        let text = fs::read_to_string(self.stage.path("removed")).unwrap_or_default();
        let words = text.lines().map(|line| line.split_once(' ').unwrap());
        words
            .map(|(name, url)| (name.to_owned(), url.trim().to_owned()))
            .collect()
    }
}

impl OtherSystem<'_> {
    /// Proves the newest backup, however that ends; gives the code and all that was said.
    pub(crate) fn tightrope_prove(&self) -> (i32, String) {
        let prove = ["backup", "prove", "--target", "shop"];
        let outcome = self.stage.tightrope(&prove).run();
        (outcome.code.unwrap(), outcome.stdout + &outcome.stderr)
    }
}
