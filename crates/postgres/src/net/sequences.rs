//! Where sequences go on after a rollback.
//!
//! What was drawn from a sequence is not given back, by nobody: a transaction that is rolled back does not, and neither does
//! `setval`. But a sequence that is dropped, or started anew (`restart`, `truncate … restart identity`), is another one from
//! then on, and the transaction takes even that back. What it had given out is known before the script runs.

use tightrope_engine::{
    EngineError, ErrorKind, KeptNet, KeptSequence, KeptTable, Position, Sequence, Window,
};
use tightrope_model::{
    Catalog, NetPlan, Object, ObjectId, ObjectKind, SequencePlan, TableName, Value,
};

use super::columns::Columns;
use super::names;
use super::terms::{Shape, Terms};
use crate::quote::{literal, quote};
use crate::session::PostgresSession;

/// How many sequences are read by one statement.
const AT_ONCE: usize = 200;

/// What is known of a sequence without a look at it.
struct Known {
    name: TableName,
    number: i64,
    file: i64,
    step: i64,
    /// The role owns it, so that it can be locked.
    own: bool,
    /// The role may set it.
    set: bool,
}

/// All sequences that the role can read.
pub(super) fn all(session: &mut PostgresSession) -> Result<Vec<Sequence>, EngineError> {
    let known = known(session, "true", &[])?;
    let numbers: Vec<&Known> = known.iter().collect();
    let mut positions = Vec::with_capacity(known.len());
    for chunk in numbers.chunks(AT_ONCE) {
        positions.extend(read(session, chunk)?);
    }
    let sequences = known.into_iter().zip(positions);
    Ok(sequences
        .map(|(known, position)| Sequence {
            name: known.name,
            number: known.number,
            file: known.file,
            step: known.step,
            position,
        })
        .collect())
}

/// The sequences of which the condition on `c` and `n` holds, by their numbers.
fn known(
    session: &mut PostgresSession,
    condition: &str,
    values: &[Value],
) -> Result<Vec<Known>, EngineError> {
    // The server may ask for rights before it joins, and no other relation has those of a sequence.
    let rows = session.query_own(
        &format!(
            "select n.nspname::text, c.relname::text, c.oid::bigint, c.relfilenode::bigint, s.seqincrement, \
             pg_catalog.pg_has_role(c.relowner, 'USAGE')::int, pg_catalog.has_sequence_privilege(c.oid, 'UPDATE')::int \
             from pg_catalog.pg_sequence s join pg_catalog.pg_class c on c.oid = s.seqrelid \
             join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
             where n.nspname <> 'tightrope' and not pg_catalog.starts_with(n.nspname::text, 'pg_') \
             and case c.relkind when 'S' then pg_catalog.has_sequence_privilege(c.oid, 'SELECT') end and {condition} order by c.oid"
        ),
        values,
    )?;
    let known = rows.iter().filter_map(|row| {
        let integer = |at: usize| row.get(at).and_then(Value::integer);
        Some(Known {
            name: TableName::new(row.first()?.text()?, row.get(1)?.text()?),
            number: integer(2)?,
            file: integer(3)?,
            step: integer(4)?,
            own: integer(5)? == 1,
            set: integer(6)? == 1,
        })
    });
    Ok(known.collect())
}

/// Where sequences stand, in their order.
fn read(session: &mut PostgresSession, known: &[&Known]) -> Result<Vec<Position>, EngineError> {
    if known.is_empty() {
        return Ok(Vec::new());
    }
    let each = known.iter().enumerate().map(|(at, known)| {
        format!(
            "select last_value, is_called::int, {at} from {}",
            names::sql(&known.name)
        )
    });
    let sql = each.collect::<Vec<_>>().join(" union all ");
    let rows = session.query_own(&format!("{sql} order by 3"), &[])?;
    let positions: Vec<Position> = rows.iter().filter_map(|row| position_of(row)).collect();
    match positions.len() == known.len() {
        true => Ok(positions),
        false => Err(EngineError::new(
            ErrorKind::Other,
            "a sequence could not be read",
        )),
    }
}

fn position_of(row: &[Value]) -> Option<Position> {
    Some(Position {
        value: row.first()?.integer()?,
        called: row.get(1)?.integer()? == 1,
    })
}

/// The sequence of that number, if it is there.
fn by_number(session: &mut PostgresSession, number: i64) -> Result<Option<Known>, EngineError> {
    let known = known(session, "c.oid::bigint = $1", &[Value::from(number)])?;
    Ok(known.into_iter().next())
}

/// The sequence of that name, if it is there.
fn by_name(session: &mut PostgresSession, name: &TableName) -> Result<Option<Known>, EngineError> {
    let (schema, own) = (name.schema.as_str(), name.name.as_str());
    let known = known(
        session,
        "n.nspname = $1 and c.relname = $2",
        &[Value::from(schema), Value::from(own)],
    )?;
    Ok(known.into_iter().next())
}

