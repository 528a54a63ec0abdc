//! What the server says about a table's columns, as far as the net has to know.

use tightrope_engine::{EngineError, ErrorKind};
use tightrope_model::{TableName, TablePlan, Value};

use super::names;
use crate::quote::{literal, quote};
use crate::session::PostgresSession;

/// One column of a table as it is now.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    /// Its number in the table.
    pub(super) number: i64,
    /// As the session's search path shows it.
    pub(super) type_name: String,
    /// The type is the server's own, and no script can change it.
    pub(super) built_in: bool,
    pub(super) collatable: bool,
    /// Its collation is the server's own, or it has none.
    built_in_collation: bool,
    /// The category of the type: `N` for numbers, `S` for text, `D` for dates and times.
    category: String,
    /// `is distinct from` tells any two values of the type apart that are written differently.
    pub(super) exact: bool,
}

impl Column {
    /// The type in which the net keeps its values.
    pub(super) fn kept_type(&self) -> &str {
        if self.built_in {
            &self.type_name
        } else {
            "text"
        }
    }

    /// The type and collation of an own column for its values.
    pub(super) fn kept_definition(&self) -> String {
        format!("{}{}", self.kept_type(), self.collation())
    }

    /// An expression of the column's type, as the net keeps it.
    pub(super) fn to_kept(&self, expression: &str) -> String {
        let cast = if self.built_in { "" } else { "::text" };
        format!("({expression}){cast}{}", self.collation())
    }

    /// Whether a copy keeps it in its own type and collation.
    pub(super) fn is_copied_as_it_is(&self) -> bool {
        self.built_in && self.built_in_collation
    }

    /// The column of `alias` as a copy of the table keeps it. Where nothing has to be changed nothing is, not even the
    /// collation: the server then copies rows without taking them apart.
    pub(super) fn copied(&self, alias: &str) -> String {
        let column = format!("{alias}.{}", quote(&self.name));
        match self.is_copied_as_it_is() {
            true => column,
            false => self.to_kept(&column),
        }
    }

    /// The same column, its values given as text.
    pub(super) fn as_text(&self) -> Self {
        Self {
            built_in: false,
            ..self.clone()
        }
    }

    /// The same column, its values given in a type that is compared with its own.
    pub(super) fn of_type(&self, name: Option<&str>) -> Self {
        Self {
            type_name: name.unwrap_or(&self.type_name).to_owned(),
            ..self.clone()
        }
    }

    fn collation(&self) -> &'static str {
        if self.collatable || !self.built_in {
            " collate \"C\""
        } else {
            ""
        }
    }

    /// Whether two values of this type are told apart, as an expression.
    pub(super) fn differs(&self, left: &str, right: &str) -> String {
        if self.exact {
            let collation = self.collation();
            format!("({left}){collation} is distinct from ({right}){collation}")
        } else {
            rows_differ(left, right)
        }
    }
}

/// Whether two values are the same key, as an expression; each column says how its side is typed.
pub(super) fn same((left, of_left): (&str, &Column), (right, of_right): (&str, &Column)) -> String {
    let comparable = of_left.built_in
        && of_right.built_in
        && (of_left.type_name == of_right.type_name
            || of_left.category == of_right.category
                && matches!(of_left.category.as_str(), "N" | "S"));
    if comparable {
        format!("{} = {}", of_left.to_kept(left), of_right.to_kept(right))
    } else {
        format!("({left})::text collate \"C\" = ({right})::text collate \"C\"")
    }
}

/// Whether two lists of values differ in any bit, as an expression. (Two ROWs would be compared value by value.)
pub(super) fn rows_differ(left: &str, right: &str) -> String {
    format!("row({left})::record operator(pg_catalog.*<>) row({right})::record")
}

/// The columns of a table.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    /// The table is there.
    pub(super) of_table: bool,
    columns: Vec<Column>,
}

impl Columns {
    /// Reads them; none if there is no such table.
    pub(super) fn of(
        session: &mut PostgresSession,
        table: &TableName,
    ) -> Result<Self, EngineError> {
        let sql = format!(
            "select a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod)::text, (a.atttypid < 16384)::int, \
             (t.typcollation <> 0)::int, t.typcategory::text, \
             (t.oid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'bool'::regtype, 'oid'::regtype, 'uuid'::regtype, \
             'date'::regtype, 'time'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype, 'bytea'::regtype, 'text'::regtype, \
             'varchar'::regtype))::int, a.attnum::bigint, (a.attcollation < 16384)::int \
             from pg_catalog.pg_class c left join (pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid) \
             on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped \
             and not pg_catalog.starts_with(a.attname::text, 'tightrope_hidden_') \
             where c.oid = pg_catalog.to_regclass({}) order by a.attnum",
            literal(&names::sql(table))
        );
        let rows = session.query_own(&sql, &[])?;
        let named = rows
            .iter()
            .filter(|row| row.first().and_then(Value::text).is_some());
        Ok(Self {
            of_table: !rows.is_empty(),
            columns: named.map(|row| column(row)).collect(),
        })
    }

    /// The column of that name, which a net was planned for.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn planned(&self, plan: &TablePlan, name: &str) -> Result<&Column, EngineError> {
        self.get(name).ok_or_else(|| not_as_planned(plan, name))
    }

    /// The column of that name.
    pub(super) fn get(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

fn column(row: &[Value]) -> Column {
    let text = |at: usize| {
        let value = row.get(at).and_then(Value::text);
        value.unwrap_or_default().to_owned()
    };
    let yes = |at: usize| row.get(at).and_then(Value::integer) == Some(1);
    Column {
        name: text(0),
        type_name: text(1),
        built_in: yes(2),
        collatable: yes(3),
        category: text(4),
        exact: yes(5),
        number: row.get(6).and_then(Value::integer).unwrap_or_default(),
        built_in_collation: yes(7),
    }
}

/// The table has not got a column that the net was planned for.
pub(super) fn not_as_planned(plan: &TablePlan, column: &str) -> EngineError {
    EngineError::new(
        ErrorKind::DoesNotExist,
        format!(
            "table {} has no column {column:?}, which the net was planned for",
            plan.before
        ),
    )
    .hint("rehearse the migration again")
}
