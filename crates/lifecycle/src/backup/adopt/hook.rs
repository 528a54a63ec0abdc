//! The commands of another backup system: run, waited for, and read.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use tightrope_engine::DatabaseUrl;

use super::error::{AdoptError, AdoptStep};

/// How often it is looked whether a command is done.
const PAUSE: Duration = Duration::from_millis(20);
/// How long what it has printed is waited for once it is done: whatever it has started may hold its output open for ever.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// What is kept of what it prints: the end.
const KEPT: usize = 64 << 10;

/// The commands by which backups that another system keeps are used.
#[derive(Clone, Debug)]
pub struct AdoptCommands {
    /// Prints what the newest backup is.
    pub latest: Vec<String>,
    /// Restores a backup somewhere and prints the URL of the database.
    pub restore: Vec<String>,
    /// Removes what was restored.
    pub remove: Vec<String>,
    /// How long the first and the last may take, in seconds.
    pub timeout_s: u64,
    /// How long restoring may take, in seconds.
    pub restore_timeout_s: u64,
    /// The folder that they are run in; empty means where we are.
    pub folder: PathBuf,
    /// Makes a URL of what is printed, with the password that belongs to it.
    pub url: fn(&str) -> DatabaseUrl,
}

impl AdoptCommands {
    /// In which environment variable the commands find what the other system calls the backup.
    pub const ID: &'static str = "TIGHTROPE_BACKUP_ID";
    /// In which one they find a name that nothing else has, for what is restored.
    pub const NAME: &'static str = "TIGHTROPE_RESTORE_NAME";
    /// In which one the command that removes finds the URL; empty where none was printed.
    pub const URL: &'static str = crate::CopyCommand::VARIABLE;

    fn words(&self, step: AdoptStep) -> &[String] {
        match step {
            AdoptStep::Latest => &self.latest,
            AdoptStep::Restore => &self.restore,
            AdoptStep::Remove => &self.remove,
        }
    }

    /// The name of the program.
    pub(super) fn program(&self, step: AdoptStep) -> String {
        self.words(step).first().cloned().unwrap_or_default()
    }

    /// Runs a command to its end, and gives the last line that it has printed that is not empty; none if it printed nothing.
    ///
    /// `stdin` is given to it as it is, and to all that it starts and that does not close it.
    pub(super) fn run(
        &self,
        step: AdoptStep,
        variables: &[(&str, &str)],
        stdin: Stdio,
    ) -> Result<Option<String>, AdoptError> {
        let program = self.program(step);
        let not_run = |source| AdoptError::NotRun {
            step,
            program: program.clone(),
            source,
        };
        let mut command = Command::new(&program);
        command
            .args(self.words(step).iter().skip(1))
            .envs(variables.iter().copied())
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        if !self.folder.as_os_str().is_empty() {
            command.current_dir(&self.folder);
        }
        let mut child = command.spawn().map_err(not_run)?;
        // It holds the given stdin no longer than the program does.
        drop(command);
        let printed = child.stdout.take().map(Printed::by);
        let seconds = match step {
            AdoptStep::Restore => self.restore_timeout_s,
            AdoptStep::Latest | AdoptStep::Remove => self.timeout_s,
        };
        let status = wait(&mut child, Duration::from_secs(seconds)).map_err(not_run)?;
        match status {
            None => Err(AdoptError::Slow {
                step,
                program,
                seconds,
            }),
            Some(status) if status.success() => Ok(printed.and_then(|printed| printed.last_line())),
            Some(status) if status.code().is_none() => Err(AdoptError::Ended {
                step,
                program,
                status,
            }),
            Some(status) => Err(AdoptError::Failed {
                step,
                program,
                status,
            }),
        }
    }
}

/// What a program has printed, read as it comes.
struct Printed {
    /// The end of it.
    text: Arc<Mutex<Vec<u8>>>,
    /// Gone with the last program that holds the other end.
    goes_on: mpsc::Receiver<()>,
}

