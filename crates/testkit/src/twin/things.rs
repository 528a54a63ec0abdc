use super::chance::Chance;
use super::draft::Draft;
use super::make::plain;
use super::schema::{Column, Key, Kind, Schema, Table, Thing, ThingKind};

/// A new object that is no table: an index, a view, a trigger of the user's, a comment, … None where nothing fits.
pub(super) fn thing(schema: &Schema, chance: &mut Chance) -> Option<Draft> {
    let table = chance.pick(&schema.tables)?.clone();
    let number = schema.next + 1;
    let maker = Maker {
        schema,
        table: &table,
        number,
    };
    if !schema.is_postgres() {
        return match chance.below(6) {
            0..=2 => maker.index(chance),
            3 => maker.view(chance),
            4 => maker.view_on_view(chance),
            _ => maker.unique(chance),
        };
    }
    match chance.below(18) {
        0..=2 => maker.index(chance),
        3 | 4 => maker.view(chance),
        5 => maker.view_on_view(chance),
        6 => maker.unique(chance),
        7 => maker.check(chance),
        8 => maker.function(chance),
        9 => maker.noop_trigger(chance),
        10 => maker.policy(chance),
        11 => maker.statistics(chance),
        12 => maker.sequence(chance),
        13 => maker.materialised(chance),
        14 => maker.kind(chance),
        15 => Some(maker.comment(chance)),
        16 => Some(maker.privilege(chance)),
        _ => maker.domain(chance),
    }
}

/// Triggers that mean the same on both sides: a log of changes in a table of its own, or a column written before a change.
pub(super) fn user_trigger(schema: &Schema, chance: &mut Chance) -> Option<Draft> {
    let table = chance.pick(&schema.tables)?.clone();
    let key = table.key();
    let number = schema.next + 1;
    let maker = Maker {
        schema,
        table: &table,
        number,
    };
    if key.is_empty() || table.log.is_some() {
        return None;
    }
    if schema.is_postgres() && chance.one_in(2) {
        return maker.settle(chance);
    }
    Some(maker.log(&key))
}

/// Drops a thing, with all that depends on it.
pub(super) fn drop_thing(schema: &Schema, thing: &Thing) -> Draft {
    let mut after = schema.clone();
    after.remove(thing);
    let on = thing
        .table
        .and_then(|id| schema.table(id))
        .map_or("", |table| &table.name);
    let cascade = if schema.is_postgres() { " cascade" } else { "" };
    let name = &thing.name;
    let sql = match thing.kind {
        ThingKind::View => format!("drop view {name}{cascade}"),
        ThingKind::MaterialisedView => format!("drop materialized view {name} cascade"),
        ThingKind::Index => format!("drop index {name}"),
        ThingKind::Unique | ThingKind::Check if schema.is_postgres() => {
            format!("alter table {on} drop constraint {name} cascade")
        }
        ThingKind::Unique | ThingKind::Check => format!("drop index {name}"),
        ThingKind::Function => format!("drop function {name} cascade"),
        ThingKind::Trigger => format!("drop trigger {name} on {on}"),
        ThingKind::Policy => format!("drop policy {name} on {on}"),
        ThingKind::Statistics => format!("drop statistics {name}"),
        ThingKind::Sequence => format!("drop sequence {name}"),
        ThingKind::Enum => format!("drop type {name}"),
        ThingKind::Domain => format!("drop domain {name}"),
    };
    if thing.kind == ThingKind::Unique
        && let Some(table) = thing.table.and_then(|id| after.table_mut(id))
    {
        table.keys.retain(|key| &key.name != name);
    }
    Draft::new(vec![sql], after)
}

struct Maker<'a> {
    schema: &'a Schema,
    table: &'a Table,
    number: u32,
}

