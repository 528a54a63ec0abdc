//! A second migration while the window of the first is open.

use tightrope_model::TableName;

use crate::support::{servers, session, url};
use crate::walk::{Above, Walk, contents, script};

#[test]
fn a_later_window_leaves_the_earlier_one_as_it_should_be() {
    for server in servers() {
        let first = Walk {
            setup: "create table t (id int primary key, a text, b text, c int);
                create table log (what text, n int);
                insert into t select i, 'a' || i, 'b' || i, i from generate_series(1, 9) i;
                insert into log values ('x', 1), ('y', 2), ('y', 2);",
            forward: "update t set a = upper(a);
                update log set n = n;",
            ..Walk::default()
        };
        let mut there = first.migrate(&server);
        let writes = [
            "update t set c = 100 where id = 1;
            delete from t where id = 2;
            insert into t values (20, 'mine', 'mine', 0), (21, 'short', 'lived', 0);
            delete from log where what = 'x';",
            "update t set id = 30 where id = 1;
            update t set b = 'written' where id = 3;
            update t set b = 'kept' where id in (4, 5);
            delete from t where id = 5;
            delete from t where id = 21;
            update t set b = 'later' where id = 20;
            insert into t (id, b) values (40, 'new');
            insert into log values ('z', 3);",
            "update t set c = 7 where id = 6;
            update t set c = 9 where id = 30;",
        ];
        let in_twin = "update t set a = null where id = 40;";
        let mut app = session(&url(&there.database));
        script(app.as_mut(), writes[0]);

        // The second one drops a column that the first log's triggers look at.
        let forward = "alter table t drop column c;\nupdate t set a = lower(a) || '!';\n";
        let both = ["t", "log"].map(|table| TableName::new("public", table));
        let above = Above::migrate(&mut there, forward, &both);
        script(app.as_mut(), writes[1]);

        above.back(&mut there, "alter table t add column c int;");
        script(app.as_mut(), writes[2]);

        first.back(&mut there);
        let twin = server.create_database().unwrap();
        let mut twin = session(&url(&twin));
        script(twin.as_mut(), first.setup);
        for writes in writes.iter().chain([&in_twin]) {
            script(twin.as_mut(), writes);
        }
        assert_eq!(contents(there.session.as_mut()), contents(twin.as_mut()));
    }
}

#[test]
fn rows_without_a_key_are_followed_through_a_later_window() {
    for server in servers() {
        let first = Walk {
            setup: "create table log (what text, n int, more int);
                insert into log values ('x', 1, 7), ('y', 2, 7), ('y', 3, 7), ('z', 4, 7), ('z', 4, 7), ('v', 5, 7);",
            forward: "alter table log drop column n;",
            undo: "alter table log add column n int;",
            ..Walk::default()
        };
        let mut there = first.migrate(&server);
        let writes = [
            "update log set more = 8 where what = 'x'; insert into log (what, more) values ('mine', 1), ('mine', 1);",
            "update log set more = more + 1 where what in ('x', 'z');
            delete from log where what = 'v';
            insert into log (what, more) values ('z', 8), ('late', 1);
            update log set what = 'mine too' where what = 'mine';",
            "update log set more = 20 where what in ('x', 'late');
            delete from log where what = 'mine too';",
        ];
        let mut app = session(&url(&there.database));
        script(app.as_mut(), writes[0]);
        let above = Above::migrate(
            &mut there,
            "alter table log add column made int default 4;",
            &[TableName::new("public", "log")],
        );
        script(app.as_mut(), writes[1]);
        above.back(&mut there, "alter table log drop column made;");
        script(app.as_mut(), writes[2]);
        first.back(&mut there);
        let twin = server.create_database().unwrap();
        let mut twin = session(&url(&twin));
        script(twin.as_mut(), first.setup);
        for writes in writes {
            script(twin.as_mut(), writes);
        }
        // The column is the last one now.
        script(
            twin.as_mut(),
            "alter table log add column m int; update log set m = n; alter table log drop column n; alter table log rename m to n;",
        );
        assert_eq!(contents(there.session.as_mut()), contents(twin.as_mut()));
    }
}
