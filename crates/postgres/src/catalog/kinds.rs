//! The registration of every kind: its file, what its attributes are worth, and when it is read.

use tightrope_model::{AttributeLevel, ObjectKind};

/// One `.sql` file. Its rows have `path_1`… (the object's path), `oid`, and where it applies `part` (an attnum) and
/// `relation` (the relation to which it belongs); every other column is the attribute of that name, NULL meaning that it is
/// at its default. A column whose name begins with `_` is for this crate and no attribute; one whose name begins with `fact_`
/// is an attribute under the rest of its name, and in no fingerprint.
///
/// Such a fact `same_X` says in numbers (OIDs, attnums, a digest of a stored expression) what the attribute `X` says in
/// names: where it is equal, X means the same, whatever has been renamed in between.
#[derive(Debug)]
pub(super) struct Kind {
    /// The file's name, and the probe's column.
    pub(super) name: &'static str,
    pub(super) kind: ObjectKind,
    /// The system catalog that the OIDs are from: comments and extension members are found by it.
    pub(super) class: &'static str,
    pub(super) sql: &'static str,
    /// Attributes that are text which people write.
    pub(super) text: &'static [&'static str],
    /// Attributes that say where something stands.
    pub(super) position: &'static [&'static str],
}

impl Kind {
    /// What an attribute of this kind is worth, by the name of its column.
    pub(super) fn level(&self, attribute: &str) -> AttributeLevel {
        if attribute.starts_with(FACT) {
            AttributeLevel::Fact
        } else if self.text.contains(&attribute) {
            AttributeLevel::Text
        } else if self.position.contains(&attribute) {
            AttributeLevel::Position
        } else {
            AttributeLevel::Logical
        }
    }
}

macro_rules! kind {
    ($name:literal, $kind:ident, $class:literal) => {
        kind!($name, $kind, $class, text [], position [])
    };
    ($name:literal, $kind:ident, $class:literal, text [$($text:literal),*], position [$($position:literal),*]) => {
        Kind {
            name: $name,
            kind: ObjectKind::$kind,
            class: $class,
            sql: include_str!(concat!("sql/", $name, ".sql")),
            text: &[$($text),*],
            position: &[$($position),*],
        }
    };
}

/// How the columns begin that only deriving an inverse needs.
pub(super) const FACT: &str = "fact_";

/// Which kinds are there.
pub(super) const PROBE: &str = include_str!("sql/probe.sql");

/// Which objects belong to an extension.
pub(super) const MEMBERS: &str = include_str!("sql/members.sql");

/// Which objects need which.
pub(super) const DEPENDENCIES: &str = include_str!("sql/dependencies.sql");

/// What is said about any object, by the attribute's name: comments always, labels where the probe finds some.
pub(super) const COMMENTS: &str = include_str!("sql/comments.sql");

/// As [`COMMENTS`].
pub(super) const SECURITY_LABELS: &str = include_str!("sql/security_labels.sql");

/// The kinds that are read whatever the probe says: every database has some.
pub(super) const ALWAYS: &[&str] = &["schemas", "extensions"];

/// All kinds.
pub(super) const KINDS: &[Kind] = &[
    kind!("schemas", Schema, "pg_namespace"),
    kind!("extensions", Extension, "pg_extension"),
    kind!("languages", Language, "pg_language"),
    kind!("collations", Collation, "pg_collation"),
    kind!("types", Type, "pg_type"),
    kind!("enums", Enum, "pg_type"),
    kind!("domains", Domain, "pg_type"),
    kind!("sequences", Sequence, "pg_class"),
    kind!("tables", Table, "pg_class"),
    kind!("foreign_tables", ForeignTable, "pg_class"),
    kind!("columns", Column, "pg_class", text [], position ["position"]),
    kind!("constraints", Constraint, "pg_constraint"),
    kind!("indexes", Index, "pg_class"),
    kind!("views", View, "pg_class"),
    kind!("materialized_views", MaterializedView, "pg_class"),
    kind!("functions", Function, "pg_proc", text ["body"], position []),
    kind!("procedures", Procedure, "pg_proc", text ["body"], position []),
    kind!("aggregates", Aggregate, "pg_proc"),
    kind!("operators", Operator, "pg_operator"),
    kind!("operator_classes", OperatorClass, "pg_opclass"),
    kind!("operator_families", OperatorFamily, "pg_opfamily"),
    kind!("casts", Cast, "pg_cast"),
    kind!("conversions", Conversion, "pg_conversion"),
    kind!("text_search_configurations", TextSearch, "pg_ts_config"),
    kind!("text_search_dictionaries", TextSearch, "pg_ts_dict"),
    kind!("text_search_parsers", TextSearch, "pg_ts_parser"),
    kind!("text_search_templates", TextSearch, "pg_ts_template"),
    kind!("triggers", Trigger, "pg_trigger"),
    kind!("event_triggers", EventTrigger, "pg_event_trigger"),
    kind!("rules", Rule, "pg_rewrite"),
    kind!("policies", Policy, "pg_policy"),
    kind!("publications", Publication, "pg_publication"),
    kind!("statistics", Statistics, "pg_statistic_ext"),
    kind!("foreign_servers", ForeignServer, "pg_foreign_server"),
    kind!(
        "foreign_data_wrappers",
        ForeignDataWrapper,
        "pg_foreign_data_wrapper"
    ),
    kind!("user_mappings", UserMapping, "pg_user_mapping"),
    kind!("access_methods", AccessMethod, "pg_am"),
    kind!("transforms", Transform, "pg_transform"),
    kind!("default_privileges", DefaultPrivileges, "pg_default_acl"),
    kind!("settings", Setting, "pg_db_role_setting"),
];

/// The file as that version of the server takes it: a line that begins with `--14+ ` counts from 14 on, one with `--<17 `
/// before 17; both marks may stand together. In psql such lines are comments, so the file runs by hand everywhere.
pub(super) fn for_version(sql: &str, major: u32) -> String {
    sql.lines()
        .map(|line| uncommented(line, major))
        .filter(|line| !line.starts_with("--"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn uncommented(line: &str, major: u32) -> &str {
    let mut rest = line;
    while let Some(marked) = rest.strip_prefix("--") {
        let Some((mark, code)) = marked.split_once(' ') else {
            return line;
        };
        let counts = match (mark.strip_suffix('+'), mark.strip_prefix('<')) {
            (Some(from), _) => from.parse().is_ok_and(|from: u32| major >= from),
            (_, Some(before)) => before.parse().is_ok_and(|before: u32| major < before),
            _ => false,
        };
        if !counts {
            return line;
        }
        rest = code;
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(major: u32, expect: &str) {
        let sql = "-- story\nselect 1\n--14+ , 2\n--15+ --<17 , 3\n--17+ , 4";
        assert_eq!(for_version(sql, major).replace('\n', " "), expect);
    }

    #[test]
    fn lines_count_by_version() {
        check(12, "select 1");
        check(14, "select 1 , 2");
        check(16, "select 1 , 2 , 3");
        check(17, "select 1 , 2 , 4");
    }

    #[test]
    fn every_kind_is_probed() {
        for kind in KINDS {
            let probed = PROBE.contains(&format!(" as {}\n", kind.name));
            assert!(probed || ALWAYS.contains(&kind.name), "{}", kind.name);
        }
    }
}
