//! What is known to go wrong in SQLite, fact by fact.

use crate::walk::Walk;
use tightrope_model::Keep;

#[test]
fn one_is_not_one_point_zero() {
    let walk = Walk {
        setup: "create table t (id integer primary key, a); insert into t values (1, 1), (2, 1.0), (3, '1'), (4, x'31'), (5, 1);",
        forward: "update t set a = case id when 1 then 1.0 when 2 then 1 when 3 then 1 when 4 then '1' else '1' end",
        writes: "update t set a = 1 where id = 1; update t set a = 1.0 where id = 5;",
        twin_writes: Some("update t set a = 1.0 where id = 5;"),
        ..Walk::default()
    };
    walk.there_and_back().like_twin();
}

#[test]
fn case_and_blanks_at_the_end_count_whatever_the_collation() {
    let walk = Walk {
        setup: "create table t (id integer primary key, a collate nocase, b collate rtrim);
            insert into t values (1, 'a', 'b'), (2, 'a', 'b'), (3, 'a', 'b');",
        forward: "update t set a = 'A', b = 'b  ' where id < 3",
        writes: "update t set a = 'a' where id = 1; update t set b = 'b ' where id = 2; update t set a = 'A', b = 'b ' where id = 3",
        ..Walk::default()
    };
    walk.there_and_back().like_twin();
}

#[test]
fn text_goes_on_behind_a_nul() {
    let walk = Walk {
        setup: "create table t (k text primary key not null, a);
            insert into t values ('k' || char(0) || '1', 'a' || char(0) || 'b'), ('k' || char(0) || '2', 'a' || char(0) || 'c');",
        forward: "update t set a = 'a' || char(0) || 'z'",
        writes: "update t set a = 'a' || char(0) || 'y' where k = 'k' || char(0) || '2'",
        ..Walk::default()
    };
    walk.there_and_back().like_twin();
}

#[test]
fn floats_and_blobs_come_back_to_the_bit() {
    let walk = Walk {
        setup: "create table t (id integer primary key, a); insert into t values (1, 0.1), (2, 1e300), (3, 9007199254740993),
            (4, 9007199254740993.0), (5, x''), (6, x'00ff00'), (7, 0.1 + 0.2), (8, 9e999), (9, -0.0);",
        forward: "alter table t drop column a",
        writes: "insert into t (id) values (10)",
        ..Walk::default()
    };
    walk.there_and_back();
    let walked = Walk {
        twin_writes: Some("insert into t (id) values (10)"),
        ..walk
    }
    .there_and_back();
    walked.like_twin();
}

#[test]
fn any_keeps_leading_zeros_in_a_strict_table() {
    let walk = Walk {
        setup: "create table t (k any primary key, a any) strict; insert into t values ('007', '007'), (7, 7), (8.5, '8.50');",
        forward: "update t set a = 7",
        writes: "update t set a = '0070' where k = '007'; insert into t values ('08', '08')",
        ..Walk::default()
    };
    walk.there_and_back().like_twin();
    let more = Walk {
        forward: "update t set a = 7; alter table t add column b any",
        writes: "update t set a = '0070' where k = '007'; insert into t (k, a) values ('08', '08')",
        ..walk
    };
    more.there_and_back().like_twin();
}

#[test]
fn vacuum_in_the_window_leaves_rowids_in_place() {
    for forward in [
        "update t set a = a || '!'",
        "update t set a = a || '!'; alter table t add column b",
    ] {
        let walk = Walk {
            setup: "create table t (a); insert into t (rowid, a) values (10, 'x'), (20, 'y'), (30, 'z'), (40, 'z');",
            forward,
            writes: "update t set a = 'mine' where rowid = 20; delete from t where rowid = 10; vacuum;
                update t set a = 'mine, too' where rowid = 40; insert into t (rowid, a) values (50, 'new'); vacuum;",
            rowids: true,
            ..Walk::default()
        };
        // The twin has nothing that holds its rowids, and no VACUUM.
        let writes = walk.writes.replace("vacuum;", "");
        let walk = Walk {
            twin_writes: Some(&writes),
            ..walk
        };
        walk.there_and_back().like_twin();
    }
}

