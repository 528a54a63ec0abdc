//! Days and times.

use super::value::Maker;

const DAYS: [&str; 9] = [
    "0001-01-01",
    "1582-10-10",
    "1899-12-31",
    "1970-01-01",
    "2000-02-29",
    "2024-12-31",
    "2038-01-19",
    "9999-12-31",
    "1900-03-01",
];

const TIMES: [&str; 6] = [
    "00:00:00",
    "23:59:59.999999",
    "12:34:56.7",
    "03:14:08",
    "02:30:00",
    "00:00:00.000001",
];

impl Maker<'_> {
    pub(super) fn date(&mut self) -> String {
        if self.serial.is_some() {
            return day_of(self.number());
        }
        if self.is_nasty(25) {
            if self.dice.percent(20) {
                return self
                    .dice
                    .word(&["infinity", "-infinity", "0044-03-15 BC"])
                    .to_owned();
            }
            return self.dice.word(&DAYS).to_owned();
        }
        let (year, month, day) = (
            self.dice.below(25),
            self.dice.below(12),
            self.dice.below(28),
        );
        format!("{:04}-{:02}-{:02}", 2003 + year, month + 1, day + 1)
    }

    pub(super) fn time(&mut self, zone: bool) -> String {
        let time = if self.is_nasty(40) {
            self.dice.word(&TIMES).to_owned()
        } else {
            let (hour, minute) = (self.dice.below(24), self.dice.below(60));
            format!("{hour:02}:{minute:02}:{:02}", self.dice.below(60))
        };
        match zone {
            true => format!("{time}{}", self.dice.word(&["+00", "+05:45", "-11", "+14"])),
            false => time,
        }
    }

    pub(super) fn timestamp(&mut self, zone: bool) -> String {
        let date = self.date();
        if date.ends_with("infinity") {
            return date;
        }
        if let Some(serial) = self.serial {
            return format!("{date} 00:{:02}:{:02}", serial / 60 % 60, serial % 60);
        }
        let time = self.time(zone);
        match date.strip_suffix(" BC") {
            Some(date) => format!("{date} {time} BC"),
            None => format!("{date} {time}"),
        }
    }

    pub(super) fn interval(&mut self) -> String {
        if self.serial.is_some() {
            return format!("{} seconds", self.number());
        }
        if self.is_nasty(40) {
            let some = [
                "0",
                "1 mon",
                "30 days",
                "24:00:00",
                "-1 year 3 days -00:00:01",
                "178000000 years",
            ];
            return self.dice.word(&some).to_owned();
        }
        format!("{} hours", self.dice.below(48) + 1)
    }
}

/// A day far from today's that no other number has, for some hundred thousand numbers.
pub(super) fn day_of(number: u64) -> String {
    let number = number % (28 * 12 * 3000);
    format!(
        "{:04}-{:02}-{:02}",
        2050 + number / 336,
        number / 28 % 12 + 1,
        number % 28 + 1
    )
}
