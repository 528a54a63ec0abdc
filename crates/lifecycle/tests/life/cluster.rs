//! What acts on the whole server, on a copy that shares it with the target.

use tightrope_engine::{ConnectOptions, CopyPlace, DatabaseUrl, Role};
use tightrope_lifecycle::{
    ApplyError, RehearseError, RehearseOptions, Review, ReviewOptions, RollbackOptions, Silent,
    rehearse, review,
};
use tightrope_model::Verdict;
use tightrope_testkit::phases::{Case, Desk};

use crate::postgres;

/// A role name of this test alone: the server is shared.
fn unique(name: &str) -> String {
    format!("tightrope_test_{name}_{}", std::process::id())
}

fn role(desk: &Desk, name: &str) -> Option<Role> {
    let roles = desk.session().roles().expect("the roles are read");
    roles.into_iter().find(|role| role.name == name)
}

fn review_all(desk: &Desk) -> Review {
    review(&desk.project, &ReviewOptions::default(), &Silent).expect("the history is reviewed")
}

fn refusal(desk: &Desk) -> String {
    match rehearse(&desk.project, &RehearseOptions::default(), &Silent) {
        Err(RehearseError::ClusterWide(refusal)) => refusal.to_string(),
        other => panic!("{other:#?}"),
    }
}

/// Makes a role that owns a table, is a member of another and has settings.
fn forward(app: &str) -> String {
    format!(
        "create role {app} nologin; comment on role {app} is 'ours';
         grant {app} to current_user; alter role {app} set work_mem = '9MB';
         create table owned (a integer); alter table owned owner to {app};
         create table seen (a integer); grant select on seen to {app};"
    )
}

#[test]
fn a_role_made_and_dropped_lives_its_life() {
    let app = unique("exact");
    let case = Case {
        forward: &forward(&app),
        rollback: Some(&format!(
            "drop table owned; drop table seen; drop role {app};"
        )),
        ..Case::default()
    };
    for phases in postgres() {
        let desk = phases.desk(&case);
        assert_eq!(desk.rehearse().verdict, Verdict::Exact);
        assert_eq!(role(&desk, &app), None);
        desk.apply(false);
        let made = role(&desk, &app).unwrap();
        assert_eq!(made.mark, None);
        desk.try_roll_back(&RollbackOptions::default()).unwrap();
        // The whole life once more, with an apply that rehearses by itself. Its last step applies, in a database that is
        // gone then.
        phases.run(&case, Verdict::Exact);
        desk.execute(&format!("drop role {app}"));
    }
}

#[test]
fn a_role_left_behind_by_the_rollback_is_dropped_after_the_rehearsal() {
    let app = unique("left");
    let guarded = format!(
        "do $$ begin if not exists (select from pg_roles where rolname = '{app}') then create role {app}; end if; end $$;
         create table owned (a integer); alter table owned owner to {app};"
    );
    for phases in postgres() {
        let plain = Case {
            forward: &forward(&app),
            rollback: Some("drop table owned; drop table seen;"),
            ..Case::default()
        };
        let desk = phases.desk(&plain);
        let rehearsal = desk.rehearse();
        assert_eq!(rehearsal.verdict, Verdict::RollbackFails, "{rehearsal:#?}");
        assert_eq!(role(&desk, &app), None);
        let guarded = Case {
            forward: &guarded,
            rollback: Some("drop table owned;"),
            ..Case::default()
        };
        desk.write("0001_first", &guarded);
        let rehearsal = desk.rehearse();
        assert_eq!(rehearsal.verdict, Verdict::Exact, "{rehearsal:#?}");
        let remark = format!("the rollback leaves role {app} on the server");
        assert_eq!(rehearsal.remarks, [remark]);
        assert_eq!(role(&desk, &app), None);
    }
}

#[test]
fn a_script_that_fails_in_steps_leaves_no_role() {
    let app = unique("steps");
    let case = Case {
        forward: &format!("create role {app}; select * from there_is_no_such_table;"),
        metadata: Some("run_in_transaction = false\n"),
        ..Case::default()
    };
    for phases in postgres() {
        let desk = phases.desk(&case);
        assert_eq!(desk.rehearse().verdict, Verdict::ForwardFails);
        assert_eq!(role(&desk, &app), None);
        desk.write(
            "0002_second",
            &Case {
                forward: &format!("create role {app};"),
                ..Case::default()
            },
        );
        let second = &review_all(&desk).migrations[1];
        assert_eq!(second.verdict, Verdict::NoRollback, "{second:#?}");
    }
}

