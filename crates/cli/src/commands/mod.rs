//! The commands, one file each: `Args` is the help, `run` parses, calls the library and renders.

mod apply;
mod backup;
mod changes;
mod check;
mod copy;
mod demo;
mod derived;
mod drill;
mod init;
mod log;
mod new;
mod plan;
mod quarantine;
mod rehearse;
mod restore;
mod review;
mod rollback;
mod seal;
mod status;
mod watch;
mod workload;

use clap::Subcommand;

use crate::context::Context;
use crate::errors::CommandError;
use crate::exit::Exit;

/// The commands; to add one takes a file, a line here and a line in [`run`].
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(demo::Args),
    Init(init::Args),
    New(new::Args),
    Check(check::Args),
    Plan(plan::Args),
    Rehearse(rehearse::Args),
    Apply(apply::Args),
    Watch(watch::Args),
    Rollback(rollback::Args),
    Status(status::Args),
    Quarantine(quarantine::Args),
    Seal(seal::Args),
    Log(log::Args),
    Backup(backup::Args),
    Restore(restore::Args),
    Drill(drill::Args),
    Copy(copy::Args),
    Review(review::Args),
    Workload(workload::Args),
}

/// Carries a command out.
pub(crate) fn run(command: &Command, context: &Context) -> Result<Exit, CommandError> {
    match command {
        Command::Demo(args) => demo::run(args, context),
        Command::Init(args) => init::run(args, context),
        Command::New(args) => new::run(args, context),
        Command::Check(args) => check::run(args, context),
        Command::Plan(args) => plan::run(args, context),
        Command::Rehearse(args) => rehearse::run(args, context),
        Command::Apply(args) => apply::run(args, context),
        Command::Watch(args) => watch::run(args, context),
        Command::Rollback(args) => rollback::run(args, context),
        Command::Status(args) => status::run(args, context),
        Command::Quarantine(args) => quarantine::run(args, context),
        Command::Seal(args) => seal::run(args, context),
        Command::Log(args) => log::run(args, context),
        Command::Backup(args) => backup::run(args, context),
        Command::Restore(args) => restore::run(args, context),
        Command::Drill(args) => drill::run(args, context),
        Command::Copy(args) => copy::run(args, context),
        Command::Review(args) => review::run(args, context),
        Command::Workload(args) => workload::run(args, context),
    }
}

/// A version on the command line.
fn version(text: &str) -> Result<tightrope_model::Version, String> {
    match text.trim() {
        "" => Err("a version is needed".to_owned()),
        text => Ok(tightrope_model::Version::new(text)),
    }
}

/// A reason on the command line: it goes on the record.
fn reason(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("the reason goes on the record and cannot be empty".to_owned()),
        text => Ok(text.to_owned()),
    }
}
