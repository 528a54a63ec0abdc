use tightrope_judge::{Criteria, Look};
use tightrope_store::{OpenWatch, Store, WatchPhase};

use super::events::{WatchEvent, WatchListener};
use super::post::{Moved, Post};
use super::report::WatchError;
use super::run::{Watch, WatchParts};
use super::variables::all_set;
use crate::project::{Access, Project};
use crate::run::Watchers;

/// Takes over the watch that a dead process has left, with all that it has seen; none where nothing is watched.
///
/// For how long nobody looked does not count as watched, so that the watch ends later by that.
///
/// # Errors
/// [`WatchError::Held`] while the other process lives.
pub fn take_over<'p>(
    project: &'p Project,
    watchers: Watchers<'p>,
    listener: &'p dyn WatchListener,
) -> Result<Option<Watch<'p>>, WatchError> {
    let engine = project.engine()?;
    let mut session = project.connect(engine.as_ref(), Access::Write)?;
    if !session.has_store()? {
        return Ok(None);
    }
    let Some(open) = Store::new(session.as_mut()).open_watch()? else {
        return Ok(None);
    };
    // What is decided is carried out whatever can be seen from here.
    if open.phase != WatchPhase::RollingBack {
        all_set(project, &criteria_in(&open)?)?;
    }
    let (post, from) = Post::take(project, session)?;
    let mut session = project.connect(engine.as_ref(), Access::Write)?;
    let mut store = Store::new(session.as_mut());
    // Looked at again: until we had the right to watch, somebody else had it.
    let Some(open) = store.open_watch()? else {
        return Ok(None);
    };
    let criteria = criteria_in(&open)?;
    let stored = store.looks(open.number)?;
    let last = stored.last().map_or(0, |(number, _)| *number);
    let looks = stored.iter().map(|(_, text)| serde_json::from_str(text));
    let looks: Vec<Look> = looks
        .collect::<Result<_, _>>()
        .map_err(|error| damaged(&open, &error))?;
    let (phase, number) = (open.phase, looks.len());
    let post = post.at(open.number, last);
    let parts = WatchParts {
        project,
        engine,
        post,
        open,
        criteria,
        watchers,
        listener,
    };
    let mut watch = Watch::new(parts, looks);
    watch.tell(&WatchEvent::TookOver {
        from,
        looks: number,
    });
    if phase == WatchPhase::Before {
        let because = vec!["the process that watched ended before anything was applied".to_owned()];
        match watch.end_unless_applied(&because)? {
            Moved::Yes => return Ok(None),
            Moved::Not {
                is_half_done: true, ..
            } => return Err(WatchError::HalfDone),
            Moved::Not { applied, .. } if watch.is_whole(&applied) => watch.begin_watching()?,
            // Of several only some: that is for a person, and said when it goes on.
            Moved::Not { .. } => {}
        }
    }
    Ok(Some(watch))
}

fn criteria_in(open: &OpenWatch) -> Result<Criteria, WatchError> {
    serde_json::from_str(&open.record.criteria).map_err(|error| damaged(open, &error))
}

fn damaged(open: &OpenWatch, what: &serde_json::Error) -> WatchError {
    WatchError::NotMeasurable {
        criterion: format!("watch {}", open.number),
        because: format!("what is stored of it cannot be read: {what}"),
    }
}
