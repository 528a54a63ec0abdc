//! The scripts of the story, once for each SQL that it is told in.

use tightrope_model::EngineKind;

/// A migration's two scripts.
pub(super) struct Pair {
    pub(super) forward: &'static str,
    pub(super) rollback: &'static str,
}

/// The value that customers who come later get for their whole name.
pub(super) const FILL: &str = include_str!("fill.toml");

/// All the SQL of the story, in one engine's words.
pub(super) struct Dialect {
    /// The shop's first table.
    pub(super) customers: Pair,
    /// The shop's second table.
    pub(super) orders: Pair,
    /// What fills both.
    pub(super) fill: [&'static str; 2],
    /// Splits the name; the rollback joins the halves, and the middle name is gone.
    pub(super) split: Pair,
    /// What the shop writes while the name is split: customers, then orders; what it changes, and what is cancelled.
    pub(super) sell: [&'static str; 5],
    /// The same as the control twin gets it, whose customers have one name.
    pub(super) sell_to_twin: [&'static str; 5],
}

macro_rules! pair {
    ($folder:literal, $name:literal) => {
        Pair {
            forward: include_str!(concat!($folder, "/", $name, ".up.sql")),
            rollback: include_str!(concat!($folder, "/", $name, ".down.sql")),
        }
    };
}

macro_rules! sold {
    ($folder:literal, $customers:literal) => {
        [
            include_str!(concat!($folder, $customers)),
            include_str!(concat!($folder, "/sell_orders.sql")),
            include_str!(concat!($folder, "/change_customers.sql")),
            include_str!(concat!($folder, "/change_orders.sql")),
            include_str!(concat!($folder, "/cancel_orders.sql")),
        ]
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
            split: pair!($folder, "split"),
            sell: sold!($folder, "/sell_customers.sql"),
            sell_to_twin: sold!($folder, "/sell_to_twin.sql"),
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
