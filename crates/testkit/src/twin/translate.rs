use super::schema::{Column, Form, MOVED_BY, Schema, Table};
use super::writes::FIRST_NEW;

/// A write of the application by the numbers of tables and columns: SQL for any schema that has them.
#[derive(Clone, Debug)]
pub(super) enum Statement {
    /// New rows.
    Insert {
        /// Where.
        table: u32,
        /// The columns that get a value.
        columns: Vec<u32>,
        /// The values.
        rows: Vec<Vec<String>>,
        /// What is done with a row that is there already.
        conflict: Option<Conflict>,
        /// What is told of each row.
        returning: Vec<u32>,
    },
    /// Other values.
    Update {
        /// Where.
        table: u32,
        /// Which columns get what.
        sets: Vec<(u32, Expression)>,
        /// Which rows.
        filter: Filter,
        /// What is told of each row.
        returning: Vec<u32>,
    },
    /// Fewer rows.
    Delete {
        /// Where.
        table: u32,
        /// Which rows.
        filter: Filter,
        /// What is told of each row.
        returning: Vec<u32>,
    },
    /// No rows.
    Truncate {
        /// Where.
        table: u32,
    },
    /// Looks at columns of rows.
    Look {
        /// Where.
        table: u32,
        /// Which columns.
        columns: Vec<u32>,
        /// Which rows, by any of these.
        filters: Vec<Filter>,
    },
}

/// What an INSERT does with a row that is there already.
#[derive(Clone, Debug)]
pub(super) struct Conflict {
    /// The key that tells.
    pub(super) key: Vec<u32>,
    /// The columns that take the new value; none if the row is left alone.
    pub(super) sets: Vec<u32>,
}

/// A value that is written.
#[derive(Clone, Debug)]
pub(super) enum Expression {
    /// As it stands.
    Literal(String),
    /// A column with something after it: ` + 1`.
    Column(u32, &'static str),
}

/// Which rows are meant.
#[derive(Clone, Debug)]
pub(super) enum Filter {
    /// All.
    All,
    /// Those with these values.
    Equal(Vec<(u32, String)>),
    /// Those with NULL in a column.
    Null(u32),
}

impl Statement {
    /// The SQL for a schema; none if something is not there.
    pub(super) fn render(&self, schema: &Schema) -> Option<String> {
        match self {
            Self::Insert { .. } => self.render_insert(schema),
            Self::Update {
                table,
                sets,
                filter,
                returning,
            } => {
                let table = schema.table(*table)?;
                let set = |(id, value): &(u32, Expression)| {
                    Some(format!("{} = {}", name(table, *id)?, value.render(table)?))
                };
                let sets = sets.iter().map(set).collect::<Option<Vec<_>>>()?.join(", ");
                let (filter, returning) = (filter.render(table)?, telling(table, returning)?);
                Some(format!(
                    "update {} set {sets}{filter}{returning}",
                    table.name
                ))
            }
            Self::Delete {
                table,
                filter,
                returning,
            } => {
                let table = schema.table(*table)?;
                let (filter, returning) = (filter.render(table)?, telling(table, returning)?);
                Some(format!("delete from {}{filter}{returning}", table.name))
            }
            Self::Truncate { table } => {
                Some(format!("truncate {} cascade", schema.table(*table)?.name))
            }
            Self::Look {
                table,
                columns,
                filters,
            } => {
                let table = schema.table(*table)?;
                let columns = names(table, columns)?;
                let look = |filter: &Filter| {
                    let filter = filter.render(table)?;
                    Some(format!("select {columns} from {}{filter}", table.name))
                };
                let looks = filters.iter().map(look).collect::<Option<Vec<_>>>()?;
                Some(looks.join(" union all "))
            }
        }
    }

    fn render_insert(&self, schema: &Schema) -> Option<String> {
        let Self::Insert {
            table,
            columns,
            rows,
            conflict,
            returning,
        } = self
        else {
            return None;
        };
        let table = schema.table(*table)?;
        let identity = |id: &u32| {
            table
                .column(*id)
                .is_some_and(|column| column.form == Form::IdentityAlways)
        };
        let overriding = if columns.iter().any(identity) {
            " overriding system value"
        } else {
            ""
        };
        let row = |values: &Vec<String>| format!("({})", values.join(", "));
        let rows: Vec<String> = rows.iter().map(row).collect();
        Some(format!(
            "insert into {} ({}){overriding} values {}{}{}",
            table.name,
            names(table, columns)?,
            rows.join(", "),
            match conflict {
                Some(conflict) => conflict.render(table)?,
                None => String::new(),
            },
            telling(table, returning)?
        ))
    }
}

impl Conflict {
    fn render(&self, table: &Table) -> Option<String> {
        let key = names(table, &self.key)?;
        if self.sets.is_empty() {
            return Some(format!(" on conflict ({key}) do nothing"));
        }
        let set = |&id: &u32| name(table, id).map(|name| format!("{name} = excluded.{name}"));
        let sets = self.sets.iter().map(set).collect::<Option<Vec<_>>>()?;
        Some(format!(
            " on conflict ({key}) do update set {}",
            sets.join(", ")
        ))
    }
}

impl Expression {
    fn render(&self, table: &Table) -> Option<String> {
        match self {
            Self::Literal(text) => Some(text.clone()),
            Self::Column(id, more) => Some(format!("{}{more}", name(table, *id)?)),
        }
    }
}

impl Filter {
    fn render(&self, table: &Table) -> Option<String> {
        Some(match self {
            Self::All => String::new(),
            Self::Null(id) => format!(" where {} is null", name(table, *id)?),
            Self::Equal(values) => {
                let equal = |(id, value): &(u32, String)| {
                    let column = table.column(*id)?;
                    Some(format!("{} = {}", column.name, moved(column, value)))
                };
                let values = values.iter().map(equal).collect::<Option<Vec<_>>>()?;
                format!(" where {}", values.join(" and "))
            }
        })
    }
}

/// The key of a row of before, as it is since the migration.
fn moved(column: &Column, value: &str) -> String {
    let number = value.trim_matches('\'').parse::<usize>();
    match number {
        Ok(number) if column.moved && number < FIRST_NEW => {
            value.replace(&number.to_string(), &(number + MOVED_BY).to_string())
        }
        _ => value.to_owned(),
    }
}

fn name(table: &Table, id: u32) -> Option<&str> {
    table.column(id).map(|column| column.name.as_str())
}

fn names(table: &Table, ids: &[u32]) -> Option<String> {
    let names = ids
        .iter()
        .map(|&id| name(table, id))
        .collect::<Option<Vec<_>>>()?;
    Some(names.join(", "))
}

fn telling(table: &Table, ids: &[u32]) -> Option<String> {
    if ids.is_empty() {
        return Some(String::new());
    }
    Some(format!(" returning {}", names(table, ids)?))
}
