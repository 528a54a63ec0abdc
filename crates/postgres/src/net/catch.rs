//! Catching the rows that the forward script changes, as they were before: for few rows of a large table.
//!
//! The functions find the columns by their numbers when they run, so a script may add columns, drop others and rename these.
//! Triggers for statements cost least. Rows of a partition, or of a table with parents, can be written through another table,
//! and only triggers for rows see that.

use tightrope_engine::{EngineError, ErrorKind};
use tightrope_model::{TableName, TablePlan};

use super::columns::Columns;
use super::merge::counted;
use super::names;
use super::touch::trigger_function;
use super::window::attach;
use crate::quote::{literal, quote};
use crate::session::PostgresSession;

/// The net's tables of one table whose changes are caught.
pub(super) struct Catch<'a> {
    pub(super) number: i64,
    pub(super) plan: &'a TablePlan,
    pub(super) rows: &'a TableName,
    pub(super) inserted: &'a TableName,
}

/// What happened to rows: the event, the function's part of its name, and the tables or records that it gives.
const EVENTS: [(&str, &str, &str); 3] = [
    (
        "insert",
        "after insert",
        "referencing new table as new_rows",
    ),
    (
        "update",
        "after update",
        "referencing old table as old_rows new table as new_rows",
    ),
    (
        "delete",
        "after delete",
        "referencing old table as old_rows",
    ),
];

impl Catch<'_> {
    /// Makes the tables and the triggers.
    pub(super) fn begin(&self, session: &mut PostgresSession) -> Result<(), EngineError> {
        let columns = Columns::of(session, &self.plan.before)?;
        self.make_tables(session, &columns)?;
        let by_row = self.is_written_through_others(session)?;
        for (event, when, tables) in EVENTS {
            let function = names::own(self.number, self.plan, &format!("catch_{event}"));
            session.execute_own(&self.function(&function, event, &columns, by_row)?)?;
            let (tables, each) = match by_row {
                true => ("", "row"),
                false => (tables, "statement"),
            };
            attach(session, &self.plan.before, &function, when, tables, each)?;
        }
        let function = names::own(self.number, self.plan, "catch_truncate");
        session.execute_own(&self.function(&function, "truncate", &columns, by_row)?)?;
        attach(
            session,
            &self.plan.before,
            &function,
            "before truncate",
            "",
            "statement",
        )
    }

    /// The replica identity lets a publication of all tables publish what is taken out of them again.
    fn make_tables(
        &self,
        session: &mut PostgresSession,
        columns: &Columns,
    ) -> Result<(), EngineError> {
        let mut own = Vec::new();
        for planned in &self.plan.columns {
            let column = columns.planned(self.plan, &planned.before)?;
            own.push(format!(
                "{} {}",
                quote(&column.name),
                column.kept_definition()
            ));
        }
        let (mut key, mut places, mut names) = (Vec::new(), Vec::new(), Vec::new());
        for (place, part) in (1..).zip(&self.plan.key) {
            let column = columns.planned(self.plan, &part.before)?;
            key.push(format!("k{place} {}", column.kept_definition()));
            places.push(format!("k{place}"));
            names.push(quote(&part.before));
        }
        let (rows, inserted) = (names::sql(self.rows), names::sql(self.inserted));
        session.execute_own(&format!(
            "create table {rows} ({}); create unique index on {rows} ({}); \
             create table {inserted} ({}); create unique index on {inserted} ({}); \
             alter table {rows} replica identity full; alter table {inserted} replica identity full",
            own.join(", "),
            names.join(", "),
            key.join(", "),
            places.join(", "),
        ))
    }

    /// Partitions and tables with parents or children of their own.
    fn is_written_through_others(
        &self,
        session: &mut PostgresSession,
    ) -> Result<bool, EngineError> {
        let found = session.query_own(
            &format!(
                "select 1::bigint from pg_catalog.pg_inherits where pg_catalog.to_regclass({}) in (inhrelid, inhparent) limit 1",
                literal(&names::sql(&self.plan.before))
            ),
            &[],
        )?;
        Ok(!found.is_empty())
    }

    fn function(
        &self,
        name: &TableName,
        event: &str,
        columns: &Columns,
        by_row: bool,
    ) -> Result<String, EngineError> {
        let (rows, inserted) = (names::sql(self.rows), names::sql(self.inserted));
        let all: Vec<&str> = self
            .plan
            .columns
            .iter()
            .map(|column| column.before.as_str())
            .collect();
        let key: Vec<&str> = self
            .plan
            .key
            .iter()
            .map(|key| key.before.as_str())
            .collect();
        let source = |side: &str| match (event, by_row) {
            ("truncate", _) => "only ' || tg_relid::regclass || '".to_owned(),
            (_, true) => "(select ($1).*)".to_owned(),
            (_, false) => format!("{side}_rows"),
        };
        let using = |side: &str| match by_row && event != "truncate" {
            true => format!(" using {side}"),
            false => String::new(),
        };
        let in_rows = self.is_key("p", |place| quote(key[place - 1]));
        let in_inserted = self.is_key("i", |place| format!("k{place}"));
        let places = self.places();
        let keep = format!(
            "execute 'insert into {rows} select ' || list || ' from (select r.*, ' || key || ' from {} r) c \
             where not exists (select from {inserted} i where {in_inserted}) on conflict do nothing'{};\n",
            source("old"),
            using("old"),
        );
        let forget = format!(
            "execute 'delete from {inserted} i using (select ' || key || ' from {} r) c where {in_inserted}'{};\n",
            source("old"),
            using("old"),
        );
        let body = match event {
            "insert" => format!(
                "execute 'insert into {inserted} select {places} from (select ' || key || ' from {} r) c \
                 where not exists (select from {rows} p where {in_rows}) on conflict do nothing'{};\n",
                source("new"),
                using("new"),
            ),
            "update" => format!("{}{keep}", self.refuse_moved_keys(by_row)),
            _ => format!("{keep}{forget}"),
        };
        let body = format!(
            "declare list text; key text; found integer;\nbegin\n{}{}{body}return null;\nend",
            found_columns("list", "c", &self.templates(columns, &all)?, ""),
            found_columns(
                "key",
                "r",
                &self.templates(columns, &key)?,
                " as tightrope_k"
            ),
        );
        Ok(trigger_function(name, &body, true))
    }

    /// The key of the changed row `c` is that of another row, inside a literal.
    fn is_key(&self, alias: &str, column: impl Fn(usize) -> String) -> String {
        let pairs = (1..=self.plan.key.len()).map(|place| {
            let column = column(place).replace('\'', "''");
            format!("{alias}.{column} = c.tightrope_k{place}")
        });
        pairs.collect::<Vec<_>>().join(" and ")
    }

    /// The key's columns beside those of a row.
    fn places(&self) -> String {
        let places = (1..=self.plan.key.len()).map(|place| format!("tightrope_k{place}"));
        places.collect::<Vec<_>>().join(", ")
    }

    /// Columns by their numbers, and how the net keeps their values.
    fn templates(
        &self,
        columns: &Columns,
        wanted: &[&str],
    ) -> Result<Vec<(i64, String)>, EngineError> {
        let find = |name: &&str| {
            let column = columns.planned(self.plan, name)?;
            Ok((column.number, column.to_kept("#.%I")))
        };
        wanted.iter().map(find).collect()
    }

    /// A pre-image could not follow a row to another key.
    fn refuse_moved_keys(&self, by_row: bool) -> String {
        let places = self.places();
        let (old, new) = match by_row {
            true => ("(select ($1).*)", "(select ($2).*)"),
            false => ("old_rows", "new_rows"),
        };
        let using = if by_row { " using old, new" } else { "" };
        let message = literal(&format!(
            "the script changes the key of rows of {}, which the net was not planned for",
            self.plan.before
        ));
        format!(
            "execute 'select count(*) from (select {places} from (select ' || key || ' from {old} r) c \
             except select {places} from (select ' || key || ' from {new} r) c) c' into found{using};\n\
             if found > 0 then raise exception using message = {message}, hint = 'rehearse the migration again'; end if;\n"
        )
    }
}

