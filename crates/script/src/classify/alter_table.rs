//! The parts of PostgreSQL's `ALTER TABLE`, from its tree.

use squawk_syntax::SyntaxKind;
use squawk_syntax::ast::{self, AlterColumnOption, AlterTableAction, AstNode};

use crate::statement::{
    Destroys, LockMode, LockTaken, LongLock, LongLockReason, NamedObject, ObjectAction,
    ObjectClass, Statement,
};

use super::cursor::Name;
use super::names::object;
use super::tree::Tree;

/// Adds objects, locks and what is destroyed; the table's own lock is that of the strongest part.
pub(super) fn refine(statement: &mut Statement, tree: &Tree<'_>, alter: &ast::AlterTable) {
    let Some(table) = alter
        .table_relation_name()
        .and_then(|name| tree.name_in(name.syntax(), SyntaxKind::TABLE_NAME_REF))
    else {
        return;
    };
    let table = table.display();
    let mut part = Part {
        statement,
        tree,
        table: &table,
    };
    let mut mode = None;
    for action in alter.actions() {
        part.take(&action);
        mode = mode.max(Some(lock_mode(&action)));
    }
    statement.locks.retain(|lock| lock.relation != table);
    statement.locks.push(LockTaken {
        mode: mode.unwrap_or(LockMode::AccessExclusive),
        relation: table,
    });
}

/// The lock on the table itself, as the page of ALTER TABLE says.
fn lock_mode(action: &AlterTableAction) -> LockMode {
    use AlterTableAction as Action;
    match action {
        Action::ValidateConstraint(_)
        | Action::ClusterOn(_)
        | Action::SetWithoutCluster(_)
        | Action::SetOptions(_)
        | Action::ResetOptions(_)
        | Action::AttachPartition(_) => LockMode::ShareUpdateExclusive,
        Action::DetachPartition(detach) if detach.detach_partition_option().is_some() => {
            LockMode::ShareUpdateExclusive
        }
        Action::EnableTrigger(_)
        | Action::EnableAlwaysTrigger(_)
        | Action::EnableReplicaTrigger(_)
        | Action::DisableTrigger(_) => LockMode::ShareRowExclusive,
        Action::AddConstraint(add) => match add.constraint() {
            Some(ast::Constraint::ForeignKeyConstraint(_)) => LockMode::ShareRowExclusive,
            _ => LockMode::AccessExclusive,
        },
        Action::AlterColumn(alter) => match alter.option() {
            Some(
                AlterColumnOption::SetStatistics(_)
                | AlterColumnOption::SetOptions(_)
                | AlterColumnOption::SetOptionsList(_)
                | AlterColumnOption::ResetOptions(_),
            ) => LockMode::ShareUpdateExclusive,
            _ => LockMode::AccessExclusive,
        },
        _ => LockMode::AccessExclusive,
    }
}

/// Whether no trigger is named, but `all` or `user`; one that is called so has to be quoted.
fn is_of_all(disable: &ast::DisableTrigger) -> bool {
    let text = disable.syntax().text().to_string().to_lowercase();
    let last = text.split_whitespace().next_back();
    last.is_some_and(|word| ["all", "user"].contains(&word))
}

struct Part<'s, 'a> {
    statement: &'s mut Statement,
    tree: &'s Tree<'a>,
    table: &'s str,
}

impl Part<'_, '_> {
    fn take(&mut self, action: &AlterTableAction) {
        use AlterTableAction as Action;
        match action {
            Action::AddColumn(add) => self.add_column(add),
            Action::DropColumn(drop) => self.drop_column(drop),
            Action::AlterColumn(alter) => self.alter_column(alter),
            Action::RenameColumn(rename) => self.rename(
                ObjectClass::Column,
                rename.column_name_ref().map(|name| name.syntax().clone()),
                rename.column_name().map(|name| name.syntax().clone()),
            ),
            Action::RenameConstraint(rename) => self.rename(
                ObjectClass::Constraint,
                rename
                    .constraint_name_ref()
                    .map(|name| name.syntax().clone()),
                rename.constraint_name().map(|name| name.syntax().clone()),
            ),
            Action::AddConstraint(add) => self.add_constraint(add),
            Action::DropConstraint(drop) => {
                let name = drop.constraint_name_ref();
                let name = name.and_then(|name| self.tree.name(name.syntax()));
                let guarded = drop.if_exists().is_some();
                self.push(ObjectClass::Constraint, name, ObjectAction::Drop, guarded);
            }
            Action::AttachPartition(attach) => {
                let child = attach.table_name_ref();
                let child = child.and_then(|name| self.tree.name(name.syntax()));
                self.statement.add_lock(LockMode::AccessExclusive, child);
            }
            Action::DetachPartition(detach) => {
                let child = detach.table_name_ref();
                let child = child.and_then(|name| self.tree.name(name.syntax()));
                self.statement.add_lock(LockMode::AccessExclusive, child);
            }
            Action::DisableTrigger(disable) if is_of_all(disable) => {
                self.statement.triggers_off.push(self.table.to_owned());
            }
            Action::SetLogged(_)
            | Action::SetUnlogged(_)
            | Action::SetAccessMethod(_)
            | Action::SetTablespace(_) => {
                self.long(LongLockReason::RewritesTable, action.syntax());
            }
            _ => {}
        }
    }

