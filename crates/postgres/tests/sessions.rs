//! What a PostgreSQL session does beyond the contract.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod support;

use support::{run, servers, session, url};
use tightrope_engine::{
    ConnectOptions, DatabaseUrl, Engine as _, EngineError, ErrorKind, RunStatement, Session,
    SessionId,
};
use tightrope_model::{TableName, Value};
use tightrope_postgres::PostgresEngine;

/// Runs a test on a new database of every server.
fn on_each(test: impl Fn(&DatabaseUrl, u32)) {
    for server in servers() {
        let database = server.create_database().unwrap();
        test(&url(&database), server.major);
    }
}

fn fails(session: &mut dyn Session, sql: &str) -> EngineError {
    session
        .run(RunStatement {
            sql,
            copy_data: None,
        })
        .expect_err(sql)
}

#[test]
fn notices_come_with_their_statement() {
    on_each(|url, _| {
        let mut session = session(url);
        run(session.as_mut(), "create table t (a int)");
        let outcome = run(session.as_mut(), "create table if not exists t (a int)");
        assert_eq!(
            outcome.notices,
            ["notice: relation \"t\" already exists, skipping"]
        );
        let outcome = run(
            session.as_mut(),
            "do $$ begin raise warning 'mind' using hint = 'the gap'; end $$",
        );
        assert_eq!(outcome.notices, ["warning: mind (hint: the gap)"]);
        assert!(run(session.as_mut(), "select 1").notices.is_empty());
    });
}

#[test]
fn text_that_looks_boolean_is_not() {
    on_each(|url, _| {
        let mut session = session(url);
        let outcome = run(
            session.as_mut(),
            "-- why\nwith x as (select 't'::text as a, true as b) select *, null::bool from x",
        );
        assert_eq!(outcome.booleans, [false, true, true]);
        assert_eq!(
            outcome.rows,
            [[Some("t".to_owned()), Some("t".to_owned()), None]]
        );
    });
}

#[test]
fn copy_takes_the_scripts_own_rows() {
    on_each(|url, _| {
        let mut session = session(url);
        run(session.as_mut(), "create table t (a int, b text)");
        let copy = |data| RunStatement {
            sql: "copy t (a, b) from stdin;",
            copy_data: Some(data),
        };
        let outcome = session.run(copy("1\tone\n2\t\\N\n")).unwrap();
        assert_eq!(outcome.rows_affected, Some(2));
        let error = session.run(copy("x\tone\n")).unwrap_err();
        assert_eq!(error.kind, ErrorKind::DataViolation);
        run(session.as_mut(), "copy (select * from t) to stdout");
        assert_eq!(
            run(session.as_mut(), "select count(*) from t").rows,
            [[Some("2".to_owned())]]
        );
    });
}

#[test]
fn an_error_says_where_it_came_from() {
    on_each(|url, _| {
        let mut session = session(url);
        run(
            session.as_mut(),
            "create function f() returns void language plpgsql as $$ begin raise exception 'no' using detail = 'because'; end $$",
        );
        let error = fails(session.as_mut(), "select f()");
        assert_eq!(
            (error.kind, error.message.as_str(), error.code.as_deref()),
            (ErrorKind::Raised, "no", Some("P0001"))
        );
        let detail = error.detail.unwrap();
        assert!(
            detail.starts_with("because\nPL/pgSQL function f() line 1 at RAISE"),
            "{detail}"
        );
        let error = fails(
            session.as_mut(),
            "create index concurrently x on nothing (a)",
        );
        assert_eq!(error.kind, ErrorKind::DoesNotExist);
        let error = fails(session.as_mut(), "select 'ñ', nothing");
        assert_eq!(
            (error.kind, error.position),
            (ErrorKind::DoesNotExist, Some(13))
        );
    });
}

#[test]
fn a_failed_transaction_is_not_committed() {
    on_each(|url, _| {
        let mut session = session(url);
        run(session.as_mut(), "create table t (a int)");
        session.begin().unwrap();
        run(session.as_mut(), "insert into t values (1)");
        fails(session.as_mut(), "select nothing");
        assert!(session.catalog().is_err());
        let error = session.commit().unwrap_err();
        assert!(error.message.contains("rolled back instead"), "{error}");
        assert_eq!(
            run(session.as_mut(), "select count(*) from t").rows,
            [[Some("0".to_owned())]]
        );
        session.begin().unwrap();
        session.commit().unwrap();
    });
}

