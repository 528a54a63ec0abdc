//! The net around a migration: what is kept before the forward script, what is written down after it, and how both lead back.
//!
//! `plan.rs` decides from what a run has really touched; `spread.rs` carries it out around a forward script and holds the
//! script to it; `back.rs` is the way back. The SQL is the engine's ([`tightrope_engine::Net`]).

mod back;
mod older;
mod plan;
mod spread;

pub use back::Way;
pub(crate) use back::{
    Back, BackStop, Returned, come_back, derived_script, fill_of, gauge, one_line,
};
pub(crate) use older::{resume_older, suspend_older, taken_over_by};
pub use spread::OutsideThePlan;
pub(crate) use spread::{LookStop, look, open_window, outside, plan_of, spread};

use tightrope_inverse::Rename;
use tightrope_model::{EngineKind, ObjectId, ObjectKind};
use tightrope_script::Parsed;

/// The renames that a script's statements tell, for engines that do not number their objects: names without a schema, which
/// name nothing where there are schemas.
pub(crate) fn renames_of(parsed: &Parsed, _dialect: EngineKind) -> Vec<Rename> {
    let id = |path: &[String]| {
        let kind = match path.len() {
            1 => ObjectKind::Table,
            _ => ObjectKind::Column,
        };
        ObjectId::new(kind, path.to_vec())
    };
    let told = tightrope_script::renames(parsed).into_iter();
    told.map(|told| Rename {
        before: id(&told.before),
        after: id(&told.after),
    })
    .collect()
}
