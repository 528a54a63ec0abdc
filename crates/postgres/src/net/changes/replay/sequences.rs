//! Sequences are in no log: they count on from where they were last seen, and never behind the rows.

use tightrope_engine::{Counted, EngineError};
use tightrope_model::{TableName, Value};

use super::super::super::names;
use crate::quote::literal;
use crate::session::PostgresSession;

/// Sets the sequences that are there, as far as their limits go; tells where those are nearer than what was seen.
pub(super) fn count_on(
    session: &mut PostgresSession,
    counted: &[Counted],
) -> Result<Vec<String>, EngineError> {
    let mut remarks = Vec::new();
    for one in counted {
        let set = session.query_own(
            &format!(
                "select pg_catalog.setval(q.seqrelid::regclass, \
                   least(q.seqmax, greatest(q.seqmin, {}::bigint))) from pg_catalog.pg_sequence q \
                 where q.seqrelid = pg_catalog.to_regclass({})",
                literal(&one.last.to_string()),
                literal(&names::sql(&one.sequence))
            ),
            &[],
        )?;
        let set = set.first().and_then(|row| row.first()?.integer());
        if let Some(set) = set.filter(|set| *set != one.last) {
            remarks.push(format!(
                "the sequence `{}` stood at {} and has limits in the backup: it stands at {set}",
                one.sequence, one.last
            ));
        }
    }
    Ok(remarks)
}

/// Lets the sequences of a table's columns stand no lower than the rows: where the table was dropped, they went with it.
pub(super) fn past_the_rows(
    session: &mut PostgresSession,
    table: &TableName,
) -> Result<(), EngineError> {
    let owned = session.query_own(
        &format!(
            "select d.objid::regclass::text, pg_catalog.quote_ident(a.attname) \
             from pg_catalog.pg_depend d join pg_catalog.pg_sequence q on q.seqrelid = d.objid \
             join pg_catalog.pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid \
             where d.classid = 'pg_catalog.pg_class'::regclass and d.refclassid = 'pg_catalog.pg_class'::regclass \
             and d.deptype in ('a', 'i') and d.refobjid = pg_catalog.to_regclass({}) and q.seqincrement > 0 order by 1",
            literal(&names::sql(table))
        ),
        &[],
    )?;
    for row in &owned {
        let text = |at: usize| row.get(at).and_then(Value::text).unwrap_or_default();
        let (sequence, column) = (text(0), text(1));
        session.query_own(
            &format!(
                "select pg_catalog.setval({0}::regclass, m.highest) from (select least(max({column})::bigint, \
                   (select s.seqmax from pg_catalog.pg_sequence s where s.seqrelid = {0}::regclass)) as highest from only {1}) m, \
                 {sequence} q where m.highest > q.last_value or m.highest = q.last_value and not q.is_called",
                literal(sequence),
                names::sql(table)
            ),
            &[],
        )?;
    }
    Ok(())
}