#[test]
fn tables_without_a_key_and_with_null_in_their_key() {
    for setup in [
        "create table t (k, a); insert into t values (null, 1), (null, 1), ('x', 2), ('x', 2), (null, 3);",
        "create table t (k text primary key, a); insert into t values (null, 1), (null, 1), ('x', 2), ('y', 2), (null, 3);",
    ] {
        for forward in [
            "update t set a = a + 100",
            "update t set a = a + 100; alter table t add column b; delete from t where rowid = 5",
        ] {
            let walk = Walk {
                setup,
                forward,
                writes: "update t set a = 7 where rowid = 1; delete from t where rowid = 3; insert into t (k, a) values (null, 9);
                    update t set k = 'moved' where rowid = 4;",
                ..Walk::default()
            };
            let walked = walk.there_and_back();
            assert_eq!(walked.rows, walked.twin);
        }
    }
}

#[test]
fn a_table_without_a_key_that_was_made_again() {
    let walk = Walk {
        setup: "create table t (a, b); insert into t (rowid, a, b) values (10, 'x', 1), (20, 'y', 2), (30, 'y', 2), (40, 'z', 3);",
        forward: "create table n (a, c); insert into n select a, b * 2 from t; drop table t; alter table n rename to t",
        writes: "delete from t where a = 'x'; insert into t values ('new', 5); update t set c = 1 where a = 'z'",
        twin_writes: Some("delete from t where a = 'x'; insert into t values ('new', null)"),
        ..Walk::default()
    };
    walk.there_and_back().like_twin();
}

#[test]
fn a_primary_key_that_became_another() {
    let walk = Walk {
        setup: "create table devices (uuid text not null primary key, user text not null, name);
            insert into devices (rowid, uuid, user, name) values (10, 'a', 'u', 'one'), (20, 'b', 'u', 'two'), (30, 'c', 'v', 'three');",
        forward: "create table n (uuid text not null, user text not null, name, primary key (uuid, user));
            insert into n select * from devices where uuid <> 'c'; drop table devices; alter table n rename to devices;
            update devices set name = upper(name)",
        writes: "update devices set name = 'mine' where uuid = 'a'; insert into devices values ('a', 'w', 'second'), ('d', 'w', 'new')",
        twin_writes: Some("update devices set name = 'mine' where uuid = 'a'; insert into devices values ('d', 'w', 'new')"),
        ..Walk::default()
    };
    let walked = walk.there_and_back();
    let breaks: Vec<&str> = walked
        .gauge
        .conflicts
        .iter()
        .map(|c| c.breaks.as_str())
        .collect();
    assert_eq!(breaks, ["unique constraint `uuid`"]);
    assert_eq!(walked.rows["devices"].len(), 4);
    assert!(
        walked.rows["devices"]
            .iter()
            .any(|row| row.contains("mine")),
        "{:?}",
        walked.rows
    );
    assert!(
        walked.rows["devices"].iter().any(|row| row.contains("two")),
        "{:?}",
        walked.rows
    );
}

#[test]
fn triggers_of_the_user_do_not_fire_on_the_way_back() {
    let walk = Walk {
        setup: "create table t (id integer primary key, a); create table log (what);
            create trigger on_insert after insert on t begin insert into log values ('in ' || new.a); end;
            create trigger on_update after update on t begin insert into log values ('up ' || new.a); end;
            create trigger on_delete before delete on t begin insert into log values ('out ' || old.a); end;
            insert into t values (1, 'a'), (2, 'b'), (3, 'c');",
        forward: "update t set a = upper(a) where id = 1; delete from t where id = 2; insert into t values (9, 'made'); delete from log where what like 'in%'",
        writes: "update t set a = 'mine' where id = 3",
        ..Walk::default()
    };
    walk.there_and_back().like_twin();
    let rebuilt = format!("{}; alter table t add column b", walk.forward);
    Walk {
        forward: &rebuilt,
        ..walk
    }
    .there_and_back()
    .like_twin();
}