    fn push(
        &mut self,
        class: ObjectClass,
        name: Option<Name>,
        action: ObjectAction,
        guarded: bool,
    ) {
        let Some(name) = name else { return };
        let mut found: NamedObject = object(class, name, action, guarded);
        found.parent = Some(self.table.to_owned());
        self.statement.objects.push(found);
    }

    fn rename(
        &mut self,
        class: ObjectClass,
        from: Option<squawk_syntax::SyntaxNode>,
        to: Option<squawk_syntax::SyntaxNode>,
    ) {
        let name = |node: Option<squawk_syntax::SyntaxNode>| self.tree.name(&node?);
        let (from, to) = (name(from), name(to));
        if let Some(to) = to {
            self.push(class, from, ObjectAction::Rename { to: to.name }, false);
        }
    }

    fn long(&mut self, reason: LongLockReason, node: &squawk_syntax::SyntaxNode) {
        self.statement.long_locks.push(LongLock {
            table: self.table.to_owned(),
            reason,
            span: self.tree.span(node),
        });
    }

    fn add_column(&mut self, add: &ast::AddColumn) {
        let name = add.column_name();
        let name = name.and_then(|name| self.tree.name(name.syntax()));
        let guarded = add.if_not_exists().is_some();
        self.push(ObjectClass::Column, name, ObjectAction::Create, guarded);
        let ty = add.ty().map(|ty| ty.syntax().text().to_string());
        let is_serial = ty.is_some_and(|ty| SERIAL.contains(&ty.to_lowercase().as_str()));
        let fills = is_serial || add.constraints().any(|constraint| fills(&constraint));
        if fills {
            self.long(LongLockReason::FillsColumn, add.syntax());
        }
        let indexes = add.constraints().any(|constraint| {
            matches!(
                constraint,
                ast::Constraint::UniqueConstraint(_) | ast::Constraint::PrimaryKeyConstraint(_)
            )
        });
        if indexes && !fills {
            self.long(LongLockReason::BuildsConstraintIndex, add.syntax());
        }
    }

    fn drop_column(&mut self, drop: &ast::DropColumn) {
        let name = drop.column_name_ref();
        let Some(name) = name.and_then(|name| self.tree.name(name.syntax())) else {
            return;
        };
        self.statement.destroys.push(Destroys::Column {
            table: self.table.to_owned(),
            column: name.name.clone(),
        });
        let guarded = drop.if_exists().is_some();
        self.push(ObjectClass::Column, Some(name), ObjectAction::Drop, guarded);
    }

    fn alter_column(&mut self, alter: &ast::AlterColumn) {
        let name = alter.column_name_ref();
        let name = name.and_then(|name| self.tree.name(name.syntax()));
        match alter.option() {
            Some(AlterColumnOption::SetNotNull(_)) => {
                self.long(LongLockReason::ChecksNotNull, alter.syntax());
            }
            Some(AlterColumnOption::SetType(set)) => {
                if !is_free(&set) {
                    self.long(LongLockReason::ChangesType, alter.syntax());
                }
                if !is_lossless(&set, name.as_ref()) {
                    self.statement
                        .destroys
                        .extend(name.as_ref().map(|name| Destroys::Values {
                            table: self.table.to_owned(),
                            columns: vec![name.name.clone()],
                        }));
                }
            }
            Some(AlterColumnOption::SetExpression(_)) => {
                self.long(LongLockReason::RewritesTable, alter.syntax());
            }
            _ => {}
        }
        self.push(ObjectClass::Column, name, ObjectAction::Change, false);
    }

