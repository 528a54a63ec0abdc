//! The rows: out of the source, through masks and what follows references, into the copy.

use std::borrow::Cow;
use std::io::{BufRead as _, Write as _};

use postgres::Client;
use tightrope_engine::{BackupWatch, EngineError, ErrorKind};
use tightrope_model::nearest;
use tightrope_selection::{
    Follow, Links, Masking, SampleError, SampledTable, Selection, Share, TableShape,
};

use super::source::{self, Reading};
use super::survey::{PostgresSurvey, Table};
use super::{lines, unknown};
use crate::connect::Target;
use crate::error;
use crate::quote::{literal, quote, quote_qualified};

/// Rows that are asked for by their keys at once.
const BATCH: usize = 2_000;

/// From so many pages on in which something is picked, whole pages are: then the others need not be read.
const PAGES: f64 = 500.0;
const PAGE_BYTES: f64 = 8192.0;

/// Of tightrope's own tables, those that say what is applied. The others hold rows of the application, or what a run needs.
const OWN: [&str; 5] = ["meta", "lease", "migration", "ledger", "snapshot"];

/// What is wanted of one table.
pub(super) struct Wanted {
    pub(super) share: f64,
    seed: u32,
    pub(super) rows: u64,
    estimated: bool,
}

/// What is wanted of every table.
pub(super) fn wanted(
    reading: &mut Reading,
    survey: &PostgresSurvey,
    selection: &Selection,
) -> Result<Vec<Wanted>, EngineError> {
    let mut counts = Vec::with_capacity(survey.tables.len());
    if let Some(sample) = &selection.sample {
        let all = survey.shape.tables.iter().flat_map(|table| &table.names);
        let known: Vec<&str> = all.map(String::as_str).collect();
        sample.know(&known).map_err(|error| match &error {
            SampleError::NoTable { table, .. } => {
                unknown(error.to_string(), nearest(table, &known))
            }
            SampleError::Share(_) => EngineError::new(ErrorKind::Other, error.to_string()),
        })?;
        for table in &survey.tables {
            let need_not = sample.is_without_rows() || is_left_out(reading, table);
            counts.push(match need_not {
                true => (0, false),
                false => reading.count(table)?,
            });
        }
    }
    let wanted = survey.tables.iter().enumerate().map(|(at, table)| {
        let share = match &selection.sample {
            _ if is_left_out(reading, table) => 0.0,
            Some(sample) if !table.is_own() && !table.of_extension => {
                // A part is small if the whole table is.
                let alike = survey.tables.iter().zip(&counts);
                let alike = alike.filter(|(other, _)| other.whole == table.whole);
                let rows = alike.map(|(_, (rows, _))| rows).sum();
                let names = survey.shape.tables[at].names.iter().map(String::as_str);
                sample.share_of(names, rows).of(rows)
            }
            _ => Share::Whole.of(0),
        };
        let (rows, estimated) = counts.get(at).copied().unwrap_or_default();
        let seed = selection.sample.as_ref();
        Wanted {
            share,
            seed: seed.map_or(0, |sample| sample.seed_of(&table.name.to_string())),
            rows,
            estimated,
        }
    });
    Ok(wanted.collect())
}

/// Whether nothing is read from a table.
fn is_left_out(reading: &Reading, table: &Table) -> bool {
    let own = table.is_own() && !OWN.contains(&table.name.name.as_str());
    own || table.unlogged && reading.is_standby
}

/// All that is needed to copy rows.
pub(super) struct Rows<'a> {
    pub(super) survey: &'a PostgresSurvey,
    pub(super) masking: &'a Masking,
    pub(super) wanted: &'a [Wanted],
    pub(super) watch: &'a dyn BackupWatch,
}

/// Rows that came into the copy.
#[derive(Clone, Copy, Default)]
struct Count {
    all: u64,
    referred: u64,
}

