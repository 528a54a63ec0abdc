//! Replaying calls: the same queries with the same parameters, each in a transaction that is rolled back.

use std::time::Instant;

use tightrope_engine::{EngineError, ErrorKind, RunStatement, Session};
use tightrope_model::{TableChange, TableName};
use tightrope_workload::{
    Answer, Plan, RowsDiffer, Speed, acts_outside, compare_rows, compare_times, fill_in,
    has_outer_order, picks_any_rows,
};

use super::load::Witness;
use super::prepare::{cannot, failure};
use super::report::{
    CostChange, Moment, PlanChange, QueryFailure, QueryName, Replay, ResultChange,
};

/// How many samples of a query are replayed.
const MOST_SAMPLES: usize = 5;
/// Up to how many rows an answer is compared row by row.
const MOST_ROWS: usize = 10_000;
/// How long one call may take, in milliseconds.
const LONGEST_MS: u64 = 30_000;
/// How many calls are made for their times, over all queries by their share of the recorded calls, and for each query.
const TIMED_CALLS: f64 = 400.0;
const FEWEST_CALLS: f64 = 8.0;
const MOST_CALLS: f64 = 40.0;
/// How long a query is measured at most, in milliseconds; it is called three times in any case.
const MEASURING_MS: f64 = 400.0;
/// So many blocks more are no regression, by whatever factor.
const FEW_BLOCKS: f64 = 8.0;

/// Opens a session on a database that is still in the state before.
pub(crate) type Reference<'r> = &'r mut dyn FnMut() -> Result<Box<dyn Session>, EngineError>;

/// Replays the calls of a workload, before and after.
pub(super) struct Replayer<'w> {
    witness: &'w Witness,
    played: Vec<Played>,
    /// What the forward script has written: after the rollback the tables are as large as it has left them.
    written: Vec<(TableName, TableChange)>,
    /// Whether dead rows have been cleared away since the last change.
    is_tidy: bool,
    report: Replay,
}

/// A query that is replayed, and how it went before.
struct Played {
    number: usize,
    /// The text with each sample's values.
    calls: Vec<String>,
    runs: usize,
    answers: Vec<Answer>,
    is_volatile: bool,
    cost: Cost,
}

/// What the calls of a query cost.
#[derive(Default)]
struct Cost {
    times_ms: Vec<f64>,
    /// One for each call, where the engine explains.
    plans: Vec<Plan>,
}

impl Cost {
    fn blocks(&self) -> Option<f64> {
        let blocks: u64 = self.plans.iter().map(|plan| plan.blocks).sum();
        (!self.plans.is_empty()).then(|| blocks as f64 / self.plans.len() as f64)
    }
}

impl<'w> Replayer<'w> {
    pub(super) fn new(witness: &'w Witness) -> Self {
        Self {
            witness,
            played: Vec::new(),
            written: Vec::new(),
            is_tidy: false,
            report: Replay::default(),
        }
    }

    /// Replays before the migration.
    pub(super) fn begin(
        &mut self,
        session: &mut dyn Session,
        working: &[usize],
        analyzed: bool,
    ) -> Result<(), EngineError> {
        let calls: Vec<(usize, Vec<String>)> = working
            .iter()
            .map(|number| (*number, self.calls_of(*number)))
            .filter(|(_, calls)| !calls.is_empty())
            .collect();
        if calls.is_empty() {
            return Ok(());
        }
        if !analyzed {
            analyze(session)?;
        }
        bound(session, LONGEST_MS)?;
        for (number, calls) in calls {
            let query = &self.witness.workload.queries[number];
            match self.play(session, number, calls)? {
                Ok(played) => self.played.push(played),
                Err((error, text)) => self.report.set_aside.push(failure(query, &error, &text)),
            }
        }
        self.report.queries = self.played.len();
        Ok(())
    }

    /// Replays after something has changed; gives the queries that fail now.
    pub(super) fn again(
        &mut self,
        session: &mut dyn Session,
        working: &[usize],
        when: Moment,
        written: &[(TableName, TableChange)],
        reference: Reference<'_>,
    ) -> Result<Vec<QueryFailure>, EngineError> {
        let mut failures = Vec::new();
        if self.played.is_empty() {
            return Ok(failures);
        }
        bound(session, LONGEST_MS)?;
        self.is_tidy = false;
        self.written.extend_from_slice(written);
        for index in 0..self.played.len() {
            let number = self.played[index].number;
            if !working.contains(&number) {
                continue;
            }
            let query = &self.witness.workload.queries[number];
            match replay_one(session, &self.played[index])? {
                Ok((answers, cost)) => {
                    self.compare_answers(index, when, written, &answers);
                    self.compare_costs(index, when, cost, session, reference)?;
                }
                Err((error, text)) => failures.push(failure(query, &error, &text)),
            }
        }
        Ok(failures)
    }

