//! A server ends with the run that it was started for, however the run ends.
//!
//! Each test plays a test runner: a process with the name of one, that runs [`holds_a_server`] of this very file.
#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tightrope_testkit::servers;

/// What a played runner runs: gets a server, says where it is, and stays until its stdin ends.
#[test]
#[ignore = "the tests below run it"]
fn holds_a_server() {
    let server = servers::postgres(15).unwrap();
    let row = server
        .connect("postgres")
        .unwrap()
        .query_one("show data_directory", &[])
        .unwrap();
    println!("\nserver {} {}", server.port, row.get::<_, &str>(0));
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

/// A played test runner, and what its test has said of the server.
struct Runner {
    process: Child,
    port: u16,
    folder: PathBuf,
    rest: Option<JoinHandle<()>>,
}

impl Runner {
    fn start(name: &str) -> Self {
        let own = format!("tightrope-runner-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(own);
        fs::create_dir_all(&folder).unwrap();
        let program = folder.join(format!("cargo-{name}"));
        symlink("/bin/sh", &program).unwrap();
        let test = std::env::current_exe().unwrap();
        let mut process = Command::new(&program)
            .args([
                "-c",
                "\"$0\" --exact holds_a_server --ignored --nocapture; exit",
            ])
            .arg(test)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        fs::remove_file(&program).unwrap();
        fs::remove_dir(&folder).unwrap();

        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let (port, folder) = lines
            .find_map(|line| parse(&line.unwrap()))
            .expect("the test says where its server is");
        Self {
            process,
            port,
            folder,
            rest: Some(thread::spawn(move || lines.for_each(drop))),
        }
    }

    /// A connection that ends when the server does.
    fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).unwrap()
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        // Its test ends with its stdin, also when the runner was killed; it is heard out.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
        let _ = self.rest.take().map(JoinHandle::join);
    }
}

fn parse(line: &str) -> Option<(u16, PathBuf)> {
    let (port, data) = line.strip_prefix("server ")?.split_once(' ')?;
    let folder = Path::new(data).parent()?;
    Some((port.parse().ok()?, folder.to_owned()))
}

/// Waits until the server at the other end is gone.
fn wait_for_end(mut connection: TcpStream) {
    let limit = Duration::from_secs(20);
    connection.set_read_timeout(Some(limit)).unwrap();
    // A reset is an end too; a timeout is not.
    if let Err(error) = connection.read_to_end(&mut Vec::new()) {
        assert!(
            !matches!(error.kind(), std::io::ErrorKind::WouldBlock),
            "the server lives on"
        );
    }
}

fn wait_for_removal(folder: &Path) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while folder.exists() {
        assert!(
            Instant::now() < deadline,
            "{} is still there",
            folder.display()
        );
        thread::sleep(Duration::from_millis(10));
    }
}

/// The process that keeps the server in that folder.
fn keeper(folder: &Path) -> i32 {
    let needle = folder.to_str().unwrap();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|process| process.file_name().to_str()?.parse().ok())
        .find(|pid: &i32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let mut words = line.split(|byte| *byte == 0);
            words.any(|word| word == b"tightrope-keeper")
                && words.any(|word| word == needle.as_bytes())
        })
        .expect("the server has a keeper")
}

#[test]
fn a_server_ends_with_a_runner_that_is_killed() {
    let mut runner = Runner::start("killed");
    let connection = runner.connect();
    runner.kill();
    wait_for_end(connection);
    wait_for_removal(&runner.folder);
}

#[test]
fn a_server_ends_with_a_runner_that_ends() {
    let mut runner = Runner::start("ended");
    let connection = runner.connect();
    drop(runner.process.stdin.take());
    runner.process.wait().unwrap();
    wait_for_end(connection);
    wait_for_removal(&runner.folder);
}

#[test]
fn what_a_killed_keeper_leaves_the_next_run_sweeps() {
    let mut runner = Runner::start("swept");
    let connection = runner.connect();
    let keeper = rustix::process::Pid::from_raw(keeper(&runner.folder)).unwrap();
    rustix::process::kill_process(keeper, rustix::process::Signal::KILL).unwrap();
    runner.kill();

    let _next = Runner::start("next");
    wait_for_end(connection);
    wait_for_removal(&runner.folder);
}
