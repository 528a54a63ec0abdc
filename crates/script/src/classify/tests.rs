//! What the classifier says of statements, one table a question.

use tightrope_model::EngineKind;

use crate::statement::{ClusterEffect, ObjectAction, Statement, TransactionFit};
use crate::{Script, TransactionMode};

fn one(sql: &str, dialect: EngineKind) -> Statement {
    let parsed = Script::whole("a.sql", sql, TransactionMode::Auto).parse(dialect);
    assert_eq!(parsed.statements.len(), 1, "{sql}");
    parsed.statements.into_iter().next().unwrap()
}

fn postgres(sql: &str) -> Statement {
    one(sql, EngineKind::Postgres)
}

fn listed<T: ToString>(items: &[T]) -> String {
    let words: Vec<String> = items.iter().map(T::to_string).collect();
    words.join("; ")
}

fn locks(sql: &str, expect: &str) {
    assert_eq!(listed(&postgres(sql).locks), expect, "{sql}");
}

#[test]
fn triggers_that_are_switched_off_all_at_once() {
    let off = |sql: &str| postgres(sql).triggers_off.join(", ");
    assert_eq!(off("alter table t disable trigger all"), "t");
    assert_eq!(
        off("ALTER TABLE s.t DISABLE TRIGGER USER, add column a int"),
        "s.t"
    );
    assert_eq!(
        off("do $$ begin alter table t disable trigger user; update t set a = 1; end $$"),
        "t"
    );
    assert_eq!(off("alter table t disable trigger \"all\""), "");
    assert_eq!(off("alter table t disable trigger mine"), "");
    assert_eq!(off("alter table t enable trigger all"), "");
}

#[test]
fn locks_are_those_of_the_documentation() {
    locks("create index i on shop.t (a)", "share on shop.t");
    locks(
        "create index concurrently i on t (a)",
        "share update exclusive on t",
    );
    locks("drop index i", "access exclusive on i");
    locks("alter table t add column a int", "access exclusive on t");
    locks(
        "alter table t validate constraint c",
        "share update exclusive on t",
    );
    locks(
        "alter table t alter a set statistics 100",
        "share update exclusive on t",
    );
    locks(
        "alter table t set (fillfactor = 70)",
        "share update exclusive on t",
    );
    locks(
        "alter table t disable trigger all",
        "share row exclusive on t",
    );
    locks(
        "alter table only t add constraint f foreign key (a) references s.u (b) not valid",
        "share row exclusive on s.u; share row exclusive on t",
    );
    locks(
        "alter table t add constraint f foreign key (a) references u, add b int",
        "access exclusive on t; share row exclusive on u",
    );
    locks(
        "alter table t validate constraint c, drop b",
        "access exclusive on t",
    );
    locks(
        "create table t (a int references u)",
        "share row exclusive on u",
    );
    locks(
        "create table t partition of p for values in (1)",
        "access exclusive on p",
    );
    locks(
        "alter table p attach partition c for values in (1)",
        "access exclusive on c; share update exclusive on p",
    );
    locks(
        "alter table p detach partition c concurrently",
        "access exclusive on c; share update exclusive on p",
    );
    locks(
        "create trigger g after insert on t for each row execute function f()",
        "share row exclusive on t",
    );
    locks("drop trigger g on t", "access exclusive on t");
    locks("create policy p on t using (true)", "access exclusive on t");
    locks("refresh materialized view v", "access exclusive on v");
    locks("refresh materialized view concurrently v", "exclusive on v");
    locks(
        "truncate a, only b",
        "access exclusive on a; access exclusive on b",
    );
    locks("lock table a in share mode", "share on a");
    locks("lock a, b", "access exclusive on a; access exclusive on b");
    locks(
        "insert into a select * from b",
        "row exclusive on a; access share on b",
    );
    locks(
        "update only a set x = 1 from b",
        "row exclusive on a; access share on b",
    );
    locks(
        "delete from a using b where true",
        "row exclusive on a; access share on b",
    );
    locks(
        "select * from a join b on true",
        "access share on a; access share on b",
    );
    locks("select * from a for update", "row share on a");
    locks(
        "with d as (delete from a returning *) insert into b select * from d",
        "row exclusive on a; row exclusive on b",
    );
    locks("vacuum full t", "access exclusive on t");
    locks("vacuum (full, analyze) t", "access exclusive on t");
    locks("vacuum analyze t", "share update exclusive on t");
    locks("analyze t", "share update exclusive on t");
    locks("reindex table t", "share on t");
    locks(
        "reindex index concurrently i",
        "share update exclusive on i",
    );
    locks("alter sequence q restart", "share row exclusive on q");
    locks("alter sequence q rename to r", "access exclusive on q");
    locks("cluster t using i", "access exclusive on t");
    locks(
        "comment on column s.t.a is 'x'",
        "share update exclusive on t",
    );
    locks("alter index i rename to j", "share update exclusive on i");
    locks("copy t from stdin;\n\\.\n", "row exclusive on t");
    locks("copy t to stdout", "access share on t");
    locks("create type e as enum ('a')", "");
    // What does not parse is left to the words.
    locks("alter table t frobnicate", "access exclusive on t");
}

