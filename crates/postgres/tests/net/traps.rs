//! What a reverse must mind, one test each.

use tightrope_engine::{DatabaseUrl, EngineError, ErrorKind, RunStatement};
use tightrope_model::Keep;

use crate::support::{run, servers, session, url};
use crate::walk::{FAMILY, InWindow, KEEPS, Walk, contents, like_twin, plan, script};

/// Spreading the net or opening the window fails.
fn refused(setup: &str, forward: &str, keep: Keep) -> Vec<EngineError> {
    let refuse = |server: &tightrope_testkit::servers::PostgresServer| {
        let database = server.create_database().unwrap();
        let mut session = session(&url(&database));
        script(session.as_mut(), setup);
        let plan = plan(session.as_mut(), forward, keep);
        session.begin().unwrap();
        let before = session.catalog().unwrap();
        let spread = session.net().unwrap().spread(1, &plan, &before);
        let mut kept = match spread {
            Ok(kept) => kept,
            Err(error) => return error,
        };
        for statement in forward.split(";\n").filter(|s| !s.trim().is_empty()) {
            let ran = session.run(RunStatement {
                sql: statement,
                copy_data: None,
            });
            if let Err(error) = ran {
                return error;
            }
        }
        let after = session.catalog().unwrap();
        session
            .net()
            .unwrap()
            .open_window(&mut kept, &before, &after)
            .unwrap_err()
    };
    servers().iter().map(refuse).collect()
}

#[test]
fn a_truncate_of_the_script_loses_nothing() {
    like_twin(
        &Walk {
            setup: "create table t (id int generated always as identity primary key, name text);
                insert into t (name) values ('a'), ('b'), ('c');",
            forward: "update t set name = 'x' where id = 1;
                truncate t restart identity;
                insert into t (name) values ('reused');",
            writes: "update t set name = 'mine' where id = 1;",
            ..Walk::default()
        },
        &KEEPS,
    );
}

#[test]
fn columns_may_come_and_be_renamed_while_changes_are_caught() {
    like_twin(
        &Walk {
            setup: "create table t (id int primary key, a text, b text);
                insert into t values (1, 'a1', 'b1'), (2, 'a2', 'b2'), (3, 'a3', 'b3');",
            forward: "alter table t add c text default 'c';
                alter table t rename a to z;
                update t set z = 'changed', c = 'd' where id < 3;
                alter table t rename b to y;
                delete from t where id = 2;",
            writes: "update t set y = 'mine' where id = 1;",
            twin_writes: Some("update t set b = 'mine' where id = 1;"),
            undo: "alter table t drop c;
                alter table t rename z to a;
                alter table t rename y to b;",
            ..Walk::default()
        },
        &KEEPS,
    );
}

#[test]
fn rows_of_partitions_are_caught_however_they_are_written() {
    like_twin(
        &Walk {
            setup: "create table p (id int, day int, note text, primary key (id, day)) partition by range (day);
                create table p1 partition of p for values from (0) to (10);
                create table p2 (day int not null, note text, id int not null);
                alter table p attach partition p2 for values from (10) to (20);
                insert into p select i, i, 'n' || i from generate_series(1, 19) i;",
            forward: "update p set note = 'all' where id in (1, 11);
                update p1 set note = 'leaf' where id in (1, 2);
                delete from p2 where id = 12;
                delete from p where id = 13;
                insert into p values (30, 3, 'new'), (31, 13, 'new');",
            writes: "update p set note = 'mine' where id = 2;
                update p2 set note = 'mine' where id = 11;
                delete from p where id = 3;
                insert into p values (4, 14, 'app');",
            ..Walk::default()
        },
        &KEEPS,
    );
}

#[test]
fn a_script_that_changes_keys_is_refused_where_changes_are_caught() {
    for error in refused(FAMILY, "update parents set id = id + 100;\n", Keep::Changed) {
        assert_eq!(error.kind, ErrorKind::Raised, "{error:?}");
        assert!(error.message.contains("changes the key"));
    }
}

#[test]
fn a_script_that_switches_triggers_off_is_refused_where_changes_are_caught() {
    let forward = "alter table toys disable trigger user;
        update toys set child = null;\n
        alter table toys enable trigger user;\n";
    for error in refused(FAMILY, forward, Keep::Changed) {
        assert_eq!(error.kind, ErrorKind::Unsupported);
    }
}

