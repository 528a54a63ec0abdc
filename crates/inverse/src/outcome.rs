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
            Self::Clear => "what the migration made, and what stands in the way, goes",
            Self::Reshape => "tables get their shape back",
            Self::Restore => "what hangs on them comes back",
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

/// What stands above every script.
const HEADER: &str = "\
-- derived rollback: computed from the schema before the migration and after it.
-- values and rows of before come back from the net; without it, what was
-- dropped comes back empty.
";

impl Inverse {
    /// The statements as a script that a person can review: what is not exact first, then phase by phase.
    pub fn script(&self) -> String {
        let mut script = HEADER.to_owned();
        for loss in &self.losses {
            let text = format!(
                "not exact: {}: {} ({})",
                loss.object, loss.reason, loss.lost
            );
            comment(&mut script, &text);
        }
        if self.steps.is_empty() {
            comment(
                &mut script,
                "there is nothing to take back: the schema is that of before.",
            );
        }
        for phase in [Phase::Clear, Phase::Reshape, Phase::Restore] {
            let mut after_long = false;
            for (number, step) in self.phase(phase).enumerate() {
                let is_long = step.comment.is_some() || step.sql.contains('\n');
                if number == 0 {
                    script.push('\n');
                    comment(&mut script, phase.heading());
                } else if is_long || after_long {
                    script.push('\n');
                }
                comment(&mut script, step.comment.as_deref().unwrap_or_default());
                script.push_str(step.sql.trim_end());
                script.push_str(";\n");
                after_long = is_long;
            }
        }
        script
    }

    /// The statements of one phase.
    pub fn phase(&self, phase: Phase) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(move |step| step.phase == phase)
    }
}

fn comment(script: &mut String, text: &str) {
    for line in text.lines() {
        script.push_str("-- ");
        script.push_str(line);
        script.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tightrope_model::ObjectKind;

    #[test]
    fn a_script_reads_phase_by_phase() {
        let step = |phase, sql: &str, comment: Option<&str>| Step {
            phase,
            about: ObjectId::new(ObjectKind::Table, ["public", "t"]),
            sql: sql.to_owned(),
            comment: comment.map(str::to_owned),
        };
        let inverse = Inverse {
            steps: vec![
                step(Phase::Clear, "drop index a", None),
                step(Phase::Clear, "drop index b", None),
                step(
                    Phase::Reshape,
                    "create table new (\n  id integer\n)",
                    Some("built anew"),
                ),
                step(Phase::Reshape, "drop table t", None),
                step(Phase::Restore, "create index c on t (id)", None),
            ],
            losses: vec![Loss {
                object: ObjectId::new(ObjectKind::Extension, ["hstore"]),
                reason: "not installed".to_owned(),
                lost: "the extension".to_owned(),
            }],
            rebuilt: Vec::new(),
        };
        let expect = "\
-- not exact: extension hstore: not installed (the extension)

-- what the migration made, and what stands in the way, goes
drop index a;
drop index b;

-- tables get their shape back
-- built anew
create table new (
  id integer
);

drop table t;

-- what hangs on them comes back
create index c on t (id);
";
        assert_eq!(inverse.script(), format!("{HEADER}{expect}"));
        let nothing = Inverse::default().script();
        assert!(
            nothing.ends_with("the schema is that of before.\n"),
            "{nothing}"
        );
    }
}