impl Maker<'_> {
    fn made(&self, kind: ThingKind, name: &str, create: String) -> Draft {
        let mut after = self.schema.clone();
        after.number();
        after.add(kind, name, Some(self.table.id));
        let thing = Thing {
            kind,
            name: name.to_owned(),
            table: Some(self.table.id),
        };
        let undo = drop_thing(&after, &thing).sql;
        Draft::new(vec![create], after).undone_by(undo)
    }

    fn loose(&self, create: String) -> Draft {
        let mut after = self.schema.clone();
        after.number();
        Draft::new(vec![create], after)
    }

    fn column(&self, chance: &mut Chance) -> Option<&Column> {
        chance.pick(&self.table.columns)
    }

    fn index(&self, chance: &mut Chance) -> Option<Draft> {
        let name = format!("i{}", self.number);
        let (table, column) = (&self.table.name, &self.column(chance)?.name);
        let other = &self.column(chance)?.name;
        let is_postgres = self.schema.is_postgres();
        let what = match chance.below(7) {
            0 => format!("({column}, {other} desc)"),
            1 => format!("({column}) where {other} is not null"),
            2 => format!("(lower({column}))"),
            3 if is_postgres => format!("(({column} is null), {other})"),
            4 if is_postgres => format!("({column}) include ({other})"),
            5 if is_postgres => format!("using hash ({column})"),
            5 => format!("({column} collate nocase)"),
            _ => format!("({column})"),
        };
        Some(self.made(
            ThingKind::Index,
            &name,
            format!("create index {name} on {table} {what}"),
        ))
    }

    /// Unique where it holds for sure (with the key), or with a condition.
    fn unique(&self, chance: &mut Chance) -> Option<Draft> {
        let name = format!("u{}", self.number);
        let column = self.column(chance)?;
        let table = &self.table.name;
        let (key, names) = (self.table.key(), self.table.names_of(&self.table.key()));
        let partial = key.is_empty() || chance.one_in(2);
        if partial {
            let on = format!("{table} ({0}) where {0} is not null", column.name);
            let sql = format!("create unique index {name} on {on}");
            return Some(self.made(ThingKind::Index, &name, sql));
        }
        let sql = if self.schema.is_postgres() {
            let how = match chance.below(5) {
                0 => format!(
                    "unique ({names}, {}) deferrable initially deferred",
                    column.name
                ),
                1 => format!("unique nulls not distinct ({names}, {})", column.name),
                2 => format!("unique ({names}) include ({})", column.name),
                3 => format!(
                    "exclude ({} with =, {} with =)",
                    names.replace(", ", " with =, "),
                    column.name
                ),
                _ => format!("unique ({names}, {})", column.name),
            };
            format!("alter table {table} add constraint {name} {how}")
        } else {
            format!(
                "create unique index {name} on {table} ({names}, {})",
                column.name
            )
        };
        let mut draft = self.made(ThingKind::Unique, &name, sql);
        let columns = key.iter().copied().chain([column.id]).collect();
        draft.after.table_mut(self.table.id)?.keys.push(Key {
            name,
            columns,
            primary: false,
        });
        Some(draft)
    }

    fn check(&self, chance: &mut Chance) -> Option<Draft> {
        let name = format!("h{}", self.number);
        let (table, column) = (&self.table.name, &self.column(chance)?.name);
        let (condition, valid) = match chance.below(7) {
            4 => (format!("{column} in ('a', 'A', '')"), " not valid"),
            5 => (
                format!("{column} = any (array['a'::varchar, 'k1'::varchar])"),
                " not valid",
            ),
            6 => (
                format!("{column} between '0' and '7' or {column} not in ('42', '12')"),
                " not valid",
            ),
            0 => (format!("{column} is not null"), " not valid"),
            1 => (format!("length({column}::text) < 30"), " not valid"),
            2 => (format!("{column}::text <> 'forbidden'"), ""),
            _ => (format!("{column} is null or {column}::text <> ''"), ""),
        };
        let sql = format!("alter table {table} add constraint {name} check ({condition}){valid}");
        Some(self.made(ThingKind::Check, &name, sql))
    }

    fn view(&self, chance: &mut Chance) -> Option<Draft> {
        let name = format!("v{}", self.number);
        let table = &self.table.name;
        let (one, two) = (&self.column(chance)?.name, &self.column(chance)?.name);
        let body = match chance.below(4) {
            0 => format!("select * from {table}"),
            1 => format!("select {one} as a, {two} as b from {table} where {one} is not null"),
            2 => format!("select count(*) as n, max({one}) as a from {table} group by {two}"),
            _ => format!(
                "select a.{one} as x, b.{two} as y from {table} a left join {table} b on a.{one} = b.{one}"
            ),
        };
        Some(self.made(
            ThingKind::View,
            &name,
            format!("create view {name} as {body}"),
        ))
    }

    fn view_on_view(&self, chance: &mut Chance) -> Option<Draft> {
        let views = self.schema.things_of(ThingKind::View);
        let below = &chance.pick(&views)?.name;
        let name = format!("v{}", self.number);
        Some(self.made(
            ThingKind::View,
            &name,
            format!("create view {name} as select * from {below}"),
        ))
    }

    fn materialised(&self, chance: &mut Chance) -> Option<Draft> {
        let name = format!("m{}", self.number);
        let column = &self.column(chance)?.name;
        let data = chance.word(&["", "", " with no data"]);
        let sql = format!(
            "create materialized view {name} as select {column}, count(*) as n from {} group by 1{data}",
            self.table.name
        );
        Some(self.made(ThingKind::MaterialisedView, &name, sql))
    }

    fn function(&self, chance: &mut Chance) -> Option<Draft> {
        let name = format!("g{}", self.number);
        let column = &self.column(chance)?.name;
        let table = &self.table.name;
        let body = match chance.below(3) {
            0 => "(a integer default 3) returns integer language sql immutable as 'select $1 + 1'"
                .to_owned(),
            1 => format!(
                "() returns bigint language sql stable security definer as $f$ select count({column}) from {table} $f$"
            ),
            _ => format!("() returns setof {table} language sql as $f$ select * from {table} $f$"),
        };
        Some(self.made(
            ThingKind::Function,
            &name,
            format!("create function {name}{body}"),
        ))
    }

    fn noop_trigger(&self, chance: &mut Chance) -> Option<Draft> {
        let name = format!("z{}", self.number);
        let column = &self.column(chance)?.name;
        let table = &self.table.name;
        let function = format!(
            "create function fn_{name}() returns trigger language plpgsql as $f$ begin return coalesce(new, old); end $f$"
        );
        let when = match chance.below(3) {
            0 => format!("before update of {column}"),
            1 => "after insert or delete".to_owned(),
            _ => "before insert".to_owned(),
        };
        let trigger = format!(
            "create trigger {name} {when} on {table} for each row execute function fn_{name}()"
        );
        let mut draft = self.made(ThingKind::Trigger, &name, trigger);
        draft.sql.insert(0, function);
        draft
            .undo
            .get_or_insert_default()
            .push(format!("drop function fn_{name}()"));
        if chance.one_in(4) {
            draft
                .sql
                .push(format!("alter table {table} disable trigger {name}"));
        }
        Some(draft)
    }

    fn policy(&self, chance: &mut Chance) -> Option<Draft> {
        let name = format!("p{}", self.number);
        let (table, column) = (&self.table.name, &self.column(chance)?.name);
        let how = chance.word(&["", " for select", " as restrictive for update"]);
        let mut draft = self.made(
            ThingKind::Policy,
            &name,
            format!("create policy {name} on {table}{how} using ({column} is not null)"),
        );
        if chance.one_in(2) {
            draft.undo = None;
            draft
                .sql
                .push(format!("alter table {table} enable row level security"));
        }
        Some(draft)
    }

    fn statistics(&self, chance: &mut Chance) -> Option<Draft> {
        let name = format!("s{}", self.number);
        let (one, two) = (&self.column(chance)?.name, &self.column(chance)?.name);
        let sql = format!(
            "create statistics {name} on {one}, {two} from {}",
            self.table.name
        );
        Some(self.made(ThingKind::Statistics, &name, sql))
    }

    fn sequence(&self, chance: &mut Chance) -> Option<Draft> {
        let name = format!("q{}", self.number);
        let how = chance.word(&["", " increment by 5 cache 3", " as smallint start 10 cycle"]);
        Some(self.made(
            ThingKind::Sequence,
            &name,
            format!("create sequence {name}{how}"),
        ))
    }

    fn kind(&self, _: &mut Chance) -> Option<Draft> {
        let name = format!("e{}", self.number);
        let sql = format!("create type {name} as enum ('sad', 'ok', 'so, so')");
        Some(self.made(ThingKind::Enum, &name, sql))
    }

    fn domain(&self, _: &mut Chance) -> Option<Draft> {
        let name = format!("d{}", self.number);
        let sql = format!("create domain {name} as text check (value <> 'forbidden')");
        Some(self.made(ThingKind::Domain, &name, sql))
    }

    fn comment(&self, chance: &mut Chance) -> Draft {
        let table = &self.table.name;
        let target = match self.column(chance) {
            Some(column) if chance.one_in(2) => format!("column {table}.{}", column.name),
            _ => format!("table {table}"),
        };
        let text = chance.word(&["'it''s ü'", "'two\nlines'", "null"]);
        self.loose(format!("comment on {target} is {text}"))
    }

    fn privilege(&self, chance: &mut Chance) -> Draft {
        let table = &self.table.name;
        let what = match (chance.below(4), self.column(chance)) {
            (0, Some(column)) => format!("select ({}), update ({})", column.name, column.name),
            (1, _) => "all".to_owned(),
            (2, _) => return self.loose(format!("revoke all on {table} from pg_monitor")),
            _ => "select, insert".to_owned(),
        };
        let to = chance.word(&["public", "pg_monitor", "pg_monitor with grant option"]);
        self.loose(format!("grant {what} on {table} to {to}"))
    }

    /// A trigger that cuts spaces off a text column before each change.
    fn settle(&self, chance: &mut Chance) -> Option<Draft> {
        let texts: Vec<Column> = self
            .table
            .free_columns()
            .into_iter()
            .filter(|column| column.kind == Kind::Text)
            .collect();
        let column = chance.pick(&texts)?;
        let (name, table) = (format!("y{}", self.number), &self.table.name);
        let function = format!(
            "create function fn_{name}() returns trigger language plpgsql as $f$ begin new.{0} := btrim(new.{0}); return new; end $f$",
            column.name
        );
        let trigger = format!(
            "create trigger {name} before insert or update on {table} for each row execute function fn_{name}()"
        );
        let mut draft = self.loose(function);
        draft.sql.push(trigger);
        draft.after.table_mut(self.table.id)?.settled = Some(column.id);
        Some(draft)
    }

    /// Triggers that write each change's key into a table without a key.
    fn log(&self, key: &[u32]) -> Draft {
        let name = format!("l{}", self.number);
        let mut draft = self.loose(format!("create table {name} (op text, who text)"));
        let id = draft.after.number();
        let mut columns = Vec::new();
        for word in ["op", "who"] {
            let mut column = plain(draft.after.number(), Kind::Text, "text");
            column.name = word.to_owned();
            columns.push(column);
        }
        draft.after.tables.push(Table {
            id,
            name: name.clone(),
            columns,
            keys: Vec::new(),
            foreign_keys: Vec::new(),
            leaves: Vec::new(),
            settled: None,
            log: None,
            options: String::new(),
            rows_changed: false,
            rows_updated: false,
            rows_added: false,
            frozen: false,
            copied: false,
            renamed: false,
            apart: false,
        });
        if let Some(table) = draft.after.table_mut(self.table.id) {
            table.log = Some(id);
        }
        draft
            .sql
            .extend(self.log_triggers(&name, self.table.name_of(key[0])));
        draft
    }

    fn log_triggers(&self, log: &str, key: &str) -> Vec<String> {
        let table = &self.table.name;
        if self.schema.is_postgres() {
            return vec![
                format!(
                    "create function fn_{log}() returns trigger language plpgsql as $f$ begin \
                     if tg_op = 'DELETE' then insert into {log} (op, who) values (tg_op, old.{key}::text); \
                     else insert into {log} (op, who) values (tg_op, new.{key}::text); end if; return null; end $f$"
                ),
                format!(
                    "create trigger {log} after insert or update or delete on {table} for each row execute function fn_{log}()"
                ),
            ];
        }
        let trigger = |op: &str, side: &str| {
            format!(
                "create trigger {log}_{op} after {op} on {table} begin insert into {log} (op, who) values ('{op}', {side}.{key}); end"
            )
        };
        vec![
            trigger("insert", "new"),
            trigger("update", "new"),
            trigger("delete", "old"),
        ]
    }
}

/// An enum and a domain that columns can be of.
pub(super) fn types(schema: &Schema) -> Draft {
    let mut after = schema.clone();
    after.add(ThingKind::Enum, "mood", None);
    after.add(ThingKind::Domain, "label", None);
    let sql = vec![
        "create type mood as enum ('sad', 'ok', 'so, so')".to_owned(),
        "create domain label as text check (value <> 'forbidden')".to_owned(),
    ];
    Draft::new(sql, after)
}
