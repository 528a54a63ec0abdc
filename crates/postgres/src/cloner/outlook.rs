//! How a copy would be made now, and what it costs those who use the source.

use std::time::Duration;

use tightrope_engine::{CopyOutlook, CopyPlace, DatabaseUrl, EngineError};

use super::maintenance::Maintenance;
use super::template;
use crate::connect::{self, Target};

/// How long a session of ours that was just closed may linger before it counts as somebody's.
const LINGERING: Duration = Duration::from_millis(200);

/// Files that are copied, pages that are written to the log as well, rows that are read, sent and indexed anew: bytes a second on a
/// common machine, the slower end.
const BY_FILE: u64 = 500 << 20;
const BY_PAGE: u64 = 150 << 20;
const BY_ROW: u64 = 30 << 20;

pub(super) fn of(source: &DatabaseUrl, place: &CopyPlace) -> Result<CopyOutlook, EngineError> {
    let url = place.url.as_ref().unwrap_or(source);
    let (target, there) = (Target::parse(source)?, Target::parse(url)?);
    let at = connect::place(&there.config);
    let beside = connect::place(&target.config) == at;
    let mut maintenance = Maintenance::beside(source, &target)?;
    let bytes = maintenance.size_of(target.database())?;
    let because = match beside {
        true if !template::may_copy(&mut maintenance, target.database())? => {
            Some("this user neither owns it nor is a superuser".to_owned())
        }
        true => template::others_on(&mut maintenance, target.database(), LINGERING)?,
        false => None,
    };
    let outlook = CopyOutlook {
        method: "template",
        because,
        at,
        bytes,
        free_bytes: None,
        bytes_per_second: BY_PAGE,
        on_source: Vec::new(),
    };
    if beside && outlook.because.is_none() {
        return Ok(as_template(outlook, &maintenance));
    }
    let shared = beside || {
        let mut other = Maintenance::anywhere(url, &there)?;
        maintenance.started_at()? == other.started_at()?
    };
    Ok(by_dump(outlook, shared))
}

fn as_template(outlook: CopyOutlook, maintenance: &Maintenance) -> CopyOutlook {
    let by_file = template::is_by_file(maintenance.major, outlook.bytes);
    let mut on_source = vec![
        "nobody is connected now, which a template needs: whoever connects while it is copied waits until that is done; if somebody is connected when it begins, the target is dumped and restored instead".to_owned(),
        "its own server reads and writes all of it once for each copy".to_owned(),
    ];
    if by_file {
        on_source.push("the server makes a checkpoint at both ends".to_owned());
    }
    CopyOutlook {
        bytes_per_second: if by_file { BY_FILE } else { BY_PAGE },
        on_source,
        ..outlook
    }
}

fn by_dump(outlook: CopyOutlook, shared: bool) -> CopyOutlook {
    let mut on_source = vec![
        "one connection reads every table once, in one snapshot: what is deleted meanwhile is vacuumed only afterwards".to_owned(),
        "reads and writes go on; what alters or drops a table waits until the dump is done, and so does what comes behind that".to_owned(),
    ];
    if shared {
        on_source.push("the copies are written and worked on by its own server".to_owned());
    }
    CopyOutlook {
        method: "dump and restore",
        bytes_per_second: BY_ROW,
        on_source,
        ..outlook
    }
}
