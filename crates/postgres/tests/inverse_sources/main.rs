//! Tables get their values back from where the sources say that they are.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::collections::BTreeMap;

use tightrope_engine::{ConnectOptions, DatabaseUrl, Engine as _, RunStatement, Session};
use tightrope_inverse::{Change, MoreRows, Phase, Sources, TableSource, derive};
use tightrope_model::{EngineKind, TableName};
use tightrope_postgres::PostgresEngine;
use tightrope_testkit::servers;

fn run(session: &mut dyn Session, sql: &str) {
    let run = session.run(RunStatement {
        sql,
        copy_data: None,
    });
    run.unwrap_or_else(|error| panic!("{sql}\n{error:?}"));
}

/// A migration, and what the net has of it.
struct Case {
    before: &'static [&'static str],
    forward: &'static [&'static str],
    source: TableSource,
    /// Conditions that hold between the phases reshape and restore.
    reshaped: &'static [&'static str],
    /// Conditions that hold afterwards.
    then: &'static [&'static str],
}

fn hold(session: &mut dyn Session, conditions: &[&str]) {
    for condition in conditions {
        let message = condition.replace('\'', "''");
        run(
            session,
            &format!(
                "do $$ begin if not coalesce(({condition}), false) then raise '{message}'; end if; end $$"
            ),
        );
    }
}

fn check(case: &Case) {
    for major in servers::postgres_majors() {
        let database = servers::postgres(major).unwrap().create_database().unwrap();
        let url = DatabaseUrl::new(database.url());
        let mut session = PostgresEngine::new()
            .connect(&url, &ConnectOptions::default())
            .unwrap();
        let session = session.as_mut();
        run(session, "create schema tightrope");
        for sql in case.before {
            run(session, sql);
        }
        let before = session.catalog().unwrap();
        for sql in case.forward {
            run(session, sql);
        }
        let now = session.catalog().unwrap();
        let mut sources = Sources::default();
        sources
            .tables
            .insert(TableName::new("public", "t"), case.source.clone());
        let inverse = derive(
            EngineKind::Postgres,
            &Change {
                before: &before,
                now: &now,
                renames: &[],
                sources: &sources,
            },
        );
        session.begin().unwrap();
        for phase in [Phase::Clear, Phase::Reshape, Phase::Restore] {
            for step in inverse.phase(phase) {
                run(session, &step.sql);
            }
            if phase == Phase::Reshape {
                hold(session, case.reshaped);
            }
        }
        hold(session, case.then);
        let left = before.differences(&session.catalog().unwrap()).in_words();
        assert!(left.is_empty(), "{major}: {left:?}\n{}", inverse.script());
        session.roll_back().unwrap();
    }
}

