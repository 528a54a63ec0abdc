//! Rows without a key that refer to rows with other keys: what is known of them by their text has to follow.
//!
//! Rows of one text refer to the same row, so each text has one that follows it.

use tightrope_engine::{EngineError, KeptTable};

use super::super::columns::{Column, Columns};
use super::super::names;
use super::super::terms::{Shape, of_own};
use super::{has_more, link, text_with, whole_text_with};
use crate::quote::quote;
use crate::session::PostgresSession;

/// A table without a key whose rows are to refer to the same rows by other keys.
pub(in crate::net) struct Followed<'k> {
    pub(in crate::net) kept: &'k KeptTable,
    /// What stands for keys of before (`o`) and since (`k`), as it stands in SQL.
    pub(in crate::net) keys: &'k str,
    /// The columns that refer, in the order of the key.
    pub(in crate::net) columns: &'k [&'k Column],
}

impl Followed<'_> {
    /// The key (`k` or `o`) of the row of keys `m` that a column refers by; none if it does not refer.
    fn key(&self, letter: char, name: &str) -> Option<String> {
        let place = self.columns.iter().position(|column| column.name == name)?;
        let kind = &self.columns[place].type_name;
        Some(format!("(m.{letter}{})::text::{kind}", place + 1))
    }

    /// Before the rows are changed: notes which texts take the place of which, in a table of that name. `refers` is the condition that a
    /// row `t` refers to a row of keys `m`.
    pub(in crate::net) fn note(
        &self,
        session: &mut PostgresSession,
        noted: &str,
        refers: &str,
    ) -> Result<(), EngineError> {
        let plan = &self.kept.plan;
        let Some(table) = plan.after.as_ref() else {
            return Ok(());
        };
        let is = |name: &str| format!("t.{}", quote(name));
        let follows = |name: &str| self.key('o', name).unwrap_or_else(|| is(name));
        let (keys, table) = (self.keys, names::sql(table));
        let mut sql = format!(
            "create table {noted} as select distinct {} as was, {} as now, {} as left_was, {} as left_now \
             from only {table} t join {keys} m on {refers}",
            whole_text_with(plan, is),
            whole_text_with(plan, follows),
            text_with(plan, Shape::After, is),
            text_with(plan, Shape::After, follows),
        );
        if let (Some(rows), false) = (&self.kept.rows, has_more(plan)) {
            // Rows of before that the application has changed since were these.
            let (mut was, mut same) = (Vec::new(), Vec::new());
            for column in &plan.columns {
                let Some(after) = &column.after else { continue };
                let own = format!("p.{}", quote(&column.before));
                let key = |letter| self.key(letter, after);
                same.extend(key('o').map(|key| format!("({own})::text = ({key})::text")));
                was.push(key('k').unwrap_or(own));
            }
            let (was, now) = (
                super::row_text(was.into_iter()),
                super::text(plan, Shape::Before, "p"),
            );
            sql.push_str(&format!(
                " union select {was}, {now}, {was}, {now} from {} p join {keys} m on {}",
                names::sql(rows),
                same.join(" and "),
            ));
        }
        session.execute_own(&sql)
    }

    /// After the rows were changed: so is what is known of them.
    pub(in crate::net) fn change(
        &self,
        session: &mut PostgresSession,
        noted: &str,
    ) -> Result<(), EngineError> {
        let mut all = Vec::new();
        let mut follow = |table: &str, columns: &Columns, name: &str, (was, now): (&str, &str)| {
            if columns.get(name).is_some() {
                all.push(format!(
                    "update {table} x set {name} = m.{now} from (select distinct {was}, {now} from {noted}) m where x.{name} = m.{was}"
                ));
            }
        };
        let (whole, left) = (("was", "now"), ("left_was", "left_now"));
        for own in [&self.kept.touched, &self.kept.inserted] {
            if let Some((own, columns)) = of_own(session, own.as_ref())? {
                for (name, texts) in [("k1", whole), ("o1", whole), ("s1", left), ("s0", left)] {
                    follow(&own, &columns, name, texts);
                }
            }
        }
        if let Some((rows, columns)) = of_own(session, self.kept.rows.as_ref())? {
            follow(&rows, &columns, link::LINK, whole);
        }
        all.push(format!("drop table {noted}"));
        session.execute_own(&all.join("; "))
    }
}
