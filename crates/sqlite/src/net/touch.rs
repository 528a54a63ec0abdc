//! The touch log of a table, and the triggers that write it.
//!
//! Each log row tells of one row of the table: `k$1`, `k$2`, … is the identity that it has now (NULL if it is gone), `o$1`, … the
//! one that it had when the window began (NULL if it is new), and `w$1`, … whether the application changed the column of that
//! number (see [`numbered`]).
//!
//! All triggers are AFTER triggers: BEFORE INSERT fires also where an upsert only updates. Nothing in them relies on a
//! conflict clause, since the application's own statement would override it: rows are looked for with EXISTS. REPLACE deletes
//! rows without a trigger: whoever claims an identity marks the row that had it as gone, and a row that fell to another
//! unique index is found missing when the window is closed.

use tightrope_model::{TableName, TablePlan};

use super::key::{Key, equal};
use super::names::{all, any, differ, list, of, sql};
use crate::quote::quote_identifier;

/// The columns of a table whose writing is logged, by their name now, with their numbers from 1: those that it had before,
/// then those that were added. A column that is gone has a number, too.
pub(super) fn numbered(plan: &TablePlan) -> Vec<(usize, &str)> {
    let old = plan.columns.iter().map(|column| column.after.as_deref());
    let added = plan.added.iter().map(|name| Some(name.as_str()));
    let numbered = (1..).zip(old.chain(added));
    numbered
        .filter_map(|(number, name)| Some((number, name?)))
        .collect()
}

/// The number of the first column that was added.
pub(super) fn first_added(plan: &TablePlan) -> usize {
    plan.columns.len() + 1
}

/// What is written down of one table.
pub(super) struct TouchLog<'a> {
    pub(super) log: &'a TableName,
    pub(super) plan: &'a TablePlan,
    pub(super) key: &'a Key,
    /// Where more of a row is kept when the application first changes it.
    pub(super) first: Option<FirstTouch<'a>>,
}

/// What the first touch of a row adds to the kept rows.
pub(super) enum FirstTouch<'a> {
    /// The row, which the migration did not change.
    Joins {
        rows: &'a TableName,
        inserted: Option<&'a TableName>,
        /// The table's rowid, where it is kept.
        rowid: Option<String>,
    },
    /// The columns that were left.
    Completes {
        rows: &'a TableName,
        left: &'a [String],
    },
}

