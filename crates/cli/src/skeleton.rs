//! A new migration as `new` writes it, in each format.

use std::path::PathBuf;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tightrope_script::Format;

const FORWARD: &str =
    "-- Forward. One logical change; it runs in one transaction where every statement allows it.\n";
const ROLLBACK: &str = "-- Rollback. Takes the forward script back, in reverse order; `tightrope rehearse` proves that it does.\n";

/// The files of a new migration, relative to the folder.
pub(crate) fn files(format: Format, version: &str, name: &str) -> Vec<(PathBuf, String)> {
    let pair = |forward: String, rollback: String| {
        vec![
            (forward.into(), FORWARD.to_owned()),
            (rollback.into(), ROLLBACK.to_owned()),
        ]
    };
    let one = |file: String, up: &str, down: &str| {
        vec![(file.into(), format!("{up}\n{FORWARD}\n{down}\n{ROLLBACK}"))]
    };
    match format {
        Format::Native => pair(
            format!("{version}_{name}/up.sql"),
            format!("{version}_{name}/down.sql"),
        ),
        Format::GolangMigrate => pair(
            format!("{version}_{name}.up.sql"),
            format!("{version}_{name}.down.sql"),
        ),
        Format::Flyway => pair(
            format!("V{version}__{name}.sql"),
            format!("U{version}__{name}.sql"),
        ),
        Format::SqlMigrate => one(
            format!("{version}_{name}.sql"),
            "-- +migrate Up",
            "-- +migrate Down",
        ),
        Format::Dbmate => one(
            format!("{version}_{name}.sql"),
            "-- migrate:up",
            "-- migrate:down",
        ),
    }
}

/// The version after the last one, written as that is: a time, a time with dashes, or a number of as many digits.
pub(crate) fn next_version(last: Option<&str>, now: Timestamp) -> String {
    let time = |format: &str| now.to_zoned(TimeZone::UTC).strftime(format).to_string();
    let timestamp = || time("%Y%m%d%H%M%S");
    let Some(last) = last else { return timestamp() };
    let is_number = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    match last.split('-').map(str::len).collect::<Vec<_>>().as_slice() {
        [14] if is_number => later(last, timestamp()),
        [4, 2, 2, 6] => later(last, time("%Y-%m-%d-%H%M%S")),
        [4, 2, 2, 6, 4] => format!("{}-0000", time("%Y-%m-%d-%H%M%S")),
        _ if is_number => plus_one(last, last.len()),
        _ => last_number_plus_one(last).unwrap_or_else(timestamp),
    }
}

/// A folder may be ahead of the clock: then the next number serves.
fn later(last: &str, now: String) -> String {
    if now.as_str() > last {
        now
    } else {
        last_number_plus_one(last).unwrap_or(now)
    }
}

/// `1.9` becomes `1.10`.
fn last_number_plus_one(version: &str) -> Option<String> {
    let start = version
        .rfind(|c: char| !c.is_ascii_digit())
        .map_or(0, |at| at + 1);
    let (before, digits) = version.split_at(start);
    (!digits.is_empty()).then(|| format!("{before}{}", plus_one(digits, digits.len())))
}

fn plus_one(digits: &str, width: usize) -> String {
    let next = digits
        .parse::<u128>()
        .map_or(1, |number| number.saturating_add(1));
    format!("{next:0width$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_go_on_as_they_are_written() {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let check = |last, expect: &str| assert_eq!(next_version(last, now), expect, "{last:?}");
        check(None, "20260102030405");
        check(Some("0041"), "0042");
        check(Some("9"), "10");
        check(Some("0099"), "0100");
        check(Some("20240412144536"), "20260102030405");
        check(Some("20990101000000"), "20990101000001");
        check(Some("2024-04-12-144536"), "2026-01-02-030405");
        check(Some("2024-04-12-144536-0000"), "2026-01-02-030405-0000");
        check(Some("1.9"), "1.10");
    }

    #[test]
    fn every_format_has_both_ways() {
        let names = |format| {
            let files = files(format, "7", "add");
            files
                .iter()
                .map(|(path, _)| path.display().to_string())
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(names(Format::Native), "7_add/up.sql 7_add/down.sql");
        assert_eq!(names(Format::GolangMigrate), "7_add.up.sql 7_add.down.sql");
        assert_eq!(names(Format::Flyway), "V7__add.sql U7__add.sql");
        assert_eq!(names(Format::SqlMigrate), "7_add.sql");
        assert_eq!(names(Format::Dbmate), "7_add.sql");
    }
}
