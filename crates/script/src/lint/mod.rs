//! The lint: looks at a folder as a reviewer would. One rule, one file.

use tightrope_model::{EngineKind, Finding};

use crate::Folder;

/// A rule of the lint.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its name in kebab-case.
    pub name: &'static str,
}

/// All rules.
pub const RULES: &[Rule] = &[];

/// Looks at every migration of a folder with every rule.
pub fn lint(_folder: &Folder, _dialect: EngineKind) -> Vec<Finding> {
    Vec::new()
}
