//! Watching: criteria as rows, what happens on the way, and what came of it.

use serde_json::{Value, json};
use tightrope_judge::{Ruling, SOON, Verdict};
use tightrope_lifecycle::{Outcome, WatchEvent, WatchReport, Watched, WayBackNow};

use crate::Style;
use crate::page::{Page, pad};
use crate::words::{ago, cut, duration, plural};

/// The columns of a row: criterion, value, limit, sparkline.
const COLUMNS: [usize; 4] = [26, 12, 14, 12];

/// The line of an event, if it is one that is told in a line: looks are a table of their own.
pub fn watch_event(event: &WatchEvent, style: &Style) -> Option<String> {
    Some(match event {
        WatchEvent::Look { .. } => return None,
        WatchEvent::BaselineBegun {
            milliseconds,
            digest,
            ..
        } => format!(
            "criteria fixed ({}), taking the baseline for {}",
            &digest[..digest.len().min(12)],
            duration(*milliseconds)
        ),
        WatchEvent::Baseline { quality, finds } => baseline(quality, finds, style),
        WatchEvent::Watching {
            migrations,
            milliseconds,
        } => {
            format!(
                "watching {} for {}",
                migrations.join(", "),
                duration(*milliseconds)
            )
        }
        WatchEvent::TookOver { from, looks } => {
            let from = from
                .as_ref()
                .map(|from| format!(" from {from}"))
                .unwrap_or_default();
            format!(
                "took the watch over{from}, with {}",
                plural(*looks as u64, "look", "looks")
            )
        }
        WatchEvent::Unreachable { because } => format!("not kept yet: {}", cut(because, 200)),
        WatchEvent::Failed { because } => style.bad(&format!("fail  {}", because.join("; "))),
        WatchEvent::RollingBack {
            migrations,
            way_back,
        } => {
            format!(
                "rolling back {} by c: {}",
                migrations.join(", "),
                way_back_in_words(way_back)
            )
        }
        WatchEvent::Ended { outcome, because } if because.is_empty() => {
            format!("watch ended: {outcome}")
        }
        WatchEvent::Ended { outcome, because } => {
            format!("watch ended: {outcome}: {}", because.join("; "))
        }
        WatchEvent::HookFailed { because } => {
            style.careful(&format!("the hook did not work: {because}"))
        }
    })
}

/// That the baseline was taken, and what it is good for.
fn baseline(quality: &[(String, usize, usize)], finds: &[(String, f64)], style: &Style) -> String {
    let thin: Vec<String> = quality
        .iter()
        .filter(|(_, have, want)| have < want)
        .map(|(probe, have, want)| format!("{probe} has {have} of {want} samples"))
        .collect();
    if !thin.is_empty() {
        return style.careful(&format!(
            "baseline taken, and it is thin: {}",
            thin.join(", ")
        ));
    }
    let finds = finds.iter().map(|(criterion, percent)| {
        format!("\n  `{criterion}`: on {SOON} samples it finds {percent:.0} % or more, less takes longer")
    });
    format!("baseline taken{}", finds.collect::<String>())
}

/// A look as a table: criteria as rows, and the way back.
pub fn watch_look(
    migrations: &[String],
    rulings: &[Ruling],
    left_ms: u64,
    way_back: &WayBackNow,
    style: &Style,
) -> String {
    let mut page = Page::new(style);
    page.line(format!(
        "{}    watching, {} left",
        style.bold(&migrations.join(", ")),
        duration(left_ms)
    ));
    let way = format!("way back: c, {}", way_back_in_words(way_back));
    page.field("  ", &style.pass(&way, way_back.lossless));
    rows(&mut page, rulings);
    page.end("", 0)
}

