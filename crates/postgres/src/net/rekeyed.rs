//! Rows to which the forward script gives other keys: they are the same rows afterwards, as far as the application knows them.
//!
//! While the script runs, triggers write down what becomes of each row, in a table like a touch log: `k1`, … is the key that the row has,
//! `o1`, … the one that it had before. What is left of it when the window opens are the rows that have another key then, and those that the
//! script inserted. Before a rollback their entries in the touch log and the rows themselves get the keys of before ([`bring_home`]), and the
//! merge finds them as if they had never had others. What refers to such a row follows it.
//!
//! A row whose key of before the application has given to another stays where it is, as a row of the application's.

use std::collections::{BTreeMap, BTreeSet};

use tightrope_engine::{EngineError, KeptNet, KeptTable};
use tightrope_model::{Catalog, Keep, TableName, TablePlan};

use super::by_row::Followed;
use super::catch::{found_columns, triggers_on};
use super::columns::{Column, Columns, same};
use super::take_out;
use super::terms::of_own;
use super::touch::trigger_function;
use super::triggers::Quiet;
use super::window::attach;
use super::{keys, names, references};
use crate::quote::quote;
use crate::session::PostgresSession;

/// Begins to write down which keys the rows of a table get, if the script is to change any.
///
/// Parts of partitioned tables are left out: a row that gets another key may go to another part, and is another row there.
pub(super) fn begin(
    session: &mut PostgresSession,
    number: i64,
    kept: &mut KeptTable,
    before: &Catalog,
) -> Result<(), EngineError> {
    let plan = &kept.plan;
    let follows = plan.key_changes && !plan.key.is_empty() && plan.keep == Keep::Whole;
    if !follows || plan.after.is_none() || before.partitioned(&plan.before).is_some() {
        return Ok(());
    }
    let columns = Columns::of(session, &plan.before)?;
    let keys = names::own(number, plan, "keys");
    let mut definitions = Vec::new();
    let mut templates = Vec::new();
    for (place, part) in (1..).zip(&plan.key) {
        let column = columns.planned(plan, &part.before)?;
        // The script may set a key when its column has a wider type already.
        let planned = plan.columns.iter();
        let mut planned = planned.filter(|other| other.before == part.before);
        let wider = planned.find_map(|other| other.type_after.as_deref());
        let definition = column.of_type(wider).kept_definition();
        definitions.push(format!("k{place} {definition}, o{place} {definition}"));
        templates.push((column.number, column.to_kept("#.%I")));
    }
    session.execute_own(&format!(
        "create table {keys} ({}, moves boolean not null default true); create index on {keys} ({}); \
         alter table {keys} replica identity full",
        definitions.join(", "),
        list(plan, |place| format!("k{place}")),
        keys = names::sql(&keys),
    ))?;
    let [rows, truncate] = functions(number, plan);
    session.execute_own(&trigger_function(
        &rows,
        &body(&keys, plan, &templates),
        true,
    ))?;
    session.execute_own(&trigger_function(
        &truncate,
        &format!("begin delete from {}; return null; end", names::sql(&keys)),
        false,
    ))?;
    let event = "after insert or update or delete";
    attach(session, &plan.before, &rows, event, "", "row")?;
    attach(
        session,
        &plan.before,
        &truncate,
        "after truncate",
        "",
        "statement",
    )?;
    kept.rekeyed = Some(keys);
    Ok(())
}

/// The functions that write down keys: of rows, and of a TRUNCATE.
fn functions(number: i64, plan: &TablePlan) -> [TableName; 2] {
    ["keys", "keys_truncate"].map(|what| names::own(number, plan, what))
}

/// Something for each place of the key, from 1.
fn list(plan: &TablePlan, of: impl Fn(usize) -> String) -> String {
    let places = (1..=plan.key.len()).map(of);
    places.collect::<Vec<_>>().join(", ")
}

/// A condition for each place of the key.
fn all(plan: &TablePlan, of: impl Fn(usize) -> String) -> String {
    let places = (1..=plan.key.len()).map(of);
    places.collect::<Vec<_>>().join(" and ")
}