#[test]
fn a_write_ahead_log_makes_no_difference() {
    let walk = Walk {
        setup: "pragma journal_mode = wal; create table t (id integer primary key, a); insert into t values (1, 'a'), (2, 'b');",
        forward: "update t set a = upper(a)",
        writes: "update t set a = 'mine' where id = 1; insert into t values (3, 'new')",
        ..Walk::default()
    };
    walk.there_and_back().like_twin();
}

#[test]
fn cascades_in_the_window_are_seen() {
    let walk = Walk {
        setup: "create table p (id integer primary key, a);
            create table c (id integer primary key, p references p on delete cascade on update cascade, a);
            insert into p values (1, 'a'), (2, 'b'), (3, 'c'); insert into c values (1, 1, 'x'), (2, 2, 'y'), (3, 3, 'z');",
        forward: "update p set a = upper(a); update c set a = upper(a)",
        writes: "delete from p where id = 1; update p set id = 20 where id = 2",
        foreign_keys: true,
        ..Walk::default()
    };
    walk.there_and_back().like_twin();
    Walk { forward: "update p set a = upper(a); update c set a = upper(a); alter table p add column n; alter table c add column n", ..walk }
        .there_and_back()
        .like_twin();
}

#[test]
fn a_row_of_the_migration_that_the_application_refers_to_stays() {
    for forward in [
        "insert into p values (10, 'made'), (11, 'made')",
        "insert into p values (10, 'made'), (11, 'made'); alter table p add column x; alter table c add column y",
    ] {
        let walk = Walk {
            setup: "create table p (id integer primary key, a); create table c (id integer primary key, p references p);
                insert into p values (1, 'a'); insert into c values (1, 1);",
            forward,
            writes: "insert into c (id, p) values (2, 10); update c set p = 10 where id = 1",
            twin_writes: Some("insert into p values (10, 'made'); insert into c values (2, 10); update c set p = 10 where id = 1"),
            foreign_keys: true,
            ..Walk::default()
        };
        walk.there_and_back().like_twin();
    }
}

#[test]
fn rows_are_followed_when_the_migration_changes_their_keys() {
    for more in ["", "; alter table t add column x"] {
        let forward = format!("update t set id = id + 100, a = upper(a){more}");
        let walk = Walk {
            setup: "create table t (id integer primary key, a unique); insert into t values (1, 'a'), (2, 'b'), (3, 'c'), (101, 'd');
                update t set id = 201 where id = 101;",
            forward: &forward,
            writes: "update t set a = 'mine' where id = 101; delete from t where id = 102; insert into t (id, a) values (500, 'new')",
            twin_writes: Some("update t set a = 'mine' where id = 1; delete from t where id = 2; insert into t values (500, 'new')"),
            key_changes: true,
            ..Walk::default()
        };
        walk.there_and_back().like_twin();
    }
}

#[test]
fn values_that_change_places_come_back() {
    let walk = Walk {
        setup: "create table t (id integer primary key, a unique not null); insert into t values (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'), (5, 'e');
            create table s (a text unique); insert into s (rowid, a) values (7, 'x'), (9, 'y');",
        forward: "update t set a = 'tmp' where id = 1; update t set a = 'a' where id = 2; update t set a = 'b' where id = 1;
            update t set a = 'f' where id = 5; update t set a = 'e' where id = 4; update t set a = 'd' where id = 3;
            update s set a = 'tmp' where rowid = 7; update s set a = 'x' where rowid = 9; update s set a = 'y' where rowid = 7;",
        rowids: true,
        ..Walk::default()
    };
    walk.there_and_back().like_twin();
}

#[test]
fn rows_that_nobody_kept_are_kept_at_the_first_touch() {
    let walk = Walk {
        setup: "create table t (id integer primary key, a); create unique index i on t (a); insert into t values (1, 'a'), (2, 'b'), (3, 'c');",
        forward: "drop index i",
        writes: "update t set a = 'b' where id = 1; update t set a = 'fine' where id = 3",
        twin_writes: Some("update t set a = 'fine' where id = 3"),
        keep: Some(Keep::Nothing),
        ..Walk::default()
    };
    let walked = walk.there_and_back();
    assert_eq!(walked.rows, walked.twin);
    assert_eq!(walked.quarantined.len(), 1);
}

