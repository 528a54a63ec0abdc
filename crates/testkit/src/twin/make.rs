use super::chance::Chance;
use super::draft::Draft;
use super::schema::{Column, ForeignKey, Form, Key, Kind, Schema, Table, Touch};
use super::values::literal;

/// A new table with columns, a key of some kind, perhaps references and leaves.
pub(super) fn table(schema: &Schema, chance: &mut Chance) -> Draft {
    let mut after = schema.clone();
    let id = after.number();
    let name = match chance.below(6) {
        0 => format!("\"Straße {id}\""),
        1 => format!("\"Ördér {id}\""),
        _ => format!("t{id}"),
    };
    let mut table = Table {
        id,
        name,
        columns: Vec::new(),
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
    };
    let strict = !schema.is_postgres() && chance.one_in(5);
    key(&mut after, &mut table, strict, chance);
    for _ in 0..chance.between(1, 5) {
        let column = column(&mut after, strict, chance);
        table.columns.push(column);
    }
    if chance.one_in(4) {
        generated(&mut after, &mut table, chance);
    }
    references(&mut after, &mut table, chance);
    let partition = if schema.is_postgres() {
        partition(&mut table, chance)
    } else {
        (String::new(), Vec::new())
    };
    options(&mut table, strict, chance);
    let mut sql = vec![create(&table, &schema.tables, &partition)];
    sql.extend(leaves(&table, &partition));
    let undo = vec![format!("drop table {}", table.name)];
    after.tables.push(table);
    Draft::new(sql, after).undone_by(undo)
}

/// A column of any kind that takes values from who writes.
pub(super) fn column(schema: &mut Schema, strict: bool, chance: &mut Chance) -> Column {
    let (kind, sql_type) = if schema.is_postgres() {
        postgres_type(schema, chance)
    } else {
        sqlite_type(strict, chance)
    };
    let id = schema.number();
    let mut column = plain(id, kind, &sql_type);
    if chance.one_in(8) {
        column.name = format!("\"Größe {id}\"");
    }
    column.not_null = chance.one_in(3);
    if chance.one_in(3) {
        let value = literal(schema.engine, &column, chance);
        column.default = (!value.contains("char(0)")).then_some(value);
    }
    column
}

/// A nullable column of that type and no default.
pub(super) fn plain(id: u32, kind: Kind, sql_type: &str) -> Column {
    Column {
        id,
        name: format!("c{id}"),
        kind,
        sql_type: sql_type.to_owned(),
        not_null: false,
        default: None,
        form: Form::Plain,
        touch: Touch::Clean,
        moved: false,
    }
}

/// Types that few columns are of, some of which have no equality.
const ODD_TYPES: [&str; 12] = [
    "inet",
    "bit(3)",
    "varbit",
    "point",
    "tsvector",
    "int4range",
    "time",
    "timetz",
    "money",
    "xml",
    "name",
    "macaddr",
];

fn postgres_type(schema: &Schema, chance: &mut Chance) -> (Kind, String) {
    use super::schema::ThingKind;
    let named = |kind| {
        schema
            .things_of(kind)
            .first()
            .map(|thing| thing.name.clone())
    };
    let (kind, types): (Kind, &[&str]) = match chance.below(19) {
        18 => (Kind::Odd, &ODD_TYPES),
        0..=2 => (Kind::Int, &["smallint", "integer", "bigint"]),
        3..=6 => (
            Kind::Text,
            &["text", "varchar(40)", "char(40)", "text collate \"C\""],
        ),
        7 => (
            Kind::Numeric,
            &["numeric", "numeric(12,2)", "numeric(20,5)"],
        ),
        8 => (Kind::Float, &["real", "double precision"]),
        9 => (Kind::Bool, &["boolean"]),
        10 => (Kind::Date, &["date"]),
        11 => (
            Kind::Timestamp,
            &["timestamp", "timestamptz", "timestamptz(3)"],
        ),
        12 => (Kind::Interval, &["interval"]),
        13 => (Kind::Json, &["json", "jsonb"]),
        14 => (Kind::IntArray, &["integer[]", "bigint[]"]),
        15 => (Kind::TextArray, &["text[]"]),
        16 => match (named(ThingKind::Enum), named(ThingKind::Domain)) {
            (Some(name), _) if chance.one_in(2) => return (Kind::Mood, name),
            (_, Some(name)) => return (Kind::Text, name),
            _ => (Kind::Bytes, &["bytea"]),
        },
        _ => (Kind::Uuid, &["uuid"]),
    };
    (kind, chance.word(types).to_owned())
}

