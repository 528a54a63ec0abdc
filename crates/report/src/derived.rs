//! Derived rollbacks that were written into the folder.

use std::path::PathBuf;

use serde_json::{Value, json};
use tightrope_lifecycle::DerivedRollback;

use crate::Style;
use crate::page::Page;
use crate::words::plural;

/// A derived rollback and the file that it was written to, if it was.
#[derive(Clone, Debug)]
pub struct WrittenRollback {
    /// The rollback.
    pub derived: DerivedRollback,
    /// Where it is now.
    pub file: Option<PathBuf>,
}

/// What was written, and for which migrations there is nothing to write.
pub fn derived_written(written: &[WrittenRollback], exit: u8, style: &Style) -> String {
    let mut page = Page::new(style);
    if written.is_empty() {
        return page.end(
            "Nothing to derive: every migration has a rollback script.",
            exit,
        );
    }
    for one in written {
        shown(&mut page, one);
    }
    page.gap();
    let count = written.iter().filter(|one| one.file.is_some()).count();
    let sum = plural(count as u64, "rollback script", "rollback scripts");
    let next = match count {
        0 => "Nothing was written.".to_owned(),
        _ => format!("{sum} written. Read them, then prove them with `tightrope rehearse`."),
    };
    page.field("", &next);
    page.end("", exit)
}

fn shown(page: &mut Page<'_>, one: &WrittenRollback) {
    let style = page.style;
    let label = style.bold(&one.derived.migration.label());
    match (&one.file, &one.derived.failure) {
        (Some(file), _) => page.line(format!("wrote {}", file.display())),
        (None, Some(failure)) => {
            let text = format!("{label}: forward it fails: {} ({})", failure.message, failure.place);
            page.field("  ", &style.bad(&text));
        }
        (None, None) => page.field(
            "  ",
            &format!("{label}: the schema does not change, and its rows come back from the net: nothing to write"),
        ),
    }
    for loss in &one.derived.losses {
        let text = format!("{}: {} ({})", loss.object, loss.reason, loss.lost);
        page.field("  not exact  ", &style.careful(&text));
    }
}

/// A derived rollback as JSON.
pub fn derived_json(one: &DerivedRollback) -> Value {
    json!({
        "label": one.migration.label(),
        "version": one.migration.version,
        "script": one.text,
        "losses": one.losses,
        "failure": one.failure,
    })
}

/// What was written, as JSON.
pub fn derived_written_json(written: &[WrittenRollback]) -> Value {
    let one = |one: &WrittenRollback| {
        let mut value = derived_json(&one.derived);
        value["file"] = json!(one.file);
        value
    };
    json!({ "migrations": written.iter().map(one).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rehearsal::tests::failed;
    use crate::style::test_style;
    use std::path::Path;
    use tightrope_model::EngineKind;
    use tightrope_script::{ReadSettings, SourceFile, read_folder};

    fn one(name: &str) -> WrittenRollback {
        let file = SourceFile {
            path: PathBuf::from(format!("{name}/up.sql")),
            content: Ok(b"drop table t;".to_vec()),
        };
        let settings = ReadSettings::new(EngineKind::Sqlite);
        let (folder, _) = read_folder(Path::new("migrations"), &[file], &settings);
        let migration = folder.unwrap().migrations.remove(0);
        WrittenRollback {
            file: Some(migration.home.join("down.sql")),
            derived: DerivedRollback {
                migration,
                text: "create table t (id integer);\n".to_owned(),
                has_statements: true,
                replaces_nothing: true,
                losses: Vec::new(),
                failure: None,
            },
        }
    }

    #[test]
    fn what_was_written_and_what_was_not() {
        let mut rows_only = one("0002_rows");
        rows_only.file = None;
        let mut fails = one("0003_bad");
        fails.file = None;
        fails.derived.failure = failed().failure;
        let written = [one("0001_drop"), rows_only, fails];
        insta::assert_snapshot!(derived_written(&written, 3, &test_style()), @r#"
        wrote migrations/0001_drop/down.sql
          0002_rows: the schema does not change, and its rows come back from the net:
          nothing to write
          0003_bad: forward it fails: table "custmers" does not exist
          (migrations/0042_b/down.sql:2:13)

        1 rollback script written. Read them, then prove them with `tightrope rehearse`.
                                                                                  exit 3
        "#);
        insta::assert_snapshot!(derived_written(&[], 0, &test_style()), @r"Nothing to derive: every migration has a rollback script.");
        assert_eq!(
            derived_written_json(&written)["migrations"][1]["file"],
            Value::Null
        );
    }
}
