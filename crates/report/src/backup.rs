//! Backups: taken, proven, listed, pruned, restored.

use serde_json::{Value, json};
use tightrope_backup::Manifest;
use tightrope_lifecycle::{
    BackupAdopted, BackupListed, BackupProven, BackupTaken, Pruned, RestoredBackup, RestoredCluster,
};

use crate::Style;
use crate::changes::{replayed_lines, standing_line};
use crate::page::{Page, pad};
use crate::words::{ago, bytes, duration, instant, plural, plural_of};

/// A backup that was taken, and perhaps proven at once.
pub fn backup_taken(taken: &BackupTaken, proven: Option<&BackupProven>, style: &Style) -> String {
    let mut page = Page::new(style);
    let manifest = &taken.manifest;
    let facts = format!("{} in {}", bytes(taken.bytes), duration(taken.milliseconds));
    page.spread(&style.bold(&taken.name), &facts);
    page.field(
        "  of      ",
        &format!(
            "{}, {} {}, {}",
            manifest.database.name,
            manifest.server.engine.product(),
            manifest.server.version,
            bytes(manifest.source_bytes)
        ),
    );
    let position = match &manifest.position {
        Some(position) => format!(", log position {position}"),
        None => String::new(),
    };
    page.field(
        "  as of   ",
        &format!("{}{position}", instant(&manifest.taken_at)),
    );
    let summed = if manifest.has_checksums() {
        format!(
            "{}, {} summed up in the same snapshot",
            plural_of(&manifest.tables, "table", "tables"),
            plural(manifest.rows(), "row", "rows")
        )
    } else {
        format!(
            "{}, without checksums",
            plural_of(&manifest.tables, "table", "tables")
        )
    };
    page.field("  holds   ", &summed);
    let signed = if taken.signed { "signed" } else { "not signed" };
    if manifest.changes.is_some() {
        page.field(
            "  log     ",
            "every change from here on is logged; `tightrope backup carry` brings it to safety",
        );
    }
    let encrypted = if taken.encrypted { ", encrypted" } else { "" };
    page.field(
        "  method  ",
        &format!("{}, {signed}{encrypted}", manifest.method),
    );
    page.field("  in      ", &taken.folder);
    for warning in &taken.warnings {
        page.field(&format!("  {} ", style.careful("warning")), warning);
    }
    match proven {
        Some(proven) => proof_lines(&mut page, proven),
        None => page.field("  proven  ", &style.careful("not yet")),
    }
    page.gap();
    let next = match proven {
        Some(_) => "",
        None => {
            "Prove it with `tightrope backup prove`: a backup that was never restored is a hope."
        }
    };
    page.end(next, 0)
}

/// A backup that was adopted, and perhaps proven at once.
pub fn backup_adopted(
    adopted: &BackupAdopted,
    proven: Option<&BackupProven>,
    style: &Style,
) -> String {
    let mut page = Page::new(style);
    let manifest = &adopted.manifest;
    let taken = format!("taken {}", ago(&manifest.taken_at, style.now));
    page.spread(&style.bold(&adopted.name), &taken);
    page.field("  is      ", &is_adopted(manifest));
    page.field("  as of   ", &instant(&manifest.taken_at));
    let recorded = format!(
        "the schema, and {} in {}, as they are now",
        plural(counted(manifest), "row", "rows"),
        plural_of(&manifest.tables, "table", "tables")
    );
    page.field("  beside  ", &recorded);
    let signed = match (adopted.already, adopted.signed) {
        (true, _) => "; it was adopted before",
        (false, true) => ", signed",
        (false, false) => ", not signed",
    };
    page.field("  record  ", &format!("{}{signed}", adopted.folder));
    for warning in &adopted.warnings {
        page.field(&format!("  {} ", style.careful("warning")), warning);
    }
    if let Some(proven) = proven {
        proof_lines(&mut page, proven);
        return page.end("", 0);
    }
    page.field("  proven  ", &style.careful("not yet"));
    page.gap();
    let next =
        "Prove it with `tightrope backup prove`: a backup that was never restored is a hope.";
    page.end(next, 0)
}

