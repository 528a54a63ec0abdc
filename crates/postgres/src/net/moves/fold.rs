//! Rows that moved while a later window was open: what the earlier net knows of them moves after them, before the later log is
//! added to the earlier one.

use tightrope_engine::{EngineError, KeptNet};
use tightrope_model::TableName;

use super::super::names;
use super::super::touch::numbered;
use super::{Leaf, families, kept_columns};
use crate::quote::quote;
use crate::session::PostgresSession;

/// Lets the earlier net's entries and pre-images follow the rows of these tables to where the later log has them.
pub(in super::super) fn fold(
    session: &mut PostgresSession,
    older: &KeptNet,
    newer: &KeptNet,
    tables: &[TableName],
) -> Result<(), EngineError> {
    for family in families(session, older)? {
        for to in family.iter().filter(|leaf| tables.contains(leaf.after)) {
            let later = newer.table(to.after);
            let Some((later, log)) = later.and_then(|t| Some((t, t.touched.as_ref()?))) else {
                continue;
            };
            // The key's columns in the order of this leaf's key, as the later log numbers them.
            let of_later = to.places.iter().map(|place| {
                let name = &to.plan().key[place - 1].after;
                let at = later.plan.key.iter().position(|key| key.before == *name);
                at.map(|at| at + 1)
            });
            let Some(of_later) = of_later.collect::<Option<Vec<usize>>>() else {
                continue;
            };
            let log = names::sql(log);
            let written = session.query_own(
                &format!("select 1::bigint from {log} where o1 is not null limit 1"),
                &[],
            )?;
            if written.is_empty() {
                continue;
            }
            for from in family.iter().filter(|from| from.after != to.after) {
                let step = Step {
                    from,
                    to,
                    later: &log,
                    of_later: &of_later,
                };
                session.execute_own(&step.entries())?;
                step.images(session)?;
            }
        }
    }
    Ok(())
}

/// From one partition to another.
struct Step<'a> {
    from: &'a Leaf<'a>,
    to: &'a Leaf<'a>,
    /// The later log of the other, and where in it the key's columns are.
    later: &'a str,
    of_later: &'a [usize],
}

impl Step<'_> {
    /// Conditions that two keys are the same, from the left side's and the right side's columns.
    fn same(left: &[String], right: &[String]) -> String {
        let pairs = left.iter().zip(right);
        let pairs = pairs.map(|(left, right)| format!("({left})::text = ({right})::text"));
        pairs.collect::<Vec<_>>().join(" and ")
    }

    fn of_log(leaf: &Leaf<'_>, prefix: &str) -> Vec<String> {
        let places = leaf.places.iter();
        places.map(|place| format!("{prefix}{place}")).collect()
    }

    fn origins(&self) -> Vec<String> {
        let places = self.of_later.iter();
        places.map(|place| format!("l.o{place}")).collect()
    }

    /// Entries of rows that were here when the later window began and are written down there.
    fn entries(&self) -> String {
        let (from, to) = (names::sql(self.from.log), names::sql(self.to.log));
        let (mut columns, mut values) = (Vec::new(), Vec::new());
        for letter in ["k", "o"] {
            columns.extend(Self::of_log(self.to, letter));
            values.extend(Self::of_log(self.from, &format!("e.{letter}")));
        }
        let flags = numbered(self.from.plan());
        for (number, name) in numbered(self.to.plan()) {
            if let Some((other, _)) = flags.iter().find(|(_, other)| *other == name) {
                columns.push(format!("w{number}"));
                values.push(format!("e.w{other}"));
            }
        }
        format!(
            "with e as (delete from {from} e where e.k1 is not null and exists (select from {} l where l.o1 is not null and {}) returning e.*) \
             insert into {to} ({}) select {} from e",
            self.later,
            Self::same(&Self::of_log(self.from, "e.k"), &self.origins()),
            columns.join(", "),
            values.join(", "),
        )
    }

    /// Pre-images of those rows, and of rows that the earlier log does not know.
    fn images(&self, session: &mut PostgresSession) -> Result<(), EngineError> {
        let (Some(from), Some(to)) = (&self.from.kept.rows, &self.to.kept.rows) else {
            return Ok(());
        };
        let kept = kept_columns(session, self.from.plan(), from)?;
        let columns: Vec<String> = kept.iter().map(|name| quote(name)).collect();
        let columns = columns.join(", ");
        let key = self.from.places.iter().map(|place| {
            let key = &self.from.plan().key[place - 1].before;
            format!("p.{}", quote(key))
        });
        let key: Vec<String> = key.collect();
        let (from_log, to_log) = (names::sql(self.from.log), names::sql(self.to.log));
        session.execute_own(&format!(
            "with p as (delete from {from} p where exists (select from {to_log} b where {came}) \
             or exists (select from {later} l where {is_origin} and not exists (select from {from_log} a where {known}) \
             and not exists (select from {to_log} b where {is_entry})) returning {columns}) \
             insert into {to} ({columns}) select {columns} from p",
            from = names::sql(from),
            to = names::sql(to),
            later = self.later,
            came = Self::same(&Self::of_log(self.to, "b.o"), &key),
            is_origin = Self::same(&self.origins(), &key),
            known = Self::same(&Self::of_log(self.from, "a.o"), &key),
            is_entry = Self::same(&Self::of_log(self.to, "b.k"), &key),
        ))
    }
}
