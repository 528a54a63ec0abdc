//! Figures, by hand: `cargo test -p tightrope-sqlite --test files speed -- --ignored --nocapture`.

use std::fmt::Write;
use std::time::Instant;

use crate::support::Database;
use tightrope_engine::{CopyPlace, Engine};
use tightrope_sqlite::SqliteEngine;

#[test]
#[ignore = "it measures, and judges nothing"]
fn figures() {
    let mut sql = String::from("begin;");
    for table in 0..300 {
        write!(
            sql,
            "create table t{table} (id integer primary key, a text not null default 'x', b integer references t0 (id), c numeric(10, 2) check (c >= 0),
               d text collate nocase, e blob, f real, g integer unique, h text, i text);
             create index t{table}_a on t{table} (a); create index t{table}_b on t{table} (b desc, c) where b is not null;"
        )
        .unwrap();
    }
    sql.push_str("commit; pragma journal_mode = wal;");
    let database = Database::new(&sql);
    let mut session = database.session();
    for _ in 0..3 {
        let began = Instant::now();
        let catalog = session.catalog().unwrap();
        let read = began.elapsed();
        let print = catalog.fingerprint();
        println!(
            "catalog of 300 tables {read:?}, fingerprint {print} after {:?}",
            began.elapsed()
        );
    }
    database
        .plain()
        .execute_batch(
            "with recursive n(i) as (select 1 union all select i + 1 from n where i < 1000000)
             insert into t1 (id, a, b, c, d, f, h) select i, 'name ' || i, i % 7, i * 1.25, hex(i), i / 3.0, null from n",
        )
        .unwrap();
    let catalog = session.catalog().unwrap();
    let began = Instant::now();
    let sums = session.checksums(catalog.tables()).unwrap();
    let rows: u64 = sums.iter().map(|sum| sum.rows).sum();
    println!(
        "checksums of {rows} rows of 10 columns {:?}",
        began.elapsed()
    );
    let shape = catalog
        .tables()
        .iter()
        .find(|shape| shape.table.name == "t1")
        .unwrap();
    let began = Instant::now();
    let mut stream = session.rows(shape).unwrap();
    let mut rows = 0;
    loop {
        let batch = stream.next_batch().unwrap();
        if batch.is_empty() {
            break;
        }
        rows += batch.len();
    }
    println!("stream of {rows} rows {:?}", began.elapsed());
    drop(stream);
    let engine = SqliteEngine::new();
    let began = Instant::now();
    let scratch = engine
        .cloner()
        .unwrap()
        .copy(&database.url(), &CopyPlace::default())
        .unwrap();
    println!(
        "copy of {:?} bytes {:?}",
        scratch.report().bytes,
        began.elapsed()
    );
    let began = Instant::now();
    let fork = scratch.fork().unwrap();
    println!(
        "fork of {:?} bytes {:?}",
        fork.report().bytes,
        began.elapsed()
    );
    let began = Instant::now();
    for _ in 0..1000 {
        session.reset().unwrap();
    }
    println!("reset {:?}", began.elapsed() / 1000);
    let began = Instant::now();
    for _ in 0..100 {
        database.session();
    }
    println!("connect {:?}", began.elapsed() / 100);
}