/// Which backup of another system it is.
fn is_adopted(manifest: &Manifest) -> String {
    let Some(adopted) = &manifest.adopted else {
        return String::new();
    };
    match adopted.bytes {
        Some(size) => format!("adopted: `{}`, {}", adopted.id, bytes(size)),
        None => format!("adopted: `{}`", adopted.id),
    }
}

/// The rows that were counted when it was adopted.
fn counted(manifest: &Manifest) -> u64 {
    let tables = manifest.adopted.iter().flat_map(|adopted| &adopted.rows);
    tables.map(|table| table.rows).sum()
}

fn proof_lines(page: &mut Page<'_>, proven: &BackupProven) {
    let proof = &proven.proof;
    let (tables, rows) = (
        plural(proof.tables as u64, "table", "tables"),
        plural(proof.rows, "row", "rows"),
    );
    let (restored, compared) = (duration(proof.restore_ms), duration(proof.compare_ms));
    let words = match proof.counted {
        true => format!(
            "schema equal, {rows} in {tables} read and counted; restored in {restored}, compared in {compared}"
        ),
        false => format!(
            "schema, {tables} and {rows} equal; checked in {}, restored in {restored}, compared in {compared}",
            duration(proof.files_ms)
        ),
    };
    page.field("  proven  ", &page.style.good(&words));
    if proof.queries > 0 {
        let held = plural(
            proof.queries as u64,
            "verify query holds",
            "verify queries hold",
        );
        page.field("          ", &held);
    }
    for remark in &proven.remarks {
        page.field("  remark  ", remark);
    }
}

/// A backup that was proven.
pub fn backup_proven(proven: &BackupProven, style: &Style) -> String {
    let mut page = Page::new(style);
    let taken = format!("taken {}", ago(&proven.manifest.taken_at, style.now));
    page.spread(&style.bold(&proven.name), &taken);
    proof_lines(&mut page, proven);
    page.end("", 0)
}

/// All backups in the place.
pub fn backups(all: &[BackupListed], style: &Style) -> String {
    let mut page = Page::new(style);
    if all.is_empty() {
        return page.end("No backup yet. Take one with `tightrope backup`.", 0);
    }
    for one in all {
        let state = match one.state() {
            "proven" => style.good("proven"),
            "stale" | "unproven" => style.careful(one.state()),
            other => style.bad(other),
        };
        let taken = match &one.manifest {
            Some(manifest) => ago(&manifest.taken_at, style.now),
            None => "taken when is not known".to_owned(),
        };
        let adopted = one.manifest.as_ref().filter(|it| it.adopted.is_some());
        let right = match adopted {
            Some(_) => format!("adopted, {taken}"),
            None => format!("{}, {taken}", bytes(one.bytes)),
        };
        let kind = match &one.manifest {
            Some(manifest) if !manifest.kind.is_logical() => "physical  ",
            _ => "",
        };
        page.spread(&format!("{}  {kind}{state}", style.bold(&one.name)), &right);
        if let (Some(manifest), false) = (&one.manifest, one.of_target) {
            let of = format!("of another database: {}", manifest.database.id);
            page.field("    ", &style.careful(&of));
        }
        if let Some(manifest) = adopted {
            page.field("    ", &is_adopted(manifest));
        }
        for damage in &one.damage {
            page.field("    ", &damage.to_string());
        }
        why(&mut page, one);
        if let Some(log) = &one.log {
            standing_line(&mut page, log);
        }
    }
    page.gap();
    page.end(next(all), 0)
}