#[test]
fn a_history_uses_a_role_of_its_beginning() {
    let app = unique("history");
    for phases in postgres() {
        let desk = phases.desk(&Case {
            forward: &format!("create role {app}; create table first (a integer);"),
            // Wrong, so that the copy before must go forward once more.
            rollback: Some("create table surprise (a integer);"),
            ..Case::default()
        });
        desk.write(
            "0002_second",
            &Case {
                forward: "create table t (a integer);",
                rollback: Some("drop table t;"),
                ..Case::default()
            },
        );
        desk.write(
            "0003_third",
            &Case {
                forward: &format!("grant select on t, first to {app}; alter role {app} login;"),
                rollback: Some(&format!(
                    "revoke select on t, first from {app}; alter role {app} nologin;"
                )),
                ..Case::default()
            },
        );
        let verdicts: Vec<Verdict> = review_all(&desk)
            .migrations
            .iter()
            .map(|migration| migration.verdict)
            .collect();
        assert_eq!(
            verdicts,
            [Verdict::SchemaDiffers, Verdict::Exact, Verdict::Exact]
        );
        assert_eq!(role(&desk, &app), None);
    }
}

#[test]
fn what_cannot_be_taken_back_is_refused_beside_the_target() {
    let app = unique("server");
    let check = |desk: &Desk, sql: &str, expect: &str| {
        let case = Case {
            forward: &format!("create table t (a integer);\n{sql}"),
            ..Case::default()
        };
        desk.write("0001_first", &case);
        let told = refusal(desk);
        assert!(told.ends_with(expect), "{told}");
        assert!(told.contains("up.sql:2:"), "{told}");
        match desk.try_apply(false) {
            Err(ApplyError::Rehearse(RehearseError::ClusterWide(_))) => {}
            other => panic!("{other:#?}"),
        }
    };
    for phases in postgres() {
        let desk = phases.desk(&Case::default());
        let setting = "alter system set tightrope.test = 'x';";
        check(&desk, setting, "`alter system` acts on the whole server");
        check(
            &desk,
            &format!("do $$ begin execute format('drop database %I', '{app}'); end $$;"),
            "`drop database` acts on the whole server",
        );
        check(
            &desk,
            "do $$ begin execute format('create role %I', 'x'); end $$;",
            "`create role` makes a role that the text does not name",
        );
        check(
            &desk,
            "comment on role current_user is 'x';",
            "`comment on role` acts on roles that were there before, or that the text does not name",
        );
        assert!(desk.state().1.is_empty(), "something ran");
    }
}

#[test]
fn a_role_that_was_there_is_left_alone() {
    let app = unique("there");
    for phases in postgres() {
        let desk = phases.desk(&Case {
            before: &format!("create role {app} nologin; comment on role {app} is 'somebody';"),
            forward: &format!(
                "do $$ begin create role {app}; exception when duplicate_object then null; end $$;
                 create table t (a integer); grant select on t to {app};"
            ),
            rollback: Some(&format!("drop table t; drop role {app};")),
            ..Case::default()
        });
        assert!(refusal(&desk).contains("`drop role` acts on roles that were there before"));
        desk.write(
            "0001_first",
            &Case {
                forward: &format!(
                    "do $$ begin create role {app}; exception when duplicate_object then null; end $$;
                     create table t (a integer); grant select on t to {app};"
                ),
                rollback: Some("drop table t;"),
                ..Case::default()
            },
        );
        let rehearsal = desk.rehearse();
        assert_eq!(rehearsal.verdict, Verdict::Exact);
        assert!(rehearsal.remarks.is_empty(), "{rehearsal:#?}");
        let mark = None;
        let name = app.clone();
        assert_eq!(role(&desk, &app), Some(Role { name, mark }));
        desk.execute(&format!("drop role {app}"));
    }
}

