//! What is known of one statement.

use std::fmt;

use serde::Serialize;
use tightrope_model::{Finding, Span};

/// A script in its statements.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    /// The statements in order. What only psql understands is not among them: harmless meta-commands are left out, others
    /// are an error finding.
    pub statements: Vec<Statement>,
    /// What is wrong with the script as a text: something never closed, a meta-command, a script that rolls itself back.
    pub findings: Vec<Finding>,
}

/// One statement of a script: where it stands, and what could be found out about it without a server.
#[derive(Clone, Debug)]
pub struct Statement {
    /// Where it stands in the file's text, without the semicolon and the space and comments around it.
    pub span: Span,
    /// What it is.
    pub kind: StatementKind,
    /// The objects that it names as its own: makes, drops, changes, renames.
    pub objects: Vec<NamedObject>,
    /// Whether it can run inside a transaction.
    pub runs_in_transaction: TransactionFit,
    /// The locks on relations that it takes, the strongest first.
    pub locks: Vec<LockTaken>,
    /// The data that it may destroy.
    pub destroys: Vec<Destroys>,
    /// What in it keeps a strong lock for as long as a table is large.
    pub long_locks: Vec<LongLock>,
    /// The inline data of `COPY … FROM stdin`, without the closing `\.`.
    pub copy_data: Option<Span>,
    /// Its only effect is to raise an error: in a rollback script this declares the migration irreversible.
    pub raises: bool,
    /// The tables whose triggers it switches off, all of them (`disable trigger all`, `disable trigger user`).
    pub triggers_off: Vec<String>,
    /// What in it acts on the whole server, beyond the database that it runs in.
    pub cluster_wide: Vec<ClusterWide>,
}

impl Statement {
    /// The strongest lock that it takes.
    pub fn lock(&self) -> Option<&LockTaken> {
        self.locks.first()
    }

    /// The objects on which it does this.
    pub fn objects_with(&self, action: &ObjectAction) -> impl Iterator<Item = &NamedObject> {
        self.objects
            .iter()
            .filter(move |object| object.action == *action)
    }
}

/// Whether a statement can run inside a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransactionFit {
    /// It can.
    Yes,
    /// It cannot, or has no effect there.
    No {
        /// Why, as a sentence about the statement: "cannot run inside a transaction".
        why: &'static str,
    },
    /// It adds a value to an enum: only from PostgreSQL 12 on, and the value cannot be used in the same transaction.
    EnumValue {
        /// The value.
        value: String,
    },
    /// It calls code that may end the transaction by itself.
    MayCommit,
}

impl TransactionFit {
    /// Whether it fits into a transaction, as far as the text tells.
    pub fn fits(&self, enum_value_in_transaction: bool) -> bool {
        match self {
            Self::Yes | Self::MayCommit => true,
            Self::No { .. } => false,
            Self::EnumValue { .. } => enum_value_in_transaction,
        }
    }
}

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($variant:ident => $words:literal,)* }) => {
        $(#[$meta])*
        pub enum $name {
            $(#[doc = concat!("`", $words, "`")] $variant,)*
        }

        impl $name {
            /// The words of it, in lower case.
            pub fn words(self) -> &'static str {
                match self { $(Self::$variant => $words,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.words())
            }
        }
    };
}

words! {
    /// The classes of objects that a statement can make, change or drop.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    ObjectClass {
        AccessMethod => "access method",
        Aggregate => "aggregate",
        Cast => "cast",
        Collation => "collation",
        Column => "column",
        Constraint => "constraint",
        Conversion => "conversion",
        Database => "database",
        DefaultPrivileges => "default privileges",
        Domain => "domain",
        EnumValue => "enum value",
        EventTrigger => "event trigger",
        Extension => "extension",
        ForeignDataWrapper => "foreign data wrapper",
        ForeignTable => "foreign table",
        Function => "function",
        Index => "index",
        Language => "language",
        LargeObject => "large object",
        MaterializedView => "materialized view",
        Operator => "operator",
        OperatorClass => "operator class",
        OperatorFamily => "operator family",
        Policy => "policy",
        Procedure => "procedure",
        Publication => "publication",
        Role => "role",
        Routine => "routine",
        Rule => "rule",
        Schema => "schema",
        Sequence => "sequence",
        Server => "server",
        Statistics => "statistics",
        Subscription => "subscription",
        System => "system",
        Table => "table",
        Tablespace => "tablespace",
        TextSearchConfiguration => "text search configuration",
        TextSearchDictionary => "text search dictionary",
        TextSearchParser => "text search parser",
        TextSearchTemplate => "text search template",
        Transform => "transform",
        Trigger => "trigger",
        Type => "type",
        UserMapping => "user mapping",
        View => "view",
    }
}

