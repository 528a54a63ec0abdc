//! Rows of before that would come back to parents that the application has deleted, moved or replaced since. Had they been
//! there, their foreign key would have acted: they follow its action now.

use tightrope_engine::{EngineError, KeptNet, KeptTable, Quarantined, Window};
use tightrope_model::{Catalog, Keep, ObjectKind, TableName};

use super::columns::{Columns, same};
use super::conflicts::{ForeignKey, Rule, foreign_key, qualified};
use super::merge::as_json;
use super::names;
use super::sources::default_of;
use super::terms::{Shape, Terms};
use super::touch::numbered;
use crate::quote::quote;
use crate::session::PostgresSession;

/// Lets the pre-images follow what happened to their parents. Those that come back and whose foreign key forbids what happened
/// are given whole.
pub(super) fn follow_parents(
    session: &mut PostgresSession,
    kept: &KeptNet,
    window: &Window<'_>,
) -> Result<Vec<Quarantined>, EngineError> {
    let mut quarantined = Vec::new();
    let edges = edges(session, kept, window)?;
    for edge in &edges {
        edge.follow_keys(session, &mut quarantined)?;
    }
    // A row that goes may be another's parent.
    loop {
        let mut changed = 0;
        for edge in &edges {
            changed += edge.follow(session, &mut quarantined)?;
        }
        if changed == 0 {
            return Ok(quarantined);
        }
    }
}

/// Rows that are there, to which the migration gave other parents, and whose parents of before are gone: their foreign key
/// would have taken them along, or would have forbidden it.
pub(super) fn rules<'k>(
    session: &mut PostgresSession,
    kept: &'k KeptNet,
    window: &Window<'_>,
) -> Result<Vec<Rule<'k>>, EngineError> {
    // Each rule reads a whole table: only where parents of before are gone or have other keys it can find anything.
    let mut changed = Vec::new();
    for table in &kept.tables {
        if has_lost_keys(session, table)? {
            changed.push(table.plan.number);
        }
    }
    if changed.is_empty() {
        return Ok(Vec::new());
    }
    let edges = edges(session, kept, window)?;
    let edges = edges.iter();
    let edges = edges.filter(|edge| changed.contains(&edge.parent.plan.number));
    Ok(edges.filter_map(Edge::rule).collect())
}

/// Whether the application has deleted rows of before, or given them other keys.
fn has_lost_keys(session: &mut PostgresSession, table: &KeptTable) -> Result<bool, EngineError> {
    let Some(log) = &table.touched else {
        return Ok(false);
    };
    let places = 1..=table.plan.key.len();
    let lost: String = places
        .map(|place| format!(" or k{place} <> o{place}"))
        .collect();
    let found = session.query_own(
        &format!(
            "select 1::bigint from {} where k1 is null{lost} limit 1",
            names::sql(log)
        ),
        &[],
    )?;
    Ok(!found.is_empty())
}

/// The foreign keys of before whose children have pre-images and whose parents are of the net.
fn edges<'k>(
    session: &mut PostgresSession,
    kept: &'k KeptNet,
    window: &Window<'_>,
) -> Result<Vec<Edge<'k>>, EngineError> {
    let mut edges = Vec::new();
    for child in kept
        .tables
        .iter()
        .filter(|child| child.rows.is_some() && !child.plan.is_made)
    {
        for (name, definition) in definitions(window.before, &child.plan.before) {
            let Some(key) = foreign_key(definition) else {
                continue;
            };
            let Some((schema, parent)) = qualified(key.parent) else {
                continue;
            };
            let named = TableName::new(schema, parent);
            for leaf in window.before.leaves(&named) {
                // A leaf's rows alone do not tell what became of a row that may be in another.
                let parent = kept.table(&leaf);
                let parent = parent.filter(|kept| leaf == named || kept.touched.is_some());
                if let Some(parent) = parent {
                    edges.extend(Edge::of(
                        session,
                        window.before,
                        name,
                        (child, parent),
                        &key,
                    )?);
                }
            }
        }
    }
    Ok(edges)
}

/// The foreign keys of a table of before: their names and definitions.
fn definitions<'c>(
    before: &'c Catalog,
    table: &TableName,
) -> impl Iterator<Item = (&'c str, &'c str)> {
    let table = table.clone();
    before.objects().filter_map(move |object| {
        let [schema, of, name] = &object.id.path[..] else {
            return None;
        };
        let is_its = object.id.kind == ObjectKind::Constraint
            && *schema == table.schema
            && *of == table.name;
        let definition = object.attribute("definition").filter(|_| is_its)?;
        definition
            .starts_with("FOREIGN KEY")
            .then_some((name.as_str(), definition))
    })
}

