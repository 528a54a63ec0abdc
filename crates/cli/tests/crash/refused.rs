//! What is refused before anything changes: no room for the net, or somebody who would be made to read it.

use crate::shop::{Place, Shop};

#[track_caller]
fn is_refused(shop: &Shop, says: &str) {
    let place: Place = shop.before.copy();
    let outcome = shop.run(&place, shop.apply()).expect_code(4);
    let said = outcome
        .stderr
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    for needle in [says, "nothing was changed", "hint:"] {
        assert!(said.contains(needle), "{needle:?} is not in {outcome}");
    }
    assert!(place.state() == shop.before.state(), "{outcome}");
    assert_eq!(place.net_things(), shop.before.net_things(), "{outcome}");
    shop.can_be_looked_at(&place);
}

#[test]
fn a_net_that_would_be_too_large() {
    for shop in [Shop::sqlite(), Shop::postgres()] {
        shop.configure("[net]\nmax_bytes = 1\n");
        is_refused(&shop, "the limit is 1");
        shop.configure("");
        shop.run(&shop.before, shop.apply()).expect_code(0);
    }
}

#[test]
fn a_net_that_would_be_published() {
    let shop = Shop::postgres_with("create publication everything for all tables;", false);
    is_refused(&shop, "publishes all tables");
    is_refused(&shop, "`published = true` under [net]");
    shop.configure("[net]\npublished = true\n");
    shop.into_the_window();
}

#[test]
fn a_published_net_leads_back() {
    let shop = Shop::postgres_with("create publication everything for all tables;", false);
    shop.configure("[net]\npublished = true\n");
    let shop = shop.into_the_window();
    shop.run(&shop.written, &["rollback", "--to", "1"])
        .expect_code(0);
    shop.written
        .nothing_is_lost("with a publication of all tables");
    assert_eq!(shop.written.net_things(), shop.before.net_things());
}