/// What a statement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StatementKind {
    /// `CREATE` of that class; an index built concurrently is [`Self::Other`].
    Create(ObjectClass),
    /// `ALTER` of that class.
    Alter(ObjectClass),
    /// `DROP` of that class.
    Drop(ObjectClass),
    /// Any other statement that is known by its first words.
    Other(Command),
    /// Not understood: it never blocks, and nothing is guessed about it.
    Unknown,
}

impl fmt::Display for StatementKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create(class) => write!(f, "create {class}"),
            Self::Alter(class) => write!(f, "alter {class}"),
            Self::Drop(class) => write!(f, "drop {class}"),
            Self::Other(command) => f.write_str(command.words()),
            Self::Unknown => f.write_str("unknown statement"),
        }
    }
}

impl StatementKind {
    /// Whether it is that command.
    pub fn is(self, command: Command) -> bool {
        self == Self::Other(command)
    }

    /// Whether it begins, ends or undoes a whole transaction.
    pub fn controls_transaction(self) -> bool {
        matches!(
            self,
            Self::Other(Command::Begin | Command::Commit | Command::Rollback)
        )
    }

    /// Whether it only reads, or changes nothing but the session.
    pub fn changes_nothing(self) -> bool {
        use Command::*;
        let Self::Other(command) = self else {
            return false;
        };
        matches!(
            command,
            Select
                | Values
                | Show
                | Set
                | Reset
                | Pragma
                | Explain
                | Begin
                | Commit
                | Rollback
                | Savepoint
                | ReleaseSavepoint
                | RollbackToSavepoint
                | Listen
                | Unlisten
                | Lock
                | Analyze
                | Discard
                | Checkpoint
                | Load
        )
    }
}

words! {
    /// The statements that do not make, change or drop an object by name.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    Command {
        Analyze => "analyze",
        Attach => "attach",
        Begin => "begin",
        Call => "call",
        Checkpoint => "checkpoint",
        Close => "close",
        Cluster => "cluster",
        Comment => "comment",
        Commit => "commit",
        CommitPrepared => "commit prepared",
        Copy => "copy",
        CreateIndexConcurrently => "create index concurrently",
        Deallocate => "deallocate",
        Declare => "declare",
        Delete => "delete",
        Detach => "detach",
        Discard => "discard",
        Do => "do",
        DropIndexConcurrently => "drop index concurrently",
        DropOwned => "drop owned",
        Execute => "execute",
        Explain => "explain",
        Fetch => "fetch",
        Grant => "grant",
        ImportForeignSchema => "import foreign schema",
        Insert => "insert",
        Listen => "listen",
        Load => "load",
        Lock => "lock",
        Merge => "merge",
        Notify => "notify",
        Pragma => "pragma",
        Prepare => "prepare",
        PrepareTransaction => "prepare transaction",
        ReassignOwned => "reassign owned",
        RefreshMaterializedView => "refresh materialized view",
        RefreshMaterializedViewConcurrently => "refresh materialized view concurrently",
        Reindex => "reindex",
        ReindexConcurrently => "reindex concurrently",
        ReleaseSavepoint => "release savepoint",
        Replace => "replace",
        Reset => "reset",
        Revoke => "revoke",
        Rollback => "rollback",
        RollbackPrepared => "rollback prepared",
        RollbackToSavepoint => "rollback to savepoint",
        Savepoint => "savepoint",
        SecurityLabel => "security label",
        Select => "select",
        Set => "set",
        Show => "show",
        Truncate => "truncate",
        Unlisten => "unlisten",
        Update => "update",
        Vacuum => "vacuum",
        Values => "values",
    }
}

/// What a statement does to an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectAction {
    /// Makes it.
    Create,
    /// Changes it.
    Change,
    /// Drops it.
    Drop,
    /// Gives it another name.
    Rename {
        /// The new name.
        to: String,
    },
}