fn body(keys: &TableName, plan: &TablePlan, templates: &[(i64, String)]) -> String {
    let keys = names::sql(keys);
    let read = |side: &str| {
        format!(
            "execute 'select ' || list || ' from (select ($1).*) r' into {side}_key using {side}"
        )
    };
    let of = |alias: &str| list(plan, |place| format!("{alias}.tightrope_k{place}"));
    let is_old = all(plan, |place| {
        format!("k{place} = old_key.tightrope_k{place}")
    });
    let (places, origins) = (
        list(plan, |place| format!("k{place}")),
        list(plan, |place| format!("o{place}")),
    );
    let same_key = all(plan, |place| {
        format!("old_key.tightrope_k{place} = new_key.tightrope_k{place}")
    });
    format!(
        "declare list text; found integer; written bigint; old_key record; new_key record;\nbegin\n{found}\
         if tg_op <> 'INSERT' then {read_old}; end if;\n\
         if tg_op <> 'DELETE' then {read_new}; end if;\n\
         if tg_op = 'INSERT' then\n  insert into {keys} ({places}) values ({new});\n\
         elsif tg_op = 'DELETE' then\n  \
           delete from {keys} where {is_old} and o1 is null;\n  get diagnostics written = row_count;\n  \
           if written = 0 then\n    update {keys} set {gone} where {is_old};\n    get diagnostics written = row_count;\n    \
           if written = 0 then insert into {keys} ({origins}) values ({old}); end if;\n  end if;\n\
         elsif not ({same}) then\n  \
           update {keys} set {moved} where {is_old};\n  get diagnostics written = row_count;\n  \
           if written = 0 then insert into {keys} ({places}, {origins}) values ({new}, {old}); end if;\n\
         end if;\nreturn null;\nend",
        found = found_columns("list", "r", templates, " as tightrope_k"),
        read_old = read("old"),
        read_new = read("new"),
        new = of("new_key"),
        old = of("old_key"),
        gone = list(plan, |place| format!("k{place} = null")),
        moved = list(plan, |place| format!(
            "k{place} = new_key.tightrope_k{place}"
        )),
        same = same_key,
    )
}

/// Keeps what there is to know of keys when the script has run. Its triggers are there still.
pub(super) fn settle(
    session: &mut PostgresSession,
    number: i64,
    table: &mut KeptTable,
) -> Result<(), EngineError> {
    let (Some(keys), Some(after)) = (table.rekeyed.take(), table.plan.after.clone()) else {
        return Ok(());
    };
    let sql = names::sql(&keys);
    let plan = &table.plan;
    let [rows, _] = functions(number, plan);
    let on = triggers_on(session, &after, &rows)?;
    let moved = format!(
        "k1 is not null and o1 is not null and not ({})",
        all(plan, |place| format!("k{place} = o{place}"))
    );
    let any = session.query_own(
        &format!("select 1::bigint from {sql} where {moved} limit 1"),
        &[],
    )?;
    // Where the table is another, or its triggers were off, nothing is known.
    if on != 2 || any.is_empty() {
        return session.execute_own(&format!("drop table {sql}"));
    }
    let inserted = names::own(number, plan, "inserted");
    session.execute_own(&format!(
        "create table {} as select {} from {sql} where o1 is null and k1 is not null; \
         delete from {sql} where not coalesce({moved}, false); create index on {sql} ({})",
        names::sql(&inserted),
        list(plan, |place| format!("k{place}")),
        list(plan, |place| format!("o{place}")),
    ))?;
    if keys_are_others(session, table, (&after, &keys, &inserted))? {
        // A change of the column's type has given them others once more.
        table.plan.key.clear();
        return session.execute_own(&format!("drop table {sql}, {}", names::sql(&inserted)));
    }
    (table.inserted, table.rekeyed) = (Some(inserted), Some(keys));
    Ok(())
}

/// Whether rows have other keys now than what was written down says: a change of the column's type has given them others besides.
fn keys_are_others(
    session: &mut PostgresSession,
    table: &KeptTable,
    (after, moved, inserted): (&TableName, &TableName, &TableName),
) -> Result<bool, EngineError> {
    let plan = &table.plan;
    let (columns, of_moved) = (Columns::of(session, after)?, Columns::of(session, moved)?);
    let now = plan.key.iter();
    let now = now.map(|part| columns.planned(plan, &part.after));
    let now: Vec<&Column> = now.collect::<Result<_, _>>()?;
    let is_moved = has(plan, "t", now.iter().copied(), ("m", "k", &of_moved))?;
    let (after, moved) = (names::sql(after), names::sql(moved));
    let lost = session.query_own(
        &format!(
            "select 1::bigint from {moved} m where not exists (select from only {after} t where {is_moved}) limit 1"
        ),
        &[],
    )?;
    let rows = table.rows.as_ref().filter(|_| plan.key_in_doubt);
    let (Some(rows), true) = (rows, lost.is_empty()) else {
        return Ok(!lost.is_empty());
    };
    let (of_rows, of_inserted) = (Columns::of(session, rows)?, Columns::of(session, inserted)?);
    let Some(stayed) = keys::same_key(plan, &of_rows, &columns) else {
        return Ok(true);
    };
    let unknown = session.query_own(
        &format!(
            "select 1::bigint from only {after} t where not exists (select from {moved} m where {is_moved}) \
             and not exists (select from {} i where {}) and not exists (select from {} p where {stayed}) limit 1",
            names::sql(inserted),
            has(plan, "t", now.iter().copied(), ("i", "k", &of_inserted))?,
            names::sql(rows),
        ),
        &[],
    )?;
    Ok(!unknown.is_empty())
}