/// Keeps others from drawing until the transaction ends, and lets the sequence have a file that goes with it if it does not
/// commit: `lock table` knows no sequences.
fn hold(session: &mut PostgresSession, known: &Known) -> Result<(), EngineError> {
    if !known.own {
        return Ok(());
    }
    session.execute_own(&format!(
        "alter sequence {} increment by {}",
        names::sql(&known.name),
        known.step
    ))
}

fn position(session: &mut PostgresSession, known: &Known) -> Result<Option<Position>, EngineError> {
    Ok(read(session, &[known])?.into_iter().next())
}

/// Reads where the planned sequences stand, after the tables are locked: whoever writes draws from a sequence after that.
pub(super) fn keep(
    session: &mut PostgresSession,
    plan: &NetPlan,
) -> Result<Vec<KeptSequence>, EngineError> {
    let mut planned: Vec<&SequencePlan> = plan.sequences.iter().collect();
    // Whoever holds the same sequences does so in the same order.
    planned.sort_by(|left, right| left.name.cmp(&right.name));
    let mut kept = Vec::with_capacity(planned.len());
    for plan in planned {
        let Some(known) = by_name(session, &plan.name)? else {
            continue;
        };
        if plan.anew {
            hold(session, &known)?;
        }
        if let Some(position) = position(session, &known)? {
            kept.push(KeptSequence {
                plan: plan.clone(),
                number: known.number,
                step: known.step,
                position,
                since: None,
            });
        }
    }
    Ok(kept)
}

/// Notes where the sequences stand that the script has started anew, or made in the place of one that it dropped.
pub(super) fn note_since(
    session: &mut PostgresSession,
    kept: &mut [KeptSequence],
) -> Result<(), EngineError> {
    for sequence in kept.iter_mut().filter(|sequence| sequence.plan.anew) {
        let known = match by_number(session, sequence.number)? {
            None => by_name(session, &sequence.plan.name)?,
            itself => itself,
        };
        if let Some(known) = known {
            sequence.number = known.number;
            sequence.since = position(session, &known)?;
        }
    }
    Ok(())
}

/// Where the kept sequences stand now.
pub(super) fn positions(
    session: &mut PostgresSession,
    kept: &KeptNet,
) -> Result<Vec<Option<Position>>, EngineError> {
    let mut positions = Vec::with_capacity(kept.sequences.len());
    for (place, sequence) in (1..).zip(&kept.sequences) {
        positions.push(match by_number(session, sequence.number)? {
            Some(known) => {
                if sequence.plan.anew {
                    hold(session, &known)?;
                }
                position(session, &known)?
            }
            None => {
                make_numbers(session, kept, place, sequence)?;
                None
            }
        });
    }
    Ok(positions)
}

/// A sequence of the net's own that goes on where one that is gone was: rows that were written since draw from it, until the
/// sequence of before is there again.
fn numbers(kept: &KeptNet, place: usize) -> TableName {
    names::of_all(kept.number, &format!("numbers_{place}"))
}

fn make_numbers(
    session: &mut PostgresSession,
    kept: &KeptNet,
    place: usize,
    sequence: &KeptSequence,
) -> Result<(), EngineError> {
    let name = names::sql(&numbers(kept, place));
    let Position { value, called } = sequence.position;
    session.execute_own(&format!(
        "create sequence {name} increment by {} minvalue {} maxvalue {} start with {value}; \
         comment on sequence {name} is {}; select pg_catalog.setval({}, {value}, {called})",
        sequence.step,
        i64::MIN,
        i64::MAX,
        literal(&names::sql(&sequence.plan.name)),
        literal(&name),
    ))
}

/// The expression for the next number of a column of before whose sequence is gone; none where it is not, or where the column has
/// none.
pub(super) fn next_number(
    session: &mut PostgresSession,
    before: &Catalog,
    table: &TableName,
    column: &str,
) -> Result<Option<String>, EngineError> {
    let id = ObjectId::new(ObjectKind::Column, [&table.schema, &table.name, column]);
    let Some(column) = before.object(&id) else {
        return Ok(None);
    };
    let sequence = match (column.attribute("identity"), column.attribute("default")) {
        (Some(_), _) => before
            .identity_sequence(column)
            .map(|sequence| &sequence.id),
        (None, Some(default)) if default.starts_with("nextval(") && default.ends_with(')') => {
            let mut needed = column.depends_on.iter();
            needed.find(|id| id.kind == ObjectKind::Sequence)
        }
        _ => None,
    };
    let Some([schema, name]) = sequence.map(|sequence| &sequence.path[..]) else {
        return Ok(None);
    };
    let rows = session.query_own(
        "select c.oid::regclass::text from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
         where n.nspname = 'tightrope' and c.relkind = 'S' and pg_catalog.obj_description(c.oid, 'pg_class') = $1",
        &[Value::from(names::sql(&TableName::new(schema, name)).as_str())],
    )?;
    let own = rows.first().and_then(|row| row.first()?.text());
    Ok(own.map(|own| format!("pg_catalog.nextval({})", literal(own))))
}