/// An object that a statement makes, changes, drops or renames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedObject {
    /// What it is.
    pub class: ObjectClass,
    /// Its schema, if the statement names it.
    pub schema: Option<String>,
    /// The table that it belongs to: of a column, constraint, trigger, policy, rule; of an index that is made.
    pub parent: Option<String>,
    /// Its name, unquoted; empty if the server chooses it.
    pub name: String,
    /// What happens to it.
    pub action: ObjectAction,
    /// `IF EXISTS`, `IF NOT EXISTS` or `OR REPLACE` stands there.
    pub guarded: bool,
    /// Where it is named in the file's text.
    pub span: Span,
}

impl NamedObject {
    /// The name for people: `orders.status` for what belongs to a table, `shop.orders` for what names its schema.
    pub fn display_name(&self) -> String {
        match (&self.parent, &self.schema) {
            (Some(parent), _)
                if matches!(self.class, ObjectClass::Column | ObjectClass::EnumValue) =>
            {
                format!("{parent}.{}", self.name)
            }
            (None, Some(schema)) => format!("{schema}.{}", self.name),
            _ => self.name.clone(),
        }
    }
}

words! {
    /// PostgreSQL's table locks, the weakest first.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    LockMode {
        AccessShare => "access share",
        RowShare => "row share",
        RowExclusive => "row exclusive",
        ShareUpdateExclusive => "share update exclusive",
        Share => "share",
        ShareRowExclusive => "share row exclusive",
        Exclusive => "exclusive",
        AccessExclusive => "access exclusive",
    }
}

impl LockMode {
    /// Whether writers have to wait for it.
    pub fn blocks_writers(self) -> bool {
        self >= Self::Share
    }

    /// Whether readers have to wait for it.
    pub fn blocks_readers(self) -> bool {
        self == Self::AccessExclusive
    }
}

/// A lock that a statement takes on a relation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LockTaken {
    /// How strong it is.
    pub mode: LockMode,
    /// The relation, as the statement names it, unquoted.
    pub relation: String,
}

impl fmt::Display for LockTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.mode, self.relation)
    }
}

words! {
    /// Why a lock is kept for as long as the table is large.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    LongLockReason {
        BuildsIndex => "builds an index",
        BuildsConstraintIndex => "builds the index of a constraint",
        ChecksForeignKey => "checks every row against a foreign key",
        ChecksConstraint => "checks every row against a constraint",
        ChecksNotNull => "checks every row for NULL",
        ChangesType => "changes a column's type, which may rewrite the table",
        FillsColumn => "fills a column with a value of its own in every row, which rewrites the table",
        RewritesTable => "rewrites the table",
    }
}

/// A part of a statement that keeps a strong lock for as long as a table is large.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LongLock {
    /// The table, as the statement names it, unquoted.
    pub table: String,
    /// Why.
    pub reason: LongLockReason,
    /// Where it stands in the file's text.
    pub span: Span,
}

/// A part of a statement that acts on the whole server: it is felt outside of the database that it runs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterWide {
    /// What it is: `create role`, `alter system`, `grant on database`.
    pub what: String,
    /// What it does to the server.
    pub effect: ClusterEffect,
    /// Where it stands in the file's text.
    pub span: Span,
}

/// What a statement does to the whole server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterEffect {
    /// Makes a role; none if the text does not show its name.
    CreatesRole(Option<String>),
    /// Acts on roles. Where one of these lists holds only roles that nobody else has, nobody else feels it: for
    /// `GRANT a TO b` these are `a` and `b`. Lists of which not every name is known are left out.
    Roles(Vec<Vec<String>>),
    /// Acts on databases, tablespaces, subscriptions or settings.
    Server,
}

/// Data that a statement may destroy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Destroys {
    /// A table with its rows.
    Table(String),
    /// A column with its values.
    Column {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// Rows of a table.
    Rows(String),
    /// Values in rows that stay.
    Values {
        /// The table.
        table: String,
        /// The columns; empty if the statement does not name them.
        columns: Vec<String>,
    },
    /// A schema or a database with all that is in it.
    Everything(String),
}

impl fmt::Display for Destroys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(table) => write!(f, "table {table}"),
            Self::Column { table, column } => write!(f, "column {table}.{column}"),
            Self::Rows(table) => write!(f, "rows of {table}"),
            Self::Values { table, columns } if columns.is_empty() => {
                write!(f, "values of {table}")
            }
            Self::Values { table, columns } => {
                let names: Vec<String> = columns.iter().map(|c| format!("{table}.{c}")).collect();
                write!(f, "values of {}", names.join(", "))
            }
            Self::Everything(name) => write!(f, "everything in {name}"),
        }
    }
}
