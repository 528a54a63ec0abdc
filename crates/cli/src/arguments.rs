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
    7 interrupted, 64 usage."
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
