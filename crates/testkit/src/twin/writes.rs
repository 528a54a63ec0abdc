use super::case::Write;
use super::chance::Chance;
use super::counterpart::{Common, common, insertable};
use super::rows::{self, MOST_ROWS};
use super::schema::{Column, ForeignKey, Form, Kind, Schema, Table, Touch};
use super::translate::{Conflict, Expression, Filter, Statement};
use super::values::{fresh, key_literal, literal};

/// How many sessions the application has.
const SESSIONS: usize = 3;

/// The numbers of rows that the application makes begin here.
pub(super) const FIRST_NEW: usize = 100;

/// Makes writes that mean the same before a migration and after it.
pub(super) struct Writer<'a> {
    before: &'a Schema,
    after: &'a Schema,
    tables: Vec<Common>,
    /// The next number for a value that nothing else has.
    next: usize,
}

impl<'a> Writer<'a> {
    /// For a schema before and after.
    pub(super) fn new(before: &'a Schema, after: &'a Schema) -> Self {
        Self {
            before,
            after,
            tables: common(before, after),
            next: FIRST_NEW,
        }
    }

    /// Only with rows that a schema in the middle can hold, too: it may demand what the first gives by itself.
    pub(super) fn through(mut self, middle: &Schema) -> Self {
        // A row that the upper one makes under the key of one that the lower one deleted is the application's once it was written.
        let comes_anew = |table: &Common| {
            let below = middle.table(table.id);
            table.after.rows_added
                && below.is_some_and(|below| below.rows_changed && !below.rows_added)
        };
        self.tables.retain(|table| !comes_anew(table));
        for table in &mut self.tables {
            let base = self.before.table(table.id);
            // What is demanded in the middle alone may be missing.
            let may_lack = |column: &Column| {
                let always = base.and_then(|base| base.column(column.id));
                let top = table.after.column(column.id);
                column.not_null
                    && column.form == Form::Plain
                    && !always.is_some_and(|base| base.not_null)
                    && top.is_some_and(|top| !top.not_null)
            };
            // What has gone at the top gets the default of the middle when the upper one goes back.
            let has_other_default = |column: &Column| {
                let always = base.and_then(|base| base.column(column.id));
                table.after.column(column.id).is_none()
                    && always.is_some_and(|base| base.default != column.default)
            };
            let demands = |middle: &Table| {
                insertable(middle, &table.after).is_none()
                    || middle
                        .columns
                        .iter()
                        .any(|column| may_lack(column) || has_other_default(column))
            };
            // Rows that the upper migration deletes come back beside what is written without them, which only the first need not mind.
            let come_back = |middle: &Table| {
                table.key.is_empty() && table.after.rows_changed && !middle.rows_changed
            };
            let Some(middle) = middle.table(table.id) else {
                continue;
            };
            // What refers to others in the middle alone.
            let is_known = |key: &ForeignKey| {
                let tables = [base, Some(&table.after)];
                let mut known = tables
                    .into_iter()
                    .flatten()
                    .flat_map(|table| &table.foreign_keys);
                known.any(|other| other.columns == key.columns && other.target == key.target)
            };
            let refers = middle.foreign_keys.iter().filter(|key| !is_known(key));
            let refers: Vec<u32> = refers.flat_map(|key| key.columns.clone()).collect();
            if demands(middle) || come_back(middle) || !refers.is_empty() {
                table.insert = None;
            }
            table.writable.retain(|column| !refers.contains(&column.id));
        }
        self
    }

    /// With numbers that those of another have not used.
    pub(super) fn after(mut self, other: &Writer<'_>) -> Self {
        self.next = self.next.max(other.next);
        self
    }

    /// So many random writes at most.
    pub(super) fn writes(&mut self, most: usize, chance: &mut Chance) -> Vec<Write> {
        let count = chance.between(0, most);
        (0..count).filter_map(|_| self.write(chance)).collect()
    }

