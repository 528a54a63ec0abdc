//! Making one call: in a transaction that is rolled back, within its time, with its rows, its plan and how long it took.

use std::time::Instant;

use tightrope_engine::{EngineError, ErrorKind, RunStatement, Session};
use tightrope_workload::{Answer, Plan, Speed, compare_times};

use super::prepare::cannot;

/// How long one call may take, in milliseconds.
pub(super) const LONGEST_MS: u64 = 30_000;
/// Up to how many rows an answer is compared row by row.
pub(super) const MOST_ROWS: usize = 10_000;
/// How long a query is measured at most, in milliseconds, once there are enough turns to say anything.
const MEASURING_MS: f64 = 5_000.0;
const ENOUGH_TURNS: usize = 8;

/// What the calls of a query cost.
#[derive(Default)]
pub(super) struct Cost {
    pub(super) times_ms: Vec<f64>,
    /// One for each call, where the engine explains.
    pub(super) plans: Vec<Plan>,
}

impl Cost {
    pub(super) fn fastest_ms(&self) -> f64 {
        self.times_ms.iter().copied().fold(f64::INFINITY, f64::min)
    }

    pub(super) fn blocks(&self) -> Option<f64> {
        let blocks: u64 = self.plans.iter().map(|plan| plan.blocks).sum();
        (!self.plans.is_empty()).then(|| blocks as f64 / self.plans.len() as f64)
    }
}

/// What a query gave, or its error with the text that was sent.
pub(super) type Tried<T> = Result<T, (EngineError, String)>;

/// Bounds each call; where there is no server, nothing does.
pub(super) fn bound(session: &mut dyn Session, milliseconds: u64) -> Result<(), EngineError> {
    match session.vitals() {
        Some(vitals) => vitals.bound_statements(milliseconds),
        None => Ok(()),
    }
}

/// Gives a copy that was restored the statistics that it lacks: its plans would say nothing about production.
pub(super) fn analyze(session: &mut dyn Session) -> Result<(), EngineError> {
    match session.vitals().is_some() {
        true => tend(session, "analyze"),
        false => Ok(()),
    }
}

/// Does to the whole copy what the server does by itself in time, however long it takes.
pub(super) fn tend(session: &mut dyn Session, sql: &str) -> Result<(), EngineError> {
    bound(session, 0)?;
    session.run(RunStatement {
        sql,
        copy_data: None,
    })?;
    bound(session, LONGEST_MS)
}

/// Runs something in a transaction that is rolled back. What the query does wrong is its own failure; what breaks the copy is ours.
pub(super) fn aside<T>(
    session: &mut dyn Session,
    text: &str,
    work: impl FnOnce(&mut dyn tightrope_engine::Queries) -> Result<T, EngineError>,
) -> Result<Tried<T>, EngineError> {
    session.begin()?;
    let done = match session.queries() {
        Some(queries) => work(queries),
        None => Err(cannot()),
    };
    match done {
        Err(error)
            if matches!(
                error.kind,
                ErrorKind::ConnectionLost | ErrorKind::OutOfSpace
            ) =>
        {
            Err(error)
        }
        done => {
            session.roll_back()?;
            Ok(done.map_err(|error| (error, text.to_owned())))
        }
    }
}

/// The answers to the calls of a query, and how long each took in milliseconds.
pub(super) type Answered = (Vec<Answer>, Vec<f64>);

/// One answer a call, and how long each took in milliseconds.
pub(super) fn answers(
    session: &mut dyn Session,
    calls: &[String],
) -> Result<Tried<Answered>, EngineError> {
    let (mut answers, mut times_ms) = (Vec::new(), Vec::new());
    for call in calls {
        match timed(session, call)? {
            Ok((answer, milliseconds)) => {
                answers.push(answer);
                times_ms.push(milliseconds);
            }
            Err(failed) => return Ok(Err(failed)),
        }
    }
    Ok(Ok((answers, times_ms)))
}

/// The answer to a call, and how long it took in milliseconds.
fn timed(session: &mut dyn Session, call: &str) -> Result<Tried<(Answer, f64)>, EngineError> {
    let mut milliseconds = 0.0;
    let rows = aside(session, call, |queries| {
        let clock = Instant::now();
        let rows = queries.rows_of(call, MOST_ROWS);
        milliseconds = clock.elapsed().as_secs_f64() * 1_000.0;
        rows
    })?;
    Ok(rows.map(|found| {
        let is_whole = !found.columns.is_empty() && found.count as usize == found.rows.len();
        let answer = match is_whole {
            true => Answer {
                columns: found.columns,
                rows: found.rows,
            },
            // More than is compared, or rows that were changed: their number counts.
            false => number_of(found.count),
        };
        (answer, milliseconds)
    }))
}

/// The name of the one column of an answer that is only a number of rows.
const COUNTED: &str = "number of rows";

fn number_of(rows: u64) -> Answer {
    Answer {
        columns: vec![COUNTED.to_owned()],
        rows: vec![vec![Some(rows.to_string())]],
    }
}

pub(super) fn is_counted(answer: &Answer) -> bool {
    answer.columns == [COUNTED]
}

/// An answer as its number of rows.
pub(super) fn counted(answer: &Answer) -> Answer {
    match is_counted(answer) {
        true => answer.clone(),
        false => number_of(answer.rows.len() as u64),
    }
}

/// All calls of a query: answers, plans, times.
pub(super) fn replay_one(
    session: &mut dyn Session,
    calls: &[String],
) -> Result<Tried<(Vec<Answer>, Cost)>, EngineError> {
    let (answers, times_ms) = match answers(session, calls)? {
        Ok(answered) => answered,
        Err(failed) => return Ok(Err(failed)),
    };
    let mut cost = Cost {
        times_ms,
        plans: Vec::new(),
    };
    for call in calls {
        match aside(session, call, |queries| queries.explain(call))? {
            Ok(Some(text)) => cost.plans.extend(Plan::parse(&text).ok()),
            Ok(None) => {}
            Err(failed) => return Ok(Err(failed)),
        }
    }
    // Whatever comes first meets a cold cache.
    match timed(session, &calls[0])? {
        Ok((_, milliseconds)) => cost.times_ms.push(milliseconds),
        Err(failed) => return Ok(Err(failed)),
    }
    Ok(Ok((answers, cost)))
}

/// The times of a query on both databases, measured by turns.
pub(super) fn by_turns(
    before: &mut dyn Session,
    now: &mut dyn Session,
    calls: &[String],
    turns: usize,
) -> Result<Option<Speed>, EngineError> {
    let (mut then_ms, mut now_ms) = (Vec::new(), Vec::new());
    let clock = Instant::now();
    for run in 0..turns {
        if run >= ENOUGH_TURNS && clock.elapsed().as_secs_f64() * 1_000.0 > MEASURING_MS {
            break;
        }
        let call = &calls[run % calls.len()];
        if let (Ok((_, then)), Ok((_, now))) = (timed(before, call)?, timed(now, call)?) {
            then_ms.push(then);
            now_ms.push(now);
        }
    }
    Ok(compare_times(&then_ms, &now_ms))
}