/// What has become of the parent that `p` refers to.
#[derive(Default)]
struct Fate {
    /// Follows `p` in a FROM clause.
    joins: String,
    /// Conditions of which each says that it is gone.
    gone: Vec<String>,
    /// The condition that it has another key, and that key.
    moved: Option<(String, Vec<String>)>,
    /// The condition that its key was written, whatever it is now: to set a reference to NULL is not undone by writing back.
    rewritten: Option<String>,
}

impl Fate {
    /// By the touch log.
    fn read_log(
        &mut self,
        session: &mut PostgresSession,
        parent: &KeptTable,
        own: &Columns,
        columns: &[String],
    ) -> Result<(), EngineError> {
        let Some(log) = &parent.touched else {
            return Ok(());
        };
        let of_log = Columns::of(session, log)?;
        let log = names::sql(log);
        let (mut pairs, mut moved_to) = (Vec::new(), Vec::new());
        for (place, column) in (1..).zip(columns) {
            let (origin, now) = (format!("o{place}"), format!("f.k{place}"));
            if let (Some(was), Some(of_origin)) = (own.get(column), of_log.get(&origin)) {
                let (origin, was_value) = (format!("f.{origin}"), format!("p.{}", quote(column)));
                pairs.push(same((&origin, of_origin), (&was_value, was)));
                moved_to.push(now);
            }
        }
        self.joins
            .push_str(&format!("left join {log} f on {} ", pairs.join(" and ")));
        self.gone
            .push("f.o1 is not null and f.k1 is null".to_owned());
        self.gone.push(format!(
            "exists (select from {log} m where m.k1 is null and m.o1 is null)"
        ));
        let moved = (1..=columns.len()).map(|place| format!("f.k{place} <> f.o{place}"));
        let moved = moved.collect::<Vec<_>>().join(" or ");
        self.moved = Some((format!("f.k1 is not null and ({moved})"), moved_to));
        let is_key = |name: &str| parent.plan.key.iter().any(|part| part.after == name);
        let written: Vec<String> = numbered(&parent.plan)
            .into_iter()
            .filter(|(_, name)| is_key(name))
            .map(|(number, _)| format!("f.w{number}"))
            .collect();
        self.rewritten = (!written.is_empty())
            .then(|| format!("f.o1 is not null and ({})", written.join(" or ")));
        Ok(())
    }

    /// By the pre-images: a parent that does not come back itself has none any more.
    fn read_rows(
        &mut self,
        session: &mut PostgresSession,
        parent: &KeptTable,
        own: &Columns,
        key: &ForeignKey<'_>,
    ) -> Result<(), EngineError> {
        let whole = parent.plan.keep == Keep::Whole;
        let Some(rows) = parent.rows.as_ref().filter(|_| whole) else {
            return Ok(());
        };
        let of_rows = Columns::of(session, rows)?;
        let mut pairs = Vec::new();
        for (referred, column) in key.parent_columns.iter().zip(&key.columns) {
            if let (Some(was), Some(of_parent)) = (own.get(column), of_rows.get(referred)) {
                let (parent, child) = (
                    format!("g.{}", quote(referred)),
                    format!("p.{}", quote(column)),
                );
                pairs.push(same((&parent, of_parent), (&child, was)));
            }
        }
        self.gone.push(format!(
            "not exists (select from {} g where {})",
            names::sql(rows),
            pairs.join(" and ")
        ));
        Ok(())
    }
}

/// One foreign key of before between two tables of the net.
struct Edge<'k> {
    /// The foreign key's name.
    name: String,
    child: &'k KeptTable,
    parent: &'k KeptTable,
    rows: &'k TableName,
    columns: Vec<String>,
    /// The pre-images that come back.
    returning: Option<Images>,
    /// Those of rows that are there, and get their foreign key's values back.
    standing: Option<Images>,
    fate: Fate,
    /// The columns' defaults before, or NULL.
    defaults: Vec<String>,
    on_delete: Action,
    on_update: Action,
}

/// Pre-images `p` in a FROM clause with its condition, and where they are.
struct Images {
    from: String,
    filter: String,
    place: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Forbid,
    Cascade,
    SetNull,
    SetDefault,
}

impl Action {
    /// Whether the row stays, and refers to nothing or to what its default says.
    fn lets_go(self) -> bool {
        matches!(self, Self::SetNull | Self::SetDefault)
    }

    fn of(rest: &str, event: &str) -> Self {
        let says = |action: &str| rest.contains(&format!(" ON {event} {action}"));
        if says("CASCADE") {
            Self::Cascade
        } else if says("SET NULL") {
            Self::SetNull
        } else if says("SET DEFAULT") {
            Self::SetDefault
        } else {
            Self::Forbid
        }
    }
}

