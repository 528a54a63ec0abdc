use tightrope_engine::{EngineError, RunStatement, Session, StatementOutcome};
use tightrope_model::{TableChecksum, TableName, TableShape};

use super::{ContractDatabase, Subject};

/// A database, a session on it, and short words for what tests do there.
pub(super) struct Desk<'a> {
    // The session goes before its database.
    pub(super) session: Box<dyn Session>,
    pub(super) database: ContractDatabase,
    pub(super) subject: &'a Subject,
}

impl<'a> Desk<'a> {
    /// A new empty database.
    pub(super) fn new(subject: &'a Subject) -> Self {
        let database = subject.database();
        Self {
            session: subject.connect(&database.url),
            database,
            subject,
        }
    }

    /// A new database in which these statements have run.
    pub(super) fn with(subject: &'a Subject, statements: &[&str]) -> Self {
        let mut desk = Self::new(subject);
        for statement in statements {
            desk.run(statement);
        }
        desk
    }

    /// Another session on the same database.
    pub(super) fn another(&self) -> Box<dyn Session> {
        self.subject.connect(&self.database.url)
    }

    /// Runs a statement that must work.
    #[track_caller]
    pub(super) fn run(&mut self, sql: &str) -> StatementOutcome {
        run(self.session.as_mut(), sql)
    }

    /// Runs a statement that must fail.
    #[track_caller]
    pub(super) fn fail(&mut self, sql: &str) -> EngineError {
        match try_run(self.session.as_mut(), sql) {
            Ok(outcome) => panic!("`{sql}` must fail, and gave {outcome:?}"),
            Err(error) => error,
        }
    }

    #[track_caller]
    pub(super) fn begin(&mut self) {
        self.session.begin().expect("a transaction begins");
    }

    #[track_caller]
    pub(super) fn commit(&mut self) {
        self.session.commit().expect("the transaction commits");
    }

    #[track_caller]
    pub(super) fn roll_back(&mut self) {
        self.session
            .roll_back()
            .expect("the transaction rolls back");
    }

    /// The only value of a query's only row.
    #[track_caller]
    pub(super) fn value(&mut self, sql: &str) -> Option<String> {
        let outcome = self.run(sql);
        match &outcome.rows[..] {
            [row] if row.len() == 1 => row[0].clone(),
            rows => panic!("`{sql}` must give one value, and gave {rows:?}"),
        }
    }

    /// A table's name, where an unqualified one ends up.
    pub(super) fn table(&self, name: &str) -> TableName {
        TableName::new(self.subject.sql.schema, name)
    }

    /// A table's shape in the catalog as the session sees it, if it sees the table.
    #[track_caller]
    pub(super) fn find(&mut self, name: &str) -> Option<TableShape> {
        let table = self.table(name);
        let catalog = self.session.catalog().expect("the catalog can be read");
        catalog.table(&table).cloned()
    }

    /// A table's shape.
    #[track_caller]
    pub(super) fn shape(&mut self, name: &str) -> TableShape {
        match self.find(name) {
            Some(shape) => shape,
            None => panic!("the catalog must know the table {name}"),
        }
    }

    /// A table's checksum.
    #[track_caller]
    pub(super) fn checksum(&mut self, name: &str) -> TableChecksum {
        let shape = self.shape(name);
        let mut sums = self
            .session
            .checksums(&[shape])
            .expect("the table can be summed up");
        assert_eq!(sums.len(), 1, "one table, one checksum");
        sums.remove(0)
    }
}

#[track_caller]
pub(super) fn run(session: &mut dyn Session, sql: &str) -> StatementOutcome {
    match try_run(session, sql) {
        Ok(outcome) => outcome,
        Err(error) => panic!("`{sql}` must run: {error:?}"),
    }
}

pub(super) fn try_run(
    session: &mut dyn Session,
    sql: &str,
) -> Result<StatementOutcome, EngineError> {
    session.run(RunStatement {
        sql,
        copy_data: None,
    })
}