fn fits(sql: &str, expect: bool) {
    assert_eq!(
        postgres(sql).runs_in_transaction.fits(true),
        expect,
        "{sql}"
    );
}

#[test]
fn what_cannot_run_in_a_transaction_is_known() {
    for sql in [
        "create index concurrently i on t (a)",
        "CREATE UNIQUE INDEX CONCURRENTLY ON t (a)",
        "drop index concurrently i",
        "reindex table concurrently t",
        "reindex (concurrently) table t",
        "reindex database d",
        "reindex (verbose) schema s",
        "vacuum t",
        "create database d",
        "drop tablespace t",
        "alter system set work_mem = '1MB'",
        "alter database d set tablespace t",
        "cluster",
        "cluster verbose",
        "alter table p detach partition c concurrently",
        "create subscription s connection '' publication p",
        "drop subscription s",
        "alter subscription s refresh publication",
        "discard all",
        "do $$ begin insert into t values (1); commit; end $$",
        "do $$ begin execute 'vacuum t'; end $$",
        "commit prepared 'x'",
    ] {
        fits(sql, false);
    }
    for sql in [
        "create index i on concurrently (a)",
        "cluster t",
        "alter database d set work_mem = '1MB'",
        "reindex table t",
        "alter table p detach partition c",
        "create subscription s connection '' publication p with (create_slot = false)",
        "discard plans",
        "do $$ begin raise notice 'commit'; end $$",
        "call p()",
        "alter type e add value 'x'",
    ] {
        fits(sql, true);
    }
    let added =
        postgres("alter type s.e add value if not exists 'it''s' before 'y'").runs_in_transaction;
    assert_eq!(
        added,
        TransactionFit::EnumValue {
            value: "it's".to_owned()
        }
    );
    assert!(!added.fits(false));
}

#[test]
fn settings_of_sqlite_are_told_from_other_pragmas() {
    let check = |sql: &str, expect| {
        let fit = one(sql, EngineKind::Sqlite).runs_in_transaction;
        assert_eq!(fit.fits(true), expect, "{sql}");
    };
    check("PRAGMA foreign_keys = OFF", false);
    check("pragma main.journal_mode = wal", false);
    check("pragma foreign_key_check", true);
    check("pragma user_version = 3", true);
    check("vacuum", false);
    check("attach 'x' as y", false);
    check("create table vacuum (a)", true);
}

fn destroys(sql: &str, dialect: EngineKind, expect: &str) {
    assert_eq!(listed(&one(sql, dialect).destroys), expect, "{sql}");
}

#[test]
fn data_that_may_be_destroyed_is_named() {
    let postgres = |sql, expect| destroys(sql, EngineKind::Postgres, expect);
    postgres("drop table a, s.b cascade", "table a; table s.b");
    postgres(
        "alter table s.t drop column a, drop if exists \"B\"",
        "column s.t.a; column s.t.B",
    );
    postgres(
        "alter table t alter a type int using a::int",
        "values of t.a",
    );
    postgres("alter table t alter a type text", "");
    postgres(
        "alter table t alter a type text using left(a, 3)",
        "values of t.a",
    );
    postgres("alter table t alter a type BIGINT using a :: bigint", "");
    postgres("alter table t alter \"A\" type text using \"A\"::text", "");
    postgres(
        "alter table t alter \"A\" type text using A::text",
        "values of t.A",
    );
    postgres("alter table t drop constraint c", "");
    postgres("delete from only t where true", "rows of t");
    postgres(
        "truncate table a, b restart identity",
        "rows of a; rows of b",
    );
    postgres(
        "update t set (a, b) = (1, 2), c = f(d, e) where x",
        "values of t.a, t.b, t.c",
    );
    postgres("insert into t values (1)", "");
    postgres(
        "insert into t values (1) on conflict (a) do update set b = 1",
        "values of t.b",
    );
    postgres(
        "with x as (delete from a returning *) insert into b select * from x",
        "rows of a",
    );
    postgres("with x as (select 1) delete from t", "rows of t");
    postgres(
        "merge into t using s on true when matched then delete",
        "rows of t",
    );
    postgres("drop schema s", "");
    postgres("drop schema s cascade", "everything in s");
    postgres("drop view v", "");
    postgres("drop materialized view v", "");
    postgres(
        "do $$ begin if x then drop table t; else update u set a = 1; end if; execute 'delete from w'; end $$",
        "table t; values of u.a; rows of w",
    );
    let sqlite = |sql, expect| destroys(sql, EngineKind::Sqlite, expect);
    sqlite("alter table [t] drop column `a`", "column t.a");
    sqlite("replace into t values (1)", "rows of t");
    sqlite("insert or replace into t values (1)", "rows of t");
    sqlite("insert or ignore into t values (1)", "");
    sqlite("update or ignore t set a = 1", "values of t.a");
    sqlite("delete from main.t", "rows of main.t");
}

