//! The names of backups: of which database, begun when, and which of several in one second.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// How the time stands in a name.
const TIME: &str = "%Y%m%dT%H%M%SZ";

/// A backup's name, taken apart: `shop-20260102T030405Z-2`.
///
/// It is what is left of a backup whose manifest cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BackupName {
    /// The database's name, with `-` for what is neither a letter nor a digit.
    pub(crate) database: String,
    /// When the backup was begun, to the second.
    pub(crate) begun: Timestamp,
    /// Which one of that second, from 1.
    pub(crate) number: u32,
}

impl BackupName {
    pub(crate) fn new(database: &str, time: Timestamp, number: u32) -> Self {
        Self {
            database: plain(database),
            begun: Timestamp::from_second(time.as_second()).unwrap_or(time),
            number,
        }
    }

    pub(crate) fn text(&self) -> String {
        let stem = format!("{}-{}", self.database, self.begun.strftime(TIME));
        match self.number {
            1 => stem,
            number => format!("{stem}-{number}"),
        }
    }

    /// Takes a name apart; none if it is not one that was given here.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (rest, last) = text.rsplit_once('-')?;
        let (database, time, number) = match last.ends_with('Z') {
            true => (rest, last, 1),
            false => {
                let (database, time) = rest.rsplit_once('-')?;
                (database, time, last.parse().ok()?)
            }
        };
        let begun = DateTime::strptime(TIME, time).ok()?;
        Some(Self {
            database: database.to_owned(),
            begun: begun.to_zoned(TimeZone::UTC).ok()?.timestamp(),
            number,
        })
    }

    /// Whether a backup of the database of that name would be called so.
    pub(crate) fn may_be_of(&self, database: &str) -> bool {
        self.database == plain(database)
    }
}

/// A database's name as it stands in names of backups.
fn plain(database: &str) -> String {
    let one = |c: char| {
        if c.is_alphanumeric() || matches!(c, '_' | '-') {
            c
        } else {
            '-'
        }
    };
    database.chars().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_apart_again() {
        let time = "2026-01-02T03:04:05.9Z".parse().unwrap();
        let check = |database: &str, number, expect: &str| {
            let name = BackupName::new(database, time, number);
            assert_eq!(name.text(), expect);
            assert_eq!(BackupName::parse(expect), Some(name.clone()));
            assert!(name.may_be_of(database) && !name.may_be_of("another"));
        };
        check("shop", 1, "shop-20260102T030405Z");
        check("shop.db", 2, "shop-db-20260102T030405Z-2");
        check("a-b", 12, "a-b-20260102T030405Z-12");
        for text in [
            "",
            "shop",
            "shop-2",
            "shop-2026Z",
            "shop-20260102T030405Z-x",
        ] {
            assert_eq!(BackupName::parse(text), None, "{text}");
        }
    }
}
