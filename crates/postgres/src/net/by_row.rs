//! Rows that have no key are told apart by their text, and equal ones are counted: the first of the log's entries of a text is
//! about the first row with it, and so on. Which of several equal rows is meant cannot be known, and makes no difference to
//! anybody who can only see the rows.
//!
//! There are two texts. That of all columns since the migration tells which rows the application wrote; that of the columns
//! which the migration left alone leads from a row to its pre-image.

use tightrope_model::{ColumnPlan, Keep, TablePlan};

use super::by_key::not_truncated;
use super::terms::{Facts, Gone, Joins, Shape};
use super::touch::numbered;
use crate::quote::quote;

/// The text of what the migration left alone of a row, under the alias: the same before it and after it.
pub(super) fn text(plan: &TablePlan, shape: Shape, alias: &str) -> String {
    let columns = plan.columns.iter().filter_map(|column| {
        let same = plan.after.is_none() || column.after.is_some() && column.type_after.is_none();
        let name = match shape {
            Shape::After => column.after.as_ref(),
            Shape::Before => Some(&column.before),
        };
        name.filter(|_| same).map(String::as_str)
    });
    row_text(columns, alias)
}

/// The text of all that a row has since the migration, under the alias.
pub(super) fn whole_text(plan: &TablePlan, alias: &str) -> String {
    row_text(numbered(plan).into_iter().map(|(_, name)| name), alias)
}

/// Whether rows since the migration have more than what it left alone: their log keeps both texts.
pub(super) fn has_more(plan: &TablePlan) -> bool {
    let changed = |column: &ColumnPlan| column.after.is_some() && column.type_after.is_some();
    !plan.added.is_empty() || plan.columns.iter().any(changed)
}

fn row_text<'c>(columns: impl Iterator<Item = &'c str>, alias: &str) -> String {
    let columns: Vec<String> = columns
        .map(|name| format!("{alias}.{}", quote(name)))
        .collect();
    format!("row({})::text collate \"C\"", columns.join(", "))
}

/// The pre-images with their text and their number among equals.
fn counted(rows: &str, selected: &str, text: &str) -> String {
    format!(
        "(select {selected}, {text} as tightrope_r, row_number() over (partition by {text} order by p.ctid) as tightrope_n from {rows} p)"
    )
}

/// How often each text is that of a row when the window began, in the log.
fn counts(log: &str) -> String {
    format!("(select l.o1 as r, count(*) as n from {log} l where l.o1 is not null group by 1)")
}

/// The log's entries, numbered among those of an equal row now and of an equal row when the window began.
fn entries(log: &str, by: &str) -> String {
    format!(
        "(select l.ctid as entry, l.*, row_number() over (partition by l.{by}, l.k1 is null order by l.ctid) as n, \
         row_number() over (partition by l.o1 order by l.ctid) as m from {log} l)"
    )
}

/// The rows of the table: their text (`tightrope_r`), their entry in the log, and their number among equal rows that have
/// none, or that have one.
fn told_apart(facts: &Facts<'_>) -> String {
    let of_table = text(facts.plan, facts.shape, "t");
    let Some((log, _)) = &facts.log else {
        return format!(
            "(select t.ctid as place, {of_table} as tightrope_r, null::tid as entry, \
             row_number() over (partition by {of_table} order by t.ctid) as tightrope_n from only {{now}} t)"
        );
    };
    let (by, whole) = by(facts);
    format!(
        "(select a.place, a.tightrope_r, l.entry, \
         row_number() over (partition by a.tightrope_r, l.entry is null order by a.place) as tightrope_n \
         from (select t.ctid as place, {of_table} as tightrope_r, {whole} as whole, \
         row_number() over (partition by {whole} order by t.ctid) as n from only {{now}} t) a \
         left join {} l on l.{by} = a.whole and l.n = a.n and l.k1 is not null)",
        entries(log, by)
    )
}

