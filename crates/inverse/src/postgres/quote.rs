//! Names and values in SQL text: the only place that puts them there.

/// Every word that some supported version does not take as a name everywhere.
const KEYWORDS: &str = " all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean \
both case cast char character check coalesce collate collation column concurrently constraint create cross current_catalog \
current_date current_role current_schema current_time current_timestamp current_user dec decimal default deferrable desc \
distinct do else end except exists extract false fetch float for foreign freeze from full grant greatest group grouping \
having ilike in initially inner inout int integer intersect interval into is isnull join json json_array json_arrayagg \
json_exists json_object json_objectagg json_query json_scalar json_serialize json_table json_value lateral leading least \
left like limit localtime localtimestamp merge_action national natural nchar none normalize not notnull null nullif numeric \
offset on only or order out outer overlaps overlay placing position precision primary real references returning right row \
select session_user setof similar smallint some substring symmetric system_user table tablesample then time timestamp to \
trailing treat trim true union unique user using values varchar variadic verbose when where window with xmlattributes \
xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable ";

/// An identifier, in double quotes where it needs them.
pub(super) fn quote(identifier: &str) -> String {
    let plain = identifier.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
        && identifier
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !KEYWORDS.contains(&format!(" {identifier} "));
    if plain {
        identifier.to_owned()
    } else {
        format!("\"{}\"", identifier.replace('"', "\"\""))
    }
}

/// Names on the way to an object, each quoted where it needs it.
pub(super) fn qualified(path: &[String]) -> String {
    let quoted: Vec<String> = path.iter().map(|name| quote(name)).collect();
    quoted.join(".")
}

/// A string literal. It reads the same whatever `standard_conforming_strings` says.
pub(super) fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') {
        format!("E'{}'", quoted.replace('\\', "\\\\"))
    } else {
        format!("'{quoted}'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(identifier: &str, expect: &str) {
        assert_eq!(quote(identifier), expect);
    }

    #[test]
    fn only_what_needs_quotes_is_quoted() {
        check("name_2", "name_2");
        check("Name", "\"Name\"");
        check("order", "\"order\"");
        check("2nd", "\"2nd\"");
        check("a\"b", "\"a\"\"b\"");
        check("", "\"\"");
        check("größe", "\"größe\"");
        assert_eq!(
            qualified(&["public".into(), "user".into()]),
            "public.\"user\""
        );
        assert_eq!(literal(r"it's \ "), r"E'it''s \\ '");
    }
}
