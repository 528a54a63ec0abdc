//! Which of the statements that the server counts a watched pattern is about. The texts are many and long: each is compared once,
//! when its statement is new, and told by the server's number for it afterwards.

use std::collections::BTreeSet;

use tightrope_engine::EngineError;
use tightrope_model::Value;

use super::PostgresSession;

/// So many numbers are remembered; where more have come and gone, all are compared again.
const MOST_COMPARED: usize = 20_000;
/// The statements of this database.
pub(super) const HERE: &str =
    "dbid = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())";

/// What is known of the counted statements for one pattern.
#[derive(Default)]
pub(super) struct Watched {
    /// The numbers of those whose text was compared.
    compared: BTreeSet<i64>,
    /// The numbers of those that are like it.
    alike: BTreeSet<i64>,
}

impl PostgresSession {
    /// The numbers of the counted statements that are like a pattern of ILIKE, whatever their white space, as an array in words.
    pub(super) fn statements_like(
        &mut self,
        schema: &str,
        pattern: &str,
    ) -> Result<String, EngineError> {
        let mut watched = self.watched.remove(pattern).unwrap_or_default();
        if watched.compared.len() > MOST_COMPARED {
            watched = Watched::default();
        }
        let new = self.query_own(
            &format!(
                "select distinct queryid from {schema}.pg_stat_statements(false) where {HERE} and queryid is not null \
                 and not exists (select from unnest($1::text::bigint[]) as compared (id) where compared.id = queryid)"
            ),
            &[Value::from(array(&watched.compared))],
        )?;
        if !new.is_empty() {
            let new = new.iter().filter_map(|row| row[0].integer()).collect();
            let texts = self.query_own(
                &format!(
                    "select queryid, bool_or(pg_catalog.regexp_replace(query, '\\s+', ' ', 'g') ilike $2)::int::bigint \
                     from {schema}.pg_stat_statements where {HERE} and queryid = any ($1::text::bigint[]) \
                     and query is not null group by queryid"
                ),
                &[Value::from(array(&new)), Value::from(pattern)],
            )?;
            for row in &texts {
                let Some(number) = row[0].integer() else {
                    continue;
                };
                watched.compared.insert(number);
                if row[1].integer() == Some(1) {
                    watched.alike.insert(number);
                }
            }
        }
        let alike = array(&watched.alike);
        self.watched.insert(pattern.to_owned(), watched);
        Ok(alike)
    }
}

fn array(numbers: &BTreeSet<i64>) -> String {
    let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
    format!("{{{}}}", numbers.join(","))
}
