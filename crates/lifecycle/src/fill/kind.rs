//! The types of columns, as far as values can be made for them.

use std::collections::BTreeMap;

use tightrope_model::{Catalog, Object, ObjectId, ObjectKind};

use super::token::{Token, tokens};

/// What values a column takes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Type {
    /// Whole numbers between two.
    Integer(i128, i128),
    /// Floating point, with so many bits.
    Float(u32),
    /// Decimal numbers, with precision and scale where they are limited.
    Decimal(Option<(i32, i32)>),
    Money,
    /// Text, with its greatest length.
    Text(Option<usize>),
    /// Text that matches nothing but itself in a system catalog.
    Name,
    Bytes,
    Boolean,
    Date,
    Time(bool),
    Timestamp(bool),
    Interval,
    Uuid,
    /// JSON, and whether it is kept as text.
    Json(bool),
    JsonPath,
    Xml,
    Inet,
    Cidr,
    Mac(usize),
    /// A bit string: its length, and whether it may be shorter.
    Bits(Option<usize>, bool),
    SearchVector,
    SearchQuery,
    Geometric(&'static str),
    Range(Box<Type>),
    MultiRange(Box<Type>),
    Array(Box<Type>),
    Enum(Vec<String>),
    Composite(Vec<Type>),
    Pairs,
    Path,
    Vector(usize),
    /// A value of this literal text is all that is known.
    Fixed(&'static str),
    /// No value can be made.
    Unknown,
}

/// Where types are looked up.
pub(super) struct Types<'a> {
    catalog: &'a Catalog,
    composites: BTreeMap<(&'a str, &'a str), Vec<(usize, &'a str)>>,
}

/// A type that was looked up: through domains to what is below them.
#[derive(Clone, Debug)]
pub(super) struct Resolved {
    pub(super) kind: Type,
    /// The type's name below all domains.
    pub(super) name: String,
    /// The domains passed on the way: schema and name.
    pub(super) domains: Vec<(String, String)>,
    pub(super) not_null: bool,
    pub(super) has_default: bool,
}

/// Types nested deeper than this are not followed.
const DEEPEST: usize = 8;

impl<'a> Types<'a> {
    pub(super) fn new(catalog: &'a Catalog) -> Self {
        let mut composites: BTreeMap<(&str, &str), Vec<(usize, &str)>> = BTreeMap::new();
        for object in catalog.objects() {
            if let (ObjectKind::Column, [schema, owner, _]) = (object.id.kind, &object.id.path[..])
            {
                let position = object.attribute("position").and_then(|at| at.parse().ok());
                let kind = object.attribute("type").unwrap_or_default();
                let columns = composites.entry((schema, owner)).or_default();
                columns.push((position.unwrap_or_default(), kind));
            }
        }
        composites
            .values_mut()
            .for_each(|columns| columns.sort_unstable());
        Self {
            catalog,
            composites,
        }
    }

    /// Follows a type's name down through domains.
    pub(super) fn resolve(&self, name: &str) -> Resolved {
        let mut resolved = Resolved {
            kind: Type::Unknown,
            name: name.to_owned(),
            domains: Vec::new(),
            not_null: false,
            has_default: false,
        };
        for _ in 0..DEEPEST {
            let Some((schema, own, domain)) = self.domain(&resolved.name) else {
                break;
            };
            resolved.not_null |= domain.attribute("not_null").is_some();
            resolved.has_default |= domain.attribute("default").is_some();
            resolved.name = domain.attribute("type").unwrap_or_default().to_owned();
            resolved.domains.push((schema, own));
        }
        resolved.kind = self.kind(&resolved.name, 0);
        resolved
    }

    /// The domain of that name: its schema, its own name, and the object.
    fn domain(&self, name: &str) -> Option<(String, String, &'a Object)> {
        let (schema, own) = qualified(name).filter(|_| !name.ends_with("[]"))?;
        let id = ObjectId::new(ObjectKind::Domain, [&schema, &own]);
        let object = self.catalog.object(&id)?;
        Some((schema, own, object))
    }

    fn kind(&self, name: &str, depth: usize) -> Type {
        if depth > DEEPEST {
            return Type::Unknown;
        }
        if let Some(element) = name.strip_suffix("[]") {
            if self.domain(element).is_some() {
                // Each element would have to satisfy the domain's conditions; no element does.
                return Type::Fixed("{}");
            }
            let element = self.kind(element, depth + 1);
            return match element {
                Type::Unknown => Type::Unknown,
                element => Type::Array(Box::new(element)),
            };
        }
        let words = tokens(name);
        if let Some(known) = built_in(&words) {
            return known;
        }
        let Some((schema, own)) = qualified(name) else {
            return Type::Unknown;
        };
        self.named(&schema, &own, depth)
            .or_else(|| of_extension(&own, &words))
            .unwrap_or(Type::Unknown)
    }

    fn named(&self, schema: &str, own: &str, depth: usize) -> Option<Type> {
        let object = |kind| self.catalog.object(&ObjectId::new(kind, [schema, own]));
        if let Some(found) = object(ObjectKind::Enum) {
            let labels = tokens(found.attribute("labels").unwrap_or_default());
            let labels = labels.into_iter().filter(Token::is_literal);
            return Some(Type::Enum(labels.map(|token| token.text).collect()));
        }
        if let Some(found) = object(ObjectKind::Domain) {
            return Some(self.kind(found.attribute("type").unwrap_or_default(), depth + 1));
        }
        if let Some(found) = object(ObjectKind::Type)
            && found.attribute("form") == Some("range")
        {
            let subtype = self.kind(found.attribute("subtype").unwrap_or_default(), depth + 1);
            return Some(Type::Range(Box::new(subtype)));
        }
        let columns = self.composites.get(&(schema, own))?;
        let columns = columns.iter().map(|(_, name)| self.kind(name, depth + 1));
        Some(Type::Composite(columns.collect()))
    }
}

/// Schema and name of a type that was written with both.
fn qualified(name: &str) -> Option<(String, String)> {
    let words = tokens(name);
    match &words[..] {
        [schema, dot, own, ..] if dot.is(".") => Some((schema.text.clone(), own.text.clone())),
        [own, ..] => Some(("public".to_owned(), own.text.clone())),
        [] => None,
    }
}

/// The numbers in brackets behind a type's name.
fn limits(words: &[Token]) -> Vec<i32> {
    let open = words.iter().position(|word| word.is("("));
    let numbers = open.map_or(&[][..], |open| &words[open..]);
    let mut sign = 1;
    let mut found = Vec::new();
    for word in numbers {
        if word.is("-") {
            sign = -1;
        } else if let Ok(number) = word.text.parse::<i32>() {
            found.push(sign * number);
            sign = 1;
        }
    }
    found
}

fn built_in(words: &[Token]) -> Option<Type> {
    let limits = limits(words);
    let limit = limits
        .first()
        .and_then(|limit| usize::try_from(*limit).ok());
    let with_zone = words
        .windows(2)
        .any(|pair| pair[0].is("with") && pair[1].is("time"));
    let varying = words.get(1).is_some_and(|word| word.is("varying"));
    if words.get(1).is_some_and(|word| word.is(".")) {
        return None;
    }
    let range = |kind: Type| Some(Type::Range(Box::new(kind)));
    let multi = |kind: Type| Some(Type::MultiRange(Box::new(kind)));
    let small = |bits: u32| Type::Integer(-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1);
    Some(match words.first()?.text.as_str() {
        "smallint" => small(16),
        "integer" => small(32),
        "bigint" => small(64),
        "oid" | "xid" | "cid" => Type::Integer(0, (1 << 32) - 1),
        "xid8" => Type::Integer(0, (1 << 63) - 1),
        "real" => Type::Float(32),
        "double" => Type::Float(64),
        "numeric" => Type::Decimal(match limits[..] {
            [precision, scale] => Some((precision, scale)),
            [precision] => Some((precision, 0)),
            _ => None,
        }),
        "money" => Type::Money,
        "text" => Type::Text(None),
        "character" if limit.is_none() && varying => Type::Text(None),
        "character" | "bpchar" => Type::Text(Some(limit.unwrap_or(1))),
        "char" => Type::Text(Some(1)),
        "name" => Type::Name,
        "bytea" => Type::Bytes,
        "boolean" => Type::Boolean,
        "date" => Type::Date,
        "time" => Type::Time(with_zone),
        "timestamp" => Type::Timestamp(with_zone),
        "interval" => Type::Interval,
        "uuid" => Type::Uuid,
        "json" => Type::Json(true),
        "jsonb" => Type::Json(false),
        "jsonpath" => Type::JsonPath,
        "xml" => Type::Xml,
        "inet" => Type::Inet,
        "cidr" => Type::Cidr,
        "macaddr" => Type::Mac(6),
        "macaddr8" => Type::Mac(8),
        "bit" => Type::Bits(limit.or((!varying).then_some(1)), varying),
        "tsvector" => Type::SearchVector,
        "tsquery" => Type::SearchQuery,
        "point" => Type::Geometric("(%,%)"),
        "line" => Type::Geometric("{1,%,%}"),
        "lseg" => Type::Geometric("[(%,%),(%,%)]"),
        "box" => Type::Geometric("(%,%),(%,%)"),
        "path" => Type::Geometric("[(%,%),(%,%),(%,%)]"),
        "polygon" => Type::Geometric("((%,%),(%,%),(%,%))"),
        "circle" => Type::Geometric("<(%,%),3>"),
        "int4range" => return range(small(32)),
        "int8range" => return range(small(64)),
        "numrange" => return range(Type::Decimal(None)),
        "daterange" => return range(Type::Date),
        "tsrange" => return range(Type::Timestamp(false)),
        "tstzrange" => return range(Type::Timestamp(true)),
        "int4multirange" => return multi(small(32)),
        "int8multirange" => return multi(small(64)),
        "nummultirange" => return multi(Type::Decimal(None)),
        "datemultirange" => return multi(Type::Date),
        "tsmultirange" => return multi(Type::Timestamp(false)),
        "tstzmultirange" => return multi(Type::Timestamp(true)),
        "pg_lsn" => Type::Fixed("16/B374D848"),
        "txid_snapshot" | "pg_snapshot" => Type::Fixed("10:20:10,14,15"),
        "tid" => Type::Fixed("(0,1)"),
        "regclass" => Type::Fixed("pg_catalog.pg_class"),
        "regtype" => Type::Fixed("pg_catalog.int4"),
        "regproc" => Type::Fixed("pg_catalog.now"),
        "regprocedure" => Type::Fixed("pg_catalog.now()"),
        "regrole" => Type::Fixed("pg_monitor"),
        "regnamespace" => Type::Fixed("pg_catalog"),
        "regconfig" => Type::Fixed("pg_catalog.simple"),
        "regdictionary" => Type::Fixed("pg_catalog.simple"),
        "refcursor" => Type::Text(None),
        _ => return None,
    })
}

/// Types of extensions that people use.
fn of_extension(own: &str, words: &[Token]) -> Option<Type> {
    let after_name = words
        .iter()
        .skip(3)
        .map(|word| word.text.to_ascii_lowercase());
    let texts: Vec<String> = after_name.collect();
    Some(match own {
        "citext" => Type::Text(None),
        "hstore" => Type::Pairs,
        "ltree" => Type::Path,
        "lquery" | "ltxtquery" => Type::Fixed("top"),
        "cube" => Type::Geometric("(%,%)"),
        "isbn" | "isbn13" => Type::Fixed("978-0-393-04002-9"),
        "vector" | "halfvec" => Type::Vector(
            limits(words)
                .first()
                .and_then(|size| usize::try_from(*size).ok())
                .unwrap_or(3),
        ),
        "geometry" | "geography" => geometry(&texts),
        _ => return None,
    })
}

fn geometry(texts: &[String]) -> Type {
    let has = |word: &str| texts.iter().any(|text| text == word);
    let is_4326 = has("4326");
    Type::Fixed(if has("polygon") {
        match is_4326 {
            true => "SRID=4326;POLYGON((0 0,1 0,1 1,0 0))",
            false => "POLYGON((0 0,1 0,1 1,0 0))",
        }
    } else if has("multipolygon") {
        match is_4326 {
            true => "SRID=4326;MULTIPOLYGON(((0 0,1 0,1 1,0 0)))",
            false => "MULTIPOLYGON(((0 0,1 0,1 1,0 0)))",
        }
    } else if has("linestring") {
        match is_4326 {
            true => "SRID=4326;LINESTRING(0 0,1 1)",
            false => "LINESTRING(0 0,1 1)",
        }
    } else if is_4326 {
        "SRID=4326;POINT(9.18 48.78)"
    } else {
        "POINT(9.18 48.78)"
    })
}

/// The type of a column in an engine whose values have types of their own: what the declared type suggests.
pub(super) fn suggested(declared: &str, is_strict: bool) -> Type {
    let lower = declared.to_ascii_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
    let words = tokens(&lower);
    let limit = limits(&words)
        .first()
        .and_then(|limit| usize::try_from(*limit).ok());
    let all = Type::Integer(i128::from(i64::MIN), i128::from(i64::MAX));
    if is_strict {
        return match lower.as_str() {
            "int" | "integer" => all,
            "real" => Type::Float(64),
            "blob" => Type::Bytes,
            _ => Type::Text(None),
        };
    }
    if has(&["bool"]) {
        Type::Integer(0, 1)
    } else if has(&["timestamp", "datetime"]) {
        Type::Timestamp(false)
    } else if lower == "date" {
        Type::Date
    } else if lower == "time" {
        Type::Time(false)
    } else if has(&["int", "serial"]) {
        all
    } else if has(&["uuid", "guid"]) {
        Type::Uuid
    } else if has(&["json"]) {
        Type::Json(true)
    } else if has(&["char", "clob", "text", "string", "enum"]) {
        Type::Text(limit)
    } else if has(&["real", "floa", "doub"]) {
        Type::Float(64)
    } else if has(&["dec", "num", "money"]) {
        Type::Decimal(Some((12, 3)))
    } else if has(&["blob", "binary", "byte"]) || lower.is_empty() {
        Type::Bytes
    } else {
        Type::Text(None)
    }
}

#[cfg(test)]
mod tests {
    use tightrope_model::AttributeLevel;

    use super::*;

    fn catalog() -> Catalog {
        let logical = AttributeLevel::Logical;
        let object = |kind, path: &[&str]| Object::new(ObjectId::new(kind, path.iter().copied()));
        let objects = [
            object(ObjectKind::Enum, &["public", "Mood"]).with("labels", logical, "'sad', 'it''s'"),
            object(ObjectKind::Domain, &["public", "short"])
                .with("type", logical, "character varying(3)")
                .with("not_null", logical, "yes"),
            object(ObjectKind::Domain, &["app", "shorter"]).with("type", logical, "public.short"),
            object(ObjectKind::Column, &["public", "pair", "x"])
                .with("type", logical, "integer")
                .with("position", AttributeLevel::Position, "2"),
            object(ObjectKind::Column, &["public", "pair", "y"])
                .with("type", logical, "text")
                .with("position", AttributeLevel::Position, "1"),
        ];
        Catalog::new(objects, Vec::new())
    }

    fn check(name: &str, expect: Type) {
        let catalog = catalog();
        assert_eq!(Types::new(&catalog).resolve(name).kind, expect, "{name}");
    }

    #[test]
    fn names_become_types() {
        let integer = || Type::Integer(i128::from(i32::MIN), i128::from(i32::MAX));
        check("integer", integer());
        check("character varying(255)", Type::Text(Some(255)));
        check("character varying", Type::Text(None));
        check("character(2)", Type::Text(Some(2)));
        check("numeric(10,2)", Type::Decimal(Some((10, 2))));
        check("timestamp(3) with time zone", Type::Timestamp(true));
        check("integer[]", Type::Array(Box::new(integer())));
        check(
            "public.\"Mood\"",
            Type::Enum(vec!["sad".to_owned(), "it's".to_owned()]),
        );
        check(
            "public.\"Mood\"[]",
            Type::Array(Box::new(Type::Enum(vec![
                "sad".to_owned(),
                "it's".to_owned(),
            ]))),
        );
        check("app.shorter", Type::Text(Some(3)));
        check(
            "public.pair",
            Type::Composite(vec![Type::Text(None), integer()]),
        );
        check("ext.citext", Type::Text(None));
        check("public.nothing", Type::Unknown);
        check("\"char\"", Type::Text(Some(1)));
        check("bit(3)", Type::Bits(Some(3), false));
    }

    #[test]
    fn domains_are_passed() {
        let catalog = catalog();
        let resolved = Types::new(&catalog).resolve("app.shorter");
        assert_eq!(resolved.domains.len(), 2);
        assert!(resolved.not_null);
        assert_eq!(resolved.name, "character varying(3)");
    }

    #[test]
    fn declared_types_suggest_values() {
        assert_eq!(suggested("varchar(20)", false), Type::Text(Some(20)));
        assert_eq!(suggested("boolean", false), Type::Integer(0, 1));
        assert_eq!(suggested("datetime", false), Type::Timestamp(false));
        assert_eq!(suggested("", false), Type::Bytes);
        assert_eq!(suggested("any", true), Type::Text(None));
    }
}
