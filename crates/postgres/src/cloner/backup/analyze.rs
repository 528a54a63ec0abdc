//! The planner's statistics of a restored database, which a dump does not have: several tables at a time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use postgres::Client;
use tightrope_engine::EngineError;

use crate::connect::{self, Target};
use crate::error;

/// Whatever is smaller is taken together with others, so many in one statement.
const SMALL_BYTES: i64 = 8 << 20;
const TOGETHER: usize = 50;

/// All that has statistics, the largest first. A partition's are taken with those of its whole.
const TABLES: &str = "select * from (\
     select pg_catalog.format('%I.%I', n.nspname, c.relname), coalesce(\
       (select sum(pg_catalog.pg_relation_size(part.relid)) from pg_catalog.pg_partition_tree(c.oid) part), \
       pg_catalog.pg_relation_size(c.oid), 0)::bigint as bytes \
     from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
     where c.relkind in ('r', 'm', 'p') and not c.relispartition and not c.relisshared) t order by bytes desc, 1";

/// Takes the statistics of a database with up to `jobs` sessions.
pub(in crate::cloner) fn analyze(database: &Target, jobs: u32) -> Result<(), EngineError> {
    let mut first = open(database)?;
    let work = Work {
        statements: statements(&mut first)?,
        next: AtomicUsize::new(0),
    };
    let helpers = work.statements.len().min(jobs as usize).saturating_sub(1);
    thread::scope(|scope| {
        let others: Vec<_> = (0..helpers)
            .map(|_| {
                scope.spawn(|| match open(database) {
                    Ok(mut client) => work.carry_out(&mut client),
                    // A server that has no room for one more session: the first does it all.
                    Err(_) => Ok(()),
                })
            })
            .collect();
        let mut ended = work.carry_out(&mut first);
        for other in others {
            match other.join() {
                Ok(other) => ended = ended.and(other),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        ended
    })
}

fn open(database: &Target) -> Result<Client, EngineError> {
    Ok(connect::open(database, "tightrope restore")?.client)
}

fn statements(client: &mut Client) -> Result<Vec<String>, EngineError> {
    let rows = client
        .query(TABLES, &[])
        .map_err(|error| error::of_own(&error))?;
    let tables: Vec<(String, i64)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    Ok(grouped(&tables))
}

/// The statements for these tables, with their sizes from the largest on.
fn grouped(tables: &[(String, i64)]) -> Vec<String> {
    let large = tables.partition_point(|(_, bytes)| *bytes >= SMALL_BYTES);
    let (large, small) = tables.split_at(large);
    let groups = large.chunks(1).chain(small.chunks(TOGETHER));
    groups
        .map(|group| {
            let names: Vec<&str> = group.iter().map(|(name, _)| name.as_str()).collect();
            format!("analyze {}", names.join(", "))
        })
        .collect()
}

/// Statements, of which every session takes the next.
struct Work {
    statements: Vec<String>,
    next: AtomicUsize,
}

impl Work {
    fn carry_out(&self, client: &mut Client) -> Result<(), EngineError> {
        while let Some(sql) = self
            .statements
            .get(self.next.fetch_add(1, Ordering::Relaxed))
        {
            client
                .batch_execute(sql)
                .map_err(|error| error::of_own(&error))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_tables_go_alone_and_small_ones_together() {
        let mut tables: Vec<(String, i64)> = vec![("a".into(), 1 << 30), ("b".into(), SMALL_BYTES)];
        tables.extend((0..60).map(|number| (format!("s{number}"), 8192)));
        let statements = grouped(&tables);
        assert_eq!(statements[..2], ["analyze a", "analyze b"]);
        assert!(statements[2].starts_with("analyze s0, s1, "));
        assert_eq!(statements[2].split(", ").count(), 50);
        assert_eq!(statements[3].split(", ").count(), 10);
        assert_eq!(statements.len(), 4);
        assert!(grouped(&[]).is_empty());
    }
}
