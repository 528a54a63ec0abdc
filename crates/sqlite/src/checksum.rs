//! The order-independent checksum of a table's rows, as an aggregate function of the library.

use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use tightrope_model::{TableChecksum, TableShape};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::quote::quote_identifier;

/// The aggregate's name in SQL; it takes the columns of a row and gives the count and both sums.
const FUNCTION: &str = "tightrope_row_checksum";

/// A table with more columns is read row by row here: a function takes 127 arguments in older libraries.
const MOST_ARGUMENTS: usize = 100;

const SEEDS: [u64; 2] = [0x7469_6768_7472_6f70, 0x6120_7761_7920_6261];

/// The count and the two sums of the row hashes so far.
///
/// A row's hash is XXH3 over its values, each with a tag for its storage class and, where it has one, its length: 1, 1.0,
/// '1' and x'31' differ, and no two rows collide by concatenation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Sums {
    rows: u64,
    sums: [u128; 2],
    encoded: Vec<u8>,
}

impl Sums {
    fn begin_row(&mut self) {
        self.encoded.clear();
    }

    fn value(&mut self, value: ValueRef<'_>) {
        let (tag, bytes) = match value {
            ValueRef::Null => return self.encoded.push(0),
            ValueRef::Integer(number) => {
                self.encoded.push(1);
                return self.encoded.extend_from_slice(&number.to_le_bytes());
            }
            ValueRef::Real(number) => {
                self.encoded.push(2);
                // Minus zero becomes zero, as in a column of type REAL; the library never stores a NaN.
                let bits = (number + 0.0).to_bits();
                return self.encoded.extend_from_slice(&bits.to_le_bytes());
            }
            ValueRef::Text(bytes) => (3, bytes),
            ValueRef::Blob(bytes) => (4, bytes),
        };
        self.encoded.push(tag);
        self.encoded
            .extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.encoded.extend_from_slice(bytes);
    }

    fn end_row(&mut self) {
        self.rows += 1;
        for (sum, seed) in self.sums.iter_mut().zip(SEEDS) {
            *sum += u128::from(xxh3_64_with_seed(&self.encoded, seed));
        }
    }

    fn checksum(&self) -> TableChecksum {
        TableChecksum {
            rows: self.rows,
            first: self.sums[0].to_string(),
            second: self.sums[1].to_string(),
        }
    }
}

struct RowChecksum;

impl Aggregate<Sums, String> for RowChecksum {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Sums> {
        Ok(Sums::default())
    }

    fn step(&self, context: &mut Context<'_>, sums: &mut Sums) -> rusqlite::Result<()> {
        sums.begin_row();
        for index in 0..context.len() {
            sums.value(context.get_raw(index));
        }
        sums.end_row();
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, sums: Option<Sums>) -> rusqlite::Result<String> {
        let checksum = sums.unwrap_or_default().checksum();
        Ok(format!(
            "{} {} {}",
            checksum.rows, checksum.first, checksum.second
        ))
    }
}

/// Makes the aggregate known to a connection; it cannot be named in a schema.
pub(crate) fn register(connection: &Connection) -> rusqlite::Result<()> {
    connection.create_aggregate_function(
        FUNCTION,
        -1,
        FunctionFlags::SQLITE_UTF8
            | FunctionFlags::SQLITE_DETERMINISTIC
            | FunctionFlags::SQLITE_DIRECTONLY,
        RowChecksum,
    )
}

/// Sums up one table's rows.
pub(crate) fn of_table(
    connection: &Connection,
    shape: &TableShape,
) -> rusqlite::Result<TableChecksum> {
    if shape.columns.len() > MOST_ARGUMENTS {
        return by_stepping(connection, shape);
    }
    let sql = format!(
        "select {FUNCTION}({}) from {}",
        columns(shape),
        table(shape)
    );
    let text: String = connection.query_row(&sql, [], |row| row.get(0))?;
    let mut parts = text.split(' ');
    let mut part = || parts.next().unwrap_or_default().to_owned();
    Ok(TableChecksum {
        rows: part().parse().unwrap_or_default(),
        first: part(),
        second: part(),
    })
}

fn by_stepping(connection: &Connection, shape: &TableShape) -> rusqlite::Result<TableChecksum> {
    let sql = format!("select {} from {}", columns(shape), table(shape));
    let mut statement = connection.prepare(&sql)?;
    let width = statement.column_count();
    let mut rows = statement.query([])?;
    let mut sums = Sums::default();
    while let Some(row) = rows.next()? {
        add_row(&mut sums, row, width)?;
    }
    Ok(sums.checksum())
}

fn add_row(sums: &mut Sums, row: &Row<'_>, width: usize) -> rusqlite::Result<()> {
    sums.begin_row();
    for index in 0..width {
        sums.value(row.get_ref(index)?);
    }
    sums.end_row();
    Ok(())
}

