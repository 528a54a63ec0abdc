//! Backups, proofs, restores and drills by the binary, on real databases of both engines.
#![expect(clippy::unwrap_used, reason = "these are tests")]

mod adopted;
mod adopted_commands;
mod adopted_killed;
mod adopted_physical;
mod bucket;
mod changes;
mod changes_gaps;
mod changes_in_a_bucket;
mod changes_in_order;
mod changes_killed;
mod changes_misfits;
mod changes_renamed;
mod copied;
mod copies;
mod credentials;
mod damage;
mod drills;
mod encrypted;
mod gate;
mod interrupted;
mod keys;
mod killed;
mod life;
mod masked;
mod newest;
mod other_system;
mod physical;
mod physical_copies;
mod physical_damage;
mod places;
mod room;
mod sampled;
mod selected_at_random;
mod shop;
mod stage;
#[path = "../crash/killed.rs"]
mod stopped;
mod tables;

/// Makes a test of each function for both engines.
macro_rules! on_both_engines {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[test] fn $name() { super::$name(&crate::stage::Stage::sqlite()); })*
        }
        mod postgres {
            $(#[test] fn $name() { super::$name(&crate::stage::Stage::postgres()); })*
        }
    };
}

pub(crate) use on_both_engines;
