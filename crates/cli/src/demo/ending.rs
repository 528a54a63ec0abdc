//! How the story ends: what was compared, and what to do next.

use serde_json::json;
use tightrope_model::grouped;
use tightrope_report::Style;

use super::stage::{Kept, VARIABLE};
use super::story::Outcome;
use super::teller::Teller;

/// The shop and its twin, side by side.
pub(super) fn comparison(outcome: &Outcome, style: &Style) -> String {
    let verdict = |equal| if equal { "equal" } else { "differs" };
    let row = |what: &str, rows: &str, shop: &str, twin: &str| {
        format!(
            "{what:<10}{rows:>7}  {shop:<26}{twin:<26}{}",
            verdict(shop == twin)
        )
    };
    let (shop, twin) = (&outcome.shop, &outcome.twin);
    let head = format!("{:<10}{:>7}  {:<26}{}", "", "rows", "the shop", "the twin");
    let mut lines = vec![
        style.faint(&head),
        row(
            "schema",
            "",
            &shop.fingerprint.to_string(),
            &twin.fingerprint.to_string(),
        ),
    ];
    for ((table, here), (_, there)) in shop.tables.iter().zip(&twin.tables) {
        lines.push(row(table, &grouped(here.rows), &here.first, &there.first));
    }
    lines.push(String::new());
    lines.push(format!(
        "The twin never migrated. Whoever looks at the two cannot tell which one did:\n\
         schema and checksums of every row are equal, with {} orders and {} customers\n\
         who came in between, under their whole names:\n  {}",
        outcome.kept.orders,
        outcome.kept.names.len(),
        outcome.kept.names.join(", ")
    ));
    lines.join("\n")
}

/// Ends the story.
pub(super) fn end(teller: Teller, engine: &str, outcome: &Outcome, kept: Option<&Kept>) {
    let equal = outcome.shop == outcome.twin;
    let facts = json!({
        "engine": engine,
        "equal": equal,
        "folder": kept.map(|kept| &kept.folder),
        "database": kept.and_then(|kept| kept.database.as_ref()).map(|url| url.redacted()),
    });
    teller.end(facts, |style, milliseconds| {
        let customers = grouped(outcome.shop.rows("customers"));
        let took = format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100);
        let mut text = format!(
            "\n\n{}\n\
             \x20 what happened  A rollback that would have cost customers their names was\n\
             \x20                caught on a copy. The derived one brought every row back, and\n\
             \x20                kept all that was written since.\n\
             \x20 am I safe      Yes. Nothing ran unproven, the kill changed nothing, and of\n\
             \x20                {customers} customers none lost a letter. It was all checked.\n",
            style.bold(&format!("The end, after {took}")),
        );
        text += &next(kept);
        text
    });
}

fn next(kept: Option<&Kept>) -> String {
    let Some(kept) = kept else {
        return "\x20 next           tightrope demo --keep       the same, and the shop stays\n\
                \x20                tightrope init              begin in a project of your own\n\
                \x20                tightrope review --dir migrations --url postgres://…\n\
                \x20                                            do your rollbacks work?\n"
            .to_owned();
    };
    let mut commands = vec![format!("cd {}", kept.folder.display())];
    commands.extend(search_path());
    if let Some(url) = &kept.database {
        commands.push(format!("export {VARIABLE}='{}'", url.redacted()));
    }
    commands.extend([
        "tightrope log        what has happened here".to_owned(),
        "tightrope plan       what would run, and the ways back".to_owned(),
        "tightrope apply      forward again".to_owned(),
    ]);
    let mut text = "  next           The shop is yours to play with:\n".to_owned();
    for command in commands {
        text += &format!("                 {command}\n");
    }
    text += match &kept.database {
        Some(_) => "                 Drop the database and the folder when you are done.\n",
        None => "                 Remove the folder when you are done.\n",
    };
    text
}

/// What makes the shell find this program, where it does not by itself.
fn search_path() -> Option<String> {
    let program = std::env::current_exe().ok()?;
    let (folder, name) = (program.parent()?, program.file_name()?);
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let is_found = std::env::split_paths(&folders).any(|folder| folder.join(name).is_file());
    (!is_found).then(|| format!("export PATH=\"$PATH:{}\"", folder.display()))
}