fn columns(shape: &TableShape) -> String {
    let quoted: Vec<String> = shape
        .columns
        .iter()
        .map(|column| quote_identifier(column))
        .collect();
    quoted.join(", ")
}

fn table(shape: &TableShape) -> String {
    format!("main.{}", quote_identifier(&shape.table.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rusqlite::params_from_iter;
    use rusqlite::types::Value;
    use tightrope_model::TableName;

    fn shape(width: usize) -> TableShape {
        TableShape {
            table: TableName::new("", "t"),
            columns: (0..width).map(|index| format!("c{index:03}")).collect(),
            key: Vec::new(),
        }
    }

    fn connection(width: usize) -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        register(&connection).unwrap();
        let columns = shape(width).columns.join(", ");
        connection
            .execute_batch(&format!("create table t ({columns})"))
            .unwrap();
        connection
    }

    fn filled(rows: &[Vec<Value>]) -> Connection {
        let width = rows.first().map_or(1, Vec::len);
        let connection = connection(width);
        let marks = vec!["?"; width].join(", ");
        let insert = format!("insert into t values ({marks})");
        for row in rows {
            connection.execute(&insert, params_from_iter(row)).unwrap();
        }
        connection
    }

    fn sum(rows: &[Vec<Value>]) -> TableChecksum {
        let width = rows.first().map_or(1, Vec::len);
        of_table(&filled(rows), &shape(width)).unwrap()
    }

    fn of_literals(rows: &[&str]) -> TableChecksum {
        let connection = connection(2);
        for row in rows {
            connection
                .execute(&format!("insert into t values ({row})"), [])
                .unwrap();
        }
        of_table(&connection, &shape(2)).unwrap()
    }

    fn check_differ(left: &[&str], right: &[&str]) {
        assert_ne!(of_literals(left), of_literals(right), "{left:?} {right:?}");
    }

    #[test]
    fn what_a_weaker_checksum_misses_is_seen() {
        check_differ(&["1, 0", "2, 0", "2, 0"], &["1, 0", "3, 0", "3, 0"]);
        check_differ(&["1, 2", "3, 4"], &["1, 4", "3, 2"]);
        check_differ(&["1, 2"], &["2, 1"]);
        check_differ(&["'ab', 'c'"], &["'a', 'bc'"]);
        check_differ(&["null, ''"], &["'', null"]);
        check_differ(&["1, 1"], &["1, 1.0"]);
        check_differ(&["1, '1'"], &["1, x'31'"]);
        check_differ(&["1, '1'"], &["1, 1"]);
        check_differ(&["1, 'a' || char(0) || 'b'"], &["1, 'a' || char(0) || 'c'"]);
        check_differ(&["1, 'a'"], &["1, 'A'"]);
        check_differ(&["1, 'a'"], &["1, 'a '"]);
        check_differ(&[], &["null, null"]);
        assert_eq!(of_literals(&["1, -0.0"]), of_literals(&["1, 0.0"]));
        assert_eq!(of_literals(&[]).rows, 0);
    }

    #[test]
    fn a_wide_table_is_summed_too() {
        for width in [MOST_ARGUMENTS, MOST_ARGUMENTS + 1, 2_000] {
            let connection = connection(width);
            let shape = shape(width);
            connection
                .execute_batch("insert into t (c000, c001) values (1, 'a'), (2, null)")
                .unwrap();
            let sum = of_table(&connection, &shape).unwrap();
            assert_eq!(sum.rows, 2);
            assert_eq!(sum, by_stepping(&connection, &shape).unwrap());
            connection.execute_batch("update t set c099 = 1").unwrap();
            assert_ne!(sum, of_table(&connection, &shape).unwrap());
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::Integer),
            (-3_i64..3).prop_map(Value::Integer),
            (-6_i32..6).prop_map(|half| Value::Real(f64::from(half) / 2.0)),
            ".{0,4}".prop_map(Value::Text),
            proptest::collection::vec(any::<u8>(), 0..4).prop_map(Value::Blob),
        ]
    }

    fn rows() -> impl Strategy<Value = Vec<Vec<Value>>> {
        proptest::collection::vec(proptest::collection::vec(value(), 3), 1..8)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_order_of_rows_plays_no_part(rows in rows()) {
            let mut turned = rows.clone();
            turned.reverse();
            let width = 3;
            prop_assert_eq!(sum(&rows), sum(&turned));
            prop_assert_eq!(sum(&rows), by_stepping(&filled(&rows), &shape(width)).unwrap());
        }

        #[test]
        fn one_other_value_is_seen(rows in rows(), place in any::<prop::sample::Index>(), other in value()) {
            let mut changed = rows.clone();
            let place = place.index(rows.len() * 3);
            changed[place / 3][place % 3] = other;
            prop_assert_eq!(sum(&rows) == sum(&changed), rows == changed);
        }
    }
}