fn sqlite_type(strict: bool, chance: &mut Chance) -> (Kind, String) {
    let (kind, types): (Kind, &[&str]) = match (chance.below(7), strict) {
        (0, _) => (Kind::Int, &["integer", "int"]),
        (1, _) => (Kind::Float, &["real"]),
        (2, false) => (Kind::Numeric, &["numeric", "decimal(10,2)"]),
        (3, _) => (Kind::Bytes, &["blob"]),
        (4, true) => (Kind::Any, &["any"]),
        (4, false) => (Kind::Any, &["", "any", "blob"]),
        (_, true) => (Kind::Text, &["text", "text collate nocase"]),
        _ => (
            Kind::Text,
            &[
                "text",
                "varchar(20)",
                "text collate nocase",
                "text collate rtrim",
            ],
        ),
    };
    (kind, chance.word(types).to_owned())
}

fn key(schema: &mut Schema, table: &mut Table, strict: bool, chance: &mut Chance) {
    let postgres = schema.is_postgres();
    let add = |schema: &mut Schema, table: &mut Table, kind: Kind, sql_type: &str, form: Form| {
        let mut column = plain(schema.number(), kind, sql_type);
        column.not_null = true;
        column.form = form;
        let id = column.id;
        table.columns.push(column);
        id
    };
    let int = if postgres {
        chance.word(&["integer", "bigint", "smallint"])
    } else {
        "integer"
    };
    let columns = match chance.below(12) {
        0 | 1 if postgres => vec![add(schema, table, Kind::Int, int, Form::IdentityAlways)],
        2 if postgres => vec![add(schema, table, Kind::Int, int, Form::IdentityByDefault)],
        3 if postgres => vec![add(schema, table, Kind::Int, "serial", Form::Serial)],
        4 => vec![add(schema, table, Kind::Text, "text", Form::Plain)],
        5 => vec![
            add(schema, table, Kind::Int, int, Form::Plain),
            add(schema, table, Kind::Text, "text", Form::Plain),
        ],
        6 if postgres => vec![add(schema, table, Kind::Uuid, "uuid", Form::Plain)],
        6 if !strict => vec![add(
            schema,
            table,
            Kind::Text,
            "varchar(20) collate nocase",
            Form::Plain,
        )],
        7 => Vec::new(),
        8 if postgres => vec![
            add(schema, table, Kind::Date, "date", Form::Plain),
            add(schema, table, Kind::Int, int, Form::Plain),
        ],
        9 if !postgres => {
            let columns = vec![add(
                schema,
                table,
                Kind::Int,
                "integer primary key autoincrement",
                Form::Plain,
            )];
            table.keys.push(Key {
                name: String::new(),
                columns,
                primary: true,
            });
            Vec::new()
        }
        _ => vec![add(schema, table, Kind::Int, int, Form::Plain)],
    };
    if !columns.is_empty() {
        table.keys.push(Key {
            name: format!("k{}", table.id),
            columns,
            primary: !chance.one_in(5),
        });
    }
}

fn generated(schema: &mut Schema, table: &mut Table, chance: &mut Chance) {
    let sources = table.free_columns();
    let Some(source) = chance.pick(&sources) else {
        return;
    };
    let (name, stored) = (
        &source.name,
        if chance.one_in(2) {
            "stored"
        } else {
            "virtual"
        },
    );
    let (kind, sql_type, expression) = match (schema.is_postgres(), &source.kind) {
        (true, Kind::Int) => (Kind::Int, "bigint", format!("({name}::bigint * 2) stored")),
        (true, Kind::Text) => (
            Kind::Int,
            "integer",
            format!("(length({name}::text)) stored"),
        ),
        (true, Kind::Numeric) => (Kind::Bool, "boolean", format!("({name} is null) stored")),
        (true, _) => return,
        (false, _) => (
            Kind::Text,
            "text",
            format!("(quote({name}) || 'x') {stored}"),
        ),
    };
    let mut column = plain(schema.number(), kind, sql_type);
    column.form = Form::Generated(expression);
    table.columns.push(column);
}

fn references(schema: &mut Schema, table: &mut Table, chance: &mut Chance) {
    let mut targets: Vec<Table> = schema.tables.clone();
    targets.push(table.clone());
    for _ in 0..2 {
        if chance.one_in(2) {
            continue;
        }
        let Some(target) = chance.pick(&targets).cloned() else {
            continue;
        };
        if let Some(key) = reference(schema, table, &target, chance) {
            table.foreign_keys.push(key);
        }
    }
}

fn reference(
    schema: &mut Schema,
    table: &mut Table,
    target: &Table,
    chance: &mut Chance,
) -> Option<ForeignKey> {
    let target_columns = target.key();
    let mut columns = Vec::new();
    for &id in &target_columns {
        let source = target.column(id)?;
        let sql_type = match source.sql_type.as_str() {
            "serial" | "integer primary key autoincrement" => "integer",
            other => other,
        };
        let column = plain(schema.number(), source.kind.clone(), sql_type);
        columns.push(column.id);
        table.columns.push(column);
    }
    if columns.is_empty() {
        return None;
    }
    Some(ForeignKey {
        name: format!("f{}", schema.number()),
        columns,
        target: target.id,
        target_columns,
        actions: actions(chance),
    })
}

