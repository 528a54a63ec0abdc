use tightrope_model::{Catalog, Object, ObjectKind};

use super::super::fates::inherited;
use super::super::kind::KindDdl;
use super::super::names;
use super::super::quote::{literal, qualified, quote};
use super::place::{alike, last, text};
use crate::Change;

/// `add constraint` of tables and domains.
pub(in super::super) struct Constraint;

impl KindDdl for Constraint {
    fn kinds(&self) -> &'static [ObjectKind] {
        &[ObjectKind::Constraint]
    }

    fn create(&self, object: &Object, catalog: &Catalog) -> Vec<String> {
        let mut statements = Vec::new();
        if is_made_with_parent(object, catalog) {
            return trigger_states(object, None).into_iter().collect();
        }
        statements.push(add(object, catalog));
        statements.extend(trigger_states(object, None));
        statements
    }

    fn drop(&self, object: &Object, catalog: &Catalog) -> String {
        let what = match what(object, catalog) {
            "table only" => "table",
            what => what,
        };
        let name = qualified(owner(object));
        format!(
            "alter {what} {name} drop constraint {}",
            quote(last(object))
        )
    }

    fn alter(&self, before: &Object, now: &Object, change: &Change<'_>) -> Option<Vec<String>> {
        let with_parent = is_taken_up(before, now, change.before);
        if alike(before, now, &["triggers"])
            || with_parent && alike(before, now, &["triggers", "inheritance"])
        {
            return Some(trigger_states(before, Some(now)).into_iter().collect());
        }
        // What was checked again only has to be checked.
        let (was, is) = (text(before, "definition"), text(now, "definition"));
        let validates = alike(before, now, &["definition", "triggers"])
            && is.strip_suffix(" NOT VALID") == Some(was);
        validates.then(|| {
            let name = qualified(owner(before));
            vec![format!(
                "alter table {name} validate constraint {}",
                quote(last(before))
            )]
        })
    }
}

/// The statement that makes it.
pub(in super::super) fn add(constraint: &Object, catalog: &Catalog) -> String {
    format!(
        "alter {} {} add constraint {} {}",
        what(constraint, catalog),
        qualified(owner(constraint)),
        quote(last(constraint)),
        text(constraint, "definition")
    )
}

/// Whether a partition has for itself what it had with its parent: a parent that it is attached to again takes it up.
fn is_taken_up(before: &Object, now: &Object, catalog: &Catalog) -> bool {
    inherited(before)
        && now.attribute("inheritance").is_none()
        && names::is_of_part(before, catalog)
}

fn owner(constraint: &Object) -> &[String] {
    let path = &constraint.id.path;
    &path[..path.len().saturating_sub(1)]
}

/// What the constraint belongs to. Keys of a partitioned table are made on it alone, and then take up those of the
/// partitions, so that each keeps its name.
fn what(constraint: &Object, catalog: &Catalog) -> &'static str {
    let owner = names::owner(constraint, catalog).and_then(|owner| catalog.object(&owner));
    match owner.map(|owner| (owner.id.kind, owner)) {
        Some((ObjectKind::Domain, _)) => "domain",
        Some((ObjectKind::ForeignTable, _)) => "foreign table",
        Some((_, table))
            if table.attribute("partition_key").is_some()
                && matches!(constraint.attribute("form"), Some("p" | "u" | "x")) =>
        {
            "table only"
        }
        _ => "table",
    }
}

/// Whether the constraint comes into being with that of a parent, under its name.
pub(in super::super) fn is_made_with_parent(constraint: &Object, catalog: &Catalog) -> bool {
    let inherited = constraint.attribute("inheritance") == Some("inherited");
    match constraint.attribute("form") {
        Some("p" | "u" | "x") => false,
        Some("f") => match constraint.attribute("part") {
            Some(_) => constraint.attribute("parent") == Some(last(constraint)),
            None => false,
        },
        _ => inherited && names::owner(constraint, catalog).is_some(),
    }
}

/// Puts the server's own triggers behind a foreign key into the states that they had. Their names carry numbers, so they are
/// found by what they are.
fn trigger_states(constraint: &Object, now: Option<&Object>) -> Option<String> {
    let wanted = constraint.attribute("trigger_states");
    if wanted == now.and_then(|now| now.attribute("trigger_states")) {
        return None;
    }
    let table = literal(&qualified(owner(constraint)));
    let name = literal(last(constraint));
    let wanted: Vec<String> = wanted
        .unwrap_or_default()
        .split(", ")
        .filter(|state| !state.is_empty())
        .map(|state| format!("    {}", literal(state)))
        .collect();
    Some(format!(
        "do $$\ndeclare\n  wanted text[] := array[\n{}]::text[];\n  found record;\nbegin\n  for found in\n    \
         select g.tgrelid::regclass as relation, g.tgname, split_part(w, ' ', 3) as state\n    \
         from pg_trigger g\n    join pg_constraint c on c.oid = g.tgconstraint\n    \
         left join unnest(wanted) w on split_part(w, ' ', 1)::regclass = g.tgrelid and split_part(w, ' ', 2)::regproc = g.tgfoid\n    \
         where c.conrelid = {table}::regclass and c.conname = {name}\n  loop\n    \
         execute format('alter table %s %s trigger %I', found.relation,\n      \
         case found.state when 'D' then 'disable' when 'R' then 'enable replica' when 'A' then 'enable always' else 'enable' end,\n      \
         found.tgname);\n  end loop;\nend $$",
        wanted.join(",\n")
    ))
}
