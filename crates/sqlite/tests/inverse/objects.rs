//! Indexes, views, triggers, virtual tables.

use crate::support::{check, check_schema, walk};
use tightrope_inverse::Sources;

const SHOP: &str = "create table t (a integer primary key, b, c);
    create table log (what);
    insert into t values (1, 2, 3), (2, 3, 4);
    CREATE UNIQUE INDEX  by_b on t (b) where c is not null;
    create index by_expression on t (lower(c) collate nocase desc, b + 1);
    create view v(x)  as select b from t -- why
    ;
    create view w as select x from v;
    create trigger noted after insert on t begin insert into log values ('in' || new.b); end;
    create trigger \"ch anged\" after update of b, c on t when new.b <> 1 begin
        insert into log values ('up'); delete from log where what = 'x;y'; end;
    create trigger through instead of insert on v begin insert into t (b) values (new.x); end;
    create trigger elsewhere after insert on log begin update t set c = c where a = 0; end;";

#[test]
fn what_hangs_on_a_table_comes_back_with_it() {
    for forward in [
        "alter table t add column d",
        "alter table t rename column b to bb",
        "alter table t rename to tt",
        "alter table log rename to journal",
        "drop view w; drop view v; drop trigger noted; drop trigger \"ch anged\"; drop trigger elsewhere;
         create table n (a integer primary key, c, b); insert into n (a, b, c) select a, b, c from t;
         drop table t; alter table n rename to t",
    ] {
        check(SHOP, forward);
    }
    check_schema(SHOP, "drop index by_b; drop index by_expression; drop view w; drop view v;
        drop trigger noted; drop trigger \"ch anged\"; drop trigger elsewhere; alter table t drop column b");
    check_schema(SHOP, "drop table t; drop table log");
}

#[test]
fn objects_of_their_own_come_back() {
    for forward in [
        "drop index by_b; create index by_b on t (b)",
        "drop index by_b; create index by_b on log (what)",
        "drop view w",
        "drop view v",
        "drop view v; create view v as select b as x, c from t",
        "drop trigger noted; create trigger noted before delete on log begin select 1; end",
        "drop trigger through",
        "create view new_one as select 1; create index new_index on t (c); create trigger g after delete on t begin select 1; end",
        "drop view w; create table w (a); insert into w values (1)",
        "drop view v; create table v (a); create index i on v (a)",
    ] {
        check(SHOP, forward);
    }
    check_schema(SHOP, "drop table log; create view log as select 1 as what");
    check_schema(SHOP, "drop table log; create index log on t (a)");
}

#[test]
fn a_broken_view_is_in_nobodys_way() {
    let shop = format!("{SHOP} create view broken as select nowhere from t; create view lost as select * from gone;
        create trigger dangling after update on log begin insert into gone values (1); end;");
    check(&shop, "alter table t add column d");
    check(&shop, "create table n (x)");
}

#[test]
fn a_trigger_does_not_fire_on_the_way_back() {
    let walk = walk(
        false,
        SHOP,
        "alter table t add column d",
        &Sources::default(),
    );
    assert_eq!(walk.before.1["log"], walk.after.1["log"]);
}

#[test]
fn a_full_text_table_is_made_again() {
    let shop = format!(
        "{SHOP}
        create virtual table plain using fts5 (title, body);
        insert into plain values ('one', 'word');
        create virtual table over using fts5 (b, content='t', content_rowid='a');
        insert into over (over) values ('rebuild');
        create virtual table bare using fts5 (title, content='');"
    );
    check(&shop, "alter table log add column d");
    for walk in check_schema(&shop, "drop table plain; drop table over; drop table bare") {
        let lost: Vec<&str> = walk
            .inverse
            .losses
            .iter()
            .map(|loss| loss.object.path[0].as_str())
            .collect();
        assert_eq!(lost, ["bare", "plain"]);
        assert_eq!(walk.before.1["over_idx"], walk.after.1["over_idx"]);
    }
    check(&shop, "create virtual table another using rtree (id, a, b)");
}

#[test]
fn statistics_are_left_alone() {
    let shop = format!("{SHOP} analyze;");
    check(&shop, "alter table t add column d");
}

#[test]
fn what_did_not_change_is_not_touched() {
    for walk in check_schema(SHOP, "create table other (a)") {
        let steps: Vec<&str> = walk
            .inverse
            .steps
            .iter()
            .map(|step| step.sql.as_str())
            .collect();
        assert_eq!(steps, ["drop table \"other\""]);
    }
    for walk in check_schema(SHOP, "update t set c = 1") {
        assert_eq!(walk.inverse.steps, []);
    }
}
