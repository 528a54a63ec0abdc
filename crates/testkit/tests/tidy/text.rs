use crate::tree::{File, Violation};

/// Where one machine keeps things, and what a registry's mirror leaves in a lock file. In two parts each, or this file
/// would break its own rule.
const MACHINE_BOUND: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("\"resol", "ved\": \""),
];

/// White space that nobody sees.
pub(crate) fn untidy(file: &File) -> Vec<Violation> {
    if !["rs", "md", "sql", "toml", "sh"].contains(&file.extension()) {
        return Vec::new();
    }
    let mut violations: Vec<Violation> = file
        .lines()
        .filter_map(|(number, line)| {
            let what = if line.contains('\t') {
                "a tab"
            } else if line.ends_with([' ', '\r']) {
                "white space at the end"
            } else {
                return None;
            };
            Some(file.violation(number, what))
        })
        .collect();
    if !file.text.is_empty() && (!file.text.ends_with('\n') || file.text.ends_with("\n\n")) {
        let last = file.text.lines().count().max(1);
        violations.push(file.violation(last, "ends with one line break, not with none or more"));
    }
    violations
}

/// What holds on one machine only.
pub(crate) fn machine_bound(file: &File) -> Vec<Violation> {
    file.lines()
        .filter_map(|(number, line)| {
            let needle = MACHINE_BOUND
                .iter()
                .find(|needle| starts_at(line, needle))?;
            Some(file.violation(number, format!("{needle} is on one machine only")))
        })
        .collect()
}

/// Whether the path stands in the line, and not as the end of a longer one.
fn starts_at(line: &str, path: &str) -> bool {
    let inside = |character: char| character.is_alphanumeric() || "._-*}".contains(character);
    line.match_indices(path)
        .any(|(at, _)| !line[..at].ends_with(inside))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::found;

    #[test]
    fn unseen_white_space_is_found() {
        let check = |text, expect: &[&str]| assert_eq!(found(untidy, "a.md", text), expect);
        check("fine\n\nfine\n", &[]);
        check("a\tb\n", &["1: a tab"]);
        check("a\nb \n", &["2: white space at the end"]);
        check("a\r\n", &["1: white space at the end"]);
        check("a", &["1: ends with one line break, not with none or more"]);
        check(
            "a\n\n",
            &["2: ends with one line break, not with none or more"],
        );
    }

    #[test]
    fn machine_paths_are_found() {
        let check = |text: &str, expect: &[&str]| {
            assert_eq!(found(machine_bound, "a.toml", text), expect);
        };
        let path = MACHINE_BOUND[0];
        let expect = format!("1: {path} is on one machine only");
        check(&format!("cd {path}x"), &[&expect]);
        check(&format!("\"{path}x\""), &[&expect]);
        check(&format!("how{path}x"), &[]);
    }
}
