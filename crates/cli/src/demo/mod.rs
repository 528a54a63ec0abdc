//! The story that `tightrope demo` tells: real commands on a real, throw-away shop.
//!
//! Every command is this very program, run as a child process the way a person would run it; what it says is shown as it
//! comes, and every claim of the story is checked against it. Between the commands the demo writes to the shop as its
//! application would, and measures it with the engine's own fingerprint and checksums.
//!
//! **Invariant:** nothing outside the demo's own folder and its own scratch database is touched, and no result is written
//! down beforehand: a step that does not go as told ends the demo with an error.

mod call;
mod dialect;
mod ending;
mod folder;
mod mismatch;
mod shop;
mod stage;
mod story;
mod teller;

pub(crate) use story::tell;
