use tightrope_engine::{EngineError, ErrorKind, Session};
use tightrope_lifecycle::{
    ApplyError, MigrationRehearsal, QuarantineError, RehearsalDifference, RehearseError,
};
use tightrope_model::{Catalog, TableShape, Verdict};

use super::case::{Stacked, TwinCase, Write};
use super::generate::{generate, is_enforced};
use super::positions;
use super::stage::{Pair, Stage, attempt, check_deferred, run};

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The database is its twin's equal, with so many writes in the window.
    Passed {
        /// Writes that were done on both sides.
        writes: usize,
        /// Writes that did not mean the same after all, and were undone.
        undone: usize,
    },
    /// It did not get as far as a rollback.
    Skipped(String),
    /// The promise is broken.
    Failed(String),
}

impl Outcome {
    /// What a failure is about, without names and numbers: its first line. Shrinking must not wander to another one.
    pub fn heading(&self) -> Option<String> {
        let Self::Failed(text) = self else {
            return None;
        };
        let line = text.lines().next().unwrap_or_default();
        let named = |word: &&str| {
            !word
                .chars()
                .any(|letter| letter.is_ascii_digit() || !letter.is_ascii())
        };
        let unquoted: String = line.split(['"', '`']).step_by(2).collect();
        let words: Vec<&str> = unquoted.split(' ').filter(named).collect();
        Some(words.join(" ").chars().take(MOST_OF_A_HEADING).collect())
    }
}

const MOST_OF_A_HEADING: usize = 120;

/// Makes the case of a seed and runs it.
///
/// # Errors
/// When a database breaks, which is no case's fault.
pub fn run_seed(stage: &Stage, seed: u64) -> anyhow::Result<(TwinCase, Outcome)> {
    stage.enforce_keys(is_enforced(stage.kind(), seed));
    stage.clear()?;
    let case = stage.on_bench(|bench| generate(stage.kind(), seed, bench))?;
    let outcome = on_stage(stage, &case, true)?;
    Ok((case, outcome))
}

/// Runs a case on empty databases.
///
/// # Errors
/// When a database breaks, which is no case's fault.
pub fn run_case(stage: &Stage, case: &TwinCase) -> anyhow::Result<Outcome> {
    stage.enforce_keys(case.enforced);
    stage.clear()?;
    on_stage(stage, case, false)
}

fn on_stage(stage: &Stage, case: &TwinCase, twin_is_made: bool) -> anyhow::Result<Outcome> {
    if case.forward.is_empty() {
        return Ok(Outcome::Skipped("no migration".to_owned()));
    }
    let (early, late) = case.rows_by_time();
    stage.with(|pair| {
        build(pair.now.as_mut(), &[&case.schema, early])?;
        if twin_is_made {
            return Ok(());
        }
        build(pair.twin.as_mut(), &[&case.schema, early, late])
    })?;
    stage.write(case)?;
    if !late.is_empty() {
        // What does not pass is rehearsed once more by `apply`, with all rows.
        let _ = stage.rehearse();
        stage.with(|pair| build(pair.now.as_mut(), &[late]))?;
    }
    let positions = stage.with(|pair| {
        positions::draw(pair.twin.as_mut(), case.engine)?;
        positions::draw(pair.now.as_mut(), case.engine)
    })?;
    if let Err(error) = stage.apply(case)? {
        return Ok(match error {
            // The rehearsal had fewer rows, and the guard has noticed.
            ApplyError::OutsideThePlan { .. } if !late.is_empty() => {
                Outcome::Skipped("not as it was rehearsed".to_owned())
            }
            error => refused(case, not_applied(&error)),
        });
    }
    let mut count = Count::default();
    count.add(write_all(stage, &case.writes)?);
    if let Some(stacked) = &case.stacked
        && let Some(outcome) = stack(stage, case, stacked, &mut count)?
    {
        return Ok(outcome);
    }
    if let Err(error) = stage.roll_back() {
        return Ok(refused(case, Outcome::Failed(chain("roll back", &error))));
    }
    // What did not fit when the stacked migration went back may fit now.
    if !count.quarantined.is_empty()
        && let Err(error) = stage.put_back(&count.quarantined)
    {
        return Ok(match error {
            // It has a value in a column that is not there any more.
            QuarantineError::DoesNotFit { error, .. }
                if error.message.contains("has no column") =>
            {
                Outcome::Skipped("no column for a row in quarantine".to_owned())
            }
            error => Outcome::Failed(chain("put back", &error)),
        });
    }
    let Count { writes, undone, .. } = count;
    let behind = |pair: &mut Pair| positions::behind(pair.now.as_mut(), case.engine, &positions);
    let unlike = match unlike(stage)? {
        None => stage.with(behind)?,
        unlike => unlike,
    };
    Ok(match unlike {
        Some(what) => Outcome::Failed(what),
        None => Outcome::Passed { writes, undone },
    })
}

