//! Killed at every edge with the net spread: `apply`, `rollback` after the application has written, and `seal`.

use crate::edges::{MOST_EDGES, State, enough};
use crate::shop::{Place, Shop};

const BACK: [&str; 3] = ["rollback", "--to", "1"];

/// What a run that nobody disturbs leads to.
struct Undisturbed {
    before: State,
    after: State,
    written: State,
    back: State,
    quarantine: Vec<String>,
    spread: Vec<String>,
    bare: Vec<String>,
}

impl Undisturbed {
    fn of(shop: &Shop) -> Self {
        let place = shop.written.copy();
        shop.run(&place, &BACK).expect_code(0);
        place.nothing_is_lost("undisturbed");
        let this = Self {
            before: shop.before.state(),
            after: shop.after.state(),
            written: shop.written.state(),
            back: place.state(),
            quarantine: place.quarantine(),
            spread: shop.after.net_things(),
            bare: shop.before.net_things(),
        };
        assert_eq!(place.net_things(), this.bare, "the net is freed");
        assert!(this.spread.len() > this.bare.len() + 5, "{:?}", this.spread);
        assert!(this.spread.iter().any(|thing| thing.starts_with("trigger")));
        this.is_right(&place);
        this
    }

    /// The rows of before with what the application wrote over them.
    fn is_right(&self, place: &Place) {
        let rows = |query: &str| place.texts(query);
        assert_eq!(
            rows("select note from item order by id"),
            ["first", "second"]
        );
        assert_eq!(
            rows("select line from old_log order by id"),
            ["a line", "another"]
        );
        assert_eq!(
            rows(
                "select id || ' ' || balance || ' ' || coalesce(kind, '-') from account order by id"
            ),
            ["1 5 a", "2 200 b", "3 300 c", "10 7 -"]
        );
        assert_eq!(
            rows("select id || ' ' || amount from entry where id < 9 order by id"),
            ["1 10", "2 20", "3 30", "4 40", "5 50", "6 60", "8 80"]
        );
        let of_item = |row: &&String| row.starts_with("item|");
        assert_eq!(
            self.quarantine.iter().filter(of_item).count(),
            1,
            "{:?}",
            self.quarantine
        );
    }

    /// The database is in the state of before or of after, with the net of that state.
    fn is_one_of_them(&self, place: &Place, when: &str) {
        let (now, things) = (place.state(), place.net_things());
        let before = now == self.before && things == self.bare;
        let after = now == self.after && things == self.spread;
        assert!(
            before || after,
            "{when}: nothing of both, or a net too much: {things:#?}"
        );
    }

    fn came_back(&self, place: &Place, when: &str) {
        assert!(
            place.state() == self.back,
            "{when}: not what an undisturbed rollback leads to"
        );
        assert_eq!(place.quarantine(), self.quarantine, "{when}");
        assert_eq!(place.net_things(), self.bare, "{when}");
    }
}

fn apply_at_every_edge(shop: &Shop) -> usize {
    let expect = Undisturbed::of(shop);
    for edge in 1..MOST_EDGES {
        let when = format!("killed at edge {edge} of apply");
        let place = shop.before.copy();
        if !shop.killed_at(&place, edge, shop.apply()) {
            return edge - 1;
        }
        shop.can_be_looked_at(&place);
        expect.is_one_of_them(&place, &when);
        if edge % 2 == 0 {
            shop.run(&place, shop.apply()).expect_code(0);
            assert!(place.state() == expect.after, "{when}, and on");
            assert_eq!(place.net_things(), expect.spread, "{when}, and on");
        }
        shop.run(&place, &BACK).expect_code(0);
        assert!(place.state() == expect.before, "{when}, and back");
        assert_eq!(place.net_things(), expect.bare, "{when}, and back");
        assert!(place.quarantine().is_empty(), "{when}, and back");
    }
    panic!("more than {MOST_EDGES} edges");
}

fn rollback_at_every_edge(shop: &Shop) -> usize {
    let expect = Undisturbed::of(shop);
    for edge in 1..MOST_EDGES {
        let when = format!("killed at edge {edge} of rollback");
        let place = shop.written.copy();
        if !shop.killed_at(&place, edge, &BACK) {
            return edge - 1;
        }
        shop.can_be_looked_at(&place);
        place.nothing_is_lost(&when);
        if place.state() == expect.written {
            assert_eq!(place.net_things(), expect.spread, "{when}");
            assert!(place.quarantine().is_empty(), "{when}");
        } else {
            expect.came_back(&place, &when);
        }
        if edge % 2 == 0 {
            shop.run(&place, &BACK).expect_code(0);
            expect.came_back(&place, &when);
        } else {
            shop.run(&place, shop.apply()).expect_code(0);
            // The script ran again, over what the application has written since, too: all of it comes back.
            shop.run(&place, &BACK).expect_code(0);
            place.nothing_is_lost(&format!("{when}, on and back"));
            assert_eq!(place.net_things(), expect.bare, "{when}, on and back");
            assert_eq!(place.state().0, expect.back.0, "{when}, on and back");
        }
    }
    panic!("more than {MOST_EDGES} edges");
}

fn seal_at_every_edge(shop: &Shop) -> usize {
    let expect = Undisturbed::of(shop);
    for edge in 1..MOST_EDGES {
        let when = format!("killed at edge {edge} of seal");
        let place = shop.written.copy();
        if !shop.killed_at(&place, edge, &["seal"]) {
            return edge - 1;
        }
        shop.can_be_looked_at(&place);
        assert!(place.state() == expect.written, "{when}");
        let things = place.net_things();
        let is_sealed = things.is_empty();
        assert!(
            is_sealed || things == expect.spread,
            "{when}: half a net: {things:#?}"
        );
        if edge % 2 == 0 {
            shop.run(&place, &["seal"]).expect_code(0);
            assert_eq!(place.net_things(), [""; 0], "{when}");
            shop.run(&place, &BACK).expect_code(4);
            assert!(place.state() == expect.written, "{when}, and refused");
        } else {
            shop.run(&place, &BACK)
                .expect_code(if is_sealed { 4 } else { 0 });
            if !is_sealed {
                expect.came_back(&place, &when);
            }
        }
        place.nothing_is_lost(&when);
    }
    panic!("more than {MOST_EDGES} edges");
}

#[test]
fn sqlite_apply_with_a_net_killed_at_every_edge() {
    enough(apply_at_every_edge(&Shop::sqlite().into_the_window()), 10);
}

#[test]
fn sqlite_rollback_through_a_net_killed_at_every_edge() {
    enough(rollback_at_every_edge(&Shop::sqlite().into_the_window()), 9);
}

#[test]
fn sqlite_seal_killed_at_every_edge() {
    enough(seal_at_every_edge(&Shop::sqlite().into_the_window()), 4);
}

#[test]
fn postgres_apply_with_a_net_killed_at_every_edge() {
    enough(apply_at_every_edge(&Shop::postgres().into_the_window()), 10);
}

#[test]
fn postgres_rollback_through_a_net_killed_at_every_edge() {
    enough(
        rollback_at_every_edge(&Shop::postgres().into_the_window()),
        9,
    );
}

#[test]
fn postgres_seal_killed_at_every_edge() {
    enough(seal_at_every_edge(&Shop::postgres().into_the_window()), 4);
}
