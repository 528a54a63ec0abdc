//! Storage options: `fillfactor=70, autovacuum_enabled=false` as the catalog has them.

use std::collections::BTreeMap;

use super::super::quote::literal;

/// The clause that sets them where something is made: ` with (fillfactor=70)`.
pub(in super::super) fn with(options: &str) -> String {
    let list: Vec<String> = read(options).into_iter().map(set).collect();
    format!(" with ({})", list.join(", "))
}

/// The statements that bring the options of an object from `now` to `before`.
pub(in super::super) fn altered(
    what: &str,
    name: &str,
    before: Option<&str>,
    now: Option<&str>,
) -> Vec<String> {
    let (before, now) = (
        read(before.unwrap_or_default()),
        read(now.unwrap_or_default()),
    );
    let mut statements = Vec::new();
    let gone: Vec<&str> = now
        .keys()
        .filter(|key| !before.contains_key(*key))
        .copied()
        .collect();
    if !gone.is_empty() {
        statements.push(format!("alter {what} {name} reset ({})", gone.join(", ")));
    }
    let changed = before
        .into_iter()
        .filter(|(key, value)| now.get(key) != Some(value));
    let changed: Vec<String> = changed.map(set).collect();
    if !changed.is_empty() {
        statements.push(format!("alter {what} {name} set ({})", changed.join(", ")));
    }
    statements
}

fn read(options: &str) -> BTreeMap<&str, &str> {
    options
        .split(", ")
        .filter_map(|option| option.split_once('='))
        .collect()
}

fn set((key, value): (&str, &str)) -> String {
    let plain = !value.is_empty() && value.chars().all(|letter| letter.is_ascii_alphanumeric());
    if plain {
        format!("{key} = {value}")
    } else {
        format!("{key} = {}", literal(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_set_and_reset() {
        assert_eq!(with("a=1, b=x.y"), " with (a = 1, b = 'x.y')");
        let check = |before, now, expect: &[&str]| {
            assert_eq!(altered("view", "v", before, now), expect);
        };
        check(Some("a=1"), Some("a=1"), &[]);
        check(None, Some("a=1"), &["alter view v reset (a)"]);
        check(
            Some("a=1"),
            Some("a=2, b=3"),
            &["alter view v reset (b)", "alter view v set (a = 1)"],
        );
    }
}