/// Writes that were done on both sides, and those that were undone.
#[derive(Default)]
struct Count {
    writes: usize,
    undone: usize,
    /// Rows that went to quarantine when the stacked migration went back.
    quarantined: Vec<i64>,
}

impl Count {
    fn add(&mut self, (writes, undone): (usize, usize)) {
        self.writes += writes;
        self.undone += undone;
    }
}

/// A migration on top comes and goes; gives how the case ended, if it did.
fn stack(
    stage: &Stage,
    case: &TwinCase,
    stacked: &Stacked,
    count: &mut Count,
) -> anyhow::Result<Option<Outcome>> {
    stage.write_stacked(&stacked.forward)?;
    if let Err(error) = stage.apply(case)? {
        let later = match &error {
            ApplyError::Engine(error) => error.kind == ErrorKind::Unsupported,
            // Rows that the application has taken away meanwhile may be taken for the script's.
            ApplyError::OutsideThePlan { .. } => true,
            // A copy that is a dump has its indexes in another order, after which those of a table like it are called.
            ApplyError::NotAsRehearsed { .. } => {
                let mut scripts = stacked.forward.iter();
                scripts.any(|sql| sql.contains(" including all)"))
            }
            _ => false,
        };
        if later {
            // It cannot stand on the first, and has said so in time.
            return Ok(None);
        }
        return Ok(match refused(case, not_applied(&error)) {
            // Rows of the application's are in its way, and nothing of it is left.
            Outcome::Skipped(_) => None,
            other => Some(other),
        });
    }
    count.add(write_all(stage, &stacked.writes)?);
    let report = match stage.roll_back() {
        Ok(report) => report,
        Err(error) => {
            let text = chain("roll back what is stacked", &error);
            return Ok(Some(refused(case, Outcome::Failed(text))));
        }
    };
    if report.migrations.iter().any(|one| {
        one.net
            .as_ref()
            .is_some_and(|net| !net.quarantined.is_empty())
    }) {
        count.quarantined = stage.quarantined()?;
    }
    count.add(write_all(stage, &stacked.between)?);
    Ok(None)
}

/// Schema and rows; a statement that fails is left out, on both sides alike.
fn build(session: &mut dyn Session, parts: &[&[String]]) -> anyhow::Result<()> {
    session.begin()?;
    for sql in parts.iter().copied().flatten() {
        // While shrinking, what a statement needs may be gone.
        let _ = attempt(session, std::slice::from_ref(sql));
    }
    session.commit()?;
    Ok(())
}

/// A refusal, which is no failure where it is allowed.
fn refused(case: &TwinCase, outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Failed(_) if case.keyless => Outcome::Skipped("no key".to_owned()),
        other => other,
    }
}

fn not_applied(error: &ApplyError) -> Outcome {
    let verdict = match error {
        ApplyError::NotProven {
            rehearsed: Some(rehearsed),
            ..
        } => rehearsed.migrations.first(),
        _ => None,
    };
    let text = match verdict {
        Some(one) if one.verdict == Verdict::Exact => chain("apply", error),
        Some(one) => rehearsed(one),
        None => chain("apply", error),
    };
    match (verdict.map(|one| one.verdict), error) {
        // It was said beforehand that nothing but a written script leads back.
        (Some(Verdict::RollbackFails), _) if text.contains("; write a rollback script") => {
            Outcome::Skipped("no derived way back".to_owned())
        }
        (Some(Verdict::ForwardFails | Verdict::NoRollback), _)
        | (None, ApplyError::Script { .. }) => Outcome::Skipped(text),
        // A session that is not quite gone keeps a copy from being made; that says nothing about the way back.
        (None, ApplyError::Rehearse(RehearseError::Engine(error)))
            if error.kind == ErrorKind::Unsupported =>
        {
            Outcome::Skipped("no copy could be made".to_owned())
        }
        _ => Outcome::Failed(text),
    }
}

