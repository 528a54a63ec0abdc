//! The tightrope command.
fn main() {}
