//! Every verdict, earned on every engine.

use tightrope_model::Verdict;
use tightrope_testkit::phases::Case;

use crate::{everywhere, postgres, sqlite};

const CUSTOMERS: &str = "
    create table customers (id integer primary key, first text not null, last text, note text);
    insert into customers values (1, 'Ana', 'Núñez', null), (2, 'Bo', 'Li', 'x'), (3, 'Cy', null, '');";

fn check(case: Case<'_>, expect: Verdict) -> Vec<tightrope_lifecycle::MigrationRehearsal> {
    everywhere()
        .iter()
        .map(|phases| {
            phases.run(
                &Case {
                    before: CUSTOMERS,
                    ..case
                },
                expect,
            )
        })
        .collect()
}

#[test]
fn a_table_made_and_dropped_is_exact() {
    let forward = "create table orders (id integer primary key, customer integer not null);
                   create index orders_customer on orders (customer);";
    let rehearsals = check(
        Case {
            forward,
            rollback: Some("drop table orders;"),
            ..Case::default()
        },
        Verdict::Exact,
    );
    for rehearsal in rehearsals {
        assert!(rehearsal.certificate.is_some());
        assert!(rehearsal.differences.is_empty());
    }
}

#[test]
fn an_added_column_dropped_again_is_exact() {
    let case = Case {
        forward: "alter table customers add column age integer default 0;",
        rollback: Some("alter table customers drop column age;"),
        verify: Some("select count(*) = 3 from customers where age = 0;"),
        ..Case::default()
    };
    check(case, Verdict::Exact);
}

#[test]
fn a_rename_there_and_back_is_exact() {
    let case = Case {
        forward: "alter table customers rename column first to given;",
        rollback: Some("alter table customers rename column given to first;"),
        ..Case::default()
    };
    check(case, Verdict::Exact);
}

#[test]
fn a_dropped_column_added_again_loses_its_values() {
    let case = Case {
        forward: "alter table customers drop column note;",
        rollback: Some("alter table customers add column note text;"),
        ..Case::default()
    };
    for rehearsal in check(case, Verdict::DataDiffers) {
        let shown: Vec<&str> = rehearsal
            .differences
            .iter()
            .map(|difference| difference.text())
            .collect();
        assert!(
            shown.contains(&"table customers: 2 of 3 rows differ in `note`"),
            "{shown:?}"
        );
    }
}

#[test]
fn a_column_that_comes_back_last_is_column_order() {
    let case = Case {
        before: "create table t (a integer, b integer);",
        forward: "alter table t drop column a;",
        rollback: Some("alter table t add column a integer;"),
        ..Case::default()
    };
    for phases in everywhere() {
        phases.run(&case, Verdict::ColumnOrder);
    }
}

#[test]
fn a_function_written_differently_is_text_only() {
    let case = Case {
        before: "create function f() returns integer language sql as 'select 1';",
        forward: "create or replace function f() returns integer language sql as 'select 2';",
        rollback: Some(
            "create or replace function f() returns integer language sql as 'SELECT  1 -- one';",
        ),
        ..Case::default()
    };
    for phases in postgres() {
        phases.run(&case, Verdict::TextOnly);
    }
}

#[test]
fn an_index_forgotten_is_schema_differs() {
    let case = Case {
        forward: "create table t (a integer); create index customers_last on customers (last);",
        rollback: Some("drop table t;"),
        ..Case::default()
    };
    for rehearsal in check(case, Verdict::SchemaDiffers) {
        assert_eq!(
            rehearsal.differences[0].text(),
            "index customers_last was not there before"
        );
    }
}

#[test]
fn rows_that_do_not_come_back_are_named() {
    let case = Case {
        forward: "update customers set last = upper(last) where id = 2; delete from customers where id = 3;",
        rollback: Some("update customers set last = lower(last) where id = 2;"),
        ..Case::default()
    };
    for rehearsal in check(case, Verdict::DataDiffers) {
        assert_eq!(
            rehearsal.differences[0].text(),
            "table customers: 1 of 3 rows differs in `last`, 1 of 3 rows is missing"
        );
        assert_eq!(rehearsal.footprint.rows["customers"].updated, 1);
        assert_eq!(rehearsal.footprint.rows["customers"].deleted, 1);
    }
}

#[test]
fn a_side_table_brings_rows_back() {
    let case = Case {
        forward: "create table kept as select id, note from customers; update customers set note = 'gone';",
        rollback: Some(
            "update customers set note = (select note from kept where kept.id = customers.id); drop table kept;",
        ),
        ..Case::default()
    };
    check(case, Verdict::Exact);
}

#[test]
fn an_empty_rollback_gives_way_to_the_derived_one() {
    let rollback = Some("-- nothing to see here\n");
    check(
        Case {
            forward: "create table t (a integer);",
            rollback,
            ..Case::default()
        },
        Verdict::Exact,
    );
    check(
        Case {
            forward: "update customers set note = 'y';",
            rollback,
            ..Case::default()
        },
        Verdict::Exact,
    );
    check(
        Case {
            forward: "select 1;",
            rollback,
            ..Case::default()
        },
        Verdict::Exact,
    );
}

