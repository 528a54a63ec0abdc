use tightrope_lifecycle::{CopyOptions, Sampling, Selecting, copy_for_people};
use tightrope_selection::Share;

use crate::configuration::with_password;
use crate::context::Context;
use crate::errors::CommandError;
use crate::exit::Exit;
use crate::watching;

/// Make a copy for people: personal data masked, or a sample of the rows, or both, in a new database
///
/// What stands under `[targets.NAME.mask]` is put on while rows are copied: no value of a masked column is ever in the copy. With `--sample`
/// only so many rows are there, with all that they refer to. The target is only read, in one snapshot. The copy is made under another name,
/// and gets its own when it is whole; a database or a file that is there already is never touched.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tightrope copy --target production --to postgres://me@dev/shop_dev\n  \
    tightrope copy --target production --sample \"5 %\" --to postgres://me@dev/shop_small\n  \
    tightrope copy --url sqlite://shop.db --unmasked --rows 1000 --to sqlite://small.db"
)]
pub(crate) struct Args {
    /// The database that the copy becomes; it must not be there yet
    #[arg(long, value_name = "URL")]
    to: String,
    /// Only this share of every table, as in `5 %`; small tables are whole
    #[arg(long, value_name = "SHARE", value_parser = share)]
    sample: Option<Share>,
    /// Only about so many rows of every table
    #[arg(long, value_name = "ROWS", conflicts_with = "sample")]
    rows: Option<u64>,
    /// What decides which rows are picked: the same seed picks the same [default: another one each time]
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u32>,
    /// Copy although nothing is masked
    #[arg(long)]
    unmasked: bool,
}

fn share(text: &str) -> Result<Share, String> {
    Share::parse(text).map_err(|error| error.to_string())
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let configuration = context.configuration()?;
    let target = context.target(&configuration)?;
    let masks = target.masks.clone();
    let configured = target.copies.selecting.sample.clone();
    let project = context.project_on("copy", &configuration, target)?;
    let sample = match (args.sample, args.rows.map(Share::Rows)) {
        (Some(share), _) | (None, Some(share)) => {
            let said = configured.unwrap_or_else(|| Sampling::of(share));
            Some(Sampling { share, ..said })
        }
        (None, None) => None,
    };
    if args.seed.is_some() && sample.is_none() {
        return Err(CommandError::new(
            Exit::Usage,
            "`--seed` picks rows, and no sample is asked for",
        )
        .hint("say how much with `--sample` or `--rows`"));
    }
    let options = CopyOptions {
        to: with_password(&args.to),
        selecting: Selecting {
            sample: sample.map(|sample| Sampling {
                seed: args.seed.map(u64::from).or(sample.seed),
                ..sample
            }),
            ..match args.unmasked {
                true => Selecting::default(),
                false => masks,
            }
        },
        unmasked: args.unmasked,
    };
    let made = watching::watched(context.terminal, |watchers| {
        copy_for_people(&project, &options, watchers)
    })?;
    context.terminal.show(
        |style| tightrope_report::copy_made(&made, style),
        || tightrope_report::copy_made_json(&made),
    );
    Ok(Exit::Done)
}
