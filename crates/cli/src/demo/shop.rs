//! The shop's database, looked at and written to as its application would: through the engine, beside tightrope's commands.

use tightrope_engine::{EngineError, RunStatement, Session};
use tightrope_model::{Fingerprint, TableChecksum};

use crate::errors::CommandError;

use super::mismatch::Mismatch;

/// The shop at one instant, as the engine measures it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) fingerprint: Fingerprint,
    /// Of each table: its name and its rows' checksum.
    pub(super) tables: Vec<(String, TableChecksum)>,
}

/// The last rows of before, by their keys: what has a higher one was written later.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    customers: u64,
    orders: u64,
}

/// What was written after a mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    /// The new customers' names, in order.
    pub(super) names: Vec<String>,
    /// How many orders are new.
    pub(super) orders: u64,
}

/// An open look at the shop.
pub(super) struct Shop(pub(super) Box<dyn Session>);

impl Shop {
    /// Writes, all or nothing.
    pub(super) fn write(&mut self, statements: &[&str]) -> Result<(), EngineError> {
        self.0.begin()?;
        for sql in statements {
            self.run(sql)?;
        }
        self.0.commit()
    }

    /// Measures the whole shop.
    pub(super) fn state(&mut self) -> Result<State, EngineError> {
        let catalog = self.0.catalog()?;
        let sums = self.0.checksums(catalog.tables())?;
        let names = catalog.tables().iter().map(|shape| shape.table.to_string());
        Ok(State {
            fingerprint: catalog.fingerprint(),
            tables: names.zip(sums).collect(),
        })
    }

    /// The last rows there are now.
    pub(super) fn mark(&mut self) -> Result<Mark, CommandError> {
        Ok(Mark {
            customers: self.number("select max(id) from customers")?,
            orders: self.number("select max(id) from orders")?,
        })
    }

    /// What has been written since the mark; customers have their whole names, or halves.
    pub(super) fn written_since(
        &mut self,
        mark: Mark,
        name: &str,
    ) -> Result<Written, CommandError> {
        let customers = mark.customers;
        Ok(Written {
            names: self.texts(&format!(
                "select {name} from customers where id > {customers} order by id"
            ))?,
            orders: self.number(&format!(
                "select count(*) from orders where id > {}",
                mark.orders
            ))?,
        })
    }

    /// The first customers' names.
    pub(super) fn first_names(&mut self, count: u32) -> Result<Vec<String>, CommandError> {
        self.texts(&format!(
            "select name from customers order by id limit {count}"
        ))
    }

    fn texts(&mut self, sql: &str) -> Result<Vec<String>, CommandError> {
        let rows = self.run(sql)?.rows;
        let texts = rows
            .into_iter()
            .map(|row| row.into_iter().flatten().next().unwrap_or_default());
        Ok(texts.collect())
    }

    fn number(&mut self, sql: &str) -> Result<u64, CommandError> {
        let texts = self.texts(sql)?;
        let number = texts.first().and_then(|text| text.parse().ok());
        number.ok_or_else(|| Mismatch::state(format!("no number comes from `{sql}`")).into())
    }

    fn run(&mut self, sql: &str) -> Result<tightrope_engine::StatementOutcome, EngineError> {
        self.0.run(RunStatement {
            sql,
            copy_data: None,
        })
    }
}

impl State {
    /// How many rows a table has; none if there is no such table.
    pub(super) fn rows(&self, table: &str) -> u64 {
        let found = self.tables.iter().find(|(name, _)| name == table);
        found.map_or(0, |(_, sum)| sum.rows)
    }
}
