//! Rows that would refer to nothing: under foreign keys of before that do not stand any more. A row that nobody touched may be
//! one of them, if the application deleted what it refers to while nothing forbade that.

use rusqlite::{Connection, Row};
use tightrope_engine::{EngineError, KeptNet, KeptTable, Window};
use tightrope_model::TableName;

use super::conflicts::{Before, Misfit};
use super::key::{Key, equal};
use super::live::Live;
use super::names::{all, any, list, of, sql};
use super::references::{ForeignKey, KeyOfBefore, all_keys, is, keys_of_before};
use super::terms::{Shape, Terms};
use super::trial::is_a_failing_fill;
use crate::error::from_sqlite;

/// The rows of one table.
pub(super) fn rows(
    connection: &Connection,
    kept: &KeptNet,
    table: &KeptTable,
    key: &Key,
    window: &Window<'_>,
) -> Result<Vec<Misfit>, EngineError> {
    let (Some(terms), Some(after)) = (Terms::of(table, key, Shape::After), &table.plan.after)
    else {
        return Ok(Vec::new());
    };
    let search = Search {
        connection,
        kept,
        window,
        table,
        after,
        terms,
    };
    let stands = all_keys(connection).map_err(from_sqlite)?;
    let mut found = Vec::new();
    for reference in keys_of_before(window, &table.plan).map_err(from_sqlite)? {
        if !search.stands(&reference, &stands) {
            found.extend(search.rows(&reference)?);
        }
    }
    Ok(found)
}

struct Search<'a> {
    connection: &'a Connection,
    kept: &'a KeptNet,
    window: &'a Window<'a>,
    table: &'a KeptTable,
    after: &'a TableName,
    terms: Terms<'a>,
}

impl Search<'_> {
    fn parent(&self, reference: &KeyOfBefore) -> Option<&KeptTable> {
        let mut tables = self.kept.tables.iter();
        tables.find(|table| is(&table.plan.before, &reference.parent))
    }

    /// Whether the same foreign key is there now, under the names of now.
    fn stands(&self, reference: &KeyOfBefore, now: &[ForeignKey]) -> bool {
        let parent = self.parent(reference);
        let named = match parent {
            Some(parent) => parent.plan.after.as_ref(),
            None => Some(&reference.parent),
        };
        let pairs = reference.columns.iter().map(|(at, to)| {
            let to = match parent {
                Some(parent) => name_now(parent, to)?,
                None => to.as_str(),
            };
            let from = self.table.plan.columns[*at].after.as_ref()?;
            Some((from.to_lowercase(), to.to_lowercase()))
        });
        let (Some(named), Some(mut pairs)) = (named, pairs.collect::<Option<Vec<_>>>()) else {
            return false;
        };
        pairs.sort();
        now.iter().any(|key| {
            let columns = key.columns.iter();
            let mut own: Vec<_> = columns
                .map(|(from, to)| (from.to_lowercase(), to.to_lowercase()))
                .collect();
            own.sort();
            is(&key.child, self.after) && is(&key.parent, named) && own == pairs
        })
    }

    fn rows(&self, reference: &KeyOfBefore) -> Result<Vec<Misfit>, EngineError> {
        let (Some(found), Some(found_before)) =
            (self.found(reference, "f")?, self.found(reference, "b")?)
        else {
            return Ok(Vec::new());
        };
        let finals = self.terms.finals(self.window);
        let (mut given, mut known, mut written) = (Vec::new(), Vec::new(), Vec::new());
        for (n, (at, _)) in (1..).zip(&reference.columns) {
            given.push(format!("{} as f{n}", finals[*at].1));
            given.push(match self.terms.has_rows() {
                true => format!("p.c${} as b{n}", at + 1),
                false => format!("null as b{n}"),
            });
            known.push(format!("u.f{n} is not null"));
            written.extend(self.terms.written(*at).map(|w| format!("{w} is 1")));
        }
        let numbers: Vec<usize> = (1..=self.terms.key.parts.len()).collect();
        let named = |values: Vec<String>, letter: &str| {
            let pairs = values.into_iter().zip(&numbers);
            list(pairs.map(|(value, n)| format!("{value} as {letter}{n}")))
        };
        let stays = self.terms.only_the_migrations();
        let stays = stays.map_or("true".to_owned(), |own| format!("not ({own})"));
        // In a net without the parent nobody would lead a row of before to where its parent has gone.
        let comes_back = match self.parent(reference) {
            Some(_) => "u.written".to_owned(),
            None => format!("u.written and ({found_before})"),
        };
        let query = format!(
            "select {outer}, u.was_there, {comes_back} from
             (select {now}, {began}, {was_there} as was_there, {written} as written, {given}
              from {after} t {joins} where {stays}) u
             where {known} and not ({found})",
            outer = list(
                numbers
                    .iter()
                    .map(|n| format!("u.n{n}"))
                    .chain(numbers.iter().map(|n| format!("u.o{n}")))
            ),
            now = named(self.terms.key.after("t"), "n"),
            began = named(self.terms.origin(), "o"),
            was_there = self.terms.was_there(),
            written = any(written),
            given = list(given),
            after = sql(self.after),
            joins = self.terms.joins(),
            known = all(known),
        );
        let columns = reference.columns.iter();
        let breaks = format!(
            "foreign key `{}` to {}",
            list(columns.map(|(at, _)| &self.table.plan.columns[*at].before)),
            reference.parent
        );
        let read = || {
            let mut statement = self.connection.prepare(&query)?;
            let rows = statement.query_map([], |row| misfit(row, numbers.len(), &breaks))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        match read() {
            // The rows for which an expression of the user's fails are told of already.
            Err(error) if is_a_failing_fill(&error) && !self.window.fill.is_empty() => {
                Ok(Vec::new())
            }
            found => found.map_err(from_sqlite),
        }
    }

    /// The condition that the values `u.f1`, … (or of another letter) are those of a row of the parent as it is going to be;
    /// none where there is no such table.
    fn found(&self, reference: &KeyOfBefore, letter: &str) -> Result<Option<String>, EngineError> {
        let pairs = |name: &dyn Fn(&str) -> Option<String>| {
            let columns = (1..).zip(&reference.columns);
            let pairs = columns.map(|(n, (_, to))| Some(format!("{} = u.{letter}{n}", name(to)?)));
            pairs.collect::<Option<Vec<_>>>().map(all)
        };
        let Some(parent) = self.parent(reference) else {
            let live = Live::read(self.connection, &reference.parent).map_err(from_sqlite)?;
            let same = pairs(&|to| Some(of("r", to)));
            let there = live.and(same).map(|same| {
                format!(
                    "exists (select 1 from {} r where {same})",
                    sql(&reference.parent)
                )
            });
            return Ok(there);
        };
        let key = Key::read(self.connection, self.kept.number, parent)?;
        let mut found = Vec::new();
        let now = pairs(&|to| Some(of("t", name_now(parent, to)?)));
        if let (Some(after), Some(same)) = (&parent.plan.after, now) {
            let stays = Terms::of(parent, &key, Shape::After).filter(|_| key.is_known());
            let (joins, stays) = match &stays {
                Some(terms) => (terms.joins(), stays_with_its_key(terms, reference)),
                None => (String::new(), "true".to_owned()),
            };
            found.push(format!(
                "exists (select 1 from {} t {joins} where {same} and {stays})",
                sql(after)
            ));
        }
        let then = pairs(&|to| Some(format!("p.c${}", place_of(parent, to)? + 1)));
        if let (Some(rows), Some(same)) = (&parent.rows, then) {
            found.push(format!(
                "exists (select 1 from {} p where {same} and {})",
                sql(rows),
                has_its_key_again(parent, &key, reference)
            ));
        }
        Ok((!found.is_empty()).then(|| found.join(" or ")))
    }
}