    /// What was found; none if nothing could be replayed.
    pub(super) fn finish(self) -> Option<Replay> {
        (self.report.queries > 0 || !self.report.set_aside.is_empty()).then_some(self.report)
    }

    /// The calls of a query that can be replayed.
    fn calls_of(&self, number: usize) -> Vec<String> {
        let workload = &self.witness.workload;
        let query = &workload.queries[number];
        if acts_outside(&query.sql, workload.engine) {
            return Vec::new();
        }
        let bare = fill_in(
            &query.sql,
            &tightrope_workload::Sample(Vec::new()),
            workload.engine,
        );
        let samples = query.samples.iter();
        let filled = samples.filter_map(|sample| fill_in(&query.sql, sample, workload.engine));
        // What has no parameters is one call as it stands.
        bare.map_or_else(|| filled.take(MOST_SAMPLES).collect(), |bare| vec![bare])
    }

    fn play(
        &mut self,
        session: &mut dyn Session,
        number: usize,
        calls: Vec<String>,
    ) -> Result<Tried<Played>, EngineError> {
        let workload = &self.witness.workload;
        let query = &workload.queries[number];
        let all: u64 = workload.queries.iter().map(|query| query.calls).sum();
        let share = query.calls as f64 / all.max(1) as f64;
        let mut played = Played {
            number,
            calls,
            runs: (share * TIMED_CALLS).clamp(FEWEST_CALLS, MOST_CALLS) as usize,
            answers: Vec::new(),
            is_volatile: false,
            cost: Cost::default(),
        };
        // Twice in the same state: what differs then differs by itself.
        let first = match answers(session, &played.calls)? {
            Ok(answers) => answers,
            Err(failed) => return Ok(Err(failed)),
        };
        let (second, cost) = match replay_one(session, &played)? {
            Ok(replayed) => replayed,
            Err(failed) => return Ok(Err(failed)),
        };
        let ordered = has_outer_order(&query.sql, workload.engine);
        let differs =
            |(one, other): (&Answer, &Answer)| compare_rows(one, other, ordered).is_some();
        played.is_volatile = first.iter().zip(&second).any(differs);
        if played.is_volatile {
            self.report.volatile.push(QueryName::of(query));
        }
        self.report.calls += cost.times_ms.len() as u64;
        (played.answers, played.cost) = (first, cost);
        Ok(Ok(played))
    }

    fn compare_answers(
        &mut self,
        index: usize,
        when: Moment,
        written: &[(TableName, TableChange)],
        now: &[Answer],
    ) {
        let played = &self.played[index];
        let workload = &self.witness.workload;
        let query = &workload.queries[played.number];
        if played.is_volatile {
            return;
        }
        let ordered = has_outer_order(&query.sql, workload.engine);
        let any_rows = !ordered && picks_any_rows(&query.sql, workload.engine);
        let differs = |(before, now): (&Answer, &Answer)| match any_rows {
            // Which rows a limit without an order gives is chance: only that there are as many counts.
            true if before.rows.len() == now.rows.len() => None,
            _ => compare_rows(before, now, ordered),
        };
        let Some(difference) = played.answers.iter().zip(now).find_map(differs) else {
            return;
        };
        let is_other = matches!(
            difference,
            RowsDiffer::Order { .. } | RowsDiffer::Column { .. }
        );
        let expected = !is_other && self.reads(played, written);
        self.report.results.push(ResultChange {
            query: QueryName::of(query),
            when,
            text: difference.in_words(),
            difference,
            expected,
        });
    }

    /// Whether rows of the tables that a query reads were written.
    fn reads(&self, played: &Played, written: &[(TableName, TableChange)]) -> bool {
        let is_written = |name: &str| {
            let is_it = |(table, change): &(TableName, TableChange)| {
                !change.is_empty() && table.name.eq_ignore_ascii_case(name)
            };
            written.iter().any(is_it)
        };
        let query = &self.witness.workload.queries[played.number];
        let by_plan = played.cost.plans.iter().flat_map(|plan| &plan.relations);
        let by_words = query
            .tables
            .iter()
            .filter_map(|table| table.rsplit('.').next());
        by_plan.map(String::as_str).chain(by_words).any(is_written)
    }

    /// Whether a query touches more blocks than the limit allows.
    fn touches_more(&self, index: usize, now: &Cost) -> bool {
        let limit = self.witness.settings.blocks_limit;
        let blocks = self.played[index].cost.blocks().zip(now.blocks());
        blocks
            .is_some_and(|(before, now)| now > before.max(1.0) * limit && now - before > FEW_BLOCKS)
    }

