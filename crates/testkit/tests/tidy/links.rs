use std::path::Path;

use crate::tree::{self, File, Violation};

/// Links from page to page, or to a heading of one, that lead nowhere.
pub(crate) fn broken(file: &File) -> Vec<Violation> {
    if file.extension() != "md" {
        return Vec::new();
    }
    let mut fenced = false;
    let mut violations = Vec::new();
    for (number, line) in file.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            let broken = targets(line).filter(|target| !leads_somewhere(file, target));
            violations.extend(
                broken.map(|target| file.violation(number, format!("{target} leads nowhere"))),
            );
        }
    }
    violations
}

/// The targets of the links in a line: `[text](target)`, and `[name]: target`.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    let reference = line
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("]: "))
        .map(|(_, target)| target.trim());
    let inline = line.split("](").skip(1).filter_map(|rest| {
        let target = rest.split(')').next()?;
        target.split_whitespace().next()
    });
    inline.chain(reference)
}

fn leads_somewhere(file: &File, target: &str) -> bool {
    let target = target.trim_matches(['<', '>']);
    if target.contains("://") || target.starts_with("mailto:") {
        return true;
    }
    let (path, heading) = target.split_once('#').unwrap_or((target, ""));
    let folder = Path::new(&file.path).parent().unwrap();
    let page = if path.is_empty() {
        tree::root().join(&file.path)
    } else {
        tree::root().join(folder).join(path)
    };
    if !page.exists() {
        return false;
    }
    if heading.is_empty() || page.extension().is_none_or(|extension| extension != "md") {
        return true;
    }
    let text = std::fs::read_to_string(page).unwrap();
    text.lines()
        .any(|line| anchor(line).as_deref() == Some(heading))
}

/// What a heading is called in a link: lower-case words with dashes between.
fn anchor(line: &str) -> Option<String> {
    let heading = line.strip_prefix('#')?.trim_start_matches('#').trim();
    let kept = heading.chars().filter_map(|character| match character {
        ' ' | '-' => Some('-'),
        '_' => Some('_'),
        letter if letter.is_alphanumeric() => Some(letter),
        _ => None,
    });
    Some(kept.flat_map(char::to_lowercase).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::found;

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let check = |text, expect: &[&str]| {
            assert_eq!(found(broken, "crates/a.md", text), expect);
        };
        check("[a](../LICENSE-MIT), [b](https://example.org/x)", &[]);
        check(
            "[a](b.md) and [c](../LICENSE-MIT)",
            &["1: b.md leads nowhere"],
        );
        check("x\n[a]: ../nothing", &["2: ../nothing leads nowhere"]);
        check("```\n[a](b.md)\n```\n", &[]);
    }

    #[test]
    fn headings_are_called_by_their_words() {
        let check = |line, expect| assert_eq!(anchor(line).as_deref(), expect);
        check(
            "## The ways back, best first",
            Some("the-ways-back-best-first"),
        );
        check("# `apply` and `seal`", Some("apply-and-seal"));
        check("no heading", None);
    }
}