#[test]
fn the_net_is_weighed_and_freed() {
    let walk = Walk {
        setup: "create table t (id integer primary key, a); insert into t values (1, 'a'), (2, 'b');",
        forward: "update t set a = upper(a)",
        ..Walk::default()
    };
    let mut there = walk.migrate();
    let net = there.session.net().unwrap();
    let sizes = net.size(&there.kept).unwrap();
    assert!(sizes.iter().all(|(_, bytes)| *bytes > 0), "{sizes:?}");
    assert_eq!(sizes.len(), 2);
    assert!(net.free_space().unwrap().is_some());
    there.session.begin().unwrap();
    there.session.net().unwrap().free(&there.kept).unwrap();
    there.session.commit().unwrap();
    let count = "select name from sqlite_schema where name like 'tightrope%'";
    assert!(crate::walk::texts(&there.database.plain(), count).is_empty());
}

#[test]
fn a_dropped_child_follows_what_became_of_its_parents() {
    let walk = Walk {
        setup: "create table p (id integer primary key, a); insert into p values (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd');
            create table c (id integer primary key, p references p on delete cascade on update cascade);
            create table d (id integer primary key, c references c on delete cascade);
            create table s (id integer primary key, p default 4 references p on delete set null on update set default);
            insert into c values (1, 1), (2, 2), (3, 3); insert into d values (1, 1), (2, 2);
            insert into s values (1, 1), (2, 2), (3, 3);",
        forward: "drop table d; drop table c; drop table s; update p set a = upper(a)",
        writes: "delete from p where id = 1; update p set id = 20 where id = 2; insert into p values (1, 'again')",
        foreign_keys: true,
        ..Walk::default()
    };
    walk.there_and_back().like_twin();
    let strict = "create table p (id integer primary key, a); insert into p values (1, 'a'), (2, 'b');
        create table c (id integer primary key, p references p); insert into c values (1, 1), (2, 2);";
    let walk = Walk {
        setup: strict,
        forward: "drop table c",
        writes: "delete from p where id = 1",
        twin_writes: Some("delete from c where id = 1; delete from p where id = 1"),
        ..walk
    };
    let walked = walk.there_and_back();
    assert_eq!(walked.rows, walked.twin);
    assert_eq!(walked.quarantined.len(), 1);
}

#[test]
fn a_row_that_the_migration_deleted_follows_what_became_of_its_parents() {
    let setup = "create table p (id integer primary key, a);
        insert into p values (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'), (5, 'e');
        create table c (id integer primary key, p references p on delete cascade on update cascade, b);
        create table d (id integer primary key, c references c on delete cascade);
        create table s (id integer primary key, p default 4 references p on delete set null on update set default);
        insert into c values (1, 1, 'x'), (2, 2, 'y'), (3, 3, 'z'), (4, 4, 'kept'); insert into d values (1, 1), (2, 2);
        insert into s values (1, 1), (2, 2), (3, 3);";
    for more in [
        "",
        "; alter table c drop column b",
        "; alter table p add column b",
    ] {
        let forward = format!("delete from d; delete from c where id < 4; delete from s{more}");
        let walk = Walk {
            setup,
            forward: &forward,
            writes: "delete from p where id = 1; update p set id = 20 where id = 2; update c set id = 40 where id = 4",
            foreign_keys: true,
            ..Walk::default()
        };
        walk.there_and_back().like_twin();
    }
}

#[test]
fn a_parent_that_takes_the_place_of_one_that_the_migration_deleted_loses_no_children() {
    let walk = Walk {
        setup: "create table p (id integer primary key, a); insert into p values (1, 'a');
            create table c (id integer primary key, p references p on delete cascade); insert into c values (1, 1);",
        forward: "delete from c; delete from p",
        writes: "insert into p values (1, 'new')",
        twin_writes: Some("update p set a = 'new'"),
        foreign_keys: true,
        ..Walk::default()
    };
    let walked = walk.there_and_back();
    assert_eq!(walked.rows, walked.twin);
    assert_eq!(walked.quarantined.len(), 1);
}
