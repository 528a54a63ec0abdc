//! What a rehearsal found.

use serde_json::{Value, json};
use tightrope_engine::CopyReport;
use tightrope_lifecycle::{DerivedRehearsal, MigrationRehearsal, RehearsalDifference, Rehearsed};
use tightrope_model::{Footprint, LockHeld, differences_in_words, grouped};

use crate::page::Page;
use crate::words::{bytes, duration, plural, plural_of};
use crate::{Style, place, samples, selection, workload};

/// How many tables' rows are shown.
const MOST_TABLES: usize = 8;

/// The rehearsal of the pending migrations.
pub fn rehearsal(rehearsed: &Rehearsed, exit: u8, style: &Style) -> String {
    let mut page = Page::new(style);
    if rehearsed.pending == 0 {
        return page.end("Nothing to rehearse: every migration is applied.", exit);
    }
    if let Some(copy) = &rehearsed.copy {
        copied(&mut page, rehearsed, copy);
    }
    for one in &rehearsed.migrations {
        migration(&mut page, one);
    }
    unlike(&mut page, rehearsed);
    for (label, why) in &rehearsed.unwritten {
        page.field(
            "",
            &format!("the certificate of {label} could not be written: {why}"),
        );
        page.hint("make the folder of migrations writable, and rehearse again");
    }
    page.gap();
    let certificates = rehearsed.certificates().count();
    let left_out = rehearsed.pending - rehearsed.migrations.len();
    let mut sum = format!(
        "{} rehearsed, {}",
        plural_of(&rehearsed.migrations, "migration", "migrations"),
        plural(certificates as u64, "certificate", "certificates")
    );
    if left_out > 0 {
        sum.push_str(&format!(", {left_out} not reached"));
    }
    if rehearsed.drifted {
        page.field(
            "drift",
            "the target's schema is not what its last migration left: `tightrope apply` will refuse",
        );
        page.hint("`tightrope status` names every difference; take it back, or go on with `tightrope apply --accept-drift REASON`");
        page.gap();
    }
    if let Some(why) = &rehearsed.does_not_count {
        page.field(
            "sample",
            &format!("no certificate counts for `tightrope apply`: {why}"),
        );
        page.gap();
    }
    let counts = rehearsed.unlike.is_empty() && rehearsed.does_not_count.is_none();
    let next = if rehearsed.passed() && counts && !rehearsed.drifted {
        " Apply with `tightrope apply`."
    } else {
        ""
    };
    page.end(&format!("{sum}.{next}"), exit)
}

fn copied(page: &mut Page<'_>, rehearsed: &Rehearsed, copy: &CopyReport) {
    let size = copy
        .bytes
        .filter(|size| *size > 0)
        .map(|size| format!(", {}", bytes(size)))
        .unwrap_or_default();
    let server = &rehearsed.server;
    let time = duration(copy.milliseconds);
    let text = match copy.method.as_str() {
        // There was nothing to copy.
        method if method.starts_with("empty") => format!("{method} in {time}"),
        method => format!(
            "{method} of {}@{}{size} in {time}",
            server.database, server.host
        ),
    };
    page.field("copy  ", &text);
    if let Some(likeness) = copy.likeness.as_ref().filter(|like| like.percent < 100) {
        let differences = likeness.in_words(5);
        let text = format!("{} % like the target: {differences}", likeness.percent);
        page.field("      ", &text);
    }
    if let Some(held) = &copy.selection {
        selection::show(page, held);
    }
    copy_remarks(page, copy);
}

/// What a copy lacks.
pub(crate) fn copy_remarks(page: &mut Page<'_>, copy: &CopyReport) {
    for remark in &copy.remarks {
        page.field("      ", remark);
    }
}