/// By which column of the log its entries are found, and what it holds: the whole row, or what is left of it in a table that
/// is what it was.
fn by(facts: &Facts<'_>) -> (&'static str, String) {
    match facts.shape {
        Shape::After => ("k1", whole_text(facts.plan, "t")),
        Shape::Before if has_more(facts.plan) => ("s1", text(facts.plan, facts.shape, "t")),
        Shape::Before => ("k1", text(facts.plan, facts.shape, "t")),
    }
}

/// The pieces for a table without a key.
pub(super) fn joins(facts: &Facts<'_>) -> Joins {
    let of_rows = text(facts.plan, Shape::Before, "p");
    let mut all = format!("join {} tt on tt.place = t.ctid", told_apart(facts));
    let log = facts.log.as_ref().map(|(log, _)| log);
    let mut origin = ("tt.tightrope_r".to_owned(), "tt.tightrope_n".to_owned());
    if let Some(log) = log {
        all.push_str(&format!(
            " left join {} l on l.entry = tt.entry left join {} oc on oc.r = tt.tightrope_r",
            entries(log, by(facts).0),
            counts(log),
        ));
        origin = (
            "case when tt.entry is null then tt.tightrope_r else l.o1 end".to_owned(),
            "case when tt.entry is null then tt.tightrope_n + coalesce(oc.n, 0) else l.m end"
                .to_owned(),
        );
    }
    if let Some((rows, _)) = &facts.rows {
        all.push_str(&format!(
            " left join {} p on p.tightrope_r = {} and p.tightrope_n = {}",
            counted(rows, "p.*", &of_rows),
            origin.0,
            origin.1,
        ));
    }
    if let Some((inserted, _)) = &facts.inserted {
        all.push_str(&format!(
            " left join (select distinct k1 from {inserted}) i on i.k1 = tt.tightrope_r"
        ));
    }
    let touched = if log.is_some() {
        "tt.entry is not null"
    } else {
        "false"
    };
    let has_before = if facts.rows.is_some() {
        "p.tightrope_r is not null"
    } else {
        "false"
    };
    let own = facts
        .inserted
        .is_some()
        .then(|| format!("i.k1 is not null and not ({touched}) and not ({has_before})"));
    let gone = gone(facts, &of_rows);
    let untouched = gone.as_ref().map(|gone| {
        let from = gone.from.replace("{now}", &facts.table);
        (
            format!("(select p.* from {from} where {}) p", gone.filter),
            "true".to_owned(),
        )
    });
    Joins {
        written: log.map(|_| format!("only {{now}} t {all}").replace("{now}", &facts.table)),
        all,
        touched: touched.to_owned(),
        entry: "l.entry".to_owned(),
        key: vec![text(facts.plan, facts.shape, "t")],
        has_before: has_before.to_owned(),
        own,
        gone,
        displaced: None,
        untouched,
    }
}

fn gone(facts: &Facts<'_>, of_rows: &str) -> Option<Gone> {
    let (rows, _) = facts.rows.as_ref()?;
    if facts.plan.keep == Keep::Columns {
        return None;
    }
    let mut gone = Gone {
        from: format!(
            "{} p left join (select tightrope_r as r, count(*) as n from {} tt where tt.entry is null group by 1) tc \
             on tc.r = p.tightrope_r",
            counted(rows, "p.ctid as tightrope_place, p.*", of_rows),
            told_apart(facts),
        ),
        filter: "p.tightrope_n > coalesce(tc.n, 0)".to_owned(),
    };
    if let Some((log, _)) = &facts.log {
        gone.from.push_str(&format!(
            " left join {} oc on oc.r = p.tightrope_r",
            counts(log)
        ));
        gone.filter = format!(
            "p.tightrope_n > coalesce(oc.n, 0) + coalesce(tc.n, 0) and {}",
            not_truncated(log)
        );
    }
    Some(gone)
}
