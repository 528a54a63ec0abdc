use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Attribute, AttributeLevel, Catalog, Object, ObjectId, ObjectKind};
use crate::Verdict;
use crate::words::cut_where_they_differ;

/// How one object differs between two catalogs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Change {
    /// It was not there.
    Added,
    /// It is gone.
    Removed,
    /// One attribute is different; an attribute that is left out is at its default.
    Attribute {
        /// Which one.
        name: String,
        /// What the difference is worth.
        level: AttributeLevel,
        /// The value before.
        before: Option<String>,
        /// The value now.
        after: Option<String>,
    },
}

/// One difference between two catalogs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The object.
    pub object: ObjectId,
    /// What is different about it.
    #[serde(flatten)]
    pub change: Change,
}

impl Difference {
    /// What the difference is worth: added and removed objects are logical.
    pub fn level(&self) -> AttributeLevel {
        match &self.change {
            Change::Added | Change::Removed => AttributeLevel::Logical,
            Change::Attribute { level, .. } => *level,
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let object = &self.object;
        match &self.change {
            Change::Added => write!(f, "{object} was not there before"),
            Change::Removed => write!(f, "{object} is missing"),
            Change::Attribute { name, level, .. } if *level != AttributeLevel::Logical => {
                let name = name.replace('_', " ");
                match level {
                    AttributeLevel::Position => write!(f, "{object} stands in another place"),
                    AttributeLevel::Letter => write!(
                        f,
                        "{object}: its {name} is written differently (white space or quoting), and means the same"
                    ),
                    _ => write!(
                        f,
                        "{object}: its {name} is written differently, and means the same"
                    ),
                }
            }
            Change::Attribute {
                name,
                before,
                after,
                ..
            } => {
                let name = name.replace('_', " ");
                let text = |value: &Option<String>| value.as_deref().map(one_line);
                match (text(before), text(after)) {
                    (None, Some(after)) => {
                        write!(f, "{object}: {name} is {}, was not set", cut(&after))
                    }
                    (Some(before), None) => {
                        write!(f, "{object}: {name} is not set, was {}", cut(&before))
                    }
                    (before, after) if before == after => {
                        write!(f, "{object}: {name} differs in white space only")
                    }
                    (before, after) => {
                        let (before, after) =
                            (before.unwrap_or_default(), after.unwrap_or_default());
                        let (before, after) = cut_where_they_differ(&before, &after, LONGEST);
                        write!(f, "{object}: {name} is {after}, was {before}")
                    }
                }
            }
        }
    }
}

/// How much of a value is shown.
const LONGEST: usize = 120;

fn one_line(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn cut(line: &str) -> String {
    cut_where_they_differ(line, "", LONGEST).0
}

/// All differences between two catalogs: what means something else first, then what is only written or placed differently,
/// each in the order of the objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Differences(Vec<Difference>);

impl Differences {
    /// Whether the catalogs are strictly equal.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Each difference.
    pub fn iter(&self) -> impl Iterator<Item = &Difference> {
        self.0.iter()
    }

    /// The differences in words for people: the positions of a table's columns are one line.
    pub fn in_words(&self) -> Vec<String> {
        differences_in_words(self.iter())
    }

    /// The verdict on a schema with these differences: the worst of them decides.
    pub fn verdict(&self) -> Verdict {
        match self
            .0
            .iter()
            .map(|difference| rank(difference.level()))
            .max()
        {
            None => Verdict::Exact,
            Some(0) => Verdict::ColumnOrder,
            Some(1) => Verdict::TextOnly,
            Some(_) => Verdict::SchemaDiffers,
        }
    }
}

/// Differences in words for people: the positions of a table's columns are one line, where its first one stood.
pub fn differences_in_words<'d>(
    differences: impl IntoIterator<Item = &'d Difference>,
) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut moved: Vec<(ObjectId, usize, usize)> = Vec::new();
    for difference in differences {
        let ObjectId { kind, path } = &difference.object;
        let is_column = *kind == ObjectKind::Column && path.len() > 1;
        if !(is_column && difference.level() == AttributeLevel::Position) {
            lines.push(difference.to_string());
            continue;
        }
        let table = difference.object.table_of_column();
        match moved.iter_mut().find(|(of, ..)| *of == table) {
            Some((_, columns, _)) => *columns += 1,
            None => {
                moved.push((table, 1, lines.len()));
                lines.push(difference.to_string());
            }
        }
    }
    for (table, columns, line) in moved.into_iter().filter(|(_, columns, _)| *columns > 1) {
        lines[line] = format!("{table}: {columns} columns stand in another order");
    }
    lines
}

