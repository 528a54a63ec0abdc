//! What scripts do to the whole server while they are rehearsed.
//!
//! A copy beside the target shares its server. Roles that a script makes are marked in the transaction that makes them, so that
//! they can be dropped with the copy, also by somebody else if this process dies. What could not be taken back is refused there.

use tightrope_engine::{ConnectOptions, Engine, EngineError, ErrorKind, Role, Scratch, Session};
use tightrope_model::{EngineKind, Place};
use tightrope_script::{ClusterEffect, ClusterWide, Migration, Parsed, Script};

/// A statement that would act on the target's own server, and could not be taken back there.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{place}: `{what}` {}", words(effect))]
pub struct ClusterRefusal {
    /// Where it stands.
    pub place: Place,
    /// What it is: `alter system`.
    pub what: String,
    effect: ClusterEffect,
}

fn words(effect: &ClusterEffect) -> &'static str {
    match effect {
        ClusterEffect::CreatesRole(_) => "makes a role that the text does not name",
        ClusterEffect::Roles(_) => {
            "acts on roles that were there before, or that the text does not name"
        }
        ClusterEffect::Server => "acts on the whole server",
    }
}

/// Names that stand for roles which are always there.
const ALWAYS_THERE: [&str; 5] = [
    "all",
    "current_role",
    "current_user",
    "public",
    "session_user",
];

/// Whether the rehearsal can take it back, or nobody can feel it, where these roles were there before.
fn is_harmless(effect: &ClusterEffect, roles: &[Role]) -> bool {
    let is_new = |name: &String| {
        !ALWAYS_THERE.contains(&name.as_str()) && roles.iter().all(|role| role.name != *name)
    };
    match effect {
        ClusterEffect::CreatesRole(name) => name.is_some(),
        ClusterEffect::Roles(sides) => sides.iter().any(|side| side.iter().all(is_new)),
        ClusterEffect::Server => false,
    }
}

fn parts(script: &Script, dialect: EngineKind) -> Vec<ClusterWide> {
    let statements = script.parse(dialect).statements;
    statements
        .into_iter()
        .flat_map(|statement| statement.cluster_wide)
        .collect()
}

/// What in a migration acts on others.
fn harmful(migration: &Migration, dialect: EngineKind, roles: &[Role]) -> Vec<ClusterRefusal> {
    let scripts = std::iter::once(&migration.forward).chain(&migration.rollback);
    let harmful = scripts.flat_map(|script| {
        let parts = parts(script, dialect).into_iter();
        parts
            .filter(|part| !is_harmless(&part.effect, roles))
            .map(|part| ClusterRefusal {
                place: script.place(part.span.start),
                what: part.what,
                effect: part.effect,
            })
    });
    harmful.collect()
}

/// Refuses migrations that must not run on the server on which these roles are.
pub(super) fn refuse(
    migrations: &[&Migration],
    dialect: EngineKind,
    roles: &[Role],
) -> Result<(), ClusterRefusal> {
    migrations
        .iter()
        .find_map(|migration| harmful(migration, dialect, roles).into_iter().next())
        .map_or(Ok(()), Err)
}

/// What a migration does to the server of the copy and nobody takes back there.
pub(super) fn remarks(migration: &Migration, dialect: EngineKind, roles: &[Role]) -> Vec<String> {
    harmful(migration, dialect, roles)
        .iter()
        .map(|harmful| format!("{harmful}; what it does to the copy's server stays there"))
        .collect()
}

fn made_roles(migration: &Migration, dialect: EngineKind) -> Vec<String> {
    let scripts = std::iter::once(&migration.forward).chain(&migration.rollback);
    scripts
        .flat_map(|script| parts(script, dialect))
        .filter_map(|part| match part.effect {
            ClusterEffect::CreatesRole(name) => name,
            _ => None,
        })
        .collect()
}

/// Whether a migration makes roles.
pub(crate) fn makes_roles(migration: &Migration, dialect: EngineKind) -> bool {
    !made_roles(migration, dialect).is_empty()
}

