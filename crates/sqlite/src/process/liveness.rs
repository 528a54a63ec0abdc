//! Evidence of a process's life that outlasts it.

use std::collections::BTreeMap;
use std::fs;

use tightrope_engine::{Alive, Liveness};

/// The evidence's first word; another form of it gets another number.
const FORM: &str = "process-1";

/// The evidence of this process: the host, its boot, the space that process numbers count in, the number and its start.
///
/// A process number alone is used again, by another program or after a boot; its start tells them apart.
pub fn evidence() -> Liveness {
    Liveness(format!(
        "{FORM} {} pid={} start={}",
        here(),
        std::process::id(),
        started(std::process::id()).unwrap_or_default()
    ))
}

/// What became of the process that left the evidence.
pub fn is_alive(evidence: &Liveness) -> Alive {
    judge(&evidence.0, &here(), started)
}

/// Judges evidence from `here`, with `started` as the eye on living processes: none is a process that is gone.
fn judge(evidence: &str, here: &str, started: impl Fn(u32) -> Option<u64>) -> Alive {
    let Some(fields) = evidence.strip_prefix(FORM).map(fields) else {
        return Alive::Unknown;
    };
    let here = fields_of(here);
    let same = |name: &str| {
        let ours = here.get(name).filter(|value| !value.is_empty());
        ours.is_some() && ours == fields.get(name)
    };
    if !same("host") || here.get("machine") != fields.get("machine") {
        return Alive::Unknown;
    }
    if !same("boot") {
        let known = fields.get("boot").is_some_and(|boot| !boot.is_empty());
        return if known { Alive::No } else { Alive::Unknown };
    }
    if !same("pids") {
        return Alive::Unknown;
    }
    let number = |name: &str| fields.get(name).and_then(|value| value.parse::<u64>().ok());
    let (Some(pid), Some(start)) = (
        number("pid").and_then(|pid| u32::try_from(pid).ok()),
        number("start"),
    ) else {
        return Alive::Unknown;
    };
    match started(pid) {
        Some(now) if now == start => Alive::Yes,
        _ => Alive::No,
    }
}

fn fields(text: &str) -> BTreeMap<String, String> {
    fields_of(text)
}

fn fields_of(text: &str) -> BTreeMap<String, String> {
    text.split_whitespace()
        .filter_map(|field| field.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Where process numbers hold: empty fields where the system does not say (only Linux does).
fn here() -> String {
    let read = |path: &str| {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.split_whitespace().collect::<String>()
    };
    let pids = fs::read_link("/proc/self/ns/pid")
        .map(|link| link.to_string_lossy().into_owned())
        .unwrap_or_default();
    format!(
        "host={} machine={} boot={} pids={pids}",
        read("/proc/sys/kernel/hostname"),
        read("/etc/machine-id"),
        read("/proc/sys/kernel/random/boot_id"),
    )
}

/// When a living process started, in clock ticks since the boot; none if it is gone, a zombie included.
pub(super) fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    parse_stat(&stat)
}

/// The name in brackets may hold anything, brackets and blanks included: the fields are counted from the last bracket.
fn parse_stat(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X" | "x") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "host=a machine=m boot=b pids=pid:[1]";

    fn check(evidence: &str, expect: Alive) {
        let started = |pid| (pid == 7).then_some(100);
        assert_eq!(judge(evidence, HERE, started), expect, "{evidence}");
    }

    #[test]
    fn what_cannot_be_seen_is_unknown() {
        check(
            "process-1 host=a machine=m boot=b pids=pid:[1] pid=7 start=100",
            Alive::Yes,
        );
        check(
            "process-1 host=a machine=m boot=b pids=pid:[1] pid=7 start=99",
            Alive::No,
        );
        check(
            "process-1 host=a machine=m boot=b pids=pid:[1] pid=8 start=100",
            Alive::No,
        );
        check(
            "process-1 host=a machine=m boot=c pids=pid:[1] pid=7 start=100",
            Alive::No,
        );
        check(
            "process-1 host=a machine=m boot= pids=pid:[1] pid=7 start=100",
            Alive::Unknown,
        );
        check(
            "process-1 host=a machine=n boot=c pids=pid:[1] pid=7 start=100",
            Alive::Unknown,
        );
        check(
            "process-1 host=z machine=m boot=b pids=pid:[1] pid=7 start=100",
            Alive::Unknown,
        );
        check(
            "process-1 host=a machine=m boot=b pids=pid:[2] pid=8 start=100",
            Alive::Unknown,
        );
        check(
            "process-2 host=a machine=m boot=b pids=pid:[1] pid=8",
            Alive::Unknown,
        );
        check(
            "process-1 host=a machine=m boot=b pids=pid:[1]",
            Alive::Unknown,
        );
        check("", Alive::Unknown);
    }

    #[test]
    fn the_start_is_found_behind_an_odd_name() {
        let tail = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20";
        assert_eq!(parse_stat(&format!("12 (a) b) {tail}")), Some(4711));
        assert_eq!(
            parse_stat(&format!("12 (a) {}", tail.replace('S', "Z"))),
            None
        );
        assert_eq!(parse_stat(""), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_lives_and_a_child_that_ended_does_not() {
        assert_eq!(is_alive(&evidence()), Alive::Yes);
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let start = started(child.id()).unwrap();
        let theirs = format!("{FORM} {} pid={} start={start}", here(), child.id());
        assert_eq!(is_alive(&Liveness(theirs.clone())), Alive::Yes);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(is_alive(&Liveness(theirs)), Alive::No);
    }
}