fn rank(level: AttributeLevel) -> u8 {
    match level {
        AttributeLevel::Position | AttributeLevel::Fact => 0,
        AttributeLevel::Text | AttributeLevel::Letter => 1,
        AttributeLevel::Logical => 2,
    }
}

pub(super) fn between(before: &Catalog, now: &Catalog) -> Differences {
    let mut differences = Vec::new();
    for old in before.objects() {
        match now.object(&old.id) {
            None => differences.push(Difference {
                object: old.id.clone(),
                change: Change::Removed,
            }),
            Some(new) => attributes_between(old, new, &mut differences),
        }
    }
    for new in now.objects() {
        if before.object(&new.id).is_none() {
            differences.push(Difference {
                object: new.id.clone(),
                change: Change::Added,
            });
        }
    }
    differences.sort_by(|left, right| {
        rank(right.level())
            .cmp(&rank(left.level()))
            .then_with(|| left.object.cmp(&right.object))
    });
    Differences(drop_explained_letters(drop_parts_of_whole_objects(
        differences,
    )))
}

/// Where an object or a part of it means something else, its text had to change too: that is not said twice.
fn drop_explained_letters(differences: Vec<Difference>) -> Vec<Difference> {
    let explained = |letter: &Difference| {
        differences.iter().any(|other| {
            other.level() != AttributeLevel::Letter
                && (other.object == letter.object
                    || other.object.kind.is_part()
                        && letter.object.kind.has_parts()
                        && other.object.path.starts_with(&letter.object.path))
        })
    };
    differences
        .iter()
        .filter(|difference| difference.level() != AttributeLevel::Letter || !explained(difference))
        .cloned()
        .collect()
}

fn attributes_between(old: &Object, new: &Object, differences: &mut Vec<Difference>) {
    let mut names: Vec<&String> = old.attributes.keys().chain(new.attributes.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        let (before, after) = (old.attributes.get(name), new.attributes.get(name));
        if before.map(Attribute::strict_value) == after.map(Attribute::strict_value) {
            continue;
        }
        let declared = before
            .or(after)
            .map_or(AttributeLevel::Logical, |attribute| attribute.level);
        if declared == AttributeLevel::Fact {
            continue;
        }
        let same_meaning =
            before.and_then(|a| a.logical_value()) == after.and_then(|a| a.logical_value());
        let level = match declared {
            AttributeLevel::Text if !same_meaning => AttributeLevel::Logical,
            level => level,
        };
        differences.push(Difference {
            object: old.id.clone(),
            change: Change::Attribute {
                name: name.clone(),
                level,
                before: before.map(|attribute| attribute.value.clone()),
                after: after.map(|attribute| attribute.value.clone()),
            },
        });
    }
}

/// A table that came or went says it all: its columns, constraints and the like are not listed again.
fn drop_parts_of_whole_objects(differences: Vec<Difference>) -> Vec<Difference> {
    let whole: Vec<(Vec<String>, bool)> = differences
        .iter()
        .filter(|difference| difference.object.kind.has_parts())
        .filter_map(|difference| match difference.change {
            Change::Added => Some((difference.object.path.clone(), true)),
            Change::Removed => Some((difference.object.path.clone(), false)),
            Change::Attribute { .. } => None,
        })
        .collect();
    let is_part = |difference: &Difference| {
        let added = match difference.change {
            Change::Added => true,
            Change::Removed => false,
            Change::Attribute { .. } => return false,
        };
        whole.iter().any(|(path, whole_added)| {
            *whole_added == added
                && difference.object.path.len() > path.len()
                && difference.object.path.starts_with(path)
                && difference.object.kind.is_part()
        })
    };
    differences
        .iter()
        .filter(|difference| !is_part(difference))
        .cloned()
        .collect()
}

impl super::ObjectKind {
    /// Whether objects of this kind own columns, constraints, triggers and the like.
    fn has_parts(self) -> bool {
        matches!(
            self,
            Self::Table
                | Self::ForeignTable
                | Self::View
                | Self::MaterializedView
                | Self::VirtualTable
                | Self::Type
                | Self::Domain
        )
    }