/// Gives rows and their entries the keys of before. After a written script only rows move that it has left under other keys.
///
/// # Errors
/// When the new schema does not take the keys of before.
pub(super) fn bring_home(
    session: &mut PostgresSession,
    kept: &KeptNet,
    after_script: bool,
) -> Result<(), EngineError> {
    for table in &kept.tables {
        let Some(keys) = &table.rekeyed else {
            continue;
        };
        let rows = format!("select 1::bigint from {} limit 1", names::sql(keys));
        if session.query_own(&rows, &[])?.is_empty() {
            continue;
        }
        let Some(home) = Home::of(session, table, keys)? else {
            continue;
        };
        home.settle_entries(session)?;
        home.move_rows(session, kept, after_script)?;
    }
    Ok(())
}

/// One table on its way to the keys of before.
struct Home<'k> {
    kept: &'k KeptTable,
    /// The table as it is called now; a written script may have given it its old name.
    table: TableName,
    /// The columns of the key, as they are called and typed now.
    now: Vec<Column>,
    keys: String,
    of_keys: Columns,
    log: Option<(String, Columns)>,
    inserted: Option<(String, Columns)>,
}

impl<'k> Home<'k> {
    fn of(
        session: &mut PostgresSession,
        kept: &'k KeptTable,
        keys: &TableName,
    ) -> Result<Option<Self>, EngineError> {
        let plan = &kept.plan;
        let after = plan.after.as_ref().unwrap_or(&plan.before);
        let mut found = None;
        // A written script may have been at it.
        for (table, is_after) in [(after, true), (&plan.before, false)] {
            let columns = Columns::of(session, table)?;
            let key = plan.key.iter();
            let key = key.map(|part| match is_after {
                true => columns.get(&part.after),
                false => columns.get(&part.before),
            });
            if let (None, Some(key)) = (&found, key.collect::<Option<Vec<_>>>()) {
                found = Some((table.clone(), key.into_iter().cloned().collect()));
            }
        }
        let Some((table, now)) = found else {
            return Ok(None);
        };
        let log = of_own(session, kept.touched.as_ref())?;
        let inserted = of_own(session, kept.inserted.as_ref())?;
        Ok(Some(Self {
            kept,
            table,
            now,
            keys: names::sql(keys),
            of_keys: Columns::of(session, keys)?,
            log,
            inserted,
        }))
    }

    fn plan(&self) -> &TablePlan {
        &self.kept.plan
    }

    /// The key's columns (`k` or `o`) of an own table and those of the table of keys are the same.
    fn is(
        &self,
        (alias, letter, columns): (&str, &str, &Columns),
        (of_keys, other): (&str, &str),
    ) -> Result<String, EngineError> {
        let mut pairs = Vec::new();
        for place in 1..=self.plan().key.len() {
            let (own, key) = (format!("{letter}{place}"), format!("{other}{place}"));
            let left = columns.planned(self.plan(), &own)?;
            let right = self.of_keys.planned(self.plan(), &key)?;
            pairs.push(same(
                (&format!("{alias}.{own}"), left),
                (&format!("{of_keys}.{key}"), right),
            ));
        }
        Ok(pairs.join(" and "))
    }

    /// A row of the table has that key (`k` or `o`) of an own table.
    fn has(&self, own: (&str, &str, &Columns)) -> Result<String, EngineError> {
        has(self.plan(), "t", &self.now, own)
    }

