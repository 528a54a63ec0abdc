//! What `apply` and `rollback` refuse, and that a refusal changes nothing.

use tightrope_engine::ErrorKind;
use tightrope_lifecycle::{
    ApplyError, ApplyOptions, RollbackError, RollbackOptions, RunError, Watchers, prepare_apply,
};
use tightrope_model::Version;
use tightrope_store::{Holder, Store};
use tightrope_testkit::phases::{Case, Desk, Phases};

use crate::everywhere;

const GOOD: Case<'static> = Case {
    before: "create table t (a integer); insert into t values (1);",
    forward: "create table u (a integer);",
    rollback: Some("drop table u;"),
    verify: None,
    metadata: None,
};

fn on_every_engine(test: impl Fn(&Phases, Desk)) {
    for phases in everywhere() {
        let desk = phases.desk(&GOOD);
        test(&phases, desk);
    }
}

#[test]
fn a_migration_whose_way_back_is_wrong_is_refused() {
    on_every_engine(|_, desk| {
        desk.write(
            "0001_first",
            &Case {
                rollback: Some("drop table t;"),
                ..GOOD
            },
        );
        let before = desk.state();
        match desk.try_apply(false) {
            Err(ApplyError::NotProven {
                rehearsed: Some(rehearsed),
                ..
            }) => assert!(!rehearsed.passed()),
            other => panic!("{other:#?}"),
        }
        assert_eq!(desk.state(), before);
    });
}

#[test]
fn a_certificate_counts_until_a_script_or_the_schema_changes() {
    on_every_engine(|_, desk| {
        assert!(desk.rehearse().certificate.is_some());
        let proof = |desk: &Desk| {
            let plan = tightrope_lifecycle::plan(&desk.project, None).unwrap();
            serde_json::to_value(&plan.migrations[0].proof).unwrap()["standing"].clone()
        };
        assert_eq!(proof(&desk), "fresh");
        desk.write(
            "0001_first",
            &Case {
                rollback: Some("drop table if exists u;"),
                ..GOOD
            },
        );
        assert_eq!(proof(&desk), "unproven");
        desk.write("0001_first", &GOOD);
        assert_eq!(proof(&desk), "fresh");
        desk.execute("create table elsewhere (a integer)");
        assert_eq!(proof(&desk), "unproven");
    });
}

#[test]
fn a_script_changed_after_apply_is_refused_and_a_comment_is_not() {
    on_every_engine(|_, desk| {
        desk.apply(false);
        desk.write(
            "0001_first",
            &Case {
                forward: "-- a comment\ncreate table  u (a integer);",
                ..GOOD
            },
        );
        assert!(desk.try_apply(false).unwrap().migrations.is_empty());
        desk.write(
            "0001_first",
            &Case {
                forward: "create table u (a bigint);",
                ..GOOD
            },
        );
        match desk.try_apply(false) {
            Err(ApplyError::Changed { labels }) => assert_eq!(labels, ["0001_first"]),
            other => panic!("{other:#?}"),
        }
    });
}

#[test]
fn drift_is_named_and_refused_until_it_is_accepted() {
    on_every_engine(|_, desk| {
        desk.apply(false);
        desk.execute("create table by_hand (a integer)");
        desk.write(
            "0002_second",
            &Case {
                forward: "create table v (a integer)",
                rollback: Some("drop table v"),
                ..GOOD
            },
        );
        match desk.try_apply(false) {
            Err(ApplyError::Drifted(drift)) => {
                let differences = drift.differences.unwrap();
                let shown: Vec<String> = differences.iter().map(ToString::to_string).collect();
                assert_eq!(shown, ["table by_hand was not there before"]);
            }
            other => panic!("{other:#?}"),
        }
        assert!(matches!(
            desk.try_roll_back(&RollbackOptions::default()),
            Err(RollbackError::Drifted(_))
        ));
        let accept_drift = Some("made by hand, kept".to_owned());
        let options = ApplyOptions {
            accept_drift,
            ..ApplyOptions::default()
        };
        let prepared = prepare_apply(&desk.project, &options, Watchers::SILENT).unwrap();
        assert_eq!(prepared.run(Watchers::SILENT).unwrap().migrations.len(), 1);
    });
}

