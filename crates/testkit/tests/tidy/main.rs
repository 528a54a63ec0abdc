//! The habits of this code base that a machine can hold us to.
//!
//! Each rule looks at one file, knows nothing of the others, and has a test of its own below it.
#![expect(clippy::unwrap_used, reason = "these are tests")]

mod dependencies;
mod links;
mod source;
mod text;
mod tree;

use std::fmt::Write as _;

use tree::{File, Violation};

/// Runs a rule over the files and fails with all that it found.
fn check(rule: impl Fn(&File) -> Vec<Violation>) {
    let mut report = String::new();
    let mut count = 0;
    for file in tree::files() {
        for violation in rule(&file) {
            count += 1;
            writeln!(report, "{violation}").unwrap();
        }
    }
    assert!(count == 0, "{count} to tidy:\n{report}");
}

#[test]
fn crates_depend_one_way() {
    check(dependencies::violations);
}

#[test]
fn no_file_is_too_long() {
    check(source::too_long);
}

#[test]
fn nothing_is_allowed_without_a_reason() {
    check(source::allows);
}

#[test]
fn names_say_something() {
    check(source::empty_names);
}

#[test]
fn libraries_neither_print_nor_read_the_environment() {
    check(source::side_effects);
}

#[test]
fn crates_begin_with_their_story() {
    check(source::storyless);
}

#[test]
fn text_is_clean() {
    check(text::untidy);
}

#[test]
fn nothing_is_about_one_machine() {
    check(text::machine_bound);
}

#[test]
fn links_lead_somewhere() {
    check(links::broken);
}

#[test]
fn licences_are_there() {
    for (name, words) in [
        ("LICENSE-APACHE", "Version 2.0, January 2004"),
        ("LICENSE-MIT", "Permission is hereby granted"),
    ] {
        let text = std::fs::read_to_string(tree::root().join(name)).unwrap_or_default();
        assert!(text.contains(words), "{name} is missing");
    }
}
