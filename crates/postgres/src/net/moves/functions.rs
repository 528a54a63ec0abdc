//! What the three functions of a partition do.

use tightrope_engine::EngineError;
use tightrope_model::TableName;

use super::super::columns::{Column, Columns};
use super::super::merge::as_json;
use super::super::names;
use super::super::touch::{function, numbered, trigger_function};
use super::{Leaf, MOVING, Own};
use crate::quote::{literal, quote};

/// The table of links: for a row that moves, its family and its key of soon, the transaction, the function of the partition that
/// it leaves, the key that it had when the window began, and the row as it was.
pub(super) fn links(name: &TableName) -> String {
    let table = names::sql(name);
    let index = quote(&format!("{}_key", name.name));
    format!(
        "create table if not exists {table} (family integer, k text[], x bigint, leave text, o text[], was json); \
         create index if not exists {index} on {table} using hash (k); alter table {table} replica identity full"
    )
}

/// What the functions of one partition are made of.
pub(super) struct Functions<'a> {
    pub(super) leaf: &'a Leaf<'a>,
    /// The table's columns now.
    pub(super) columns: &'a Columns,
    pub(super) links: &'a TableName,
    pub(super) family: usize,
    pub(super) own: &'a Own,
}

/// Pre-images: where they are, and their columns.
type Rows<'a> = Option<(&'a TableName, &'a Columns)>;

