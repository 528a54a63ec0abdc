//! Rows that have no key are told apart by their text, and equal ones are counted: the first of the log's entries of a text is
//! about the first row with it, and so on. Which of several equal rows is meant cannot be known, and makes no difference to
//! anybody who can only see the rows.
//!
//! There are two texts. That of all columns since the migration tells which rows the application wrote, and which pre-image a
//! row had when the window began: where it is not the text of the pre-image itself, that is written beside it ([`link`]).
//! The text of the columns which the migration left alone is what is left of a row in a table that is what it was.

mod follow;
mod later;
mod link;

use tightrope_model::{ColumnPlan, Keep, TablePlan};

use super::by_key::not_truncated;
use super::terms::{Facts, Gone, Joins, Shape, before};
use super::touch::numbered;
use crate::quote::quote;

pub(super) use follow::Followed;
pub(super) use later::{in_words_of_before, keep_words};
pub(super) use link::link;

/// The text of what the migration left alone of a row, under the alias: the same before it and after it.
pub(super) fn text(plan: &TablePlan, shape: Shape, alias: &str) -> String {
    text_with(plan, shape, |name| format!("{alias}.{}", quote(name)))
}

/// The same with other values.
fn text_with(plan: &TablePlan, shape: Shape, value: impl Fn(&str) -> String) -> String {
    row_text(columns_left_alone(plan, shape).map(value))
}

/// What the migration left alone, by its names in that shape.
fn columns_left_alone(plan: &TablePlan, shape: Shape) -> impl Iterator<Item = &str> {
    plan.columns.iter().filter_map(move |column| {
        let same = plan.after.is_none() || column.after.is_some() && column.type_after.is_none();
        let name = match shape {
            Shape::After => column.after.as_ref(),
            Shape::Before => Some(&column.before),
        };
        name.filter(|_| same).map(String::as_str)
    })
}

/// The text of all that a row has since the migration, under the alias.
pub(super) fn whole_text(plan: &TablePlan, alias: &str) -> String {
    whole_text_with(plan, |name| format!("{alias}.{}", quote(name)))
}

/// The same with other values.
fn whole_text_with(plan: &TablePlan, value: impl Fn(&str) -> String) -> String {
    let columns = numbered(plan).into_iter();
    row_text(columns.map(|(_, name)| value(name)))
}

/// Whether rows since the migration have more than what it left alone: their log keeps both texts.
pub(super) fn has_more(plan: &TablePlan) -> bool {
    let changed = |column: &ColumnPlan| column.after.is_some() && column.type_after.is_some();
    !plan.added.is_empty() || plan.columns.iter().any(changed)
}

/// The texts of a row that the migration inserted, by which it is found in either shape, and those of a pre-image.
pub(super) fn texts_of_inserted(plan: &TablePlan, linked: bool) -> (String, String) {
    let (now, left) = (whole_text(plan, "t"), text(plan, Shape::After, "t"));
    let was = text(plan, Shape::Before, "p");
    let link = if linked { link::of("p") } else { was.clone() };
    (
        format!("{now} as k1, {left} as s1"),
        format!("{link}, {was}"),
    )
}

fn row_text(values: impl Iterator<Item = String>) -> String {
    let values: Vec<String> = values.collect();
    format!("row({})::text collate \"C\"", values.join(", "))
}

