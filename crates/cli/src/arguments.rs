use std::path::PathBuf;

use clap::{Args, Parser, ValueEnum};
use tightrope_script::Format;

use crate::commands::Command;

/// Database migrations that you can walk back from.
///
/// No migration runs before its way back has been proven on a copy; once it has run, the way back stays open.
#[derive(Debug, Parser)]
#[command(
    name = "tightrope",
    version,
    max_term_width = 100,
    arg_required_else_help = true
)]
#[command(
    after_help = "Begin with `tightrope demo` (no server needed), or in a project with `tightrope init`.\n\
    Exit codes: 0 done, 1 error, 2 changes pending, 3 not proven, 4 refused, 5 lock or lease held, 6 unreachable, \
    7 interrupted, 8 rolled back by itself, 9 a person has to decide, 64 usage."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) options: Options,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands, before and after its name.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Options {
    /// The folder of migrations [default: `dir` of tightrope.toml, else ./migrations]
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(crate) dir: Option<PathBuf>,
    /// The database: postgres://user@host/name, sqlite://file or a file's path [default: TIGHTROPE_URL, else the
    /// target of tightrope.toml]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// A target of tightrope.toml
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "url")]
    pub(crate) target: Option<String>,
    /// The configuration [default: tightrope.toml here or in a folder above]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The folder's format, where it should not be found out: native, golang-migrate, flyway, sql-migrate, dbmate
    #[arg(long, global = true, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    /// One JSON document on stdout instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Do not ask, go on
    #[arg(long, short, global = true)]
    pub(crate) yes: bool,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
    /// Say nothing on stderr but errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    const PAGE: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/reference/commands.md"
    );

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    /// A command with only the options that are its own.
    fn own(command: &clap::Command, title: &str) -> clap::Command {
        let shared = |arg: &clap::Arg| arg.get_help_heading() == Some("Options of every command");
        let command = command.clone();
        let own = command.mut_args(|arg| if shared(&arg) { arg.hide(true) } else { arg });
        own.bin_name(title.to_owned())
            .disable_help_subcommand(true)
            .term_width(100)
    }

    /// The reference page: every command's help, the options that all share only once.
    fn page() -> String {
        let mut page = "# Commands\n\nEvery command with its help, as `tightrope help COMMAND` shows it. A test writes \
             this page: `UPDATE_DOCS=1 cargo test -p tightrope-cli`.\n"
            .to_owned();
        let mut root = Arguments::command().term_width(100);
        let mut section = |title: &str, command: &mut clap::Command| {
            let help = command.render_long_help().to_string();
            let lines: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
            page.push_str(&format!(
                "\n## {title}\n\n```text\n{}\n```\n",
                lines.join("\n")
            ));
        };
        section("tightrope", &mut root);
        let commands: Vec<clap::Command> = root.get_subcommands().cloned().collect();
        for command in commands
            .into_iter()
            .filter(|command| command.get_name() != "help")
        {
            let title = format!("tightrope {}", command.get_name());
            section(&title, &mut own(&command, &title));
            for below in command.get_subcommands() {
                let title = format!("{title} {}", below.get_name());
                section(&title, &mut own(below, &title));
            }
        }
        page
    }

    #[test]
    fn the_reference_is_up_to_date() {
        let page = page();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(PAGE, &page).unwrap();
        }
        let written = std::fs::read_to_string(PAGE).unwrap_or_default();
        assert!(
            written == page,
            "docs/reference/commands.md has drifted: run with UPDATE_DOCS=1"
        );
    }
}
