//! What acts on the whole server: roles, databases, tablespaces, subscriptions, the server's settings.

use tightrope_model::Span;

use crate::statement::{
    ClusterEffect, ClusterWide, Command, NamedObject, ObjectClass, StatementKind,
};

use super::cursor::{Cursor, Name};

/// A statement whose kind is known, with the cursor after the words of the kind.
pub(super) struct Known<'a> {
    pub(super) kind: StatementKind,
    pub(super) cursor: Cursor<'a>,
    pub(super) objects: &'a [NamedObject],
    pub(super) span: Span,
    /// Whether a name that ends there is whole; in SQL that is put together it may be the beginning of one.
    pub(super) is_whole: &'a dyn Fn(Span) -> bool,
}

/// What PostgreSQL's statement does to the server.
pub(super) fn postgres(known: &Known<'_>) -> Option<ClusterWide> {
    use ObjectClass as Class;
    let mut cursor = known.cursor.clone();
    let (what, effect) = match known.kind {
        StatementKind::Create(Class::Role) => {
            let name = known.named().and_then(|names| names.into_iter().next());
            (known.kind.to_string(), ClusterEffect::CreatesRole(name))
        }
        StatementKind::Alter(Class::Role) | StatementKind::Drop(Class::Role) => {
            let effect = ClusterEffect::Roles(known.named().into_iter().collect());
            (known.kind.to_string(), effect)
        }
        StatementKind::Create(class) | StatementKind::Alter(class) | StatementKind::Drop(class) => {
            let shared = matches!(
                class,
                Class::Database | Class::Tablespace | Class::Subscription | Class::System
            );
            let effect = shared.then_some(ClusterEffect::Server)?;
            (known.kind.to_string(), effect)
        }
        StatementKind::Other(Command::DropOwned | Command::ReassignOwned) => {
            cursor.eat("by");
            let effect = ClusterEffect::Roles(known.roles(&mut cursor).into_iter().collect());
            (known.kind.to_string(), effect)
        }
        StatementKind::Other(command @ (Command::Comment | Command::SecurityLabel)) => {
            remark(known, command, &mut cursor)?
        }
        StatementKind::Other(command @ (Command::Grant | Command::Revoke)) => {
            privilege(known, command, &mut cursor)?
        }
        _ => return None,
    };
    Some(ClusterWide {
        what,
        effect,
        span: known.span,
    })
}

/// `COMMENT ON` and `SECURITY LABEL … ON` something.
fn remark(
    known: &Known<'_>,
    command: Command,
    cursor: &mut Cursor<'_>,
) -> Option<(String, ClusterEffect)> {
    if cursor.eat("for") {
        cursor.next();
    }
    cursor.eat("on");
    let class = ["role", "database", "tablespace"]
        .into_iter()
        .find(|class| cursor.eat(class))?;
    let effect = match class {
        "role" => ClusterEffect::Roles(known.roles(cursor).into_iter().collect()),
        _ => ClusterEffect::Server,
    };
    Some((format!("{command} on {class}"), effect))
}

/// `GRANT` and `REVOKE`: of a role, or on what belongs to the server.
fn privilege(
    known: &Known<'_>,
    command: Command,
    cursor: &mut Cursor<'_>,
) -> Option<(String, ClusterEffect)> {
    let mut ahead = cursor.clone();
    while !ahead.is_at_end() {
        if ahead.eat("to") || ahead.eat("from") {
            break;
        }
        if ahead.eat("on") {
            let class = ["database", "tablespace", "parameter"]
                .into_iter()
                .find(|class| ahead.eat(class))?;
            return Some((format!("{command} on {class}"), ClusterEffect::Server));
        }
        if ahead.peek().is_some_and(|token| token.is_symbol("(")) {
            ahead.skip_parentheses();
        } else {
            ahead.next();
        }
    }
    for option in ["admin", "inherit", "set"] {
        cursor.eat(&format!("{option} option for"));
    }
    let granted = known.roles(cursor);
    let members = known.roles(&mut ahead);
    let sides = granted.into_iter().chain(members).collect();
    Some((format!("{command} role"), ClusterEffect::Roles(sides)))
}

impl Known<'_> {
    /// The names of the objects, if all of them are known.
    fn named(&self) -> Option<Vec<String>> {
        let whole =
            !self.objects.is_empty() && self.objects.iter().all(|o| (self.is_whole)(o.span));
        whole.then(|| self.objects.iter().map(|o| o.name.clone()).collect())
    }

    /// The roles of a list, if all of them are known.
    fn roles(&self, cursor: &mut Cursor<'_>) -> Option<Vec<String>> {
        let mut names = Vec::new();
        loop {
            cursor.eat("group");
            let Name { name, span, .. } = cursor.name()?;
            if !(self.is_whole)(span) {
                return None;
            }
            names.push(name);
            if !cursor.eat_symbol(",") {
                return Some(names);
            }
        }
    }
}
