//! PostgreSQL 12 to 18 behind the engine traits.
//!
//! [`PostgresEngine`] connects; everything else is reached through the traits. The catalog is read with one `.sql` file a
//! kind (`src/catalog/sql`, each runs by hand in psql), and every reading call pins the settings that decide how the server
//! writes values, so that two sessions with other settings read the same.
//!
//! **Invariant:** nothing here reads the environment; a password goes to the server, or to a child through that child's own
//! environment, and nowhere else.

mod catalog;
mod checksum;
mod cloner;
mod connect;
mod engine;
mod error;
mod net;
mod quote;
mod rows;
mod session;
mod sqlstate;

pub use engine::PostgresEngine;
