//! The touch log of a table with a key, and the triggers that write it.
//!
//! A row is looked up by the key that it had before the event, so entries follow rows whose keys change. Events come in the
//! order in which rows were written, and a key that is the row's identity is checked row by row, so a key is free in the log
//! when an event claims it. (A key that is checked at the end of a statement only is no identity: see the catalog's keys.)

use tightrope_engine::EngineError;
use tightrope_model::{TableName, TablePlan};

use super::columns::{Column, Columns};
use super::terms::Shape;
use super::{by_row, names};
use crate::quote::{literal, quote};

/// The columns of a table whose writing is logged, by their name now, in the order of their numbers from 1: those that it had
/// before, then those that were added. A column that is gone has a number, too.
pub(super) fn numbered(plan: &TablePlan) -> Vec<(usize, &str)> {
    let old = plan.columns.iter().map(|column| column.after.as_deref());
    let added = plan.added.iter().map(|name| Some(name.as_str()));
    let numbered = (1..).zip(old.chain(added));
    numbered
        .filter_map(|(number, name)| Some((number, name?)))
        .collect()
}

/// One part of what tells a row from the others.
struct KeyPart {
    /// The column; none for a whole row.
    name: String,
    /// The type and collation that it has in the log.
    definition: String,
    /// The value of the row OLD and of NEW.
    old: String,
    new: String,
    /// What the migration left alone of the row OLD and of NEW, where the log keeps it beside.
    stays: Option<[String; 2]>,
    /// It is text that is made from a value, and depends on how a session writes it.
    is_written: bool,
    /// It may be too long for an index.
    is_long: bool,
}

impl KeyPart {
    fn of_column(column: &Column) -> Self {
        let value = |side: &str| column.to_kept(&format!("{side}.{}", quote(&column.name)));
        Self {
            name: column.name.clone(),
            definition: column.kept_definition(),
            old: value("old"),
            new: value("new"),
            stays: None,
            is_written: !column.built_in,
            is_long: false,
        }
    }

    fn of_row(plan: &TablePlan) -> Self {
        Self {
            name: String::new(),
            definition: "text collate \"C\"".to_owned(),
            old: by_row::whole_text(plan, "old"),
            new: by_row::whole_text(plan, "new"),
            stays: by_row::has_more(plan)
                .then(|| ["old", "new"].map(|side| by_row::text(plan, Shape::After, side))),
            is_written: true,
            is_long: true,
        }
    }
}

/// What is written down of one table.
pub(super) struct TouchLog<'a> {
    log: &'a TableName,
    key: Vec<KeyPart>,
    /// The logged columns with their numbers.
    watched: Vec<(usize, &'a Column)>,
}

impl<'a> TouchLog<'a> {
    /// The log of a table whose columns are now these.
    pub(super) fn new(
        log: &'a TableName,
        plan: &'a TablePlan,
        columns: &'a Columns,
    ) -> Result<Self, EngineError> {
        let find = |name: &str| columns.planned(plan, name);
        let key = match plan.key.is_empty() {
            true => vec![KeyPart::of_row(plan)],
            false => plan
                .key
                .iter()
                .map(|key| Ok(KeyPart::of_column(find(&key.after)?)))
                .collect::<Result<_, EngineError>>()?,
        };
        Ok(Self {
            log,
            key,
            watched: numbered(plan)
                .into_iter()
                .map(|(number, name)| Ok((number, find(name)?)))
                .collect::<Result<_, EngineError>>()?,
        })
    }

    /// The table and its index. Statistics of a small log would make the triggers read all of it once it has grown.
    /// The replica identity lets a publication of all tables publish it.
    pub(super) fn table(&self) -> String {
        let log = names::sql(self.log);
        let mut columns = Vec::new();
        for letter in ["k", "o"] {
            for (number, part) in (1..).zip(&self.key) {
                columns.push(format!("{letter}{number} {}", part.definition));
            }
        }
        if self.stays().is_some() {
            columns.extend(["s0", "s1"].map(|name| format!("{name} text collate \"C\"")));
        }
        for (number, _) in &self.watched {
            columns.push(format!("w{number} boolean not null default false"));
        }
        format!(
            "create table {log} ({}) with (fillfactor = 70); create index on {log} ({}); \
             alter table {log} replica identity full{}",
            columns.join(", "),
            self.indexed(),
            self.comments(),
        )
    }