/// Refuses migrations that make a role which another rehearsal has made for a while on this server.
pub(crate) fn refuse_busy(
    migrations: &[&Migration],
    dialect: EngineKind,
    roles: &[Role],
) -> Result<(), EngineError> {
    let made = migrations
        .iter()
        .flat_map(|migration| made_roles(migration, dialect));
    for name in made {
        if roles
            .iter()
            .any(|role| role.name == name && role.mark.is_some())
        {
            let message = format!("role {name:?} belongs to a rehearsal on this server");
            return Err(EngineError::new(ErrorKind::InUse, message).hint(
                "wait until that rehearsal is over; if there is none, take the comment from the role",
            ));
        }
    }
    Ok(())
}

/// The roles on the server of a scratch database, if any of the migrations acts on the server at all; an error if they are in
/// the way of another rehearsal.
pub(super) fn roles_at(
    engine: &dyn Engine,
    scratch: &dyn Scratch,
    migrations: &[&Migration],
) -> Result<Vec<Role>, EngineError> {
    let dialect = engine.kind();
    let acts = |script: &Script| !parts(script, dialect).is_empty();
    let acting = migrations
        .iter()
        .any(|migration| acts(&migration.forward) || migration.rollback.as_ref().is_some_and(acts));
    if !acting {
        return Ok(Vec::new());
    }
    let options = ConnectOptions::default();
    let roles = engine.connect(scratch.url(), &options)?.roles()?;
    refuse_busy(migrations, dialect, &roles)?;
    Ok(roles)
}

/// The roles with a mark.
pub(super) fn own_roles(
    session: &mut dyn Session,
    mark: Option<&str>,
) -> Result<Vec<String>, EngineError> {
    let Some(mark) = mark else {
        return Ok(Vec::new());
    };
    let roles = session.roles()?.into_iter();
    Ok(roles
        .filter(|role| role.mark.as_deref() == Some(mark))
        .map(|role| role.name)
        .collect())
}

/// The roles that a script makes while it is rehearsed.
pub(super) struct MadeRoles<'a> {
    mark: Option<&'a str>,
    /// Those that the script names and that were not there before it, or were the rehearsal's own.
    names: Vec<String>,
}

impl<'a> MadeRoles<'a> {
    /// Looks at the server before the script runs.
    pub(super) fn watch(
        session: &mut dyn Session,
        parsed: &Parsed,
        mark: Option<&'a str>,
    ) -> Result<Self, EngineError> {
        let mut parts = parsed
            .statements
            .iter()
            .flat_map(|statement| &statement.cluster_wide)
            .peekable();
        if mark.is_none() || parts.peek().is_none() {
            let names = Vec::new();
            return Ok(Self { mark, names });
        }
        let (own, others): (Vec<Role>, Vec<Role>) = session
            .roles()?
            .into_iter()
            .partition(|role| role.mark.as_deref() == mark);
        let made = parts.filter_map(|part| match &part.effect {
            ClusterEffect::CreatesRole(name) => name.clone(),
            _ => None,
        });
        let names = made
            .filter(|name| others.iter().all(|role| role.name != *name))
            .chain(own.into_iter().map(|role| role.name))
            .collect();
        Ok(Self { mark, names })
    }

    /// Marks them inside the transaction that makes them. A script's own comment on such a role gives way to the mark.
    pub(super) fn mark(&self, session: &mut dyn Session) -> Result<(), EngineError> {
        let Some(mark) = self.mark.filter(|_| !self.names.is_empty()) else {
            return Ok(());
        };
        let mut roles = session.roles()?;
        roles.retain(|role| role.mark.is_none() && self.names.contains(&role.name));
        if !roles.is_empty() {
            session.regain()?;
        }
        for role in roles {
            session.mark_role(&role.name, mark)?;
        }
        Ok(())
    }

    /// Marks them in a transaction of its own, after a step without one.
    pub(super) fn mark_alone(&self, session: &mut dyn Session) -> Result<(), EngineError> {
        if self.names.is_empty() {
            return Ok(());
        }
        session.begin()?;
        self.mark(session)?;
        session.commit()
    }
}
