//! Physical copies of a whole server, restored by another system: which database of which server it is can be told for certain.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use tightrope_testkit::servers::{OwnServer, bin_dir, postgres_majors};

use crate::other_system::OtherSystem;
use crate::stage::{Stage, assert_says};

/// Ends the servers that a failing test has left running.
struct Servers(PathBuf);

impl Drop for Servers {
    fn drop(&mut self) {
        for entry in fs::read_dir(&self.0).into_iter().flatten().flatten() {
            let pid = fs::read_to_string(entry.path().join("postmaster.pid"));
            if let Some(pid) = pid
                .ok()
                .and_then(|text| Some(text.lines().next()?.to_owned()))
            {
                let _ = Command::new("kill").args(["-QUIT", &pid]).status();
            }
        }
    }
}

/// A port that nobody listens on at this instant.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Writes the commands of a system that copies files; what is restored is opened as that database.
fn commands(system: &OtherSystem<'_>, port: u16, database: &str, more: &str) {
    let bin = bin_dir(postgres_majors()[0]).unwrap();
    let bin = bin.display();
    // No server runs as root.
    let user = "user=$(id -un)\n[ \"$(id -u)\" != 0 ] || user=$(id -un postgres 2>/dev/null || echo nobody)\n\
                serve() { if [ \"$(id -u)\" = 0 ]; then setpriv --reuid=\"$user\" --clear-groups \"$@\"; else \"$@\"; fi; }\n\
                folder=$PWD/$TIGHTROPE_RESTORE_NAME";
    system.script(
        "restore",
        &format!(
            "{user}\ncp -r \"store/$TIGHTROPE_BACKUP_ID\" \"$folder\"\nchmod 700 \"$folder\"\n{more}\n\
             [ \"$(id -u)\" != 0 ] || chown -R \"$user\" \"$folder\"\n\
             serve {bin}/pg_ctl -D \"$folder\" -w -l \"$folder/start.log\" \
             -o '-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=' start >&2\n\
             echo postgres://postgres@127.0.0.1:{port}/{database}"
        ),
    );
    system.script(
        "remove",
        &format!(
            "{user}\nserve {bin}/pg_ctl -D \"$folder\" -m immediate stop >&2 || true\nrm -rf \"$folder\"\n\
             echo \"$TIGHTROPE_RESTORE_NAME $TIGHTROPE_COPY_URL\" >> removed"
        ),
    );
}

#[test]
fn postgres_a_physical_copy_is_told_from_what_only_looks_like_one() {
    let major = postgres_majors()[0];
    let server = OwnServer::start(major, "wal_level = replica\nmax_wal_senders = 4").unwrap();
    let stage = Stage::on(server.server());
    let system = OtherSystem::new(&stage);
    let _servers = Servers(stage.path(""));
    // The copy's server runs as another user, who has to come in.
    fs::set_permissions(stage.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    let base = bin_dir(major).unwrap().join("pg_basebackup");
    let port_of_target = server.server().port.to_string();
    let taken = Command::new(base)
        .args(["-h", "127.0.0.1", "-p", &port_of_target, "-U", "postgres"])
        .args(["-X", "stream", "-c", "fast", "-D"])
        .arg(stage.path("store/b1"))
        .status()
        .unwrap();
    assert!(taken.success());
    system.tells("b1", jiff::Timestamp::now());
    system.run("backup adopt", 0);

    let (port, name) = (free_port(), stage.name());
    commands(&system, port, "postgres", "");
    let refused = system.run("backup prove", 4).stderr;
    assert_says(
        &refused,
        "another database of a copy of the target's server",
    );
    let follows = format!(
        "touch \"$folder/standby.signal\"\necho \"primary_conninfo = 'host=127.0.0.1 port={port_of_target} user=postgres'\" >> \"$folder/postgresql.auto.conf\""
    );
    // It is a standby once it follows, which takes it an instant.
    let wait = "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.3; grep -q 'started streaming' \"$folder/start.log\" && break; done";
    commands(&system, port, &name, &follows);
    let restore = fs::read_to_string(stage.path("restore")).unwrap();
    let (start, echo) = restore.trim_end().rsplit_once('\n').unwrap();
    let restore = format!("{start}\n{wait}\n{echo}");
    system.script(
        "restore",
        restore.trim_start_matches("#!/bin/sh\nset -eu\n"),
    );
    let refused = system.run("backup prove", 4).stderr;
    assert_says(&refused, "a standby of a server that goes on");
    assert_eq!(system.listed(), ["unproven"]);

    commands(&system, port, &name, "");
    system.run("backup prove", 0);
    assert_eq!(system.listed(), ["proven"]);
    // Copies beside it are made on its server, which is there as long as they are.
    stage.add_migration();
    let text = fs::read_to_string(stage.path("tightrope.toml")).unwrap();
    let rehearse = "[targets.shop.rehearse]\nfrom = 'backup'\n";
    stage.write("tightrope.toml", &format!("{text}{rehearse}"));
    let rehearsed = system.run("rehearse --json", 0).json();
    assert_says(
        rehearsed["copy"]["method"].as_str().unwrap(),
        "template of the restored backup",
    );
    assert_eq!(system.removed().len(), 4);
    assert_eq!(system.left(), Vec::<String>::new());
    server.stop().unwrap();
}
