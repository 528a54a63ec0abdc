//! How the story ends: what was compared, and what to do next.

use serde_json::json;
use tightrope_report::Style;

use super::stage::{Kept, VARIABLE};
use super::story::Outcome;
use super::teller::Teller;

/// The table of before and after.
pub(super) fn comparison(outcome: &Outcome, style: &Style) -> String {
    let verdict = |equal| if equal { "equal" } else { "differs" };
    let row = |what: &str, rows: &str, before: &str, after: &str| {
        format!(
            "{what:<10}{rows:>7}  {before:<26}{after:<26}{}",
            verdict(before == after)
        )
    };
    let (before, after) = (&outcome.before, &outcome.after);
    let head = format!("{:<10}{:>7}  {:<26}{}", "", "rows", "before", "after");
    let mut lines = vec![
        style.faint(&head),
        row(
            "schema",
            "",
            &before.fingerprint.to_string(),
            &after.fingerprint.to_string(),
        ),
    ];
    for ((table, was), (_, is)) in before.tables.iter().zip(&after.tables) {
        lines.push(row(table, &was.rows.to_string(), &was.first, &is.first));
    }
    lines.push(String::new());
    lines.push(format!(
        "The checksums are over the rows of before. The {} customers and {} orders written\n\
         since are kept; the customers have their whole names:\n  {}",
        outcome.kept.names.len(),
        outcome.kept.orders,
        outcome.kept.names.join(", ")
    ));
    lines.join("\n")
}

/// Ends the story.
pub(super) fn end(teller: Teller, engine: &str, outcome: &Outcome, kept: Option<&Kept>) {
    let equal = outcome.before == outcome.after;
    let facts = json!({
        "engine": engine,
        "equal": equal,
        "folder": kept.map(|kept| &kept.folder),
        "database": kept.and_then(|kept| kept.database.as_ref()).map(|url| url.redacted()),
    });
    teller.end(facts, |style, milliseconds| {
        let lost = outcome.before.rows("customers");
        let mut text = format!(
            "\n\n{}\n\
             \x20 what happened  a rollback that would have cost customers their names was caught\n\
             \x20                before it could; mended, it brought back schema and rows exactly\n\
             \x20 am I safe      yes: nothing ran unproven, the kill changed nothing, and of {lost}\n\
             \x20                customers none lost a letter. All claims above were checked.\n",
            style.bold(&format!("The end, after {}.{} s.", milliseconds / 1_000, milliseconds % 1_000 / 100)),
        );
        text += &next(kept, style);
        text
    });
}

fn next(kept: Option<&Kept>, style: &Style) -> String {
    let Some(kept) = kept else {
        return "\x20 next           `tightrope demo --keep` leaves the shop to play with;\n\
                \x20                `tightrope init` begins in a project of your own;\n\
                \x20                `tightrope review --dir FOLDER --url URL` tries all the rollbacks\n\
                \x20                that you have, on a scratch database\n"
            .to_owned();
    };
    let mut commands = vec![format!("cd {}", kept.folder.display())];
    if let Some(url) = &kept.database {
        commands.push(format!("export {VARIABLE}='{}'", url.redacted()));
    }
    commands.extend(["tightrope log", "tightrope plan", "tightrope apply"].map(str::to_owned));
    let mut text = format!("\nThe shop is yours to play with. Try\n");
    for command in commands {
        text += &format!("  {}\n", style.bold(&command));
    }
    text += "Remove the folder when you are done";
    text += match &kept.database {
        Some(_) => ", and drop the database.\n",
        None => ".\n",
    };
    text
}