    /// Whether objects of this kind stand below a table or view in their path.
    fn is_part(self) -> bool {
        matches!(
            self,
            Self::Column | Self::Constraint | Self::Trigger | Self::Rule | Self::Policy
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, position: &str) -> Object {
        Object::new(ObjectId::new(ObjectKind::Column, ["public", "t", name]))
            .with("type", AttributeLevel::Logical, "integer")
            .with("position", AttributeLevel::Position, position)
    }

    fn table() -> Object {
        Object::new(ObjectId::new(ObjectKind::Table, ["public", "t"]))
    }

    fn catalog(objects: impl IntoIterator<Item = Object>) -> Catalog {
        Catalog::new(objects, Vec::new())
    }

    #[test]
    fn a_table_that_went_is_one_difference() {
        let before = catalog([table(), column("a", "1"), column("b", "2")]);
        let differences = before.differences(&catalog([]));
        let shown: Vec<String> = differences.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["table t is missing"]);
        assert_eq!(differences.verdict(), Verdict::SchemaDiffers);
    }

    #[test]
    fn another_position_is_column_order_only() {
        let before = catalog([table(), column("a", "1"), column("b", "2")]);
        let after = catalog([table(), column("a", "2"), column("b", "1")]);
        assert_eq!(before.differences(&after).verdict(), Verdict::ColumnOrder);
        assert_eq!(before.differences(&before).verdict(), Verdict::Exact);
    }

    #[test]
    fn another_letter_is_text_only_and_silent_where_the_meaning_differs() {
        let lettered = |text: &str| table().with("text", AttributeLevel::Letter, text);
        let before = catalog([lettered("create table t (a)"), column("a", "1")]);
        let text = before.differences(&catalog([lettered("CREATE TABLE T (b)"), column("a", "1")]));
        assert_eq!((text.len(), text.verdict()), (1, Verdict::TextOnly));
        let column_too = before.differences(&catalog([lettered("create table t (b)")]));
        assert_eq!(
            column_too
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
            ["column t.a is missing"]
        );
    }

    #[test]
    fn what_means_something_else_comes_first_and_positions_are_summed_up() {
        let before = catalog([
            table().with("text", AttributeLevel::Letter, "create table t (a, b)"),
            column("a", "1"),
            column("b", "2"),
        ]);
        let moved = [
            table().with("text", AttributeLevel::Letter, "create table t (b,a)"),
            column("a", "2"),
            column("b", "1"),
        ];
        assert_eq!(
            before.differences(&catalog(moved.clone())).in_words(),
            ["table t: 2 columns stand in another order"]
        );
        let index = Object::new(ObjectId::new(ObjectKind::Index, ["public", "i"]));
        let more = catalog(moved.into_iter().chain([index]));
        assert_eq!(
            before.differences(&more).in_words(),
            [
                "index i was not there before",
                "table t: 2 columns stand in another order"
            ]
        );
    }

    #[test]
    fn another_letter_reads_as_what_it_is() {
        let lettered = |text: &str| catalog([table().with("text", AttributeLevel::Letter, text)]);
        let differences =
            lettered("create table t (a)").differences(&lettered("create  table t(a)"));
        assert_eq!(
            differences.in_words(),
            [
                "table t: its text is written differently (white space or quoting), and means the same"
            ]
        );
    }

    #[test]
    fn text_that_means_the_same_is_text_only() {
        let view = |text: &str| {
            catalog([
                Object::new(ObjectId::new(ObjectKind::View, ["public", "v"])).with(
                    "definition",
                    AttributeLevel::Text,
                    text,
                ),
            ])
        };
        let before = view("select 1");
        assert_eq!(
            before.differences(&view("SELECT 1")).verdict(),
            Verdict::TextOnly
        );
        assert_eq!(
            before.differences(&view("select 2")).verdict(),
            Verdict::SchemaDiffers
        );
        assert_eq!(
            before
                .differences(&view("select 2"))
                .iter()
                .next()
                .unwrap()
                .to_string(),
            "view v: definition is select 2, was select 1"
        );
    }

    #[test]
    fn white_space_that_counts_is_called_so() {
        let comment = |text: &str| {
            catalog([
                Object::new(ObjectId::new(ObjectKind::Table, ["public", "t"])).with(
                    "comment",
                    AttributeLevel::Logical,
                    text,
                ),
            ])
        };
        let differences = comment("a  b").differences(&comment("a b"));
        let shown: Vec<String> = differences.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["table t: comment differs in white space only"]);
        assert_eq!(differences.verdict(), Verdict::SchemaDiffers);
    }
}