impl Rows<'_> {
    /// Copies them; gives how many of each table, where a sample is taken.
    pub(super) fn copy(
        &self,
        reading: &mut Reading,
        place: &Target,
        is_sample: bool,
    ) -> Result<Vec<SampledTable>, EngineError> {
        let mut there = source::open(place)?;
        // What a crash loses of a copy is thrown away with it.
        there
            .batch_execute("set synchronous_commit = off")
            .map_err(|error| error::of_own(&error))?;
        let keys = self.survey.shape.keys.iter();
        let whole: Vec<bool> = keys
            .map(|key| {
                key.tables
                    .iter()
                    .all(|table| self.wanted[*table].share >= 1.0)
            })
            .collect();
        let mut follow = Follow::new(&whole);
        let links = self.survey.shape.links(&follow, self.masking);
        let mut counts = vec![Count::default(); self.survey.tables.len()];
        let all = self.survey.tables.len() as u64;
        for (done, table) in self.survey.shape.parents_first().into_iter().enumerate() {
            self.pick(reading, &mut there, table, &links, &mut follow, &mut counts)?;
            self.fetch(reading, &mut there, &links, &mut follow, &mut counts)?;
            self.watch.progress("tables copied", done as u64 + 1, all);
        }
        let tables = self.survey.tables.iter().zip(self.wanted).zip(&counts);
        let sampled = tables.filter(|((table, _), _)| is_sample && !table.is_own());
        let sampled = sampled.map(|((table, wanted), count)| SampledTable {
            table: table.name.to_string(),
            rows: count.all,
            referred: count.referred,
            of: wanted.rows.max(count.all),
            estimated: wanted.estimated,
        });
        Ok(sampled.collect())
    }

    /// Copies what is picked of a table.
    fn pick(
        &self,
        reading: &mut Reading,
        there: &mut Client,
        at: usize,
        links: &[Links],
        follow: &mut Follow,
        counts: &mut [Count],
    ) -> Result<(), EngineError> {
        let (table, wanted) = (&self.survey.tables[at], &self.wanted[at]);
        let shape = &self.survey.shape.tables[at];
        if wanted.share <= 0.0 || shape.columns.is_empty() {
            return Ok(());
        }
        let sample = match wanted.share {
            share if share >= 1.0 => String::new(),
            share => {
                let pages = table.bytes as f64 / PAGE_BYTES * share;
                let how = if pages >= PAGES {
                    "system"
                } else {
                    "bernoulli"
                };
                format!(
                    " tablesample {how} ({}) repeatable ({})",
                    share * 100.0,
                    wanted.seed
                )
            }
        };
        let out = format!(
            "copy (select {} from only {} t{sample} {}) to stdout",
            self.selected(at),
            table.quoted(),
            table.condition
        );
        let into = copy_in(&table.quoted(), shape);
        let admit = |_: usize, row: &[Option<&[u8]>]| {
            let is_new = follow.admit(&links[at].holds, &links[at].refers, row);
            counts[at].all += u64::from(is_new);
            is_new
        };
        let is_plain = links[at].holds.is_empty() && links[at].refers.is_empty();
        self.pass(
            reading,
            there,
            (&out, &into),
            Of::Table(at, is_plain),
            admit,
        )
    }

    /// Copies what is referred to and not there, until there is nothing more.
    fn fetch(
        &self,
        reading: &mut Reading,
        there: &mut Client,
        links: &[Links],
        follow: &mut Follow,
        counts: &mut [Count],
    ) -> Result<(), EngineError> {
        // Every key is asked for once, so this ends.
        while let Some(missing) = follow.missing(BATCH) {
            let key = &self.survey.shape.keys[missing.key];
            let of = &self.survey.relations[missing.key];
            let by = &self.survey.lookups[missing.reference];
            let first = &self.survey.shape.tables[key.tables[0]];
            let mut arrays = Vec::new();
            let mut conditions = Vec::new();
            for (number, column) in key.columns.iter().enumerate() {
                arrays.push(literal(&array(
                    missing.values.iter().map(|row| &row[number]),
                )));
                conditions.push(format!(
                    "t.{} {} k.c{number}::{}",
                    quote(&first.columns[*column].name),
                    by.operators[number],
                    by.types[number]
                ));
            }
            let names: Vec<String> = (0..arrays.len())
                .map(|number| format!("c{number}"))
                .collect();
            let arrays: Vec<String> = arrays
                .iter()
                .map(|array| format!("{array}::text[]"))
                .collect();
            let relation = quote_qualified(&of.name.schema, &of.name.name);
            let out = format!(
                "copy (select t.tableoid::bigint, {} from {} {relation} t join unnest({}) k({}) on {}) to stdout",
                self.selected(key.tables[0]).trim_start(),
                if of.in_parts { "" } else { "only" },
                arrays.join(", "),
                names.join(", "),
                conditions.join(" and ")
            );
            let into = copy_in(&relation, first);
            let admit = |table: usize, row: &[Option<&[u8]>]| {
                let is_new = follow.admit(&links[table].holds, &links[table].refers, row);
                if is_new {
                    counts[table].all += 1;
                    counts[table].referred += 1;
                }
                is_new
            };
            self.pass(reading, there, (&out, &into), Of::Key(missing.key), admit)?;
            let referred: u64 = counts.iter().map(|count| count.referred).sum();
            self.watch
                .progress("rows that others refer to", referred, 0);
        }
        Ok(())
    }

    /// What is selected of a table's rows: its columns, or what the server makes instead.
    fn selected(&self, at: usize) -> String {
        let columns = self.survey.shape.tables[at].columns.iter().enumerate();
        let columns = columns.map(|(column, known)| {
            let masker = self.masking.masker(at, column);
            match masker.and_then(tightrope_selection::Masker::sql) {
                Some(expression) => format!("({expression})"),
                None => format!("t.{}", quote(&known.name)),
            }
        });
        columns.collect::<Vec<_>>().join(", ")
    }

    /// Passes rows on, a line at a time.
    fn pass(
        &self,
        reading: &mut Reading,
        there: &mut Client,
        (out, into): (&str, &str),
        of: Of,
        mut admit: impl FnMut(usize, &[Option<&[u8]>]) -> bool,
    ) -> Result<(), EngineError> {
        let refused = |error: &postgres::Error| self.refused(of, error);
        let mut reader = reading
            .client
            .copy_out(out)
            .map_err(|error| refused(&error))?;
        let mut writer = there.copy_in(into).map_err(|error| error::of_own(&error))?;
        let (mut line, mut written) = (Vec::new(), Vec::new());
        loop {
            line.clear();
            let read = reader.read_until(b'\n', &mut line);
            if read.map_err(|error| self.broken(of, error))? == 0 {
                break;
            }
            let end = line.len() - usize::from(line.ends_with(b"\n"));
            let mut columns = lines::split(&line[..end]);
            let table = match of {
                Of::Table(table, _) => table,
                Of::Key(_) => {
                    let oid = std::str::from_utf8(columns.remove(0)).unwrap_or_default();
                    let oid = oid.parse::<i64>().unwrap_or_default();
                    let found = self.survey.tables.iter().position(|table| table.oid == oid);
                    found.ok_or_else(|| {
                        EngineError::new(
                            ErrorKind::Transient,
                            "a table got a new part while it was copied",
                        )
                        .hint("run it again")
                    })?
                }
            };
            let masks = self.masking.touches(table);
            if let Of::Table(_, true) = of
                && !masks
            {
                admit(table, &[]);
                writer
                    .write_all(&line)
                    .map_err(|error| self.broken(of, error))?;
                continue;
            }
            let values: Vec<Option<Cow<'_, [u8]>>> =
                columns.iter().map(|raw| lines::value(raw)).collect();
            let borrowed: Vec<Option<&[u8]>> = values.iter().map(Option::as_deref).collect();
            if !admit(table, &borrowed) {
                continue;
            }
            written.clear();
            for (column, raw) in columns.iter().enumerate() {
                if column > 0 {
                    written.push(b'\t');
                }
                match self.masking.masker(table, column).zip(borrowed[column]) {
                    Some((masker, value)) if masker.sql().is_none() => {
                        let masked = masker.mask(&String::from_utf8_lossy(value));
                        lines::write(masked.as_deref().map(str::as_bytes), &mut written);
                    }
                    _ => written.extend_from_slice(raw),
                }
            }
            written.push(b'\n');
            writer
                .write_all(&written)
                .map_err(|error| self.broken(of, error))?;
        }
        writer.finish().map_err(|error| refused(&error))?;
        Ok(())
    }

    fn broken(&self, of: Of, error: std::io::Error) -> EngineError {
        let inner = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<postgres::Error>());
        match inner {
            Some(error) => self.refused(of, error),
            None => EngineError::new(ErrorKind::ConnectionLost, "rows could not be passed on")
                .detail(error.to_string()),
        }
    }

    /// The error of a table's rows. Where columns are masked it names what did not take the masks, and shows no value.
    fn refused(&self, of: Of, error: &postgres::Error) -> EngineError {
        let tables = match of {
            Of::Table(table, _) => vec![table],
            Of::Key(key) => self.survey.shape.keys[key].tables.clone(),
        };
        let masked = tables
            .first()
            .map(|table| self.masking.of_table(&self.survey.shape, *table));
        let masked = masked.unwrap_or_default();
        let told = error::of_own(error);
        let (false, Some(server)) = (masked.is_empty(), error.as_db_error()) else {
            return told;
        };
        let table = &self.survey.tables[tables[0]].name;
        let context = server.where_().unwrap_or_default();
        let column = server.column().map(str::to_owned).or_else(|| {
            let (_, rest) = context.split_once(", column ")?;
            Some(rest.split(':').next()?.to_owned())
        });
        let what = match (&column, server.constraint()) {
            (_, Some(constraint)) => format!("the constraint `{constraint}`"),
            (Some(column), None) => format!("the column `{column}`"),
            (None, None) => "a column".to_owned(),
        };
        // Values stand behind a colon, in quotes.
        let message = server.message().split(": \"").next().unwrap_or_default();
        EngineError {
            code: told.code,
            ..EngineError::new(
                told.kind,
                format!("{what} of `{table}` does not take what the masks make: {message}"),
            )
        }
        .hint(format!(
            "masked in `{table}`: {}; choose another mask, or one in SQL that fits",
            masked.join(", ")
        ))
    }
}

/// Whose rows are passed on: a table's, and whether nobody has to look at them; or those that hold a key, each with its table's number.
#[derive(Clone, Copy)]
enum Of {
    Table(usize, bool),
    Key(usize),
}

fn copy_in(relation: &str, table: &TableShape) -> String {
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|column| quote(&column.name))
        .collect();
    format!("copy {relation} ({}) from stdin", columns.join(", "))
}

/// An array of texts, as the server reads it.
fn array<'v>(values: impl Iterator<Item = &'v Vec<u8>>) -> String {
    let quoted = values.map(|value| {
        let text = String::from_utf8_lossy(value);
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    });
    format!("{{{}}}", quoted.collect::<Vec<_>>().join(","))
}