fn columns(values: &[(&str, &str)]) -> BTreeMap<String, String> {
    values
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn a_lost_column_and_lost_rows_come_from_the_net() {
    check(&Case {
        before: &[
            "create table t (id int generated always as identity primary key, name text not null, age int)",
            "insert into t (name, age) values ('a', 1), ('b', 2), ('c', 3)",
        ],
        forward: &[
            "create table tightrope.kept as select id as k1, name from t",
            "create table tightrope.gone as select * from t where id = 3",
            "alter table t drop column name",
            "alter table t rename column age to years",
            "delete from t where id = 3",
            "insert into t (years) values (4)",
        ],
        source: TableSource {
            joins: "left join tightrope.kept p on p.k1 = t.id".to_owned(),
            filter: Some("t.years is not null".to_owned()),
            columns: columns(&[("name", "coalesce(p.name, 'new')")]),
            more: vec![MoreRows {
                from: "tightrope.gone p".to_owned(),
                filter: Some("not exists (select from {now} t where t.id = p.id)".to_owned()),
                columns: columns(&[("id", "p.id"), ("name", "p.name"), ("age", "p.age")]),
            }],
            ..TableSource::default()
        },
        reshaped: &[
            "select string_agg(id || name || age, ' ' order by id) = '1a1 2b2 3c3 4new4' from t",
        ],
        then: &[
            "select last_value = 4 and is_called from t_id_seq",
            "select attnotnull from pg_attribute where attrelid = 't'::regclass and attname = 'name'",
        ],
    });
}

#[test]
fn a_column_of_another_type_takes_its_values_from_the_net() {
    check(&Case {
        before: &[
            "create table t (id serial primary key, price numeric(8, 2) default 5, at timestamptz)",
            "insert into t (price) values (1.25), (2.5)",
            "create view v as select price from t",
        ],
        forward: &[
            "create table tightrope.kept as select id as k1, price from t",
            "drop view v",
            "alter table t alter column price type int",
        ],
        source: TableSource {
            joins: "left join tightrope.kept p on p.k1 = t.id".to_owned(),
            columns: columns(&[("price", "coalesce(p.price, t.price)")]),
            ..TableSource::default()
        },
        reshaped: &["select sum(price) = 3.75 from t"],
        then: &[
            "select sum(price) = 3.75 from v",
            "select nextval('t_id_seq') = 3",
        ],
    });
}

#[test]
fn a_table_that_was_set_aside_is_moved_back() {
    check(&Case {
        before: &[
            "create table o (id int primary key)",
            "create table t (id serial primary key, o int references o, name text, check (id > 0))",
            "create index on t (name)",
            "create table u (t int references t)",
            "create view v as select id from t",
            "insert into t (name) values ('a')",
            "comment on table t is 'x'",
        ],
        forward: &[
            "drop view v",
            "alter table u drop constraint u_t_fkey",
            "alter table t drop constraint t_o_fkey",
            "alter table t set schema tightrope",
            "alter table tightrope.t rename to net_1_1_table",
        ],
        source: TableSource {
            set_aside: Some(TableName::new("tightrope", "net_1_1_table")),
            ..TableSource::default()
        },
        reshaped: &["select count(*) = 1 from t"],
        then: &[
            "select count(*) = 1 from v",
            "select nextval('t_id_seq') = 2",
        ],
    });
}

#[test]
fn a_hidden_column_is_renamed_back() {
    check(&Case {
        before: &[
            "create table t (id int primary key, name text not null default 'n', age int)",
            "create index on t (name)",
            "insert into t values (1, 'a', 2)",
        ],
        forward: &[
            "alter table t rename column name to tightrope_hidden_name",
            "alter table t alter column tightrope_hidden_name drop not null",
        ],
        source: TableSource {
            hidden: columns(&[("name", "tightrope_hidden_name")]),
            ..TableSource::default()
        },
        reshaped: &[],
        then: &["select name = 'a' from t"],
    });
}

#[test]
fn every_part_of_a_partitioned_table_keeps_its_rows() {
    check(&Case {
        before: &[
            "create table t (id int, body text, day date not null, primary key (id, day)) partition by range (day)",
            "create table t_1 partition of t for values from ('2020-01-01') to ('2021-01-01')",
            "create table t_2 (body text, day date not null, id int not null)",
            "alter table t attach partition t_2 for values from ('2021-01-01') to ('2022-01-01')",
            "create index on t (body)",
            "insert into t values (1, 'a', '2020-02-02'), (2, 'b', '2021-02-02')",
        ],
        forward: &["alter table t drop column body cascade"],
        source: TableSource::default(),
        reshaped: &["select count(*) = 1 from t_2 where id = 2"],
        then: &[
            "select string_agg(id || day::text, ' ' order by id) = '12020-02-02 22021-02-02' from t",
        ],
    });
}

#[test]
fn types_that_no_cast_leads_between_go_through_text() {
    check(&Case {
        before: &[
            "create type mood as enum ('sad', 'ok')",
            "create table t (id uuid, m mood, ms mood[], j json, d date, n bigint, b boolean, v varchar(5))",
            "insert into t values ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'ok', '{sad}', '{}', '2020-01-01', 5, true, 'x')",
        ],
        forward: &[
            "alter table t alter id type text, alter m type text, alter ms type text[] using ms::text[], alter j type jsonb, \
             alter d type timestamptz, alter n type text, alter b type int using b::int, alter v type text",
        ],
        source: TableSource::default(),
        reshaped: &["select d = '2020-01-01' and b and ms = '{sad}' from t"],
        then: &[],
    });
}