fn objects(sql: &str, dialect: EngineKind, expect: &str) {
    let statement = one(sql, dialect);
    let words: Vec<String> = statement
        .objects
        .iter()
        .map(|object| {
            let verb = match &object.action {
                ObjectAction::Create => "+".to_owned(),
                ObjectAction::Change => "~".to_owned(),
                ObjectAction::Drop => "-".to_owned(),
                ObjectAction::Rename { to } => format!("{to}="),
            };
            let guard = if object.guarded { "?" } else { "" };
            let on = object
                .parent
                .as_ref()
                .map_or(String::new(), |p| format!(" on {p}"));
            format!("{verb}{guard}{} {}{on}", object.class, object.name)
        })
        .collect();
    assert_eq!(words.join("; "), expect, "{sql}");
}

#[test]
fn objects_are_named_with_what_happens_to_them() {
    let postgres = |sql, expect| objects(sql, EngineKind::Postgres, expect);
    postgres("create table if not exists S.\"T\" (a int)", "+?table T");
    postgres("create unique index on t (a)", "+index  on t");
    postgres("create index i on only s.t (a)", "+index i on s.t");
    postgres(
        "create or replace function s.f(a int) returns int language sql as 'select 1'",
        "+?function f",
    );
    postgres(
        "create trigger g before insert or update of a on s.t execute function f()",
        "+trigger g on s.t",
    );
    postgres("create sequence q owned by s.t.a", "+sequence q on t");
    postgres("create schema authorization joe", "+schema joe");
    postgres(
        "drop function if exists f(int), g",
        "-?function f; -?function g",
    );
    postgres("drop trigger g on t", "-trigger g on t");
    postgres("drop index a, s.b", "-index a; -index b");
    postgres(
        "alter table t add a int, drop if exists b, alter c set not null, add constraint k check (true), drop constraint l",
        "~table t; +column a on t; -?column b on t; ~column c on t; +constraint k on t; -constraint l on t",
    );
    postgres(
        "alter table t add check (true)",
        "~table t; +constraint  on t",
    );
    postgres("alter table t rename to u", "u=table t");
    postgres(
        "alter table t rename column a to b",
        "~table t; b=column a on t",
    );
    postgres(
        "alter table t rename constraint a to b",
        "~table t; b=constraint a on t",
    );
    postgres("alter type e add value 'x'", "~type e; +enum value x on e");
    postgres("do $$ begin create table t (a int); end $$", "+table t");
    postgres("select a into s.t from u", "+table t");
    let sqlite = |sql, expect| objects(sql, EngineKind::Sqlite, expect);
    sqlite("alter table t rename to T2", "T2=table t");
    sqlite("alter table t rename a to b", "~table t; b=column a on t");
    sqlite("alter table [T] add column a", "~table T; +column a on T");
    sqlite(
        "create trigger if not exists g after insert on t begin select 1; end",
        "+?trigger g on t",
    );
}