/// What a reference does when the row that it refers to changes.
pub(super) fn actions(chance: &mut Chance) -> String {
    let act = |chance: &mut Chance| {
        chance
            .word(&[
                "cascade",
                "cascade",
                "set null",
                "restrict",
                "no action",
                "set default",
            ])
            .to_owned()
    };
    let (delete, update) = (act(chance), act(chance));
    let deferred = if chance.one_in(8) {
        " deferrable initially deferred"
    } else {
        ""
    };
    format!("on delete {delete} on update {update}{deferred}")
}

/// `by …`, and the bounds of leaves; empty for most tables.
fn partition(table: &mut Table, chance: &mut Chance) -> (String, Vec<String>) {
    let none = (String::new(), Vec::new());
    let Some(key) = table.keys.first().cloned() else {
        return none;
    };
    let Some(column) = key.columns.first().and_then(|&id| table.column(id)) else {
        return none;
    };
    let identity = matches!(column.form, Form::IdentityAlways | Form::IdentityByDefault);
    // Before version 17 a partitioned table has no identity.
    if identity || column.kind != Kind::Int || !chance.one_in(5) {
        return none;
    }
    let name = column.name.clone();
    let bounds: (&str, &[&str]) = match chance.below(3) {
        0 => (
            "hash",
            &[
                "with (modulus 2, remainder 0)",
                "with (modulus 2, remainder 1)",
            ],
        ),
        1 => (
            "range",
            &["from (minvalue) to (4)", "from (4) to (105)", "default"],
        ),
        _ => ("list", &["in (1, 2, 3, 101)", "default"]),
    };
    table.leaves = (0..bounds.1.len())
        .map(|leaf| format!("t{}_{leaf}", table.id))
        .collect();
    let by = format!("partition by {} ({name})", bounds.0);
    (by, bounds.1.iter().map(|&bound| bound.to_owned()).collect())
}

fn options(table: &mut Table, strict: bool, chance: &mut Chance) {
    let mut options = Vec::new();
    if strict {
        options.push("strict");
    }
    let primary = table.keys.first().is_some_and(|key| key.primary);
    if strict && primary && chance.one_in(3) {
        options.push("without rowid");
    }
    table.options = options.join(", ");
}

fn leaves(table: &Table, partition: &(String, Vec<String>)) -> Vec<String> {
    let leaf = |(name, bound): (&String, &String)| {
        let bound = if bound == "default" {
            bound.clone()
        } else {
            format!("for values {bound}")
        };
        format!("create table {name} partition of {} {bound}", table.name)
    };
    table.leaves.iter().zip(&partition.1).map(leaf).collect()
}

/// A reference as it stands in a table's definition.
pub(super) fn foreign_key(table: &Table, target: &Table, key: &ForeignKey) -> String {
    format!(
        "constraint {} foreign key ({}) references {} ({}) {}",
        key.name,
        table.names_of(&key.columns),
        target.name,
        target.names_of(&key.target_columns),
        key.actions
    )
}

/// A table's definition.
pub(super) fn create(
    table: &Table,
    targets: &[Table],
    partition: &(String, Vec<String>),
) -> String {
    let mut parts: Vec<String> = table.columns.iter().map(definition).collect();
    for key in table.keys.iter().filter(|key| !key.name.is_empty()) {
        let word = if key.primary { "primary key" } else { "unique" };
        let columns = table.names_of(&key.columns);
        parts.push(format!("constraint {} {word} ({columns})", key.name));
    }
    for key in &table.foreign_keys {
        let target = targets
            .iter()
            .find(|target| target.id == key.target)
            .unwrap_or(table);
        parts.push(foreign_key(table, target, key));
    }
    format!(
        "create table {} (\n  {}\n) {}{}",
        table.name,
        parts.join(",\n  "),
        table.options,
        partition.0
    )
}

/// A column as it stands in a table's definition.
pub(super) fn definition(column: &Column) -> String {
    let mut text = format!("{} {}", column.name, column.sql_type);
    if column.not_null {
        text.push_str(" not null");
    }
    match &column.form {
        Form::Generated(expression) => text.push_str(&format!(" generated always as {expression}")),
        Form::IdentityAlways => text.push_str(" generated always as identity"),
        Form::IdentityByDefault => text.push_str(" generated by default as identity"),
        Form::Plain | Form::Serial => {}
    }
    if let Some(default) = &column.default {
        text.push_str(&format!(" default ({default})"));
    }
    text
}
