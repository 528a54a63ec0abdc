use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;
use tightrope_backup::{Found, Kept, ProofStanding, retain};

use super::changes::end_those;
use super::settings::place_of;
use super::watch::Watch;
use super::{BackupError, list};
use crate::project::{Access, Project};
use crate::run::Watchers;
use crate::situation::Situation;

/// What stays and what goes.
#[derive(Clone, Debug, Serialize)]
pub struct Pruned {
    /// Whether nothing was removed: it was only looked at.
    pub dry_run: bool,
    /// The backups that stay, newest first, and why.
    pub kept: Vec<Kept>,
    /// The backups that went, with their sizes.
    pub removed: Vec<(String, u64)>,
    /// Those of them that were adopted: only what was recorded of them went. The backups themselves are their own system's.
    pub records: Vec<String>,
    /// Those that are damaged, were not equal when they were restored, or are of another database: they are a person's to remove.
    pub untouched: Vec<String>,
}

/// Removes the backups of the target that no rule keeps.
///
/// Those that stay because something relies on them are read whole first: one that turns out damaged satisfies no rule, and the
/// next one takes its turn.
///
/// # Errors
/// When the target cannot be asked which migrations are not sealed, or a backup cannot be removed.
pub fn prune_backups(
    project: &Project,
    dry_run: bool,
    watchers: Watchers<'_>,
) -> Result<Pruned, BackupError> {
    let place = place_of(project)?;
    place.prepare()?;
    let now = list::now(project)?;
    let needed = unsealed(project)?;
    let counts = |found: &Found| -> Result<bool, BackupError> {
        let Ok(manifest) = &found.manifest else {
            return Ok(false);
        };
        let standing = now.standing(manifest, found.proof.as_ref());
        Ok(now.is_of(manifest)
            && !matches!(standing, ProofStanding::Failed(_))
            && found.look()?.is_empty())
    };
    let (mut ours, mut others) = (Vec::new(), Vec::new());
    for found in place.list()? {
        if counts(&found)? {
            ours.push(found);
        } else {
            others.push(found);
        }
    }
    let adopted: BTreeSet<String> = (ours.iter())
        .filter(|found| (found.manifest.as_ref()).is_ok_and(|manifest| manifest.adopted.is_some()))
        .map(|found| found.name.clone())
        .collect();
    let mut whole = BTreeSet::new();
    let judged = loop {
        let facts: Vec<(String, Timestamp, bool)> = ours
            .iter()
            .filter_map(|found| {
                let manifest = found.manifest.as_ref().ok()?;
                let standing = now.standing(manifest, found.proof.as_ref());
                let proven = matches!(standing, ProofStanding::Proven | ProofStanding::Stale(_));
                Some((found.name.clone(), manifest.taken(), proven))
            })
            .collect();
        // What another system keeps takes the place of none of ours.
        let is_adopted = |(name, _, _): &(String, Timestamp, bool)| adopted.contains(name);
        let (theirs, own): (Vec<_>, Vec<_>) = facts.into_iter().partition(is_adopted);
        let mut judged = retain(&own, &project.backup.retention, &needed);
        judged.extend(retain(&theirs, &project.backup.retention, &needed));
        let relied_on = judged
            .iter()
            .find(|one| one.is_relied_on() && !whole.contains(&one.name));
        let Some(name) = relied_on.map(|one| one.name.clone()) else {
            break judged;
        };
        let progress = Watch(watchers);
        let at = ours.iter().position(|found| found.name == name);
        let damage = match at {
            Some(at) => ours[at].check(&progress.bytes("bytes checked"))?,
            None => Vec::new(),
        };
        match at.filter(|_| !damage.is_empty()) {
            Some(at) => others.push(ours.remove(at)),
            None => {
                whole.insert(name);
            }
        }
    };
    let (kept, going): (Vec<Kept>, Vec<Kept>) =
        judged.into_iter().partition(|one| !one.because.is_empty());
    let mut removed = Vec::new();
    for found in &ours {
        if going.iter().any(|one| one.name == found.name) {
            if !dry_run {
                end_log_of(project, found, watchers)?;
                place.remove(found)?;
            }
            let bytes = found
                .manifest
                .as_ref()
                .map_or(0, |manifest| manifest.bytes());
            removed.push((found.name.clone(), bytes));
        }
    }
    let is_record = |name: &&String| adopted.contains(*name);
    let records = removed.iter().map(|(name, _)| name).filter(is_record);
    Ok(Pruned {
        dry_run,
        records: records.cloned().collect(),
        kept,
        removed,
        untouched: others.into_iter().map(|found| found.name).collect(),
    })
}

/// Nobody could replay the log of a backup that is gone.
fn end_log_of(project: &Project, found: &Found, watchers: Watchers<'_>) -> Result<(), BackupError> {
    let Some(start) = found.log_start() else {
        return Ok(());
    };
    end_those(
        project,
        "its backup was pruned",
        &Watch(watchers),
        |there| there == start.log,
    )?;
    Ok(())
}

/// When the migrations that are not sealed were applied, and when a run that is open was begun.
fn unsealed(project: &Project) -> Result<Vec<Timestamp>, BackupError> {
    let engine = project.engine()?;
    let mut session = project
        .connect(engine.as_ref(), Access::Read)
        .map_err(BackupError::doing("connect"))?;
    let situation = Situation::read(session.as_mut())?;
    let unsealed = situation
        .applied
        .iter()
        .filter(|migration| migration.sealed_at.is_none());
    let open = situation.open_run.iter().map(|run| &run.at);
    let times = unsealed.map(|migration| &migration.applied_at).chain(open);
    times
        .map(|time| {
            time.parse()
                .map_err(|_| BackupError::Time { time: time.clone() })
        })
        .collect()
}
