//! A history with generated rows: before each migration every table gets some, so that a review sees what is lost.
//!
//! Beside the filled stage stands an unfilled base. A forward script that fails on generated rows alone (they hold duplicates
//! where a key is added, or a NULL) is no fault of the migration: it is rehearsed again from the unfilled base, without rows in
//! the tables that were in the way.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tightrope_engine::{EngineError, RunStatement, Scratch};
use tightrope_model::{Catalog, TableName, Verdict};
use tightrope_script::Migration;

use super::one::{Rehearsal, RehearsalStage};
use super::report::MigrationRehearsal;
use super::scripts::RunStop;
use super::state::State;
use crate::execute::FailureReport;
use crate::fill::{Filling, fill};

/// How often tables are emptied before the migration is rehearsed without any generated row.
const MOST_TRIES: usize = 5;

/// What was generated for a review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GeneratedRows {
    /// How many rows every table was given at least.
    pub rows: usize,
    /// The seed: the same gives the same rows.
    pub seed: u64,
    /// How many tables had rows before the last migration that was rehearsed with some.
    pub filled: usize,
    /// Tables that could not be filled then, with the reason.
    pub unfilled: BTreeMap<String, String>,
}

/// What generating rows has come to in a history.
pub(super) struct Generator {
    /// The state of the stage without generated rows; none if a script does not run there a second time.
    unfilled: Option<Box<dyn Scratch>>,
    said: BTreeSet<TableName>,
    pub(super) report: GeneratedRows,
}

impl Generator {
    /// Begins at a stage without generated rows.
    pub(super) fn new(stage: &RehearsalStage, rows: usize, seed: u64) -> Result<Self, EngineError> {
        Ok(Self {
            unfilled: Some(stage.base.fork()?),
            said: BTreeSet::new(),
            report: GeneratedRows {
                rows,
                seed,
                filled: 0,
                unfilled: BTreeMap::new(),
            },
        })
    }

    /// Rehearses one migration with generated rows, or without them where its forward script runs only so.
    pub(super) fn rehearse(
        &mut self,
        rehearsal: &Rehearsal<'_>,
        stage: &mut RehearsalStage,
        migration: &Migration,
    ) -> Result<MigrationRehearsal, EngineError> {
        let remarks = self.top_up(rehearsal, stage)?;
        let catalog = stage.state.catalog.clone();
        let mut one = rehearsal.rehearse(stage, migration)?;
        if one.verdict == Verdict::ForwardFails {
            one = self.without(rehearsal, stage, migration, one, &catalog)?;
        }
        if one.verdict != Verdict::ForwardFails {
            self.follow(rehearsal, migration)?;
        }
        one.remarks.extend(remarks);
        Ok(one)
    }

    fn filling(&self, except: BTreeSet<TableName>) -> Filling {
        Filling {
            rows: self.report.rows,
            seed: self.report.seed,
            except,
        }
    }

    /// Gives every table of the stage its rows. Both scratch databases get the same, or only one stays.
    fn top_up(
        &mut self,
        rehearsal: &Rehearsal<'_>,
        stage: &mut RehearsalStage,
    ) -> Result<Vec<String>, EngineError> {
        let filling = self.filling(BTreeSet::new());
        let mut session = rehearsal.connect(stage.base.as_ref())?;
        let filled = fill(session.as_mut(), &stage.state.catalog, &filling)?;
        let mut remarks = Vec::new();
        if !filled.rows.is_empty() {
            let state = State::read(session.as_mut())?;
            if state.fingerprint != stage.state.fingerprint {
                let changed = stage.state.differences(&state);
                let changed: Vec<String> = changed.iter().map(ToString::to_string).collect();
                remarks.push(format!(
                    "generating rows changed the schema: {}",
                    changed.join(", ")
                ));
            }
            if let Some(spare) = stage.spare.take() {
                let mut session = rehearsal.connect(spare.as_ref())?;
                fill(session.as_mut(), &stage.state.catalog, &filling)?;
                let twin = State::read(session.as_mut())?;
                drop(session);
                let is_twin =
                    twin.checksums == state.checksums && twin.fingerprint == state.fingerprint;
                stage.spare = is_twin.then_some(spare);
            }
            stage.state = state;
        }
        self.report.filled = stage
            .state
            .checksums
            .values()
            .filter(|checksum| checksum.rows > 0)
            .count();
        let unfilled = filled.unfilled.iter();
        self.report.unfilled = unfilled
            .clone()
            .map(|(table, reason)| (table.to_string(), reason.clone()))
            .collect();
        let news = unfilled.filter(|(table, _)| self.said.insert((*table).clone()));
        remarks.extend(
            news.map(|(table, reason)| format!("table {table} got no generated rows: {reason}")),
        );
        Ok(remarks)
    }