    /// A random write; none if nothing of that kind means the same.
    fn write(&mut self, chance: &mut Chance) -> Option<Write> {
        let table = chance.pick(&self.tables)?.clone();
        let mut look = None;
        let statement = match chance.below(16) {
            0..=4 => self.insert(&table, chance),
            5..=9 => self.update(&table, chance),
            10 | 11 => {
                let (statement, filters) = self.upsert(&table, chance)?;
                look = Some(filters);
                Some(statement)
            }
            12 => self.update_key(&table, chance),
            13 | 14 => self.delete(&table, chance),
            _ if chance.one_in(4) => {
                look = Some(vec![Filter::All]);
                self.truncate(&table)
            }
            _ => self.insert(&table, chance),
        }?;
        let guard = look.and_then(|filters| {
            let look = Statement::Look {
                table: table.id,
                columns: table.key.clone(),
                filters,
            };
            Some((look.render(self.after)?, look.render(self.before)?))
        });
        Some(Write {
            session: chance.below(SESSIONS),
            joined: chance.one_in(3),
            overlaps: self.before.is_postgres() && self.next.is_multiple_of(4),
            now: statement.render(self.after)?,
            twin: statement.render(self.before)?,
            guard,
        })
    }

    fn number(&mut self) -> usize {
        self.next += 1;
        self.next
    }

    /// A number of a row that is likely there, or was.
    fn known(&self, chance: &mut Chance) -> usize {
        match chance.below(3) {
            0 => chance.between(FIRST_NEW, self.next),
            _ => chance.between(1, MOST_ROWS - 2),
        }
    }

    /// What is told of a written row: the key, or all that is the same.
    fn telling(table: &Common) -> Vec<u32> {
        if table.key.is_empty() || table.moves() {
            table.clean.iter().map(|column| column.id).collect()
        } else {
            table.key.clone()
        }
    }

    fn insert(&mut self, table: &Common, chance: &mut Chance) -> Option<Statement> {
        let columns = table.insert.clone()?;
        let count = chance.between(1, 3);
        let rows = (0..count)
            .map(|_| {
                // A key that was there once is used again.
                let number = if !table.moves() && chance.one_in(4) {
                    self.known(chance)
                } else {
                    self.number()
                };
                self.row(table, &columns, number, chance)
            })
            .collect();
        Some(Statement::Insert {
            table: table.id,
            columns,
            rows,
            conflict: None,
            returning: Self::telling(table),
        })
    }

    fn row(
        &mut self,
        table: &Common,
        columns: &[u32],
        number: usize,
        chance: &mut Chance,
    ) -> Vec<String> {
        let before = self.before.table(table.id);
        let value = |&id: &u32| match table.after.column(id).map(|column| column.touch) {
            Some(Touch::Rewritten) => "null".to_owned(),
            _ => before.map_or_else(
                || "null".to_owned(),
                |before| rows::value(self.before, before, id, number, chance),
            ),
        };
        columns.iter().map(value).collect()
    }

    /// An INSERT that updates what is there, and the rows that must be there on both sides or on neither: to insert writes
    /// more columns than to update.
    fn upsert(&mut self, table: &Common, chance: &mut Chance) -> Option<(Statement, Vec<Filter>)> {
        let columns = table.insert.clone()?;
        if table.key.is_empty() || table.moves() || !table.changes {
            return None;
        }
        let numbers = [self.known(chance), self.number()];
        let mut rows: Vec<Vec<String>> = numbers
            .iter()
            .map(|&number| self.row(table, &columns, number, chance))
            .collect();
        let mut sets = Vec::new();
        for column in &table.writable {
            let Some(place) = columns.iter().position(|id| *id == column.id) else {
                continue;
            };
            if chance.one_in(2) {
                continue;
            }
            if column.touch == Touch::Dirty {
                let Some(value) = fresh(self.before.engine, &column.kind, self.number()) else {
                    continue;
                };
                rows[0][place] = value;
            }
            sets.push(column.id);
        }
        let keys = numbers.map(|number| Filter::Equal(self.key_values(table, number)));
        let statement = Statement::Insert {
            table: table.id,
            columns,
            rows,
            conflict: Some(Conflict {
                key: table.key.clone(),
                sets,
            }),
            returning: Self::telling(table),
        };
        Some((statement, keys.to_vec()))
    }

    fn update(&mut self, table: &Common, chance: &mut Chance) -> Option<Statement> {
        if !table.changes {
            return None;
        }
        let mut sets: Vec<(u32, Expression)> = Vec::new();
        for _ in 0..chance.between(1, 3) {
            let column = chance.pick(&table.writable)?.clone();
            if sets.iter().all(|(id, _)| *id != column.id)
                && let Some(value) = self.new_value(table, &column, chance)
            {
                sets.push((column.id, value));
            }
        }
        let filter = self.filter(table, chance)?;
        (!sets.is_empty()).then(|| Statement::Update {
            table: table.id,
            sets,
            filter,
            returning: Self::telling(table),
        })
    }