#[test]
fn a_rollback_needs_no_folder_and_goes_in_reverse() {
    on_every_engine(|_, desk| {
        let before = desk.state();
        let second = Case {
            forward: "alter table u add column b integer",
            rollback: Some("alter table u drop column b"),
            ..GOOD
        };
        desk.write("0002_second", &second);
        let third = Case {
            forward: "insert into u (b) values (1)",
            rollback: Some("delete from u"),
            ..GOOD
        };
        desk.write("0003_third", &third);
        desk.apply(false);
        std::fs::remove_dir_all(desk.folder()).unwrap();
        let to = Some(Version::new("1"));
        let back = desk
            .try_roll_back(&RollbackOptions {
                to,
                ..RollbackOptions::default()
            })
            .unwrap();
        let versions: Vec<&str> = back
            .migrations
            .iter()
            .map(|one| one.version.as_str())
            .collect();
        assert_eq!(versions, ["0003", "0002"]);
        desk.try_roll_back(&RollbackOptions {
            all: true,
            ..RollbackOptions::default()
        })
        .unwrap();
        assert_eq!(desk.state(), before);
        assert!(matches!(
            desk.try_roll_back(&RollbackOptions {
                to: Some(Version::new("9")),
                ..RollbackOptions::default()
            }),
            Err(RollbackError::UnknownVersion(_))
        ));
    });
}

#[test]
fn where_a_written_rollback_fails_the_derived_one_takes_its_place() {
    on_every_engine(|_, desk| {
        let first = desk.state();
        desk.apply(true);
        let broken = Case {
            forward: "create table v (a integer)",
            rollback: Some("drop table v; drop table vv"),
            ..GOOD
        };
        let good = Case {
            forward: "create table w (a integer)",
            rollback: Some("drop table w"),
            ..GOOD
        };
        desk.write("0002_broken", &broken);
        desk.write("0003_good", &good);
        desk.apply(true);
        let all = RollbackOptions {
            all: true,
            ..RollbackOptions::default()
        };
        let done = desk.try_roll_back(&all).expect("all is rolled back");
        let ways: Vec<_> = done
            .migrations
            .iter()
            .map(|one| one.net.as_ref().map(|net| net.way))
            .collect();
        let written = Some(tightrope_lifecycle::Way::Written);
        let instead = Some(tightrope_lifecycle::Way::DerivedInstead);
        assert_eq!(ways, [written, instead, written]);
        assert_eq!(desk.state(), first);
    });
}

#[test]
fn whoever_comes_second_is_told_who_is_first() {
    on_every_engine(|_, desk| {
        let mut first = desk.session();
        let mut store = Store::new(first.as_mut());
        store.ensure().unwrap();
        let holder = Holder {
            user: "ada".to_owned(),
            host: "mill".to_owned(),
            pid: 1,
            command: "apply".to_owned(),
        };
        store.take_lease(&holder).unwrap();
        match desk.try_apply(true) {
            Err(ApplyError::Run(RunError::Held { by, .. })) => assert_eq!(by, holder),
            other => panic!("{other:#?}"),
        }
        assert!(
            tightrope_lifecycle::status(&desk.project)
                .unwrap()
                .applied
                .is_empty()
        );
    });
}

#[test]
fn a_lock_held_by_another_session_is_named_and_nothing_is_changed() {
    on_every_engine(|_, desk| {
        let before = desk.state();
        desk.write(
            "0001_first",
            &Case {
                forward: "alter table t add column b integer",
                rollback: Some("alter table t drop column b"),
                ..GOOD
            },
        );
        desk.rehearse();
        // The tables of tightrope itself are there first: the lock is met by the migration, not by the set-up.
        Store::new(desk.session().as_mut()).ensure().unwrap();
        let prepared =
            prepare_apply(&desk.project, &ApplyOptions::default(), Watchers::SILENT).unwrap();
        let mut other = desk.session();
        other.begin().unwrap();
        other.query("insert into t values (2)", &[]).unwrap();
        let error = prepared.run(Watchers::SILENT).unwrap_err();
        let engine_error = match &error {
            ApplyError::Script { failure, tries, .. } => {
                assert_eq!(*tries, 3);
                &failure.error
            }
            ApplyError::Run(RunError::Engine(error)) => error,
            other => panic!("{other:#?}"),
        };
        assert_eq!(engine_error.kind, ErrorKind::LockNotGranted);
        other.roll_back().unwrap();
        drop(other);
        assert_eq!(desk.state(), before);
        desk.apply(false);
    });
}

