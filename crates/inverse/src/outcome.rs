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

impl Phase {
    fn heading(self) -> &'static str {
        match self {
            Self::Clear => "-- What the migration made, and what stands in the way, goes.\n\n",
            Self::Reshape => "-- Tables get their shape back.\n\n",
            Self::Restore => "-- What hangs on them comes back.\n\n",
        }
    }
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

impl Step {
    /// Whether the step is about something else than the one before it: another object, and another of its parts at most.
    fn begins_a_paragraph(&self, last: &Self) -> bool {
        let whole = |step: &Self| {
            let path = &step.about.path;
            path[..path.len().min(2)].to_vec()
        };
        let long = self.sql.contains('\n') || last.sql.contains('\n');
        self.about != last.about && (whole(self) != whole(last) || long)
    }
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
        let mut last: Option<&Step> = None;
        for step in &self.steps {
            if last.is_none_or(|last| last.phase != step.phase) {
                if last.is_some() {
                    script.push('\n');
                }
                script.push_str(step.phase.heading());
            } else if last.is_some_and(|last| step.begins_a_paragraph(last)) {
                script.push('\n');
            }
            for line in step.comment.iter().flat_map(|comment| comment.lines()) {
                script.push_str("-- ");
                script.push_str(line);
                script.push('\n');
            }
            script.push_str(&step.sql);
            script.push_str(";\n");
            last = Some(step);
        }
        script
    }

    /// The statements of one phase.
    pub fn phase(&self, phase: Phase) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(move |step| step.phase == phase)
    }
}