/// What is wrong with a way back that was rehearsed, the cause first.
fn rehearsed(one: &MigrationRehearsal) -> String {
    let mut differences = &one.differences;
    let mut rest = String::new();
    if let Some(derived) = &one.derived {
        differences = &derived.differences;
        rest = format!("losses: {:#?}\n{}", derived.losses, derived.script);
    }
    let differences: Vec<String> = differences
        .iter()
        .map(|difference| match difference {
            RehearsalDifference::Schema { text, .. } => text.clone(),
            other => format!("{other:?}"),
        })
        .collect();
    let first = differences.first().cloned().unwrap_or_default();
    format!(
        "rehearse {}: {}: {first}\n{}\n{rest}",
        one.verdict,
        one.because
            .lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches("no rollback is written; "),
        differences.join("\n")
    )
}

fn chain(what: &str, error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = format!("{what}: {error}");
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    format!("{text}\n{error:#?}")
}

fn write_all(stage: &Stage, writes: &[Write]) -> anyhow::Result<(usize, usize)> {
    let most = writes.iter().map(|write| write.session + 1).max();
    let mut sessions = stage.pairs(most.unwrap_or(0))?;
    let (mut done, mut undone) = (0, 0);
    let mut end = |session: &mut Pair, begun: usize, writes: usize| {
        let count = session.end(begun)?.unwrap_or(0);
        done += count;
        undone += writes - count;
        anyhow::Ok(())
    };
    // The transaction that is still open: its session, the writes that it did, and those that it was to do.
    let mut open: Option<(usize, usize, usize)> = None;
    let mut rest = writes;
    while let Some(first) = rest.first() {
        let joined = |write: &&Write| write.joined && write.session == first.session;
        let length = 1 + rest[1..].iter().take_while(joined).count();
        let (together, after) = rest.split_at(length);
        rest = after;
        let begun = sessions[first.session].begin(together)?;
        let another = rest
            .first()
            .is_some_and(|next| next.session != first.session);
        if open.is_none() && first.overlaps && another {
            open = Some((first.session, begun, length));
            continue;
        }
        end(&mut sessions[first.session], begun, length)?;
        if let Some((session, begun, length)) = open.take() {
            end(&mut sessions[session], begun, length)?;
        }
    }
    stage.give_back(sessions);
    Ok((done, undone))
}

impl Pair {
    /// Begins a transaction; gives how many of its writes were done.
    fn begin(&mut self, writes: &[Write]) -> anyhow::Result<usize> {
        self.now.begin()?;
        self.twin.begin()?;
        let mut count = 0;
        for write in writes {
            count += usize::from(self.write(write)?);
        }
        Ok(count)
    }

    /// Ends it; gives how many of its writes stay, none if its end fails on either side.
    fn end(&mut self, count: usize) -> anyhow::Result<Option<usize>> {
        // What is deferred must fail before either side is committed.
        let checked = [&mut self.now, &mut self.twin].map(|side| check_deferred(side.as_mut()));
        if checked.iter().any(Result::is_err) {
            self.now.roll_back()?;
            self.twin.roll_back()?;
            return Ok(None);
        }
        let ended = (self.now.commit(), self.twin.commit());
        match ended {
            (Ok(()), Ok(())) => Ok(Some(count)),
            (Err(_), Err(_)) => {
                self.now.roll_back()?;
                self.twin.roll_back()?;
                Ok(None)
            }
            (one, two) => anyhow::bail!("a transaction ended on one side only: {one:?}, {two:?}"),
        }
    }

    /// Writes on both sides; undoes it on both unless both have done the same.
    fn write(&mut self, write: &Write) -> anyhow::Result<bool> {
        if let Some((now, twin)) = &write.guard {
            let (now, twin) = (
                look(self.now.as_mut(), now)?,
                look(self.twin.as_mut(), twin)?,
            );
            if now.is_none() || now != twin {
                return Ok(false);
            }
        }
        let now = saved(self.now.as_mut(), &write.now)?;
        let twin = saved(self.twin.as_mut(), &write.twin)?;
        let same = matches!((&now, &twin), (Ok(now), Ok(twin)) if now == twin);
        let end = if same {
            "release savepoint write"
        } else {
            "rollback to savepoint write"
        };
        run(self.now.as_mut(), end)?;
        run(self.twin.as_mut(), end)?;
        Ok(same)
    }
}

