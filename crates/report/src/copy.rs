//! A copy that was made for people.

use serde_json::{Value, json};
use tightrope_lifecycle::CopyMade;

use crate::page::Page;
use crate::rehearsal::copy_remarks;
use crate::words::{bytes, duration};
use crate::{Style, selection};

/// The copy, and what it holds.
pub fn copy_made(made: &CopyMade, style: &Style) -> String {
    let mut page = Page::new(style);
    let (source, copy) = (&made.source, &made.copy);
    let size = copy
        .bytes
        .map(|size| format!(", {}", bytes(size)))
        .unwrap_or_default();
    let time = duration(copy.milliseconds);
    page.field(
        "copy    ",
        &format!("{}@{}{size} in {time}", source.database, source.host),
    );
    if let Some(held) = &copy.selection {
        selection::show(&mut page, held);
    }
    copy_remarks(&mut page, copy);
    page.gap();
    page.end(&format!("{} is ready.", made.to), 0)
}

/// The copy as JSON.
pub fn copy_made_json(made: &CopyMade) -> Value {
    json!(made)
}
