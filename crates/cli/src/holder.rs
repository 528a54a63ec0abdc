//! Who we are, for those who come second.

use std::process::{Command, Stdio};

use tightrope_store::Holder;

/// This process as the holder of a lease.
pub(crate) fn this_process(command: &str) -> Holder {
    Holder {
        user: user(),
        host: host(),
        pid: std::process::id(),
        command: command.to_owned(),
    }
}

/// The operating system's user.
pub(crate) fn user() -> String {
    ["USER", "LOGNAME"]
        .iter()
        .find_map(|name| set(name))
        .or_else(ask_system)
        .unwrap_or_else(|| "unknown".to_owned())
}

fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn ask_system() -> Option<String> {
    let output = Command::new("id")
        .arg("-un")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let name = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !name.is_empty()).then_some(name)
}

fn host() -> String {
    ["/proc/sys/kernel/hostname", "/etc/hostname"]
        .iter()
        .find_map(|file| std::fs::read_to_string(file).ok())
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .or_else(|| set("HOSTNAME"))
        .unwrap_or_else(|| "unknown".to_owned())
}