#[test]
fn rows_whose_keys_the_script_changes_are_what_they_were() {
    like_twin(
        &Walk {
            setup: FAMILY,
            forward: "update parents set id = id + 100;",
            writes: "insert into parents values (7, 'new');",
            ..Walk::default()
        },
        &[Keep::Whole],
    );
}

#[test]
fn an_own_type_may_be_dropped_and_made_anew() {
    like_twin(
        &Walk {
            setup: "create type mood as enum ('sad', 'ok');
                create domain score as int check (value >= 0);
                create type pair as (a int, b text);
                create table t (id int primary key, m mood, s score, p pair, ms mood[]);
                insert into t values (1, 'sad', 1, (1, 'x,\"y\"'), '{sad,ok}'), (2, 'ok', 2, null, '{}'), (3, null, null, (null, ''), null);",
            forward: "alter table t alter m type text, alter s type int, alter p type text, alter ms type text[];
                update t set m = 'glad' where id = 2;
                drop type mood;
                drop domain score;
                drop type pair;",
            writes: "update t set s = 9 where id = 1;
                delete from t where id = 3;",
            undo: "create type mood as enum ('sad', 'ok');
                create domain score as int check (value >= 0);
                create type pair as (a int, b text);
                alter table t alter m type mood using null, alter s type score, alter p type pair using null, alter ms type mood[] using null;",
            ..Walk::default()
        },
        &[Keep::Whole, Keep::Columns],
    );
}

#[test]
fn what_the_replica_role_writes_is_seen() {
    like_twin(
        &Walk {
            setup: FAMILY,
            forward: "update parents set name = upper(name);",
            writes: "set session_replication_role = replica;
                update parents set name = 'replicated' where id = 1;
                delete from parents where id = 2;
                delete from children where parent = 2;",
            ..Walk::default()
        },
        &[Keep::Whole],
    );
}

#[test]
fn user_triggers_do_not_fire_on_the_way_back_and_stay_as_they_were() {
    for server in servers() {
        let walk = Walk {
            setup: "create table t (id int primary key, n int);
                create table audit (what text);
                insert into t values (1, 1), (2, 2);
                create function note() returns trigger language plpgsql as $$ begin insert into audit values (tg_name || tg_op); return null; end $$;
                create trigger plain after insert or update or delete on t for each row execute function note();
                create trigger replica after update on t for each row execute function note();
                create trigger always after update on t for each row execute function note();
                create trigger off after update on t for each row execute function note();
                alter table t enable replica trigger replica;
                alter table t enable always trigger always;
                alter table t disable trigger off;
                create rule no_delete as on delete to audit do instead nothing;",
            forward: "update t set n = n + 1;
                delete from t where id = 2;",
            writes: "",
            ..Walk::default()
        };
        let mut there = walk.migrate(&server);
        let before = there.before.fingerprint();
        walk.back(&mut there);
        assert_eq!(there.session.catalog().unwrap().fingerprint(), before);
        let rows = contents(there.session.as_mut());
        assert_eq!(rows["t"], ["(1,1)", "(2,2)"]);
        assert!(rows["audit"].is_empty());
    }
}

#[test]
fn values_that_compare_equal_are_told_apart() {
    like_twin(
        &Walk {
            setup: "create collation nobody (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
                create table t (id int primary key, n numeric, j json, f float8, c char(5), i text collate nobody, p point, x xml);
                insert into t select i, 1.50, '{\"a\":1}', '-0', 'a', 'Straße', '(1,2)', '<a/>' from generate_series(1, 2) i;",
            forward: "update t set n = 1.5, j = '{\"a\": 1}', f = 0, i = 'STRASSE', p = '(1,3)', x = '<a></a>';",
            writes: "update t set n = 1.500, j = '{ }', f = 1, i = 'strasse' where id = 1;",
            ..Walk::default()
        },
        &KEEPS,
    );
}