/// Puts the list of columns as they are called now into a variable.
pub(super) fn found_columns(
    variable: &str,
    alias: &str,
    templates: &[(i64, String)],
    named: &str,
) -> String {
    let numbers: Vec<String> = templates
        .iter()
        .map(|(number, _)| number.to_string())
        .collect();
    let texts: Vec<String> = templates
        .iter()
        .map(|(_, template)| literal(&template.replacen('#', alias, 1)))
        .collect();
    let name = match named.is_empty() {
        true => String::new(),
        false => format!(" || {} || w.place", literal(named)),
    };
    format!(
        "select string_agg(format(w.text, a.attname){name}, ', ' order by w.place), count(*) into {variable}, found \
         from unnest(array[{}], array[{}]) with ordinality w (number, text, place) \
         join pg_attribute a on a.attrelid = tg_relid and a.attnum = w.number and not a.attisdropped;\n\
         if found <> {} then raise exception 'a column of % that the net keeps is gone', tg_relid::regclass \
         using hint = 'rehearse the migration again'; end if;\n",
        numbers.join(", "),
        texts.join(", "),
        templates.len(),
    )
}

/// How many triggers of a table are on whose functions have names that begin like this one.
pub(super) fn triggers_on(
    session: &mut PostgresSession,
    table: &TableName,
    prefix: &TableName,
) -> Result<u64, EngineError> {
    counted(
        session,
        &format!(
            "select count(*) from pg_catalog.pg_trigger g join pg_catalog.pg_proc p on p.oid = g.tgfoid \
             where g.tgrelid = pg_catalog.to_regclass({}) and p.pronamespace = 'tightrope'::regnamespace \
             and pg_catalog.starts_with(p.proname::text, {}) and g.tgenabled = 'A'",
            literal(&names::sql(table)),
            literal(&prefix.name),
        ),
    )
}

/// The triggers have to be there and on at the end, or they may not have seen everything.
pub(super) fn must_have_seen_all(
    session: &mut PostgresSession,
    number: i64,
    plan: &TablePlan,
    after: &TableName,
) -> Result<(), EngineError> {
    match triggers_on(session, after, &names::own(number, plan, "catch_"))? {
        4 => Ok(()),
        _ => Err(EngineError::new(
            ErrorKind::Unsupported,
            format!("the script switches the triggers of {after} off, so the net may not have seen all that it changes"),
        )
        .hint("name the triggers to disable one by one, not all of them")),
    }
}
