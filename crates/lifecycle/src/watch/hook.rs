//! Who is told every event that matters: a hook, which is a program, and a webhook, which is an address.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tightrope_judge::Criteria;

use super::messenger::Teller;
use super::web::{NoAnswer, Variables, Web};

/// How long one of them may take.
const LONGEST: Duration = Duration::from_secs(10);
/// How often it is looked whether it is done.
const PAUSE: Duration = Duration::from_millis(20);

/// All who are told.
pub(super) fn everybody(criteria: &Criteria, variables: Variables) -> Vec<Teller> {
    let mut everybody: Vec<Teller> = Vec::new();
    if !criteria.hook.is_empty() {
        let hook = criteria.hook.clone();
        everybody.push(Box::new(move |event| tell(&hook, event)));
    }
    if let Some(webhook) = &criteria.webhook {
        let web = Web::new(webhook, None, variables, LONGEST);
        everybody.push(Box::new(move |event| post(&web, event)));
    }
    everybody
}

fn post(web: &Web, event: &str) -> Result<(), String> {
    match web.post(event) {
        Ok(answer) if (200..300).contains(&answer.status) => Ok(()),
        Ok(answer) if (300..400).contains(&answer.status) => Err(format!(
            "the webhook answered with status {}: write the address that it points to",
            answer.status
        )),
        Ok(answer) => Err(format!(
            "the webhook answered with status {}",
            answer.status
        )),
        Err(NoAnswer::Slow) => Err(format!("the webhook took longer than {LONGEST:?}")),
        Err(NoAnswer::Because(why)) => Err(format!("the webhook: {why}")),
    }
}

/// Runs the hook with the event, as JSON, on its stdin.
pub(super) fn tell(hook: &[String], event: &str) -> Result<(), String> {
    tell_within(LONGEST, hook, event)
}

fn tell_within(longest: Duration, hook: &[String], event: &str) -> Result<(), String> {
    let Some((program, arguments)) = hook.split_first() else {
        return Ok(());
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("`{program}`: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        let event = event.to_owned();
        // A hook that does not read its stdin has no need of it, and must not hold us up; the write ends with the hook.
        std::thread::spawn(move || {
            let _ = stdin.write_all(event.as_bytes());
        });
    }
    let begun = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("`{program}` ended with {status}")),
            Ok(None) if begun.elapsed() < longest => std::thread::sleep(PAUSE),
            Ok(None) => {
                // It is ours, and it is over its time.
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("`{program}` took longer than {longest:?}"));
            }
            Err(error) => return Err(format!("`{program}`: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::web::tests::{server, variables};

    const EVENT: &str = "{\"event\":\"failed\"}";

    fn hook(script: &str) -> Vec<String> {
        ["/bin/sh", "-c", script].map(str::to_owned).to_vec()
    }

    #[test]
    fn a_hook_reads_the_event_from_its_stdin() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("event");
        tell(&hook(&format!("cat > {}", file.display())), EVENT).unwrap();
        let told: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        assert_eq!(told["event"], "failed");
    }

    #[test]
    fn a_hook_that_does_not_read_its_stdin_holds_up_nobody() {
        // More than a pipe holds.
        let event = "x".repeat(1024 * 1024);
        assert_eq!(tell(&hook("exit 0"), &event), Ok(()));
        let slow = tell_within(Duration::from_millis(100), &hook("exec sleep 600"), &event);
        assert!(slow.unwrap_err().contains("took longer than"));
    }

    #[test]
    fn a_webhook_is_told_and_its_address_is_no_word_of_an_error() {
        let (url, asked) = server(vec![(204, ""), (500, "")]);
        let web = Web::new(&format!("{url}/${{TOKEN}}"), None, variables, LONGEST);
        post(&web, EVENT).unwrap();
        let asked = asked.recv().unwrap();
        assert!(
            asked.starts_with("POST /geheim ") && asked.ends_with(EVENT),
            "{asked}"
        );
        assert_eq!(
            post(&web, EVENT).unwrap_err(),
            "the webhook answered with status 500"
        );
        let gone = post(&web, EVENT).unwrap_err();
        assert!(!gone.contains("geheim"), "{gone}");
    }

    #[test]
    fn a_hook_that_fails_says_so() {
        assert!(
            tell(&hook("exit 3"), EVENT)
                .unwrap_err()
                .contains("exit status: 3")
        );
        assert!(tell(&["/nonexistent/hook".to_owned()], EVENT).is_err());
        assert_eq!(tell(&[], EVENT), Ok(()));
    }
}