#[test]
fn a_script_may_end_the_transaction_itself() {
    on_each(|url, _| {
        let mut session = session(url);
        for script in [
            ["begin", "commit"],
            ["start transaction", "rollback"],
            ["begin", "end"],
        ] {
            run(session.as_mut(), script[0]);
            session.catalog().unwrap();
            run(session.as_mut(), "create table if not exists t (a int)");
            run(session.as_mut(), script[1]);
            session.catalog().unwrap();
            session.begin().unwrap();
            session.roll_back().unwrap();
        }
    });
}

#[test]
fn statements_that_a_script_drops_are_prepared_again() {
    on_each(|url, _| {
        let mut session = session(url);
        let count = "select count(*) from pg_class where relname = $1";
        let both = |session: &mut dyn Session| {
            session.catalog().unwrap();
            assert_eq!(
                session.query(count, &[Value::from("pg_class")]).unwrap(),
                [[Value::Integer(1)]]
            );
        };
        both(session.as_mut());
        both(session.as_mut());
        for drop in [
            "prepare mine as select 1",
            "deallocate mine",
            "discard plans",
            "deallocate all",
            "discard all",
            "do $$ begin execute 'deallocate all'; end $$",
        ] {
            run(session.as_mut(), drop);
            session.begin().unwrap();
            session.catalog().unwrap();
            session.roll_back().unwrap();
        }
        session.reset().unwrap();
        both(session.as_mut());
        for _ in 0..2 {
            run(session.as_mut(), "prepare mine as select 1");
            session.reset().unwrap();
            both(session.as_mut());
        }
    });
}

#[test]
fn changed_rows_include_cascades_and_truncation() {
    on_each(|url, _| {
        let mut session = session(url);
        for sql in [
            "create table parent (id int primary key)",
            "create table child (id int references parent on delete cascade)",
            "create table emptied (a int)",
            "create table rewritten (a int)",
            "insert into parent select generate_series(1, 10)",
            "insert into child select generate_series(1, 10)",
            "insert into emptied select generate_series(1, 30)",
            "insert into rewritten select generate_series(1, 30)",
            "analyze",
        ] {
            run(session.as_mut(), sql);
        }
        session.begin().unwrap();
        session.start_counting_rows().unwrap();
        run(session.as_mut(), "delete from parent where id < 4");
        run(
            session.as_mut(),
            "do $$ begin update child set id = id where id > 8; end $$",
        );
        run(session.as_mut(), "truncate emptied");
        run(session.as_mut(), "insert into emptied values (1), (2)");
        run(
            session.as_mut(),
            "alter table rewritten alter a type bigint",
        );
        run(
            session.as_mut(),
            "create table made as select generate_series(1, 7)",
        );
        let changes = session.rows_changed().unwrap();
        let told: Vec<(String, [u64; 3])> = changes
            .iter()
            .map(|(table, change)| {
                (
                    table.to_string(),
                    [change.inserted, change.updated, change.deleted],
                )
            })
            .collect();
        let expect = [
            ("child", [0, 2, 3]),
            ("emptied", [2, 0, 30]),
            ("made", [7, 0, 0]),
            ("parent", [0, 0, 3]),
        ];
        assert_eq!(
            told,
            expect.map(|(table, counts)| (table.to_owned(), counts))
        );
        session.roll_back().unwrap();
    });
}