#[test]
fn a_review_runs_what_acts_on_the_server_and_says_so() {
    let app = unique("review");
    for phases in postgres() {
        let desk = phases.desk(&Case {
            before: &format!("create role {app} nologin;"),
            forward: &format!("alter role {app} login;"),
            rollback: Some(&format!("alter role {app} nologin;")),
            ..Case::default()
        });
        let reviewed = review_all(&desk);
        let first = &reviewed.migrations[0];
        assert_eq!(first.verdict, Verdict::Exact);
        assert_eq!(first.remarks.len(), 2, "{:?}", first.remarks);
        assert!(first.remarks[0].contains("`alter role` acts on roles that were there before"));
        desk.execute(&format!("drop role {app}"));
    }
}

/// A scratch database that is forgotten: the role that carries its mark is swept once its maker is gone, not before.
#[test]
fn the_roles_of_dead_rehearsals_are_swept() {
    let (dead, alive) = (unique("dead"), unique("alive"));
    for phases in postgres() {
        let desk = phases.desk(&Case {
            before: &format!("create role {dead} nologin; create role {alive} nologin;"),
            forward: &format!("create role {alive};"),
            ..Case::default()
        });
        let engine = desk.project.engine().unwrap();
        let cloner = engine.cloner().unwrap();
        let place = CopyPlace {
            empty: true,
            ..CopyPlace::default()
        };
        let scratch = cloner.copy(desk.url(), &place).unwrap();
        assert!(scratch.is_beside_source());
        let session = |url: &DatabaseUrl| engine.connect(url, &ConnectOptions::default()).unwrap();
        let mark = scratch.mark().unwrap().to_owned();
        session(desk.url()).mark_role(&alive, &mark).unwrap();
        session(desk.url())
            .mark_role(&dead, "tightrope scratch tightrope_scratch_0")
            .unwrap();
        let swept = cloner.sweep(desk.url(), &CopyPlace::default()).unwrap();
        // Another test may have swept it first.
        assert!(!swept.contains(&alive));
        assert_eq!(role(&desk, &dead), None);
        assert_eq!(role(&desk, &alive).unwrap().mark, Some(mark));
        match rehearse(&desk.project, &RehearseOptions::default(), &Silent) {
            Err(RehearseError::Engine(error)) => {
                assert!(error.message.contains("belongs to a rehearsal"), "{error}");
            }
            other => panic!("{other:#?}"),
        }
        assert!(desk.try_apply(true).is_err());
        drop(scratch);
        assert_eq!(role(&desk, &alive), None);
    }
}

#[test]
fn a_user_who_may_just_make_roles_and_databases_rehearses_them() {
    let (owner, app) = (unique("owner"), unique("owned"));
    let script = format!(
        "create role {app} nologin; create table t (a integer); grant select on t to {app};"
    );
    let case = Case {
        forward: &script,
        rollback: Some(&format!("drop table t; drop role {app};")),
        ..Case::default()
    };
    for phases in postgres() {
        let mut desk = phases.desk(&case);
        let admin = desk.url().clone();
        desk.execute(&format!("create role {owner} login createrole createdb"));
        let database = desk.session().server().database.clone();
        desk.execute(&format!("alter database {database} owner to {owner}"));
        let url = admin
            .secret()
            .replacen("//postgres@", &format!("//{owner}@"), 1);
        desk.project.url = DatabaseUrl::new(url);
        desk.execute(&format!(
            "create schema own; alter database {database} set search_path = own;"
        ));
        assert_eq!(desk.rehearse().verdict, Verdict::Exact);
        assert_eq!(role(&desk, &app), None);
        desk.apply(false);
        desk.try_roll_back(&RollbackOptions::default()).unwrap();
        desk.project.url = admin;
        desk.execute(&format!(
            "alter database {database} owner to postgres; drop owned by {owner} cascade; drop role {owner};"
        ));
    }
}

#[test]
fn the_same_server_under_another_name_is_the_same_server() {
    for phases in postgres() {
        let desk = phases.desk(&Case::default());
        let elsewhere = desk.url().secret().replacen("127.0.0.1", "localhost", 1);
        assert_ne!(elsewhere, desk.url().secret());
        let engine = desk.project.engine().unwrap();
        let place = CopyPlace {
            url: Some(DatabaseUrl::new(elsewhere)),
            empty: true,
        };
        let scratch = engine.cloner().unwrap().copy(desk.url(), &place).unwrap();
        assert!(scratch.is_beside_source());
    }
}