    /// What an UPDATE gives a column. One whose values the migration has changed gets what nothing else has: to write what
    /// stands there already is not told from not writing.
    fn new_value(
        &mut self,
        table: &Common,
        column: &Column,
        chance: &mut Chance,
    ) -> Option<Expression> {
        let engine = self.before.engine;
        let old = self.before.table(table.id)?.column(column.id)?.clone();
        let is_reference = |key: &super::schema::ForeignKey| key.columns.contains(&column.id);
        if table.after.foreign_keys.iter().any(is_reference) {
            let number = chance.between(1, 4);
            return Some(Expression::Literal(key_literal(engine, &old.kind, number)));
        }
        match (column.touch, &old.kind, chance.below(4)) {
            (Touch::Dirty, kind, _) => fresh(engine, kind, self.number()).map(Expression::Literal),
            (Touch::Clean, Kind::Int, 0) => Some(Expression::Column(column.id, " / 2 + 1")),
            (Touch::Clean, Kind::Text, 0) => Some(Expression::Column(column.id, " || 'q'")),
            (_, kind, 1) => fresh(engine, kind, self.number()).map(Expression::Literal),
            _ => Some(Expression::Literal(literal(engine, &old, chance))),
        }
    }

    fn filter(&self, table: &Common, chance: &mut Chance) -> Option<Filter> {
        let by_value = table.key.is_empty() || chance.one_in(5);
        if by_value && !chance.one_in(4) {
            let column = chance.pick(&table.clean)?;
            let not_compared = matches!(column.kind, Kind::Json) || !self.before.is_postgres();
            if not_compared || chance.one_in(3) {
                return Some(Filter::Null(column.id));
            }
            let mut whole = column.clone();
            whole.not_null = true;
            let value = literal(self.before.engine, &whole, chance);
            return Some(Filter::Equal(vec![(column.id, value)]));
        }
        if by_value {
            return chance.one_in(3).then_some(Filter::All);
        }
        Some(self.by_key(table, chance))
    }

    fn by_key(&self, table: &Common, chance: &mut Chance) -> Filter {
        let number = self.known(chance);
        Filter::Equal(self.key_values(table, number))
    }

    fn key_values(&self, table: &Common, number: usize) -> Vec<(u32, String)> {
        let kind = |id: u32| {
            let before = self.before.table(table.id)?;
            before.column(id).map(|column| column.kind.clone())
        };
        let value = |&id: &u32| {
            let kind = kind(id).unwrap_or(Kind::Text);
            // Whatever type the key has after the migration, it says the same in quotes.
            let literal = key_literal(self.before.engine, &kind, number);
            let quoted = self.before.is_postgres() && !literal.starts_with('\'');
            (
                id,
                if quoted {
                    format!("'{literal}'")
                } else {
                    literal
                },
            )
        };
        table.key.iter().map(value).collect()
    }

    fn update_key(&mut self, table: &Common, chance: &mut Chance) -> Option<Statement> {
        let stands = |&id: &u32| {
            let plain =
                |column: &Column| column.form == Form::Plain && column.touch != Touch::Dirty;
            table.after.column(id).is_some_and(plain)
        };
        if table.key.is_empty() || !table.removes || !table.key.iter().all(stands) {
            return None;
        }
        let filter = self.by_key(table, chance);
        let number = if !table.moves() && chance.one_in(3) {
            self.known(chance)
        } else {
            self.number()
        };
        let sets = self
            .key_values(table, number)
            .into_iter()
            .map(|(id, value)| (id, Expression::Literal(value)))
            .collect();
        Some(Statement::Update {
            table: table.id,
            sets,
            filter,
            returning: Self::telling(table),
        })
    }

    fn delete(&mut self, table: &Common, chance: &mut Chance) -> Option<Statement> {
        if !table.removes {
            return None;
        }
        let filter = self.filter(table, chance)?;
        Some(Statement::Delete {
            table: table.id,
            filter,
            returning: Self::telling(table),
        })
    }

    fn truncate(&self, table: &Common) -> Option<Statement> {
        let may = table.truncates && self.before.is_postgres();
        may.then_some(Statement::Truncate { table: table.id })
    }
}