/// A watch that is not over, for those who only want to know where things stand.
pub(crate) fn open_watch(page: &mut Page<'_>, watch: &WatchReport) {
    let style = page.style;
    page.gap();
    let what = format!(
        "{}, begun {}: {} watched, {} left",
        style.bold(&watch.migrations.join(", ")),
        ago(&watch.begun_at, style.now),
        duration(watch.watched_ms),
        duration(watch.left_ms)
    );
    page.field("watch    ", &what);
    match (watch.phase, &watch.by, watch.alive) {
        ("rolling-back", _, _) => page.field(
            "         ",
            &style.bad("A criterion fails, and it is being rolled back."),
        ),
        ("before", _, _) => page.field("         ", "Nothing is applied yet."),
        _ => {}
    }
    match (&watch.by, watch.alive) {
        (Some(by), Some(true)) => page.field("         ", &format!("{by} watches")),
        (Some(by), None) => page.field(
            "         ",
            &format!("{by} watches, as far as can be seen from here"),
        ),
        (_, _) => {
            page.field(
                "         ",
                &style.careful("Nobody watches: the process that did is gone."),
            );
            page.hint("`tightrope watch` goes on with it, with all that was seen");
        }
    }
    rows(page, &watch.rulings);
}

fn rows(page: &mut Page<'_>, rulings: &[Ruling]) {
    let [name, value, limit, line] = COLUMNS;
    for ruling in rulings {
        let verdict = match ruling.verdict {
            Verdict::Pass => page.style.good("pass"),
            Verdict::Fail => page.style.bad("fail"),
            Verdict::Inconclusive | Verdict::NoData => page.style.careful(ruling.verdict.name()),
        };
        page.line(format!(
            "  {} {} {} {} {verdict}",
            pad(&cut(&ruling.criterion, name), name),
            pad(&ruling.value, value),
            pad(&ruling.limit, limit),
            pad(&sparkline(&ruling.history, line), line),
        ));
        if let Some(because) = &ruling.because {
            page.field("      ", because);
        }
    }
}

/// The last values as bars; the lowest is the lowest bar.
fn sparkline(history: &[f64], width: usize) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let last = &history[history.len().saturating_sub(width)..];
    let least = last.iter().copied().fold(f64::INFINITY, f64::min);
    let most = last.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let bar = |value: &f64| match most > least {
        true => BARS[((value - least) / (most - least) * 7.0).round() as usize % BARS.len()],
        false => BARS[0],
    };
    last.iter().map(bar).collect()
}

/// `40 ms, 0 rows in conflict`, or why it is not open.
fn way_back_in_words(way_back: &WayBackNow) -> String {
    if let Some(because) = &way_back.because {
        return format!("not open without loss: {because}");
    }
    let time = way_back
        .rollback_ms
        .map(|took| format!("{}, ", duration(took)))
        .unwrap_or_default();
    let written = plural(way_back.written, "row written since", "rows written since");
    format!(
        "{time}{}, {written}",
        plural(way_back.in_conflict, "row in conflict", "rows in conflict")
    )
}

/// What a watch came to; `exit` is what the command ends with.
pub fn watched(watched: &Watched, exit: u8, style: &Style) -> String {
    let mut page = Page::new(style);
    let migrations = watched.migrations.join(", ");
    page.spread(
        &style.bold(&migrations),
        &format!("watched for {}", duration(watched.watched_ms)),
    );
    rows(&mut page, &watched.rulings);
    page.gap();
    if let Some(why) = &watched.not_rolled_back {
        page.field(
            "",
            &style.bad(&format!(
                "A criterion fails, and nothing was rolled back: {why}."
            )),
        );
        page.hint(
            "decide now: `tightrope status` shows the way back, `tightrope rollback` takes it",
        );
        return page.end("", exit);
    }
    match watched.outcome {
        Outcome::Kept => page.field(
            "",
            "Kept: every criterion passes. The way back stays open until `tightrope seal`.",
        ),
        Outcome::RolledBack => {
            let took: u64 = watched
                .rolled_back
                .iter()
                .flat_map(|done| &done.migrations)
                .map(|one| one.rollback_ms)
                .sum();
            page.field(
                "",
                &format!(
                    "Rolled back by itself in {}. Next: `tightrope log` has all of it.",
                    duration(took)
                ),
            );
        }
        Outcome::RolledBackByHand => page.field(
            "",
            "Somebody rolled back meanwhile: there is nothing to watch any more.",
        ),
        Outcome::Undecided => {
            page.field("", "The time is over, and not everything passes: the migration stays, and nothing says that it is good.");
            page.hint("decide now: `tightrope rollback` goes back, doing nothing keeps it");
        }
        Outcome::Alert | Outcome::NotApplied => page.field("", &watched.because.join("; ")),
    }
    page.end("", exit)
}