    /// Rehearses a migration whose forward script fails, with fewer generated rows each time and at last without any. If it
    /// fails even then, it is its own fault.
    fn without(
        &self,
        rehearsal: &Rehearsal<'_>,
        stage: &mut RehearsalStage,
        migration: &Migration,
        failed: MigrationRehearsal,
        catalog: &Catalog,
    ) -> Result<MigrationRehearsal, EngineError> {
        let all: BTreeSet<TableName> = catalog
            .tables()
            .iter()
            .map(|shape| shape.table.clone())
            .collect();
        let mut except = BTreeSet::new();
        let mut latest = failed;
        for number in 1..=MOST_TRIES {
            let blamed = blamed(rehearsal, migration, &latest, &except, &all);
            let is_last = number == MOST_TRIES || blamed.is_subset(&except);
            if is_last {
                except.clone_from(&all);
            } else {
                except.extend(blamed);
            }
            let mut fewer = self.stage_without(rehearsal, stage, &except, is_last)?;
            let mut again = rehearsal.rehearse(&mut fewer, migration)?;
            if again.verdict != Verdict::ForwardFails {
                *stage = fewer;
                again
                    .remarks
                    .push(remark(&except, &all, latest.failure.as_ref()));
                return Ok(again);
            }
            latest = again;
            if is_last {
                break;
            }
        }
        Ok(latest)
    }

    /// A stage in the same state, without generated rows in some tables.
    fn stage_without(
        &self,
        rehearsal: &Rehearsal<'_>,
        stage: &RehearsalStage,
        except: &BTreeSet<TableName>,
        is_last: bool,
    ) -> Result<RehearsalStage, EngineError> {
        let base = match &self.unfilled {
            Some(unfilled) => unfilled.fork()?,
            None => {
                let base = stage.base.fork()?;
                empty(rehearsal, base.as_ref(), except)?;
                base
            }
        };
        let mut fewer = rehearsal.begin(base)?;
        fewer.roles.clone_from(&stage.roles);
        if !is_last {
            let mut session = rehearsal.connect(fewer.base.as_ref())?;
            fill(
                session.as_mut(),
                &fewer.state.catalog,
                &self.filling(except.clone()),
            )?;
            fewer.state = State::read(session.as_mut())?;
        }
        Ok(fewer)
    }

    /// Takes the unfilled base forward as well.
    fn follow(
        &mut self,
        rehearsal: &Rehearsal<'_>,
        migration: &Migration,
    ) -> Result<(), EngineError> {
        let Some(unfilled) = &self.unfilled else {
            return Ok(());
        };
        let mut session = rehearsal.connect(unfilled.as_ref())?;
        match rehearsal.run(session.as_mut(), &migration.forward) {
            Ok(_) => Ok(()),
            Err(RunStop::Engine(error)) => Err(error),
            // Roles that the script makes are there already; or it needs rows that only generated ones are.
            Err(RunStop::Script(_)) => {
                drop(session);
                self.unfilled = None;
                Ok(())
            }
        }
    }
}

/// Deletes the rows of these tables; what refers to them goes first, so it takes a few rounds.
fn empty(
    rehearsal: &Rehearsal<'_>,
    scratch: &dyn Scratch,
    tables: &BTreeSet<TableName>,
) -> Result<(), EngineError> {
    let mut session = rehearsal.connect(scratch)?;
    let mut open: Vec<&TableName> = tables.iter().collect();
    for _ in 0..open.len() {
        let before = open.len();
        open.retain(|table| {
            let name = match table.schema.is_empty() {
                true => session.quote(&table.name),
                false => format!(
                    "{}.{}",
                    session.quote(&table.schema),
                    session.quote(&table.name)
                ),
            };
            let sql = format!("delete from {name}");
            let statement = RunStatement {
                sql: &sql,
                copy_data: None,
            };
            session.run(statement).is_err()
        });
        if open.is_empty() || open.len() == before {
            break;
        }
    }
    Ok(())
}

/// The tables that the error names, or else the failed statement.
fn blamed(
    rehearsal: &Rehearsal<'_>,
    migration: &Migration,
    failed: &MigrationRehearsal,
    except: &BTreeSet<TableName>,
    all: &BTreeSet<TableName>,
) -> BTreeSet<TableName> {
    let Some(failure) = &failed.failure else {
        return BTreeSet::new();
    };
    let detail = failure.detail.as_deref().unwrap_or_default();
    let named = named_in(&format!("{}\n{detail}", failure.message), all);
    if !named.is_subset(except) {
        return named;
    }
    let parsed = migration.forward.parse(rehearsal.dialect);
    let statement = failure
        .number
        .checked_sub(1)
        .and_then(|at| parsed.statements.get(at));
    let text = statement
        .and_then(|statement| {
            let span = statement.span;
            migration.forward.text.get(span.start..span.end)
        })
        .unwrap_or_default();
    named_in(text, all)
}

fn named_in(text: &str, all: &BTreeSet<TableName>) -> BTreeSet<TableName> {
    let said = text.to_lowercase();
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let words: BTreeSet<&str> = said.split(|c: char| !is_part(c)).collect();
    let is_named = |table: &&TableName| {
        let name = table.name.to_lowercase();
        words.contains(name.as_str()) || !name.chars().all(is_part) && said.contains(&name)
    };
    all.iter().filter(is_named).cloned().collect()
}

fn remark(
    except: &BTreeSet<TableName>,
    all: &BTreeSet<TableName>,
    failure: Option<&FailureReport>,
) -> String {
    let which = if except.len() == all.len() {
        "any table".to_owned()
    } else {
        let names: Vec<String> = except.iter().map(TableName::to_string).collect();
        names.join(", ")
    };
    let why = failure.map_or("it fails", |failure| failure.message.as_str());
    format!(
        "with generated rows the forward script fails ({why}); rehearsed without generated rows in {which}"
    )
}
