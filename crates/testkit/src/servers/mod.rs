//! Database servers for tests: real ones, private to the run, as fast as they go.
//!
//! The first process of a run that asks for a server starts it under a file lock and writes down where it is; the others
//! find it there. No test process knows that it is the last, so each server has a keeper: a small detached process that
//! waits for the test runner to end, and then stops the server and removes its folder. Should the keeper be killed too, the
//! next run sweeps what was left.

mod binaries;
mod database;
mod keeper;
mod own;
mod postgres;
mod s3;
mod state;
mod user;

pub use binaries::{bin_dir, client_bin_dir};
pub use database::TestDatabase;
pub use own::OwnServer;
pub use postgres::{PostgresOptions, PostgresServer, postgres, postgres_with};
pub use s3::{S3Prefix, S3Server, s3};

/// The majors of PostgreSQL to test with: those that `TIGHTROPE_TEST_POSTGRES` lists (`12,15,17,18`), else 15 and 18.
///
/// # Panics
/// When the list holds something that is no number: a typo must not turn tests off.
pub fn postgres_majors() -> Vec<u32> {
    match std::env::var("TIGHTROPE_TEST_POSTGRES") {
        Ok(list) if !list.trim().is_empty() => majors(&list),
        _ => vec![15, 18],
    }
}

fn majors(list: &str) -> Vec<u32> {
    let parse = |item: &str| {
        item.trim()
            .parse()
            .unwrap_or_else(|_| panic!("TIGHTROPE_TEST_POSTGRES={list}: {item:?} is no major"))
    };
    list.split(',').map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn majors_are_listed_with_commas() {
        assert_eq!(majors("12, 15,18"), [12, 15, 18]);
        assert_eq!(majors("17"), [17]);
    }

    #[test]
    #[should_panic(expected = "is no major")]
    fn a_typo_in_the_majors_is_not_passed_over() {
        majors("15;18");
    }
}
