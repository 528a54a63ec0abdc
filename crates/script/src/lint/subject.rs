//! What a rule looks at: one migration, with both scripts parsed.

use std::collections::BTreeSet;

use tightrope_model::{EngineKind, Finding, Severity};

use crate::statement::{
    Command, NamedObject, ObjectAction, ObjectClass, Parsed, Statement, StatementKind,
};
use crate::{Migration, MigrationKind, Script};

/// What identifies an object for the lint: its class, its table where it belongs to one by name, and its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    pub(super) class: ObjectClass,
    pub(super) table: Option<String>,
    pub(super) name: String,
}

/// The last part of a name, which is all that two scripts agree on when one of them names the schema.
pub(super) fn bare(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// One of a migration's scripts with its statements.
pub(super) struct Side<'a> {
    pub(super) script: &'a Script,
    pub(super) statements: &'a [Statement],
    pub(super) dialect: EngineKind,
    /// Every object that is made here, or gets its name here, whether or not it is dropped again.
    pub(super) made: BTreeSet<Key>,
    /// Those of them that are really new.
    created: BTreeSet<Key>,
    /// Every object that is dropped here, or loses its name here.
    pub(super) gone: BTreeSet<Key>,
}

impl<'a> Side<'a> {
    fn new(script: &'a Script, parsed: &'a Parsed, dialect: EngineKind) -> Self {
        let mut side = Self {
            script,
            statements: &parsed.statements,
            dialect,
            made: BTreeSet::new(),
            created: BTreeSet::new(),
            gone: BTreeSet::new(),
        };
        side.made = side.find_made();
        side.created = side
            .objects()
            .filter(|object| object.action == ObjectAction::Create)
            .map(|object| side.key(object))
            .collect();
        side.gone = side.find_gone();
        side
    }

    pub(super) fn objects(&self) -> impl Iterator<Item = &'a NamedObject> {
        self.statements.iter().flat_map(|s| &s.objects)
    }

    fn fold(&self, name: &str) -> String {
        match self.dialect {
            EngineKind::Postgres => name.to_owned(),
            EngineKind::Sqlite => name.to_lowercase(),
        }
    }

    fn key_named(&self, object: &NamedObject, name: &str) -> Key {
        let needs_table = matches!(
            object.class,
            ObjectClass::Column | ObjectClass::Constraint | ObjectClass::Policy
        );
        let table = object.parent.as_deref().filter(|_| needs_table);
        Key {
            class: object.class,
            table: table.map(|table| self.fold(bare(table))),
            name: self.fold(name),
        }
    }

    pub(super) fn key(&self, object: &NamedObject) -> Key {
        self.key_named(object, &object.name)
    }

    fn find_made(&self) -> BTreeSet<Key> {
        self.objects()
            .filter_map(|object| match &object.action {
                ObjectAction::Create => Some(self.key(object)),
                ObjectAction::Rename { to } => Some(self.key_named(object, to)),
                _ => None,
            })
            .collect()
    }

    fn find_gone(&self) -> BTreeSet<Key> {
        self.objects()
            .filter(|object| {
                matches!(
                    object.action,
                    ObjectAction::Drop | ObjectAction::Rename { .. }
                )
            })
            .map(|object| self.key(object))
            .collect()
    }

    /// Whether it runs code whose effects the text does not show.
    pub(super) fn is_opaque(&self) -> bool {
        self.statements
            .iter()
            .any(|statement| match statement.kind {
                StatementKind::Unknown => true,
                StatementKind::Other(
                    Command::Do
                    | Command::Call
                    | Command::Execute
                    | Command::Prepare
                    | Command::ImportForeignSchema
                    | Command::DropOwned,
                ) => true,
                StatementKind::Drop(ObjectClass::Schema | ObjectClass::Extension) => true,
                StatementKind::Other(Command::Select) => {
                    // A function may do anything; reading a table does nothing.
                    statement.locks.is_empty() && self.script.text_of(statement).contains('(')
                }
                _ => false,
            })
    }

    /// Whether this table is made here; one that gets its name by a rename was there before.
    pub(super) fn makes_table(&self, table: &str) -> bool {
        let name = self.fold(bare(table));
        let classes = [
            ObjectClass::Table,
            ObjectClass::MaterializedView,
            ObjectClass::ForeignTable,
        ];
        classes.into_iter().any(|class| {
            self.created.contains(&Key {
                class,
                table: None,
                name: name.clone(),
            })
        })
    }

    /// Whether this table is dropped here, or renamed.
    pub(super) fn drops_table(&self, table: &str) -> bool {
        let table = self.fold(bare(table));
        self.gone
            .iter()
            .any(|key| key.class == ObjectClass::Table && key.name == table)
    }

    /// A finding at a statement.
    pub(super) fn finding(
        &self,
        rule: (&'static str, Severity),
        offset: usize,
        message: String,
    ) -> Finding {
        Finding::new(rule.1, rule.0, message).at(self.script.place(offset))
    }
}

