use serde::{Deserialize, Serialize};
use tightrope_model::{ObjectId, TableName};

/// The steps back, and what they cannot bring back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inverse {
    /// The steps in the order in which they run; their phases never decrease.
    pub steps: Vec<Step>,
    /// What cannot be inverted exactly; empty if the schema comes back to the letter.
    pub losses: Vec<Loss>,
    /// Tables (by the name before) that are built anew from their rows and their source: their rows are merged by that.
    pub rebuilt: Vec<TableName>,
}

/// When a step runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// What the migration made, and what stands in the way, goes.
    Clear,
    /// Tables get their columns back.
    Reshape,
    /// Constraints, indexes, views, triggers and the like come back. Rows are merged before it.
    Restore,
}

/// One statement of the way back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// When it runs.
    pub phase: Phase,
    /// The object that it is about.
    pub about: ObjectId,
    /// The statement, without a semicolon at its end.
    pub sql: String,
    /// Why, for whoever reviews it; none where the statement says it.
    pub comment: Option<String>,
}

/// Something that no statement brings back exactly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// The object.
    pub object: ObjectId,
    /// Why it cannot be inverted.
    pub reason: String,
    /// What would be lost.
    pub lost: String,
}

impl Inverse {
    /// The statements as a script that a person can review.
    pub fn script(&self) -> String {
        let mut script = String::new();
        for loss in &self.losses {
            for line in format!(
                "not exact: {}: {} ({})",
                loss.object, loss.reason, loss.lost
            )
            .lines()
            {
                script.push_str("-- ");
                script.push_str(line);
                script.push('\n');
            }
        }
        if !script.is_empty() {
            script.push('\n');
        }
        for step in &self.steps {
            for line in step.comment.iter().flat_map(|comment| comment.lines()) {
                script.push_str("-- ");
                script.push_str(line);
                script.push('\n');
            }
            script.push_str(&step.sql);
            script.push_str(";\n");
        }
        script
    }

    /// The statements of one phase.
    pub fn phase(&self, phase: Phase) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(move |step| step.phase == phase)
    }
}