/// A row, as the search reads it.
fn misfit(row: &Row<'_>, width: usize, breaks: &str) -> rusqlite::Result<Misfit> {
    let values = |from: usize| {
        let values = (from..from + width).map(|at| row.get(at));
        values.collect::<rusqlite::Result<Vec<_>>>()
    };
    let was_there: bool = row.get(2 * width)?;
    let comes_back: bool = row.get(2 * width + 1)?;
    Ok(Misfit {
        now: values(0)?,
        began: was_there.then(|| values(width)).transpose()?,
        breaks: breaks.to_owned(),
        before: match comes_back {
            true => Before::ComesBack,
            false => Before::Goes,
        },
    })
}

fn place_of(table: &KeptTable, column: &str) -> Option<usize> {
    let mut columns = table.plan.columns.iter();
    columns.position(|known| known.before.eq_ignore_ascii_case(column))
}

/// What a column of before is called now.
fn name_now<'t>(table: &'t KeptTable, column: &str) -> Option<&'t str> {
    let at = place_of(table, column)?;
    table.plan.columns[at].after.as_deref()
}

/// Whether a row `t` of the parent keeps the values that it has now in the columns to which a key refers.
fn stays_with_its_key(terms: &Terms<'_>, reference: &KeyOfBefore) -> String {
    let columns = reference.columns.iter().filter_map(|(_, to)| {
        let at = place_of(terms.kept, to)?;
        let now = of("t", terms.kept.plan.columns[at].after.as_deref()?);
        Some(format!("{} is {now}", terms.value(at, &now)))
    });
    all(columns)
}

/// Whether a kept row `p` of the parent is going to have the values that it had: it comes back, or the application has neither
/// deleted it nor written these columns.
fn has_its_key_again(parent: &KeptTable, key: &Key, reference: &KeyOfBefore) -> String {
    let Some(log) = parent.touched.as_ref().filter(|_| key.is_known()) else {
        return "p.gone$ < 2".to_owned();
    };
    let logged = super::touch::numbered(&parent.plan);
    let columns = reference.columns.iter();
    let numbers = columns.filter_map(|(_, to)| Some(place_of(parent, to)? + 1));
    let written = numbers.filter(|number| logged.iter().any(|(known, _)| known == number));
    let mut lost: Vec<String> = written.map(|number| format!("l.w${number}")).collect();
    lost.extend(key.own("l", "k").iter().map(|k| format!("{k} is null")));
    format!(
        "(p.gone$ = 1 or p.gone$ = 0 and not exists (select 1 from {} l where {} and {}))",
        sql(log),
        equal(&key.own("l", "o"), &key.kept("p")),
        any(lost)
    )
}