/// Sets the sequences, which have their names of before again.
pub(super) fn go_on(
    session: &mut PostgresSession,
    kept: &KeptNet,
    positions: &[Option<Position>],
    window: &Window<'_>,
) -> Result<(), EngineError> {
    for ((place, sequence), now) in (1..).zip(&kept.sequences).zip(positions) {
        let step = sequence.step;
        let mut target = sequence.position;
        match now {
            Some(now) if sequence.since.as_ref() != Some(now) && target.is_behind(*now, step) => {
                target = *now;
            }
            Some(_) => {}
            None => {
                let mut given = given_by_others(session, kept, window.before, sequence)?;
                given.extend(given_by_net(session, &numbers(kept, place))?);
                for given in given {
                    if target.is_behind(given, step) {
                        target = given;
                    }
                }
            }
        }
        let Some(known) = by_name(session, &sequence.plan.name)?.filter(|known| known.set) else {
            continue;
        };
        if sequence.plan.anew {
            // One that is made again may have been drawn from by then.
            let there = position(session, &known)?.filter(|_| known.number != sequence.number);
            target = there
                .filter(|there| target.is_behind(*there, step))
                .unwrap_or(target);
        } else {
            let moved_on =
                |there: Option<Position>| there.is_none_or(|there| !there.is_behind(target, step));
            // Others may be drawing from it.
            if moved_on(position(session, &known)?) {
                continue;
            }
            hold(session, &known)?;
            if moved_on(position(session, &known)?) {
                continue;
            }
        }
        let name = literal(&names::sql(&known.name));
        session.execute_own(&format!(
            "select pg_catalog.setval({name}, least(greatest({}, s.seqmin), s.seqmax), {}) \
             from pg_catalog.pg_sequence s where s.seqrelid = {}",
            target.value, target.called, known.number
        ))?;
    }
    Ok(())
}

/// What the net's own sequence has given in the place of one that was gone; it goes with that.
fn given_by_net(
    session: &mut PostgresSession,
    numbers: &TableName,
) -> Result<Option<Position>, EngineError> {
    let name = names::sql(numbers);
    let rows = session.query_own(
        &format!("select last_value, is_called::int from {name}"),
        &[],
    )?;
    session.execute_own(&format!("drop sequence {name}"))?;
    Ok(rows.first().and_then(|row| position_of(row)))
}

/// What the rows that were written since a sequence was gone have in the columns which drew from it. Of a table that is not
/// watched all rows count.
fn given_by_others(
    session: &mut PostgresSession,
    kept: &KeptNet,
    before: &Catalog,
    sequence: &KeptSequence,
) -> Result<Vec<Position>, EngineError> {
    let SequencePlan { name, .. } = &sequence.plan;
    let id = ObjectId::new(ObjectKind::Sequence, [&name.schema, &name.name]);
    let owner = before.object(&id).and_then(Object::owner_column);
    let draws = |column: &&Object| {
        column.id.kind == ObjectKind::Column
            && (column.depends_on.contains(&id) || owner.as_ref() == Some(&column.id.path))
            && matches!(
                column.attribute("type"),
                Some("smallint" | "integer" | "bigint")
            )
    };
    let bound = |name: &str| before.object(&id)?.attribute(name)?.parse::<i64>().ok();
    let (aggregate, last) = match sequence.step < 0 {
        true => ("min", bound("minimum")),
        false => ("max", bound("maximum")),
    };
    let mut given = Vec::new();
    for column in before.objects().filter(draws) {
        let [schema, table, column] = &column.id.path[..] else {
            continue;
        };
        let table = TableName::new(schema, table);
        let from = match kept.table(&table).filter(|kept| kept.touched.is_some()) {
            Some(kept) => {
                // The pre-images may have taken the table's place.
                let alone = KeptTable {
                    rows: None,
                    inserted: None,
                    rekeyed: None,
                    ..kept.clone()
                };
                let terms = Terms::of(session, &alone, &table, Shape::Before)?;
                let written = terms.joins.written.as_ref();
                written.map(|from| format!("{from} where l.o1 is null and l.k1 is not null"))
            }
            None => (Columns::of(session, &table)?.get(column).is_some())
                .then(|| format!("only {} t", names::sql(&table))),
        };
        let Some(from) = from else { continue };
        let value = format!("t.{}", quote(column));
        let rows = session.query_own(
            &format!("select {aggregate}({value})::bigint from {from}"),
            &[],
        )?;
        let value = rows.first().and_then(|row| row.first()?.integer());
        // One that would end the sequence was no number of it.
        let value = value.filter(|value| Some(*value) != last);
        given.extend(value.map(|value| Position {
            value,
            called: true,
        }));
    }
    Ok(given)
}
