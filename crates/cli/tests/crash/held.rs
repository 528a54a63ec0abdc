//! Locks that others hold, and two at once.

use tightrope_testkit::process::Outcome;

use crate::shop::{Place, Shop};

const BACK: [&str; 3] = ["rollback", "--to", "1"];

/// A lock that is not granted: given up with its code, saying who holds it, and nothing is changed.
#[track_caller]
fn gives_up(shop: &Shop, place: &Place, arguments: &[&str]) -> Outcome {
    let (state, things) = (place.state(), place.net_things());
    let outcome = shop.run(place, arguments).expect_code(5);
    assert!(
        outcome.stderr.contains("held by") && outcome.stderr.contains("nothing was changed"),
        "{outcome}"
    );
    assert!(place.state() == state, "something was changed: {outcome}");
    assert_eq!(place.net_things(), things, "{outcome}");
    outcome
}

fn impatient(shop: Shop) -> Shop {
    shop.configure("[policy]\nlock_timeout_ms = 600\nlock_tries = 2\n");
    shop
}

#[test]
fn a_long_reader_is_named_on_both_ways() {
    let shop = impatient(Shop::postgres().into_the_window());
    let expect = [(&shop.before, shop.apply()), (&shop.written, &BACK[..])];
    for (from, arguments) in expect {
        let place = from.copy();
        let mut reader = place.postgres().connect().expect("the server answers");
        reader
            .batch_execute("begin; select count(*) from account")
            .expect("it reads");
        let outcome = gives_up(&shop, &place, arguments);
        assert!(outcome.stderr.contains("idle in transaction"), "{outcome}");
        assert!(
            outcome.stderr.contains("select count(*) from account"),
            "{outcome}"
        );
        reader.batch_execute("rollback").expect("it ends");
        shop.run(&place, arguments).expect_code(0);
    }
}

#[test]
fn a_prepared_transaction_is_named_on_both_ways() {
    for shop in [Shop::postgres(), Shop::postgres_with("", false)] {
        let shop = impatient(shop.into_the_window());
        let expect = [(&shop.before, shop.apply()), (&shop.written, &BACK[..])];
        for (from, arguments) in expect {
            let place = from.copy();
            let database = place.postgres();
            let name = &database.name;
            database
                .execute(&format!(
                    "begin; update account set owner = owner where id = 2; prepare transaction '{name}'"
                ))
                .expect("it is prepared");
            let outcome = gives_up(&shop, &place, arguments);
            assert!(outcome.stderr.contains("prepared transaction"), "{outcome}");
            database
                .execute(&format!("rollback prepared '{name}'"))
                .expect("it ends");
            shop.run(&place, arguments).expect_code(0);
        }
    }
}

#[test]
fn a_writer_holds_sqlite_on_both_ways() {
    let shop = impatient(Shop::sqlite().into_the_window());
    let expect = [(&shop.before, shop.apply()), (&shop.written, &BACK[..])];
    for (from, arguments) in expect {
        let place = from.copy();
        let (state, things) = (place.state(), place.net_things());
        let writer = rusqlite::Connection::open(place.file()).expect("it opens");
        writer.execute_batch("begin immediate").expect("it begins");
        let outcome = shop
            .run(&place, &[arguments, &["--wait", "1"][..]].concat())
            .expect_code(5);
        writer.execute_batch("rollback").expect("it ends");
        assert!(place.state() == state, "{outcome}");
        assert_eq!(place.net_things(), things);
        shop.run(&place, arguments).expect_code(0);
    }
}

/// One goes back while the other does the same, or applies: whoever is second finds it done, or gives way.
fn two_at_once(shop: &Shop) {
    let undisturbed = shop.written.copy();
    shop.run(&undisturbed, &BACK).expect_code(0);
    for other in [&BACK[..], shop.apply()] {
        let place = shop.written.copy();
        let arguments = |arguments: &[&str]| {
            let whole = [arguments, &["--wait", "30"][..]].concat();
            shop.command(&place, &whole)
        };
        let both = [arguments(&BACK).spawn(), arguments(other).spawn()];
        let [first, second] = both.map(|running| running.wait());
        for outcome in [&first, &second] {
            assert!(matches!(outcome.code, Some(0 | 5)), "{outcome}");
        }
        assert!(
            first.code == Some(0) || second.code == Some(0),
            "{first}\n{second}"
        );
        shop.can_be_looked_at(&place);
        shop.run(&place, &BACK).expect_code(0);
        place.nothing_is_lost("after two at once, and back");
        assert_eq!(place.state().0, undisturbed.state().0);
        assert_eq!(place.net_things(), undisturbed.net_things());
    }
}

#[test]
fn two_at_once_on_sqlite() {
    two_at_once(&Shop::sqlite().into_the_window());
}

#[test]
fn two_at_once_on_postgres() {
    two_at_once(&Shop::postgres().into_the_window());
}

/// The second gives way while the first is at work, and the first is not disturbed.
#[test]
fn the_second_gives_way_while_a_rollback_holds_the_lease() {
    let shop = Shop::sqlite().into_the_window();
    let place = shop.written.copy();
    let mut first = shop
        .command(&place, &BACK)
        .env("TIGHTROPE_PAUSE_AT", "intent written")
        .spawn();
    first.wait_for_stderr_line("paused at edge", std::time::Duration::from_secs(30));
    for second in [&BACK[..], shop.apply(), &["seal"][..]] {
        let arguments = [second, &["--wait", "0"][..]].concat();
        let outcome = shop.run(&place, &arguments);
        assert!(matches!(outcome.code, Some(4 | 5)), "{outcome}");
    }
    assert!(place.state() == shop.written.state());
    first.sigkill();
    first.wait();
    shop.run(&place, &BACK).expect_code(0);
    place.nothing_is_lost("after the second gave way");
}