/// What a watch came to, as JSON.
pub fn watched_json(watched: &Watched) -> Value {
    let mut value = json!(watched);
    value["event"] = json!("watched");
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::style::test_style;

    fn rulings() -> Vec<Ruling> {
        let one =
            |criterion: &str, verdict, value: &str, limit: &str, because: Option<&str>| Ruling {
                criterion: criterion.to_owned(),
                verdict,
                value: value.to_owned(),
                limit: limit.to_owned(),
                samples: 412,
                p: None,
                because: because.map(str::to_owned),
                history: vec![1.0, 2.0, 3.0, 2.0],
            };
        vec![
            one(
                "more than 10 errors",
                Verdict::Pass,
                "2",
                "at most 10",
                None,
            ),
            one(
                "sum(amount) equal",
                Verdict::NoData,
                "",
                "equal",
                Some("it was not measured"),
            ),
        ]
    }

    #[test]
    fn an_open_watch_says_who_watches() {
        let mut watch = WatchReport {
            migrations: vec!["0042_drop_legacy_status".to_owned()],
            begun_at: "2026-01-02T11:00:00Z".to_owned(),
            phase: "watching",
            by: Some("me@here, process 7, `tightrope apply`".to_owned()),
            alive: Some(true),
            watched_ms: 1_140_000,
            left_ms: 2_460_000,
            looks: 570,
            rulings: rulings(),
        };
        let said = |watch: &WatchReport| {
            let style = test_style();
            let mut page = Page::new(&style);
            open_watch(&mut page, watch);
            page.end("", 0)
        };
        let text = said(&watch);
        assert!(
            text.contains("process 7, `tightrope apply` watches"),
            "{text}"
        );
        assert!(text.contains("19 min watched, 41 min left"), "{text}");
        watch.alive = Some(false);
        let text = said(&watch);
        assert!(text.contains("Nobody watches"), "{text}");
        assert!(text.contains("`tightrope watch` goes on"), "{text}");
    }

    #[test]
    fn a_baseline_says_what_it_is_good_for() {
        let check = |have, expect: &str| {
            let event = WatchEvent::Baseline {
                quality: vec![("checkout".to_owned(), have, 30)],
                finds: vec![("p95 of checkout up by more than 20 %".to_owned(), 48.2)],
            };
            assert_eq!(watch_event(&event, &test_style()).unwrap(), expect);
        };
        check(
            300,
            "baseline taken\n  `p95 of checkout up by more than 20 %`: on 60 samples it finds 48 % or more, less takes longer",
        );
        check(
            12,
            "baseline taken, and it is thin: checkout has 12 of 30 samples",
        );
    }

    #[test]
    fn a_look_is_a_table() {
        let way_back = WayBackNow {
            lossless: true,
            written: 3,
            rollback_ms: Some(40),
            ..WayBackNow::default()
        };
        let text = watch_look(
            &["0042_drop".to_owned()],
            &rulings(),
            2_460_000,
            &way_back,
            &test_style(),
        );
        assert_eq!(
            text,
            "0042_drop    watching, 41 min left\n  way back: c, 40 ms, 0 rows in conflict, 3 rows written since\n  \
             more than 10 errors        2            at most 10     ▁▅█▅         pass\n  \
             sum(amount) equal                       equal          ▁▅█▅         no data\n      it was not measured\n"
        );
    }

    #[test]
    fn what_keeps_it_from_rolling_back_is_said_first() {
        let done = Watched {
            migrations: vec!["0042_drop".to_owned()],
            outcome: Outcome::Alert,
            because: vec!["more than 10 errors: it is 11".to_owned()],
            not_rolled_back: Some("the policy is alert".to_owned()),
            rulings: rulings(),
            watched_ms: 5_000,
            looks: 3,
            rolled_back: None,
            digest: tightrope_model::Digest::of(""),
        };
        let text = watched(&done, 9, &test_style());
        assert!(
            text.contains("nothing was rolled back: the policy is alert."),
            "{text}"
        );
        assert!(text.trim_end().ends_with("exit 9"), "{text}");
        assert_eq!(watched_json(&done)["outcome"], "alert");
        assert_eq!(watched_json(&done)["event"], "watched");
    }
}
