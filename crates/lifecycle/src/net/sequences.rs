//! Which sequences would not go on where they were.

use tightrope_engine::{EngineError, Fill, KeptNet, KeptSequence, Sequence, Session, Window};
use tightrope_model::{Catalog, ObjectKind, SequencePlan};

/// All sequences of a database as they are, if the engine's net keeps their positions; the catalog says whether there are any.
pub(crate) fn sequences(
    session: &mut dyn Session,
    before: &Catalog,
) -> Result<Vec<Sequence>, EngineError> {
    let mut objects = before.objects();
    match session.net() {
        Some(net) if objects.any(|object| object.id.kind == ObjectKind::Sequence) => {
            net.sequences()
        }
        _ => Ok(Vec::new()),
    }
}

/// The sequences that a script has dropped, started anew or moved. Those that it moved on here may be moved back where they stand
/// further on: not every copy has the positions of its source.
pub(crate) fn moved(before: &[Sequence], after: &[Sequence]) -> Vec<SequencePlan> {
    let plans = before.iter().filter_map(|before| {
        let now = after.iter().find(|now| now.number == before.number);
        let anew = now.is_none_or(|now| now.file != before.file);
        let is_moved = now.is_some_and(|now| now.position != before.position);
        (anew || is_moved).then(|| SequencePlan {
            name: before.name.clone(),
            anew,
        })
    });
    plans.collect()
}

/// After a script was taken back: lets the sequences that it set back go on, which the end of a transaction does not.
pub(crate) fn undo_moves(
    session: &mut dyn Session,
    before: &[Sequence],
    (catalog, after): (&Catalog, &Catalog),
) -> Result<(), EngineError> {
    let now = sequences(session, catalog)?;
    let (mut positions, mut kept) = (Vec::new(), Vec::new());
    for before in before {
        let now = now.iter().find(|now| now.number == before.number);
        let Some(now) = now.filter(|now| now.position.is_behind(before.position, before.step))
        else {
            continue;
        };
        positions.push(Some(now.position));
        kept.push(KeptSequence {
            plan: SequencePlan {
                name: before.name.clone(),
                anew: false,
            },
            number: before.number,
            step: before.step,
            position: before.position,
            since: None,
        });
    }
    let kept = KeptNet {
        number: 0,
        tables: Vec::new(),
        sequences: kept,
    };
    let window = Window {
        before: catalog,
        after,
        fill: &Fill::default(),
    };
    match session.net() {
        Some(net) if !positions.is_empty() => net.go_on(&kept, &positions, &window),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use tightrope_engine::Position;
    use tightrope_model::TableName;

    use super::*;

    fn sequence(number: i64, file: i64, step: i64, value: i64, called: bool) -> Sequence {
        Sequence {
            name: TableName::new("public", format!("s{number}")),
            number,
            file,
            step,
            position: Position { value, called },
        }
    }

    #[test]
    fn what_moved_or_is_another_one_is_planned() {
        let before = [
            sequence(1, 1, 1, 5, true),
            sequence(2, 2, -1, -5, true),
            sequence(3, 3, 1, 3, true),
            sequence(4, 4, 1, 3, true),
            sequence(5, 5, 1, 3, true),
        ];
        let after = [
            sequence(1, 1, 1, 5, false),
            sequence(2, 2, -1, -5, true),
            sequence(3, 9, 1, 7, true),
            sequence(5, 5, 1, 8, true),
        ];
        let planned = moved(&before, &after);
        let planned: Vec<_> = planned
            .iter()
            .map(|plan| (plan.name.name.as_str(), plan.anew))
            .collect();
        assert_eq!(
            planned,
            [("s1", false), ("s3", true), ("s4", true), ("s5", false)]
        );
    }
}
