//! The story itself: six steps, each with its commands and what has to come of them.

use serde_json::{Value, json};
use tightrope_model::grouped;

use super::call::{Call, Ending, Said};
use super::dialect::FILL;
use super::ending;
use super::mismatch::Mismatch;
use super::shop::{Mark, State, Written};
use super::stage::Stage;
use super::teller::{Teller, Told};
use crate::context::Context;
use crate::errors::CommandError;

/// The migration that the story is about.
const MIGRATION: &str = "0003_split_name";

/// The edge at which the process is killed: its statements have run, and nothing is committed.
const EDGE: &str = "script run";

/// What is compared in the end.
pub(super) struct Outcome {
    /// The shop that migrated and went back.
    pub(super) shop: State,
    /// The twin, which never migrated and was sold the same.
    pub(super) twin: State,
    /// What was written in between, as it came through the rollback.
    pub(super) kept: Written,
}

/// Tells the story.
///
/// # Errors
/// When the stage cannot be set, or anything does not go as told.
pub(crate) fn tell(context: &Context, keep: bool) -> Result<(), CommandError> {
    let stage = Stage::set(context.options.url.as_deref())?;
    let teller = Teller::new(context.terminal, context.options.json);
    let server = stage.shop()?.0.server().clone();
    let engine = format!("{} {}", server.engine.product(), server.version);
    teller.say_with(|style| {
        format!(
            "{}\n\nEverything below is run now, for real, on {engine}, in\n{}",
            style.bold(
                "A migration whose way back is wrong: caught, derived instead, applied, killed\n\
                 half-way, sold on for a while, and rolled back without a loss."
            ),
            stage.place()
        )
    });
    let mut story = Story { teller, stage };
    let (before, mark) = story.shop_opens()?;
    story.wrong_way_back()?;
    story.derived()?;
    story.killed_half_way(&before)?;
    let written = story.shop_goes_on(mark)?;
    let outcome = story.rolled_back(mark, &written)?;
    let kept = if keep {
        Some(story.stage.keep()?)
    } else {
        drop(story.stage);
        None
    };
    ending::end(story.teller, &engine, &outcome, kept.as_ref());
    Ok(())
}

struct Story {
    teller: Teller,
    stage: Stage,
}

impl Story {
    fn run(&mut self, arguments: &[&str], told: &Told) -> Result<Said, Mismatch> {
        let call = Call {
            arguments,
            killed_at: None,
        };
        self.teller.run(&self.stage, &call, told)
    }