fn why(page: &mut Page<'_>, one: &BackupListed) {
    use tightrope_backup::ProofStanding;
    match (&one.standing, &one.proof) {
        (Some(ProofStanding::Proven), Some(proof)) => {
            let when = ago(&proof.proven_at, page.style.now);
            let took = duration(proof.milliseconds());
            let found = match proof.counted {
                true => "schema equal, rows read and counted",
                false => "all equal",
            };
            page.field("    ", &format!("restored {when} in {took}, {found}"));
        }
        (Some(ProofStanding::Stale(reasons)), _) => {
            let words: Vec<String> = reasons.iter().map(ToString::to_string).collect();
            page.field("    ", &words.join(", "));
        }
        (Some(ProofStanding::Failed(failures)), _) => {
            page.some("    ", failures);
        }
        _ => {}
    }
}

fn next(all: &[BackupListed]) -> &'static str {
    let newest = all.iter().rfind(|one| one.of_target);
    match newest.map(BackupListed::state) {
        Some("proven") => "",
        Some("unproven") => "Prove the newest with `tightrope backup prove`.",
        _ => "Take and prove a fresh one with `tightrope backup --prove`.",
    }
}

/// What stays and what goes.
pub fn pruned(pruned: &Pruned, style: &Style) -> String {
    let mut page = Page::new(style);
    for kept in &pruned.kept {
        let because = format!("stays: {}", kept.because.join(", "));
        page.field(&format!("{}  ", pad(&kept.name, 30)), &because);
    }
    let verb = if pruned.dry_run {
        "would go"
    } else {
        "removed"
    };
    for (name, size) in &pruned.removed {
        let what = match pruned.records.contains(name) {
            true => "its record: the backup is adopted, and stays where it is".to_owned(),
            false => bytes(*size),
        };
        page.field(&format!("{}  ", pad(name, 30)), &format!("{verb}, {what}"));
    }
    for name in &pruned.untouched {
        page.field(
            &format!("{}  ", pad(name, 30)),
            "left alone: damaged, failed, or of another database",
        );
    }
    page.gap();
    let freed: u64 = pruned.removed.iter().map(|(_, size)| size).sum();
    let text = match (pruned.dry_run, pruned.removed.len()) {
        (_, 0) => "Nothing to remove.".to_owned(),
        (true, _) => format!(
            "{} would be freed. Nothing was removed: this was a dry run.",
            bytes(freed)
        ),
        (false, _) => format!("{} freed.", bytes(freed)),
    };
    page.end(&text, 0)
}

/// What was restored.
pub fn restored(restored: &RestoredBackup, style: &Style) -> String {
    let mut page = Page::new(style);
    let took = format!("restored in {}", duration(restored.times.total_ms));
    page.spread(&style.bold(&restored.name), &took);
    page.field("  into    ", &restored.into);
    page.field(
        "  as of   ",
        &format!(
            "{}, {}{}",
            instant(&restored.manifest.taken_at),
            ago(&restored.manifest.taken_at, style.now),
            match &restored.replayed {
                Some(_) => ", and what was logged since",
                None => "; what was written since is not in it",
            }
        ),
    );
    if restored.tables > 0 || restored.manifest.has_checksums() {
        let equal = format!(
            "{} and {} equal to the manifest",
            plural(restored.tables as u64, "table", "tables"),
            plural(restored.rows, "row", "rows")
        );
        page.field("  equal   ", &style.good(&equal));
    } else {
        let words = "rows were not compared: the backup was taken without checksums";
        page.field("  rows    ", &style.careful(words));
    }
    if let Some(replayed) = &restored.replayed {
        replayed_lines(&mut page, replayed);
    }
    if !restored.only.is_empty() {
        page.field("  only    ", &restored.only.join(", "));
    }
    if let Some(kept) = &restored.kept {
        page.field("  kept    ", &format!("what was there before, as {kept}"));
    }
    for remark in &restored.remarks {
        page.field("  remark  ", remark);
    }
    page.end("", 0)
}