/// One migration's rehearsal, as it also stands under a refused `apply`.
pub(crate) fn migration(page: &mut Page<'_>, one: &MigrationRehearsal) {
    let style = page.style;
    page.gap();
    page.spread(&style.bold(&label(one)), &times(one));
    if let Some(both) = &one.extrapolated {
        page.field("  up       ", &selection::on_all_rows(Some(&both.forward)));
        if let Some(rollback) = &both.rollback {
            page.field("  down     ", &selection::on_all_rows(Some(rollback)));
        }
    }
    touched(page, &one.footprint);
    differences(page, &one.differences);
    if let Some(failure) = &one.failure {
        page.line(format!("  {}", failure.place));
        let remark = format!("statement {} ({})", failure.number, failure.statement);
        place::show(page, &failure.place, &failure.line, &remark);
        if let Some(detail) = &failure.detail {
            page.field("  detail   ", detail);
        }
    }
    for remark in &one.remarks {
        page.field("  note     ", remark);
    }
    if let Some(trial) = &one.workload {
        workload::trial(page, trial);
    }
    let verdict = style.pass(one.verdict.name(), one.verdict.passes());
    page.field("  verdict  ", &format!("{verdict}: {}", one.because));
    if let Some(derived) = &one.derived {
        derivation(page, one, derived);
    }
    if let Some(hint) = &one.hint {
        page.hint(hint);
    }
}

/// How the derived rollback did beside the written one.
fn derivation(page: &mut Page<'_>, one: &MigrationRehearsal, derived: &DerivedRehearsal) {
    // Where none is written, the verdict above is that of the derived one already.
    let is_told = one.because != derived.because && one.because.ends_with(&derived.because);
    if !is_told {
        let style = page.style;
        let verdict = style.pass(derived.verdict.name(), derived.verdict.passes());
        let time = duration(derived.rollback_ms);
        let text = format!("{verdict}: {}, down {time}", derived.because);
        page.field("  derived  ", &text);
        let differences = derived.differences.iter();
        let differences: Vec<String> = differences.map(|one| one.text().to_owned()).collect();
        page.some("           ", &differences);
    }
    for loss in &derived.losses {
        let text = format!("{}: {} ({})", loss.object, loss.reason, loss.lost);
        page.field("  loses    ", &text);
    }
}

pub(crate) fn label(one: &MigrationRehearsal) -> String {
    if one.name.is_empty() {
        one.version.clone()
    } else {
        format!("{}_{}", one.version, one.name)
    }
}

pub(crate) fn times(one: &MigrationRehearsal) -> String {
    let up = format!("up {}", duration(one.forward_ms));
    match one.rollback_ms {
        Some(rollback_ms) => format!("{up}   down {}", duration(rollback_ms)),
        None => format!("{up}   down not run"),
    }
}

fn touched(page: &mut Page<'_>, footprint: &Footprint) {
    let rows = rows_in_words(footprint);
    if !rows.is_empty() {
        page.field("  rows     ", &rows);
    }
    let locks: Vec<String> = footprint
        .locks
        .iter()
        .filter(|lock| !is_implied(lock, footprint))
        .map(|lock| format!("{} on {}", lock.mode, lock.relation))
        .collect();
    if !locks.is_empty() {
        let shown = locks.iter().take(4).cloned().collect::<Vec<_>>().join(", ");
        let more = locks.len().saturating_sub(4);
        let rest = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        page.field("  locks    ", &format!("{shown}{rest}"));
    }
}

/// Whether it is the lock of an index whose table is locked too: that goes without saying.
fn is_implied(lock: &LockHeld, footprint: &Footprint) -> bool {
    lock.index_of.as_ref().is_some_and(|table| {
        let locked = |other: &LockHeld| other.relation == *table && other.index_of.is_none();
        footprint.locks.iter().any(locked)
    })
}

/// `orders: 3 inserted, 2 deleted; customers: 1 updated`.
pub(crate) fn rows_in_words(footprint: &Footprint) -> String {
    let tables = footprint
        .rows
        .iter()
        .filter(|(_, change)| !change.is_empty())
        .map(|(table, change)| {
            let parts: Vec<String> = [
                (change.inserted, "inserted"),
                (change.updated, "updated"),
                (change.deleted, "deleted"),
            ]
            .into_iter()
            .filter(|(rows, _)| *rows > 0)
            .map(|(rows, what)| format!("{} {what}", grouped(rows)))
            .collect();
            format!("{table}: {}", parts.join(", "))
        });
    tables.collect::<Vec<_>>().join("; ")
}

