//! What of the kept rows is needed, once it is known what the migration did to them.

use tightrope_engine::{EngineError, KeptTable};
use tightrope_model::{Keep, TableName};

use super::key::{Key, equal};
use super::names::{any, differ, list, of, own, sql};
use super::spread::not_as_planned;
use super::window::Opening;
use crate::quote::quote_identifier;

impl Opening<'_> {
    /// Marks the rows that the migration deleted, lists those that it inserted, and lets go of what has not changed where
    /// only changes are kept.
    pub(super) fn settle(
        &self,
        table: &mut KeptTable,
        after: &TableName,
        key: &Key,
    ) -> Result<(), EngineError> {
        if !self.all_stayed(table, after, key)? {
            if !table.left.is_empty() {
                return Err(not_as_planned(&table.plan));
            }
            self.mark_gone(table, after, key)?;
            if !self.has_as_many(table, after, key)? {
                self.list_inserted(table, after, key)?;
            }
        }
        if table.plan.keep == Keep::Changed {
            self.let_go(table, after, key)?;
        }
        Ok(())
    }

    /// Whether every row is still there, and none beside: the script had no way to insert one or to give it another rowid, and
    /// there are as many.
    fn all_stayed(
        &self,
        table: &KeptTable,
        after: &TableName,
        key: &Key,
    ) -> Result<bool, EngineError> {
        let [part] = key.parts.as_slice() else {
            return Ok(false);
        };
        let left_alone = self
            .counter
            .is_some_and(|counter| counter.leaves_rowids(&after.name, &part.after));
        if part.kept != "r$" || table.plan.before != *after || !left_alone {
            return Ok(false);
        }
        let rows = sql(&own(self.number, &table.plan, "rows"));
        let fewer = self.count(&format!(
            "select (select count(*) from {rows}) - (select count(*) from {})",
            sql(after)
        ))?;
        Ok(fewer == 0)
    }

    fn mark_gone(
        &self,
        table: &KeptTable,
        after: &TableName,
        key: &Key,
    ) -> Result<(), EngineError> {
        let rows = sql(&own(self.number, &table.plan, "rows"));
        let now: Vec<String> = key.parts.iter().map(|part| of("t", &part.after)).collect();
        self.batch(&format!(
            "update {rows} as p set gone$ = 1 where not exists (select 1 from {} t where {})",
            sql(after),
            equal(&now, &key.kept("p")),
        ))
    }

    /// Whether every row is one of before, because there are no more of them: where rows are told apart by their rowid, no
    /// two kept rows have become the same one.
    fn has_as_many(
        &self,
        table: &KeptTable,
        after: &TableName,
        key: &Key,
    ) -> Result<bool, EngineError> {
        if key.parts.iter().any(|part| part.kept != "r$") {
            return Ok(false);
        }
        let rows = sql(&own(self.number, &table.plan, "rows"));
        let more = self.count(&format!(
            "select (select count(*) from {}) - (select count(*) from {rows}) + (select count(*) from {rows} where gone$ <> 0)",
            sql(after)
        ))?;
        Ok(more == 0)
    }

    fn list_inserted(
        &self,
        table: &mut KeptTable,
        after: &TableName,
        key: &Key,
    ) -> Result<(), EngineError> {
        let rows = sql(&own(self.number, &table.plan, "rows"));
        let inserted = own(self.number, &table.plan, "inserted");
        let columns = key.own("", "k");
        let values: Vec<String> = key
            .after("t")
            .iter()
            .zip(&columns)
            .map(|(value, k)| format!("{value} as {k}"))
            .collect();
        self.batch(&format!(
            "create table {into} ({k});
             insert into {into} select {values} from {after} t where not exists (select 1 from {rows} p where {same} and +p.gone$ = 0)",
            into = sql(&inserted),
            k = list(&columns),
            values = list(&values),
            after = sql(after),
            same = equal(&key.kept("p"), &key.after("t")),
        ))?;
        if self.count(&format!("select count(*) from {}", sql(&inserted)))? == 0 {
            self.batch(&format!("drop table {}", sql(&inserted)))?;
        } else {
            self.batch(&format!(
                "create index main.{} on {} ({})",
                quote_identifier(&format!("{}_key", inserted.name)),
                quote_identifier(&inserted.name),
                list(&columns)
            ))?;
            table.inserted = Some(inserted);
        }
        Ok(())
    }

    fn let_go(&self, table: &KeptTable, after: &TableName, key: &Key) -> Result<(), EngineError> {
        let Some(rows) = table.rows.as_ref().map(sql) else {
            return Ok(());
        };
        if table
            .plan
            .columns
            .iter()
            .any(|column| column.after.is_none())
        {
            return Ok(());
        }
        let now: Vec<String> = key.parts.iter().map(|part| of("t", &part.after)).collect();
        let differs = (1..).zip(&table.plan.columns).filter_map(|(n, column)| {
            Some(differ(
                &format!("p.c${n}"),
                &of("t", column.after.as_ref()?),
            ))
        });
        self.batch(&format!(
            "delete from {rows} as p where gone$ = 0 and exists (select 1 from {} t where {} and not {})",
            sql(after),
            equal(&now, &key.kept("p")),
            any(differs),
        ))?;
        Ok(())
    }

    /// Makes room for rows that are kept at the first touch: where the migration left rows alone, and all columns stay.
    pub(super) fn keep_at_first_touch(
        &self,
        table: &mut KeptTable,
        key: &mut Key,
        rowids: bool,
    ) -> Result<bool, EngineError> {
        let plan = &table.plan;
        let stays = plan.columns.iter().all(|column| column.after.is_some());
        if !matches!(plan.keep, Keep::Nothing | Keep::Changed) || !stays {
            return Ok(false);
        }
        if table.rows.is_some() {
            return Ok(true);
        }
        for part in &mut key.parts {
            let columns = &mut plan.columns.iter();
            let at = columns.position(|column| column.after.as_ref() == Some(&part.after));
            part.kept = match at {
                Some(at) => format!("c${}", at + 1),
                None if rowids && part.before.is_some() => "r$".to_owned(),
                None => return Ok(false),
            };
        }
        let rows = own(self.number, plan, "rows");
        let mut columns: Vec<String> = (1..=plan.columns.len()).map(|n| format!("c${n}")).collect();
        columns.extend(rowids.then(|| "r$ integer primary key".to_owned()));
        columns.push("gone$ integer not null default 0".to_owned());
        self.batch(&format!("create table {} ({})", sql(&rows), list(columns)))?;
        if key.parts.iter().any(|part| part.kept != "r$") {
            self.index(table, key)?;
        }
        table.rows = Some(rows);
        Ok(true)
    }
}
