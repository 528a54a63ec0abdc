//! Replaying calls: the same queries with the same parameters, each in a transaction that is rolled back.

use tightrope_engine::{EngineError, Queries, Session};
use tightrope_model::{TableChange, TableName};
use tightrope_workload::{
    Answer, Outside, RowsDiffer, Sample, acts_outside, compare_rows, fill_in, has_outer_order,
    picks_any_rows,
};

use super::call::{
    Cost, LONGEST_MS, Tried, analyze, answers, bound, by_turns, counted, is_counted, replay_one,
    tend,
};
use super::load::Witness;
use super::prepare::failure;
use super::report::{
    CostChange, Moment, OpenOrder, PlanChange, QueryFailure, QueryName, Replay, ResultChange,
};
use super::ties::{self, Order};

/// How many samples of a query are replayed.
const MOST_SAMPLES: usize = 5;
/// How many turns are measured where a query looks slower: over all queries by their share of the recorded calls, and for each.
const ALL_TURNS: f64 = 400.0;
const FEWEST_TURNS: f64 = 16.0;
const MOST_TURNS: f64 = 40.0;
/// What is below this cannot be told from noise.
const NOISE_MS: f64 = 1.0;
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
    turns: usize,
    answers: Vec<Answer>,
    is_volatile: bool,
    cost: Cost,
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
        let outside = outside(session)?;
        let (away, working): (Vec<usize>, Vec<usize>) = working
            .iter()
            .partition(|number| self.is_outside(**number, &outside));
        let queries = &self.witness.workload.queries;
        let away = away
            .into_iter()
            .filter(|number| !self.calls_of(*number).0.is_empty());
        let away: Vec<QueryName> = away.map(|number| QueryName::of(&queries[number])).collect();
        self.report.outside = away;
        let calls: Vec<(usize, (Vec<String>, bool))> = working
            .iter()
            .map(|number| (*number, self.calls_of(*number)))
            .filter(|(_, (calls, _))| !calls.is_empty())
            .collect();
        if calls.is_empty() {
            return Ok(());
        }
        if !analyzed {
            analyze(session)?;
        }
        bound(session, LONGEST_MS)?;
        for (number, (calls, made_up)) in calls {
            let query = &self.witness.workload.queries[number];
            match self.play(session, number, calls)? {
                Ok(played) => self.played.push(played),
                // The value that stands for a masked one does not fit there: that says nothing of the query.
                Err(_) if made_up => {}
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
        // The migration may have made a trigger or a function that reaches outside.
        let outside = outside(session)?;
        let mut before = Before::new(reference);
        for index in 0..self.played.len() {
            let number = self.played[index].number;
            if !working.contains(&number) {
                continue;
            }
            let query = &self.witness.workload.queries[number];
            if self.is_outside(number, &outside) {
                let name = QueryName::of(query);
                if !self.report.outside.contains(&name) {
                    self.report.outside.push(name);
                }
                continue;
            }
            match replay_one(session, &self.played[index].calls)? {
                Ok((answers, cost)) => {
                    self.compare_answers(index, when, written, &answers, &mut before)?;
                    self.compare_costs(index, when, cost, session, &mut before)?;
                }
                Err((error, text)) => failures.push(failure(query, &error, &text)),
            }
        }
        Ok(failures)
    }

    /// What was found; none if nothing could be replayed.
    pub(super) fn finish(self) -> Option<Replay> {
        let report = self.report;
        let is_empty =
            report.queries == 0 && report.set_aside.is_empty() && report.outside.is_empty();
        (!is_empty).then_some(report)
    }

    fn is_outside(&self, number: usize, outside: &Outside) -> bool {
        let workload = &self.witness.workload;
        acts_outside(&workload.queries[number].sql, workload.engine, outside)
    }

    /// The calls of a query that can be replayed, and whether values that were masked are made up in them: only where there are no
    /// others.
    fn calls_of(&self, number: usize) -> (Vec<String>, bool) {
        let workload = &self.witness.workload;
        let query = &workload.queries[number];
        let bare = fill_in(&query.sql, &Sample(Vec::new()), workload.engine);
        // What has no parameters is one call as it stands.
        if let Some(bare) = bare {
            return (vec![bare], false);
        }
        let fill = |sample: &Sample| fill_in(&query.sql, sample, workload.engine);
        let whole: Vec<String> = query.samples.iter().filter_map(fill).collect();
        let made_up = whole.is_empty();
        let calls = match made_up {
            true => {
                let samples = query.samples.iter().map(Sample::with_stand_ins);
                samples.filter_map(|sample| fill(&sample)).collect()
            }
            false => whole,
        };
        (calls.into_iter().take(MOST_SAMPLES).collect(), made_up)
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
            turns: (share * ALL_TURNS).clamp(FEWEST_TURNS, MOST_TURNS) as usize,
            answers: Vec::new(),
            is_volatile: false,
            cost: Cost::default(),
        };
        // Twice in the same state: what differs then differs by itself.
        let (first, _) = match answers(session, &played.calls)? {
            Ok(answers) => answers,
            Err(failed) => return Ok(Err(failed)),
        };
        let (second, cost) = match replay_one(session, &played.calls)? {
            Ok(replayed) => replayed,
            Err(failed) => return Ok(Err(failed)),
        };
        let ordered = has_outer_order(&query.sql, workload.engine);
        for (call, answers) in played.calls.iter().zip(first.iter().zip(&second)) {
            let Some(difference) = compare_rows(answers.0, answers.1, ordered) else {
                continue;
            };
            // What ties may come in any order, in the same state, too.
            let is_allowed = ordered
                && ties::judge(session, call, workload.engine, answers, &difference)?
                    == Order::Allowed;
            played.is_volatile |= !is_allowed;
        }
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
        before: &mut Before<'_>,
    ) -> Result<(), EngineError> {
        let played = &self.played[index];
        let workload = &self.witness.workload;
        let query = &workload.queries[played.number];
        if played.is_volatile {
            return Ok(());
        }
        let ordered = has_outer_order(&query.sql, workload.engine);
        let any_rows = !ordered && picks_any_rows(&query.sql, workload.engine);
        let differs = |(before, now): (&Answer, &Answer)| match any_rows {
            _ if is_counted(before) != is_counted(now) => {
                compare_rows(&counted(before), &counted(now), false)
            }
            // Which rows a limit without an order gives is chance: only that there are as many counts.
            true if before.rows.len() == now.rows.len() => None,
            _ => compare_rows(before, now, ordered),
        };
        let mut open: Option<OpenOrder> = None;
        for (call, answers) in played.calls.iter().zip(played.answers.iter().zip(now)) {
            let Some(difference) = differs(answers) else {
                continue;
            };
            let order = match ordered {
                true => ties::judge(
                    before.session()?,
                    call,
                    workload.engine,
                    answers,
                    &difference,
                )?,
                false => Order::Other,
            };
            if order == Order::Other {
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
                return Ok(());
            }
            // What could not be found out says more than what ties.
            let ties = order == Order::Allowed;
            if open.as_ref().is_none_or(|open| open.ties && !ties) {
                open = Some(OpenOrder::new(QueryName::of(query), when, difference, ties));
            }
        }
        self.report.open_orders.extend(open);
        Ok(())
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
        before: &mut Before<'_>,
    ) -> Result<(), EngineError> {
        let settings = &self.witness.settings;
        let mut now = now;
        if self.touches_more(index, &now) && !self.is_tidy {
            // Dead rows that the server will soon clear away are no fault of the migration's.
            tend(session, "vacuum")?;
            self.is_tidy = true;
            if let Ok((_, again)) = replay_one(session, &self.played[index].calls)? {
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
        let (then, today) = (played.cost.fastest_ms(), now.fastest_ms());
        let speed = match today > then * limit && today - then > NOISE_MS {
            // Something else may have kept the machine busy: measured by turns, it slows down both.
            true => by_turns(before.session()?, session, &played.calls, played.turns)?
                .filter(|speed| speed.is_slower_than(limit)),
            false => None,
        };
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

/// The session on a database that is still in the state before; it is opened when it is first asked for.
struct Before<'r> {
    reference: Reference<'r>,
    session: Option<Box<dyn Session>>,
}

impl<'r> Before<'r> {
    fn new(reference: Reference<'r>) -> Self {
        Self {
            reference,
            session: None,
        }
    }

    fn session(&mut self) -> Result<&mut dyn Session, EngineError> {
        let session = match self.session.take() {
            Some(session) => session,
            None => {
                let mut session = (self.reference)()?;
                bound(session.as_mut(), LONGEST_MS)?;
                session
            }
        };
        Ok(self.session.insert(session).as_mut())
    }
}

/// What of a database acts where no rollback reaches, as its catalogs show it.
fn outside(session: &mut dyn Session) -> Result<Outside, EngineError> {
    let parts = session.queries().map(Queries::parts).transpose()?;
    Ok(Outside::of(&parts.unwrap_or_default()))
}
