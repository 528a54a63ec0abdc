//! Rows that move between partitions in the window.

use tightrope_model::{Keep, TableName};

use crate::support::{servers, session, url};
use crate::walk::{Above, KEEPS, Walk, contents, like_twin, script};

const IN_PARTS: &str = "create table p (id int primary key, a text, b int) partition by range (id);
create table p_1 partition of p for values from (1) to (100);
create table p_2 partition of p for values from (100) to (200);
create table p_3 partition of p default;
insert into p select i, 'a' || i, i from generate_series(1, 9) i;
insert into p select i, 'a' || i, i from generate_series(101, 103) i;
insert into p values (300, 'a300', 300);
";

#[test]
fn rows_that_move_take_their_values_of_before_along() {
    like_twin(
        &Walk {
            setup: IN_PARTS,
            forward: "update p set a = upper(a) where id < 5 or id = 300;",
            writes: "update p set id = 110 where id = 1;
                update p set id = 111, a = 'mine' where id = 2;
                update p set id = 301 where id = 110;
                update p set id = 20 where id = 300;
                update p set id = 1 where id = 101;
                update p set id = id + 100 where id between 5 and 9;
                delete from p where id = 106;",
            ..Walk::default()
        },
        &KEEPS,
    );
}

#[test]
fn a_row_of_the_migration_that_the_application_moves_stays() {
    like_twin(
        &Walk {
            setup: IN_PARTS,
            forward: "insert into p values (10, 'x', 1), (11, 'y', 2), (12, 'z', 3);
                update p set b = b + 1 where id = 4;",
            writes: "update p set id = 120 where id = 10;
                delete from p where id = 12;
                update p set id = 10 where id = 102;
                update p set id = 104 where id = 4;",
            twin_writes: Some(
                "insert into p values (120, 'x', 1);
                update p set id = 10 where id = 102;
                update p set id = 104 where id = 4;",
            ),
            ..Walk::default()
        },
        &KEEPS,
    );
}

#[test]
fn keys_of_types_of_ones_own_are_followed() {
    like_twin(
        &Walk {
            setup: "create domain region as text;
                create type size as enum ('small', 'large');
                create table p (r region, s size, f float8, d date, a text, primary key (d, s, r)) partition by list (s);
                create table p_1 partition of p for values in ('small');
                create table p_2 partition of p for values in ('large');
                insert into p select 'r' || i, 'small', i / 3.0, date '2020-01-01' + i, 'a' from generate_series(1, 4) i;",
            forward: "update p set f = f * 3, a = 'b';",
            writes: "set datestyle = 'german';
                set extra_float_digits = 0;
                update p set s = 'large' where r = 'r1';
                set datestyle = 'iso';
                update p set s = 'large', r = 'it''s' where r = 'r2';
                update p set s = 'small' where r = 'r1';
                delete from p where r = 'it''s';
                set extra_float_digits = 1;",
            ..Walk::default()
        },
        &[Keep::Whole],
    );
}

#[test]
fn a_move_that_is_undone_was_none() {
    like_twin(
        &Walk {
            setup: IN_PARTS,
            forward: "update p set a = upper(a);",
            writes: "begin;
                savepoint s;
                update p set id = 110 where id = 1;
                rollback to s;
                update p set id = 111 where id = 2;
                commit;
                begin;
                update p set id = 112 where id = 3;
                rollback;
                delete from p where id = 3;
                insert into p values (112, 'new', 0);",
            ..Walk::default()
        },
        &[Keep::Whole],
    );
}

#[test]
fn an_earlier_window_follows_rows_that_moved_in_a_later_one() {
    for server in servers() {
        let first = Walk {
            setup: IN_PARTS,
            forward: "update p set a = upper(a);",
            ..Walk::default()
        };
        let mut there = first.migrate(&server);
        let writes = [
            "update p set id = 110 where id = 1;
            update p set id = 11, b = 0 where id = 2;
            insert into p values (30, 'mine', 0), (31, 'mine', 0);",
            "update p set id = 310 where id = 110;
            update p set id = 111 where id = 11;
            update p set id = 112 where id = 3;
            update p set id = 113 where id = 4;
            delete from p where id = 113;
            update p set id = 114 where id = 30;
            update p set id = 101 + 200 where id = 101;
            update p set id = 101 where id = 5;
            update p set id = 115 where id = 6;
            update p set id = 6 where id = 115;
            insert into p values (1, 'new', 1);",
            "update p set id = 12 where id = 112;
            update p set id = 32 where id = 114;
            update p set id = 302 where id = 7;
            update p set b = 5 where id = 310;",
        ];
        let mut app = session(&url(&there.database));
        script(app.as_mut(), writes[0]);

        let forward = "update p set a = a || '!';\nalter table p drop column b;\n";
        let parts = ["p_1", "p_2", "p_3"].map(|part| TableName::new("public", part));
        let above = Above::migrate(&mut there, forward, &parts);
        let here = writes[1].replace("'new', 1", "'new'");
        script(app.as_mut(), &here);

        above.back(&mut there, "alter table p add column b int;");
        script(app.as_mut(), writes[2]);

        first.back(&mut there);
        let twin = server.create_database().unwrap();
        let mut twin = session(&url(&twin));
        script(twin.as_mut(), first.setup);
        for writes in [
            writes[0],
            &writes[1].replace("'new', 1", "'new', null"),
            writes[2],
        ] {
            script(twin.as_mut(), writes);
        }
        assert_eq!(contents(there.session.as_mut()), contents(twin.as_mut()));
    }
}
