//! Migrations that are not one transaction: journalled steps, what they leave when they fail, and how they go on.

use tightrope_lifecycle::{ApplyError, Left, Return, RollbackOptions};
use tightrope_model::Verdict;
use tightrope_testkit::phases::Case;

use crate::{everywhere, postgres};

const TABLE: &str = "create table t (a integer, b integer); insert into t values (1, 1), (2, 1);";

#[test]
fn a_concurrent_index_goes_in_steps_and_back() {
    let case = Case {
        before: TABLE,
        forward: "alter table t add column c integer; create index concurrently t_a on t (a);
                  insert into t values (3, 3, 3);",
        rollback: Some(
            "delete from t where a = 3; drop index concurrently t_a; alter table t drop column c;",
        ),
        verify: Some("select count(*) = 3 from t"),
        ..Case::default()
    };
    for phases in postgres() {
        phases.run(&case, Verdict::Exact);
    }
}

#[test]
fn a_concurrent_index_inside_a_required_transaction_fails_in_rehearsal() {
    let case = Case {
        before: TABLE,
        forward: "alter table t add column c integer; create index concurrently t_a on t (a);",
        rollback: Some("alter table t drop column c;"),
        metadata: Some("run_in_transaction = true\n"),
        ..Case::default()
    };
    for phases in postgres() {
        let rehearsal = phases.run(&case, Verdict::ForwardFails);
        let failure = rehearsal.failure.unwrap();
        assert_eq!(failure.number, 2);
        assert!(
            rehearsal
                .hint
                .unwrap()
                .contains("run_in_transaction = false")
        );
    }
}

#[test]
fn steps_that_fail_are_undone_and_proven() {
    let case = Case {
        before: TABLE,
        forward: "alter table t add column c integer; create unique index concurrently t_b on t (b);",
        rollback: Some("drop index concurrently t_b; alter table t drop column c;"),
        ..Case::default()
    };
    for phases in postgres() {
        let desk = phases.desk(&case);
        let before = desk.state();
        match desk.try_apply(true) {
            Err(ApplyError::Script {
                failure,
                left: Left::Undone { applied: 0 },
                ..
            }) => {
                assert_eq!(failure.number, 2);
            }
            other => panic!("{other:#?}"),
        }
        assert_eq!(
            desk.state(),
            before,
            "an invalid index or a column stayed behind"
        );
        // Nothing is open: with the duplicate gone, the same migration runs.
        desk.execute("update t set b = a");
        desk.apply(true);
        let back = desk.try_roll_back(&RollbackOptions::default()).unwrap();
        assert_eq!(back.migrations[0].schema, Return::Exact);
    }
}

#[test]
fn steps_that_cannot_be_undone_stay_open_and_go_on_with_the_mended_script() {
    let forward = |unique: &str| {
        format!("create table u (a integer); create {unique} index concurrently t_b on t (b);")
    };
    let (broken, mended) = (forward("unique"), forward(""));
    let case = Case {
        before: TABLE,
        forward: &broken,
        ..Case::default()
    };
    for phases in postgres() {
        let desk = phases.desk(&case);
        match desk.try_apply(true) {
            Err(ApplyError::Script {
                left:
                    Left::Interrupted {
                        done: 1,
                        of: 2,
                        because,
                    },
                ..
            }) => {
                assert_eq!(because, "there is no rollback script");
            }
            other => panic!("{other:#?}"),
        }
        let status = tightrope_lifecycle::status(&desk.project).unwrap();
        let half_done = status.open_run.unwrap().half_done.unwrap();
        let standing: Vec<&str> = half_done.steps.iter().map(|step| step.standing).collect();
        assert_eq!(standing[0], "done and recorded");
        // The part that has run must be what it was.
        desk.write(
            "0001_first",
            &Case {
                forward: &mended.replace("a integer", "a bigint"),
                ..case
            },
        );
        assert!(matches!(
            desk.try_apply(true),
            Err(ApplyError::ResumeChanged { .. })
        ));
        desk.write(
            "0001_first",
            &Case {
                forward: &mended,
                ..case
            },
        );
        let applied = desk.try_apply(true).unwrap();
        assert!(applied.recovered.unwrap().contains("has been finished"));
        let status = tightrope_lifecycle::status(&desk.project).unwrap();
        assert_eq!(status.applied.len(), 1);
        assert!(status.open_run.is_none());
    }
}

#[test]
fn statements_that_never_share_a_transaction_go_one_by_one() {
    let case = Case {
        before: TABLE,
        forward: "create table u (a integer); insert into u values (1); insert into t values (9, 9);",
        rollback: Some("delete from t where a = 9; drop table u;"),
        metadata: Some("run_in_transaction = false\n"),
        ..Case::default()
    };
    for phases in everywhere() {
        phases.run(&case, Verdict::Exact);
    }
}

#[test]
fn an_enum_value_that_is_used_at_once_goes_in_steps() {
    let case = Case {
        before: "create type mood as enum ('sad'); create table m (mood mood);",
        forward: "alter type mood add value 'happy'; insert into m values ('happy');",
        ..Case::default()
    };
    for phases in postgres() {
        let desk = phases.desk(&case);
        desk.apply(true);
        assert_eq!(desk.state().1[0].rows, 1);
    }
}