    /// What the log's columns stand for, as comments on them.
    fn comments(&self) -> String {
        let log = names::sql(self.log);
        let keys = (1..)
            .zip(&self.key)
            .map(|(number, part)| (format!("k{number}"), part.name.as_str()));
        let flags = self
            .watched
            .iter()
            .map(|(number, column)| (format!("w{number}"), column.name.as_str()));
        let comment = |(own, of): (String, &str)| {
            format!("; comment on column {log}.{own} is {}", literal(of))
        };
        keys.chain(flags).map(comment).collect()
    }

    fn indexed(&self) -> String {
        match self.key.iter().any(|part| part.is_long) {
            true => "pg_catalog.hashtextextended(k1, 0)".to_owned(),
            false => self.list("k", |_| String::new()),
        }
    }

    /// The function that the row triggers call.
    pub(super) fn function(&self, name: &TableName) -> String {
        let log = names::sql(self.log);
        // A table that has no column any more cannot be updated.
        let updated = match self.watched.is_empty() {
            true => String::new(),
            false => format!("if tg_op = 'UPDATE' then\n  {}\nels", self.updated()),
        };
        let body = format!(
            "declare place tid; fresh boolean;{seen}\n\
             begin\n\
             {updated}if tg_op = 'INSERT' then\n  {inserted}\n\
             else\n  select l.ctid, l.o1 is null into place, fresh from {log} l where {by_old} limit 1;\n  if not found then\n    \
             insert into {log} ({origins}) values ({old_key});\n  elsif fresh then\n    \
             delete from {log} where ctid = place;\n  else\n    \
             update {log} set {no_key} where ctid = place;\n  end if;\n\
             end if;\n\
             return null;\nend",
            seen = self.each(|number| format!(" seen{number} boolean;")),
            inserted = self.inserted(),
            by_old = self.found_by("old"),
            origins = self.began(),
            old_key = self.origins(),
            no_key = self.list("k", |_| " = null".to_owned()),
        );
        trigger_function(name, &body, self.key.iter().any(|part| part.is_written))
    }

    /// What is done about a row that has other values. Flags are read into variables, and compared there: most rows are
    /// written once, and a long list of comparisons that no row is there for costs more than looking the row up.
    fn updated(&self) -> String {
        let differs: Vec<(usize, String)> = self
            .watched
            .iter()
            .map(|(number, column)| {
                let name = quote(&column.name);
                let differs = column.differs(&format!("new.{name}"), &format!("old.{name}"));
                (*number, differs)
            })
            .collect();
        let each = |between: &str, of: &dyn Fn(usize, &str) -> String| {
            let items = differs.iter().map(|(number, differs)| of(*number, differs));
            items.collect::<Vec<_>>().join(between)
        };
        format!(
            "select l.ctid, {flags} into place, {seen} from {log} l where {by_old} limit 1;\n  if not found then\n    \
             if {writes} then\n      \
             insert into {log} ({keys}, {origins}, {flags_own}) values ({new_key}, {old_key}, {own});\n    end if;\n  \
             elsif {unlogged} or {moved} then\n    \
             update {log} l set {follow}, {both} where l.ctid = place;\n  end if;",
            log = names::sql(self.log),
            by_old = self.found_by("old"),
            flags = each(", ", &|number, _| format!("l.w{number}")),
            seen = each(", ", &|number, _| format!("seen{number}")),
            writes = each(" or ", &|_, differs| differs.to_owned()),
            keys = self.now(),
            origins = self.began(),
            flags_own = each(", ", &|number, _| format!("w{number}")),
            new_key = self.values_now(),
            old_key = self.origins(),
            own = each(", ", &|_, differs| differs.to_owned()),
            unlogged = each(" or ", &|number, differs| format!(
                "not seen{number} and {differs}"
            )),
            moved = self.moved(),
            follow = self.follow(),
            both = each(", ", &|number, differs| format!(
                "w{number} = l.w{number} or {differs}"
            )),
        )
    }

    /// What is done about a new row. One without a key is one more, whatever rows like it there are.
    fn inserted(&self) -> String {
        let log = names::sql(self.log);
        let insert = format!(
            "insert into {log} ({}) values ({});",
            self.now(),
            self.values_now(),
        );
        if self.key.iter().any(|part| part.is_long) {
            return insert;
        }
        format!(
            "select l.ctid into place from {log} l where {} limit 1;\n  if found then\n    \
             update {log} set {} where ctid = place;\n  else\n    {insert}\n  end if;",
            self.found_by("new"),
            self.list("o", |_| " = null".to_owned()),
        )
    }

