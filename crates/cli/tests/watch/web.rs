//! Probes and webhooks that speak HTTP with a server of the test's own.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::stage::{EXTRA, LONG, Stage};

/// A shop's server: well or not, and what it was told.
#[derive(Clone, Default)]
struct Shop {
    is_ill: Arc<AtomicBool>,
    told: Arc<Mutex<Vec<String>>>,
}

impl Shop {
    /// Opens it; gives its address, too. It ends with the test's process.
    fn open() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shop = Self::default();
        let theirs = shop.clone();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut bytes = [0; 65536];
                let read = stream.read(&mut bytes).unwrap_or(0);
                let mut asked = String::from_utf8_lossy(&bytes[..read]).into_owned();
                if asked.starts_with("POST") && asked.ends_with("\r\n\r\n") {
                    let read = stream.read(&mut bytes).unwrap_or(0);
                    asked += &String::from_utf8_lossy(&bytes[..read]);
                }
                let status = match asked.starts_with("GET") && theirs.is_ill.load(Ordering::SeqCst)
                {
                    true => "503 ill",
                    false => "200 well",
                };
                theirs.told.lock().unwrap().push(asked);
                let answer =
                    format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        (shop, url)
    }
}

fn stage(url: &str) -> Stage {
    let stage = Stage::sqlite();
    stage.criteria(
        &["home over 60 s"],
        &format!(
            "webhook = \"{url}/hook/${{TOKEN}}\"\n[watch.probes.home]\nhttp = \"{url}/shop/${{TOKEN}}\"\n\
             authorization = \"Bearer ${{TOKEN}}\""
        ),
    );
    stage.rehearsed("0002_extra", EXTRA.0, EXTRA.1);
    stage
}

#[test]
fn an_address_that_falls_ill_rolls_back_and_the_webhook_is_told() {
    let (shop, url) = Shop::open();
    let stage = stage(&url);
    let mut running = stage
        .tightrope(&["apply", "--yes", "--watch", "10min", "--json"])
        .env("TOKEN", "geheim")
        .spawn();
    running.wait_for_stderr_line("watching 0002_extra", LONG);
    shop.is_ill.store(true, Ordering::SeqCst);
    let outcome = running.wait().expect_code(8);
    assert!(
        outcome
            .stderr
            .contains("`home` does not work: it answered with status 503"),
        "{outcome}"
    );
    assert!(!outcome.stdout.contains("geheim") && !outcome.stderr.contains("geheim"));
    let log = stage.run(&["log", "--json"], 0).stdout;
    assert!(!log.contains("geheim"), "{log}");
    let told = shop.told.lock().unwrap();
    let asked = told
        .iter()
        .filter(|asked| asked.starts_with("GET /shop/geheim "));
    assert!(asked.clone().count() > 0, "{told:?}");
    assert!(asked.clone().all(|asked| asked.contains("Bearer geheim")));
    for event in [
        "baseline-begun",
        "watching",
        "failed",
        "rolling-back",
        "ended",
    ] {
        let words = format!("\"event\":\"{event}\"");
        let of = told
            .iter()
            .filter(|asked| asked.starts_with("POST /hook/geheim ") && asked.contains(&words));
        assert_eq!(of.count(), 1, "{event}: {told:?}");
    }
}

#[test]
fn without_its_variable_nothing_is_applied() {
    let (_shop, url) = Shop::open();
    let stage = stage(&url);
    let outcome = stage.run(&["apply", "--yes", "--watch", "10min"], 4);
    assert!(
        outcome
            .stderr
            .contains("needs the environment variable TOKEN, which is not set"),
        "{outcome}"
    );
    assert_eq!(stage.count_in_ledger("applied"), 1);
}

/// Whoever takes over without the secret would see a shop that is ill.
#[test]
fn a_watch_is_not_taken_over_without_its_variable() {
    let (_shop, url) = Shop::open();
    let stage = stage(&url);
    let mut running = stage
        .tightrope(&["apply", "--yes", "--watch", "10min"])
        .env("TOKEN", "geheim")
        .spawn();
    running.wait_for_stderr_line("watching 0002_extra", LONG);
    running.sigkill();
    running.wait();
    let outcome = stage.run(&["watch"], 4);
    assert!(outcome.stderr.contains("TOKEN"), "{outcome}");
    assert_eq!(stage.count_in_ledger("watch-failed"), 0);
}
