//! The binary, run as a person would run it: these tests prove the wiring, and what a person gets to read.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

mod configuration;
mod errors;
mod fill;
mod foreign;
mod in_steps;
mod interruption;
mod life;
mod postgres;
mod scene;