    /// The function that the trigger for TRUNCATE calls: rows that were new are forgotten, and a row without keys stands for
    /// all the others.
    pub(super) fn truncate_function(&self, name: &TableName) -> String {
        let log = names::sql(self.log);
        let body = format!(
            "begin\ndelete from {log} where o1 is null;\nupdate {log} set {};\ninsert into {log} default values;\nreturn null;\nend",
            self.list("k", |_| " = null".to_owned())
        );
        trigger_function(name, &body, false)
    }

    fn list(&self, letter: &str, then: impl Fn(usize) -> String) -> String {
        let numbers = 1..=self.key.len();
        let items: Vec<String> = numbers
            .map(|number| format!("{letter}{number}{}", then(number)))
            .collect();
        items.join(", ")
    }

    fn each(&self, of: impl Fn(usize) -> String) -> String {
        self.watched.iter().map(|(number, _)| of(*number)).collect()
    }

    fn value(&self, side: &str, number: usize) -> &str {
        let part = &self.key[number - 1];
        if side == "old" { &part.old } else { &part.new }
    }

    /// The assignments that let an entry follow its row.
    fn follow(&self) -> String {
        let keys = self.list("k", |place| format!(" = {}", self.value("new", place)));
        let beside = self.stays().map(|[_, new]| format!(", s1 = {new}"));
        format!("{keys}{}", beside.unwrap_or_default())
    }

    fn stays(&self) -> Option<&[String; 2]> {
        self.key.iter().find_map(|part| part.stays.as_ref())
    }

    /// The columns that tell a row as it is now.
    fn now(&self) -> String {
        let beside = self.stays().map_or("", |_| ", s1");
        format!("{}{beside}", self.list("k", |_| String::new()))
    }

    /// Their values.
    fn values_now(&self) -> String {
        let values = self.key.iter().map(|part| part.new.as_str());
        let beside = self.stays().map(|[_, new]| new.as_str());
        values.chain(beside).collect::<Vec<_>>().join(", ")
    }

    /// The columns that tell a row as it was when the window began.
    fn began(&self) -> String {
        let beside = self.stays().map_or("", |_| ", s0");
        format!("{}{beside}", self.list("o", |_| String::new()))
    }

    /// Their values, which lead from a row to its pre-image.
    fn origins(&self) -> String {
        let values = self.key.iter().map(|part| part.old.as_str());
        let beside = self.stays().map(|[old, _]| old.as_str());
        values.chain(beside).collect::<Vec<_>>().join(", ")
    }

    fn found_by(&self, side: &str) -> String {
        let numbers = 1..=self.key.len();
        let each = numbers.map(|number| {
            let value = self.value(side, number);
            match self.key[number - 1].is_long {
                true => format!(
                    "pg_catalog.hashtextextended(l.k1, 0) = pg_catalog.hashtextextended({value}, 0) and l.k1 = {value}"
                ),
                false => format!("l.k{number} = {value}"),
            }
        });
        each.collect::<Vec<_>>().join(" and ")
    }

    /// Whether the row has another key than before, as the log tells keys apart.
    fn moved(&self) -> String {
        let parts = self.key.iter();
        parts
            .map(|part| format!("{} <> {}", part.old, part.new))
            .collect::<Vec<_>>()
            .join(" or ")
    }
}

/// A trigger function that runs with the rights of whoever migrated, whatever the application's session is set to. Keys that
/// are kept as text are written the same way by everybody.
pub(super) fn trigger_function(name: &TableName, body: &str, writes_text: bool) -> String {
    let signature = format!("{}() returns trigger", names::sql(name));
    function(&signature, body, writes_text)
}

/// The same for any function that triggers call.
pub(super) fn function(signature: &str, body: &str, writes_text: bool) -> String {
    let text = if writes_text {
        " set \"DateStyle\" = 'ISO, YMD' set \"IntervalStyle\" = 'postgres' set \"TimeZone\" = 'UTC' \
         set extra_float_digits = 3 set bytea_output = 'hex' set lc_monetary = 'C'"
    } else {
        ""
    };
    format!(
        "create function {signature} language plpgsql security definer \
         set search_path = pg_catalog, pg_temp set enable_seqscan = off{text} as {}",
        literal(body)
    )
}
