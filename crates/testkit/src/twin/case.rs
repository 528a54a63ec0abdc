use std::fmt;

use tightrope_model::EngineKind;

/// A whole case as SQL: what a seed means, and what is left of it after shrinking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TwinCase {
    /// The engine.
    pub engine: EngineKind,
    /// The seed that it came from.
    pub seed: u64,
    /// What makes the schema, on both sides.
    pub schema: Vec<String>,
    /// What fills it, on both sides.
    pub rows: Vec<String>,
    /// The migration's statements.
    pub forward: Vec<String>,
    /// Foreign keys are enforced, by the application and in tightrope's own sessions alike. (Where they are not, nothing
    /// cascades on either side; tightrope cannot know what an application does that sets it in other sessions.)
    pub enforced: bool,
    /// It is rehearsed before it is applied; else the script is run twice, and undone the first time.
    pub rehearsed: bool,
    /// So many of the last rows come after the rehearsal, as they do in production.
    pub late: usize,
    /// The migration changes a table in which nothing tells rows apart: to refuse it is allowed.
    pub keyless: bool,
    /// The written rollback, last first; none if it is to be derived.
    pub rollback: Option<Vec<String>>,
    /// What the application writes in the window.
    pub writes: Vec<Write>,
    /// A second migration on top of it, which is rolled back first.
    pub stacked: Option<Stacked>,
}

/// A migration on top of another, with what is written while it is applied and after it is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stacked {
    /// Its statements; its rollback is derived.
    pub forward: Vec<String>,
    /// What the application writes while both are applied.
    pub writes: Vec<Write>,
    /// What it writes when this one is rolled back and the one below is not.
    pub between: Vec<Write>,
}

/// One write of the application in the words of both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Which of the application's sessions.
    pub session: usize,
    /// In one transaction with the write before it, if the session is the same.
    pub joined: bool,
    /// Its transaction stays open while the next one of another session runs, on a server.
    pub overlaps: bool,
    /// For the database that migrated.
    pub now: String,
    /// For the twin.
    pub twin: String,
    /// Queries that must give the same on both sides, else the write is left out.
    pub guard: Option<(String, String)>,
}

impl TwinCase {
    /// The rows that are there in the rehearsal, and those that come after it.
    pub(super) fn rows_by_time(&self) -> (&[String], &[String]) {
        self.rows
            .split_at(self.rows.len().saturating_sub(self.late))
    }
}

impl fmt::Display for TwinCase {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rehearsed = if self.rehearsed { ", rehearsed" } else { "" };
        let loose = if self.enforced {
            ""
        } else {
            ", foreign keys off"
        };
        writeln!(
            out,
            "-- {} seed {}{rehearsed}{loose}",
            self.engine, self.seed
        )?;
        let mut part = |title: &str, statements: &[String]| {
            writeln!(out, "-- {title}")?;
            statements
                .iter()
                .try_for_each(|sql| writeln!(out, "{sql};"))
        };
        part("schema", &self.schema)?;
        let (early, late) = self.rows_by_time();
        part("rows", early)?;
        if !late.is_empty() {
            part("rows after the rehearsal", late)?;
        }
        part("forward", &self.forward)?;
        match &self.rollback {
            Some(statements) => part("rollback", statements)?,
            None => writeln!(out, "-- rollback: derived")?,
        }
        writeln!(out, "-- writes")?;
        tell_writes(out, &self.writes)?;
        let Some(stacked) = &self.stacked else {
            return Ok(());
        };
        writeln!(out, "-- stacked: forward")?;
        for sql in &stacked.forward {
            writeln!(out, "{sql};")?;
        }
        writeln!(out, "-- stacked: writes")?;
        tell_writes(out, &stacked.writes)?;
        writeln!(out, "-- writes after it is rolled back")?;
        tell_writes(out, &stacked.between)
    }
}

fn tell_writes(out: &mut fmt::Formatter<'_>, writes: &[Write]) -> fmt::Result {
    for write in writes {
        let joined = if write.joined { " (joined)" } else { "" };
        let overlaps = if write.overlaps { " (overlaps)" } else { "" };
        let notes = format!("session {}{joined}{overlaps}", write.session);
        writeln!(out, "{}; -- {notes}", write.now)?;
        if write.twin != write.now {
            writeln!(out, "-- twin: {};", write.twin)?;
        }
    }
    Ok(())
}