impl TouchLog<'_> {
    /// The table and its indexes.
    pub(super) fn table(&self) -> String {
        let log = sql(self.log);
        let mut columns = self.key.own("", "k");
        columns.extend(self.key.own("", "o"));
        let numbered = numbered(self.plan);
        columns.extend(
            numbered
                .iter()
                .map(|(number, _)| format!("w${number} integer not null default 0")),
        );
        let index = |letter: &str| {
            format!(
                "create index main.{} on {} ({});",
                quote_identifier(&format!("{}_{letter}", self.log.name)),
                quote_identifier(&self.log.name),
                list(self.key.own("", letter))
            )
        };
        format!(
            "create table {log} ({});\n{}\n{}",
            list(columns),
            index("k"),
            index("o")
        )
    }

    /// The triggers' names.
    pub(super) fn names(&self) -> Vec<String> {
        trigger_names(self.log)
    }

    /// The statements that make the triggers on the table by its name now.
    pub(super) fn triggers(&self, table: &TableName) -> Vec<String> {
        let bodies = [
            ("insert", String::new(), self.on_insert()),
            (
                "update",
                format!(" when {}", self.changes()),
                self.on_update(),
            ),
            ("delete", String::new(), self.on_delete()),
        ];
        self.names()
            .iter()
            .zip(bodies)
            .map(|(name, (event, when, body))| {
                format!(
                    "create trigger main.{} after {event} on {} for each row{when} begin\n{body}\nend",
                    quote_identifier(name),
                    quote_identifier(&table.name)
                )
            })
            .collect()
    }

    /// The index that keeps the rowids of a table in place: VACUUM numbers the rows of a table without any index anew. It
    /// holds no row, and names no column that a script could drop.
    pub(super) fn hold(&self, table: &TableName) -> String {
        format!(
            "create index main.{} on {} (0) where 0",
            quote_identifier(&hold_name(self.log)),
            quote_identifier(&table.name)
        )
    }

    /// Inside a trigger a table must not be written with its schema.
    fn log(&self) -> String {
        quote_identifier(&self.log.name)
    }

    fn on_insert(&self) -> String {
        let log = self.log();
        format!(
            "{}\ninsert into {log} ({}) values ({});",
            self.claim("new", "true"),
            list(self.key.own("", "k")),
            list(self.key.after("new")),
        )
    }

    /// Whether an update changes anything at all.
    fn changes(&self) -> String {
        let (old, new) = (self.key.after("old"), self.key.after("new"));
        let moved = old.iter().zip(&new).map(|(old, new)| differ(old, new));
        let numbered = numbered(self.plan);
        let changed = numbered
            .iter()
            .map(|(_, name)| differ(&of("new", name), &of("old", name)));
        any(moved.chain(changed))
    }

    fn on_update(&self) -> String {
        let log = self.log();
        let (old, new) = (self.key.after("old"), self.key.after("new"));
        // As the log tells identities apart: 1 and 1.0 are the same.
        let pairs = old.iter().zip(&new);
        let moved = any(pairs.map(|(old, new)| format!("{old} collate binary is not {new}")));
        let numbered = numbered(self.plan);
        let changed = |name: &str| differ(&of("new", name), &of("old", name));
        let flags = numbered
            .iter()
            .map(|(number, name)| format!("w${number} = w${number} or {}", changed(name)));
        let moves = self
            .key
            .own("", "k")
            .into_iter()
            .zip(&new)
            .map(|(k, new)| format!("{k} = {new}"));
        let found = equal(&self.key.own("", "k"), &old);
        format!(
            "{first}
             insert into {log} ({k}, {o}) select {old}, {old} where not exists (select 1 from {log} where {found});
             update {log} set {flags} where {found};
             {already}
             {claim}
             update {log} set {moves} where {found};",
            first = self.on_first_touch(&found),
            k = list(self.key.own("", "k")),
            o = list(self.key.own("", "o")),
            old = list(&old),
            flags = list(flags),
            already = self.already_changed(&new, &format!("{moved} and {found}")),
            claim = self.claim("new", &moved),
            moves = list(moves),
        )
    }

    /// A key of the row that leads to the row itself acts before any trigger: by then the row has its new identity, and what
    /// the action changes is logged under it. (Where REPLACE has put another row out of that place, what was written in that
    /// one counts, too: too much is taken for the application's, never too little.)
    fn already_changed(&self, new: &[String], moved: &str) -> String {
        let log = self.log();
        let same = equal(&self.key.own("n", "k"), new);
        let flags = numbered(self.plan).into_iter().map(|(number, _)| {
            format!("w${number} = w${number} or exists (select 1 from {log} n where {same} and n.w${number})")
        });
        format!("update {log} set {} where {moved};", list(flags))
    }

    fn on_first_touch(&self, known: &str) -> String {
        match &self.first {
            None => String::new(),
            Some(FirstTouch::Joins {
                rows,
                inserted,
                rowid,
            }) => self.joins((rows, *inserted, rowid.as_deref()), known),
            Some(FirstTouch::Completes { rows, left }) => self.completes(rows, left, known),
        }
    }

    fn completes(&self, rows: &TableName, left: &[String], known: &str) -> String {
        let columns = (1..).zip(&self.plan.columns);
        let left = columns.filter(|(_, column)| left.contains(&column.before));
        let sets = left.map(|(n, column)| format!("c${n} = {}", of("old", &column.before)));
        let parts: Vec<String> = self
            .key
            .parts
            .iter()
            .map(|part| part.kept.clone())
            .collect();
        format!(
            "update {} set {}, full$ = 1 where {} and full$ is not 1 and not exists (select 1 from {} where {known});",
            quote_identifier(&rows.name),
            list(sets),
            equal(&parts, &self.key.after("old")),
            self.log(),
        )
    }

    fn joins(
        &self,
        (rows, inserted, rowid): (&TableName, Option<&TableName>, Option<&str>),
        known: &str,
    ) -> String {
        let columns = (1..).zip(&self.plan.columns);
        let columns = columns.filter_map(|(n, column)| Some((n, column.after.as_ref()?)));
        let (mut names, mut values): (Vec<String>, Vec<String>) = columns
            .map(|(n, after)| (format!("c${n}"), of("old", after)))
            .unzip();
        if let Some(rowid) = rowid {
            names.push("r$".to_owned());
            values.push(of("old", rowid));
        }
        let old = self.key.after("old");
        let rows = quote_identifier(&rows.name);
        let mut unless = vec![
            format!("not exists (select 1 from {} where {known})", self.log()),
            format!(
                "not exists (select 1 from {rows} p where {})",
                equal(&self.key.kept("p"), &old)
            ),
        ];
        unless.extend(inserted.map(|inserted| {
            let inserted = quote_identifier(&inserted.name);
            let same = equal(&self.key.own("i", "k"), &old);
            format!("not exists (select 1 from {inserted} i where {same})")
        }));
        format!(
            "insert into {rows} ({}) select {} where {};",
            list(names),
            list(values),
            all(unless)
        )
    }

    fn on_delete(&self) -> String {
        let log = self.log();
        let old = self.key.after("old");
        let found = equal(&self.key.own("", "k"), &old);
        let origin = equal(&self.key.own("", "o"), &old);
        format!(
            "insert into {log} ({o}) select {values} where not exists (select 1 from {log} where {found}) and not exists (select 1 from {log} where {origin});
             {gone}",
            o = list(self.key.own("", "o")),
            values = list(&old),
            gone = self.gone(&found),
        )
    }

    /// A row takes an identity: whatever had it is gone, and the row that began with it is marked as gone unless it has moved
    /// on before.
    fn claim(&self, side: &str, when: &str) -> String {
        let log = self.log();
        let values = self.key.after(side);
        let found = equal(&self.key.own("", "k"), &values);
        let origin = equal(&self.key.own("", "o"), &values);
        format!(
            "insert into {log} ({o}) select {taken} where {when} and not exists (select 1 from {log} where {origin});
             {gone}",
            o = list(self.key.own("", "o")),
            taken = list(&values),
            gone = self.gone(&format!("{when} and {found}")),
        )
    }

    /// What was there is gone; of what was new in the window nothing is left to tell.
    fn gone(&self, found: &str) -> String {
        let log = self.log();
        let is_new = all(self.key.own("", "o").iter().map(|o| format!("{o} is null")));
        let nothing = self
            .key
            .own("", "k")
            .into_iter()
            .map(|k| format!("{k} = null"));
        format!(
            "delete from {log} where {found} and {is_new};
             update {log} set {} where {found};",
            list(nothing)
        )
    }
}

/// The names of the triggers that write a log.
pub(super) fn trigger_names(log: &TableName) -> Vec<String> {
    let events = ["insert", "update", "delete"];
    events
        .iter()
        .map(|event| format!("{}_{event}", log.name))
        .collect()
}

/// The name of the index that keeps a table's rowids in place.
pub(super) fn hold_name(log: &TableName) -> String {
    format!("{}_hold", log.name)
}
