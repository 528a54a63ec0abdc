//! The scripts of the story, once for each SQL that it is told in.

use tightrope_model::EngineKind;

/// A migration's two scripts.
pub(super) struct Pair {
    pub(super) forward: &'static str,
    pub(super) rollback: &'static str,
}

/// All the SQL of the story, in one engine's words.
pub(super) struct Dialect {
    /// The shop's first table.
    pub(super) customers: Pair,
    /// The shop's second table.
    pub(super) orders: Pair,
    /// What fills both.
    pub(super) fill: [&'static str; 2],
    /// Splits the name; the rollback joins the halves, and the middle name is gone.
    pub(super) wrong: Pair,
    /// Splits the name and keeps the whole one aside.
    pub(super) mended: Pair,
    /// What the shop writes while the name is split: customers, then orders.
    pub(super) sell: [&'static str; 2],
}

macro_rules! pair {
    ($folder:literal, $name:literal) => {
        Pair {
            forward: include_str!(concat!($folder, "/", $name, ".up.sql")),
            rollback: include_str!(concat!($folder, "/", $name, ".down.sql")),
        }
    };
}

macro_rules! dialect {
    ($folder:literal) => {
        Dialect {
            customers: pair!($folder, "customers"),
            orders: pair!($folder, "orders"),
            fill: [
                include_str!(concat!($folder, "/fill_customers.sql")),
                include_str!(concat!($folder, "/fill_orders.sql")),
            ],
            wrong: pair!($folder, "wrong"),
            mended: pair!($folder, "mended"),
            sell: [
                include_str!(concat!($folder, "/sell_customers.sql")),
                include_str!(concat!($folder, "/sell_orders.sql")),
            ],
        }
    };
}

static SQLITE: Dialect = dialect!("sqlite");
static POSTGRES: Dialect = dialect!("postgres");

/// The scripts in an engine's words.
pub(super) fn of(engine: EngineKind) -> &'static Dialect {
    match engine {
        EngineKind::Sqlite => &SQLITE,
        EngineKind::Postgres => &POSTGRES,
    }
}