#[test]
fn the_ledger_tells_the_story_and_its_chain_is_whole() {
    on_every_engine(|_, desk| {
        desk.apply(false);
        desk.try_roll_back(&RollbackOptions::default()).unwrap();
        desk.write(
            "0001_first",
            &Case {
                forward: "create table t (a integer)",
                ..GOOD
            },
        );
        desk.try_apply(true).unwrap_err();
        let log = tightrope_lifecycle::log(&desk.project).unwrap();
        let actions: Vec<&str> = log
            .entries
            .iter()
            .map(|entry| entry.action.as_str())
            .collect();
        assert_eq!(actions, ["applied", "rolled-back", "failed"]);
        assert_eq!(log.broken, None);
        let ledger = desk.session().store_dialect().prefix.to_owned() + "ledger";
        desk.execute(&format!(
            "update {ledger} set actor = 'nobody' where sequence = 2"
        ));
        let log = tightrope_lifecycle::log(&desk.project).unwrap();
        assert_eq!(log.broken.unwrap().sequence, 2);
    });
}

#[test]
fn a_script_that_takes_a_role_does_not_bind_the_record() {
    for phases in crate::postgres() {
        let desk = phases.desk(&GOOD);
        let role = format!("r_{}", std::process::id());
        desk.execute(&format!(
            "drop role if exists {role}; create role {role}; grant create, usage on schema public to {role};"
        ));
        let forward =
            format!("set role {role}; set search_path = public; create table u (a integer);");
        let rollback = format!("set role {role}; drop table u;");
        let case = Case {
            forward: &forward,
            rollback: Some(&rollback),
            ..GOOD
        };
        desk.write("0001_first", &case);
        let before = desk.state();
        desk.apply(false);
        desk.try_roll_back(&RollbackOptions::default()).unwrap();
        assert_eq!(desk.state(), before);
        desk.execute(&format!(
            "revoke all on schema public from {role}; drop role {role};"
        ));
    }
}

#[test]
fn a_publication_of_all_tables_is_warned_of_before_the_first_apply() {
    for phases in crate::postgres() {
        let desk = phases.desk(&GOOD);
        desk.execute("create publication everything for all tables");
        let rules = |desk: &Desk| {
            let plan = tightrope_lifecycle::plan(&desk.project, None).unwrap();
            plan.findings
                .iter()
                .map(|finding| finding.rule)
                .collect::<Vec<_>>()
        };
        assert_eq!(rules(&desk), ["published-tables"]);
        desk.apply(true);
        assert!(rules(&desk).is_empty());
    }
}

#[test]
fn a_rehearsal_says_that_the_target_has_drifted() {
    on_every_engine(|_, desk| {
        desk.apply(false);
        let second = Case {
            forward: "create table v (a integer)",
            rollback: Some("drop table v"),
            ..GOOD
        };
        desk.write("0002_second", &second);
        let drifted = |desk: &Desk| {
            let options = tightrope_lifecycle::RehearseOptions::default();
            let rehearsed = tightrope_lifecycle::rehearse(
                &desk.project,
                &options,
                &tightrope_lifecycle::Silent,
            );
            rehearsed.unwrap().drifted
        };
        assert!(!drifted(&desk));
        desk.execute("create table by_hand (a integer)");
        assert!(drifted(&desk));
    });
}

#[test]
fn a_review_begins_with_an_empty_database_that_was_made_ready() {
    for phases in crate::postgres() {
        let desk = phases.desk(&Case {
            before: "create extension citext",
            forward: "create table t (a citext)",
            rollback: Some("drop table t"),
            ..GOOD
        });
        let verdict = |desk: &Desk| {
            let options = tightrope_lifecycle::ReviewOptions::default();
            let review =
                tightrope_lifecycle::review(&desk.project, &options, &tightrope_lifecycle::Silent);
            review.unwrap().migrations[0].verdict
        };
        assert_eq!(verdict(&desk), tightrope_model::Verdict::Exact);
        // A database with tables is not what a history begins with.
        desk.execute("create table there (a integer)");
        assert_eq!(verdict(&desk), tightrope_model::Verdict::ForwardFails);
    }
}
