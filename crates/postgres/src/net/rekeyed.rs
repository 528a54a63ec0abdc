//! Rows to which the forward script gives other keys: they are the same rows afterwards, as far as the application knows them.
//!
//! While the script runs, triggers write down what becomes of each row, in a table like a touch log: `k1`, … is the key that the row has,
//! `o1`, … the one that it had before. What is left of it when the window opens are the rows that have another key then, and those that the
//! script inserted. Before a rollback their entries in the touch log and the rows themselves get the keys of before ([`bring_home`]), and the
//! merge finds them as if they had never had others. What refers to such a row follows it.
//!
//! A row whose key of before the application has given to another stays where it is, as a row of the application's.

use tightrope_engine::{EngineError, KeptNet, KeptTable};
use tightrope_model::{Catalog, Keep, TableName, TablePlan, Value};

use super::catch::found_columns;
use super::columns::{Column, Columns, same};
use super::names;
use super::spread::not_as_planned;
use super::take_out;
use super::touch::trigger_function;
use super::triggers::Quiet;
use super::window::attach;
use crate::quote::{literal, quote};
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
        let column = columns.get(&part.before);
        let column = column.ok_or_else(|| not_as_planned(plan, &part.before))?;
        let definition = column.kept_definition();
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
    let states = session.query_own(
        &format!(
            "select g.tgenabled::text from pg_catalog.pg_trigger g join pg_catalog.pg_proc p on p.oid = g.tgfoid \
             where g.tgrelid = pg_catalog.to_regclass({}) and p.pronamespace = 'tightrope'::regnamespace and p.proname = any (array[{}])",
            literal(&names::sql(&after)),
            functions(number, &table.plan).map(|function| literal(&function.name)).join(", "),
        ),
        &[],
    )?;
    let on = |row: &&Vec<Value>| row.first().and_then(Value::text) == Some("A");
    let plan = &table.plan;
    let moved = format!(
        "k1 is not null and o1 is not null and not ({})",
        all(plan, |place| format!("k{place} = o{place}"))
    );
    let any = session.query_own(
        &format!("select 1::bigint from {sql} where {moved} limit 1"),
        &[],
    )?;
    // Where the table is another, or its triggers were off, nothing is known.
    if states.iter().filter(on).count() != 2 || any.is_empty() {
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
    let (columns, of_keys) = (Columns::of(session, &after)?, Columns::of(session, &keys)?);
    let mut pairs = Vec::new();
    for (place, part) in (1..).zip(&plan.key) {
        let key = format!("k{place}");
        let (Some(now), Some(known)) = (columns.get(&part.after), of_keys.get(&key)) else {
            return Err(not_as_planned(plan, &part.after));
        };
        let name = format!("t.{}", quote(&now.name));
        pairs.push(same((&name, now), (&format!("m.{key}"), known)));
    }
    let lost = session.query_own(
        &format!(
            "select 1::bigint from {sql} m where not exists (select from only {} t where {}) limit 1",
            names::sql(&after),
            pairs.join(" and "),
        ),
        &[],
    )?;
    if !lost.is_empty() {
        // A change of the column's type has given them others once more.
        table.plan.key.clear();
        return session.execute_own(&format!("drop table {sql}, {}", names::sql(&inserted)));
    }
    (table.inserted, table.rekeyed) = (Some(inserted), Some(keys));
    Ok(())
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
        let mut own = |name: &Option<TableName>| match name {
            Some(name) => {
                Ok::<_, EngineError>(Some((names::sql(name), Columns::of(session, name)?)))
            }
            None => Ok(None),
        };
        let (log, inserted) = (own(&kept.touched)?, own(&kept.inserted)?);
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
            let (Some(left), Some(right)) = (columns.get(&own), self.of_keys.get(&key)) else {
                return Err(not_as_planned(self.plan(), &own));
            };
            pairs.push(same(
                (&format!("{alias}.{own}"), left),
                (&format!("{of_keys}.{key}"), right),
            ));
        }
        Ok(pairs.join(" and "))
    }

    /// A row of the table has that key of the table of keys.
    fn has(&self, alias: &str, (of_keys, letter): (&str, &str)) -> Result<String, EngineError> {
        let mut pairs = Vec::new();
        for (place, now) in (1..).zip(&self.now) {
            let key = format!("{letter}{place}");
            let right = self.of_keys.get(&key);
            let right = right.ok_or_else(|| not_as_planned(self.plan(), &key))?;
            pairs.push(same(
                (&format!("{alias}.{}", quote(&now.name)), now),
                (&format!("{of_keys}.{key}"), right),
            ));
        }
        Ok(pairs.join(" and "))
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
        let (is_now, is_home) = (self.has("t", ("m", "k"))?, self.has("t", ("m", "o"))?);
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
        let references = References::drop(session, &self.table)?;
        let quiet = Quiet::make(session, std::iter::once(&self.table))?;
        if let Some((inserted, of_inserted)) = &self.inserted {
            let mut own = Vec::new();
            for (place, now) in (1..).zip(&self.now) {
                let key = format!("k{place}");
                let left = of_inserted.get(&key);
                let left = left.ok_or_else(|| not_as_planned(self.plan(), &key))?;
                own.push(same(
                    (&format!("i.{key}"), left),
                    (&format!("t.{}", quote(&now.name)), now),
                ));
            }
            session.execute_own(&format!(
                "delete from only {table} t where exists (select from {inserted} i where {}) \
                 and exists (select from {keys} m where {is_home})",
                own.join(" and "),
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
        let moving = names::sql(&TableName::new(names::SCHEMA, "net_moving"));
        session.execute_own(&format!(
            "create table {moving} as select {values} from only {table} t join {keys} m on {is_now}; \
             delete from only {table} t using {keys} m where {is_now}; \
             insert into {table} ({places}) overriding system value select {places} from {moving}; \
             drop table {moving}"
        ))?;
        quiet.end(session)?;
        for reference in &references.all {
            self.follow(session, kept, reference)?;
        }
        references.make_again(session)
    }

    /// Lets rows that refer to a row that has moved refer to it by its key of before.
    fn follow(
        &self,
        session: &mut PostgresSession,
        kept: &KeptNet,
        reference: &Reference,
    ) -> Result<(), EngineError> {
        let of_child = kept.tables.iter().find(|table| {
            let name = table.plan.after.as_ref().unwrap_or(&table.plan.before);
            *name == reference.child
        });
        // What is its own key as well goes home by itself.
        let goes_home = of_child.is_some_and(|table| {
            let mut key = table.plan.key.iter();
            table.rekeyed.is_some() && key.any(|part| reference.columns.contains(&part.after))
        });
        let mut pairs = Vec::new();
        let columns = Columns::of(session, &reference.child)?;
        for (place, now) in (1..).zip(&self.now) {
            let at = reference.referred.iter().position(|name| *name == now.name);
            let Some(column) = at.and_then(|at| columns.get(&reference.columns[at])) else {
                return Ok(());
            };
            pairs.push((place, column));
        }
        if goes_home || pairs.len() != reference.columns.len() {
            return Ok(());
        }
        let (mut sets, mut refers) = (Vec::new(), Vec::new());
        for (place, column) in pairs {
            let key = format!("k{place}");
            let of_key = self.of_keys.get(&key);
            let of_key = of_key.ok_or_else(|| not_as_planned(self.plan(), &key))?;
            let name = quote(&column.name);
            sets.push(format!("{name} = (m.o{place})::text::{}", column.type_name));
            refers.push(same(
                (&format!("c.{name}"), column),
                (&format!("m.{key}"), of_key),
            ));
        }
        let quiet = Quiet::make(session, std::iter::once(&reference.child))?;
        session.execute_own(&format!(
            "update {} c set {} from {} m where {}",
            names::sql(&reference.child),
            sets.join(", "),
            self.keys,
            refers.join(" and "),
        ))?;
        quiet.end(session)
    }
}

/// A foreign key to the table.
struct Reference {
    child: TableName,
    columns: Vec<String>,
    referred: Vec<String>,
    again: String,
}

/// The foreign keys to a table: rows cannot leave it while they stand.
struct References {
    all: Vec<Reference>,
}

impl References {
    fn drop(session: &mut PostgresSession, table: &TableName) -> Result<Self, EngineError> {
        session.execute_own("set constraints all immediate")?;
        let names_of = |of: &str, numbers: &str| {
            format!(
                "(select pg_catalog.json_agg(a.attname order by u.place)::text from unnest({numbers}) with ordinality u (number, place) \
                 join pg_catalog.pg_attribute a on a.attrelid = {of} and a.attnum = u.number)"
            )
        };
        let rows = session.query_own(
            &format!(
                "select n.nspname::text, r.relname::text, c.conname::text, pg_catalog.pg_get_constraintdef(c.oid), {}, {}, \
                 pg_catalog.obj_description(c.oid, 'pg_constraint') \
                 from pg_catalog.pg_constraint c join pg_catalog.pg_class r on r.oid = c.conrelid \
                 join pg_catalog.pg_namespace n on n.oid = r.relnamespace \
                 where c.confrelid = pg_catalog.to_regclass({}) and c.contype = 'f' and c.conparentid = 0 order by c.oid",
                names_of("c.conrelid", "c.conkey"),
                names_of("c.confrelid", "c.confkey"),
                literal(&names::sql(table)),
            ),
            &[],
        )?;
        let mut all = Vec::new();
        for row in &rows {
            let text = |at: usize| row.get(at).and_then(Value::text).unwrap_or_default();
            let listed = |at: usize| serde_json::from_str(text(at)).unwrap_or_default();
            let child = TableName::new(text(0), text(1));
            let (of, name) = (names::sql(&child), quote(text(2)));
            session.execute_own(&format!("alter table {of} drop constraint {name}"))?;
            let mut again = format!("alter table {of} add constraint {name} {}", text(3));
            if !text(6).is_empty() {
                again.push_str(&format!(
                    "; comment on constraint {name} on {of} is {}",
                    literal(text(6))
                ));
            }
            all.push(Reference {
                child,
                columns: listed(4),
                referred: listed(5),
                again,
            });
        }
        Ok(Self { all })
    }

    fn make_again(self, session: &mut PostgresSession) -> Result<(), EngineError> {
        for reference in &self.all {
            session.execute_own(&reference.again)?;
        }
        Ok(())
    }
}
