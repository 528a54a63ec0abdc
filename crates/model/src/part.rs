/// Something of a database that can reach outside, as the database describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A function with its source; whether its language alone says that it may do anything.
    Function {
        /// Its name, without its schema.
        name: String,
        /// Whether its language binds it to nothing.
        is_free: bool,
        /// Its text.
        source: String,
    },
    /// Code that runs when rows of a table are written: a trigger, a default, a check, a rule.
    OnWrite {
        /// The table.
        table: String,
        /// The code.
        source: String,
    },
    /// A view with its text: it runs when it is read.
    View {
        /// Its name.
        name: String,
        /// Its text.
        source: String,
    },
    /// Who writes the first table may write the second one: partitions, cascades.
    Reaches {
        /// The one that a query names.
        table: String,
        /// The other one.
        other: String,
    },
    /// A table whose rows are elsewhere.
    Foreign {
        /// Its name.
        table: String,
    },
}