/// A cluster that was restored.
pub fn restored_cluster(restored: &RestoredCluster, style: &Style) -> String {
    let mut page = Page::new(style);
    let took = format!("restored in {}", duration(restored.times.total_ms));
    page.spread(&style.bold(&restored.name), &took);
    page.field("  into    ", &restored.folder.display().to_string());
    let position = restored.manifest.position.as_deref().unwrap_or_default();
    page.field(
        "  as of   ",
        &format!(
            "{}, {}, log position {position}; what was written since is not in it",
            instant(&restored.manifest.taken_at),
            ago(&restored.manifest.taken_at, style.now),
        ),
    );
    let equal = format!(
        "{} and {} of `{}` equal to the manifest",
        plural(restored.tables as u64, "table", "tables"),
        plural(restored.rows, "row", "rows"),
        restored.manifest.database.name
    );
    page.field("  equal   ", &style.good(&equal));
    for remark in &restored.remarks {
        page.field("  remark  ", remark);
    }
    page.field("  start   ", &restored.start);
    page.end("", 0)
}

/// A cluster that was restored, as JSON.
pub fn restored_cluster_json(restored: &RestoredCluster) -> Value {
    without_settings(json!(restored))
}

/// A backup that was taken, as JSON.
pub fn backup_taken_json(taken: &BackupTaken, proven: Option<&BackupProven>) -> Value {
    let mut value = without_settings(json!(taken));
    value["proof"] = json!(proven.map(|proven| &proven.proof));
    value
}

/// A backup that was adopted, as JSON.
pub fn backup_adopted_json(adopted: &BackupAdopted, proven: Option<&BackupProven>) -> Value {
    let mut value = without_settings(json!(adopted));
    value["proof"] = json!(proven.map(|proven| &proven.proof));
    value["remarks"] = json!(proven.map_or(&[][..], |proven| &proven.remarks));
    value
}

/// A backup that was proven, as JSON.
pub fn backup_proven_json(proven: &BackupProven) -> Value {
    without_settings(json!(proven))
}

/// All backups, as JSON.
pub fn backups_json(all: &[BackupListed]) -> Value {
    let each = all.iter().map(|one| {
        let mut value = without_settings(json!(one));
        value["state"] = json!(one.state());
        value
    });
    json!({ "backups": each.collect::<Vec<_>>() })
}

/// What stays and what goes, as JSON.
pub fn pruned_json(pruned: &Pruned) -> Value {
    json!(pruned)
}

/// What was restored, as JSON.
pub fn restored_json(restored: &RestoredBackup) -> Value {
    without_settings(json!(restored))
}

/// The values of a database's settings are for the restored one alone: applications keep secrets in them. They stay in the backup.
fn without_settings(mut value: Value) -> Value {
    let properties = value.pointer_mut("/manifest/properties");
    if let Some(properties) = properties.and_then(Value::as_object_mut) {
        properties.remove("settings");
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::style::test_style;
    use tightrope_backup::Kept;

    #[test]
    fn settings_stay_in_the_backup() {
        let properties = json!({ "encoding": "UTF8", "settings": "[\"app.token=geheim\"]" });
        let value = without_settings(json!({ "manifest": { "properties": properties } }));
        assert_eq!(
            value["manifest"]["properties"],
            json!({ "encoding": "UTF8" })
        );
    }

    #[test]
    fn what_goes_and_why_the_rest_stays() {
        let example = Pruned {
            dry_run: true,
            kept: vec![Kept {
                name: "shop-20260102T030405Z".to_owned(),
                because: vec!["one of the last", "the newest that is proven"],
            }],
            removed: vec![("shop-20250102T030405Z".to_owned(), 2_000_000)],
            records: Vec::new(),
            untouched: Vec::new(),
        };
        insta::assert_snapshot!(pruned(&example, &test_style()), @r"
        shop-20260102T030405Z           stays: one of the last, the newest that is
                                        proven
        shop-20250102T030405Z           would go, 2.0 MB

        2.0 MB would be freed. Nothing was removed: this was a dry run.
        ");
    }
}
