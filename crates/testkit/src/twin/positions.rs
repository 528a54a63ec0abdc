//! Where sequences and counters stand: after a rollback none may be behind where it was before the migration, or it gives what it
//! has given already.

use tightrope_engine::{Position, Sequence, Session};
use tightrope_model::{EngineKind, TableName, Value};

/// Every sequence with its position; of SQLite, every counter.
fn read(session: &mut dyn Session, engine: EngineKind) -> anyhow::Result<Vec<Sequence>> {
    if engine != EngineKind::Sqlite {
        return Ok(session
            .net()
            .map(|net| net.sequences())
            .transpose()?
            .unwrap_or_default());
    }
    let counts = "select 1 from sqlite_schema where name = 'sqlite_sequence'";
    if session.query(counts, &[])?.is_empty() {
        return Ok(Vec::new());
    }
    let rows = session.query("select name, seq from sqlite_sequence", &[])?;
    let counters = rows.iter().filter_map(|row| {
        Some(Sequence {
            name: TableName::new("main", row.first()?.text()?),
            number: 0,
            file: 0,
            step: 1,
            position: Position {
                value: row.get(1).and_then(Value::integer)?,
                called: true,
            },
        })
    });
    Ok(counters.collect())
}

/// Draws from every sequence, so that none stands where it starts, and gives where they stand then.
pub(super) fn draw(session: &mut dyn Session, engine: EngineKind) -> anyhow::Result<Vec<Sequence>> {
    let sequences = read(session, engine)?;
    if engine == EngineKind::Sqlite || sequences.is_empty() {
        return Ok(sequences);
    }
    for sequence in &sequences {
        let name = [&sequence.name.schema, &sequence.name.name].map(|part| session.quote(part));
        let sql = format!(
            "select nextval('{}') from generate_series(1, 3)",
            name.join(".")
        );
        session.query(&sql, &[])?;
    }
    read(session, engine)
}

/// What is said of sequences that are behind where they stood.
pub(super) fn behind(
    session: &mut dyn Session,
    engine: EngineKind,
    before: &[Sequence],
) -> anyhow::Result<Option<String>> {
    let now = read(session, engine)?;
    let behind = before.iter().filter_map(|before| {
        let now = now.iter().find(|now| now.name == before.name)?;
        let is_behind = now.position.is_behind(before.position, before.step);
        is_behind.then(|| {
            format!(
                "sequence behind: {} at {:?}, was at {:?}",
                before.name, now.position, before.position
            )
        })
    });
    let behind: Vec<String> = behind.collect();
    Ok((!behind.is_empty()).then(|| behind.join("\n")))
}
