use super::case::TwinCase;
use super::runner::{Outcome, run_case};
use super::stage::Stage;

/// As many runs as shrinking may take.
const MOST_RUNS: usize = 600;

/// Leaves out of a failing case whatever it fails without, in the same way.
///
/// # Errors
/// When a database breaks.
pub fn shrink(
    stage: &Stage,
    case: &TwinCase,
    outcome: &Outcome,
) -> anyhow::Result<(TwinCase, Outcome)> {
    let mut best = (case.clone(), outcome.clone());
    let mut runs = 0;
    loop {
        let length = length(&best.0);
        for part in PARTS {
            let mut index = (part.list)(&mut best.0).len();
            let mut step = index.div_ceil(2).max(1);
            while index > 0 && runs < MOST_RUNS {
                step = step.min(index);
                if (part.is_needed)(&best.0, index - step, index) {
                    match step {
                        1 => index -= 1,
                        _ => step = step.div_ceil(2),
                    }
                    continue;
                }
                let mut smaller = best.0.clone();
                (part.remove)(&mut smaller, index - step, index);
                runs += 1;
                let outcome = run_case(stage, &smaller)?;
                if outcome.heading().is_some() && outcome.heading() == best.1.heading() {
                    best = (smaller, outcome);
                    index -= step;
                } else if step > 1 {
                    step = step.div_ceil(2);
                } else {
                    index -= 1;
                }
            }
        }
        if self::length(&best.0) == length || runs >= MOST_RUNS {
            return Ok(best);
        }
    }
}

fn length(case: &TwinCase) -> usize {
    let stacked = case.stacked.as_ref().map_or(0, |stacked| {
        1 + stacked.forward.len() + stacked.writes.len() + stacked.between.len()
    });
    case.schema.len() + case.rows.len() + case.forward.len() + case.writes.len() + stacked
}

/// A part of a case that can be made shorter.
struct Part {
    list: fn(&mut TwinCase) -> Vec<()>,
    remove: fn(&mut TwinCase, usize, usize),
    /// Whether the writes mean something else without it.
    is_needed: fn(&TwinCase, usize, usize) -> bool,
}

/// The parts of what is stacked that a part of a case is about; nothing of them where nothing is stacked.
const fn of_stacked(
    list: fn(&mut TwinCase) -> Vec<()>,
    remove: fn(&mut TwinCase, usize, usize),
) -> Part {
    Part {
        list,
        remove,
        is_needed: |_, _, _| false,
    }
}

const PARTS: [Part; 8] = [
    of_stacked(
        |case| case.stacked.iter().map(|_| ()).collect(),
        |case, _, _| case.stacked = None,
    ),
    of_stacked(
        |case| {
            case.stacked
                .iter()
                .flat_map(|one| vec![(); one.between.len()])
                .collect()
        },
        |case, from, to| {
            case.stacked
                .iter_mut()
                .for_each(|one| drop(one.between.drain(from..to)));
        },
    ),
    of_stacked(
        |case| {
            case.stacked
                .iter()
                .flat_map(|one| vec![(); one.writes.len()])
                .collect()
        },
        |case, from, to| {
            case.stacked
                .iter_mut()
                .for_each(|one| drop(one.writes.drain(from..to)));
        },
    ),
    Part {
        list: |case| {
            case.stacked
                .iter()
                .flat_map(|one| vec![(); one.forward.len()])
                .collect()
        },
        remove: |case, from, to| {
            case.stacked
                .iter_mut()
                .for_each(|one| drop(one.forward.drain(from..to)));
        },
        is_needed: |case, from, to| {
            case.stacked
                .iter()
                .any(|one| renames(&one.forward[from..to]))
        },
    },
    Part {
        list: |case| vec![(); case.writes.len()],
        remove: |case, from, to| drop(case.writes.drain(from..to)),
        is_needed: |_, _, _| false,
    },
    Part {
        list: |case| vec![(); case.rows.len()],
        remove: |case, from, to| drop(case.rows.drain(from..to)),
        is_needed: |_, _, _| false,
    },
    Part {
        list: |case| {
            // A written rollback fits the whole migration only.
            let count = if case.rollback.is_some() {
                0
            } else {
                case.forward.len()
            };
            vec![(); count]
        },
        remove: |case, from, to| drop(case.forward.drain(from..to)),
        // The twin's writes use the names of before a rename.
        is_needed: |case, from, to| renames(&case.forward[from..to]),
    },
    Part {
        list: |case| vec![(); case.schema.len()],
        remove: |case, from, to| drop(case.schema.drain(from..to)),
        is_needed: |_, _, _| false,
    },
];

fn renames(forward: &[String]) -> bool {
    forward.iter().any(|sql| sql.contains(" rename column "))
}