#[test]
fn a_failing_rollback_is_named_with_its_place() {
    let case = Case {
        forward: "create table t (a integer);",
        rollback: Some("-- first\ndrop table t;\ndrop table tt;\n"),
        ..Case::default()
    };
    for rehearsal in check(case, Verdict::RollbackFails) {
        let failure = rehearsal.failure.unwrap();
        assert_eq!(
            (failure.place.line, failure.number, failure.line.as_str()),
            (3, 2, "drop table tt;")
        );
        assert!(failure.place.file.ends_with("0001_first/down.sql"));
    }
}

#[test]
fn a_rollback_after_which_forward_fails_is_no_way_back() {
    let case = Case {
        before: "create table log (a integer);",
        forward: "insert into log values (1); create table t (a integer);",
        rollback: Some("drop table t; delete from log;"),
        ..Case::default()
    };
    for phases in everywhere() {
        phases.run(&case, Verdict::Exact);
    }
    // A sequence value that is not given back is no difference; a key that is used up is.
    let case = Case {
        forward: "create table t (a integer primary key); insert into customers values (7, 'x', null, null);",
        rollback: Some("drop table t;"),
        ..case
    };
    check(case, Verdict::DataDiffers);
}

#[test]
fn irreversible_is_declared_or_raised() {
    let case = Case {
        forward: "create table t (a integer);",
        rollback: Some("drop table t;"),
        metadata: Some("irreversible = \"the old format is gone\"\n"),
        ..Case::default()
    };
    for rehearsal in check(case, Verdict::Irreversible) {
        assert_eq!(
            rehearsal.because,
            "declared irreversible: the old format is gone"
        );
    }
    let raises = "do $$ begin raise exception 'there is no way back'; end $$;";
    for phases in postgres() {
        let case = Case {
            before: CUSTOMERS,
            rollback: Some(raises),
            metadata: None,
            ..case
        };
        phases.run(&case, Verdict::Irreversible);
    }
}

#[test]
fn without_a_rollback_script_the_derived_one_is_certified() {
    for rehearsal in check(
        Case {
            forward: "create table t (a integer);",
            ..Case::default()
        },
        Verdict::Exact,
    ) {
        assert!(rehearsal.certificate.is_some_and(|earned| earned.derived));
        assert_eq!(rehearsal.derived.unwrap().verdict, Verdict::Exact);
    }
}

#[test]
fn a_failing_forward_script_is_named_with_its_place() {
    let case = Case {
        forward: "create table t (a integer);\n\nselect 'ñ', * from nowhere;",
        rollback: Some("drop table t;"),
        ..Case::default()
    };
    for rehearsal in check(case, Verdict::ForwardFails) {
        let failure = rehearsal.failure.unwrap();
        assert_eq!(
            (failure.place.line, failure.place.column),
            (3, 20),
            "{failure:?}"
        );
    }
}

#[test]
fn a_verify_script_that_does_not_hold_fails_forward() {
    let case = Case {
        forward: "create table t (a integer);",
        rollback: Some("drop table t;"),
        verify: Some("select count(*) > 0 as filled from t;"),
        ..Case::default()
    };
    for rehearsal in check(case, Verdict::ForwardFails) {
        let failure = rehearsal.failure.unwrap();
        assert_eq!(failure.message, "the verify query does not hold");
        assert!(failure.detail.unwrap().starts_with("it returned filled = "));
    }
}

/// The second forward run meets what a new session would: nothing temporary is left of the first.
#[test]
fn temporary_tables_do_not_outlive_their_script() {
    let case = Case {
        forward: "create temp table chosen as select id from customers where last is not null;
                  create table orders (id integer primary key);
                  insert into orders select id from chosen;",
        rollback: Some("drop table orders;"),
        ..Case::default()
    };
    check(case, Verdict::Exact);
}

#[test]
fn the_twelve_step_rebuild_is_exact_on_sqlite() {
    let rebuild = |columns: &str, select: &str| {
        format!(
            "pragma foreign_keys = off;
             create table new_child (id integer primary key, {columns});
             insert into new_child select {select} from child;
             drop table child;
             alter table new_child rename to child;
             pragma foreign_keys = on;"
        )
    };
    let (forward, rollback) = (
        rebuild(
            "parent integer references parent (id), extra text",
            "id, parent, null",
        ),
        rebuild("parent integer references parent (id)", "id, parent"),
    );
    let case = Case {
        before: "create table parent (id integer primary key);
                 create table child (id integer primary key, parent integer references parent (id));
                 insert into parent values (1); insert into child values (1, 1), (2, null);",
        forward: &forward,
        rollback: Some(&rollback),
        ..Case::default()
    };
    let rehearsal = sqlite().run(&case, Verdict::TextOnly);
    assert!(
        rehearsal
            .differences
            .iter()
            .all(|difference| difference.text().contains("child"))
    );
}
