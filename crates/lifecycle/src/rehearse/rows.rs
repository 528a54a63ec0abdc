use std::cmp::Ordering;
use std::collections::{BTreeSet, VecDeque};

use tightrope_engine::{EngineError, Row, RowStream, Session};
use tightrope_model::{DataDifference, RowSample, TableShape};

/// How many differing rows are kept to be shown.
const SAMPLES: usize = 3;

/// Compares a table's rows between two databases by merging both in the order of the key (NULL first, then by bytes, as
/// [`RowStream`] promises), a batch at a time.
pub(super) fn compare_rows(
    shape: &TableShape,
    rows_before: u64,
    before: &mut dyn Session,
    now: &mut dyn Session,
) -> Result<DataDifference, EngineError> {
    merge_streams(shape, rows_before, before.rows(shape)?, now.rows(shape)?)
}

fn merge_streams<'a>(
    shape: &TableShape,
    rows_before: u64,
    before: Box<dyn RowStream + 'a>,
    now: Box<dyn RowStream + 'a>,
) -> Result<DataDifference, EngineError> {
    let (mut before, mut now) = (Ahead::new(before), Ahead::new(now));
    let mut merge = Merge::new(shape, rows_before);
    loop {
        let order = match (before.peek()?, now.peek()?) {
            (None, None) => return Ok(merge.finish()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => old.key.cmp(&new.key),
        };
        match order {
            Ordering::Less => merge.missing(before.take()),
            Ordering::Greater => merge.extra(now.take()),
            Ordering::Equal => merge.both(before.take(), now.take()),
        }
    }
}

/// A stream with the next row in sight.
struct Ahead<'a> {
    stream: Box<dyn RowStream + 'a>,
    rows: VecDeque<Row>,
    ended: bool,
}

impl<'a> Ahead<'a> {
    fn new(stream: Box<dyn RowStream + 'a>) -> Self {
        Self {
            stream,
            rows: VecDeque::new(),
            ended: false,
        }
    }

    fn peek(&mut self) -> Result<Option<&Row>, EngineError> {
        if self.rows.is_empty() && !self.ended {
            self.rows = self.stream.next_batch()?.into();
            self.ended = self.rows.is_empty();
        }
        Ok(self.rows.front())
    }

    fn take(&mut self) -> Option<Row> {
        self.rows.pop_front()
    }
}

struct Merge<'a> {
    shape: &'a TableShape,
    columns: BTreeSet<usize>,
    difference: DataDifference,
}

impl<'a> Merge<'a> {
    fn new(shape: &'a TableShape, rows_before: u64) -> Self {
        let difference = DataDifference {
            table: shape.table.clone(),
            rows_before,
            missing: 0,
            extra: 0,
            changed: 0,
            columns: Vec::new(),
            samples: Vec::new(),
        };
        Self {
            shape,
            columns: BTreeSet::new(),
            difference,
        }
    }

    fn missing(&mut self, row: Option<Row>) {
        let Some(row) = row else { return };
        self.difference.missing += 1;
        let all: Vec<usize> = (0..self.shape.columns.len()).collect();
        let before = self.named(&all, &row);
        self.sample(&row, before, Vec::new());
    }

    fn extra(&mut self, row: Option<Row>) {
        let Some(row) = row else { return };
        self.difference.extra += 1;
        let all: Vec<usize> = (0..self.shape.columns.len()).collect();
        let after = self.named(&all, &row);
        self.sample(&row, Vec::new(), after);
    }

    fn both(&mut self, old: Option<Row>, new: Option<Row>) {
        let (Some(old), Some(new)) = (old, new) else {
            return;
        };
        if old.values == new.values {
            return;
        }
        self.difference.changed += 1;
        let differing: Vec<usize> = (0..self.shape.columns.len())
            .filter(|&index| old.values.get(index) != new.values.get(index))
            .collect();
        self.columns.extend(&differing);
        let (before, after) = (self.named(&differing, &old), self.named(&differing, &new));
        self.sample(&old, before, after);
    }

    fn named(&self, columns: &[usize], row: &Row) -> Vec<(String, Option<String>)> {
        columns
            .iter()
            .map(|&index| {
                (
                    self.shape.columns[index].clone(),
                    row.values.get(index).cloned().flatten(),
                )
            })
            .collect()
    }

    fn sample(
        &mut self,
        row: &Row,
        before: Vec<(String, Option<String>)>,
        after: Vec<(String, Option<String>)>,
    ) {
        if self.difference.samples.len() < SAMPLES {
            let key = self
                .shape
                .key
                .iter()
                .cloned()
                .zip(row.key.iter().cloned())
                .collect();
            self.difference
                .samples
                .push(RowSample { key, before, after });
        }
    }

    fn finish(mut self) -> DataDifference {
        self.difference.columns = self
            .columns
            .iter()
            .map(|&index| self.shape.columns[index].clone())
            .collect();
        self.difference
    }
}

#[cfg(test)]
mod tests {
    use tightrope_model::TableName;

    use super::*;

    struct Fixed(Vec<Vec<Row>>);

    impl RowStream for Fixed {
        fn next_batch(&mut self) -> Result<Vec<Row>, EngineError> {
            Ok(if self.0.is_empty() {
                Vec::new()
            } else {
                self.0.remove(0)
            })
        }
    }

    fn row(key: &str, value: Option<&str>) -> Row {
        let value = value.map(str::to_owned);
        Row {
            key: vec![Some(key.to_owned())],
            values: vec![Some(key.to_owned()), value],
        }
    }

    #[test]
    fn merging_finds_missing_extra_and_changed_rows_across_batches() {
        let shape = TableShape {
            table: TableName::new("", "t"),
            columns: vec!["id".to_owned(), "name".to_owned()],
            key: vec!["id".to_owned()],
        };
        let old = Fixed(vec![
            vec![row("1", Some("a")), row("2", Some("b"))],
            vec![row("3", None)],
        ]);
        let new = Fixed(vec![
            vec![row("2", Some("B"))],
            vec![row("3", None), row("4", Some("d"))],
        ]);
        let found = merge_streams(&shape, 3, Box::new(old), Box::new(new)).unwrap();
        assert_eq!((found.missing, found.extra, found.changed), (1, 1, 1));
        assert_eq!(found.columns, ["name"]);
        assert_eq!(
            found.samples[1].before,
            [("name".to_owned(), Some("b".to_owned()))]
        );
        assert_eq!(
            found.samples[1].after,
            [("name".to_owned(), Some("B".to_owned()))]
        );
    }
}