    fn compare_costs(
        &mut self,
        index: usize,
        when: Moment,
        now: Cost,
        session: &mut dyn Session,
        reference: Reference<'_>,
    ) -> Result<(), EngineError> {
        let settings = &self.witness.settings;
        let mut now = now;
        if self.touches_more(index, &now) && !self.is_tidy {
            // Dead rows that the server will soon clear away are no fault of the migration's.
            tend(session, "vacuum")?;
            self.is_tidy = true;
            if let Ok((_, again)) = replay_one(session, &self.played[index])? {
                now = again;
            }
        }
        let played = &self.played[index];
        let query = QueryName::of(&self.witness.workload.queries[played.number]);
        let mut plans = played.cost.plans.iter().zip(&now.plans);
        let plan = plans.find_map(|(before, now)| before.change_to(now));
        let blocks = played.cost.blocks().zip(now.blocks());
        let blocks = blocks.filter(|_| self.touches_more(index, &now));
        let limit = settings.time_limit;
        let mut speed = compare_times(&played.cost.times_ms, &now.times_ms)
            .filter(|speed| speed.is_slower_than(limit));
        if speed.is_some() {
            // Something else may have kept the machine busy meanwhile: measured once more, by turns, it would slow down both.
            let mut reference = reference()?;
            speed = by_turns(reference.as_mut(), session, played)?
                .filter(|speed| speed.is_slower_than(limit));
        }
        if blocks.is_some() || speed.is_some() {
            let expected = plan.is_none() && self.reads(&self.played[index], &self.written);
            let costs = &mut self.report.costs;
            costs.push(CostChange {
                query,
                when,
                blocks,
                speed,
                plan,
                expected,
            });
        } else if let Some(plan) = plan {
            self.report.plans.push(PlanChange { query, when, plan });
        }
        Ok(())
    }
}

/// What a query gave, or its error with the text that was sent.
type Tried<T> = Result<T, (EngineError, String)>;

/// Bounds each call; where there is no server, nothing does.
fn bound(session: &mut dyn Session, milliseconds: u64) -> Result<(), EngineError> {
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
fn tend(session: &mut dyn Session, sql: &str) -> Result<(), EngineError> {
    bound(session, 0)?;
    session.run(RunStatement {
        sql,
        copy_data: None,
    })?;
    bound(session, LONGEST_MS)
}

/// Runs something in a transaction that is rolled back. What the query does wrong is its own failure; what breaks the copy is ours.
fn aside<T>(
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

/// One answer a call.
fn answers(session: &mut dyn Session, calls: &[String]) -> Result<Tried<Vec<Answer>>, EngineError> {
    let mut answers = Vec::with_capacity(calls.len());
    for call in calls {
        match timed(session, call)? {
            Ok((answer, _)) => answers.push(answer),
            Err(failed) => return Ok(Err(failed)),
        }
    }
    Ok(Ok(answers))
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
            false => Answer {
                columns: vec!["number of rows".to_owned()],
                rows: vec![vec![Some(found.count.to_string())]],
            },
        };
        (answer, milliseconds)
    }))
}

/// All calls of a query: answers, plans, times.
fn replay_one(
    session: &mut dyn Session,
    played: &Played,
) -> Result<Tried<(Vec<Answer>, Cost)>, EngineError> {
    let answers = match answers(session, &played.calls)? {
        Ok(answers) => answers,
        Err(failed) => return Ok(Err(failed)),
    };
    let mut cost = Cost::default();
    for call in &played.calls {
        match aside(session, call, |queries| queries.explain(call))? {
            Ok(Some(text)) => cost.plans.extend(Plan::parse(&text).ok()),
            Ok(None) => {}
            Err(failed) => return Ok(Err(failed)),
        }
    }
    let clock = Instant::now();
    for run in 0..played.runs {
        if run >= 3 && clock.elapsed().as_secs_f64() * 1_000.0 > MEASURING_MS {
            break;
        }
        match timed(session, &played.calls[run % played.calls.len()])? {
            Ok((_, milliseconds)) => cost.times_ms.push(milliseconds),
            Err(failed) => return Ok(Err(failed)),
        }
    }
    Ok(Ok((answers, cost)))
}

/// The times of a query on both databases, measured by turns.
fn by_turns(
    before: &mut dyn Session,
    now: &mut dyn Session,
    played: &Played,
) -> Result<Option<Speed>, EngineError> {
    const TURNS: usize = 24;
    let (mut then_ms, mut now_ms) = (Vec::new(), Vec::new());
    for run in 0..TURNS {
        let call = &played.calls[run % played.calls.len()];
        if let (Ok((_, then)), Ok((_, now))) = (timed(before, call)?, timed(now, call)?) {
            then_ms.push(then);
            now_ms.push(now);
        }
    }
    Ok(compare_times(&then_ms, &now_ms))
}
