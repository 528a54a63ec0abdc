use tightrope_model::EngineKind;

use super::chance::Chance;
use super::schema::{Column, Kind};

/// A literal of that column, nasty ones among them; NULL once in a while where it may be.
pub(super) fn literal(engine: EngineKind, column: &Column, chance: &mut Chance) -> String {
    if !column.not_null && chance.one_in(5) {
        return "null".to_owned();
    }
    match engine {
        EngineKind::Postgres if column.kind == Kind::Odd => {
            odd(&column.sql_type, chance).to_owned()
        }
        EngineKind::Postgres => postgres(&column.kind, chance).to_owned(),
        EngineKind::Sqlite => sqlite(&column.kind, chance).to_owned(),
    }
}

fn postgres(kind: &Kind, chance: &mut Chance) -> &'static str {
    chance.word(match kind {
        Kind::Int => &["'0'", "'-1'", "'7'", "'42'", "'32767'", "'-32768'"],
        Kind::Text | Kind::Any => &[
            "''",
            "'a'",
            "'A'",
            "' a '",
            "'ünïcødé 漢字 🎪'",
            "'it''s'",
            r"'back\slash'",
            r"e'tab\tnew\nline'",
            "'null'",
            "'12'",
            "'a, \"b\"'",
        ],
        Kind::Numeric => &["'1'", "'1.0'", "'1.00'", "'-0.5'", "'NaN'", "'123456.789'"],
        Kind::Float => &["'NaN'", "'Infinity'", "'-0'", "'0.1'", "'1e-30'", "'3.14'"],
        Kind::Bool => &["'t'", "'f'"],
        Kind::Date => &[
            "'2024-02-29'",
            "'0044-03-15 BC'",
            "'infinity'",
            "'1970-01-01'",
        ],
        Kind::Timestamp => &[
            "'2024-02-29 23:59:59.999999+05:45'",
            "'-infinity'",
            "'1999-12-31 00:00:00+00'",
            "'2024-02-29 23:59:59.5'",
        ],
        Kind::Interval => &["'1 mon'", "'30 days'", "'-1 day 24:00:00'", "'0'"],
        Kind::Json => &[
            r#"'{"a":1,"a":2}'"#,
            "'[1,2,  3]'",
            "'null'",
            r#"'"x"'"#,
            r#"'{"b": 1.00, "a": "ü"}'"#,
        ],
        Kind::IntArray => &["'{}'", "'{1,NULL,3}'", "'[0:1]={5,6}'", "'{{1,2},{3,4}}'"],
        Kind::TextArray => &["'{}'", r#"'{"a,b","\"",NULL,"NULL",""}'"#, "'{ü}'"],
        Kind::Bytes => &[r"'\x00ff'", "''", r"'\x5c27'"],
        Kind::Uuid => &[
            "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",
            "'00000000-0000-0000-0000-000000000000'",
        ],
        Kind::Mood => &["'sad'", "'ok'", "'so, so'"],
        // See `odd`.
        Kind::Odd => &["null"],
    })
}

fn odd(sql_type: &str, chance: &mut Chance) -> &'static str {
    chance.word(match sql_type {
        "inet" => &["'10.0.0.1/8'", "'::1'"],
        "bit(3)" => &["'101'", "'000'"],
        "varbit" => &["'1'", "''", "'0010'"],
        "point" => &["'(1,2)'", "'(0.1,-0)'"],
        "tsvector" => &["'a:1 fat:2,4B cat:3'", "''"],
        "int4range" => &["'[1,5)'", "'empty'", "'(,3]'"],
        "time" => &["'24:00'", "'03:04:05.123456'"],
        "timetz" => &["'03:04:05+05:45'", "'00:00-12'"],
        "money" => &["'12.34'", "'-0.01'"],
        "xml" => &["'<a b=\"1\">ü</a>'", "''"],
        "macaddr" => &["'08:00:2b:01:02:03'"],
        _ => &["'pg_class'", "'ü'"],
    })
}

fn sqlite(kind: &Kind, chance: &mut Chance) -> &'static str {
    chance.word(match kind {
        Kind::Int | Kind::Bool => &["0", "-1", "7", "42", "9223372036854775807"],
        Kind::Text => &[
            "''",
            "'a'",
            "'A'",
            "'a '",
            "'ünïcødé 漢字 🎪'",
            "'it''s'",
            "'007'",
            "'a' || char(0) || 'b'",
            "'1.0'",
            "'null'",
        ],
        Kind::Float | Kind::Numeric => &["0.1", "-0.0", "1e300", "1.0", "3.14", "9e999", "1e-310"],
        Kind::Bytes => &["x'00ff'", "x''", "x'61'"],
        _ => &[
            "1", "1.0", "'1'", "x'31'", "'a'", "'A'", "'007'", "1e15", "0.5",
        ],
    })
}

/// The value of a key's column for a small number: the same number is the same value.
pub(super) fn key_literal(engine: EngineKind, kind: &Kind, number: usize) -> String {
    match kind {
        Kind::Int | Kind::Numeric => number.to_string(),
        Kind::Uuid => format!("'00000000-0000-4000-8000-{number:012}'"),
        Kind::Date => format!("'2001-{:02}-{:02}'", number / 28 % 12 + 1, number % 28 + 1),
        Kind::Bytes if engine == EngineKind::Sqlite => format!("x'{number:08x}'"),
        _ if number.is_multiple_of(3) => format!("'ключ {number}'"),
        _ => format!("'k{number}'"),
    }
}

/// A value that nothing else in the case has; none where a kind has too few.
pub(super) fn fresh(engine: EngineKind, kind: &Kind, number: usize) -> Option<String> {
    if engine == EngineKind::Sqlite {
        return Some(match kind {
            Kind::Int | Kind::Bool => format!("{}", 10_000 + number),
            Kind::Float | Kind::Numeric => format!("{number}.125"),
            Kind::Bytes => format!("x'77{number:08x}'"),
            _ => format!("'w{number}'"),
        });
    }
    let day = || {
        format!(
            "20{}-{:02}-{:02}",
            30 + number / 300,
            number / 25 % 12 + 1,
            number % 25 + 1
        )
    };
    Some(match kind {
        Kind::Int => format!("'{}'", 10_000 + number),
        Kind::Text | Kind::Any => format!("'w{number}'"),
        Kind::Numeric | Kind::Float => format!("'{number}.25'"),
        Kind::Date => format!("'{}'", day()),
        Kind::Timestamp => format!("'{} 10:00:00+00'", day()),
        Kind::Interval => format!("'{number} hours'"),
        Kind::Json => format!(r#"'{{"w":{number}}}'"#),
        Kind::IntArray | Kind::TextArray => format!("'{{{number}}}'"),
        Kind::Bytes => format!(r"'\x77{number:08x}'"),
        Kind::Uuid => format!("'77777777-0000-4000-8000-{number:012}'"),
        Kind::Bool | Kind::Mood | Kind::Odd => return None,
    })
}