impl Functions<'_> {
    /// The key's column in that place.
    fn column(&self, place: usize) -> Result<&Column, EngineError> {
        let plan = self.leaf.plan();
        self.columns.planned(plan, &plan.key[place - 1].after)
    }

    /// The value of the key's column in that place, as the log keeps it.
    fn value(&self, side: &str, place: usize) -> Result<String, EngineError> {
        let column = self.column(place)?;
        Ok(column.to_kept(&format!("{side}.{}", quote(&column.name))))
    }

    /// The key of a row as an array of text that is alike in all siblings.
    fn key(&self, side: &str) -> Result<String, EngineError> {
        let mut values = Vec::new();
        for place in &self.leaf.places {
            values.push(format!("({})::text", self.value(side, *place)?));
        }
        Ok(format!("array[{}]", values.join(", ")))
    }

    /// The entry `l` is that of the row.
    fn is_entry(&self, side: &str) -> Result<String, EngineError> {
        let mut pairs = Vec::new();
        for place in 1..=self.leaf.plan().key.len() {
            pairs.push(format!("l.k{place} = {}", self.value(side, place)?));
        }
        Ok(pairs.join(" and "))
    }

    /// The condition that an update changes the key.
    pub(super) fn key_differs(&self) -> Result<String, EngineError> {
        let mut differ = Vec::new();
        for place in 1..=self.leaf.plan().key.len() {
            let column = self.column(place)?;
            let name = quote(&column.name);
            differ.push(column.differs(&format!("old.{name}"), &format!("new.{name}")));
        }
        Ok(differ.join(" or "))
    }

    /// Before an update that changes the key: notes a link if the row will not stay. A row that is new in the window has
    /// nothing to take along.
    pub(super) fn note(&self) -> Result<String, EngineError> {
        let origins = self.leaf.places.iter().map(|n| format!("(l.o{n})::text"));
        let watched = numbered(self.leaf.plan()).into_iter();
        let body = format!(
            "#variable_conflict use_column\n\
             declare tightrope_origin text[]; tightrope_fresh boolean;\n\
             begin\n\
             if (select not ({bounds}) from (select new.*) t) then\n  \
             select array[{origins}], l.o1 is null into tightrope_origin, tightrope_fresh from {log} l where {is_entry};\n  \
             if not found then\n    tightrope_origin := {old_key}; tightrope_fresh := false;\n  end if;\n  \
             if not tightrope_fresh then\n    \
             insert into {links} values ({family}, {new_key}, txid_current(), {leave}, tightrope_origin, {was});\n    \
             perform set_config('{MOVING}', 'on', true);\n  \
             end if;\n\
             end if;\n\
             return new;\nend",
            bounds = self.leaf.bounds,
            origins = origins.collect::<Vec<_>>().join(", "),
            log = names::sql(self.leaf.log),
            is_entry = self.is_entry("old")?,
            old_key = self.key("old")?,
            links = names::sql(self.links),
            family = self.family,
            new_key = self.key("new")?,
            leave = literal(&names::sql(&self.own.leave)),
            was = format_args!("({})::json", as_json("old", watched.map(|(_, name)| name))),
        );
        Ok(trigger_function(&self.own.note, &body, true))
    }

    /// After an insertion: if a link leads here, the row's entry becomes what an update would have made of the one that it had,
    /// and its pre-image comes along.
    pub(super) fn join(&self, log: &Columns, rows: Rows<'_>) -> Result<String, EngineError> {
        let plan = self.leaf.plan();
        let mut sets = Vec::new();
        for (at, place) in (1..).zip(&self.leaf.places) {
            let origin = log.planned(plan, &format!("o{place}"))?;
            sets.push(format!(
                "o{place} = ((link.o)[{at}])::{}",
                origin.kept_type()
            ));
        }
        for (number, name) in numbered(plan) {
            sets.push(format!(
                "w{number} = {0} = any (gone.tightrope_written) or (link.was ->> {0}) is distinct from (new.{1})::text",
                literal(name),
                quote(name)
            ));
        }
        let image = rows.map(|(rows, columns)| {
            let kept = plan.columns.iter();
            let kept = kept.filter_map(|column| columns.get(&column.before));
            let (names, values): (Vec<String>, Vec<String>) = kept
                .map(|column| {
                    let value = format!(
                        "(gone.tightrope_image ->> {})::{}",
                        literal(&column.name),
                        column.type_name
                    );
                    (quote(&column.name), value)
                })
                .unzip();
            format!(
                "  if gone.tightrope_image is not null then\n    insert into {} ({}) values ({});\n  end if;\n",
                names::sql(rows),
                names.join(", "),
                values.join(", ")
            )
        });
        let body = format!(
            "declare link record; gone record;\n\
             begin\n\
             for link in delete from {links} m where m.family = {family} and m.k = {new_key} returning m.* loop\n  \
             continue when link.x <> txid_current();\n  \
             execute 'select g.* from ' || link.leave || '($1) g' into gone using link.o;\n  \
             continue when gone.tightrope_written is null;\n  \
             update {log} l set {sets} where {is_entry};\n{image}\
             end loop;\n\
             return null;\nend",
            links = names::sql(self.links),
            family = self.family,
            new_key = self.key("new")?,
            log = names::sql(self.leaf.log),
            sets = sets.join(", "),
            is_entry = self.is_entry("new")?,
            image = image.unwrap_or_default(),
        );
        Ok(trigger_function(&self.own.join, &body, true))
    }

    /// Gives up the entry of a row that was deleted here, and its pre-image; the written columns are NULL if there is no such
    /// entry.
    pub(super) fn leave(&self, log: &Columns, rows: Rows<'_>) -> Result<String, EngineError> {
        let plan = self.leaf.plan();
        let (mut is_entry, mut is_image) = (Vec::new(), Vec::new());
        for (at, place) in (1..).zip(&self.leaf.places) {
            let name = format!("o{place}");
            let column = log.planned(plan, &name)?;
            let value = format!("(tightrope_origin[{at}])::{}", column.kept_type());
            is_entry.push(format!("l.{name} = {value}"));
            if let Some((_, columns)) = rows {
                let key = &plan.key[place - 1].before;
                let column = columns.planned(plan, key)?;
                is_image.push(format!(
                    "p.{} = (tightrope_origin[{at}])::{}",
                    quote(key),
                    column.type_name
                ));
            }
        }
        let written = numbered(plan)
            .into_iter()
            .map(|(number, name)| format!("case when l.w{number} then {} end", literal(name)));
        let image = rows.map(|(rows, columns)| {
            let kept = plan.columns.iter().map(|column| column.before.as_str());
            format!(
                "delete from {} p where {} returning ({})::json into tightrope_image;\n",
                names::sql(rows),
                is_image.join(" and "),
                as_json("p", kept.filter(|name| columns.get(name).is_some()))
            )
        });
        let body = format!(
            "begin\n\
             delete from {log} l where l.ctid = (select l.ctid from {log} l where l.k1 is null and {is_entry} limit 1) \
             returning array_remove(array[{written}]::text[], null) into tightrope_written;\n\
             if tightrope_written is null then return; end if;\n\
             {image}\
             end",
            log = names::sql(self.leaf.log),
            is_entry = is_entry.join(" and "),
            written = written.collect::<Vec<_>>().join(", "),
            image = image.unwrap_or_default(),
        );
        let signature = format!(
            "{}(tightrope_origin text[], out tightrope_written text[], out tightrope_image json)",
            names::sql(&self.own.leave)
        );
        Ok(function(&signature, &body, true))
    }
}
