//! Rehearsals on masked copies: no value of a masked column is in the copy, and what is unique or referred to still is.

use std::fs;

use serde_json::Value;
use tightrope_testkit::process::Outcome;

use crate::on_both_engines;
use crate::stage::{Stage, assert_says};

on_both_engines!(
    a_rehearsal_sees_masks_and_says_so,
    masks_that_cannot_be_are_refused_with_their_names,
    a_mask_that_breaks_a_rule_names_it_and_shows_no_value,
    rehearsals_can_do_without_the_masks,
    who_names_the_target_by_its_url_gets_masks_too,
    the_key_of_masks_is_a_secret,
);

const SCHEMA: &str = "
    create table people (email varchar(60) primary key, name text not null, phone varchar(20), born date,
        points integer unique, shoe text check (length(shoe) < 4));
    create table letters (id integer primary key, recipient varchar(60) not null references people (email), body text);
    insert into people values ('anna.berg@shop.test', 'Anna Berg', '+49 30 123456', '1990-02-28', 10, '38'),
        ('ole.dahl@shop.test', 'Ole Dahl', null, null, 11, null);
    insert into letters values (1, 'anna.berg@shop.test', 'Dear Anna'), (2, 'ole.dahl@shop.test', null);";

fn configure(stage: &Stage, more: &str) {
    let url = &stage.url;
    stage.write(
        "tightrope.toml",
        &format!("[targets.shop]\nurl = '{url}'\n{more}\n"),
    );
}

#[track_caller]
fn run(stage: &Stage, command: &str, code: i32) -> Outcome {
    let mut arguments: Vec<&str> = command.split(' ').collect();
    arguments.extend(["--target", "shop"]);
    stage.run(&arguments, code)
}

/// A migration that fails if it sees a value that should be masked, or a reference that does not hold.
fn add_witness(stage: &Stage, sees: &str) {
    stage.write(
        "migrations/0001_witness/up.sql",
        &format!(
            "create table witness (what text not null);\n\
             insert into witness select null from people where {sees};\n\
             insert into witness select null from letters where recipient not in (select email from people);\n"
        ),
    );
    stage.write("migrations/0001_witness/down.sql", "drop table witness;\n");
}

fn a_rehearsal_sees_masks_and_says_so(stage: &Stage) {
    stage.sql(SCHEMA);
    add_witness(
        stage,
        "email like '%shop.test' or name like '%Berg' or phone is not null and phone not like '+%' or born is not null and length(born || '') <> 10",
    );
    // As it is, the migration fails: the witness sees something.
    configure(stage, "");
    run(stage, "rehearse", 3);
    configure(
        stage,
        "[targets.shop.mask]\n'people.email' = 'fake email'\n'people.name' = 'keep format'\n'people.phone' = 'keep format'\n\
         'people.born' = 'keep format'\n'people.points' = 'keep format'\n'letters.body' = 'null'\n'people.shoe' = { sql = \"'40'\" }",
    );
    let state = stage.state();
    let rehearsed = run(stage, "rehearse --json", 0).json();
    assert_eq!(stage.state(), state);
    let selection = &rehearsed["copy"]["selection"];
    assert_eq!(selection["sample"], Value::Null);
    let masked: Vec<&str> = selection["masked"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one.as_str().unwrap())
        .collect();
    assert!(masked.contains(&"people.name: keep format"), "{masked:?}");
    assert!(
        masked.contains(&"letters.recipient: fake email, like the key that it refers to"),
        "{masked:?}"
    );
    let certificate =
        fs::read_to_string(stage.path("migrations/0001_witness/certificate.json")).unwrap();
    assert_says(&certificate, "values of people.email");
    assert!(!certificate.contains("Berg"), "{certificate}");
    assert_says(
        &run(stage, "rehearse", 0).stdout,
        "masked letters.body: null",
    );
    assert_says(&run(stage, "plan", 2).stdout, "selective copy, masked");
}

