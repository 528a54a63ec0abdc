//! The net around a migration: what is kept before the forward script, what is written down after it, and how both lead back.
//!
//! `plan.rs` decides from what a run has really touched; `spread.rs` carries it out around a forward script and holds the
//! script to it; `back.rs` is the way back. The SQL is the engine's ([`tightrope_engine::Net`]).

mod back;
mod fill_names;
mod foreign;
mod forward;
mod in_steps;
mod older;
mod parts;
mod plan;
mod room;
mod sequences;
mod set_aside;
mod spread;

pub use back::Way;
pub(crate) use back::{Back, BackStop, Returned, come_back, derived_script, gauge, one_line};
pub(crate) use fill_names::{bad_fill, fill_of, unknown_fill};
pub(crate) use foreign::Foreign;
pub(crate) use forward::{bring_images, partitioned_gives_way};
pub use in_steps::NoNet;
pub(crate) use in_steps::{no_net, takes_values};
pub(crate) use older::{resume_older, stands_on_older, suspend_older, taken_over_by};
pub use room::NoRoom;
pub(crate) use room::room;
pub(crate) use sequences::{moved, sequences, undo_moves};
pub(crate) use set_aside::{SetAside, mark as mark_set_aside, replace, replaced};
pub use spread::OutsideThePlan;
pub(crate) use spread::{LookStop, look, open_window, outside, plan_of, spread};

use tightrope_inverse::Rename;
use tightrope_model::{ObjectId, ObjectKind};
use tightrope_script::Parsed;

/// The renames that a script's statements tell, for engines that do not number their objects.
///
/// Where it does, its objects have longer names (with a schema) than statements tell here, and none is found.
pub(crate) fn renames_of(parsed: &Parsed) -> Vec<Rename> {
    let renamed = tightrope_script::renames(parsed).into_iter();
    renamed
        .map(|renamed| {
            let kind = match renamed.before.len() {
                1 => ObjectKind::Table,
                _ => ObjectKind::Column,
            };
            Rename {
                before: ObjectId::new(kind, renamed.before),
                after: ObjectId::new(kind, renamed.after),
            }
        })
        .collect()
}