#[test]
fn long_locks_are_found_and_explained() {
    let check = |sql: &str, expect: &str| {
        let reasons: Vec<String> = postgres(sql)
            .long_locks
            .iter()
            .map(|l| l.reason.to_string())
            .collect();
        assert_eq!(reasons.join("; "), expect, "{sql}");
    };
    check("create index i on t (a)", "builds an index");
    check("create index concurrently i on t (a)", "");
    check(
        "alter table t add foreign key (a) references u",
        "checks every row against a foreign key",
    );
    check(
        "alter table t add foreign key (a) references u not valid",
        "",
    );
    check(
        "alter table t add check (a > 0)",
        "checks every row against a constraint",
    );
    check(
        "alter table t add unique (a)",
        "builds the index of a constraint",
    );
    check("alter table t add constraint c unique using index i", "");
    check(
        "alter table t alter a set not null",
        "checks every row for NULL",
    );
    check(
        "alter table t alter a type bigint",
        "changes a column's type, which may rewrite the table",
    );
    check("alter table t alter a type text", "");
    check("alter table t add a int not null default 0", "");
    check("alter table t add a timestamptz default now()", "");
    let fills = "fills a column with a value of its own in every row, which rewrites the table";
    check("alter table t add a uuid default gen_random_uuid()", fills);
    check("alter table t add a bigserial", fills);
    check(
        "alter table t add a int generated always as (b) stored",
        fills,
    );
    check("vacuum full t", "rewrites the table");
    check("vacuum t", "");
}

#[test]
fn a_block_that_only_raises_says_so() {
    let check = |sql: &str, expect| assert_eq!(postgres(sql).raises, expect, "{sql}");
    check("do $$ begin raise exception 'no way back'; end $$", true);
    check(
        "DO $x$ DECLARE a int; BEGIN RAISE 'no'; END $x$ LANGUAGE plpgsql",
        true,
    );
    check("do $$ begin raise notice 'x'; end $$", false);
    check(
        "do $$ begin if a then raise exception 'x'; end if; end $$",
        false,
    );
    check(
        "do $$ begin raise exception 'x'; exception when others then null; end $$",
        false,
    );
}

#[test]
fn deep_nesting_is_left_to_the_words() {
    for (open, close) in [
        ("(", ")"),
        ("not ", ""),
        ("- ", ""),
        ("case when ", " then 1 end"),
    ] {
        let deep = format!("select {}1{}", open.repeat(50_000), close.repeat(50_000));
        assert_eq!(postgres(&deep).kind.to_string(), "select");
    }
}

#[test]
fn what_acts_on_the_whole_server_is_known() {
    let check = |sql: &str, expect: &str| {
        let told: Vec<String> = postgres(sql)
            .cluster_wide
            .iter()
            .map(|part| match &part.effect {
                ClusterEffect::CreatesRole(name) => {
                    format!("{}: {}", part.what, name.as_deref().unwrap_or("?"))
                }
                ClusterEffect::Roles(sides) => {
                    let sides: Vec<String> = sides.iter().map(|side| side.join("+")).collect();
                    format!("{}: {}", part.what, sides.join("|"))
                }
                ClusterEffect::Server => part.what.clone(),
            })
            .collect();
        assert_eq!(told.join("; "), expect, "{sql}");
    };
    check("create role app login", "create role: app");
    check("create user \"My App\"", "create role: My App");
    check("alter group g add user u", "alter role: g");
    check("drop role if exists a, b", "drop role: a+b");
    check(
        "grant a, b to group c with admin option",
        "grant role: a+b|c",
    );
    check("revoke admin option for a from b", "revoke role: a|b");
    check("grant select (a), update on t to app", "");
    check("grant connect on database d to app", "grant on database");
    check("grant set on parameter work_mem to a", "grant on parameter");
    check("comment on role a is 'x'", "comment on role: a");
    check("comment on table role is 'x'", "");
    check(
        "security label for p on database d is 'x'",
        "security label on database",
    );
    check("reassign owned by a to b", "reassign owned: a");
    check("drop owned by a, b cascade", "drop owned: a+b");
    check("alter system set work_mem = '1MB'", "alter system");
    check("alter database d set work_mem = '1MB'", "alter database");
    check("create tablespace t location '/x'", "create tablespace");
    check(
        "create subscription s connection 'x' publication p",
        "create subscription",
    );
    check("create user mapping for a server s", "");
    check("create table roles (a int)", "");
    check(
        "do $$ begin if true then create role a; execute 'drop role b'; end if; grant a to c; end $$",
        "create role: a; drop role: b; grant role: a|c",
    );
    check(
        "do $$ begin execute format('create role %I', n); execute 'create role ' || n; end $$",
        "create role: ?; create role: ?",
    );
    check(
        "do $$ begin execute format('alter role app password %L', p); execute 'drop role app' || n; end $$",
        "alter role: app; drop role: ",
    );
    check(
        "do $$ begin execute format('alter database %I set a = 1', current_database()); end $$",
        "",
    );
    check(
        "do $$ begin execute format('alter database %I set a = 1', d); end $$",
        "alter database",
    );
    assert!(
        one("create table role (a)", EngineKind::Sqlite)
            .cluster_wide
            .is_empty()
    );
}