impl<'k> Edge<'k> {
    /// None if the foreign key does not refer to the key by which the parent's rows are known.
    fn of(
        session: &mut PostgresSession,
        before: &Catalog,
        name: &str,
        (child, parent): (&'k KeptTable, &'k KeptTable),
        key: &ForeignKey<'_>,
    ) -> Result<Option<Self>, EngineError> {
        let Some(rows) = &child.rows else {
            return Ok(None);
        };
        let own = Columns::of(session, rows)?;
        let mut columns = key.columns.clone();
        if key.columns.iter().any(|column| own.get(column).is_none()) {
            return Ok(None);
        }
        let mut fate = Fate::default();
        if parent.touched.is_some() {
            // The log knows rows by their key, in its order.
            let by_key = parent.plan.key.iter().map(|part| {
                let mut at = key.parent_columns.iter();
                let at = at.position(|column| *column == part.before)?;
                Some(key.columns[at].as_str())
            });
            match by_key.collect::<Option<Vec<&str>>>() {
                Some(by_key) if by_key.len() == key.columns.len() => {
                    columns = by_key.into_iter().map(str::to_owned).collect();
                    fate.read_log(session, parent, &own, &columns)?;
                }
                _ => return Ok(None),
            }
        } else {
            fate.read_rows(session, parent, &own, key)?;
        }
        let (returning, standing) = images(session, child, rows, &columns)?;
        let default = |column: &String| default_of(before, &child.plan.before, column);
        let defaults = columns.iter().map(default).collect();
        Ok(Some(Self {
            name: name.to_owned(),
            child,
            parent,
            rows,
            returning,
            standing,
            fate,
            defaults,
            columns,
            on_delete: Action::of(key.rest, "DELETE"),
            on_update: Action::of(key.rest, "UPDATE"),
        }))
    }

    /// The rule for rows that are there; none if every one of them can follow.
    fn rule(&self) -> Option<Rule<'k>> {
        let (images, table) = (self.standing.as_ref()?, self.child.plan.after.as_ref()?);
        let mut broken = Vec::new();
        if !self.on_delete.lets_go() && !self.fate.gone.is_empty() {
            broken.push(self.is_gone());
        }
        if let (Action::Forbid, Some((is_moved, _))) = (self.on_update, &self.fate.moved) {
            broken.push(is_moved.clone());
        }
        (!broken.is_empty()).then(|| Rule {
            kept: self.child,
            table,
            breaks: format!(
                "foreign key `{}`, for what they referred to before is gone",
                self.name
            ),
            places: format!(
                "select t.ctid as place from {} {} where {} and ({})",
                images.from,
                self.fate.joins,
                images.filter,
                broken.join(" or ")
            ),
        })
    }

    /// What `p` refers to is gone.
    fn is_gone(&self) -> String {
        let known = self
            .columns
            .iter()
            .map(|column| format!("p.{} is not null", quote(column)));
        let known = known.collect::<Vec<_>>().join(" and ");
        format!("{known} and ({})", self.fate.gone.join(" or "))
    }

    fn follow(
        &self,
        session: &mut PostgresSession,
        quarantined: &mut Vec<Quarantined>,
    ) -> Result<u64, EngineError> {
        let mut changed = 0;
        if !self.fate.gone.is_empty() {
            changed = self.act(session, self.on_delete, &self.is_gone(), None, quarantined)?;
        }
        Ok(changed)
    }

    /// Follows parents to their keys of now.
    fn follow_keys(
        &self,
        session: &mut PostgresSession,
        quarantined: &mut Vec<Quarantined>,
    ) -> Result<(), EngineError> {
        let Some((is_moved, moved_to)) = &self.fate.moved else {
            return Ok(());
        };
        let condition = match (self.on_update, &self.fate.rewritten) {
            (Action::SetNull | Action::SetDefault, Some(rewritten)) => rewritten,
            _ => is_moved,
        };
        self.act(
            session,
            self.on_update,
            condition,
            Some(moved_to),
            quarantined,
        )?;
        Ok(())
    }

    /// Lets the child's log know of rows that do not come back: they may be parents themselves.
    fn note(&self, session: &mut PostgresSession) -> Result<String, EngineError> {
        let Some(log) = self
            .child
            .touched
            .as_ref()
            .filter(|_| !self.child.plan.key.is_empty())
        else {
            return Ok(String::new());
        };
        let of_log = Columns::of(session, log)?;
        let (mut origins, mut keys) = (Vec::new(), Vec::new());
        for (place, part) in (1..).zip(&self.child.plan.key) {
            let origin = format!("o{place}");
            if let Some(column) = of_log.get(&origin) {
                keys.push(format!(
                    "(r.{})::text::{}",
                    quote(&part.before),
                    column.type_name
                ));
            }
            origins.push(origin);
        }
        Ok(format!(
            ", noted as (insert into {} ({}) select {} from taken r)",
            names::sql(log),
            origins.join(", "),
            keys.join(", ")
        ))
    }

    fn act(
        &self,
        session: &mut PostgresSession,
        action: Action,
        condition: &str,
        moved_to: Option<&[String]>,
        quarantined: &mut Vec<Quarantined>,
    ) -> Result<u64, EngineError> {
        let mut changed = 0;
        let values = match (action, moved_to) {
            (Action::Cascade, Some(moved_to)) => Some(moved_to.to_vec()),
            (Action::SetNull, _) => Some(vec!["null".to_owned(); self.columns.len()]),
            (Action::SetDefault, _) => Some(self.defaults.clone()),
            _ => None,
        };
        if let Some(values) = values {
            for images in self.returning.iter().chain(&self.standing) {
                changed += self.refer(session, images, condition, &values)?;
            }
        } else if let Some(images) = &self.returning {
            changed += self.take(session, images, action, condition, quarantined)?;
        }
        Ok(changed)
    }

    /// Lets pre-images refer to these values.
    fn refer(
        &self,
        session: &mut PostgresSession,
        images: &Images,
        condition: &str,
        values: &[String],
    ) -> Result<u64, EngineError> {
        let named: Vec<String> = (1..)
            .zip(values)
            .map(|(n, value)| format!("{value} as v{n}"))
            .collect();
        let sets = (1..).zip(values).zip(&self.columns);
        let sets = sets.map(|((n, value), column)| match value.as_str() {
            "null" => format!("{} = null", quote(column)),
            _ => format!("{} = v.v{n}", quote(column)),
        });
        let sets: Vec<String> = sets.collect();
        session.change(&format!(
            "update {} r set {} from (select {} as place, {} from {} {} where {} and {condition}) v where r.ctid = v.place",
            names::sql(self.rows),
            sets.join(", "),
            images.place,
            named.join(", "),
            images.from,
            self.fate.joins,
            images.filter,
        ))
    }

    /// Takes pre-images out, so that they do not come back.
    fn take(
        &self,
        session: &mut PostgresSession,
        images: &Images,
        action: Action,
        condition: &str,
        quarantined: &mut Vec<Quarantined>,
    ) -> Result<u64, EngineError> {
        let (rows, place) = (names::sql(self.rows), images.place);
        let from = format!(
            "{} {} where {} and {condition}",
            images.from, self.fate.joins, images.filter
        );
        let columns = self
            .child
            .plan
            .columns
            .iter()
            .map(|column| column.before.as_str());
        let note = self.note(session)?;
        let taken = session.query_own(
            &format!(
                "with taken as (delete from {rows} r where r.ctid in (select {place} from {from}) returning r.*){} select {} from taken r",
                note,
                as_json("r", columns)
            ),
            &[],
        )?;
        if action == Action::Forbid {
            quarantined.extend(taken.iter().filter_map(|row| {
                Some(Quarantined {
                    table: self
                        .child
                        .plan
                        .after
                        .as_ref()
                        .unwrap_or(&self.child.plan.before)
                        .clone(),
                    reason: format!("what it refers to by foreign key `{}` is gone", self.name),
                    row: row.first()?.text()?.to_owned(),
                })
            }));
        }
        Ok(u64::try_from(taken.len()).unwrap_or_default())
    }
}

