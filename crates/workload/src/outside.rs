//! What acts where no rollback reaches: such a query is prepared, and not replayed.

use std::collections::BTreeSet;

use tightrope_model::{EngineKind, Part};
use tightrope_script::{Token, Tokens};

use crate::tables::name_of;

/// How the names of functions begin that act where no rollback reaches, or that only wait.
const OUTSIDE: [&str; 28] = [
    "dblink",
    "load_extension",
    "lo_export",
    "lo_import",
    "pg_advisory",
    "pg_backup_",
    "pg_cancel_backend",
    "pg_copy_",
    "pg_create_",
    "pg_drop_replication",
    "pg_file_",
    "pg_log_backend",
    "pg_logical_",
    "pg_promote",
    "pg_reload_conf",
    "pg_replication_",
    "pg_rotate_",
    "pg_sleep",
    "pg_start_backup",
    "pg_stat_reset",
    "pg_stat_statements_reset",
    "pg_stop_backup",
    "pg_switch_wal",
    "pg_terminate_backend",
    "pg_try_advisory",
    "pg_wal_replay_",
    "query_to_xml",
    "writefile",
];

/// Words of a query that writes.
const WRITES: [&str; 5] = ["insert", "update", "delete", "merge", "replace"];

/// The functions, tables and views of a database by which a query acts where no rollback reaches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outside {
    functions: BTreeSet<String>,
    written: BTreeSet<String>,
    read: BTreeSet<String>,
}

impl Outside {
    /// What of these parts acts outside, by itself or through another.
    pub fn of(parts: &[Part]) -> Self {
        let mut outside = Self::default();
        loop {
            let before = outside.clone();
            for part in parts {
                outside.take(part);
            }
            if outside == before {
                return outside;
            }
        }
    }

    fn take(&mut self, part: &Part) {
        match part {
            Part::Function {
                name,
                is_free,
                source,
            } if *is_free || self.is_in_source(source) => {
                self.functions.insert(name.clone());
            }
            Part::OnWrite { table, source } if self.is_in_source(source) => {
                self.written.insert(table.clone());
            }
            Part::View { name, source } if self.is_in_source(source) => {
                self.read.insert(name.clone());
            }
            Part::Reaches { table, other } if self.written.contains(other) => {
                self.written.insert(table.clone());
            }
            Part::Foreign { table } => {
                self.written.insert(table.clone());
            }
            _ => {}
        }
    }

    /// Whether a source names something that acts outside: anywhere, for it may be put together as text.
    fn is_in_source(&self, source: &str) -> bool {
        let lower = source.to_lowercase();
        let split = |text: &'_ str| -> BTreeSet<String> {
            let parts = text.split(|c: char| !c.is_alphanumeric() && c != '_');
            parts.map(str::to_owned).collect()
        };
        // Quoted names keep their letter case.
        let (exact, words) = (split(source), split(&lower));
        let has = |word: &str| words.contains(word);
        let meets = |names: &BTreeSet<String>| {
            names
                .iter()
                .any(|name| words.contains(name) || exact.contains(name) || is_odd_in(name, source))
        };
        let writes = WRITES.iter().any(|word| has(word));
        // A function that only waits is bound in time like any query.
        let acts = |word: &String| is_outside(word) && !word.starts_with("pg_sleep");
        words.iter().any(acts)
            || lower.contains("u&\"")
            || has("copy") && (has("program") || has("to"))
            || meets(&self.functions)
            || meets(&self.read)
            || writes && meets(&self.written)
    }
}

/// Whether a name that is no word stands in a source.
fn is_odd_in(name: &str, source: &str) -> bool {
    name.contains(|c: char| !c.is_alphanumeric() && c != '_') && source.contains(name)
}

fn is_outside(name: &str) -> bool {
    name == "http"
        || name.starts_with("http_")
        || OUTSIDE.iter().any(|start| name.starts_with(start))
}

/// Whether a query does something that a rollback does not take back: it is not replayed.
pub fn acts_outside(sql: &str, engine: EngineKind, outside: &Outside) -> bool {
    // Escapes in names may spell anything.
    if sql.to_lowercase().contains("u&\"") {
        return true;
    }
    let tokens: Vec<Token<'_>> = Tokens::of(sql, engine)
        .filter(Token::is_significant)
        .collect();
    let writes = tokens
        .iter()
        .any(|token| WRITES.iter().any(|word| token.is_word(word)));
    tokens.iter().enumerate().any(|(at, token)| {
        let Some(name) = name_of(token) else {
            return false;
        };
        let is_call = tokens.get(at + 1).is_some_and(|next| next.is_symbol("("));
        is_call
            && !is_target(&tokens[..at])
            && (is_outside(&name.to_lowercase()) || outside.functions.contains(&name))
            || outside.read.contains(&name)
            || writes && outside.written.contains(&name)
    })
}

/// Whether what follows is the table of an insert, which has its columns in parentheses.
fn is_target(before: &[Token<'_>]) -> bool {
    match before {
        [.., into, _, point] if point.is_symbol(".") => into.is_word("into"),
        [.., into] => into.is_word("into"),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acts(sql: &str, outside: &Outside) -> bool {
        acts_outside(sql, EngineKind::Postgres, outside)
    }

    #[test]
    fn what_reaches_outside_is_known_however_it_is_written() {
        let none = Outside::default();
        for sql in [
            "select pg_terminate_backend($1)",
            "select \"dblink_exec\"($1, $2)",
            "select public.dblink_send_query ($1)",
            "select U&\"\\0064blink\"($1)",
            "select pg_try_advisory_lock_shared(1)",
            "select net.http_post($1)",
            "select pg_logical_emit_message(false, $1, $2)",
        ] {
            assert!(acts(sql, &none), "{sql}");
        }
        for sql in [
            "select 'pg_sleep(1)' from t",
            "select http_status from t",
            "insert into http_logs (a) values ($1)",
            "insert into public.http_logs (a) values ($1)",
            "select lower(a) from t",
        ] {
            assert!(!acts(sql, &none), "{sql}");
        }
    }

    #[test]
    fn what_hides_it_is_found_through_functions_triggers_and_views() {
        let text = str::to_owned;
        let function = |name: &str, is_free, source: &str| Part::Function {
            name: text(name),
            is_free,
            source: text(source),
        };
        let outside = Outside::of(&[
            function("outer_one", false, "begin perform \"Inner\"(1); end"),
            function("Inner", false, "begin execute 'select dblink_exec(x)'; end"),
            function("shell", true, "import os"),
            function("harmless", false, "select 1 -- https://example.org"),
            function("audit", false, "begin insert into orders values (1); end"),
            Part::OnWrite {
                table: text("orders"),
                source: text("create trigger t execute function outer_one()"),
            },
            Part::Reaches {
                table: text("customers"),
                other: text("orders"),
            },
            Part::View {
                name: text("calling"),
                source: text("select shell()"),
            },
        ]);
        assert!(acts("select outer_one()", &outside));
        assert!(acts("select \"Inner\"(1)", &outside));
        assert!(!acts("select inner_one(1)", &outside));
        assert!(acts("select audit()", &outside));
        assert!(acts("select * from calling", &outside));
        assert!(acts("delete from customers where id = $1", &outside));
        assert!(acts(
            "with x as (insert into orders values (1)) select 1",
            &outside
        ));
        assert!(!acts("select id from orders", &outside));
        assert!(!acts("select harmless()", &outside));
    }
}
