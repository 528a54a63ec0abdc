//! Rows that have no key are told apart by the text of the columns that the migration left alone, and equal ones are counted:
//! the first of the log's entries of a text is about the first row with it, and so on. Which of several equal rows is meant
//! cannot be known, and makes no difference to anybody who can only see the rows.

use tightrope_model::{Keep, TablePlan};

use super::by_key::not_truncated;
use super::terms::{Facts, Gone, Joins, Shape};
use crate::quote::quote;

/// The text of a row of the table, under the alias.
pub(super) fn text(plan: &TablePlan, shape: Shape, alias: &str) -> String {
    let columns = plan.columns.iter().filter_map(|column| {
        let same = plan.after.is_none() || column.after.is_some() && column.type_after.is_none();
        let name = match shape {
            Shape::After => column.after.as_ref(),
            Shape::Before => Some(&column.before),
        };
        let name = name.filter(|_| same)?;
        Some(format!("{alias}.{}", quote(name)))
    });
    let columns: Vec<String> = columns.collect();
    format!("row({})::text collate \"C\"", columns.join(", "))
}

/// The rows of `source` with their text and their number among equals.
fn counted(source: &str, alias: &str, selected: &str, text: &str) -> String {
    format!(
        "(select {selected}, {text} as tightrope_r, row_number() over (partition by {text}) as tightrope_n from {source} {alias})"
    )
}

/// How often each text is in a column of the log.
fn counts(log: &str, letter: &str) -> String {
    format!(
        "(select l.{letter}1 as r, count(*) as n from {log} l where l.{letter}1 is not null group by 1)"
    )
}

/// The pieces for a table without a key.
pub(super) fn joins(facts: &Facts<'_>) -> Joins {
    let of_table = text(facts.plan, facts.shape, "t");
    let of_rows = text(facts.plan, Shape::Before, "p");
    let mut all = format!(
        "join {} tt on tt.place = t.ctid",
        counted("only {now}", "t", "t.ctid as place", &of_table)
    );
    let log = facts.log.as_ref().map(|(log, _)| log);
    let mut origin = ("tt.tightrope_r".to_owned(), "tt.tightrope_n".to_owned());
    if let Some(log) = log {
        all.push_str(&format!(
            " left join (select l.ctid as entry, l.*, row_number() over (partition by l.k1) as n, row_number() over (partition by l.o1) as m from {log} l) l \
             on l.k1 = tt.tightrope_r and l.n = tt.tightrope_n \
             left join {} lc on lc.r = tt.tightrope_r left join {} oc on oc.r = tt.tightrope_r",
            counts(log, "k"),
            counts(log, "o"),
        ));
        origin = (
            "case when l.k1 is null then tt.tightrope_r else l.o1 end".to_owned(),
            "case when l.k1 is null then tt.tightrope_n - coalesce(lc.n, 0) + coalesce(oc.n, 0) else l.m end"
                .to_owned(),
        );
    }
    if let Some((rows, _)) = &facts.rows {
        all.push_str(&format!(
            " left join {} p on p.tightrope_r = {} and p.tightrope_n = {}",
            counted(rows, "p", "p.*", &of_rows),
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
        "l.k1 is not null"
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
    let gone = gone(facts, &of_table, &of_rows);
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
        key: vec![of_table],
        has_before: has_before.to_owned(),
        own,
        gone,
        displaced: None,
        untouched,
    }
}

fn gone(facts: &Facts<'_>, of_table: &str, of_rows: &str) -> Option<Gone> {
    let (rows, _) = facts.rows.as_ref()?;
    if facts.plan.keep == Keep::Columns {
        return None;
    }
    let mut gone = Gone {
        from: format!(
            "{} p left join (select {of_table} as r, count(*) as n from only {{now}} t group by 1) tc on tc.r = p.tightrope_r",
            counted(rows, "p", "p.ctid as tightrope_place, p.*", of_rows)
        ),
        filter: "p.tightrope_n > coalesce(tc.n, 0)".to_owned(),
    };
    if let Some((log, _)) = &facts.log {
        gone.from.push_str(&format!(
            " left join {} lc on lc.r = p.tightrope_r left join {} oc on oc.r = p.tightrope_r",
            counts(log, "k"),
            counts(log, "o")
        ));
        gone.filter = format!(
            "p.tightrope_n > coalesce(oc.n, 0) + greatest(coalesce(tc.n, 0) - coalesce(lc.n, 0), 0) and {}",
            not_truncated(log)
        );
    }
    Some(gone)
}
