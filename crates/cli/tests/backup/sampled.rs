//! Rehearsals on a sample of the rows: every reference holds, and everything says that it was a sample.

use std::fs;

use serde_json::Value;
use tightrope_testkit::process::Outcome;

use crate::on_both_engines;
use crate::stage::{Stage, assert_says};

on_both_engines!(
    a_sample_follows_references_and_says_so,
    the_same_seed_picks_the_same_rows,
    a_sample_does_not_count_unless_the_policy_says_so,
    a_sample_is_taken_of_a_proven_backup,
    what_makes_no_sample_is_refused,
);

/// A schema whose references go round, refer to themselves, to two columns and to what is unique without being the key.
const SCHEMA: &str = "
    create table countries (code text primary key, name text not null);
    create table staff (id integer primary key, boss integer references staff, works_at integer);
    create table shops (id integer primary key, head integer not null references staff, country text references countries);
    create table shelves (shop integer references shops, place integer, label text unique, primary key (shop, place));
    create table goods (id integer primary key, shop integer, place integer, label text references shelves (label),
        foreign key (shop, place) references shelves (shop, place));";

fn fill(stage: &Stage) {
    stage.sql(SCHEMA);
    let numbers = |most: u32| match stage.is_sqlite() {
        true => format!(
            "(with recursive n(i) as (select 1 union all select i + 1 from n where i < {most}) select i from n) n"
        ),
        false => format!("generate_series(1, {most}) n(i)"),
    };
    let insert =
        |most: u32, what: &str| stage.sql(&format!("insert into {what} from {}", numbers(most)));
    insert(20, "countries select 'c' || i, 'country ' || i");
    insert(
        3000,
        "staff select i, case when i > 1 then i / 2 end, 1 + i % 400",
    );
    insert(400, "shops select i, i * 7, 'c' || (1 + i % 20)");
    insert(
        2000,
        "shelves select 1 + i % 400, i / 400, case when i % 3 > 0 then 'l' || i end",
    );
    insert(
        9000,
        "goods select i, case when i % 5 > 0 then 1 + i % 400 end, case when i % 7 > 0 then i % 5 end, \
         case when i % 3 > 0 then 'l' || (1 + i % 1999 / 3 * 3) end",
    );
    if !stage.is_sqlite() {
        stage.sql("alter table staff add foreign key (works_at) references shops deferrable initially deferred");
    }
}

fn configure(stage: &Stage, rehearse: &str, more: &str) {
    let url = &stage.url;
    stage.write(
        "tightrope.toml",
        &format!("[targets.shop]\nurl = '{url}'\n[targets.shop.rehearse]\n{rehearse}\n{more}\n"),
    );
}

#[track_caller]
fn run(stage: &Stage, command: &str, code: i32) -> Outcome {
    let mut arguments: Vec<&str> = command.split(' ').collect();
    arguments.extend(["--target", "shop"]);
    stage.run(&arguments, code)
}

/// The rows of a table in the copy, and in the target.
#[track_caller]
fn rows(selection: &Value, table: &str) -> (u64, u64) {
    let tables = selection["tables"].as_array().unwrap();
    let one = tables.iter().find(|one| one["table"] == table).unwrap();
    (one["rows"].as_u64().unwrap(), one["of"].as_u64().unwrap())
}