    /// Entries tell of rows by the keys of before.
    fn settle_entries(&self, session: &mut PostgresSession) -> Result<(), EngineError> {
        let Some((log, columns)) = &self.log else {
            return Ok(());
        };
        let (plan, keys) = (self.plan(), &self.keys);
        let no_origin = list(plan, |place| format!("o{place} = null"));
        let stays = all(plan, |place| format!("l.k{place} = l.o{place}"));
        let began = self.is(("l", "o", columns), ("m", "k"))?;
        if let Some((inserted, of_inserted)) = &self.inserted {
            // A row of the migration's that has a key which was another's.
            session.execute_own(&format!(
                "update {log} l set {no_origin} where exists (select from {inserted} i, {keys} m where {} and {})",
                self.is(("i", "k", of_inserted), ("m", "o"))?,
                self.is(("l", "o", columns), ("m", "o"))?,
            ))?;
        }
        // The application has given a key of before to another row: the one that had it stays.
        loop {
            let blocked = format!(
                "exists (select from {log} l where {} and not coalesce({stays} and exists (select from {keys} n where {}), false))",
                self.is(("l", "k", columns), ("m", "o"))?,
                self.is(("l", "o", columns), ("n", "k"))?,
            );
            let own = match &self.inserted {
                Some((inserted, of_inserted)) => format!(
                    "insert into {inserted} ({}) select {} from {keys} m where {blocked}; ",
                    list(plan, |place| format!("k{place}")),
                    list(plan, |place| self.cast(
                        "m",
                        of_inserted,
                        ("k", place),
                        ("k", place)
                    )),
                ),
                None => String::new(),
            };
            let found = session.query_own(
                &format!("select 1::bigint from {keys} m where {blocked} limit 1"),
                &[],
            )?;
            if found.is_empty() {
                break;
            }
            session.execute_own(&format!(
                "update {keys} m set moves = false where {blocked}; \
                 {own}\
                 update {log} l set {no_origin} from {keys} m where not m.moves and {began}; \
                 delete from {keys} where not moves"
            ))?;
        }
        // The application has deleted it, given it another key, or emptied the table and made another row with its key.
        session.execute_own(&format!(
            "update {keys} m set moves = false from {log} l where ({began} or {}) and not coalesce({stays}, false)",
            self.is(("l", "k", columns), ("m", "k"))?,
        ))?;
        let origin = (1..=plan.key.len()).map(|place| {
            let cast = self.cast("m", columns, ("o", place), ("o", place));
            let key = self.cast("m", columns, ("o", place), ("k", place));
            format!(
                "o{place} = {cast}, k{place} = case when {stays} then {key} else l.k{place} end"
            )
        });
        session.execute_own(&format!(
            "update {log} l set {} from {keys} m where {began}",
            origin.collect::<Vec<_>>().join(", "),
        ))
    }

    /// A column of the key in the table of keys, as another own table keeps it.
    fn cast(
        &self,
        alias: &str,
        columns: &Columns,
        (own, place): (&str, usize),
        (letter, at): (&str, usize),
    ) -> String {
        let wanted = columns.get(&format!("{letter}{at}"));
        let wanted = wanted.map_or("text", |column| column.type_name.as_str());
        format!("({alias}.{own}{place})::text::{wanted}")
    }

    fn move_rows(
        &self,
        session: &mut PostgresSession,
        kept: &KeptNet,
        after_script: bool,
    ) -> Result<(), EngineError> {
        let (table, keys) = (names::sql(&self.table), &self.keys);
        let (is_now, is_home) = (
            self.has(("m", "k", &self.of_keys))?,
            self.has(("m", "o", &self.of_keys))?,
        );
        let is_home_already = match after_script {
            true => format!(" or exists (select from only {table} t where {is_home})"),
            false => String::new(),
        };
        session.execute_own(&format!(
            "delete from {keys} m where not moves or not exists (select from only {table} t where {is_now}){is_home_already}"
        ))?;
        let rows = format!("select 1::bigint from {keys} limit 1");
        if session.query_own(&rows, &[])?.is_empty() {
            return Ok(());
        }
        session.execute_own("set constraints all immediate")?;
        let references = references::to_tables(session, std::iter::once(&self.table))?;
        let again = references::drop_declared(session, &references)?;
        let quiet = Quiet::make(session, std::iter::once(&self.table))?;
        if let Some((inserted, of_inserted)) = &self.inserted {
            session.execute_own(&format!(
                "delete from only {table} t where exists (select from {inserted} i where {}) \
                 and exists (select from {keys} m where {is_home})",
                self.has(("i", "k", of_inserted))?,
            ))?;
        }
        let columns = take_out::columns(session, &self.table)?;
        let places: Vec<String> = columns.iter().map(|name| quote(name)).collect();
        let values = columns.iter().map(|name| {
            let at = self.now.iter().position(|column| column.name == *name);
            match at {
                Some(at) => format!(
                    "(m.o{})::text::{} as {}",
                    at + 1,
                    self.now[at].type_name,
                    quote(name)
                ),
                None => format!("t.{}", quote(name)),
            }
        });
        let (places, values) = (places.join(", "), values.collect::<Vec<_>>().join(", "));
        let moving = names::moving();
        session.execute_own(&format!(
            "create table {moving} as select {values} from only {table} t join {keys} m on {is_now}; \
             delete from only {table} t using {keys} m where {is_now}; \
             insert into {table} ({places}) overriding system value select {places} from {moving}; \
             drop table {moving}"
        ))?;
        quiet.end(session)?;
        // Several foreign keys may say the same, and a row that followed is not to follow once more.
        let mut followers: BTreeMap<(&TableName, Vec<&String>), BTreeSet<&TableName>> =
            BTreeMap::new();
        for reference in references
            .iter()
            .filter(|one| one.columns.len() == self.now.len())
        {
            let of_key = self.now.iter().map(|now| {
                let mut columns = reference.columns.iter();
                let pair = columns.find(|(_, parent)| *parent == now.name);
                pair.map(|(child, _)| child)
            });
            if let Some(columns) = of_key.collect::<Option<Vec<&String>>>() {
                let follower = (reference.declared_on(), columns);
                followers
                    .entry(follower)
                    .or_default()
                    .insert(&reference.child);
            }
        }
        for ((child, columns), parts) in followers {
            let quiet = Quiet::make(session, parts.iter().copied())?;
            self.follow(session, kept, (child, &parts), &columns)?;
            quiet.end(session)?;
        }
        again.iter().try_for_each(|sql| session.execute_own(sql))
    }

