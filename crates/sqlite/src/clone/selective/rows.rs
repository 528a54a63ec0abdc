//! The rows: out of the source, through masks and what follows references, into the copy.

use rusqlite::functions::FunctionFlags;
use rusqlite::types::{ToSqlOutput, Value};
use rusqlite::{Connection, Row, Statement, params_from_iter};
use tightrope_engine::{BackupWatch, EngineError, ErrorKind};
use tightrope_model::nearest;
use tightrope_selection::{
    Follow, Links, Masker, Masking, SampleError, SampledTable, Selection, Share,
};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::survey::{FileSurvey, VirtualRows, VirtualTable};
use super::{unknown, values};
use crate::error::from_sqlite;
use crate::quote::quote_identifier as quote;

/// Rows that are asked for by their keys, between two words about how far it is.
const BATCH: usize = 2_000;

/// Of tightrope's own tables, those that say what is applied. The others hold rows of the application, or what a run needs.
const OWN: [&str; 5] = [
    "tightrope_meta",
    "tightrope_lease",
    "tightrope_migration",
    "tightrope_ledger",
    "tightrope_snapshot",
];

/// The function that says whether a row is picked, by the seed, the share of all rows, and what tells the row apart.
const PICKED: &str = "tightrope_picked";

/// Makes that function known to a session.
pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function(PICKED, -1, flags, |context| {
        let (seed, share): (i64, f64) = (context.get(0)?, context.get(1)?);
        let mut key = Vec::new();
        for number in 2..context.len() {
            let value = values::key(context.get_raw(number)).unwrap_or_default();
            key.extend((value.len() as u64).to_le_bytes());
            key.extend(value);
        }
        let hash = xxh3_64_with_seed(&key, seed.unsigned_abs());
        Ok((hash >> 11) as f64 / (1_u64 << 53) as f64 <= share)
    })
}

/// What is wanted of one table.
pub(super) struct Wanted {
    share: f64,
    seed: u32,
    rows: u64,
}

/// What is wanted of every table.
pub(super) fn wanted(
    from: &Connection,
    survey: &FileSurvey,
    selection: &Selection,
) -> Result<Vec<Wanted>, EngineError> {
    let tables = survey.shape.tables.iter();
    let names: Vec<&str> = tables.map(tightrope_selection::TableShape::name).collect();
    if let Some(sample) = &selection.sample {
        sample.know(&names).map_err(|error| match &error {
            SampleError::NoTable { table, .. } => {
                unknown(error.to_string(), nearest(table, &names))
            }
            SampleError::Share(_) => EngineError::new(ErrorKind::Other, error.to_string()),
        })?;
    }
    let mut wanted = Vec::with_capacity(names.len());
    for name in names {
        let is_own = name.starts_with("tightrope_");
        let (share, seed, rows) = match &selection.sample {
            _ if is_own && !OWN.contains(&name) => (0.0, 0, 0),
            Some(sample) if !is_own && sample.is_without_rows() => (0.0, 0, 0),
            Some(sample) if !is_own => {
                let sql = format!("select count(*) from {}", quote(name));
                let rows: i64 = from
                    .query_row(&sql, [], |row| row.get(0))
                    .map_err(from_sqlite)?;
                let rows = u64::try_from(rows).unwrap_or(0);
                let share = sample.share_of([name], rows).of(rows);
                (share, sample.seed_of(name), rows)
            }
            _ => (Share::Whole.of(0), 0, 0),
        };
        wanted.push(Wanted { share, seed, rows });
    }
    Ok(wanted)
}

/// All that is needed to copy rows.
pub(super) struct Rows<'a> {
    pub(super) from: &'a Connection,
    pub(super) to: &'a Connection,
    pub(super) survey: &'a FileSurvey,
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

/// How far it is.
struct Progress {
    follow: Follow,
    links: Vec<Links>,
    counts: Vec<Count>,
}