fn differences(page: &mut Page<'_>, differences: &[RehearsalDifference]) {
    let schema = differences.iter().filter_map(|one| match one {
        RehearsalDifference::Schema { difference, .. } => Some(difference),
        _ => None,
    });
    page.some("  schema   ", &differences_in_words(schema));
    let mut tables = 0;
    for one in differences {
        if let RehearsalDifference::Data { text, difference } = one {
            tables += 1;
            if tables <= MOST_TABLES {
                page.field("  data     ", text);
                samples::show(page, &difference.samples);
            }
        }
    }
    if tables > MOST_TABLES {
        let more = plural((tables - MOST_TABLES) as u64, "more table", "more tables");
        page.line(format!("           and {more} (all of them: `--json`)"));
    }
    let again = differences.iter().filter_map(|one| match one {
        RehearsalDifference::Again { text } => Some(text.clone()),
        _ => None,
    });
    page.some("  again    ", &again.collect::<Vec<_>>());
}

fn unlike(page: &mut Page<'_>, rehearsed: &Rehearsed) {
    if rehearsed.unlike.is_empty() {
        return;
    }
    page.gap();
    page.line(
        "The copy's schema is not the target's; a certificate earned on it does not count there:",
    );
    page.some("  ", &rehearsed.unlike.in_words());
}