#[test]
fn shapes_tell_how_rows_are_read() {
    on_each(|url, _| {
        let mut session = session(url);
        for sql in [
            "create table a (z int, \"B\" int, id int primary key, u int not null unique)",
            "create table b (x int not null, y int not null, w int)",
            "create unique index b_partial on b (x) where w > 0",
            "create unique index b_nullable on b (w)",
            "create unique index b_deep on b (y, x)",
            "create table c (day date) partition by range (day)",
            "create table c1 partition of c default",
            "create table d (x int unique deferrable not null)",
            "create table e ()",
            "create view v as select 1 as one",
        ] {
            run(session.as_mut(), sql);
        }
        let catalog = session.catalog().unwrap();
        let told: Vec<String> = catalog
            .tables()
            .iter()
            .map(|shape| {
                format!(
                    "{}({}) by {}",
                    shape.table,
                    shape.columns.join(","),
                    shape.key.join(",")
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                "a(B,id,u,z) by id",
                "b(w,x,y) by y,x",
                "c1(day) by ",
                "d(x) by ",
                "e() by "
            ]
        );
        assert_eq!(
            catalog
                .table(&TableName::new("public", "e"))
                .unwrap()
                .columns
                .len(),
            0
        );
        assert_eq!(session.checksums(catalog.tables()).unwrap().len(), 5);
    });
}

#[test]
fn a_hundred_tables_are_summed_up_in_order() {
    on_each(|url, _| {
        let mut session = session(url);
        for number in 0..120 {
            run(
                session.as_mut(),
                &format!("create table t{number} as select generate_series(1, {number}) as a"),
            );
        }
        let catalog = session.catalog().unwrap();
        let sums = session.checksums(catalog.tables()).unwrap();
        for (shape, sum) in catalog.tables().iter().zip(&sums) {
            assert_eq!(shape.table.name, format!("t{}", sum.rows));
        }
        assert_eq!(sums.len(), 120);
    });
}

#[test]
fn another_encoding_orders_rows_as_we_do() {
    for server in servers() {
        let database = server.create_database().unwrap();
        let name = format!("{}_latin", database.name);
        let mut admin = server.connect("postgres").unwrap();
        admin
            .batch_execute(&format!("create database {name} template template0 encoding 'WIN1251' lc_collate 'C' lc_ctype 'C'"))
            .unwrap();
        let mut rows = Vec::new();
        {
            let mut session = session(&DatabaseUrl::new(server.url(&name)));
            run(session.as_mut(), "create table t (a text primary key)");
            run(
                session.as_mut(),
                "insert into t values ('ё'), ('я'), ('а'), ('z'), ('ў')",
            );
            let shape = session.catalog().unwrap().tables()[0].clone();
            let mut stream = session.rows(&shape).unwrap();
            rows.extend(stream.next_batch().unwrap().into_iter().map(|row| row.key));
        }
        admin
            .batch_execute(&format!("drop database {name}"))
            .unwrap();
        let mut sorted = rows.clone();
        sorted.sort();
        assert_eq!(rows, sorted);
        assert_eq!(rows.len(), 5);
    }
}

#[test]
fn rows_are_refused_where_row_security_hides_some() {
    on_each(|url, _| {
        let mut session = session(url);
        for sql in [
            "create table t (a int)",
            "alter table t enable row level security",
            "do $$ begin create role tightrope_row_reader nologin; exception when duplicate_object or unique_violation then null; end $$",
            "grant select on t to tightrope_row_reader",
            "set role tightrope_row_reader",
        ] {
            run(session.as_mut(), sql);
        }
        let shapes = session.catalog().unwrap().tables().to_vec();
        let error = session.checksums(&shapes).unwrap_err();
        assert_eq!(error.kind, ErrorKind::PermissionDenied);
        assert!(
            session.rows(&shapes[0]).is_err()
                || session.rows(&shapes[0]).unwrap().next_batch().is_err()
        );
        session.reset().unwrap();
        session.checksums(&shapes).unwrap();
    });
}

#[test]
fn whoever_cannot_get_in_learns_why() {
    for server in servers() {
        let check = |url: String, kind: ErrorKind, expect: &str| {
            let error =
                PostgresEngine::new().connect(&DatabaseUrl::new(&url), &ConnectOptions::default());
            let error = error.err().unwrap_or_else(|| panic!("{url} lets us in"));
            assert_eq!(error.kind, kind, "{error:?}");
            assert!(error.message.contains(expect), "{error:?}");
            assert!(error.hint.is_some(), "{error:?}");
            assert!(!format!("{error:?}").contains("geheim"), "{error:?}");
        };
        let port = server.port;
        let missing = format!("postgres://postgres:geheim@127.0.0.1:{port}/missing");
        check(missing, ErrorKind::DatabaseMissing, "\"missing\"");
        let nobody = format!("postgres://nobody:geheim@127.0.0.1:{port}/postgres");
        check(nobody, ErrorKind::AuthenticationFailed, "\"nobody\"");
        let closed = tightrope_testkit::free_port().unwrap();
        let nowhere = format!("postgres://postgres:geheim@127.0.0.1:{closed}/postgres");
        check(
            nowhere,
            ErrorKind::Unreachable,
            &format!("127.0.0.1:{closed}"),
        );
        let no_tls =
            format!("postgres://postgres:geheim@127.0.0.1:{port}/postgres?sslmode=require");
        check(no_tls, ErrorKind::Unreachable, "no TLS");
        let odd = format!("postgres://postgres:geheim@127.0.0.1:{port}/postgres?colour=red");
        check(odd, ErrorKind::BadUrl, "colour");
    }
}

#[test]
fn a_statement_ends_soon_after_its_client() {
    on_each(|url, major| {
        let mut session = session(url);
        if major >= 14 {
            let shown = run(session.as_mut(), "show client_connection_check_interval");
            assert_eq!(shown.rows, [[Some("2s".to_owned())]]);
        }
        let shown = run(session.as_mut(), "show application_name");
        assert_eq!(shown.rows, [[Some("tightrope".to_owned())]]);
    });
}

#[test]
fn the_catalog_needs_no_special_rights() {
    on_each(|url, _| {
        let mut owner = session(url);
        for sql in [
            "do $$ begin create role tightrope_plain_user login; exception when duplicate_object or unique_violation then null; end $$",
            "create table t (id int primary key, a text)",
            "create foreign data wrapper files",
            "create server elsewhere foreign data wrapper files",
            "create user mapping for postgres server elsewhere options (password 'geheim')",
            "create publication feed for table t",
            "create statistics s on id, a from t",
            "create view v as select * from t",
        ] {
            run(owner.as_mut(), sql);
        }
        let plain = url.secret().replace("postgres@", "tightrope_plain_user@");
        let mut plain = session(&DatabaseUrl::new(plain));
        let differences = owner
            .catalog()
            .unwrap()
            .differences(&plain.catalog().unwrap());
        let told: Vec<String> = differences
            .iter()
            .map(|difference| difference.object.to_string())
            .collect();
        // Only whose it is may see that a user mapping has options.
        assert_eq!(told, ["user mapping elsewhere.postgres"]);
        assert!(!format!("{differences:?}").contains("geheim"));
    });
}

#[test]
fn a_blocked_session_is_not_kept_from_counting_by_other_tables() {
    on_each(|url, _| {
        let (mut holder, mut counter) = (session(url), session(url));
        run(holder.as_mut(), "create table held as select 1 as a");
        run(holder.as_mut(), "create table free (a int)");
        holder.begin().unwrap();
        run(holder.as_mut(), "lock table held in access exclusive mode");
        counter.set_lock_timeout(200).unwrap();
        counter.begin().unwrap();
        counter.start_counting_rows().unwrap();
        run(counter.as_mut(), "insert into free values (1)");
        assert_eq!(counter.rows_changed().unwrap().len(), 1);
        counter.commit().unwrap();
    });
}

#[test]
fn an_extension_stands_for_its_objects_but_not_for_the_users_rows() {
    on_each(|url, _| {
        let mut session = session(url);
        for sql in [
            "create extension citext",
            "create table told (a int primary key)",
            "create table own (a int)",
            "alter extension citext add table told",
            "alter extension citext add table own",
            "update pg_extension set extconfig = array['told'::regclass::oid], extcondition = '{\"\"}' where extname = 'citext'",
        ] {
            run(session.as_mut(), sql);
        }
        let catalog = session.catalog().unwrap();
        let objects: Vec<String> = catalog
            .objects()
            .map(|object| object.id.to_string())
            .collect();
        assert_eq!(
            objects,
            ["schema public", "extension citext", "extension plpgsql"]
        );
        let shapes: Vec<String> = catalog
            .tables()
            .iter()
            .map(|shape| format!("{} by {}", shape.table, shape.key.join(",")))
            .collect();
        assert_eq!(shapes, ["told by a"]);
    });
}

#[test]
fn a_cancel_says_whether_a_session_could_be_told() {
    on_each(|url, _| {
        let mut session = session(url);
        let vitals = session.vitals().unwrap();
        // No process has that number.
        let gone = SessionId("2000000000".to_owned());
        assert!(!vitals.cancel(&gone).unwrap());
        let other = support::session(url);
        assert!(vitals.cancel(&other.id().unwrap()).unwrap());
    });
}