    /// Lets rows that refer by these columns, in the order of the key, to a row that has moved refer to it by its key of before.
    fn follow(
        &self,
        session: &mut PostgresSession,
        kept: &KeptNet,
        (child, parts): (&TableName, &BTreeSet<&TableName>),
        names: &[&String],
    ) -> Result<(), EngineError> {
        let of_child = kept.tables.iter().find(|table| {
            let name = table.plan.after.as_ref().unwrap_or(&table.plan.before);
            name == child
        });
        // What is its own key as well goes home by itself.
        let goes_home = of_child.is_some_and(|table| {
            let mut key = table.plan.key.iter();
            table.rekeyed.is_some() && key.any(|part| names.contains(&&part.after))
        });
        if goes_home {
            return Ok(());
        }
        let columns = Columns::of(session, child)?;
        let own = names.iter().map(|name| columns.planned(self.plan(), name));
        let own: Vec<&Column> = own.collect::<Result<_, _>>()?;
        let sets = (1..).zip(&own).map(|(place, column)| {
            let (name, of) = (quote(&column.name), &column.type_name);
            format!("{name} = (m.o{place})::text::{of}")
        });
        let sets: Vec<String> = sets.collect();
        let refers = |alias: &str| {
            has(
                self.plan(),
                alias,
                own.iter().copied(),
                ("m", "k", &self.of_keys),
            )
        };
        let keyless = kept.tables.iter().filter(|table| {
            let after = table.plan.after.as_ref();
            table.plan.key.is_empty()
                && after.is_some_and(|after| after == child || parts.contains(after))
        });
        let followed: Vec<(String, Followed<'_>)> = (1..)
            .zip(keyless)
            .map(|(number, kept)| {
                let noted = TableName::new(names::SCHEMA, format!("net_following_{number}"));
                let followed = Followed {
                    kept,
                    keys: &self.keys,
                    columns: &own,
                };
                (names::sql(&noted), followed)
            })
            .collect();
        for (noted, followed) in &followed {
            followed.note(session, noted, &refers("t")?)?;
        }
        session.execute_own(&format!(
            "update {} c set {} from {} m where {}",
            names::sql(child),
            sets.join(", "),
            self.keys,
            refers("c")?,
        ))?;
        for (noted, followed) in &followed {
            followed.change(session, noted)?;
        }
        Ok(())
    }
}

/// The condition that a row has a key (`k` or `o`) of an own table in these columns.
fn has<'c>(
    plan: &TablePlan,
    alias: &str,
    key: impl IntoIterator<Item = &'c Column>,
    (own, letter, columns): (&str, &str, &Columns),
) -> Result<String, EngineError> {
    let pairs = (1..).zip(key).map(|(place, column)| {
        let name = format!("{letter}{place}");
        let other = columns.planned(plan, &name)?;
        Ok(same(
            (&format!("{alias}.{}", quote(&column.name)), column),
            (&format!("{own}.{name}"), other),
        ))
    });
    let pairs: Result<Vec<String>, EngineError> = pairs.collect();
    pairs.map(|pairs| pairs.join(" and "))
}