fn masks_that_cannot_be_are_refused_with_their_names(stage: &Stage) {
    stage.sql(SCHEMA);
    add_witness(stage, "false");
    let check = |mask: &str, needle: &str, hint: &str| {
        configure(stage, &format!("[targets.shop.mask]\n{mask}"));
        let outcome = run(stage, "rehearse", 1);
        assert_says(&outcome.stderr, needle);
        assert_says(&outcome.stderr, hint);
    };
    check(
        "'peple.name' = 'hash'",
        "names a table that is not there",
        "did you mean `people`?",
    );
    check(
        "'people.nmae' = 'hash'",
        "names a column that the table has not",
        "did you mean `name`?",
    );
    check(
        "'people.name' = 'rot13'",
        "`rot13` is no mask",
        "`keep format`",
    );
    check(
        "'people.name' = { sq = 'x' }",
        "a mask in a table is `{ sql = \"EXPRESSION\" }`",
        "lists every key",
    );
    check(
        "'name' = 'hash'",
        "names no column of a table",
        "\"table.column\"",
    );
    check(
        "'people.name' = 'null'",
        "makes NULL, and the column is NOT NULL",
        "choose another mask",
    );
    check(
        "'people.email' = 'fake name'",
        "gives the same to several rows",
        "choose another mask",
    );
    check(
        "'people.email' = { sql = \"'x'\" }",
        "cannot be made there alike",
        "with `keep format` or `hash`",
    );
    check(
        "'letters.recipient' = 'hash'",
        "and only the first is masked",
        "mask `people.email` instead",
    );
    check(
        "'letters.recipient' = 'hash'\n'people.email' = 'keep format'",
        "refers to `people.email`, which is masked with `keep format`",
        "leave out the mask of `letters.recipient`",
    );
}

fn a_mask_that_breaks_a_rule_names_it_and_shows_no_value(stage: &Stage) {
    stage.sql(SCHEMA);
    add_witness(stage, "false");
    let check = |mask: &str, needle: &str| {
        configure(stage, &format!("[targets.shop.mask]\n{mask}"));
        let outcome = run(stage, "rehearse", 1);
        assert_says(&outcome.stderr, needle);
        assert!(!outcome.stderr.contains("Anna"), "{}", outcome.stderr);
        assert!(!outcome.stderr.contains("123456"), "{}", outcome.stderr);
    };
    check(
        "'people.shoe' = { sql = \"name || '!'\" }",
        "does not take what the masks make",
    );
    check("'people.points' = { sql = '7' }", "points");
    check(
        "'people.points' = { sql = 'no_such_thing' }",
        "no_such_thing",
    );
}

fn rehearsals_can_do_without_the_masks(stage: &Stage) {
    stage.sql(SCHEMA);
    add_witness(stage, "name like '%Berg'");
    let mask = "[targets.shop.mask]\n'people.name' = 'keep format'\n";
    configure(stage, mask);
    run(stage, "rehearse", 0);
    configure(
        stage,
        &format!("{mask}[targets.shop.rehearse]\nmasked = false"),
    );
    run(stage, "rehearse", 3);
}

fn who_names_the_target_by_its_url_gets_masks_too(stage: &Stage) {
    stage.sql(SCHEMA);
    add_witness(stage, "name like '%Berg'");
    let mask = "[targets.shop.mask]\n'people.name' = 'keep format'\n";
    configure(stage, mask);
    stage.run(&["rehearse", "--url", &stage.url], 0);
    configure(
        stage,
        &format!("{mask}[targets.shop.rehearse]\nmasked = false"),
    );
    stage.run(&["rehearse", "--url", &stage.url], 3);
}

fn the_key_of_masks_is_a_secret(stage: &Stage) {
    stage.sql(SCHEMA);
    add_witness(stage, "false");
    let mask = "[targets.shop.mask]\n'people.name' = 'hash'\n";
    configure(stage, &format!("mask_key = 'geheim'\n{mask}"));
    let outcome = run(stage, "rehearse", 1);
    assert_says(&outcome.stderr, "stands in tightrope.toml itself");
    assert!(!outcome.stderr.contains("geheim"), "{}", outcome.stderr);
    configure(stage, &format!("mask_key = {{ env = 'NOT_SET' }}\n{mask}"));
    assert_says(&run(stage, "rehearse", 1).stderr, "NOT_SET");
    // Who makes no copy needs no key.
    run(stage, "status", 0);
    stage.write("key", "geheim\n");
    configure(stage, &format!("mask_key = {{ file = 'key' }}\n{mask}"));
    run(stage, "rehearse", 0);
}
