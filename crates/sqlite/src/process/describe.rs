//! A process as people know it.

use std::fs;

use tightrope_engine::{Blocker, DatabaseUrl};

use super::liveness::started;

/// Clock ticks in a second: fixed for what the kernel shows to programs.
const TICKS: u64 = 100;

const LONGEST: usize = 160;

/// Names the process: its user, its program with its arguments (without what looks like a secret), and since when it runs.
///
/// SQLite has no server that would know what the process is doing in the database: the query stays empty.
pub(super) fn describe(pid: u32, lock: String) -> Blocker {
    Blocker {
        pid: i64::from(pid),
        user: user(pid).unwrap_or_default(),
        application: program(pid),
        state: "running".to_owned(),
        seconds: seconds(pid),
        query: String::new(),
        lock: Some(lock),
    }
}

fn program(pid: u32) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let line = command_line(&arguments);
    let name = name.trim();
    if line.is_empty() {
        return name.to_owned();
    }
    line
}

/// The arguments on one line, cut to a readable length; one that speaks of a secret, or follows such a one, is cut out.
fn command_line(arguments: &[u8]) -> String {
    let mut line = String::new();
    let mut hide_next = false;
    for (index, argument) in arguments.split(|&byte| byte == 0).enumerate() {
        let argument = String::from_utf8_lossy(argument);
        if argument.is_empty() {
            continue;
        }
        if index > 0 {
            line.push(' ');
        }
        let lower = argument.to_lowercase();
        let speaks = ["passw", "secret", "token", "key", "credential"]
            .iter()
            .any(|word| lower.contains(word));
        if hide_next {
            line.push_str("***");
            hide_next = false;
        } else if index == 0 {
            line.push_str(argument.rsplit('/').next().unwrap_or(&argument));
        } else if speaks && argument.starts_with('-') && !argument.contains('=') {
            line.push_str(&argument);
            hide_next = true;
        } else if speaks {
            line.push_str(
                argument
                    .split('=')
                    .next()
                    .filter(|name| name.len() < argument.len())
                    .unwrap_or(""),
            );
            line.push_str("=***");
        } else {
            line.push_str(&DatabaseUrl::new(argument).redacted());
        }
    }
    let mut shown: String = line
        .chars()
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .take(LONGEST)
        .collect();
    if shown.len() < line.len() {
        shown.push('…');
    }
    shown
}

#[cfg(unix)]
fn user(pid: u32) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let uid = fs::metadata(format!("/proc/{pid}")).ok()?.uid();
    let names = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = names.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    Some(name.unwrap_or_else(|| uid.to_string()))
}

#[cfg(not(unix))]
fn user(_: u32) -> Option<String> {
    None
}

fn seconds(pid: u32) -> Option<u64> {
    let uptime = fs::read_to_string("/proc/uptime").ok()?;
    let uptime: u64 = uptime.split('.').next()?.parse().ok()?;
    Some(uptime.saturating_sub(started(pid)? / TICKS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(arguments: &str, expect: &str) {
        assert_eq!(
            command_line(arguments.replace(' ', "\0").as_bytes()),
            expect
        );
    }

    #[test]
    fn secrets_stay_out() {
        check("/usr/bin/python3 report.py", "python3 report.py");
        check("app --password hunter2 -v", "app --password *** -v");
        check("app --password=hunter2", "app --password=***");
        check("app API_KEY=abc", "app API_KEY=***");
        check(
            "app postgres://me:pw@host/db",
            "app postgres://me:***@host/db",
        );
        check("", "");
    }
}
