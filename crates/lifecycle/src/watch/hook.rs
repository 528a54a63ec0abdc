//! The hook: a program that is told every event that matters.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::events::WatchEvent;

/// How long it may take; a hook must not hold up a decision.
const LONGEST: Duration = Duration::from_secs(10);
/// How often it is looked whether it is done.
const PAUSE: Duration = Duration::from_millis(20);

/// Runs the hook with the event as JSON on its stdin; looks are too many to be told.
pub(super) fn tell(hook: &[String], event: &WatchEvent) -> Result<(), String> {
    let Some((program, arguments)) = hook.split_first() else {
        return Ok(());
    };
    if matches!(
        event,
        WatchEvent::Look { .. } | WatchEvent::HookFailed { .. }
    ) {
        return Ok(());
    }
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("`{program}`: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        let text = serde_json::to_string(event).unwrap_or_default();
        // A hook that does not read its stdin has no need of it.
        let _ = stdin.write_all(text.as_bytes());
    }
    let begun = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("`{program}` ended with {status}")),
            Ok(None) if begun.elapsed() < LONGEST => std::thread::sleep(PAUSE),
            Ok(None) => {
                // It is ours, and it is over its time.
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("`{program}` took longer than {LONGEST:?}"));
            }
            Err(error) => return Err(format!("`{program}`: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> WatchEvent {
        WatchEvent::Failed {
            because: vec!["more than 10 errors: it is 11".to_owned()],
        }
    }

    fn hook(script: &str) -> Vec<String> {
        ["/bin/sh", "-c", script].map(str::to_owned).to_vec()
    }

    #[test]
    fn a_hook_reads_the_event_from_its_stdin() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("event");
        tell(&hook(&format!("cat > {}", file.display())), &event()).unwrap();
        let told: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        assert_eq!(told["event"], "failed");
    }

    #[test]
    fn a_hook_that_fails_says_so() {
        assert!(
            tell(&hook("exit 3"), &event())
                .unwrap_err()
                .contains("exit status: 3")
        );
        assert!(tell(&["/nonexistent/hook".to_owned()], &event()).is_err());
        assert_eq!(tell(&[], &event()), Ok(()));
    }
}