impl Rows<'_> {
    /// Copies them; gives how many of each table, where a sample is taken.
    pub(super) fn copy(&self, is_sample: bool) -> Result<Vec<SampledTable>, EngineError> {
        let shape = &self.survey.shape;
        let whole: Vec<bool> = shape
            .keys
            .iter()
            .map(|key| {
                key.tables
                    .iter()
                    .all(|table| self.wanted[*table].share >= 1.0)
            })
            .collect();
        let follow = Follow::new(&whole);
        let mut progress = Progress {
            links: shape.links(&follow, self.masking),
            follow,
            counts: vec![Count::default(); shape.tables.len()],
        };
        for (done, table) in shape.parents_first().into_iter().enumerate() {
            self.pick(table, &mut progress)?;
            self.fetch(&mut progress)?;
            self.watch
                .progress("tables copied", done as u64 + 1, shape.tables.len() as u64);
        }
        let tables = shape.tables.iter().zip(self.wanted).zip(&progress.counts);
        let sampled =
            tables.filter(|((table, _), _)| is_sample && !table.name().starts_with("tightrope_"));
        let sampled = sampled.map(|((table, wanted), count)| SampledTable {
            table: table.name().to_owned(),
            rows: count.all,
            referred: count.referred,
            of: wanted.rows,
            estimated: false,
        });
        Ok(sampled.collect())
    }

    /// Copies what is picked of a table.
    fn pick(&self, table: usize, progress: &mut Progress) -> Result<(), EngineError> {
        let wanted = &self.wanted[table];
        if wanted.share <= 0.0 {
            return Ok(());
        }
        let sql = self.select(table);
        if wanted.share >= 1.0 {
            return self.pass(table, &sql, &[], progress, false);
        }
        let key = self.survey.tables[table].key.join(", ");
        let sql = format!("{sql} where {PICKED}(?1, ?2, {key})");
        let values = [
            Value::Integer(wanted.seed.into()),
            Value::Real(wanted.share),
        ];
        self.pass(table, &sql, &values, progress, false)
    }

    /// Copies what is referred to and not there, until there is nothing more.
    fn fetch(&self, progress: &mut Progress) -> Result<(), EngineError> {
        // Every key is asked for once, so this ends.
        while let Some(missing) = progress.follow.missing(BATCH) {
            let key = &self.survey.shape.keys[missing.key];
            let table = key.tables[0];
            let columns = key.columns.iter().enumerate().map(|(number, column)| {
                let name = &self.survey.shape.tables[table].columns[*column].name;
                format!("{} = ?{}", quote(name), number + 1)
            });
            let columns: Vec<String> = columns.collect();
            let sql = format!("{} where {}", self.select(table), columns.join(" and "));
            for row in missing.values {
                let values: Vec<Value> = row.iter().map(|value| values::of_key(value)).collect();
                self.pass(table, &sql, &values, progress, true)?;
            }
            let referred: u64 = progress.counts.iter().map(|count| count.referred).sum();
            self.watch
                .progress("rows that others refer to", referred, 0);
        }
        Ok(())
    }

    /// What reads a table: its columns, or what stands in SQL instead, and the row's number at the end.
    fn select(&self, table: usize) -> String {
        let shape = &self.survey.shape.tables[table];
        let columns = shape.columns.iter().enumerate();
        let columns = columns.map(|(column, known)| {
            let masker = self.masking.masker(table, column);
            match masker.and_then(Masker::sql) {
                Some(expression) => format!("({expression})"),
                None => quote(&known.name),
            }
        });
        let rowid = self.survey.tables[table].rowid;
        let all: Vec<String> = columns.chain(rowid.map(str::to_owned)).collect();
        format!("select {} from {}", all.join(", "), quote(shape.name()))
    }

    /// What writes a row of a table.
    fn insert(&self, table: usize) -> String {
        let shape = &self.survey.shape.tables[table];
        let columns = shape.columns.iter().map(|column| quote(&column.name));
        let rowid = self.survey.tables[table].rowid;
        let all: Vec<String> = columns.chain(rowid.map(str::to_owned)).collect();
        let places: Vec<String> = (1..=all.len()).map(|number| format!("?{number}")).collect();
        format!(
            "insert into {} ({}) values ({})",
            quote(shape.name()),
            all.join(", "),
            places.join(", ")
        )
    }

    /// Passes rows on.
    fn pass(
        &self,
        table: usize,
        sql: &str,
        parameters: &[Value],
        progress: &mut Progress,
        referred: bool,
    ) -> Result<(), EngineError> {
        let shape = &self.survey.shape.tables[table];
        let links = &progress.links[table];
        let refused = |error: rusqlite::Error| self.refused(table, error);
        let mut reading = self.from.prepare_cached(sql).map_err(refused)?;
        let mut writing = self
            .to
            .prepare_cached(&self.insert(table))
            .map_err(from_sqlite)?;
        let width = reading.column_count();
        let mut rows = reading
            .query(params_from_iter(parameters))
            .map_err(refused)?;
        while let Some(row) = rows.next().map_err(refused)? {
            if !links.holds.is_empty() || !links.refers.is_empty() {
                let keys = keys(row, shape.columns.len(), links).map_err(from_sqlite)?;
                let borrowed: Vec<Option<&[u8]>> = keys.iter().map(Option::as_deref).collect();
                if !progress
                    .follow
                    .admit(&links.holds, &links.refers, &borrowed)
                {
                    continue;
                }
            }
            self.write(table, row, width, &mut writing)?;
            let count = &mut progress.counts[table];
            count.all += 1;
            count.referred += u64::from(referred);
        }
        Ok(())
    }

    fn write(
        &self,
        table: usize,
        row: &Row<'_>,
        width: usize,
        writing: &mut Statement<'_>,
    ) -> Result<(), EngineError> {
        for column in 0..width {
            let value = row.get_ref(column).map_err(from_sqlite)?;
            let masker = self.masking.masker(table, column);
            match masker.filter(|masker| masker.sql().is_none()) {
                Some(masker) => {
                    let shape = &self.survey.shape.tables[table];
                    let name = format!("{}.{}", shape.name(), shape.columns[column].name);
                    let masked = values::mask(masker, value, &name)?;
                    writing.raw_bind_parameter(column + 1, masked)
                }
                None => writing.raw_bind_parameter(column + 1, ToSqlOutput::Borrowed(value)),
            }
            .map_err(from_sqlite)?;
        }
        writing
            .raw_execute()
            .map(drop)
            .map_err(|error| self.refused(table, error))
    }

    /// The error of a table's rows; where columns are masked it says so.
    fn refused(&self, table: usize, error: rusqlite::Error) -> EngineError {
        let told = from_sqlite(error);
        let masked = self.masking.of_table(&self.survey.shape, table);
        if masked.is_empty() {
            return told;
        }
        let name = self.survey.shape.tables[table].name();
        EngineError::new(
            told.kind,
            format!(
                "`{name}` does not take what the masks make: {}",
                told.message
            ),
        )
        .hint(format!(
            "masked in `{name}`: {}; choose another mask, or one in SQL that fits",
            masked.join(", ")
        ))
    }

    /// Fills the virtual tables; gives what a person should know of them.
    pub(super) fn virtual_tables(&self) -> Result<Vec<String>, EngineError> {
        let mut remarks = Vec::new();
        for table in &self.survey.virtual_tables {
            let name = quote(&table.name);
            match table.rows {
                VirtualRows::None => remarks.push(format!(
                    "`{}` is empty: what is in a full-text index without content can only be searched for",
                    table.name
                )),
                VirtualRows::OfAnother => self
                    .to
                    .execute_batch(&format!("insert into {name} ({name}) values ('rebuild')"))
                    .map_err(from_sqlite)?,
                VirtualRows::Own if !self.masking.is_empty() => remarks.push(format!(
                    "`{}` is empty: a full-text index of its own holds words that no mask reaches",
                    table.name
                )),
                VirtualRows::Own => self.copy_virtual(&name, table)?,
            }
        }
        Ok(remarks)
    }

    fn copy_virtual(&self, name: &str, table: &VirtualTable) -> Result<(), EngineError> {
        let columns = table.columns.iter().map(|column| quote(column));
        let rowid = table.is_full_text.then(|| "rowid".to_owned());
        let columns = rowid
            .into_iter()
            .chain(columns)
            .collect::<Vec<_>>()
            .join(", ");
        let mut reading = self
            .from
            .prepare(&format!("select {columns} from {name}"))
            .map_err(from_sqlite)?;
        let width = reading.column_count();
        let places: Vec<String> = (1..=width).map(|number| format!("?{number}")).collect();
        let mut writing = self
            .to
            .prepare(&format!(
                "insert into {name} ({columns}) values ({})",
                places.join(", ")
            ))
            .map_err(from_sqlite)?;
        let mut rows = reading.query([]).map_err(from_sqlite)?;
        while let Some(row) = rows.next().map_err(from_sqlite)? {
            for column in 0..width {
                let value = row.get::<_, Value>(column).map_err(from_sqlite)?;
                writing
                    .raw_bind_parameter(column + 1, value)
                    .map_err(from_sqlite)?;
            }
            writing.raw_execute().map_err(from_sqlite)?;
        }
        Ok(())
    }
}