/// The pre-images of a table that come back, and those whose rows are there and get these columns back.
fn images(
    session: &mut PostgresSession,
    child: &KeptTable,
    rows: &TableName,
    columns: &[String],
) -> Result<(Option<Images>, Option<Images>), EngineError> {
    let Some(after) = &child.plan.after else {
        let all = Images {
            from: format!("{} p", names::sql(rows)),
            filter: "true".to_owned(),
            place: "p.ctid",
        };
        return Ok((Some(all), None));
    };
    let terms = Terms::of(session, child, after, Shape::After)?;
    let place = match child.plan.key.is_empty() {
        true => "p.tightrope_place",
        false => "p.ctid",
    };
    let returning = terms.joins.gone.as_ref().map(|gone| Images {
        from: gone.from.replace("{now}", &terms.facts.table),
        filter: gone.filter.clone(),
        place,
    });
    let (mut unwritten, mut others) = (Vec::new(), Vec::new());
    for column in columns {
        let of_before = child.plan.columns.iter();
        let Some(at) = of_before.map(|c| &c.before).position(|c| c == column) else {
            continue;
        };
        unwritten.push(format!("not ({})", terms.written(at + 1)));
        let was = format!("(p.{})::text", quote(column));
        others.push(match &child.plan.columns[at].after {
            Some(now) => format!("(t.{})::text is distinct from {was}", quote(now)),
            None => format!("{was} is not null"),
        });
    }
    let standing = (!others.is_empty()).then(|| Images {
        from: terms.from(),
        filter: format!(
            "{} and {} and ({})",
            terms.joins.has_before,
            unwritten.join(" and "),
            others.join(" or ")
        ),
        place,
    });
    Ok((returning, standing))
}