    fn shop_opens(&mut self) -> Result<(State, Mark), CommandError> {
        self.teller.step(
            "shop",
            "A shop opens. Each migration is proven on a copy, then applied.",
        );
        self.run(self.stage.init(), &Told::default())?;
        let dialect = self.stage.dialect;
        self.stage.write("0001_customers", &dialect.customers)?;
        self.stage.write("0002_orders", &dialect.orders)?;
        let told = Told {
            says: &["0001_customers", "0002_orders", "2 migrations applied"],
            facts: |said| {
                let migrations = said.json["migrations"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default();
                let certified = migrations.iter().filter(|one| one["certified"] == true);
                json!({ "applied": migrations.len(), "certified": certified.count() })
            },
            expected: json!({ "applied": 2, "certified": 2 }),
            ..Told::default()
        };
        self.run(&["apply", "--yes"], &told)?;

        let mut shop = self.stage.shop()?;
        shop.write(&dialect.fill)?;
        let (state, mark, names) = (shop.state()?, shop.mark()?, shop.first_names(3)?);
        let (customers, orders) = (state.rows("customers"), state.rows("orders"));
        self.teller.say(&format!(
            "Customers come: {}, who place {} orders. The first are\n  {}",
            grouped(customers),
            grouped(orders),
            names.join(", ")
        ));
        self.teller.facts(json!({
            "customers": customers, "orders": orders, "state": state_json(&state),
        }));
        drop(shop);
        self.stage.part()?;
        self.teller.say(
            "A copy of the shop is put aside: the control twin. It will never migrate, and\n\
             will be sold the same. In the end both are compared.",
        );
        Ok((state, mark))
    }

    fn wrong_way_back(&mut self) -> Result<(), CommandError> {
        self.teller.step(
            "wrong-way-back",
            "The name is to be split in two. The way back, written by hand, is wrong.",
        );
        let split = &self.stage.dialect.split;
        self.stage.write(MIGRATION, split)?;
        self.show("up.sql", split.forward);
        self.show("down.sql", split.rollback);
        self.teller.say(
            "It looks right: split the name, and join it again. The rehearsal does both\n\
             on a copy, and compares every row:",
        );
        let told = Told {
            ending: Ending::Exit(3),
            says: &[
                "verdict data-differs",
                "rows differ in `name`",
                "derived exact",
                "0 certificates",
            ],
            facts: |said| rehearsal_facts(&said.json),
            expected: json!({ "verdict": "data-differs", "certified": false }),
            ..Told::default()
        };
        self.run(&["rehearse"], &told)?;
        self.teller
            .say("Whoever tries to apply it all the same is refused:");
        let told = Told {
            ending: Ending::Exit(3),
            says: &["error:", "data-differs", "nothing was changed"],
            facts: |said| {
                let error = &said.json["error"];
                json!({ "refused": error["kind"], "message": error["message"], "state": error["state"] })
            },
            expected: json!({ "refused": "not-proven" }),
            shown_from: Some("error:"),
        };
        self.run(&["apply", "--yes"], &told)?;
        Ok(())
    }

    fn derived(&mut self) -> Result<(), CommandError> {
        self.teller.step(
            "derived",
            "The wrong way back is thrown away. It is derived instead, with a net below.",
        );
        self.stage.leave_to_derivation(MIGRATION)?;
        self.teller.say(&format!(
            "$ rm migrations/{MIGRATION}/down.sql\n\
             What the migration destroys is kept aside in the database. Rows that come later\n\
             need a whole name when it is rolled back, and a line says where from:"
        ));
        self.show("metadata.toml", FILL);
        let told = Told {
            says: &["verdict exact", "derived", "1 certificate."],
            facts: |said| rehearsal_facts(&said.json),
            expected: json!({ "verdict": "exact", "certified": true }),
            ..Told::default()
        };
        self.run(&["rehearse"], &told)?;
        let told = Told {
            ending: Ending::Exit(2),
            says: &["keeps customers", "derived rollback and net"],
            facts: |said| {
                let migration = &said.json["migrations"][0];
                json!({ "derived": migration["derived"], "asks_fill": migration["asks_fill"] })
            },
            expected: json!({ "derived": true, "asks_fill": [] }),
            shown_from: Some("  destroys"),
        };
        self.run(&["plan"], &told)?;
        Ok(())
    }

    fn killed_half_way(&mut self, before: &State) -> Result<(), CommandError> {
        self.teller.step(
            "killed-half-way",
            "It is applied, and half-way the process is killed.",
        );
        let call = Call {
            arguments: &["apply", "--yes"],
            killed_at: Some(EDGE),
        };
        let told = Told {
            ending: Ending::Killed,
            says: &[EDGE],
            facts: |said| json!({ "edge": said.plain().trim().rsplit(": ").next() }),
            expected: json!({ "edge": EDGE }),
            ..Told::default()
        };
        let said = self.teller.run(&self.stage, &call, &told)?;
        self.teller.say(&format!(
            "$ kill -9 {}\nAll its statements had run; nothing was committed. Where do things stand?",
            said.pid
        ));
        let told = Told {
            says: &["was interrupted", "Nothing is half done", MIGRATION],
            facts: |said| {
                let open = &said.json["open_run"];
                json!({
                    "interrupted": !open.is_null(), "half_done": open["half_done"],
                    "pending": said.json["pending"], "ledger_break": said.json["ledger_break"],
                })
            },
            expected: json!({
                "interrupted": true, "half_done": null, "pending": [MIGRATION], "ledger_break": null,
            }),
            ..Told::default()
        };
        self.run(&["status"], &told)?;
        let found = self.stage.shop()?.state()?;
        expect_equal(before, &found, "after the kill the shop is not what it was")?;
        self.teller.say(&format!(
            "The shop is as before: schema {}, every table's checksum equal.\nOnce more:",
            found.fingerprint
        ));
        let told = Told {
            says: &["An interrupted run was cleared up", "1 migration applied"],
            facts: |said| {
                let migration = &said.json["migrations"][0];
                json!({
                    "recovered": !said.json["recovered"].is_null(), "applied": migration["version"],
                    "certified": migration["certified"],
                })
            },
            expected: json!({ "recovered": true, "applied": "0003", "certified": true }),
            ..Told::default()
        };
        self.run(&["apply", "--yes"], &told)?;
        self.teller.facts(json!({ "unchanged_by_the_kill": true }));
        Ok(())
    }

    fn shop_goes_on(&mut self, mark: Mark) -> Result<Written, CommandError> {
        self.teller.step(
            "selling",
            "The shop goes on selling, with first and last names.",
        );
        let dialect = self.stage.dialect;
        let mut shop = self.stage.shop()?;
        shop.write(&dialect.sell)?;
        let written = shop.written_since(mark, "first_name || ' ' || last_name")?;
        drop(shop);
        self.stage.twin()?.write(&dialect.sell_to_twin)?;
        if written.names.is_empty() || written.orders == 0 {
            return Err(Mismatch::state("nothing was written after the migration").into());
        }
        self.teller.say(&format!(
            "New since the migration: {} orders and {} customers,\n  {}\n\
             Some orders became cheaper, some were cancelled, some customers moved. The twin\n\
             was sold the same. Can we still go back?",
            written.orders,
            written.names.len(),
            written.names.join(", ")
        ));
        self.teller.facts(json!({
            "customers": written.names.len(), "orders": written.orders, "names": written.names,
        }));
        let told = Told {
            says: &[
                MIGRATION,
                "way back: c",
                "0 rows in conflict",
                "written since",
            ],
            facts: |said| {
                let applied = said.json["applied"].as_array();
                let last = applied.and_then(|applied| applied.last());
                let gauge = last.map_or(&Value::Null, |last| &last["readiness"]);
                let written = gauge["written"].as_object();
                json!({
                    "in_conflict": gauge["in_conflict"],
                    "written": gauge["written"],
                    "seen": written.is_some_and(|written| !written.is_empty()),
                })
            },
            expected: json!({ "in_conflict": 0, "seen": true }),
            ..Told::default()
        };
        self.run(&["status"], &told)?;
        Ok(written)
    }

    fn rolled_back(&mut self, mark: Mark, written: &Written) -> Result<Outcome, CommandError> {
        self.teller.step(
            "rolled-back",
            "It is rolled back. What was there is there again, and nothing new is lost.",
        );
        let told = Told {
            says: &[
                "1 migration rolled back",
                "schema exact",
                "written since kept",
            ],
            facts: |said| {
                let migration = &said.json["migrations"][0];
                json!({
                    "rolled_back": migration["version"], "schema": migration["schema"],
                    "way": migration["net"]["way"], "kept": migration["net"]["kept"],
                    "quarantined": migration["net"]["quarantined"],
                })
            },
            expected: json!({
                "rolled_back": "0003", "schema": "exact", "way": "derived", "quarantined": [],
            }),
            ..Told::default()
        };
        self.run(&["rollback", "--yes"], &told)?;
        let mut shop = self.stage.shop()?;
        let kept = shop.written_since(mark, "name")?;
        if kept != *written {
            return Err(Mismatch::state(format!(
                "written after the migration were {written:?}; after the rollback there are {kept:?}"
            ))
            .into());
        }
        let (shop, twin) = (shop.state()?, self.stage.twin()?.state()?);
        expect_equal(
            &twin,
            &shop,
            "after the rollback the shop is not like its twin",
        )?;
        let outcome = Outcome { shop, twin, kept };
        self.teller
            .say_with(|style| ending::comparison(&outcome, style));
        self.teller.facts(json!({
            "shop": state_json(&outcome.shop), "twin": state_json(&outcome.twin),
            "equal": outcome.shop == outcome.twin,
            "kept": { "customers": outcome.kept.names, "orders": outcome.kept.orders },
        }));
        Ok(outcome)
    }

    fn show(&self, file: &str, text: &str) {
        let path = format!("migrations/{MIGRATION}/{file}");
        self.teller.script(&path, text);
    }
}

fn expect_equal(before: &State, after: &State, what: &str) -> Result<(), Mismatch> {
    if before == after {
        return Ok(());
    }
    Err(Mismatch::state(format!(
        "{what}: {} and {}",
        state_json(before),
        state_json(after)
    )))
}

/// The verdict on the only migration, with the rows that differ.
fn rehearsal_facts(json: &Value) -> Value {
    let migration = &json["migrations"][0];
    let differences = migration["differences"].as_array();
    let data = differences
        .into_iter()
        .flatten()
        .find(|difference| difference["in"] == "data");
    json!({
        "verdict": migration["verdict"],
        "certified": migration["certified"],
        "rows_differ": data.map(|data| &data["changed"]),
        "samples": data.map(|data| &data["samples"]),
    })
}

fn state_json(state: &State) -> Value {
    json!({
        "fingerprint": state.fingerprint.strict,
        "tables": state.tables.iter().map(|(name, sum)| (name.clone(), json!(sum))).collect::<serde_json::Map<_, _>>(),
    })
}