type Rows = Vec<Vec<Option<String>>>;

fn look(session: &mut dyn Session, sql: &str) -> anyhow::Result<Option<Rows>> {
    let rows = saved(session, sql)?.ok();
    run(session, "rollback to savepoint write")?;
    Ok(rows.map(sorted))
}

fn sorted(mut rows: Rows) -> Rows {
    rows.sort();
    rows
}

fn saved(session: &mut dyn Session, sql: &str) -> anyhow::Result<Result<Rows, EngineError>> {
    run(session, "savepoint write")?;
    Ok(run(session, sql).map(sorted))
}

/// What of the database is not as its twin is.
fn unlike(stage: &Stage) -> anyhow::Result<Option<String>> {
    stage.with(|pair| unlike_of(pair.now.as_mut(), pair.twin.as_mut()))
}

fn unlike_of(now: &mut dyn Session, twin: &mut dyn Session) -> anyhow::Result<Option<String>> {
    let (is, should) = (now.catalog()?, twin.catalog()?);
    if is.fingerprint() != should.fingerprint() {
        let words = should.differences(&is).in_words();
        return Ok(Some(format!("schema differs:\n{}", words.join("\n"))));
    }
    if let Some(text) = rows_unlike(now, twin, &is, &should)? {
        return Ok(Some(text));
    }
    let left = left_behind(now)?;
    Ok((!left.is_empty()).then(|| format!("net not freed: {}", left.join(", "))))
}

fn rows_unlike(
    now: &mut dyn Session,
    twin: &mut dyn Session,
    is: &Catalog,
    should: &Catalog,
) -> anyhow::Result<Option<String>> {
    let sums = now.checksums(is.tables())?;
    let wanted = twin.checksums(should.tables())?;
    for ((table, sum), wanted) in is.tables().iter().zip(sums).zip(wanted) {
        if sum != wanted {
            let (is, should) = (all_rows(now, table)?, all_rows(twin, table)?);
            let only = |one: &[String], other: &[String]| {
                let mut left = other.to_vec();
                let missing = |row: &&String| match left.iter().position(|other| other == *row) {
                    Some(place) => {
                        left.swap_remove(place);
                        false
                    }
                    None => true,
                };
                one.iter()
                    .filter(missing)
                    .cloned()
                    .collect::<Vec<_>>()
                    .join("\n  ")
            };
            return Ok(Some(format!(
                "rows differ: {}\n now:\n  {}\n twin:\n  {}",
                table.table,
                only(&is, &should),
                only(&should, &is)
            )));
        }
    }
    Ok(None)
}

fn all_rows(session: &mut dyn Session, table: &TableShape) -> anyhow::Result<Vec<String>> {
    let mut rows = Vec::new();
    let mut stream = session.rows(table)?;
    loop {
        let batch = stream.next_batch()?;
        if batch.is_empty() {
            return Ok(rows);
        }
        for row in batch {
            let value = |(name, value): (&String, &Option<String>)| match value {
                Some(value) => format!("{name}={value:?}"),
                None => format!("{name}=NULL"),
            };
            let values: Vec<String> = table.columns.iter().zip(&row.values).map(value).collect();
            rows.push(values.join(" "));
        }
    }
}

/// What of the net is still there: its tables, and triggers on the user's.
fn left_behind(session: &mut dyn Session) -> anyhow::Result<Vec<String>> {
    let sql = if session.capabilities().object_numbers {
        "select 'trigger ' || tgname || ' on ' || tgrelid::regclass::text from pg_trigger where tgname ~ 'tightrope' \
         union all select 'table ' || relname from pg_class join pg_namespace n on n.oid = relnamespace \
         where nspname = 'tightrope' and relname ~ '^net_[0-9]' and relkind = 'r'"
    } else {
        "select type || ' ' || name from sqlite_master where name like 'tightrope_net_%' \
         or (type = 'trigger' and name like '%tightrope%')"
    };
    Ok(run(session, sql)?.into_iter().flatten().flatten().collect())
}
