use std::fmt;

use serde::{Deserialize, Serialize};

use super::{AttributeLevel, Catalog, Object, ObjectId};
use crate::Verdict;

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
            Change::Attribute {
                name,
                before,
                after,
                ..
            } => {
                let name = name.replace('_', " ");
                match (before, after) {
                    (None, Some(after)) => {
                        write!(f, "{object}: {name} is {}, was not set", shown(after))
                    }
                    (Some(before), None) => {
                        write!(f, "{object}: {name} is not set, was {}", shown(before))
                    }
                    (before, after) => {
                        let before = before.as_deref().unwrap_or("");
                        let after = after.as_deref().unwrap_or("");
                        match shown_from_where_they_differ(before, after) {
                            None => write!(f, "{object}: {name} differs in white space only"),
                            Some((before, after)) => {
                                write!(f, "{object}: {name} is {after}, was {before}")
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The most characters of a value that are shown.
const LONGEST: usize = 120;

/// How much of what two long values have in common is shown before they part.
const LEAD: usize = 30;

fn one_line(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A value on one line, cut where it gets long.
fn shown(value: &str) -> String {
    cut(&one_line(value))
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(LONGEST) {
        None => line.to_owned(),
        Some((end, _)) => format!("{}…", &line[..end]),
    }
}

/// Two values on one line each; long ones begin shortly before the place where they part, which is what one wants to
/// see. None if they are the same on one line.
fn shown_from_where_they_differ(before: &str, after: &str) -> Option<(String, String)> {
    let (before_line, after_line) = (one_line(before), one_line(after));
    if before_line == after_line {
        return (before == after).then_some((before_line, after_line));
    }
    let is_long = |line: &str| line.chars().count() > LONGEST;
    let common: Vec<usize> = before_line
        .char_indices()
        .zip(after_line.chars())
        .take_while(|((_, before), after)| before == after)
        .map(|((at, _), _)| at)
        .collect();
    let start = match common.len().checked_sub(LEAD) {
        Some(skipped) if skipped > 0 && (is_long(&before_line) || is_long(&after_line)) => {
            common[skipped]
        }
        _ => 0,
    };
    let shown = |line: &str| {
        let rest = cut(&line[start..]);
        if start == 0 {
            rest
        } else {
            format!("…{rest}")
        }
    };
    Some((shown(&before_line), shown(&after_line)))
}

/// All differences between two catalogs, in the order of the objects.
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

fn rank(level: AttributeLevel) -> u8 {
    match level {
        AttributeLevel::Position => 0,
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
    differences.sort_by(|left, right| left.object.cmp(&right.object));
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
        if before.map(|a| &a.value) == after.map(|a| &a.value) {
            continue;
        }
        let declared = before
            .or(after)
            .map_or(AttributeLevel::Logical, |attribute| attribute.level);
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
    use crate::ObjectKind;

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
    fn long_values_are_shown_where_they_part() {
        let check = |before: &str, after: &str, expect: Option<(&str, &str)>| {
            let expect = expect.map(|(before, after)| (before.to_owned(), after.to_owned()));
            assert_eq!(super::shown_from_where_they_differ(before, after), expect);
        };
        check("a  b", "a c", Some(("a b", "a c")));
        check("a,\n  b", "a, b", None);
        let long = "é".repeat(200);
        check(
            &format!("{long}1{long}"),
            &format!("{long}2"),
            Some((
                &format!("…{}1{}…", "é".repeat(30), "é".repeat(89)),
                &format!("…{}2", "é".repeat(30)),
            )),
        );
        check(
            &long,
            &format!("{long}x"),
            Some((
                &format!("…{}", "é".repeat(30)),
                &format!("…{}x", "é".repeat(30)),
            )),
        );
    }
}