/// A migration with what the lint knows of it.
pub(super) struct Subject<'a> {
    pub(super) migration: &'a Migration,
    pub(super) dialect: EngineKind,
    pub(super) forward: Side<'a>,
    pub(super) rollback: Option<Side<'a>>,
    /// Objects that earlier migrations made.
    pub(super) known: &'a BTreeSet<Key>,
}

impl<'a> Subject<'a> {
    pub(super) fn new(
        migration: &'a Migration,
        dialect: EngineKind,
        forward: &'a Parsed,
        rollback: Option<&'a Parsed>,
        known: &'a BTreeSet<Key>,
    ) -> Self {
        let rollback = match (&migration.rollback, rollback) {
            (Some(script), Some(parsed)) => Some(Side::new(script, parsed, dialect)),
            _ => None,
        };
        Self {
            migration,
            dialect,
            forward: Side::new(&migration.forward, forward, dialect),
            rollback,
            known,
        }
    }

    /// Whether nobody expects a way back: it is declared so, or the migration is no step in time.
    pub(super) fn needs_no_rollback(&self) -> bool {
        self.migration.kind != MigrationKind::Versioned
            || self.migration.settings.irreversible.is_some()
            || self
                .rollback
                .as_ref()
                .is_some_and(|side| side.statements.iter().any(|statement| statement.raises))
    }

    /// What to do where there is no way back, as the end of a hint.
    pub(super) fn how_to_declare_irreversible(&self) -> &'static str {
        match (
            self.migration.home == self.forward.script.file,
            self.dialect,
        ) {
            (false, _) => "declare `irreversible = \"why\"` in the migration's metadata.toml",
            (true, EngineKind::Postgres) => {
                "let the rollback script say why not: `do $$ begin raise exception 'why'; end $$`"
            }
            (true, EngineKind::Sqlite) => "say in a comment why not",
        }
    }

    /// Whether the forward script changes anything at all.
    pub(super) fn changes_something(&self) -> bool {
        let statements = self.forward.statements.iter();
        statements
            .map(|statement| statement.kind)
            .any(|kind| !kind.changes_nothing() || kind.is(Command::Select))
    }

    /// Both scripts, the rollback only if there is a way back to look at.
    pub(super) fn both(&self) -> Option<(&Side<'a>, &Side<'a>)> {
        let rollback = self.rollback.as_ref()?;
        let does_something = rollback
            .statements
            .iter()
            .any(|statement| !statement.kind.controls_transaction());
        let is_written = does_something && !self.needs_no_rollback();
        is_written.then_some((&self.forward, rollback))
    }

    /// Both scripts, one after the other.
    pub(super) fn sides(&self) -> impl Iterator<Item = &Side<'a>> {
        std::iter::once(&self.forward).chain(&self.rollback)
    }
}