#[test]
fn what_an_application_session_is_set_to_makes_no_difference() {
    like_twin(
        &Walk {
            setup: "create domain moment as timestamptz;
                create domain span as interval;
                create table t (at moment, len span, f float8, note text, primary key (at, len));
                insert into t values ('2024-01-02 03:04:05+00', '1 day 02:00', 0.1, 'a'), ('2024-02-03 03:04:05+00', '3 days', 1e-7, 'b');",
            forward: "update t set note = upper(note);",
            writes: "set datestyle = 'SQL, DMY';
                set timezone = 'America/Caracas';
                set intervalstyle = 'iso_8601';
                set extra_float_digits = 0;
                set search_path = public, pg_catalog;
                create function public.lower(text) returns text language sql as 'select null::text';
                update t set note = 'mine' where f = 0.1;
                delete from t where note = 'B';",
            twin_writes: Some(
                "create function public.lower(text) returns text language sql as 'select null::text';
                update t set note = 'mine' where f = 0.1;
                delete from t where note = 'b';",
            ),
            ..Walk::default()
        },
        &[Keep::Whole],
    );
}

#[test]
fn row_security_cuts_no_pre_image_short() {
    let setup = "create table t (id int primary key, n int);
        insert into t select i, i from generate_series(1, 3) i;
        alter table t enable row level security, force row level security;
        create policy few on t using (id = 1);";
    for server in servers() {
        let walk = Walk {
            setup,
            forward: "update t set n = 0;",
            writes: "update t set n = 9 where id = 2;",
            ..Walk::default()
        };
        walk.there_and_back(&server).like_twin();
    }
}

#[test]
fn default_privileges_give_nobody_a_look_at_the_net() {
    for server in servers() {
        let walk = Walk {
            setup: "alter default privileges grant select on tables to public;
                alter default privileges grant all on tables to pg_monitor;
                create table t (id int primary key, n int);
                insert into t values (1, 1);",
            forward: "update t set n = 0;",
            keep: Some(Keep::Changed),
            ..Walk::default()
        };
        let mut there = walk.migrate(&server);
        let open = there
            .session
            .query(
                "select c.relname::text from pg_class c, aclexplode(c.relacl) a where c.relnamespace = 'tightrope'::regnamespace and a.grantee <> c.relowner \
                 union all select p.proname::text from pg_proc p, aclexplode(p.proacl) a where p.pronamespace = 'tightrope'::regnamespace and a.grantee <> p.proowner",
                &[],
            )
            .unwrap();
        assert!(open.is_empty(), "{open:?}");
        walk.back(&mut there);
    }
}

#[test]
fn a_publication_of_all_tables_does_not_stop_the_application() {
    like_twin(
        &Walk {
            setup: "create table t (id int primary key, n int);
                create publication everything for all tables;
                insert into t values (1, 1), (2, 2);",
            forward: "update t set n = 0;",
            writes: "update t set n = 5 where id = 1;
                update t set id = 10 where id = 1;
                delete from t where id = 10;",
            ..Walk::default()
        },
        &[Keep::Whole],
    );
}

#[test]
fn keys_that_move_in_the_window_take_their_pre_images_along() {
    like_twin(
        &Walk {
            setup: "create table t (id int primary key, name text, note text);
                insert into t select i, 'n' || i, 'o' || i from generate_series(1, 6) i;",
            forward: "alter table t drop note;
                update t set name = upper(name);",
            writes: "update t set id = id + 10 where id > 4;
                update t set id = 100 where id = 1;
                update t set id = 1 where id = 2;
                update t set id = 2 where id = 100;
                delete from t where id = 3;
                update t set id = 3 where id = 4;
                insert into t (id, name) values (4, 'new');
                update t set name = 'mine' where id = 3;",
            undo: "alter table t add note text;",
            ..Walk::default()
        },
        &[Keep::Whole],
    );
}

#[test]
fn a_trigger_of_the_user_that_writes_the_same_row_is_no_obstacle() {
    like_twin(
        &Walk {
            setup: "create table t (id int primary key, n int, log int default 0);
                insert into t values (1, 1), (2, 2);
                create function again() returns trigger language plpgsql as $$ begin update t set log = log + 1 where id = new.id; return null; end $$;
                create trigger again after insert or update of n on t for each row execute function again();",
            forward: "alter table t disable trigger again;
                update t set n = n * 10;
                alter table t enable trigger again;",
            writes: "insert into t values (3, 3);
                update t set n = 5 where id = 1;",
            ..Walk::default()
        },
        &[Keep::Whole],
    );
}

