//! Positions in the write-ahead log.

use std::fmt;
use std::str::FromStr;

/// The header of a page of the log, and of the first page of a segment.
const PAGE_HEADER: u64 = 24;
const SEGMENT_HEADER: u64 = 40;

/// A position in the write-ahead log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lsn(pub(super) u64);

impl Lsn {
    /// The same position where it names the first byte behind a page's header: there may be no page yet.
    pub(super) fn before_header(self, page_bytes: u64, segment_bytes: u64) -> Self {
        let (in_segment, in_page) = (self.0 % segment_bytes, self.0 % page_bytes);
        let header = match in_segment {
            SEGMENT_HEADER => SEGMENT_HEADER,
            _ if in_page == PAGE_HEADER => PAGE_HEADER,
            _ => 0,
        };
        Self(self.0 - header)
    }
}

impl FromStr for Lsn {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (high, low) = text.split_once('/').ok_or(())?;
        let part = |text: &str| u32::from_str_radix(text, 16).map_err(|_| ());
        Ok(Self(u64::from(part(high)?) << 32 | u64::from(part(low)?)))
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xffff_ffff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_written_as_the_server_writes_them() {
        for text in ["0/0", "16/B374D848", "1/28"] {
            assert_eq!(text.parse::<Lsn>().unwrap().to_string(), text);
        }
        assert!("16B374D848".parse::<Lsn>().is_err());
        assert!("1/x".parse::<Lsn>().is_err());
        assert!("0/9".parse::<Lsn>().unwrap() < "1/0".parse::<Lsn>().unwrap());
    }

    #[test]
    fn a_page_that_is_not_there_yet_has_no_header() {
        let check = |text: &str, expect: &str| {
            let lsn: Lsn = text.parse().unwrap();
            assert_eq!(lsn.before_header(8192, 16 << 20).to_string(), expect);
        };
        check("0/5000028", "0/5000000");
        check("0/5002018", "0/5002000");
        check("0/5002028", "0/5002028");
        check("0/5000018", "0/5000000");
        check("0/5000100", "0/5000100");
    }
}
