//! Rows that go home: to the part that they would have been in without the migration.

use std::collections::BTreeMap;

use tightrope_engine::{EngineError, KeptTable, Window};
use tightrope_inverse::Matching;
use tightrope_model::{KeyColumn, ObjectId, TableName};

use super::super::columns::Columns;
use super::super::triggers::Quiet;
use super::super::{names, take_out};
use super::{bound_of, detach, is_entry_of, let_go_of, stands_alone};
use crate::quote::{literal, quote};
use crate::session::PostgresSession;

/// The rows of a table that meet a part's bounds of before, on their way to that part.
pub(super) struct MoveRows<'a> {
    pub(super) from: &'a KeptTable,
    /// Its name now.
    pub(super) after: &'a TableName,
    pub(super) home: &'a KeptTable,
    pub(super) bounds: &'a str,
    pub(super) window: &'a Window<'a>,
    pub(super) matching: &'a Matching,
}

impl MoveRows<'_> {
    /// Moves them; says whether there were any. Default parts that have to stand alone meanwhile are added to `aside`, each with what it is a
    /// part of.
    pub(super) fn run(
        &self,
        session: &mut PostgresSession,
        aside: &mut Vec<(TableName, TableName)>,
    ) -> Result<bool, EngineError> {
        let Self {
            from,
            after,
            home,
            bounds,
            window,
            ..
        } = *self;
        let theirs = from.plan.columns.iter();
        let theirs: BTreeMap<&String, &String> = theirs
            .filter_map(|column| Some((&column.before, column.after.as_ref()?)))
            .collect();
        let of_before = theirs
            .iter()
            .map(|(before, now)| format!("t.{} as {}", quote(now), quote(before)));
        let of_before: Vec<String> = of_before.collect();
        let from_name = names::sql(after);
        let belong = format!(
            "from only {from_name} t where exists (select from (select {}) t where {bounds})",
            of_before.join(", ")
        );
        let key_of = |alias: &str| {
            let key = home.plan.key.iter();
            let pairs = key.filter_map(|part| {
                let now = theirs.get(&part.before)?;
                Some(format!("o.{} = {alias}.{}", quote(&part.after), quote(now)))
            });
            pairs.collect::<Vec<_>>().join(" and ")
        };
        let same_key = key_of("t");
        let alone = stands_alone(home, window);
        let belong = match alone.filter(|_| home.rows.is_none()) {
            // Nothing was copied out of it: a row that has the key of one of its own is another.
            Some(alone) => format!(
                "{belong} and not exists (select from only {} o where {same_key})",
                names::sql(alone)
            ),
            None => belong,
        };
        let found = session.query_own(&format!("select 1::bigint {belong} limit 1"), &[])?;
        if found.is_empty() {
            return Ok(false);
        }
        let place = home.plan.after.as_ref().unwrap_or(&home.plan.before);
        let place_name = names::sql(place);
        let is_there = format!(
            "select 1::bigint where pg_catalog.to_regclass({}) is not null",
            literal(&place_name)
        );
        if session.query_own(&is_there, &[])?.is_empty() {
            // Beside a default part whose rows belong here it could not be made as a part; those come along.
            aside.extend(self.make_again(session)?);
        }
        let known = take_out::columns(session, place)?;
        let both = home.plan.columns.iter().filter_map(|column| {
            let now = theirs.get(&column.before)?;
            Some((column.after.as_ref()?, *now))
        });
        let added = from.plan.added.iter().filter(|name| known.contains(name));
        let types = [Columns::of(session, place)?, Columns::of(session, after)?];
        let (mut places, mut columns, mut values) = (vec![], vec![], vec![]);
        for (place, now) in both.chain(added.map(|name| (name, name))) {
            places.push(quote(place));
            columns.push(quote(now));
            values.push(match (types[0].get(place), types[1].get(now)) {
                (Some(is), Some(was)) if is.type_name != was.type_name => {
                    self.of_other_type(&theirs, (place, &is.type_name), now)?
                }
                _ => quote(now),
            });
        }
        let only_there = known.iter().map(|name| quote(name));
        let only_there: Vec<String> = only_there.filter(|name| !places.contains(name)).collect();
        let (places, columns, values) = (places.join(", "), columns.join(", "), values.join(", "));
        let quiet = Quiet::make(session, [after, place].into_iter())?;
        if let (Some(alone), false) = (alone, only_there.is_empty()) {
            // What is lost since in the other part is still in the row's own.
            let own = names::moving();
            let of_own = only_there
                .iter()
                .map(|name| format!("(select o.{name} from {own} o where {})", key_of("moved")));
            session.execute_own(&format!(
                "create table {own} as select o.* from only {alone} o where exists (select {belong} and {same_key}); \
                 delete from only {alone} o where exists (select {belong} and {same_key}); \
                 with moved as (delete {belong} and exists (select from {own} o where {same_key}) returning {columns}) \
                 insert into {place_name} ({places}, {}) overriding system value select {values}, {} from moved; \
                 drop table {own}",
                only_there.join(", "),
                of_own.collect::<Vec<_>>().join(", "),
                alone = names::sql(alone),
            ))?;
        } else if let Some(alone) = alone {
            session.execute_own(&format!(
                "delete from only {} o where exists (select {belong} and {same_key})",
                names::sql(alone),
            ))?;
        }
        session.execute_own(&format!(
            "with moved as (delete {belong} returning {columns}) \
             insert into {place_name} ({places}) overriding system value select {values} from moved"
        ))?;
        quiet.end(session)?;
        Ok(true)
    }

    /// The value of a column that has another type in the part that a row goes to, for that stood alone: that of before where nobody has
    /// written it since.
    fn of_other_type(
        &self,
        theirs: &BTreeMap<&String, &String>,
        (place, kind): (&String, &str),
        now: &str,
    ) -> Result<String, EngineError> {
        let plan = &self.home.plan;
        let as_it_is = format!("({})::text::{kind}", quote(now));
        let mut columns = (1..).zip(&plan.columns);
        let planned = columns.find(|(_, column)| column.after.as_ref() == Some(place));
        let (Some(rows), Some(log), Some((number, column))) =
            (&self.home.rows, &self.home.touched, planned)
        else {
            return Ok(as_it_is);
        };
        let key = |part: &KeyColumn| {
            let now = theirs.get(&part.before).map_or("", |now| now.as_str());
            format!("moved.{}", quote(now))
        };
        let same = plan
            .key
            .iter()
            .map(|part| format!("(p.{})::text = ({})::text", quote(&part.before), key(part)));
        let image = format!(
            "from {} p where {}",
            names::sql(rows),
            same.collect::<Vec<_>>().join(" and ")
        );
        let written = format!(
            "exists (select from {} l where l.w{number} and {})",
            names::sql(log),
            is_entry_of(plan, key, plan, "l.o")?
        );
        Ok(format!(
            "case when exists (select {image}) and not {written} then (select p.{} {image})::text::{kind} else {as_it_is} end",
            quote(&column.before)
        ))
    }

    /// Makes the part that is gone, empty, in the shape of what it was a part of. Gives the default part that stands in its way, detached.
    fn make_again(
        &self,
        session: &mut PostgresSession,
    ) -> Result<Option<(TableName, TableName)>, EngineError> {
        let Self {
            after,
            home,
            window,
            matching,
            ..
        } = *self;
        let name = names::sql(&home.plan.before);
        let whole = window.before.partitioned(&home.plan.before);
        let whole = whole.and_then(|whole| matching.now(&ObjectId::of_table(&whole)).cloned());
        let parts: Vec<&str> = whole
            .iter()
            .flat_map(|id| id.path.iter().map(String::as_str))
            .collect();
        let [bound, _] = bound_of(home, window);
        let ([schema, table], Some(bound)) = (&parts[..], bound) else {
            session.execute_own(&format!(
                "create table {name} (like {} including all)",
                names::sql(after)
            ))?;
            return Ok(None);
        };
        let whole = TableName::new(*schema, *table);
        let defaults = session.query_tables(&format!(
        "select n.nspname::text, c.relname::text from pg_catalog.pg_partitioned_table p join pg_catalog.pg_class c on c.oid = p.partdefid \
         join pg_catalog.pg_namespace n on n.oid = c.relnamespace where p.partrelid = pg_catalog.to_regclass({})",
        literal(&names::sql(&whole))
    ))?;
        for default in &defaults {
            let_go_of(session, default, window)?;
            detach(session, default)?;
        }
        session.execute_own(&format!(
            "create table {name} partition of {} {bound}",
            names::sql(&whole)
        ))?;
        Ok(defaults.into_iter().next().map(|default| (whole, default)))
    }
}