impl Printed {
    fn by(mut stdout: ChildStdout) -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let (reads, goes_on) = mpsc::channel();
        let end = Arc::clone(&text);
        thread::spawn(move || {
            let _reads: mpsc::Sender<()> = reads;
            let mut chunk = [0; 4_096];
            loop {
                match stdout.read(&mut chunk) {
                    Ok(0) => return,
                    Ok(count) => {
                        let mut end = end.lock().unwrap_or_else(PoisonError::into_inner);
                        end.extend_from_slice(&chunk[..count]);
                        let over = end.len().saturating_sub(KEPT);
                        end.drain(..over);
                    }
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(_) => return,
                }
            }
        });
        Self { text, goes_on }
    }

    /// The last line that is not empty. Only asked for when the program has ended: what it printed is on its way at the most.
    fn last_line(&self) -> Option<String> {
        // Nothing is ever sent: this waits for the end, or for so long.
        let _ = self.goes_on.recv_timeout(LAST_WORDS);
        let text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&text);
        let mut lines = text.lines().map(str::trim);
        lines.rfind(|line| !line.is_empty()).map(str::to_owned)
    }
}

/// Waits for the program; ends it, and what it has started, when its time is over, and gives none then.
fn wait(child: &mut Child, most: Duration) -> std::io::Result<Option<ExitStatus>> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if began.elapsed() >= most {
            end_all(child.id());
            // It is ours, and it is over its time; that it has gone by itself now is as well.
            let _ = child.kill();
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(PAUSE);
    }
}

/// Ends what a program has started, where the system tells what that is. It shares our group, so that Ctrl-C reaches it as well as us.
#[cfg(target_os = "linux")]
fn end_all(id: u32) {
    use rustix::process::{Pid, Signal, kill_process};
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
    for child in children.unwrap_or_default().split_whitespace() {
        let Ok(id) = child.parse::<u32>() else {
            continue;
        };
        end_all(id);
        if let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) {
            // One that has ended meanwhile need not be ended.
            let _ = kill_process(pid, Signal::TERM);
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn end_all(_: u32) {}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn commands(script: &str) -> AdoptCommands {
        let words = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
        AdoptCommands {
            latest: words.clone(),
            restore: words.clone(),
            remove: words,
            timeout_s: 60,
            restore_timeout_s: 1,
            folder: PathBuf::new(),
            url: |text| DatabaseUrl::new(text),
        }
    }

    fn run(script: &str) -> Result<Option<String>, AdoptError> {
        commands(script).run(AdoptStep::Latest, &[("NAME", "x y")], Stdio::null())
    }

    #[test]
    fn the_last_line_is_what_counts() {
        let check = |script: &str, expect: Option<&str>| {
            assert_eq!(run(script).unwrap().as_deref(), expect, "{script}");
        };
        check(
            "echo one; echo \"  $NAME \"; echo; echo not this >&2",
            Some("x y"),
        );
        check("exit 0", None);
        check("yes | head -c 1000000; echo; echo last", Some("last"));
    }

    #[test]
    fn a_server_that_was_left_running_holds_up_nobody() {
        let began = Instant::now();
        let said = run("sleep 600 & echo $!").unwrap().unwrap();
        assert!(began.elapsed() < Duration::from_secs(60));
        let pid = rustix::process::Pid::from_raw(said.parse().unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }

    #[test]
    fn what_went_wrong_is_told_apart() {
        let said = |script: &str| run(script).unwrap_err();
        assert!(matches!(said("exit 3"), AdoptError::Failed { .. }));
        assert!(matches!(said("kill -9 $$"), AdoptError::Ended { .. }));
        let mut nowhere = commands("");
        nowhere.latest = vec!["/nonexistent/hook".to_owned()];
        let error = nowhere.run(AdoptStep::Latest, &[], Stdio::null());
        assert!(matches!(error, Err(AdoptError::NotRun { .. })));
    }

    #[test]
    fn one_that_takes_too_long_is_ended_with_what_it_has_started() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let script = format!("sleep 600 & echo $! > {}; wait", file.display());
        let error = commands(&script).run(AdoptStep::Restore, &[], Stdio::null());
        assert!(matches!(error, Err(AdoptError::Slow { seconds: 1, .. })));
        let pid: u32 = std::fs::read_to_string(&file)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        // It has been told to end; it is gone as soon as somebody has asked after it.
        let is_gone = || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
            stat.is_err() || stat.is_ok_and(|stat| stat.contains(") Z "))
        };
        while cfg!(target_os = "linux") && !is_gone() {
            thread::sleep(PAUSE);
        }
    }
}
