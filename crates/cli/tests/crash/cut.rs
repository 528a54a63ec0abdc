//! The connection is cut at a commit: before the server has it, or before its answer is back. PostgreSQL.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use tightrope_testkit::servers::{PostgresServer, TestDatabase};

use crate::edges::{MOST_EDGES, State};
use crate::shop::{Place, Shop};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// The server ends the session before the commit reaches it.
    Before,
    /// The commit is carried out, and its answer is lost.
    After,
}

/// What stands between `tightrope` and the server, and cuts at the N-th commit.
#[derive(Clone)]
struct Wire {
    server: PostgresServer,
    database: String,
    cut: Cut,
    nth: usize,
    commits: Arc<AtomicUsize>,
}

impl Wire {
    /// Lays it, and gives the URL to go through.
    fn lay(database: &TestDatabase, cut: Cut, nth: usize) -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it has a port").port();
        let wire = Self {
            server: database.server().clone(),
            database: database.name.clone(),
            cut,
            nth,
            commits: Arc::default(),
        };
        let for_thread = wire.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let wire = for_thread.clone();
                thread::spawn(move || wire.pass(client));
            }
        });
        let url = format!(
            "postgres://postgres@127.0.0.1:{port}/{}?sslmode=disable",
            database.name
        );
        (wire, url)
    }

    fn pass(&self, mut client: TcpStream) {
        let mut server = TcpStream::connect(("127.0.0.1", self.server.port)).expect("it answers");
        let swallow = Arc::new(AtomicBool::new(false));
        let back = (
            server.try_clone().expect("a handle"),
            client.try_clone().expect("a handle"),
        );
        let swallows = Arc::clone(&swallow);
        thread::spawn(move || answers(back, &swallows));
        let mut buffer = vec![0; 1 << 16];
        while let Ok(read @ 1..) = client.read(&mut buffer) {
            let said = &buffer[..read];
            let is_commit = said.windows(7).any(|part| part == b"commit\0");
            if is_commit && self.commits.fetch_add(1, Ordering::SeqCst) + 1 == self.nth {
                match self.cut {
                    Cut::Before => end_sessions(&self.server, &self.database),
                    Cut::After => swallow.store(true, Ordering::SeqCst),
                }
            }
            if server.write_all(said).is_err() {
                break;
            }
        }
        // Either side may be gone already.
        let _ = server.shutdown(Shutdown::Both);
    }
}

/// Passes on what the server says, until it is to be lost.
fn answers((mut server, mut client): (TcpStream, TcpStream), swallow: &AtomicBool) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(read @ 1..) = server.read(&mut buffer) {
        if swallow.load(Ordering::SeqCst) || client.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    // Either side may be gone already.
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}

/// Ends all sessions that are in a transaction, and waits until they are gone.
fn end_sessions(server: &PostgresServer, database: &str) {
    let mut client = server.connect(database).expect("the server answers");
    let theirs = "pid <> pg_backend_pid() and datname = current_database() and state like 'idle in transaction%'";
    client
        .batch_execute(&format!(
            "select pg_terminate_backend(pid) from pg_stat_activity where {theirs}"
        ))
        .expect("they are ended");
    loop {
        let left = client
            .query(
                &format!("select 1 from pg_stat_activity where {theirs}"),
                &[],
            )
            .expect("the server answers");
        if left.is_empty() {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Cuts at each commit of a command in turn; what goes on or back afterwards is `settle`'s.
fn at_every_commit(
    shop: &Shop,
    from: &Place,
    arguments: &[&str],
    (old, new): (&State, &State),
    settle: impl Fn(&Place, &str),
) {
    for cut in [Cut::Before, Cut::After] {
        let mut unknown = 0;
        for nth in 1..MOST_EDGES {
            let when = format!("cut at commit {nth} of {arguments:?}, {cut:?}");
            let place = from.copy();
            let (wire, url) = Wire::lay(place.postgres(), cut, nth);
            let outcome = shop.command_at(&url, arguments).run();
            if wire.commits.load(Ordering::SeqCst) < nth {
                assert_eq!(outcome.code, Some(0), "{outcome}");
                assert!(nth > 3, "only {} commits were seen", nth - 1);
                break;
            }
            assert!(matches!(outcome.code, Some(1 | 6 | 7)), "{when}: {outcome}");
            shop.can_be_looked_at(&place);
            let now = place.state();
            if outcome.stderr.contains("broke while") {
                unknown += 1;
                assert_eq!(outcome.code, Some(7), "{outcome}");
                assert!(outcome.stderr.contains("whole or not at all"), "{outcome}");
                assert!(outcome.stderr.contains("tightrope status"), "{outcome}");
                let expect = if cut == Cut::Before { old } else { new };
                assert!(now == *expect, "{when}: {outcome}");
            }
            assert!(now == *old || now == *new, "{when}: something between");
            settle(&place, &when);
        }
        assert_eq!(unknown, 1, "one commit is that of the migration");
    }
}

#[test]
fn apply_cut_at_every_commit() {
    let shop = Shop::postgres().into_the_window();
    let (before, after) = (shop.before.state(), shop.after.state());
    at_every_commit(
        &shop,
        &shop.before,
        shop.apply(),
        (&before, &after),
        |place, when| {
            shop.run(place, shop.apply()).expect_code(0);
            assert!(place.state() == after, "{when}, and on");
            assert_eq!(
                place.net_things(),
                shop.after.net_things(),
                "{when}, and on"
            );
        },
    );
}

#[test]
fn rollback_cut_at_every_commit() {
    let shop = Shop::postgres().into_the_window();
    let back = ["rollback", "--to", "1"];
    let undisturbed = shop.written.copy();
    shop.run(&undisturbed, &back).expect_code(0);
    let (old, new) = (shop.written.state(), undisturbed.state());
    at_every_commit(&shop, &shop.written, &back, (&old, &new), |place, when| {
        place.nothing_is_lost(when);
        shop.run(place, &back).expect_code(0);
        assert!(place.state() == new, "{when}, and back");
        assert_eq!(place.quarantine(), undisturbed.quarantine(), "{when}");
        assert_eq!(place.net_things(), undisturbed.net_things(), "{when}");
    });
}