/// The pre-images with the text (`tightrope_r`) and the number among equals (`tightrope_n`) by which their rows are found.
/// Rows that the log tells of have claimed theirs by what they were when the window began (`tightrope_claimed`), the others
/// are found by what is left of them.
fn images(facts: &Facts<'_>, rows: &str) -> String {
    let left = text(facts.plan, Shape::Before, "p");
    let link = match link::is_made(facts) {
        true => link::of("p"),
        false => left.clone(),
    };
    let text = match facts.shape {
        Shape::After => link.clone(),
        Shape::Before => left,
    };
    let (counts, claimed) = match &facts.log {
        Some((log, _)) => (
            format!(
                " left join (select l.o1 as r, count(*) as n from {log} l where l.o1 is not null group by 1) c on c.r = {link}"
            ),
            format!("row_number() over (partition by {link} order by p.ctid) <= coalesce(c.n, 0)"),
        ),
        None => (String::new(), "false".to_owned()),
    };
    format!(
        "(select p.*, case when p.tightrope_claimed then p.tightrope_l else p.tightrope_t end as tightrope_r, \
         row_number() over (partition by p.tightrope_claimed, \
         case when p.tightrope_claimed then p.tightrope_l else p.tightrope_t end \
         order by p.tightrope_l is null, p.tightrope_place) as tightrope_n \
         from (select p.*, p.ctid as tightrope_place, {link} as tightrope_l, {text} as tightrope_t, {claimed} as tightrope_claimed \
         from {rows} p{counts}) p)"
    )
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
    let (by, of_table) = by(facts);
    let Some((log, _)) = &facts.log else {
        return format!(
            "(select t.ctid as place, {of_table} as tightrope_r, null::tid as entry, \
             row_number() over (partition by {of_table} order by t.ctid) as tightrope_n from only {{now}} t)"
        );
    };
    format!(
        "(select a.place, a.tightrope_r, l.entry, \
         row_number() over (partition by a.tightrope_r, l.entry is null order by a.place) as tightrope_n \
         from (select t.ctid as place, {of_table} as tightrope_r, \
         row_number() over (partition by {of_table} order by t.ctid) as n from only {{now}} t) a \
         left join {} l on l.{by} = a.tightrope_r and l.n = a.n and l.k1 is not null)",
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
    let mut all = format!("join {} tt on tt.place = t.ctid", told_apart(facts));
    let log = facts.log.as_ref().map(|(log, _)| log);
    let mut origin = ["false", "tt.tightrope_r", "tt.tightrope_n"];
    if let Some(log) = log {
        let entries = entries(log, by(facts).0);
        all.push_str(&format!(" left join {entries} l on l.entry = tt.entry"));
        origin = [
            "(tt.entry is not null)",
            "case when tt.entry is null then tt.tightrope_r else l.o1 end",
            "case when tt.entry is null then tt.tightrope_n else l.m end",
        ];
    }
    if let Some((rows, _)) = &facts.rows {
        let [is_claimed, text, number] = origin;
        all.push_str(&format!(
            " left join {} p on p.tightrope_claimed = {is_claimed} and p.tightrope_r = {text} and p.tightrope_n = {number}",
            images(facts, rows),
        ));
    }
    if let Some((inserted, _)) = &facts.inserted {
        let by = match facts.shape {
            Shape::After => "k1",
            Shape::Before => "s1",
        };
        all.push_str(&format!(
            " left join (select distinct {by} as k1 from {inserted}) i on i.k1 = tt.tightrope_r"
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
    let own = facts.own(touched, has_before);
    Joins {
        written: log.map(|_| format!("only {{now}} t {all}").replace("{now}", &facts.table)),
        all,
        touched: touched.to_owned(),
        entry: "l.entry".to_owned(),
        key: vec![by(facts).1],
        has_before: has_before.to_owned(),
        own,
        gone: gone(facts),
        displaced: None,
        untouched: untouched(facts),
    }
}

/// The condition that nothing has taken a pre-image from the rows that the application left alone.
fn unclaimed(facts: &Facts<'_>) -> String {
    let not_truncated = facts.log.as_ref().map(|(log, _)| not_truncated(log));
    let and = not_truncated.map(|condition| format!(" and {condition}"));
    format!("not p.tightrope_claimed{}", and.unwrap_or_default())
}

fn gone(facts: &Facts<'_>) -> Option<Gone> {
    let (rows, _) = facts.rows.as_ref()?;
    (facts.plan.keep != Keep::Columns).then(|| Gone {
        from: format!(
            "{} p left join (select tightrope_r as r, count(*) as n from {} tt where tt.entry is null group by 1) tc \
             on tc.r = p.tightrope_t",
            images(facts, rows),
            told_apart(facts),
        ),
        filter: format!(
            "{} and p.tightrope_n > coalesce(tc.n, 0)",
            unclaimed(facts)
        ),
    })
}

/// Pre-images of rows that nobody has touched, counted by all their values, and as many rows of the table.
fn untouched(facts: &Facts<'_>) -> Option<(String, String)> {
    let (rows, _) = facts.rows.as_ref()?;
    let plan = facts.plan;
    if plan.keep == Keep::Columns {
        return None;
    }
    let was = row_text((0..plan.columns.len()).map(|at| before(plan, at)));
    let names = plan.columns.iter().map(|column| &column.before);
    let is = row_text(names.map(|name| format!("t.{}", quote(name))));
    Some((
        format!(
            "(select {was} as r, count(*) as n from {} p where {} group by 1) p \
             left join (select {is} as r, count(*) as n from only {} t group by 1) tc on tc.r = p.r",
            images(facts, rows),
            unclaimed(facts),
            facts.table,
        ),
        "p.n > coalesce(tc.n, 0)".to_owned(),
    ))
}