#[test]
fn whoever_owns_the_tables_needs_no_more_rights_than_that() {
    for server in servers() {
        let database = server.create_database().unwrap();
        let address = url(&database);
        let mut admin = session(&address);
        let name = admin.query("select current_database()", &[]).unwrap();
        let role = format!("owner_of_{}", name[0][0].text().unwrap());
        script(
            admin.as_mut(),
            &format!(
                "create role {role} login;
                create role {role}_app login;
                grant create on database {0} to {role};
                grant all on schema public to {role};
                grant usage on schema public to {role}_app;",
                name[0][0].text().unwrap()
            ),
        );
        let plain = database.url();
        let as_role = |role: &str| {
            let changed = plain.replacen("//postgres@", &format!("//{role}@"), 1);
            assert_ne!(plain, changed);
            session(&DatabaseUrl::new(changed))
        };
        let walk = Walk {
            setup: "create table t (id int primary key, n int, parent int references t on delete cascade deferrable);
                create table kids (id int generated always as identity primary key, t int references t, twice int generated always as (id * 2) stored);
                insert into t select i, i, null from generate_series(1, 5) i;
                insert into kids (t) values (1), (2), (3);
                create function note() returns trigger language plpgsql as $$ begin raise exception 'fired'; end $$;
                create trigger note after update on t for each row execute function note();
                alter table t disable trigger note;
                grant select, insert, update, delete, truncate on t, kids to public;",
            forward: "update t set n = n * 10, parent = 1 where id > 1;
                delete from kids where t = 2;
                insert into t values (6, 60, 1);",
            ..Walk::default()
        };
        let mut owner = as_role(&role);
        script(owner.as_mut(), walk.setup);
        let mut there = walk.migrate_in(database, owner);
        // The application has no rights on the net, and its triggers fire all the same.
        script(
            as_role(&format!("{role}_app")).as_mut(),
            "update t set n = 3 where id = 2;
            insert into kids (t) values (6);
            delete from kids where t = 3;
            delete from t where id = 3;",
        );
        walk.back(&mut there);
        let rows = contents(there.session.as_mut());
        assert_eq!(
            rows["t"],
            ["(1,1,)", "(2,3,)", "(4,4,)", "(5,5,)", "(6,60,1)"]
        );
        assert_eq!(rows["kids"], ["(1,1)", "(2,2)", "(4,6)"]);
    }
}

/// Runs statements in two sessions by turns.
fn by_turns(there: &InWindow, turns: &[(usize, &str)]) {
    let mut sessions = [
        session(&url(&there.database)),
        session(&url(&there.database)),
    ];
    for (who, sql) in turns {
        run(sessions[*who].as_mut(), sql);
    }
}

#[test]
fn transactions_side_by_side_write_the_log_without_waiting() {
    for server in servers() {
        let walk = Walk {
            setup: "create table t (id int primary key, n int, note text);
                insert into t select i, i, 'x' from generate_series(1, 100) i;",
            forward: "update t set note = 'y';",
            ..Walk::default()
        };
        let mut there = walk.migrate(&server);
        by_turns(
            &there,
            &[
                (0, "set lock_timeout = '2s'"),
                (1, "set lock_timeout = '2s'"),
                (0, "begin isolation level serializable"),
                (1, "begin isolation level repeatable read"),
                (0, "update t set n = 0 where id <= 50"),
                (1, "update t set n = 1 where id > 50"),
                (0, "delete from t where id = 1"),
                (1, "insert into t values (101, 1, 'new')"),
                (0, "commit"),
                (1, "delete from t where id = 100"),
                (1, "commit"),
                (0, "begin"),
                (0, "insert into t values (1, 7, 'again')"),
                (0, "rollback"),
            ],
        );
        walk.back(&mut there);
        let rows = &contents(there.session.as_mut())["t"];
        assert_eq!(rows.len(), 99);
        assert!(rows.contains(&"(2,0,x)".to_owned()) && rows.contains(&"(99,1,x)".to_owned()));
        assert!(
            rows.contains(&"(101,1,new)".to_owned())
                && !rows.iter().any(|row| row.starts_with("(1,"))
        );
    }
}
