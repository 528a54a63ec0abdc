//! Locks that this session holds, who is in the way, and whether an index is valid.

use tightrope_engine::{Blocker, EngineError, SessionId};
use tightrope_model::{LockHeld, TableName, Value};

use super::PostgresSession;

const OWN_LOCKS: &str = "\
select n.nspname::text, c.relname::text, string_agg(distinct l.mode, ','), tn.nspname::text, t.relname::text from pg_catalog.pg_locks l \
join pg_catalog.pg_class c on c.oid = l.relation join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
left join pg_catalog.pg_index x on x.indexrelid = c.oid left join pg_catalog.pg_class t on t.oid = x.indrelid \
left join pg_catalog.pg_namespace tn on tn.oid = t.relnamespace \
where l.pid = pg_catalog.pg_backend_pid() and l.granted and l.locktype = 'relation' and c.oid >= 16384 \
and l.database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database()) \
and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tightrope') \
group by 1, 2, 4, 5 order by 1, 2";

/// The modes from the weakest to the strongest.
const MODES: &[(&str, &str)] = &[
    ("AccessShareLock", "access share"),
    ("RowShareLock", "row share"),
    ("RowExclusiveLock", "row exclusive"),
    ("ShareUpdateExclusiveLock", "share update exclusive"),
    ("ShareLock", "share"),
    ("ShareRowExclusiveLock", "share row exclusive"),
    ("ExclusiveLock", "exclusive"),
    ("AccessExclusiveLock", "access exclusive"),
];

const BLOCKERS: &str = "\
with w as (select $1::int as pid), b as (select distinct unnest(pg_catalog.pg_blocking_pids(w.pid)) as pid from w) \
select b.pid::bigint, coalesce(a.usename::text, ''), coalesce(a.application_name, ''), coalesce(a.state, case when b.pid = 0 then 'prepared transaction' else '' end), \
extract(epoch from clock_timestamp() - a.xact_start)::bigint, left(coalesce(a.query, ''), 200), \
(select held.mode || ' on ' || held.relation::regclass::text from pg_catalog.pg_locks wanted \
 join pg_catalog.pg_locks held on held.relation = wanted.relation and held.database = wanted.database and held.locktype = 'relation' \
 where wanted.pid = (select pid from w) and not wanted.granted and wanted.locktype = 'relation' and held.pid = b.pid and held.granted \
 order by held.mode limit 1) \
from b left join pg_catalog.pg_stat_activity a on a.pid = b.pid order by a.xact_start nulls last, b.pid";

impl PostgresSession {
    /// The strongest lock on every user relation that the open transaction has locked.
    pub(super) fn own_locks(&mut self) -> Result<Vec<LockHeld>, EngineError> {
        let rows = self.query_own(OWN_LOCKS, &[])?;
        let held = rows.iter().filter_map(|row| match &row[..] {
            [
                Value::Text(schema),
                Value::Text(name),
                Value::Text(modes),
                of @ ..,
            ] => Some(LockHeld {
                relation: TableName::new(schema, name).to_string(),
                mode: MODES
                    .iter()
                    .rev()
                    .find(|(mode, _)| modes.split(',').any(|held| held == *mode))?
                    .1
                    .to_owned(),
                index_of: match of {
                    [Value::Text(schema), Value::Text(table)] => {
                        Some(TableName::new(schema, table).to_string())
                    }
                    _ => None,
                },
            }),
            _ => None,
        });
        Ok(held.collect())
    }

    pub(super) fn blockers_of(
        &mut self,
        waiting: Option<&SessionId>,
    ) -> Result<Vec<Blocker>, EngineError> {
        let Some(waiting) = waiting else {
            return Ok(Vec::new());
        };
        let rows = self.query_own(BLOCKERS, &[Value::from(waiting.0.as_str())])?;
        Ok(rows.iter().map(|row| blocker(row)).collect())
    }

    pub(super) fn validity_of(
        &mut self,
        schema: Option<&str>,
        name: &str,
    ) -> Result<Option<bool>, EngineError> {
        let schema = schema.filter(|schema| !schema.is_empty());
        let sql = "select (x.indisvalid and x.indisready)::int::bigint from pg_catalog.pg_index x \
                   join pg_catalog.pg_class c on c.oid = x.indexrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
                   where c.relname = $1 and case when $2::text is null then pg_catalog.pg_table_is_visible(c.oid) else n.nspname = $2::text end";
        let rows = self.query_own(sql, &[Value::from(name), Value::from(schema)])?;
        Ok(rows
            .first()
            .and_then(|row| row.first())
            .and_then(Value::integer)
            .map(|valid| valid == 1))
    }
}

fn blocker(row: &[Value]) -> Blocker {
    let text = |at: usize| {
        row.get(at)
            .and_then(Value::text)
            .unwrap_or_default()
            .to_owned()
    };
    let integer = |at: usize| row.get(at).and_then(Value::integer);
    Blocker {
        pid: integer(0).unwrap_or_default(),
        user: text(1),
        application: text(2),
        state: text(3),
        seconds: integer(4).and_then(|seconds| u64::try_from(seconds).ok()),
        query: text(5).split_whitespace().collect::<Vec<_>>().join(" "),
        lock: row.get(6).and_then(Value::text).map(lock_words),
    }
}

/// `AccessExclusiveLock on users` in words: `access exclusive on users`.
fn lock_words(lock: &str) -> String {
    let (mode, place) = lock.split_once(' ').unwrap_or((lock, ""));
    let words = MODES
        .iter()
        .find(|(name, _)| *name == mode)
        .map_or(mode, |(_, words)| words);
    format!("{words} {place}")
}
