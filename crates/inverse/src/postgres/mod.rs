//! The derived rollback for PostgreSQL.
//!
//! [`survey`] puts the two catalogs side by side and sees through renames; [`fates`] decides what goes, what is changed in
//! place and which tables are built anew; [`plan`] writes the steps: [`clear`] drops last things first, [`rebuild`] (or
//! [`stand_in`]) and [`shape`] give tables their columns back, [`renames`] the names, and the rest is made again in the [`order`] in which it
//! was needed. How an object of a kind is written is one file in [`kinds`]; what is written for all kinds alike is in
//! [`finishing`].
//!
//! The statements hold under any `search_path`: every name outside `pg_catalog` carries its schema.

mod acl;
mod arrays;
mod clear;
mod composite;
mod fates;
mod finishing;
mod hidden;
mod kind;
mod kinds;
mod names;
mod order;
mod plan;
mod quote;
mod rebuild;
mod reference;
mod registry;
mod renames;
mod shape;
mod stand_in;
mod survey;

pub(crate) use plan::derive;
pub use stand_in::can_stand_in;
