//! What a kept row has become, at the instant in which the window opens.

use tightrope_engine::{EngineError, KeptTable};
use tightrope_model::{Keep, TableName};

use super::about;
use super::key::{Key, Part};
use super::live::{Live, keeps_rowids};
use super::names::{all, any, differ, list, of, own, sql};
use super::spread::{ALIAS, not_as_planned};
use super::window::Opening;
use crate::error::from_sqlite;
use crate::quote::quote_identifier;

impl Opening<'_> {
    /// By which columns rows are told apart from now on.
    pub(super) fn identity(&self, table: &KeptTable, live: &Live) -> Key {
        let plan = &table.plan;
        let place = |name: &String| {
            let at = plan
                .columns
                .iter()
                .position(|column| &column.before == name)?;
            let after = plan.columns[at].after.clone()?;
            Some((name.clone(), after, format!("c${}", at + 1)))
        };
        let old_key = self.before.table(&plan.before).map(|shape| &shape.key);
        let place = old_key.and_then(|key| key.iter().map(place).collect::<Option<Vec<_>>>());
        let place = place.unwrap_or_default();
        let names: Vec<String> = if plan.key.is_empty() {
            let shape = plan
                .after
                .as_ref()
                .and_then(|after| self.after.table(after));
            shape.map(|shape| shape.key.clone()).unwrap_or_default()
        } else {
            plan.key.iter().map(|column| column.after.clone()).collect()
        };
        let part = |name: &String| Part {
            after: name.clone(),
            before: plan
                .columns
                .iter()
                .find(|column| column.after.as_ref() == Some(name))
                .map(|column| column.before.clone()),
            kept: String::new(),
        };
        let mut parts: Vec<Part> = names.iter().map(part).collect();
        if parts.is_empty() {
            parts.extend(live.rowid.map(|rowid| Part {
                after: rowid.to_owned(),
                before: Some(rowid.to_owned()),
                kept: String::new(),
            }));
        }
        Key { parts, place }
    }

    /// Finds for each kept row the row that it is now.
    pub(super) fn trace(
        &self,
        table: &KeptTable,
        after: &TableName,
        live: &Live,
        key: &mut Key,
    ) -> Result<(), EngineError> {
        let plan = &table.plan;
        let rows = sql(&own(self.number, plan, "rows"));
        let kept = |before: &String| {
            let at = plan
                .columns
                .iter()
                .position(|column| &column.before == before);
            at.map(|at| format!("c${}", at + 1))
        };
        if !plan.key.is_empty() {
            let follows = plan.key_changes;
            for (number, (part, column)) in (1..).zip(key.parts.iter_mut().zip(&plan.key)) {
                if follows {
                    part.kept = format!("k${number}");
                    continue;
                }
                part.kept = kept(&column.before).ok_or_else(|| not_as_planned(plan))?;
            }
            if follows {
                return Ok(());
            }
            if self.is_rowid(table, live, key)? {
                key.parts[0].kept = "r$".to_owned();
                return Ok(());
            }
            return self.index(table, key);
        }
        let by_rowid = key.parts.len() == 1 && Some(key.parts[0].after.as_str()) == live.rowid;
        if by_rowid && self.is_in_place(table, after, live)? {
            key.parts[0].kept = "r$".to_owned();
            return Ok(());
        }
        for (number, part) in (1..).zip(&mut key.parts) {
            part.kept = format!("k${number}");
            self.batch(&format!("alter table {rows} add column k${number}"))?;
        }
        let pairs = if key.place.is_empty() {
            self.by_content(table, after, live, &rows)
        } else {
            let same = key.place.iter();
            let same = same.map(|(_, after, kept)| format!("{} = p.{kept}", of("t", after)));
            format!(
                "from (select rowid as at$, * from {rows}) p join {} t on {}",
                sql(after),
                all(same)
            )
        };
        let kept_rows = own(self.number, plan, "rows");
        let (own, found) = (key.own("", "k"), key.after("t"));
        let sets = own.iter().map(|k| format!("{k} = m.{k}"));
        let found = found
            .iter()
            .zip(&own)
            .map(|(value, k)| format!("{value} as {k}"));
        self.batch(&format!(
            "update {rows} set {} from (select p.at$ as place$, {} {pairs}) m where {}.rowid = m.place$",
            list(sets),
            list(found),
            quote_identifier(&kept_rows.name),
        ))?;
        self.index(table, key)
    }

    /// Rows that are alike in everything that stays are the same, one by one in their order.
    fn by_content(&self, table: &KeptTable, after: &TableName, live: &Live, rows: &str) -> String {
        let stays = (1..)
            .zip(&table.plan.columns)
            .filter(|(_, column)| !column.is_lost());
        let stays: Vec<(String, String)> = stays
            .filter_map(|(n, column)| {
                Some((format!("c${n}"), quote_identifier(column.after.as_ref()?)))
            })
            .collect();
        let old = list(stays.iter().map(|(kept, _)| kept));
        let new = list(stays.iter().map(|(_, now)| now));
        let by = |columns: &str| match columns.is_empty() {
            true => String::new(),
            false => format!("partition by {columns} "),
        };
        let alike = stays.iter().map(|(kept, now)| {
            format!(
                "p.{kept} is t.{now} and not {}",
                differ(&format!("p.{kept}"), &format!("t.{now}"))
            )
        });
        let (rowid, order) = match live.rowid {
            Some(rowid) => (format!("{rowid} as {rowid}, "), format!("order by {rowid}")),
            None => (String::new(), String::new()),
        };
        format!(
            "from (select rowid as at$, *, row_number() over ({}order by rowid) as place$ from {rows}) p
             join (select {rowid}*, row_number() over ({}{order}) as place$ from {}) t on {} and t.place$ = p.place$",
            by(&old),
            by(&new),
            sql(after),
            all(alike),
        )
    }

    /// Whether every row still has its rowid: the table was not made again, or nobody can tell by its rows.
    fn is_in_place(
        &self,
        table: &KeptTable,
        after: &TableName,
        live: &Live,
    ) -> Result<bool, EngineError> {
        let root =
            about::read(self.connection, self.number, &table.plan, "root").map_err(from_sqlite)?;
        if root.is_some_and(|root| root == live.root.to_string()) {
            return Ok(true);
        }
        let Some(rowid) = live.rowid else {
            return Ok(false);
        };
        let rows = sql(&own(self.number, &table.plan, "rows"));
        if !keeps_rowids(self.connection, &rows).map_err(from_sqlite)? {
            return Ok(false);
        }
        let stays = (1..)
            .zip(&table.plan.columns)
            .filter(|(_, column)| !column.is_lost());
        let differs = stays.filter_map(|(n, column)| {
            Some(differ(
                &format!("p.c${n}"),
                &of("t", column.after.as_ref()?),
            ))
        });
        let moved = self.count(&format!(
            "select count(*) from {rows} p left join {} t on t.{rowid} = p.r$ where t.{rowid} is null or {}",
            sql(after),
            any(differs),
        ))?;
        Ok(moved == 0)
    }

    /// Whether the key is the rowid, and was it before: it is kept as that, too, and found without an index. Rows that join
    /// the kept ones at their first touch have the rowid of then, so it does not serve there.
    fn is_rowid(&self, table: &KeptTable, live: &Live, key: &Key) -> Result<bool, EngineError> {
        let [part] = key.parts.as_slice() else {
            return Ok(false);
        };
        if table.plan.keep != Keep::Whole || live.alias.as_ref() != Some(&part.after) {
            return Ok(false);
        }
        let alias = about::read(self.connection, self.number, &table.plan, ALIAS);
        Ok(alias.map_err(from_sqlite)? == part.before)
    }

    /// An index over the origins, unless they are the rowid.
    pub(super) fn index(&self, table: &KeptTable, key: &Key) -> Result<(), EngineError> {
        let name = own(self.number, &table.plan, "rows").name;
        self.batch(&format!(
            "create index main.{} on {} ({})",
            quote_identifier(&format!("{name}_key")),
            quote_identifier(&name),
            list(key.parts.iter().map(|part| &part.kept)),
        ))
    }
}