/// The values of a row that keys and references are made of; the others are left out.
fn keys(row: &Row<'_>, width: usize, links: &Links) -> rusqlite::Result<Vec<Option<Vec<u8>>>> {
    let mut keys = vec![None; width];
    let held = links.holds.iter().flat_map(|hold| &hold.columns);
    let referred = links.refers.iter().flat_map(|refer| &refer.columns);
    for column in held.chain(referred) {
        keys[*column] = values::key(row.get_ref(*column)?);
    }
    Ok(keys)
}

/// Gives the counters of `autoincrement` their positions.
pub(super) fn positions(from: &Connection, to: &Connection) -> Result<(), EngineError> {
    let there = "select count(*) from sqlite_schema where name = 'sqlite_sequence'";
    let there: i64 = from
        .query_row(there, [], |row| row.get(0))
        .map_err(from_sqlite)?;
    if there == 0 {
        return Ok(());
    }
    let mut statement = from
        .prepare("select name, seq from sqlite_sequence")
        .map_err(from_sqlite)?;
    let rows = statement
        .query_map([], |row| {
            Ok((row.get::<_, Value>(0)?, row.get::<_, Value>(1)?))
        })
        .map_err(from_sqlite)?;
    to.execute_batch("delete from sqlite_sequence")
        .map_err(from_sqlite)?;
    for row in rows {
        let (name, seq) = row.map_err(from_sqlite)?;
        to.execute(
            "insert into sqlite_sequence (name, seq) values (?1, ?2)",
            [name, seq],
        )
        .map_err(from_sqlite)?;
    }
    Ok(())
}