    fn add_constraint(&mut self, add: &ast::AddConstraint) {
        let Some(constraint) = add.constraint() else {
            return;
        };
        let node = constraint.syntax();
        let unnamed = || Name {
            schema: None,
            name: String::new(),
            span: self.tree.span(node),
        };
        let name = self.tree.name_in(node, SyntaxKind::CONSTRAINT_NAME);
        let name = name.unwrap_or_else(unnamed);
        self.push(
            ObjectClass::Constraint,
            Some(name),
            ObjectAction::Create,
            false,
        );
        let waits = node
            .descendants()
            .any(|inner| inner.kind() == SyntaxKind::NOT_VALID);
        let uses_index = node
            .descendants()
            .any(|inner| inner.kind() == SyntaxKind::USING_INDEX_NAME);
        use ast::Constraint as C;
        let reason = match constraint {
            C::ForeignKeyConstraint(_) => LongLockReason::ChecksForeignKey,
            C::CheckConstraint(_) => LongLockReason::ChecksConstraint,
            C::NotNullConstraint(_) => LongLockReason::ChecksNotNull,
            C::UniqueConstraint(_) | C::PrimaryKeyConstraint(_) | C::ExcludeConstraint(_) => {
                LongLockReason::BuildsConstraintIndex
            }
            _ => return,
        };
        if !waits && !uses_index {
            self.long(reason, add.syntax());
        }
    }
}

/// Types that bring a sequence along.
const SERIAL: [&str; 6] = [
    "bigserial",
    "serial",
    "serial2",
    "serial4",
    "serial8",
    "smallserial",
];

/// Functions whose value differs from row to row, so that a column with such a default is filled row by row.
const VOLATILE: [&str; 10] = [
    "clock_timestamp",
    "gen_random_uuid",
    "gen_random_bytes",
    "nextval",
    "random",
    "timeofday",
    "uuid_generate_v1",
    "uuid_generate_v4",
    "uuidv4",
    "uuidv7",
];

/// Whether a column with this constraint gets a value of its own in every row.
fn fills(constraint: &ast::Constraint) -> bool {
    match constraint {
        ast::Constraint::GeneratedConstraint(generated) => {
            let text = generated.syntax().text().to_string().to_lowercase();
            text.contains("stored") || text.contains("identity")
        }
        ast::Constraint::DefaultConstraint(default) => default.syntax().descendants().any(|node| {
            node.kind() == SyntaxKind::CALL_EXPR && {
                let call = node.text().to_string().to_lowercase();
                let name = call.split('(').next().unwrap_or_default().trim();
                let name = name.rsplit('.').next().unwrap_or(name);
                VOLATILE.contains(&name)
            }
        }),
        _ => false,
    }
}

fn type_words(set: &ast::SetType) -> String {
    let text = set.ty().map(|ty| ty.syntax().text().to_string());
    let text = text.unwrap_or_default().to_lowercase();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether the change of type needs no pass over the table, as far as the new type tells: to a text without a limit.
fn is_free(set: &ast::SetType) -> bool {
    set.using_expr().is_none()
        && matches!(
            type_words(set).as_str(),
            "text" | "varchar" | "character varying"
        )
}

/// Whether no value can be lost by the change of type, as far as the new type tells. `USING` may say no more than the cast that
/// is done without it.
fn is_lossless(set: &ast::SetType, column: Option<&Name>) -> bool {
    let dense = |text: &str| text.split_whitespace().collect::<String>();
    let using = set.using_expr().map(|using| {
        let text = using.syntax().text().to_string();
        dense(text.get("using".len()..).unwrap_or_default())
    });
    let casts = using.is_none_or(|using| {
        let (column_given, type_given) = using.split_once("::").unwrap_or_default();
        let quoted = column_given
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        let is_it = |column: &Name| match quoted {
            Some(given) => given == column.name,
            None => column_given.to_lowercase() == column_given && column_given == column.name,
        };
        column.is_some_and(is_it) && type_given.to_lowercase() == dense(&type_words(set))
    });
    casts
        && matches!(
            type_words(set).as_str(),
            "text" | "varchar" | "character varying" | "bigint" | "int8" | "numeric"
        )
}
