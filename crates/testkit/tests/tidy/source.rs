use crate::tree::{File, Violation};

/// Past this a file is two files.
const MOST_LINES: usize = 800;

/// Names that say nothing about what is behind them.
const EMPTY_NAMES: &[&str] = &[
    "common", "helper", "helpers", "manager", "misc", "util", "utils",
];

/// What a library leaves to its caller. The macros also by the workspace's lints; those can be switched off in a line.
const SIDE_EFFECTS: &[&str] = &[
    "dbg!(",
    "eprint!(",
    "eprintln!(",
    "env::var",
    "print!(",
    "println!(",
];

/// Crates that print and read the environment: that is what they are for.
const SHELL: &[&str] = &["cli", "testkit"];

/// Source files that are too long.
pub(crate) fn too_long(file: &File) -> Vec<Violation> {
    let lines = file.text.lines().count();
    if file.in_crate().is_none() || !["rs", "sql"].contains(&file.extension()) {
        return Vec::new();
    }
    if lines > MOST_LINES {
        return vec![file.violation(MOST_LINES + 1, format!("{lines} lines: it is two files"))];
    }
    Vec::new()
}

/// Lints that are switched off where they should be expected, with a reason.
pub(crate) fn allows(file: &File) -> Vec<Violation> {
    // In two parts, or this file would break its own rule.
    let needles = [concat!("#[", "allow("), concat!("#![", "allow(")];
    code(file)
        .filter(|(_, line)| needles.iter().any(|needle| line.contains(needle)))
        .map(|(number, _)| file.violation(number, "expect it, and give the reason"))
        .collect()
}

/// Modules whose names say nothing.
pub(crate) fn empty_names(file: &File) -> Vec<Violation> {
    if file.in_crate().is_none() || file.extension() != "rs" {
        return Vec::new();
    }
    let path = file.path.trim_end_matches(".rs").split('/').skip(1);
    let named = path.map(|name| (1, name));
    let declared = code(file).filter_map(|(number, line)| Some((number, module(line)?)));
    named
        .chain(declared)
        .filter(|(_, name)| EMPTY_NAMES.contains(name))
        .map(|(number, name)| file.violation(number, format!("{name} says nothing")))
        .collect()
}

/// Library code that prints or reads the environment.
pub(crate) fn side_effects(file: &File) -> Vec<Violation> {
    let library = file.in_crate().filter(|name| !SHELL.contains(name));
    let source = library.map(|name| format!("crates/{name}/src/"));
    let tests = file.path.ends_with("/tests.rs") || file.path.contains("/tests/");
    if tests || !source.is_some_and(|source| file.path.starts_with(&source)) {
        return Vec::new();
    }
    code(file)
        .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
        .filter_map(|(number, line)| {
            let effect = SIDE_EFFECTS.iter().find(|effect| calls(line, effect))?;
            Some(file.violation(number, format!("a library leaves {effect} to its caller")))
        })
        .collect()
}

/// Crates whose first line does not say what they are for.
pub(crate) fn storyless(file: &File) -> Vec<Violation> {
    let name = file.in_crate().unwrap_or_default();
    let roots = ["lib", "main"].map(|root| format!("crates/{name}/src/{root}.rs"));
    if roots.contains(&file.path) && !file.text.starts_with("//! ") {
        return vec![file.violation(1, "a crate begins with what it is for")];
    }
    Vec::new()
}

/// The lines of a Rust file that are no comments; none of another file.
fn code(file: &File) -> impl Iterator<Item = (usize, &str)> {
    file.lines()
        .filter(|(_, line)| file.extension() == "rs" && !line.trim_start().starts_with("//"))
}

/// The name of the module that a line declares.
fn module(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("mod ")?;
    let visibility = before.trim();
    if !visibility.is_empty() && !visibility.starts_with("pub") {
        return None;
    }
    Some(after.trim_end_matches([';', '{', ' ']))
}

/// Whether a line uses that, and not something whose name only ends so.
fn calls(line: &str, what: &str) -> bool {
    let word = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(what)
        .any(|(at, _)| !line[..at].ends_with(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::found;

    #[test]
    fn long_files_are_found() {
        let text = "line\n".repeat(801);
        let expect = ["801: 801 lines: it is two files"];
        assert_eq!(found(too_long, "crates/a/src/b.rs", &text), expect);
        assert!(found(too_long, "crates/a/src/b.rs", &text[5..]).is_empty());
        assert!(found(too_long, "docs/b.md", &text).is_empty());
    }

    #[test]
    fn allowed_lints_are_found() {
        let text = concat!("#[", "allow(dead_code)]\n// #[", "allow(x)]\n");
        let expect = ["1: expect it, and give the reason"];
        assert_eq!(found(allows, "crates/a/src/b.rs", text), expect);
    }

    #[test]
    fn empty_names_are_found() {
        let check =
            |path, text, expect: &[&str]| assert_eq!(found(empty_names, path, text), expect);
        check("crates/a/src/utils.rs", "", &["1: utils says nothing"]);
        check(
            "crates/a/tests/common/mod.rs",
            "",
            &["1: common says nothing"],
        );
        check(
            "crates/a/src/b.rs",
            "\npub(crate) mod helpers {",
            &["2: helpers says nothing"],
        );
        check("crates/a/src/b.rs", "mod table;\nlet commonly = 1;", &[]);
    }

    #[test]
    fn printing_is_found_outside_tests() {
        let check =
            |path, text, expect: &[&str]| assert_eq!(found(side_effects, path, text), expect);
        let text = "fn f() {\n    println!(\"x\");\n}\n#[cfg(test)]\nmod tests { println!() }";
        let expect = ["2: a library leaves println!( to its caller"];
        check("crates/store/src/a.rs", text, &expect);
        check("crates/cli/src/main.rs", text, &[]);
        check("crates/store/tests/a.rs", text, &[]);
        let text = "let a = std::env::var_os(\"A\");";
        check(
            "crates/store/src/a.rs",
            text,
            &["1: a library leaves env::var to its caller"],
        );
        check("crates/store/src/a.rs", "my_println!(1); // println!", &[]);
    }

    #[test]
    fn a_crate_without_a_story_is_found() {
        let expect = ["1: a crate begins with what it is for"];
        assert_eq!(found(storyless, "crates/a/src/lib.rs", "mod b;\n"), expect);
        assert!(found(storyless, "crates/a/src/lib.rs", "//! Why.\n").is_empty());
        assert!(found(storyless, "crates/a/src/b.rs", "mod b;\n").is_empty());
    }
}