/// The rehearsal as JSON.
pub fn rehearsal_json(rehearsed: &Rehearsed) -> Value {
    let mut value = json!(rehearsed);
    let certified: Vec<bool> = rehearsed
        .migrations
        .iter()
        .map(|one| one.certificate.is_some())
        .collect();
    if let Some(migrations) = value["migrations"].as_array_mut() {
        for (migration, certified) in migrations.iter_mut().zip(certified) {
            migration["certified"] = Value::from(certified);
        }
    }
    value["passed"] = Value::from(rehearsed.passed());
    value
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::style::test_style;
    use tightrope_engine::Server;
    use tightrope_lifecycle::FailureReport;
    use tightrope_model::{
        DataDifference, Differences, EngineKind, Place, RowSample, TableName, Verdict,
    };

    pub(crate) fn server() -> Server {
        Server {
            engine: EngineKind::Postgres,
            version: "15.18".to_owned(),
            major: "15".to_owned(),
            database: "shop".to_owned(),
            host: "staging:5432".to_owned(),
            user: Some("me".to_owned()),
        }
    }

    pub(crate) fn one(version: &str, name: &str, verdict: Verdict) -> MigrationRehearsal {
        MigrationRehearsal {
            version: version.to_owned(),
            name: name.to_owned(),
            verdict,
            differences: Vec::new(),
            failure: None,
            because: verdict.meaning().to_owned(),
            hint: None,
            remarks: Vec::new(),
            forward_ms: 1_800,
            rollback_ms: Some(900),
            footprint: Footprint::default(),
            net: None,
            derived: None,
            workload: None,
            extrapolated: None,
            certificate: None,
        }
    }

    fn text(value: &str) -> Option<String> {
        Some(value.to_owned())
    }

    pub(crate) fn data_differs() -> MigrationRehearsal {
        let name = |value| vec![("name".to_owned(), text(value))];
        let difference = DataDifference {
            table: TableName::new("public", "customers"),
            rows_before: 184_203,
            missing: 0,
            extra: 0,
            changed: 184_203,
            columns: vec!["name".to_owned()],
            samples: vec![RowSample {
                key: vec![("id".to_owned(), text("7"))],
                before: name("Ana María Núñez"),
                after: name("Ana Núñez"),
            }],
        };
        MigrationRehearsal {
            differences: vec![RehearsalDifference::data(&difference)],
            hint: text("keep what the forward script destroys, in a side table for example"),
            ..one("0041", "split_name", Verdict::DataDiffers)
        }
    }

    pub(crate) fn failed() -> MigrationRehearsal {
        let place = Place {
            line: 2,
            column: 13,
            ..Place::file("migrations/0042_b/down.sql")
        };
        MigrationRehearsal {
            failure: Some(FailureReport {
                place,
                statement: "drop table".to_owned(),
                number: 1,
                line: "drop table  custmers;".to_owned(),
                message: "table \"custmers\" does not exist".to_owned(),
                detail: None,
                hint: None,
                code: text("42P01"),
            }),
            because: "table \"custmers\" does not exist".to_owned(),
            rollback_ms: None,
            ..one("0042", "b", Verdict::RollbackFails)
        }
    }

    #[test]
    fn an_index_is_locked_with_its_table_without_a_word() {
        let lock = |relation: &str, index_of: Option<&str>| LockHeld {
            relation: relation.to_owned(),
            mode: "row exclusive".to_owned(),
            index_of: index_of.map(str::to_owned),
        };
        let footprint = Footprint {
            locks: vec![
                lock("customers", None),
                lock("customers_pkey", Some("customers")),
                lock("orders_day", Some("orders")),
            ],
            ..Footprint::default()
        };
        let style = test_style();
        let mut page = Page::new(&style);
        touched(&mut page, &footprint);
        insta::assert_snapshot!(page.end("", 0), @"  locks    row exclusive on customers, row exclusive on orders_day");
    }

    pub(crate) fn derived(verdict: Verdict) -> DerivedRehearsal {
        DerivedRehearsal {
            verdict,
            because: verdict.meaning().to_owned(),
            differences: Vec::new(),
            losses: Vec::new(),
            rollback_ms: 40,
            script: "alter table customers add column name text;\n".to_owned(),
        }
    }

    #[test]
    fn the_derived_rollback_stands_beside_the_written_one() {
        let style = test_style();
        let mut page = Page::new(&style);
        let better = MigrationRehearsal {
            derived: Some(derived(Verdict::Exact)),
            hint: text(
                "the derived rollback is exact: see it with `tightrope plan 0041 --derived`, keep it with `tightrope new --derive 0041`",
            ),
            ..data_differs()
        };
        let unwritten = MigrationRehearsal {
            derived: Some(derived(Verdict::Exact)),
            because: format!(
                "no rollback is written; derived: {}",
                Verdict::Exact.meaning()
            ),
            ..one("0042", "b", Verdict::Exact)
        };
        migration(&mut page, &better);
        migration(&mut page, &unwritten);
        insta::assert_snapshot!(page.end("", 0), @r"
        0041_split_name                                           up 1.8 s   down 900 ms
          data     table customers: 184 203 of 184 203 rows differ in `name`
                   id 7  before          'Ana María Núñez'
                         after rollback  'Ana Núñez'
          verdict  data-differs: the schema comes back, but rows do not
          derived  exact: schema and every row come back exactly, down 40 ms
          hint: the derived rollback is exact: see it with
                `tightrope plan 0041 --derived`, keep it with
                `tightrope new --derive 0041`

        0042_b                                                    up 1.8 s   down 900 ms
          verdict  exact: no rollback is written; derived: schema and every row come
                   back exactly
        ");
    }

    #[test]
    fn a_rehearsal_that_finds_bad_rollbacks() {
        let rehearsed = Rehearsed {
            server: server(),
            copy: Some(CopyReport {
                method: "template".to_owned(),
                bytes: Some(2_100_000_000),
                milliseconds: 3_400,
                remarks: Vec::new(),
                likeness: None,
                selection: None,
            }),
            unlike: Differences::default(),
            migrations: vec![data_differs(), failed()],
            pending: 3,
            drifted: false,
            unwritten: Vec::new(),
            workload: None,
            does_not_count: None,
        };
        insta::assert_snapshot!(rehearsal(&rehearsed, 3, &test_style()), @r#"
        copy  template of shop@staging:5432, 2.1 GB in 3.4 s

        0041_split_name                                           up 1.8 s   down 900 ms
          data     table customers: 184 203 of 184 203 rows differ in `name`
                   id 7  before          'Ana María Núñez'
                         after rollback  'Ana Núñez'
          verdict  data-differs: the schema comes back, but rows do not
          hint: keep what the forward script destroys, in a side table for example

        0042_b                                                   up 1.8 s   down not run
          migrations/0042_b/down.sql:2:13
          2 | drop table  custmers;
            |             ^^^^^^^^ statement 1 (drop table)
          verdict  rollback-fails: table "custmers" does not exist

        2 migrations rehearsed, 0 certificates, 1 not reached.                    exit 3
        "#);
    }
}
