//! What the other system says of its newest backup.

use std::process::Stdio;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::error::{AdoptError, AdoptStep};
use super::hook::AdoptCommands;

/// How far two clocks may be apart.
const CLOCKS: SignedDuration = SignedDuration::from_mins(5);

/// The longest identifier.
const LONGEST: usize = 500;

/// The newest backup, as the other system tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Newest {
    pub(super) id: String,
    pub(super) taken_at: Timestamp,
    pub(super) bytes: Option<u64>,
}

impl AdoptCommands {
    /// Asks for the newest backup.
    pub(super) fn newest(&self) -> Result<Newest, AdoptError> {
        let step = AdoptStep::Latest;
        let program = self.program(step);
        let line = self.run(step, &[], Stdio::null())?.unwrap_or_default();
        match parse(&line, Timestamp::now()) {
            Ok(Some(newest)) => Ok(newest),
            Ok(None) => Err(AdoptError::NoneYet { program }),
            Err(what) => Err(AdoptError::Nonsense {
                step,
                program,
                what,
            }),
        }
    }
}

/// Reads a line: a JSON object with `id`, `taken_at` and perhaps `bytes`, or the three as words. None where there is no backup.
fn parse(line: &str, now: Timestamp) -> Result<Option<Newest>, String> {
    let (id, taken_at, bytes) = if line.starts_with(['{', '[', '"']) || line == "null" {
        let value: Value = serde_json::from_str(line)
            .map_err(|_| "a last line that is no JSON, though it begins like it".to_owned())?;
        if value.is_null() {
            return Ok(None);
        }
        if !value.is_object() {
            return Err("JSON that is no object".to_owned());
        }
        let word = |key: &str| match &value[key] {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text.clone())),
            Value::Number(number) => Ok(Some(number.to_string())),
            _ => Err(format!("JSON whose `{key}` is no text")),
        };
        (word("id")?, word("taken_at")?, word("bytes")?)
    } else {
        let mut words = line.split_whitespace().map(str::to_owned);
        let three = (words.next(), words.next(), words.next());
        if words.next().is_some() {
            return Err("more than an identifier, a time and a size".to_owned());
        }
        three
    };
    let Some(id) = id.filter(|id| !id.is_empty()) else {
        return Ok(None);
    };
    // It becomes a word in commands of others.
    if id.starts_with('-') || id.len() > LONGEST || id.contains(char::is_control) {
        return Err("an identifier that could be taken for something else: one that begins with `-`, is long, or holds control characters".to_owned());
    }
    let taken_at = taken_at.ok_or("no time (`taken_at`) beside the identifier")?;
    let taken_at: Timestamp = taken_at
        .parse()
        .map_err(|_| "a time that is none: it has to be as in 2026-01-02T03:04:05Z".to_owned())?;
    if taken_at.duration_since(now) > CLOCKS {
        return Err("a time that has not come yet".to_owned());
    }
    let bytes = bytes
        .map(|bytes| bytes.parse::<u64>())
        .transpose()
        .map_err(|_| "a size that is no whole number of bytes".to_owned())?;
    Ok(Some(Newest {
        id,
        taken_at,
        bytes,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-01-02T04:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_backup_is_told_in_json_or_in_words() {
        let check = |line: &str, id: &str, bytes: Option<u64>| {
            let newest = parse(line, now()).unwrap().unwrap();
            assert_eq!((&*newest.id, newest.bytes), (id, bytes), "{line}");
            assert_eq!(
                newest.taken_at.to_string(),
                "2026-01-02T03:04:05Z",
                "{line}"
            );
        };
        check(
            "20260102-030405F 2026-01-02T03:04:05Z",
            "20260102-030405F",
            None,
        );
        check("a 2026-01-02T05:04:05+02:00 12", "a", Some(12));
        check(
            r#"{"id": "rds:a b", "taken_at": "2026-01-02T03:04:05Z", "more": []}"#,
            "rds:a b",
            None,
        );
        check(
            r#"{"id": 7, "taken_at": "2026-01-02T03:04:05Z", "bytes": 8}"#,
            "7",
            Some(8),
        );
    }

    #[test]
    fn no_backup_is_told_apart_from_nonsense() {
        for line in ["", "null", r#"{"id": null, "taken_at": null}"#, r#"{}"#] {
            assert_eq!(parse(line, now()), Ok(None), "{line}");
        }
        let check = |line: &str, what: &str| {
            let said = parse(line, now()).unwrap_err();
            assert!(said.contains(what), "{line}: {said}");
            assert!(!said.contains("hush"), "{said}");
        };
        check("hush", "no time");
        check("a hush", "a time that is none");
        check("a 2026-01-02T03:04:05", "a time that is none");
        check("a 2026-01-02T03:04:05Z many", "no whole number");
        check("a 2026-01-02T03:04:05Z 5 hush", "more than");
        check("a 2026-01-02T04:05:01Z", "has not come yet");
        check("-rf 2026-01-02T03:04:05Z", "begins with `-`");
        check("{hush", "no JSON");
        check("[]", "no object");
        check(r#"{"id": [], "taken_at": ""}"#, "`id` is no text");
        assert!(
            parse("a 2026-01-02T04:04:59Z", now()).is_ok(),
            "clocks differ"
        );
    }
}
