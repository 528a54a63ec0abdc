//! What applying did.

use serde_json::{Value, json};
use tightrope_lifecycle::{Applied, AppliedOne};

use crate::Style;
use crate::page::Page;
use crate::words::{duration, plural_of};

/// The migrations that were applied.
pub fn applied(applied: &Applied, style: &Style) -> String {
    let mut page = Page::new(style);
    if let Some(recovered) = &applied.recovered {
        page.field("", recovered);
        page.gap();
    }
    if applied.migrations.is_empty() {
        let nothing = match applied.recovered {
            Some(_) => "Nothing else to do: every migration is applied.",
            None => "Nothing to do: every migration is applied.",
        };
        return page.end(nothing, 0);
    }
    for one in &applied.migrations {
        applied_one(&mut page, one);
    }
    page.gap();
    let unproven = applied
        .migrations
        .iter()
        .filter(|one| !one.certified)
        .count();
    let way_back = match unproven {
        0 => "The way back is open: `tightrope rollback`.",
        _ => "The way back is not proven: it was applied unrehearsed.",
    };
    let sum = plural_of(&applied.migrations, "migration", "migrations");
    page.end(&format!("{sum} applied. {way_back}"), 0)
}

fn applied_one(page: &mut Page<'_>, one: &AppliedOne) {
    let label = if one.name.is_empty() {
        one.version.clone()
    } else {
        format!("{}_{}", one.version, one.name)
    };
    let mut facts = format!("applied in {}", duration(one.forward_ms));
    if one.tries > 1 {
        facts.push_str(&format!(", at try {}", one.tries));
    }
    facts.push_str(if one.certified {
        ", certified"
    } else {
        ", unrehearsed"
    });
    page.spread(&page.style.bold(&label), &facts);
}

/// What applying did, as JSON.
pub fn applied_json(applied: &Applied) -> Value {
    json!(applied)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::style::test_style;

    fn one(name: &str, certified: bool, tries: u32) -> AppliedOne {
        AppliedOne {
            version: "0042".to_owned(),
            name: name.to_owned(),
            forward_ms: 20,
            certified,
            tries,
            fingerprint: None,
        }
    }

    #[test]
    fn what_was_applied_and_whether_one_can_go_back() {
        let done = Applied {
            migrations: vec![one("a", true, 1), one("b", true, 3)],
            recovered: None,
        };
        insta::assert_snapshot!(applied(&done, &test_style()), @r"
        0042_a                                               applied in 20 ms, certified
        0042_b                                     applied in 20 ms, at try 3, certified

        2 migrations applied. The way back is open: `tightrope rollback`.
        ");
        let done = Applied {
            migrations: vec![one("a", false, 1)],
            recovered: Some("`1_x` was finished".to_owned()),
        };
        insta::assert_snapshot!(applied(&done, &test_style()), @r"
        `1_x` was finished

        0042_a                                             applied in 20 ms, unrehearsed

        1 migration applied. The way back is not proven: it was applied unrehearsed.
        ");
    }
}