fn a_sample_follows_references_and_says_so(stage: &Stage) {
    fill(stage);
    stage.add_migration();
    configure(
        stage,
        "sample = '5 %'\nwhole_up_to = 100",
        "[policy]\nsamples = true",
    );
    let state = stage.state();
    let rehearsed = run(stage, "rehearse --json", 0).json();
    assert_eq!(stage.state(), state, "the target is only read");
    let selection = &rehearsed["copy"]["selection"];
    assert_eq!(selection["sample"], "5 %");
    assert!(selection["seed"].is_u64(), "whatever it was, it is said");
    assert_eq!(
        rows(selection, "countries"),
        (20, 20),
        "small tables are whole"
    );
    let (goods, of) = rows(selection, "goods");
    assert_eq!(of, 9000);
    assert!((200..800).contains(&goods), "{goods}");
    let (staff, of) = rows(selection, "staff");
    assert!(staff < of, "{staff}");
    let certificate =
        fs::read_to_string(stage.path("migrations/0001_age/certificate.json")).unwrap();
    let certificate: Value = serde_json::from_str(&certificate).unwrap();
    assert_eq!(&certificate["copy"]["selection"], selection);
    assert_eq!(certificate["rows"]["goods"], goods);
    let likeness = certificate["copy"]["likeness"]["percent"].as_u64().unwrap();
    assert!(likeness < 90, "{likeness}");
    let text = run(stage, "plan", 2).stdout;
    assert_says(&text, "on a sample of 5 %");
    assert_says(&text, "on all rows");
    let times = &certificate["extrapolated"];
    let time = |way: &str, which: &str| times[way][which].as_u64().unwrap();
    for way in ["forward", "rollback"] {
        assert!(time(way, "least_ms") <= time(way, "likely_ms"), "{times}");
        assert!(time(way, "likely_ms") <= time(way, "most_ms"), "{times}");
    }
    assert_eq!(rehearsed["migrations"][0]["extrapolated"], *times);
    assert_says(&text, "extrapolated from a sample");
    // It counts, so nothing is rehearsed any more.
    let applied = run(stage, "apply --yes --json", 0).json();
    assert_eq!(applied["rehearsed"], Value::Null, "{applied}");
}

fn the_same_seed_picks_the_same_rows(stage: &Stage) {
    fill(stage);
    stage.add_migration();
    let tables = |rehearse: &str| {
        configure(stage, rehearse, "[policy]\nsamples = true");
        run(stage, "rehearse --json", 0).json()["copy"]["selection"].clone()
    };
    let once = tables("sample = { rows = 500 }\nseed = 42");
    assert_eq!(once["seed"], 42);
    assert_eq!(tables("sample = { rows = 500 }\nseed = 42"), once);
    assert_ne!(
        tables("sample = { rows = 500 }\nseed = 43")["tables"],
        once["tables"]
    );
    let named =
        tables("sample = '1 %'\nseed = 42\ntables = { goods = 'whole', orders = { rows = 0 } }");
    assert_eq!(rows(&named, "goods"), (9000, 9000));
    assert_eq!(rows(&named, "orders").0, 0);
}

fn a_sample_does_not_count_unless_the_policy_says_so(stage: &Stage) {
    stage.add_migration();
    configure(stage, "sample = '10 %'", "");
    let rehearsed = run(stage, "rehearse", 3);
    assert_says(&rehearsed.stdout, "[policy] samples = true lets it count");
    assert_says(&rehearsed.stdout, "1 certificate");
    let refused = run(stage, "apply --yes", 4);
    assert_says(&refused.stderr, "rehearsed on a sample (10 %)");
    let plan = run(stage, "plan", 2);
    assert_says(
        &plan.stdout,
        "not proven: its certificate has expired: it was rehearsed on a sample",
    );
    configure(stage, "sample = '10 %'", "[policy]\nsamples = true");
    run(stage, "apply --yes", 0);
}

fn a_sample_is_taken_of_a_proven_backup(stage: &Stage) {
    stage.add_migration();
    configure(
        stage,
        "from = 'backup'\nsample = '5 %'\nwhole_up_to = 600",
        "[targets.shop.backup]\nto = 'backups'\n[policy]\nsamples = true",
    );
    run(stage, "backup --prove", 0);
    let rehearsed = run(stage, "rehearse --json", 0).json();
    let copy = &rehearsed["copy"];
    assert!(
        copy["method"]
            .as_str()
            .unwrap()
            .starts_with("selective copy of the restored backup")
    );
    assert_eq!(rows(&copy["selection"], "customers"), (500, 500));
    let (orders, of) = rows(&copy["selection"], "orders");
    assert!(of == 3000 && orders < 600, "{orders}");
}

fn what_makes_no_sample_is_refused(stage: &Stage) {
    stage.add_migration();
    let check = |rehearse: &str, needle: &str| {
        configure(stage, rehearse, "");
        let outcome = run(stage, "rehearse", 1);
        assert_says(&outcome.stderr, needle);
    };
    check("sample = '0 %'", "`0 %` is no sample");
    check("sample = 5", "a sample is `\"5 %\"`");
    check("sample = { row = 5 }", "`{ rows = NUMBER }`");
    check("seed = 5\nurl = 'x'", "has `seed`, and no `sample`");
    check(
        "sample = '5 %'\ntables = { custmers = 'whole' }",
        "did you mean `customers`?",
    );
}
